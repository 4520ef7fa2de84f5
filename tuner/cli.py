"""The command line: the local verbs. Wrong input is one sentence on stderr and exit code 2."""

import errno
import gc
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tuner import output
from tuner.errors import UserError
from tuner.home import open_home, open_to_others
from tuner.ledger.rows import TERMINAL_STUDY_STATES, StudyRow, StudyState
from tuner.network import reach_loopback_directly
from tuner.output import say

if TYPE_CHECKING:
    from tuner.evidence.over_seeds import Gain, Summary
    from tuner.evidence.results import Claim, Results, TrialResult  # pydantic takes time to import
    from tuner.settings import Settings  # pydantic takes longer to import than all else here


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="straight-through-tuner", prog_name="tuner")
def cli() -> None:
    """Finds the temperatures of a straight-through estimator, and says how sure that is.

    STUDY is an id, a unique beginning of one, or "latest".
    """


def main() -> None:
    """The console script."""
    reach_loopback_directly()
    try:
        cli.main(standalone_mode=False)
        output.finish()
    except UserError as error:
        _fail(str(error), 2)
    except click.exceptions.Exit as end:
        sys.exit(end.exit_code)
    except click.ClickException as error:
        where = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "tuner"
        _fail(f"{error.format_message()} (`{where} --help` shows how it is used)", 2)
    except (KeyboardInterrupt, click.Abort):
        _fail("stopped", 130)
    except OSError as error:
        if error.filename is not None or error.errno not in (errno.EPIPE, errno.ENOSPC, errno.EIO):
            raise
        output.discard(error)
    if output.lost is not None:
        if told := output.sentence(output.lost):
            _fail(told, 1)
        sys.exit(1)


def import_fast() -> None:
    """For a process that is a command: spares it the garbage collector's walks over all that its imports make
    and never free.

    Measured on `import torch` alone: 1.5 s for the whole process by default, 1.0 s with this.
    """
    gc.set_threshold(100_000, 50, 50)


def _fail(message: str, code: int) -> None:
    output.say(f"tuner: {message}", err=True)
    sys.exit(code)


def print_note(text: str) -> None:
    """Tells of what is accepted and should be written otherwise."""
    click.echo(f"tuner: note: {text}", err=True)


def with_ledger(command: Callable[..., Any]) -> Callable[..., Any]:
    """Opens the ledger for a command and closes it."""

    @wraps(command)
    def opened(*args: Any, **kwargs: Any) -> Any:
        from tuner.ledger.store import Ledger
        from tuner.settings import Settings

        settings = Settings.from_environment()
        if settings.ledger_url is None:
            open_home(settings.home_folder)
        ledger = Ledger(settings.ledger_address)
        try:
            return command(settings, ledger, *args, **kwargs)
        finally:
            ledger.close()

    return opened


@cli.command()
@click.argument("spec")
@click.option("--json", "as_json", is_flag=True, help="End with one line of JSON: the study's id and state.")
@click.option(
    "--mlflow/--no-mlflow",
    default=True,
    help="Show the study in MLflow (default), or leave that to `tuner sync`.",
)
def run(spec: str, as_json: bool, mlflow: bool) -> None:
    """Run SPEC, a YAML file or a preset, here and now."""
    from tuner.spec.study import load_spec

    parsed = load_spec(spec, print_note)

    @with_ledger
    def submitted(settings: "Settings", ledger: Any) -> None:
        from tuner.driver.drive import submit

        _drive(settings, ledger, submit(ledger, parsed), as_json=as_json, mlflow=mlflow)

    from tuner.driver.tune_run import check
    from tuner.settings import Settings

    # Before the ledger is opened: a study that cannot be trained leaves nothing behind.
    check(parsed, Settings.from_environment())
    submitted()


@cli.command()
@click.argument("study")
@click.option("--json", "as_json", is_flag=True, help="End with one line of JSON: the study's id and state.")
@click.option(
    "--mlflow/--no-mlflow",
    default=True,
    help="Show the study in MLflow (default), or leave that to `tuner sync`.",
)
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
    _drive(settings, ledger, study_id, as_json=as_json, mlflow=mlflow)


@cli.command(hidden=True)
@click.argument("study")
@click.option("--job", help="The job's name, as the service gave it.")
@with_ledger
def drive(settings: "Settings", ledger: Any, study: str, job: str | None) -> None:
    """Run a study as the service does, in a Ray job."""
    from tuner.driver.drive import drive_job

    drive_job(ledger, study, settings, job=job, say=lambda line: say(f"study {study}  {line}"))


def _drive(settings: "Settings", ledger: Any, study: str, *, as_json: bool, mlflow: bool) -> None:
    from tuner.driver.drive import drive

    row = ledger.study(study)
    say(f"study {study}  {row.name}: task {row.task}, {row.spec['dataset']}")
    try:
        outcome = drive(ledger, study, settings, mlflow=mlflow, say=say)
    except KeyboardInterrupt as stop:
        by = f" by {stop}" if str(stop) else ""  # the name of a signal
        raise UserError(f"stopped{by}; `tuner resume {study}` continues study {study}") from None
    say()
    say(_summary(outcome.study, ledger))
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


@cli.command("list")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@with_ledger
def list_(settings: "Settings", ledger: Any, as_json: bool) -> None:  # noqa: ARG001  # the settings come with the ledger
    """List the studies, newest first."""
    rows = ledger.list_studies()
    if as_json:
        fields = [
            {
                "id": r.id,
                "name": r.name,
                "task": r.task,
                "state": r.state,
                "created_at": r.created_at.isoformat(),
            }
            for r in rows
        ]
        click.echo(json.dumps(fields, indent=1))
    elif not rows:
        click.echo("There is no study yet. `tuner run sbn-digits` makes one.")
    else:
        table = [[r.id, r.name, r.task, r.state, f"{r.created_at.astimezone():%Y-%m-%d %H:%M}"] for r in rows]
        click.echo(columns(["study", "name", "task", "state", "created"], table, left=5))


@cli.command()
@click.argument("study")
@click.option("--json", "as_json", is_flag=True, help="As JSON, every number.")
@with_ledger
def results(settings: "Settings", ledger: Any, study: str, as_json: bool) -> None:  # noqa: ARG001  # as above
    """Show what a study found so far: the best of every method, the gain, the verdict."""
    row = ledger.find_study(study)
    if as_json:
        click.echo(json.dumps(_analysed(row, ledger).plain(), indent=1, allow_nan=False))
    else:
        click.echo(f"study {row.id}  {row.name}: {row.state}{f' ({row.reason})' if row.reason else ''}")
        click.echo(_summary(row, ledger))


@cli.command()
@click.argument("study")
@click.option("--json", "as_json", is_flag=True, help="As JSON, every number.")
@with_ledger
def trials(settings: "Settings", ledger: Any, study: str, as_json: bool) -> None:  # noqa: ARG001  # as above
    """Show the trials of a study."""
    from tuner.evidence.labels import STATES, method_label
    from tuner.evidence.results import TrialResult

    row = ledger.find_study(study)
    rows = [TrialResult.of(t) for t in ledger.trials(row.id)]
    if as_json:
        click.echo(json.dumps([t.plain() for t in rows], indent=1, allow_nan=False))
    else:
        table = [
            [
                str(t.number),
                t.role,
                method_label(t.estimator),
                STATES[t.state],
                *_numbers(t),
                _score(t.objective),
            ]
            for t in rows
        ]
        names = ["number", "role", "estimator", "state", *_NUMBERS, _objective(row)]
        click.echo(columns(names, table, left=4))


@cli.command()
@click.argument("study")
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder; default: TUNER_HOME/reports/STUDY.",
)
@with_ledger
def report(settings: "Settings", ledger: Any, study: str, out: Path | None) -> None:
    """Write a study's report: one HTML file, figures, and every number as JSON."""
    from trainables.tasks import task_metrics
    from tuner.evidence.report import write_report

    row = ledger.find_study(study)
    folder = out or settings.report_folder(row.id)
    try:
        artifacts = settings.artifacts_folder(row.id)
        with open_to_others() if out else nullcontext():
            files = write_report(
                row,
                ledger.trials(row.id),
                ledger.stream(row.id),
                folder,
                artifacts=artifacts,
                metrics=task_metrics(row.task),
            )
    except OSError as error:
        raise UserError(f"the report cannot be written to {folder}: {error.strerror}") from error
    for file in files:
        click.echo(file)


@cli.command()
@click.argument("study")
@with_ledger
def sync(settings: "Settings", ledger: Any, study: str) -> None:
    """Send a study to MLflow again, from the ledger: after MLflow was away, or was lost."""
    from tuner.driver.drive import resend

    row = ledger.find_study(study)
    click.echo(f"MLflow     {resend(ledger, row.id, settings)}")


@cli.command()
@click.option(
    "--port", type=click.IntRange(1, 65535), help="Port on 127.0.0.1; default: 5000, or a free one."
)
def mlflow(port: int | None) -> None:
    """Serve the MLflow UI of the studies on this machine, until Ctrl-C."""
    from tuner.driver.signals import stopping_on_signals
    from tuner.settings import Settings
    from tuner.tracking.server import MlflowServer

    with stopping_on_signals():
        server = MlflowServer(open_home(Settings.from_environment().home_folder), port)
        try:
            server.wait_until_ready()
            click.echo(f"MLflow  {server.uri}  (Ctrl-C ends it)")
            code = server.wait()
        except KeyboardInterrupt:
            click.echo()
            return
        finally:
            server.stop()
    raise UserError(f"MLflow has ended by itself (exit code {code}); its log is {server.log}")


@cli.command()
def presets() -> None:
    """List the studies that come with the package."""
    from tuner.spec.study import load_spec, preset_names

    table = []
    for name in preset_names():
        spec = load_spec(name)
        length = f"{spec.epochs} epochs" if spec.epochs is not None else f"{spec.steps} steps"
        table.append([name, spec.task, spec.dataset, str(spec.trials_total), str(spec.seeds), length])
    click.echo(columns(["preset", "task", "dataset", "trials", "seeds", "training"], table, left=3))


def _summary(row: StudyRow, ledger: Any) -> str:
    """The best of every method as a table, then the verdict."""
    return summary_of(_analysed(row, ledger), _objective(row))


def _analysed(row: StudyRow, ledger: Any) -> "Results":
    """The results of a study."""
    from trainables.tasks import task_metrics
    from tuner.evidence.analysis import results as analyse

    metrics = task_metrics(row.task)
    return analyse(row, ledger.trials(row.id), ledger.stream(row.id), metrics=metrics)


def _objective(row: StudyRow) -> str:
    """The objective as the head of a column."""
    from trainables.tasks import task_metrics
    from tuner.evidence.labels import metric_label

    return metric_label(row.objective.name, task_metrics(row.task))


def summary_of(found: "Results", objective: str) -> str:
    """The same of a study's results and its objective's label, wherever they come from."""
    from tuner.evidence.report import methods_table

    table = [
        [
            m.method,
            *_numbers(m.trial),
            _score(m.trial.objective),
            _score(m.confirmed.objective) if m.confirmed else "-",
            str(m.tuned_with),
        ]
        for m in methods_table(found)
    ]
    names = ["method", *_NUMBERS, f"{objective}, search", "fresh seeds", "trials"]
    lines = [columns(names, table, left=1)] if table else ["No trial has succeeded so far."]
    lines += ["", f"verdict: {found.verdict}", f"  {found.verdict_reason}"]
    if found.argmax:
        lines += [f"argmax against the diagonal: {found.argmax.outcome}", f"  {found.argmax.reason}"]
    if found.as_printed:
        lines += [
            f"by the search alone, neither extended nor refined: {found.as_printed.verdict}",
            f"  {found.as_printed.reason}",
        ]
    lines += [f"{label}: {_measured(gain)}" for label, gain in _other_gains(found)]
    lines += [f"note: {note}" for note in found.notes]
    if found.state in TERMINAL_STUDY_STATES:
        lines += ["", *(_claim(name, claim) for name, claim in found.claims.items())]
    return "\n".join(lines)


def _other_gains(found: "Results") -> Iterator[tuple[str, "Gain"]]:
    """The gain over the diagonal in what the verdict does not rest on."""
    for name, gain in found.second.items():
        yield f"gain in {name.replace('_', ' ')}", gain
    in_test = found.objective.name.replace("val_", "test_", 1)
    if in_test in found.test_gain:
        yield "gain on the test set", found.test_gain[in_test]


def _measured(gain: "Gain") -> str:
    if gain.mean is None:
        return "none of the seeds has both"
    interval = f" (95 % interval {gain.ci95[0]:.4g} to {gain.ci95[1]:.4g})" if gain.ci95 else ""
    return f"{gain.mean:.4g}{interval}"


def _claim(name: str, claim: "Claim") -> str:
    """One line: the claim's answer and how many of its parts are shown; `tuner report` says why."""
    from tuner.evidence.results import ClaimStatus

    counting = [part for part in claim.parts if part.counts]
    against = [part.what for part in counting if part.status is ClaimStatus.NOT_SUPPORTED]
    shown = sum(part.status is ClaimStatus.SUPPORTED for part in counting)
    if not counting:
        why = claim.reason
    elif len(counting) == 1:
        why = "by the verdict"
    else:
        why = f"{shown} of {len(counting)} parts shown" + "".join(
            f"; the opposite of: {what}" for what in against
        )
    return f"claim {name}: {claim.status} ({why})"


def columns(names: list[str], rows: list[list[str]], *, left: int) -> str:
    """Columns as wide as their widest cell; the first `left` are aligned to the left, numbers to the
    right.
    """
    widths = [max(len(row[i]) for row in [names, *rows]) for i in range(len(names))]

    def line(cells: list[str]) -> str:
        aligned = (
            c.ljust(w) if i < left else c.rjust(w) for i, (c, w) in enumerate(zip(cells, widths, strict=True))
        )
        return "  ".join(aligned).rstrip()

    return "\n".join(line(cells) for cells in [names, *rows])


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"


_NUMBERS = ("tau_f", "tau_b", "lr")


def _numbers(trial: "TrialResult") -> list[str]:
    return [_number(value) for value in (trial.tau_f, trial.tau_b, trial.lr)]


def _score(objective: "Summary") -> str:
    if objective.mean is None:
        return "-"
    return f"{objective.mean:.4f}" + (f" ± {objective.sem:.4f}" if objective.sem is not None else "")
