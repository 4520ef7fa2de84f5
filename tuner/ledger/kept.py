"""Properties that a frozen dataclass with slots computes once. functools.cached_property is no choice here:
it needs a dictionary in every object, which is 1.5 KB more for each of thousands of trials.
"""

from collections.abc import Callable
from dataclasses import field
from typing import Any, Generic, TypeVar, overload

T = TypeVar("T")


class _Unset:
    """Stands in a slot whose value has not been computed yet. The class itself stands there and not an object
    of it, because copying and pickling leave a class the same.
    """


def slot() -> Any:
    """Declares the field `_NAME` of the dataclass, which keeps the value of the property NAME."""
    return field(default=_Unset, init=False, repr=False, compare=False)


class kept(Generic[T]):  # noqa: N801  # is used as a decorator, like property
    """A property that is computed when it is first read, and from then on taken from the field `_NAME`."""

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute, self._slot = compute, f"_{compute.__name__}"
        self.__doc__ = compute.__doc__

    @overload
    def __get__(self, owner: None, kind: type) -> "kept[T]": ...
    @overload
    def __get__(self, owner: object, kind: type) -> T: ...
    def __get__(self, owner: object, kind: type) -> "T | kept[T]":
        """The value, when read from an object; the property itself, when read from the class."""
        if owner is None:
            return self
        value = getattr(owner, self._slot)
        if value is _Unset:
            value = self._compute(owner)
            object.__setattr__(owner, self._slot, value)
        found: T = value
        return found
