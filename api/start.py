"""The console script: says which extra of the package a verb needs, where that is not installed."""

import sys

from tuner.extras import sentence


def main() -> None:
    """Runs the command line."""
    try:
        from api.cli import main as run

        run()
    except ModuleNotFoundError as error:
        said = sentence(" ".join(["tuner", *sys.argv[1:2]]), error)
        if said is None:
            raise
        sys.stderr.write(f"tuner: {said}\n")
        sys.exit(2)
