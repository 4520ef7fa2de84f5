"""Request bodies as YAML, as the presets' files are, held to what JSON can say.

No aliases, which would let a few lines stand for gigabytes; no tags but those that a plain value implies; no
date, which a name may look like; no field given twice; nesting and size within limits, because a parser takes
much longer over YAML than over JSON.
"""

import json
from typing import Any

import yaml

from api.application.errors import Problem

_MOST_NODES = 20_000
_DEEPEST = 20


def load(text: str) -> Any:
    """What a text means. Raises Problem, which says where it is wrong and does not repeat it."""
    try:
        given = yaml.load(text, _Loader)  # noqa: S506  # a safe loader with fewer powers
        json.dumps(given, ensure_ascii=False, allow_nan=False).encode("utf-8")
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f": line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise Problem(400, f"the body is not YAML{where}") from error
    except yaml.YAMLError as error:
        raise Problem(400, "the body is not YAML: it has a character that may not be there") from error
    except (ValueError, TypeError, RecursionError) as error:
        # NaN, Infinity, half a surrogate pair, bytes, a number of many digits
        raise Problem(400, "the body has a value that JSON does not know") from error
    return given


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {  # noqa: RUF012  # as PyYAML declares it
        first: [(tag, pattern) for tag, pattern in known if tag != "tag:yaml.org,2002:timestamp"]
        for first, known in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._nodes = self._depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise Problem(400, "the body has an alias (*name); write out what it stands for")
        self._nodes += 1
        self._depth += 1
        if self._depth > _DEEPEST:
            raise Problem(400, "the body is nested too deeply")
        if self._nodes > _MOST_NODES:
            raise Problem(400, f"the body has more than {_MOST_NODES} values; send it as JSON")
        node = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        names = [key.value if key.tag == "tag:yaml.org,2002:str" else None for key, _ in node.value]
        if None in names:
            raise Problem(400, "the body has an object with a field whose name is no text")
        if len(set(names)) != len(names):
            raise Problem(400, "the body has an object that names a field twice")
        return super().construct_mapping(node, deep)
