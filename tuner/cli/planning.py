"""The verb that counts what a spec would train: plan. `tuner run` says the same in one line."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.completion import SpecName
from tuner.cli.group import cli, print_note, with_ledger
from tuner.output import wrapped

if TYPE_CHECKING:
    from tuner.settings import Settings  # pydantic takes longer to import than all else here
    from tuner.spec.study import StudySpec

_NAMES = 8  # columns for the names of the lines
_PAST_STUDIES = 200  # the newest, by which the time of a new one is estimated


@cli.command()
@click.argument("spec", type=SpecName())
@click.option("--json", "as_json", is_flag=True, help="As JSON, with the spec and all of its defaults.")
def plan(spec: str, as_json: bool) -> None:
    """Check SPEC, a YAML file or a preset, and count what it would train; nothing is started."""
    from tuner.driver.tune_run import check
    from tuner.spec.study import load_spec

    notes: list[str] = []
    parsed = load_spec(spec, notes.append)

    @with_ledger
    def planned_here(settings: "Settings", ledger: Any) -> dict[str, Any]:
        found = plan_here(parsed, settings, ledger)
        if found["missing_data"] is None:  # else the check would download it
            check(parsed, settings)
        return found

    show_plan(planned_here() | {"notes": notes}, as_json=as_json)


def show_plan(found: Mapping[str, Any], *, as_json: bool) -> None:
    """Prints a plan, as tuner/evidence/plan.py or a service makes it."""
    if as_json:
        click.echo(json.dumps(found, indent=1))
        return
    from tuner.evidence.labels import dataset_label

    for note in found["notes"]:
        print_note(note)
    spec, objective = found["spec"], found["objective"]
    better = {"minimize": "lower", "maximize": "higher"}[objective["direction"]]
    of = f"{spec['name']}: task {spec['task']}, {dataset_label(spec['dataset'])}"
    of += f"; {objective['label']}, {better} is better"
    rows = {"study": of, "trials": _trials(found), "trains": _training(found), "time": _time(found)}
    if found["missing_data"]:
        rows["data"] = found["missing_data"]
    for name, text in rows.items():
        click.echo(f"{name:<{_NAMES}}{wrapped(text, _NAMES).lstrip()}")


def plan_here(spec: "StudySpec", settings: "Settings", ledger: Any) -> dict[str, Any]:
    """The plan of a spec on this machine, whose time is that of studies that ran here."""
    from tuner.driver.drive import this_host
    from tuner.evidence.plan import planned

    past = ledger.list_studies(_PAST_STUDIES)
    return planned(spec, past, settings.data_folder, this_host()["machine"])


def in_one_line(found: Mapping[str, Any]) -> str:
    """A plan as `tuner run` says it before it starts."""
    text = f"{_counted(found['trials'], 'trial')}, {_training(found)}"
    if found["further_trials"]:
        text += f", and up to {found['further_trials']} trials that extend, refine and confirm further"
    return f"{text}; {_time(found)}"


def _trials(found: Mapping[str, Any]) -> str:
    """How many, and what for."""
    parts = {
        "search": found["search_trials"],
        "confirmation": found["confirm_trials"],
        "control": found["control_trials"],
    }
    text = f"{found['trials']}: " + ", ".join(f"{count} of the {of}" for of, count in parts.items() if count)
    if found["further_trials"]:
        text += f"; and up to {found['further_trials']} that extend, refine and confirm further"
    return text


def _training(found: Mapping[str, Any]) -> str:
    """How much is trained."""
    members, whole = found["members"], found["trainings"]
    text = f"{_counted(members, 'training')} of {_length(found['spec'])}"
    return text if members == whole else f"{text} or less, as much as {whole:.0f} whole ones"


def _length(spec: Mapping[str, Any]) -> str:
    number, unit = (spec["epochs"], "epoch") if spec["epochs"] is not None else (spec["steps"], "step")
    return _counted(number, unit)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _time(found: Mapping[str, Any]) -> str:
    """How long it takes if studies like it were run before."""
    from tuner.driver.progress import duration

    estimate = found["estimate"]
    if estimate is None:
        return "how long that takes is known when one like it has been run here"
    studies = estimate["studies"]
    basis = "one study" if studies == 1 else f"{studies} studies"
    return f"about {duration(estimate['seconds'])}, by {basis} of this model and data before it"
