"""The HTTP API's reference, made from the description that the service itself gives (`/openapi.json`).

A page asks for it with the lines `<!-- openapi: routes -->` and `<!-- openapi: shapes -->`.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import starmap
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

_SPEC = "spec.md"  # the page that describes what is submitted
_SHAPE = "#/components/schemas/"
Description = dict[str, Any]


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Fills in what a page asks for."""
    for name, make in (("routes", routes), ("shapes", shapes)):
        mark = f"<!-- openapi: {name} -->"
        if mark in markdown:
            markdown = markdown.replace(mark, "\n".join(make(description())))
    return markdown


@cache
def description() -> Description:
    """What the service says of itself. Its ledger is an empty one in a folder that is removed again."""
    from api.application.app import create
    from api.settings import ServiceSettings

    with TemporaryDirectory() as folder:
        app = create(ServiceSettings(home=Path(folder)))
        try:
            return app.openapi()
        finally:
            app.state.service.ledger.close()


def routes(described: Description) -> Iterator[str]:
    """A section for each route: what it is, its parameters, its answers."""
    for path, methods in described["paths"].items():
        for method, route in methods.items():
            yield f"\n### `{method.upper()} {path}`\n"
            yield f"**{route['summary']}.** {_line(route.get('description', ''))}\n"
            if "requestBody" in route:
                yield f"Body: [a spec]({_SPEC}), or a preset with changes, as JSON or YAML.\n"
            yield from _table(
                ("parameter", "where", "type", "meaning"),
                (
                    (f"`{p['name']}`", p["in"], _type(p["schema"]), _line(p.get("description", "")))
                    for p in route.get("parameters", [])
                ),
            )
            yield from _table(
                ("answer", "content", "meaning"), starmap(_answer, sorted(route["responses"].items()))
            )


def shapes(described: Description) -> Iterator[str]:
    """A section for each shape that answers have: its fields."""
    schemas = described["components"]["schemas"]
    for name in _reached(described):
        yield f"\n### {name}\n"
        yield f"{_line(schemas[name].get('description', ''))}\n"
        fields = schemas[name].get("properties", {})
        yield from _table(
            ("field", "type", "meaning"),
            ((f"`{field}`", _type(of), _line(of.get("description", ""))) for field, of in fields.items()),
        )


def _reached(described: Description) -> list[str]:
    """The shapes that some answer has, or that one of those has in it, by name."""
    schemas = described["components"]["schemas"]
    responses = [r["responses"] for methods in described["paths"].values() for r in methods.values()]
    found: set[str] = set()
    todo = _references(responses)
    while todo:
        name = todo.pop()
        if name not in found:
            found.add(name)
            todo |= _references(schemas[name])
    return sorted(found - {"StudySpec"})


def _references(part: Any) -> set[str]:
    if isinstance(part, dict):
        own = {part["$ref"].removeprefix(_SHAPE)} if isinstance(part.get("$ref"), str) else set()
        return own.union(*map(_references, part.values()))
    if isinstance(part, list):
        return set().union(*map(_references, part))
    return set()


def _answer(code: str, answer: Description) -> tuple[str, str, str]:
    kinds = []
    for kind, of in answer.get("content", {}).items():
        shape = _type(of["schema"]) if "schema" in of else ""
        usual = kind in ("application/json", "application/problem+json")
        kinds.append(shape if usual and shape else f"{shape} as `{kind}`" if shape else f"`{kind}`")
    meaning = _line(answer.get("description", ""))
    return code, ", ".join(kinds), "" if meaning == "Successful Response" else meaning


def _type(schema: Description) -> str:
    """A JSON schema in a few words."""
    for keyword, words in _WORDS.items():
        if keyword in schema:
            return words(schema[keyword])
    kind = schema.get("type", "any")
    if kind == "array":
        parts = [schema["items"]] if schema.get("items") else schema.get("prefixItems", [])
        return "list of " + (_union(parts) or "any")
    if kind == "object" and isinstance(schema.get("additionalProperties"), dict):
        return f"object of {_type(schema['additionalProperties'])}"
    return str(kind)


def _reference(target: str) -> str:
    name = target.removeprefix(_SHAPE)
    return f"[{name}]({_SPEC if name == 'StudySpec' else f'#{name.lower()}'})"


def _union(schemas: list[Description]) -> str:
    return " or ".join(dict.fromkeys(map(_type, schemas)))


_WORDS: dict[str, Callable[[Any], str]] = {
    "$ref": _reference,
    "anyOf": _union,
    "oneOf": _union,
    "enum": lambda values: ", ".join(f"`{value}`" for value in values),
    "const": lambda value: f"`{value}`",
}


def _line(text: str) -> str:
    """Text as it fits a table's cell: none of it is a link or ends the cell."""
    return re.sub(r"([|\[\]])", r"\\\1", " ".join(text.split()))


def _table(head: tuple[str, ...], rows: Any) -> Iterator[str]:
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if lines:
        yield f"\n| {' | '.join(head)} |"
        yield f"|{'---|' * len(head)}"
        yield from lines
        yield ""
