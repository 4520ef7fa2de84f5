"""Whether Triton's kernels can be used here."""

import logging
from functools import cache
from importlib import import_module
from types import ModuleType

_log = logging.getLogger(__name__)


@cache
def triton_kernels(name: str) -> ModuleType | None:
    """A module of kernels by its name in this folder, or None where triton is not installed: a warning says
    that formulas take the kernels' place.
    """
    try:
        return import_module(f"trainables.kernels.{name}")
    except ImportError as error:
        _log.warning("triton cannot be imported (%s): on this GPU, %s is a formula, and slower", error, name)
        return None
