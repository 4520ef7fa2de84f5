"""What the ledger does when its database goes away, fills up, is opened by many at once, or comes from
another version.
"""

import os
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event

from tests.support.ledgers import PROPOSALS, SCORES, create, dump, first_version, record, started
from tests.support.patience import patient
from tuner.errors import LedgerAwayError, LedgerError, UserError
from tuner.ledger.methods import Variant
from tuner.ledger.projection import Projection
from tuner.ledger.rows import Proposal
from tuner.ledger.store import Ledger
from tuner.ledger.tables import metadata


@pytest.fixture
def away(postgresql):
    """A ledger on a server that can be killed."""
    with closing(Ledger(postgresql.empty())) as opened:
        yield opened


# --- a database that is away ---


def test_a_command_is_told_at_once_that_the_database_is_away(away, postgresql):
    study = create(away)
    postgresql.kill()
    try:
        with pytest.raises(
            LedgerAwayError, match=r"the ledger postgresql://tuner@127.0.0.1:\d+/ledger failed: "
        ):
            away.study(study)
        with pytest.raises(UserError, match="cannot be opened for writing: "):
            Ledger(away.url)
    finally:
        postgresql.start()
    assert away.study(study).state == "queued"


def test_a_driver_waits_for_the_database_and_what_was_acknowledged_is_there(away, postgresql):
    """The server is killed and started again and again while a driver writes; it hears of nothing but
    success.
    """
    study = create(away)
    lease = started(away, study)
    away.patience_s = 60.0
    acknowledged = []

    def outages():
        for _ in range(3):
            time.sleep(0.3)
            postgresql.kill()
            time.sleep(0.3)
            postgresql.start()

    chaos = threading.Thread(target=outages)
    chaos.start()
    while chaos.is_alive():
        record(away, lease, len(acknowledged) + 1)
        acknowledged.append(len(acknowledged) + 1)
    chaos.join()
    told = [(m.trial_id, m.interval) for m in away.measurements(study)]
    assert len(acknowledged) > 2
    assert sorted(told) == [(trial.id, interval) for trial in away.trials(study) for interval in acknowledged]
    assert away.study(study).training_s == 1.5 * len(acknowledged)


def test_patience_ends(away, postgresql):
    study = create(away)
    lease = started(away, study)
    away.patience_s = 1.0
    postgresql.kill()
    try:
        with pytest.raises(LedgerAwayError):
            record(away, lease)
    finally:
        postgresql.start()
    record(away, lease)
    assert len(away.measurements(study)) == 2


@contextmanager
def commit_unheard_of(ledger):
    """The next transaction is committed, but the connection is lost before anybody hears of it."""
    armed = [True]

    def committed(connection):
        if armed and connection.get_execution_options().get("writing"):
            armed.pop()
            connection.connection.driver_connection.commit()
            connection.connection.driver_connection.close()

    event.listen(ledger.engine, "commit", committed)
    yield
    event.remove(ledger.engine, "commit", committed)
    assert not armed  # it happened


REPEATED = {
    "release": lambda ledger, lease: ledger.release(lease, "succeeded"),
    "start": lambda ledger, lease: ledger.start_population(
        lease, "p1", [Proposal("control", "soft", None, None, 0.1)], [0]
    ),
    "restart": lambda ledger, lease: ledger.restart_population(lease, "p0"),
    "record": lambda ledger, lease: record(ledger, lease, 1),
    "finish": lambda ledger, lease: record(ledger, lease, 1, final=True),
    "fail": lambda ledger, lease: ledger.fail(lease, [0], "no reason"),
    "cursor": lambda ledger, lease: Projection(ledger).note(lease.study_id, cursor=5, closed=[1]),
}


@pytest.mark.parametrize("write", REPEATED)
def test_a_write_that_was_committed_but_not_acknowledged_happens_once(away, write):
    def after(lost):
        study = create(away)
        lease = started(away, study)
        away.patience_s = 30.0
        if lost:
            with commit_unheard_of(away):
                answer = REPEATED[write](away, lease)
        else:
            answer = REPEATED[write](away, lease)
        row = away.study(study)
        told = [
            (t.number, t.proposal, t.state, t.reason, t.attempts, t.objective) for t in away.trials(study)
        ]
        if write in ("start", "restart"):
            answer = [t.number for t in answer]
        return (
            answer,
            row.state,
            row.training_s,
            told,
            [m.interval for m in away.measurements(study)],
            Projection(away).sent(study)[0],
        )

    assert after(lost=True) == after(lost=False)


def test_a_lease_that_was_taken_without_an_answer_is_ours(away):
    study = create(away)
    away.patience_s = 30.0
    with commit_unheard_of(away):
        lease = away.acquire(study, {})
    assert lease.fence == 1
    away.renew(lease)


# --- a full disk ---


def test_a_full_disk_under_sqlite_is_told_and_what_was_acknowledged_stays(small_disk):
    with closing(Ledger(f"sqlite:///{small_disk / 'ledger.db'}")) as ledger:
        study = create(ledger)
        lease = started(ledger, study)
        rows = {number: {"val_loss": [0.1] * 2000} for number in SCORES}
        acknowledged = []

        def fill():
            while True:
                record(ledger, lease, len(acknowledged) + 1, rows)
                acknowledged.append(len(acknowledged) + 1)

        with pytest.raises(LedgerError, match=r"failed: (database or disk is full|disk I/O error)"):
            fill()
    assert len(acknowledged) > 3
    subprocess.run(["mount", "-o", "remount,size=8m", small_disk], check=True)
    with closing(Ledger(f"sqlite:///{small_disk / 'ledger.db'}")) as ledger:
        assert {m.interval for m in ledger.measurements(study)} == set(acknowledged)
        record(ledger, lease, len(acknowledged) + 1)
        assert len(ledger.measurements(study)) == 2 * (len(acknowledged) + 1)


def test_a_file_that_is_damaged_while_it_is_used_is_told(tmp_path):
    file = tmp_path / "ledger.db"
    with closing(Ledger(f"sqlite:///{file}")) as ledger:
        create(ledger)
        ledger.engine.dispose()  # the next connection reads the file anew
        for left in tmp_path.glob("ledger.db-*"):
            left.unlink()
        file.write_bytes(file.read_bytes()[:100] + b"\xff" * 100_000)
        with pytest.raises(
            LedgerError, match=r"failed: (database disk image is malformed|file is not a database)"
        ):
            ledger.list_studies()


# --- the first opening, and other versions ---


def test_many_processes_open_a_new_ledger_at_once(url):
    code = (
        "import sys\nfrom tuner.ledger.store import Ledger\nsys.stdin.readline()\nLedger(sys.argv[1]).close()"
    )
    opening = [
        subprocess.Popen([sys.executable, "-c", code, url], stdin=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for process in opening:
        process.stdin.write("\n")
        process.stdin.close()
    assert [process.wait(patient(60)) for process in opening] == [0] * len(opening)
    with closing(Ledger(url)) as ledger, ledger.engine.connect() as db:
        assert compare_metadata(MigrationContext.configure(db), metadata) == []


def test_a_ledger_of_the_first_version_is_migrated_and_goes_on(url):
    first_version(url)
    with closing(Ledger(url)) as ledger:
        with ledger.engine.connect() as db:
            assert compare_metadata(MigrationContext.configure(db), metadata) == []
        ended, unfinished = ledger.trials("aa")
        assert (ended.state, ended.objective, ended.variant, ended.proposal) == (
            "succeeded",
            (1.0, 2.0),
            Variant(),
            PROPOSALS[0],
        )
        assert unfinished.state == "running"
        assert (ledger.study("aa").tags, ledger.study("aa").comment) == ((), "")
        lease = ledger.acquire("aa", {})
        assert [t.number for t in ledger.restart_population(lease, "p0")] == [1]
        record(ledger, lease, 1, final=True)
        assert [t.state for t in ledger.trials("aa")] == ["succeeded"] * 2
        assert [m.interval for m in ledger.measurements("aa")] == [1, 1]
        assert dump(ledger)[0] != [("0001",)]


def test_a_migration_that_fails_leaves_the_ledger_as_it_was(url):
    first_version(url)
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"), poolclass=sa.NullPool)
    with engine.begin() as db:
        before = [sa.inspect(db).get_columns(table) for table in ("studies", "trials")]
        db.exec_driver_sql("CREATE TABLE api_keys (in_the_way INTEGER)")  # of the last revision
    with pytest.raises(UserError, match=r"cannot be opened for writing: .*api_keys"):
        Ledger(url)
    with engine.begin() as db:
        assert str(before) == str([sa.inspect(db).get_columns(table) for table in ("studies", "trials")])
        assert db.exec_driver_sql("SELECT * FROM alembic_version").all() == [("0001",)]
        db.exec_driver_sql("DROP TABLE api_keys")
    with closing(Ledger(url)) as ledger:
        assert [t.state for t in ledger.trials("aa")] == ["succeeded", "running"]


# --- a clock that is wrong ---


@pytest.fixture(scope="module")
def an_hour_ahead(tmp_path_factory):
    """Environment for a process whose clock is an hour ahead."""
    folder = tmp_path_factory.mktemp("clock")
    source = folder / "ahead.c"
    source.write_text(CLOCK)
    library = folder / "ahead.so"
    if subprocess.run(
        ["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], capture_output=True, check=False
    ).returncode:
        pytest.skip("there is no C compiler to make a clock that is wrong")
    return os.environ | {"LD_PRELOAD": str(library)}


CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *t) {
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = dlsym(RTLD_NEXT, "clock_gettime");
    int done = real(id, t);
    if (id == CLOCK_REALTIME) t->tv_sec += 3600;
    return done;
}
int gettimeofday(struct timeval *t, void *zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    t->tv_sec = now.tv_sec; t->tv_usec = now.tv_nsec / 1000;
    return 0;
}
time_t time(time_t *t) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (t) *t = now.tv_sec;
    return now.tv_sec;
}
"""

TAKE_OVER = """
import sys, time
from tuner.errors import UserError
from tuner.ledger.store import Ledger
ledger = Ledger(sys.argv[1])
print(time.time())
try:
    lease = ledger.acquire(sys.argv[2], {})
except UserError as error:
    print(error)
    sys.exit(2)
ledger.record(lease, interval=1, epoch=1.0, training_s=1.0, rows={0: {"val_loss": [5.0, 5.0]}}, final=False)
print("taken")
ledger.release(lease, "interrupted")
"""


def test_a_process_whose_clock_is_an_hour_ahead_doubles_nothing(url, an_hour_ahead):
    """PostgreSQL's clock is the server's: nothing happens. SQLite's is the process's: it takes the study, and
    the other stops.
    """
    with closing(Ledger(url)) as ledger:
        study = create(ledger)
        lease = started(ledger, study)
        command = [sys.executable, "-c", TAKE_OVER, url, study]
        done = subprocess.run(command, env=an_hour_ahead, capture_output=True, text=True, check=False)
        clock, said = done.stdout.splitlines()
        assert float(clock) > time.time() + 3000
        if ledger.engine.dialect.name == "postgresql":
            assert (done.returncode, "is being run by" in said) == (2, True)
            record(ledger, lease)
            assert len(ledger.measurements(study)) == 2
        else:
            assert (done.returncode, said) == (0, "taken")
            with pytest.raises(UserError, match="was taken over by another driver"):
                record(ledger, lease)
            assert [m.metrics["val_loss"] for m in ledger.measurements(study)] == [[5.0, 5.0]]
