"""Limits on the size of a spec, checked first, so that all later checks work on something short.

Checking costs more than reading: every wrong value becomes a sentence, and every unknown name is compared
with the known ones. Without these limits a text of 30 KB would take minutes.
"""

from collections.abc import Mapping
from typing import Any

from tuner.errors import MOST_FIELD_ERRORS, FieldError

MAX_VALUES = 10_000  # of a whole spec
MAX_LIST = 1_000  # values of one list, those of a temperature for instance
MAX_FIELDS = 100  # of one mapping
MAX_DEPTH = 20  # mappings and lists in one another


def too_large(given: object) -> list[FieldError]:
    """What is larger than a spec may be. It is not looked into, and after MAX_VALUES the search is over."""
    errors: list[FieldError] = []
    left = MAX_VALUES
    parts: list[tuple[tuple[str, ...], Any]] = [((), given)]
    while parts and len(errors) < MOST_FIELD_ERRORS:
        path, part = parts.pop()
        if not isinstance(part, Mapping | list | tuple):
            continue
        left -= len(part)
        most, what = (MAX_FIELDS, "fields") if isinstance(part, Mapping) else (MAX_LIST, "values")
        if len(part) > most:
            errors.append(FieldError(".".join(path), f"must have at most {most} {what}", str(len(part))))
        elif len(path) >= MAX_DEPTH:
            errors.append(FieldError(path[0], f"must be at most {MAX_DEPTH} deep"))
        elif left < 0:
            return [FieldError("", f"must have at most {MAX_VALUES} values")]
        else:
            inner = part.items() if isinstance(part, Mapping) else enumerate(part)
            parts += [((*path, str(name)), value) for name, value in reversed([*inner])]
    return errors
