"""The text of errors in a spec: turns pydantic's errors into FieldErrors, in the words of a spec.

pydantic puts the branch of a union into an error's path ("list[constrained-float]", "Range") and speaks of
its own types; users know fields, numbers, lists and mappings. What our own validators raise (invalid.py)
keeps its text.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from trainables.errors import unknown
from tuner.errors import MOST_FIELD_ERRORS, FieldError, SpecError, shown
from tuner.spec.invalid import InvalidError
from tuner.spec.judging import BRANCHES
from tuner.spec.search import OF_SEARCHES, SEARCH_FIELDS, SEARCHES, fields_of

Path = tuple[str, ...]
_WHOLE = "must be a mapping of fields"
_TEXTS = {  # pydantic's types of error that have a sentence of their own here
    "missing": "is missing",
    "invalid_key": "a field's name must be text",
    "string_pattern_mismatch": "must be 1 to 64 letters, digits, spaces, '.', '_' or '-', and begin with a "
    "letter or digit",
    "model_type": _WHOLE,
    "model_attributes_type": _WHOLE,
    "dict_type": _WHOLE,
    "union_tag_not_found": f"is missing; it must be one of {', '.join(SEARCHES)}",
    "union_tag_invalid": f"must be one of {', '.join(SEARCHES)}",
}
_TEXTS_OF_LISTS = {  # where a list came, to which one is tempted
    "seeds": "must be a whole number: how many seeds there are, not which",
}
_TEXTS_OF_UNIONS = {  # of fields that take values of several kinds, where one of no such kind came
    "score": "must be best, last or {epoch: 10}",
    "confirm_seeds": "must be a whole number, how many fresh seeds there are, or {looks: [5, 10]}",
}
_OF_THE_KIND = ("greater_than_equal", "less_than_equal")  # errors of a value that is of a kind
_NOT_SHOWN = ("missing", "invalid_key", "string_pattern_mismatch", "union_tag_not_found")


def spec_error(error: ValidationError, fields: Sequence[str]) -> SpecError:
    """A pydantic error as a SpecError. `fields` are those of the spec itself."""
    names = {*fields, *SEARCH_FIELDS, *(name for part in BRANCHES.values() for name in part.model_fields)}
    complaints: dict[Path, Any] = {}
    for e in error.errors(include_url=False):
        # If several branches of a union fail, the first is reported.
        complaints.setdefault(_path(e, names), e)
    # Of two errors, about a field and about a part of it, the one about the part is reported.
    wholes = {path[:length] for path in complaints for length in range(len(path))}
    told = [(path, e) for path, e in complaints.items() if path not in wholes]
    worded = told[:MOST_FIELD_ERRORS]
    errors = [one for path, e in worded for one in _field_errors(path, e, fields)]
    return SpecError(errors, more=len(told) - len(worded))


def _path(e: Any, names: set[str]) -> Path:
    """An error's place as users know it: fields, and places in lists."""
    *place, last = e["loc"] or [None]
    if e["type"] == "extra_forbidden":
        own = [last]  # a name that no field has
    elif e["type"].startswith("union_tag"):
        own = [last, "strategy"]  # pydantic stops at the union: search
    else:
        own = [last] if isinstance(last, int) or last in names else []
    return tuple(str(part) for part in (*(p for p in place if isinstance(p, int) or p in names), *own))


def _field_errors(path: Path, e: Any, fields: Sequence[str]) -> list[FieldError]:
    name = ".".join(path)
    raised = e.get("ctx", {}).get("error")
    if isinstance(raised, InvalidError):
        return [
            FieldError(".".join(part for part in (name, one.field) if part), one.message, one.got)
            for one in raised.errors
        ]
    if e["type"] == "extra_forbidden":
        *place, last = e["loc"]
        if not place and last in OF_SEARCHES:
            return [FieldError(name, f"is not a field here; it is one of search: write search.{last}")]
        branch = next((BRANCHES[part] for part in place if part in BRANCHES), None)
        known = list(branch.model_fields) if branch else fields_of(tuple(place)) if place else fields
        return [FieldError(name, unknown(last, "a field", known, have="there are"))]
    message = _TEXTS.get(e["type"])
    came = e["ctx"]["tag"] if e["type"] == "union_tag_invalid" else e.get("input")
    if e["type"] in ("too_short", "too_long"):
        least, most = e["ctx"].get("min_length"), e["ctx"].get("max_length")
        message = f"must have at {f'least {least}' if most is None else f'most {most}'} values"
        came = e["ctx"]["actual_length"]
    if isinstance(came, list) and name in _TEXTS_OF_LISTS:
        message = _TEXTS_OF_LISTS[name]
    if e["type"] not in _OF_THE_KIND:
        message = _TEXTS_OF_UNIONS.get(name, message)
    if message is None:
        given = e["msg"].removeprefix("Value error, ")
        message = (given[0].lower() + given[1:]).replace("input should be", "must be")
    return [FieldError(name, message, None if e["type"] in _NOT_SHOWN else shown(came))]
