"""What a request to submit asks for: a spec, or a preset with changes; checked against the spec's rules and
our limits.
"""

from collections.abc import Mapping
from typing import Any

from api.requests.errors import Problem, refused
from api.settings import ServiceSettings
from trainables.tasks import task_declaration
from tuner.errors import FieldError
from tuner.spec.study import StudySpec, load_spec, parse_spec, preset_names


def spec_of(given: Mapping[str, Any], settings: ServiceSettings) -> tuple[StudySpec, list[str]]:
    """The spec that a body means, and notes on it: what is accepted and should be written otherwise.

    Raises Problem, SpecError.
    """
    notes: list[str] = []
    spec = parse_spec(_with_preset(given) if "preset" in given else given, notes.append)
    errors = [
        FieldError(field, f"the study may have at most {most} {what}, and has {count}")
        for field, what, count, most in (
            ("search", "trials", spec.planned_trials, settings.max_trials),
            ("seeds", "members", spec.planned_members, settings.max_members),
        )
        if count > most
    ]
    if (weights := _weights(spec)) > settings.max_weights:
        most = f"a model may have at most {settings.max_weights} weights between its hidden layers"
        errors.append(FieldError("options", f"{most}, and has {weights}"))
    if settings.max_hours is not None:
        if spec.max_hours is None:
            spec = spec.model_copy(update={"max_hours": settings.max_hours})
            notes.append(f"max_hours: this service gives a study {settings.max_hours:g} hours")
        elif spec.max_hours > settings.max_hours:
            message = f"must be at most {settings.max_hours:g}, which this service gives a study"
            errors.append(FieldError("max_hours", message))
    if errors:
        raise Problem(422, "the study is larger than this service allows; see errors", errors=errors)
    return spec, notes


def _weights(spec: StudySpec) -> int:
    """The weights of one model, as far as they can be counted without its dataset."""
    return task_declaration(spec.task).options_type.parse(spec.options).weights


def _with_preset(given: Mapping[str, Any]) -> dict[str, Any]:
    name = given["preset"]
    if name not in preset_names():
        raise refused("preset", f"must be one of {', '.join(preset_names())}", "there is no such preset")
    changes = {field: value for field, value in given.items() if field != "preset"}
    fields = load_spec(name).model_dump(mode="json")
    # A length in epochs or steps replaces the preset's, whichever that has.
    for one, other in (("epochs", "steps"), ("steps", "epochs")):
        if changes.get(one) is not None:
            fields[other] = None
    return fields | changes
