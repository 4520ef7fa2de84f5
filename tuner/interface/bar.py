"""The progress bar of a study, in a terminal or a notebook."""

import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import TqdmWarning

from tuner.interface.progress import Progress

_FORMAT = "{desc}: {percentage:3.0f} %|{bar}| [{elapsed}<{remaining}{postfix}]"


@contextmanager
def bar(name: str) -> Iterator[Callable[[Progress], None]]:
    """Gives a function that shows a study's progress while a block runs."""
    with warnings.catch_warnings():  # a notebook without ipywidgets gets a bar of characters
        warnings.simplefilter("ignore", TqdmWarning)
        from tqdm.auto import tqdm

        with tqdm(total=100.0, desc=name, bar_format=_FORMAT, leave=True) as shown:
            said = ""

            def show(progress: Progress) -> None:
                nonlocal said
                parts = [f"{progress.trials}/{progress.trials_total} trials", progress.stage]
                text = ", ".join([*filter(None, parts), *([f"best {progress.best}"] * bool(progress.best))])
                share = max(shown.n, 100 * progress.share)  # it stays where trials are added
                # Where it cannot be rewritten, in a log, it is written when there is news.
                if share != shown.n or text != said or sys.stderr.isatty():
                    said, shown.n = text, share
                    shown.set_postfix_str(text, refresh=True)

            yield show
