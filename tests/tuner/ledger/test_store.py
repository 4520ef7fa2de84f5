"""The ledger keeps what happened, once, and lets only the study's one driver write."""

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy.exc import IntegrityError

from tests.support.ledgers import PROPOSALS, SCORES, create, dump, record, started
from tuner.errors import LeaseLostError, UserError
from tuner.ledger.methods import Segment, Variant
from tuner.ledger.projection import Projection
from tuner.ledger.rows import Continuation, Proposal
from tuner.ledger.store import Ledger
from tuner.ledger.tables import metadata


@pytest.fixture
def file(tmp_path):
    return tmp_path / "state" / "ledger.db"


@pytest.fixture
def sqlite_ledger(file):
    with closing(Ledger(f"sqlite:///{file}")) as opened:
        yield opened


@pytest.fixture
def study(ledger):
    return create(ledger)


def execute(ledger, *statements):
    with ledger.engine.execution_options(writing=True).begin() as db:
        for statement in statements:
            db.exec_driver_sql(statement)


def in_another_process(ledger, code, *arguments):
    opened = (
        "import os, sys\nfrom tuner.errors import UserError\nfrom tuner.ledger.store import Ledger\n"
        "ledger = Ledger(sys.argv[1])\n"
    )
    command = [sys.executable, "-c", opened + code, ledger.url, *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


# --- studies ---


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


def test_a_study_is_found_by_id_prefix_and_latest(ledger, monkeypatch):
    ids = iter(["aa11000000", "aa22000000", "bb00000000"])
    monkeypatch.setattr("tuner.ledger.store.secrets.token_hex", lambda _: next(ids))
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


# --- trials and measurements ---


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


# --- the lease ---


def test_a_study_has_one_driver_until_it_lets_go(ledger, study):
    first = ledger.acquire(study, {"torch": "1"})
    assert ledger.study(study).state == "running"
    with pytest.raises(UserError, match=f"study {study} is being run by .*:{os.getpid()}"):
        ledger.acquire(study, {})
    ledger.release(first, "interrupted", "stopped by the user")
    assert (ledger.study(study).state, ledger.study(study).reason) == ("interrupted", "stopped by the user")
    second = ledger.acquire(study, {"torch": "2"})
    assert second.fence > first.fence
    row = ledger.study(study)
    assert (row.state, row.reason, row.host) == ("running", None, {"torch": "2"})


def test_the_lease_of_one_study_is_not_anothers(ledger, study):
    ledger.acquire(study, {})
    ledger.acquire(create(ledger), {})


def test_a_study_that_failed_may_be_driven_again(ledger, study):
    ledger.release(ledger.acquire(study, {}), "failed", "every trial failed")
    failed = ledger.study(study)
    assert (failed.state, failed.reason, failed.finished_at is not None) == (
        "failed",
        "every trial failed",
        True,
    )
    ledger.acquire(study, {})
    again = ledger.study(study)
    assert (again.state, again.reason, again.started_at, again.finished_at) == (
        "running",
        None,
        failed.started_at,
        None,
    )


@pytest.mark.parametrize("state", ["succeeded", "cancelled"])
def test_a_study_that_has_ended_is_not_driven_again(ledger, study, state):
    ledger.release(ledger.acquire(study, {}), state)
    assert ledger.study(study).finished_at is not None
    with pytest.raises(UserError, match=f"has {state}; there is nothing to resume"):
        ledger.acquire(study, {})


@pytest.mark.parametrize(
    "collected",
    [
        pytest.param(True, id="collected"),
        pytest.param(
            False,
            id="zombie",
            marks=pytest.mark.skipif(sys.platform != "linux", reason="/proc tells a zombie"),
        ),
    ],
)
def test_the_lease_of_a_dead_process_is_free_at_once(ledger, study, collected):
    driver = in_another_process(
        ledger, "ledger.acquire(sys.argv[2], {})\nprint(flush=True)\nsys.stdin.read()\nos._exit(1)", study
    )
    with driver:
        driver.stdout.readline()
        assert ledger.study(study).state == "running"
        with pytest.raises(UserError, match=f"is being run by .*:{driver.pid}"):
            ledger.acquire(study, {})
        driver.stdin.close()
        if collected:
            driver.wait()
        else:
            os.waitid(os.P_PID, driver.pid, os.WEXITED | os.WNOWAIT)
        assert ledger.study(study).state == "interrupted"
        assert [row.state for row in ledger.list_studies()] == ["interrupted"]
        ledger.acquire(study, {})
        assert ledger.study(study).state == "running"


WRITES = {
    "renew": lambda ledger, lease: ledger.renew(lease),
    "release": lambda ledger, lease: ledger.release(lease, "succeeded"),
    "start": lambda ledger, lease: ledger.start_population(
        lease, "p1", [Proposal("search", "decoupled", 2.0, 2.0, 0.1)], [0]
    ),
    "restart": lambda ledger, lease: ledger.restart_population(lease, "p0"),
    "record": lambda ledger, lease: record(ledger, lease, 1, final=True),
    "fail": lambda ledger, lease: ledger.fail(lease, [0], "no reason"),
}


@pytest.mark.parametrize("write", WRITES)
def test_a_driver_that_was_replaced_writes_nothing(ledger, study, write, monkeypatch):
    with monkeypatch.context() as past:
        past.setattr("tuner.ledger.lease.LEASE_S", -1.0)
        old = started(ledger, study)
    assert ledger.study(study).state == "interrupted"
    new = ledger.acquire(study, {})
    before = dump(ledger)
    with pytest.raises(LeaseLostError):
        WRITES[write](ledger, old)
    assert dump(ledger) == before
    WRITES[write](ledger, new)
    assert dump(ledger) != before


@pytest.mark.parametrize("write", WRITES)
def test_a_lease_that_was_given_back_writes_nothing(ledger, study, write):
    lease = started(ledger, study)
    ledger.release(lease, "interrupted")
    before = dump(ledger)
    with pytest.raises(LeaseLostError):
        WRITES[write](ledger, lease)
    assert dump(ledger) == before


def test_renewing_keeps_the_lease(ledger, study, monkeypatch):
    with monkeypatch.context() as past:
        past.setattr("tuner.ledger.lease.LEASE_S", -1.0)
        lease = ledger.acquire(study, {})
    ledger.renew(lease)
    assert ledger.study(study).state == "running"
    with pytest.raises(UserError, match="is being run by"):
        ledger.acquire(study, {})


# --- the projection ---


def test_the_projection_follows_its_cursor(ledger, study):
    lease = started(ledger, study)
    record(ledger, lease, 1)
    record(ledger, lease, 2)
    projection = Projection(ledger)
    ids = [m.id for m in ledger.measurements(study)]
    trial = ledger.trials(study)[1].id
    assert projection.sent(study) == (0, set())
    assert [m.id for m in ledger.measurements(study, limit=3)] == ids[:3]
    projection.note(study, cursor=ids[1])
    assert [m.id for m in ledger.measurements(study, after=ids[1])] == ids[2:]
    record(ledger, lease, 3, final=True)
    both = {t.id for t in ledger.trials(study)}
    assert projection.sent(study) == (ids[1], both)  # whose runs are to be ended
    projection.note(study, closed=[trial])
    assert projection.sent(study) == (ids[1], both - {trial})
    projection.reset(study)
    assert projection.sent(study) == (0, both)


@pytest.mark.parametrize("page", [1, 2, 3, 1000])
def test_a_stream_is_all_measurements_in_order(ledger, study, monkeypatch, page):
    lease = started(ledger, study)
    for interval in (1, 2, 3):
        record(ledger, lease, interval)
    monkeypatch.setattr("tuner.ledger.store.PAGE", page)
    assert list(ledger.stream(study)) == ledger.measurements(study)
    assert list(ledger.stream("not there")) == []


# --- the database ---


def test_the_migrations_make_the_tables(ledger):
    with ledger.engine.connect() as db:
        assert compare_metadata(MigrationContext.configure(db), metadata) == []


def test_a_ledger_is_opened_again_as_it_was(ledger, study):
    started(ledger, study)
    before = dump(ledger)
    with closing(Ledger(ledger.url)) as again:
        assert again.trials(study) == ledger.trials(study)
    assert dump(ledger) == before


def test_sqlite_writes_ahead(sqlite_ledger, file):
    with sqlite_ledger.engine.connect() as db:
        assert db.exec_driver_sql("PRAGMA journal_mode").scalar_one() == "wal"
        assert db.exec_driver_sql("PRAGMA foreign_keys").scalar_one() == 1
    with closing(sqlite3.connect(file)) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_ledger_from_the_future_is_refused_and_left_alone(ledger):
    execute(ledger, "UPDATE alembic_version SET version_num = '9999'")
    before = dump(ledger)
    with pytest.raises(UserError, match="newer version of tuner"):
        Ledger(ledger.url)
    assert dump(ledger) == before


@pytest.mark.parametrize("place", ["folder", "text", "text/ledger.db"])
def test_a_ledger_that_cannot_be_opened_is_named(tmp_path, place):
    (tmp_path / "folder").mkdir()
    (tmp_path / "text").write_text("Dear diary, today I wrote no database at all.\n" * 40)
    with pytest.raises(UserError, match=f"the ledger sqlite:///{tmp_path / place} cannot be opened"):
        Ledger(f"sqlite:///{tmp_path / place}")


def test_a_refused_address_does_not_show_its_password():
    with pytest.raises(UserError, match="cannot be opened") as error:
        Ledger("postgresql://tuner:s3cret@127.0.0.1:1/tuner")
    assert "s3cret" not in str(error.value)


WRITER = """
own, *contended = sys.argv[2:]
from tuner.ledger.projection import Projection
from tuner.ledger.rows import Continuation, Proposal
lease = ledger.acquire(own, {})
ledger.start_population(lease, "p", [Proposal("search", "decoupled", 0.5, 0.5, 0.1)], [0])
print(flush=True)
sys.stdin.readline()
won = 0
for interval, study in enumerate(contended, start=1):
    last = interval == len(contended)
    rows = {0: {"val_loss": [1.0]}}
    ledger.record(lease, interval=interval, epoch=1.0, training_s=1.0, rows=rows, final=last)
    try:
        ledger.acquire(study, {})
        won += 1
    except UserError:
        pass
print(won, flush=True)
sys.stdin.readline()
ledger.release(lease, "succeeded")
"""


def test_two_processes_that_write_at_once_lose_nothing(ledger):
    own = [create(ledger), create(ledger)]
    contended = [create(ledger) for _ in range(40)]
    with (
        in_another_process(ledger, WRITER, own[0], *contended) as a,
        in_another_process(ledger, WRITER, own[1], *contended) as b,
    ):
        for _ in range(2):  # both are ready; both have written, and are still there
            said = [p.stdout.readline() for p in (a, b)]
            for p in (a, b):
                p.stdin.write("\n")
                p.stdin.flush()
    assert (a.returncode, b.returncode) == (0, 0)
    assert sum(map(int, said)) == len(contended)  # every study has one driver
    for study in own:
        row = ledger.study(study)
        assert (row.state, row.training_s) == ("succeeded", 40.0)
        assert [t.state for t in ledger.trials(study)] == ["succeeded"]
        assert [m.interval for m in ledger.measurements(study)] == list(range(1, 41))


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


# --- pausing
# ------------------------------------------------------------------------------------------------------------


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
