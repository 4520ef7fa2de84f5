"""A spec described: as JSON Schema for editors, and field by field for readers.

Both are generated from the models that check a spec, so that they cannot differ from it. What the models
leave to validators (the names of tasks and datasets, and the options of each) is filled in for this
installation.
"""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any

from trainables.data import dataset_names
from trainables.errors import unknown
from trainables.tasks import task_declaration, task_names
from tuner.errors import UserError
from tuner.spec.search import SEARCHES
from tuner.spec.study import BASELINES, StudySpec

DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]
# pydantic's names of bounds, which it leaves where a validator stands before a number.
_BOUNDS = {"ge": "minimum", "gt": "exclusiveMinimum", "le": "maximum", "lt": "exclusiveMaximum"}
# By an option's annotation; what has another one is left to the task.
_JSON_TYPES = {"bool": "boolean", "int": "integer", "float": "number", "str": "string"}


def spec_schema() -> Schema:
    """The JSON Schema of a spec, as YAML and JSON files may have it."""
    schema: Schema = _standard(StudySpec.model_json_schema())
    known = schema["properties"]
    known["task"]["enum"] = list(task_names())
    known["dataset"]["enum"] = list(dataset_names())
    known["baselines"]["items"]["enum"] = list(BASELINES)
    schema["$schema"] = DIALECT
    schema["title"] = "A study of temperatures"
    schema["allOf"] = [
        {
            "if": {"required": ["task"], "properties": {"task": {"const": task}}},
            "then": {"properties": {"options": options}},
        }
        for task in task_names()
        if (options := _options_schema(task, known["options"]["description"]))
    ]
    return schema


def _standard(part: Any) -> Any:
    """With the dialect's own keywords, and without the titles that repeat the fields' names."""
    if isinstance(part, list):
        return [_standard(item) for item in part]
    if not isinstance(part, dict):
        return part
    return {
        _BOUNDS.get(key, key): _standard(value)
        for key, value in part.items()
        if not (key == "title" and isinstance(value, str))
    }


def _options_schema(task: str, description: str) -> Schema | None:
    """The options of a task; None where it cannot be imported."""
    try:
        options = fields(task_declaration(task).options_type)
    except ValueError:
        return None
    found = {}
    for option in options:
        default = option.default_factory() if option.default_factory is not MISSING else option.default
        there = {} if default is MISSING else {"default": _listed(default)}
        kind = _JSON_TYPES.get(getattr(option.type, "__name__", str(option.type)))
        text = f"An option of task {task}" + (f", {_default(default)} by default." if there else ".")
        found[option.name] = {"description": text, **({"type": kind} if kind else {}), **there}
    return {"type": "object", "description": description, "properties": found}


def _listed(default: Any) -> Any:
    return list(default) if isinstance(default, tuple) else default


@dataclass(frozen=True)
class FieldDescription:
    """One field of a spec."""

    path: str  # "search.tau_f"
    strategies: tuple[str, ...]  # that have it; empty: it is no field of one strategy alone
    values: str  # what it may be, in words
    default: str  # as it is written; "required" where there is none
    description: str


def describe_fields() -> list[FieldDescription]:
    """Every field, in the order of the models; fields of several strategies once for each form they have."""
    schema = spec_schema()
    described = list(_described(schema, schema, ""))
    place = next(i for i, field in enumerate(described) if field.path == "search")
    return [*described[: place + 1], *_of_searches(schema), *described[place + 1 :]]


def _of_searches(schema: Schema) -> Iterator[FieldDescription]:
    """The fields of all strategies, those that are alike joined."""
    found: dict[FieldDescription, list[str]] = {}
    for strategy, search in SEARCHES.items():
        for field in _described(schema["$defs"][search.__name__], schema, "search."):
            if field.path != "search.strategy":
                found.setdefault(field, []).append(str(strategy))
    text = "How the search goes; it decides which other fields there are."
    yield FieldDescription("search.strategy", (), ", ".join(SEARCHES), "required", text)
    for field, strategies in sorted(found.items(), key=lambda pair: pair[0].path):
        yield FieldDescription(field.path, tuple(strategies), field.values, field.default, field.description)


def _described(model: Schema, schema: Schema, prefix: str) -> Iterator[FieldDescription]:
    for name, field in model["properties"].items():
        default = _default(field["default"]) if "default" in field else None
        required = name in model.get("required", [])
        yield FieldDescription(
            f"{prefix}{name}",
            (),
            _values(field, schema),
            "required" if required else default or "none",
            field["description"],
        )


def explain(name: str) -> list[FieldDescription]:
    """The fields that a name stands for: a path ("search.tau_f"), or its last part.

    Raises UserError where there is none, saying which name was perhaps meant.
    """
    described = describe_fields()
    found = [field for field in described if name in (field.path, field.path.rpartition(".")[2])]
    if not found:
        known = list(dict.fromkeys(field.path for field in described))
        raise UserError(f"{name!r} {unknown(name, 'a field', known, have='there are')}")
    return found


def _values(field: Schema, schema: Schema) -> str:
    """What a field may be, in words."""
    if "$ref" in field:
        return _values(schema["$defs"][field["$ref"].rpartition("/")[2]], schema)
    if "const" in field:
        return str(field["const"])
    if "enum" in field:
        return ", ".join(map(str, field["enum"]))
    if "discriminator" in field:
        return f"the fields of one of {', '.join(SEARCHES)}"
    for union in ("anyOf", "oneOf"):
        if union in field:
            parts = (_values(part, schema) for part in field[union] if part != {"type": "null"})
            return ", or ".join(dict.fromkeys(parts))
    return _of_type(field, schema)


def _of_type(field: Schema, schema: Schema) -> str:
    kind = field.get("type")
    if kind == "object":
        inner = field.get("properties")
        return f"{{{', '.join(inner)}}}" if inner else "a mapping"
    if kind == "array":
        return f"a list of {_several(_values(field['items'], schema))}"
    if kind == "boolean":
        return "true or false"
    word = {"integer": "a whole number", "number": "a number"}.get(str(kind), "text")
    return word + _bounds(field)


def _several(values: str) -> str:
    """In the plural: numbers above 0."""
    for one, many in (("a whole number", "whole numbers"), ("a number", "numbers")):
        if values.startswith(one):
            return many + values.removeprefix(one)
    return values


def _bounds(field: Mapping[str, Any]) -> str:
    low, above = field.get("minimum"), field.get("exclusiveMinimum")
    high = field.get("maximum")
    start = f" from {low:,g}" if low is not None else f" above {above:,g}" if above is not None else ""
    end = "" if high is None else f" to {high:,}" if low is not None else f", at most {high:,}"
    return start + end


def _default(value: Any) -> str:
    """A default as YAML has it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_default, value))}]"
    return "{}" if value == {} else str(value)
