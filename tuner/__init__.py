"""The search: studies of temperatures, run on Ray, kept in the ledger, shown in MLflow, judged by the
evidence.

`tuner.search` runs one from Python. It is imported when it is asked for, and torch with it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tuner.extras import sentence

if TYPE_CHECKING:
    from tuner.interface.search import search
    from tuner.interface.study import Study

__all__ = ["Study", "search"]

if not TYPE_CHECKING:  # a type checker would otherwise accept any name

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            return getattr(import_module(f"tuner.interface.{name.lower()}"), name)
        except ModuleNotFoundError as error:
            if said := sentence(f"tuner.{name}", error):
                raise ImportError(said) from error
            raise
