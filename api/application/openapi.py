"""The API's OpenAPI description, as far as FastAPI does not find it in the routes: the errors that each may
give, answers that are no JSON, bodies that routes parse themselves, keys.
"""

from typing import Any

from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from api.application import schemas
from tuner.spec.study import StudySpec

Responses = dict[int | str, dict[str, Any]]  # by status, as a route takes them
_MEANINGS = {
    304: "Not changed since the ETag.",
    400: "Not JSON, or JSON with NaN, Infinity, a field given twice; YAML likewise, or with aliases.",
    401: "No key, or one that is not known.",
    403: "The key lacks the scope, or the request comes from another site.",
    404: "Not there, or not yours.",
    409: "The study's state forbids it.",
    413: "The body is too large.",
    415: "The body is neither application/json nor application/yaml.",
    422: "Not valid; `errors` names the fields.",
    429: "Too many requests; Retry-After says when.",
    503: "The ledger does not answer.",
}


def may_answer(*codes: int, known: Any = None) -> Responses:
    """The errors of a route, for its description; `known`: what 200 is where the route usually answers
    202.
    """
    problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}}
    found: Responses = {
        code: {"description": _MEANINGS[code]} | ({} if code == 304 else {"content": problem})
        for code in codes
    }
    if known is not None:
        found[200] = {"description": "It is so already.", "model": known}
    return found


FILE: Responses = {
    200: {
        "description": "The file.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
PICTURE: Responses = {
    200: {
        "description": "The figure.",
        "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_EVENT = {
    "type": "object",
    "properties": {
        "event": {"enum": ["progress", "done", "deleted"]},
        "id": {"type": "string"},
        "data": {"type": "string"},
    },
}
EVENTS: Responses = {
    200: {"description": "A stream of events.", "content": {"text/event-stream": {"schema": _EVENT}}}
}
UNREADY: Responses = {503: {"description": "The ledger does not answer.", "model": schemas.Readiness}}
TEXT: Responses = {
    200: {
        "description": "Prometheus' text format.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    }
}

_SUBMITTED = {
    "schema": {
        "anyOf": [
            {"$ref": "#/components/schemas/StudySpec"},
            {"$ref": "#/components/schemas/PresetWithChanges"},
        ]
    },
    "examples": {
        "spec": {"summary": "A spec", "value": schemas.EXAMPLE_SPEC},
        "preset": {"summary": "A preset with changes", "value": {"preset": "sbn-digits", "seeds": 3}},
    },
}
SUBMISSION: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": _SUBMITTED, "application/yaml": _SUBMITTED},
    }
}
ANNOTATION: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Annotation"}}},
    }
}


def _components() -> dict[str, Any]:
    """The schemas that routes refer to by name and FastAPI does not see."""
    _, found = models_json_schema(
        [
            (StudySpec, "validation"),
            (schemas.Annotation, "validation"),
            (schemas.ProblemDetails, "serialization"),
        ],
        ref_template="#/components/schemas/{model}",
    )
    preset = {
        "title": "PresetWithChanges", "type": "object", "required": ["preset"],
        "description": "A preset's spec; every other field replaces the preset's.",
        "properties": {"preset": {"type": "string", "examples": ["sbn-digits"]}},
    }  # fmt: skip
    return dict(found["$defs"]) | {"PresetWithChanges": preset}


def describe(app: FastAPI) -> None:
    """Adds these schemas, and how keys are sent, to the description that an application makes of itself."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = described()
            components = found.setdefault("components", {})
            components.setdefault("schemas", {}).update(_components())
            components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
            found["security"] = [{}, {"key": []}]  # without one, where the service has no keys
            for methods in found["paths"].values():
                for operation in methods.values():
                    if "422" in operation["responses"]:
                        operation["responses"]["422"]["content"] = may_answer(422)[422]["content"]
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]  # as FastAPI's manual has it
