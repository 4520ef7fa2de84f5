"""Verbs that run a study here and now: run, resume, and drive, which the service's Ray jobs call."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from tuner.cli.completion import SpecName, StudyName
from tuner.cli.group import cli, print_note, with_ledger
from tuner.cli.planning import in_one_line, plan_here
from tuner.cli.summary import summary
from tuner.errors import StoppedError
from tuner.ledger.rows import StudyRow, StudyState
from tuner.output import say

if TYPE_CHECKING:
    from tuner.settings import Settings  # pydantic takes longer to import than all else here

ending_in_json = click.option(
    "--json", "as_json", is_flag=True, help="End with one line of JSON: the study's id and state."
)
shown_in_mlflow = click.option(
    "--mlflow/--no-mlflow",
    default=True,
    help="Show the study in MLflow (default), or leave that to `tuner sync`.",
)


@cli.command()
@click.argument("spec", type=SpecName())
@ending_in_json
@shown_in_mlflow
def run(spec: str, as_json: bool, mlflow: bool) -> None:
    """Run SPEC, a YAML file or a preset, here and now."""
    from tuner.spec.study import load_spec

    parsed = load_spec(spec, print_note)

    @with_ledger
    def submitted(settings: "Settings", ledger: Any) -> None:
        from tuner.driver.drive import submit

        plan = in_one_line(plan_here(parsed, settings, ledger))
        driven_here(settings, ledger, submit(ledger, parsed), as_json=as_json, mlflow=mlflow, plan=plan)

    from tuner.driver.tune_run import check
    from tuner.settings import Settings

    # Before the ledger is opened: a study that cannot be trained leaves nothing behind.
    check(parsed, Settings.from_environment())
    submitted()


@cli.command()
@click.argument("study", type=StudyName())
@ending_in_json
@shown_in_mlflow
@click.option(
    "--restart-trials",
    is_flag=True,
    help="Forget all of its trials and start them anew, because the data or the program has changed.",
)
@with_ledger
def resume(
    settings: "Settings", ledger: Any, study: str, as_json: bool, mlflow: bool, restart_trials: bool
) -> None:
    """Continue a study that was interrupted. What had finished is not run again."""
    study_id = ledger.find_study(study).id
    if restart_trials:
        from tuner.ledger.study_queue import StudyQueue

        StudyQueue(ledger).restart_trials(study_id)
        settings.remove_files(study_id)
    driven_here(settings, ledger, study_id, as_json=as_json, mlflow=mlflow)


@cli.command(hidden=True)
@click.argument("study", type=StudyName())
@click.option("--job", help="The job's name, as the service gave it.")
def drive(study: str, job: str | None) -> None:
    """Run a study as the service does, in a Ray job."""
    from tuner.driver.ray_join import join_ahead

    def say_of_study(line: str) -> None:
        say(f"study {study}  {line}")

    join_ahead(say_of_study)

    @with_ledger
    def driven(settings: "Settings", ledger: Any) -> None:
        from tuner.driver.drive import drive_job

        drive_job(ledger, study, settings, job=job, say=say_of_study)

    driven()


@contextmanager
def _end_told(settings: "Settings", ledger: Any, study: str) -> Iterator[None]:
    """Sends notifications to TUNER_NOTIFY if the study ends, or is interrupted, while the block runs."""
    if not settings.notify:
        yield
        return
    from tuner.driver.notifications import Notifier
    from tuner.tracking.links import run_page

    def link(row: StudyRow) -> str:
        page = run_page(settings.mlflow_uri, row) if settings.mlflow_uri else None
        return page or str(settings.report_folder(study) / "report.html")

    notifier = Notifier(settings.notify, ledger, link)
    try:
        yield
    finally:
        notifier.tell(study)


def driven_here(
    settings: "Settings", ledger: Any, study: str, *, as_json: bool, mlflow: bool, plan: str | None = None
) -> None:
    """Trains what a study lacks, on this machine, and prints what came of it."""
    from tuner.driver.drive import drive
    from tuner.evidence.labels import dataset_label

    row = ledger.study(study)
    say(f"study {study}  {row.name}: task {row.task}, {dataset_label(row.spec['dataset'])}")
    if plan:
        say(f"plan    {plan}")
    try:
        with _end_told(settings, ledger, study):
            outcome = drive(ledger, study, settings, mlflow=mlflow, say=say)
    except KeyboardInterrupt as stop:
        by = f" by {stop}" if str(stop) else ""  # the name of a signal
        raise StoppedError(f"stopped{by}; `tuner resume {study}` continues study {study}") from None
    say()
    say(summary(outcome.study, ledger, settings))
    say()
    report, numbers, *figures = outcome.files
    say(f"report     {report}")
    if figures:
        names = ", ".join(figure.stem for figure in figures if figure.suffix == ".png")
        say(f"figures    {report.parent}  ({names}; SVG and PDF in {figures[-1].name}/)")
    say(f"numbers    {numbers}")
    if (artifacts := settings.artifacts_folder(study)).is_dir():
        say(f"files      {artifacts}")
    say(f"ledger     {settings.ledger_address}")
    if outcome.mlflow_problem:
        say(
            f"MLflow     has not got everything ({outcome.mlflow_problem}); `tuner sync {study}` completes it"
        )
    elif outcome.mlflow:
        hint = "" if settings.mlflow_uri else "  (`tuner mlflow` serves it)"
        say(f"MLflow     {outcome.mlflow}{hint}")
    if as_json:
        say(json.dumps({"study": study, "state": outcome.study.state}))
    if outcome.study.reason:
        say(f"tuner: study {study} has {outcome.study.state}: {outcome.study.reason}", err=True)
    if outcome.study.state is not StudyState.SUCCEEDED:
        sys.exit(1)
