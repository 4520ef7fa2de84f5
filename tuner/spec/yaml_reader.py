"""Specs as YAML, restricted to what JSON can express, so that files and requests follow the same rules.

A value is text, a number, true, false, null, a list or a mapping, as in YAML 1.2: a date is text, and so are
on, off, yes and no; 1e-3 is a number. A field's name is always text. Not allowed are aliases, which would let
a few lines stand for gigabytes, tags, second documents, and fields given twice.

The text is parsed event by event, by libyaml where PyYAML has it, and nothing is constructed from what is
refused.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from tuner.errors import UserError
from tuner.spec.bounds import MAX_DEPTH, MAX_VALUES

_MOST_DIRECTIVES = 10  # %YAML and %TAG; a spec needs none
_LONGEST_NUMBER = 20  # digits; more than any field may have
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

_WORDS: dict[str, Any] = dict.fromkeys(("", "~", "null", "Null", "NULL"))
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)
_WORDS |= {word: float("nan") for word in (".nan", ".NaN", ".NAN")}
_NAME = re.compile("[A-Za-z0-9_-]{1,64}")
_INT = re.compile("[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)")


class YamlError(UserError):
    """A text that is no YAML, or says what a spec cannot. The message follows the name of the text: "is not
    YAML: ..."; it repeats nothing of it but the name of a field that is given twice.
    """

    def __init__(self, message: str, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


def read_yaml(text: str) -> Any:
    """What a text means. Raises YamlError."""
    # libyaml compares each of them with those before it.
    if text.count("\n%") > _MOST_DIRECTIVES:
        raise YamlError(f"has more than {_MOST_DIRECTIVES} lines that begin with %")
    try:
        return _Reader(yaml.parse(text, Loader=LOADER)).document()
    except UnicodeError as error:
        raise YamlError("is not YAML: it has half a surrogate pair, which no text has") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f": line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise YamlError(f"is not YAML{where}") from error
    except yaml.YAMLError as error:
        raise YamlError("is not YAML: it has a character that may not be there") from error


class _Reader:
    """Makes values of YAML's events."""

    def __init__(self, events: Iterator[Any]) -> None:
        self._events = events
        self._left = MAX_VALUES

    def document(self) -> Any:
        """The only document; None where there is none."""
        value, seen = None, False
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if seen:
                    raise YamlError(f"has a second document, in line {_line(event)}")
                seen = True
                value = self._value(next(self._events), MAX_DEPTH)
        return value

    def _value(self, event: Any, depth: int) -> Any:
        if isinstance(event, yaml.AliasEvent):
            raise YamlError(f"has an alias (*name), in line {_line(event)}; write out what it stands for")
        if event.anchor is not None:
            raise YamlError(f"has an anchor (&name), in line {_line(event)}; there are no aliases to it")
        if event.tag is not None:
            raise YamlError(f"has a tag (!name), in line {_line(event)}; write a plain value")
        self._left -= 1
        if self._left < 0:
            raise YamlError(f"has more than {MAX_VALUES} values")
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if depth == 0:
            raise YamlError(f"is nested too deeply, in line {_line(event)}")
        return self._list(depth) if isinstance(event, yaml.SequenceStartEvent) else self._mapping(depth)

    def _list(self, depth: int) -> list[Any]:
        values = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            values.append(self._value(event, depth - 1))
        return values

    def _mapping(self, depth: int) -> dict[str, Any]:
        fields: dict[str, Any] = {}
        lines: dict[str, int] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            name = self._name(event, depth)
            if name in fields:
                told = f"the field {name}" if _NAME.fullmatch(name) else "a field"
                raise YamlError(f"gives {told} twice, in lines {lines[name]} and {_line(event)}", name)
            lines[name] = _line(event)
            fields[name] = self._value(next(self._events), depth - 1)
        return fields

    def _name(self, event: Any, depth: int) -> str:
        if isinstance(event, yaml.CollectionStartEvent):
            raise YamlError(f"has a field whose name is no text, in line {_line(event)}")
        self._value(event, depth)  # refuses what no value may be: an alias, a tag
        return str(event.value)


def _scalar(event: Any) -> Any:
    text = event.value
    if event.style:  # it is quoted, or a block of lines
        return text
    if text in _WORDS:
        return _WORDS[text]
    if not (whole := _INT.fullmatch(text)) and not _FLOAT.fullmatch(text):
        return text
    if len(text) > _LONGEST_NUMBER + (0 if whole else 20):
        raise YamlError(f"has a number of too many digits, in line {_line(event)}")
    return int(text) if whole else float(text.lower().replace(".inf", "inf"))


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1
