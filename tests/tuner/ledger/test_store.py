"""The ledger keeps what happened, once."""

from dataclasses import replace

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from tests.support.ledgers import PROPOSALS, SCORES, create, dump, execute, record, started
from tuner.errors import UserError
from tuner.ledger.methods import Segment, Variant
from tuner.ledger.pages import Pages
from tuner.ledger.rows import Continuation, Proposal
from tuner.ledger.study_queue import StudyQueue


def test_a_study_is_found_as_it_was_created(ledger, study):
    row = ledger.study(study)
    assert (row.name, row.task, row.spec, row.objective.name, row.objective.direction) == (
        "small",
        "sbn",
        {"name": "small"},
        "val_loss",
        "minimize",
    )
    assert (row.state, row.reason, row.started_at, row.finished_at, row.training_s) == (
        "queued",
        None,
        None,
        None,
        0.0,
    )
    assert row.created_at.utcoffset().total_seconds() == 0


@pytest.mark.parametrize("text", ["Übung", "übung", "ÜBUNG", "Ü", "GRÖSSE 2"])
def test_a_study_is_found_by_its_name_in_any_case_of_any_letter(ledger, text):
    study = create(ledger, "Übung Größe 2, Grösse 2")
    create(ledger, "another")
    assert [found.study_id for found in Pages(ledger).page(10, text=text)] == [study]


def test_a_study_is_found_by_its_tags_and_not_by_how_they_are_kept(ledger):
    study = create(ledger, "tagged")
    StudyQueue(ledger).annotate(study, tags=["für Aufsatz", 'the "best"', "a\\b"])
    create(ledger, "another")

    def found(text):
        return [row.study_id for row in Pages(ledger).page(10, text=text)]

    for text in ("FÜR", "aufsatz", 'the "BEST"', "a\\b"):
        assert found(text) == [study]
    for text in ("[", "]", '"]', "aufsatz, the", '", "'):
        assert found(text) == []


def test_a_study_is_found_by_id_prefix_and_latest(ledger, monkeypatch):
    ids = iter(["aa11000000", "aa22000000", "bb00000000"])
    monkeypatch.setattr("tuner.ledger.new_study.secrets.token_hex", lambda _: next(ids))
    for name in ("first", "second", "third"):
        create(ledger, name)
    assert ledger.find_study("aa11000000").name == "first"
    assert ledger.find_study("aa2").name == "second"
    assert ledger.find_study("latest").name == "third"
    assert [row.name for row in ledger.list_studies()] == ["third", "second", "first"]
    assert [row.name for row in ledger.list_studies(limit=1)] == ["third"]
    with pytest.raises(UserError, match="'aa' is the beginning of several studies"):
        ledger.find_study("aa")


@pytest.mark.parametrize("name", ["nothing", "%", "_", "\\"])
def test_an_unknown_study_is_refused_by_name(ledger, study, name):  # noqa: ARG001  # there is a study, another one
    with pytest.raises(UserError, match="there is no study"):
        ledger.find_study(name)
    with pytest.raises(UserError, match="there is no study"):
        ledger.study(name)


def test_an_empty_ledger_has_no_latest_study(ledger):
    assert ledger.list_studies() == []
    with pytest.raises(UserError, match="there is no study yet"):
        ledger.find_study("latest")


def test_trials_are_kept_as_they_were_proposed(ledger, study):
    lease = ledger.acquire(study, {})
    baseline = Proposal("baseline", "identity", None, None, 0.001)
    first = ledger.start_population(lease, "p0", PROPOSALS, [0, 1])
    second = ledger.start_population(lease, "p1", [baseline], [0, 1])
    rows = ledger.trials(study)
    assert rows == [*first, *second]
    assert [(t.number, t.population, t.state, t.attempts, t.seeds) for t in rows] == [
        (0, "p0", "running", 1, (0, 1)),
        (1, "p0", "running", 1, (0, 1)),
        (2, "p1", "running", 1, (0, 1)),
    ]
    assert [t.proposal for t in rows] == [*PROPOSALS, baseline]


def test_a_configuration_is_a_trial_of_a_study_once(ledger, study):
    lease = started(ledger, study)
    before = dump(ledger)
    with pytest.raises(sa.exc.IntegrityError):
        ledger.start_population(
            lease, "p1", [Proposal("search", "decoupled", 0.5, 2.0, 0.001), PROPOSALS[1]], [0, 1]
        )
    assert dump(ledger) == before
    started(ledger, create(ledger))  # another study has trials of its own


def test_another_attempt_takes_the_unfinished_trials(ledger, study):
    lease = started(ledger, study)
    ledger.fail(lease, [0], "out of memory")
    assert [(t.number, t.attempts) for t in ledger.restart_population(lease, "p0")] == [(1, 2)]
    assert [t.attempts for t in ledger.trials(study)] == [1, 2]


def test_reports_become_measurements_and_the_last_one_the_outcome(ledger, study):
    lease = started(ledger, study)
    record(ledger, lease, 1, {0: {"val_loss": [9.0, 9.0]}, 1: {"val_loss": [8.0, 8.0]}})
    assert [(t.state, t.objective) for t in ledger.trials(study)] == [("running", None)] * 2
    record(ledger, lease, 2, SCORES, final=True)
    assert [(t.state, t.objective, t.mean, t.reason) for t in ledger.trials(study)] == [
        ("succeeded", (1.0, 2.0), 1.5, None),
        ("succeeded", (3.0, 4.0), 3.5, None),
    ]
    told = [(m.interval, m.epoch, m.metrics["val_loss"]) for m in ledger.measurements(study)]
    assert told == [(1, 1.0, [9.0, 9.0]), (1, 1.0, [8.0, 8.0]), (2, 2.0, [1.0, 2.0]), (2, 2.0, [3.0, 4.0])]
    assert ledger.study(study).training_s == 3.0


def test_an_interval_is_measured_once(ledger, study):
    lease = started(ledger, study)
    record(ledger, lease, 1)
    before = ledger.measurements(study)
    record(ledger, lease, 1, {0: {"val_loss": [7.0, 7.0]}, 1: {"val_loss": [7.0, 7.0]}})
    assert ledger.measurements(study) == before


REFUSE = {  # a change of trial 1
    "sqlite": "CREATE TRIGGER disk_full BEFORE UPDATE ON trials WHEN NEW.number = 1 BEGIN SELECT "
    "RAISE(ABORT, 'disk_full'); END",
    "postgresql": "ALTER TABLE trials ADD CONSTRAINT disk_full CHECK (number <> 1 OR state = 'running')",
}


def test_a_report_is_written_whole_or_not_at_all(ledger, study):
    lease = started(ledger, study)
    execute(ledger, REFUSE[ledger.engine.dialect.name])
    before = dump(ledger)
    with pytest.raises(sa.exc.DatabaseError, match="disk_full"):
        record(ledger, lease, 1, final=True)
    assert dump(ledger) == before


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf"), 1e200, -1e300])
def test_what_is_not_finite_is_null_and_the_trial_diverged(ledger, study, bad):
    lease = started(ledger, study)
    record(
        ledger,
        lease,
        1,
        {0: {"val_loss": [1.0, bad]}, 1: {"val_loss": [3.0, 4.0], "other": [bad, bad]}},
        final=True,
    )
    first, second = ledger.trials(study)
    assert (first.state, first.objective, first.mean) == ("diverged", (1.0, None), None)
    assert first.reason == "the objective is not finite for 1 of 2 seeds"
    assert (second.state, second.metrics["other"]) == ("succeeded", [None, None])
    assert [m.metrics["val_loss"] for m in ledger.measurements(study)] == [[1.0, None], [3.0, 4.0]]
    with ledger.engine.connect() as db:
        assert db.exec_driver_sql("SELECT objective FROM trials ORDER BY id").all() == [
            ("[1.0, null]",),
            ("[3.0, 4.0]",),
        ]


@pytest.mark.parametrize("ending", ["succeeded", "diverged", "failed"])
def test_what_has_ended_is_never_changed(ledger, study, ending):
    lease = started(ledger, study)
    if ending == "failed":
        ledger.fail(lease, [0], "out of memory")
    else:
        record(
            ledger,
            lease,
            1,
            {0: {"val_loss": [1.0, float("nan") if ending == "diverged" else 2.0]}},
            final=True,
        )
    (ended,) = ledger.trials(study, ids=[ledger.trials(study)[0].id])
    measured = ledger.measurements(study)
    assert (ended.state, ended.terminal, ended.finished_at is not None) == (ending, True, True)
    record(ledger, lease, 2, {0: {"val_loss": [0.0, 0.0]}})
    record(ledger, lease, 3, {0: {"val_loss": [0.0, 0.0]}}, final=True)
    ledger.fail(lease, [0], "too late")
    assert ledger.restart_population(lease, "p0") == [ledger.trials(study)[1]]
    assert ledger.trials(study)[0] == ended
    assert ledger.measurements(study) == measured


@pytest.mark.parametrize("page", [1, 2, 3, 1000])
def test_a_stream_is_all_measurements_in_order(ledger, study, monkeypatch, page):
    lease = started(ledger, study)
    for interval in (1, 2, 3):
        record(ledger, lease, interval)
    monkeypatch.setattr("tuner.ledger.store.PAGE", page)
    assert list(ledger.stream(study)) == ledger.measurements(study)
    assert list(ledger.stream("not there")) == []


def test_a_variant_makes_another_trial_of_the_same_configuration(ledger, study):
    lease = ledger.acquire(study, {})
    plain = Proposal("control", "decoupled", 1.0, 2.0, 0.001)
    scaled = replace(plain, variant=Variant(logit_scale=10.0))
    rows = ledger.start_population(lease, "p", [plain, scaled], (0, 1))
    assert [t.proposal for t in rows] == [plain, scaled]
    assert len(scaled.key) < 128
    assert [t.variant for t in ledger.trials(study)] == [Variant(), scaled.variant]
    with pytest.raises(IntegrityError):
        ledger.start_population(lease, "q", [scaled], (0, 1))


def test_trials_pause_are_decided_upon_at_once_and_continue(ledger, study):
    lease = ledger.acquire(study, {})
    third = Proposal("search", "decoupled", 0.5, 2.0, 0.001)
    rows = ledger.start_population(lease, "p", [*PROPOSALS, third], [0, 1])
    values = {rows[0].number: [1.0, 2.0], rows[1].number: [3.0, float("nan")], rows[2].number: [5.0, 6.0]}
    for interval in (1, 2):
        report = {n: {"val_loss": v} for n, v in values.items()}
        at = {"interval": interval, "epoch": 4.0 * interval, "training_s": 1.0}
        ledger.record(lease, **at, rows=report, final=False, paused=interval == 2)
    first, diverged, last = ledger.trials(study)
    assert (first.state, first.intervals, first.epoch, first.source, first.objective) == (
        "queued",
        2,
        8.0,
        None,
        None,
    )
    assert (first.metrics["val_loss"], diverged.state, last.state) == ([1.0, 2.0], "diverged", "queued")
    changed = replace(
        last.proposal,
        variant=Variant(schedule=(Segment(0.0, 0.5, 2.0, 0.001), Segment(8.0, 0.4, 2.0, 0.001))),
    )
    ledger.decide(lease, [Continuation(first.number, last.number, changed)], {last.number: "too bad"})
    ledger.decide(
        lease, [Continuation(first.number, last.number, changed)], {last.number: "said again"}
    )  # changes nothing
    (running,) = ledger.continue_population(lease, "q", [first.number, last.number])
    assert (running.number, running.state, running.source, running.variant) == (
        0,
        "running",
        2,
        changed.variant,
    )
    assert (running.tau_f, running.tau_b, running.lr) == (last.tau_f, last.tau_b, last.lr)
    stopped = ledger.trials(study)[2]
    assert (stopped.state, stopped.reason, stopped.objective) == ("stopped", "too bad", None)
    # Its state is lost, and it starts anew: what was measured stays, and how far it has been.
    ledger.record(
        lease, interval=1, epoch=4.0, training_s=1.0, rows={0: {"val_loss": [9.0, 9.0]}}, final=False
    )
    again = ledger.trials(study)[0]
    assert (again.intervals, again.epoch) == (2, 8.0)
    assert [m.interval for m in ledger.measurements(study) if m.trial_id == again.id] == [1, 2]
