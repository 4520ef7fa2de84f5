"""The console script: the local verbs of tuner/cli, and with them serve, keys, and the verbs against a
server.

What a verb needs is imported when it runs: the local ones start as fast as without these.
"""

from api.cli import exporting, keys, remote, serving
from tuner import cli as local
from tuner.cli import cli

__all__ = ["cli", "exporting", "keys", "main", "remote", "serving"]


def main() -> None:
    """The console script."""
    local.import_fast()
    local.main()
