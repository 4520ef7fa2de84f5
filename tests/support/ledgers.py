"""Small studies in a ledger, written as a driver writes them, and all that a ledger holds."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from tuner import ledger as ledger_room
from tuner.ledger.rows import Proposal
from tuner.ledger.tables import metadata

STUDY = {"name": "x", "task": "sbn", "spec": {}, "objective": "val_loss", "direction": "minimize"}
PROPOSALS = [Proposal("search", "decoupled", 0.5, tau_b, 0.001) for tau_b in (0.5, 1.0)]
SCORES = {0: {"val_loss": [1.0, 2.0]}, 1: {"val_loss": [3.0, 4.0]}}


def create(ledger, name="small"):
    return ledger.create_study(**STUDY | {"name": name, "spec": {"name": name}})


def started(ledger, study):
    lease = ledger.acquire(study, {"torch": "2"})
    ledger.start_population(lease, "p0", PROPOSALS, [0, 1])
    return lease


def record(ledger, lease, interval=1, rows=SCORES, *, final=False):
    ledger.record(lease, interval=interval, epoch=float(interval), training_s=1.5, rows=rows, final=final)


def execute(ledger, *statements):
    """What a test does to the database behind the ledger's back."""
    with ledger.engine.execution_options(writing=True).begin() as db:
        for statement in statements:
            db.exec_driver_sql(statement)


def dump(ledger):
    """All that the database holds."""
    with ledger.engine.connect() as db:
        version = db.exec_driver_sql("SELECT * FROM alembic_version").all()
        return [
            version,
            *(
                db.execute(table.select().order_by(*table.primary_key)).all()
                for table in metadata.sorted_tables
            ),
        ]


MIGRATIONS = Path(ledger_room.__file__).parent / "migrations"
OLD_STUDY = {
    "id": "aa",
    "name": "old",
    "task": "sbn",
    "spec": "{}",
    "objective": "val_loss",
    "direction": "minimize",
    "state": "interrupted",
    "training_s": 3.0,
    "host": "{}",
    "fence": 1,
}
OLD_METRICS = '{"val_loss": [1.0, 2.0]}'


def first_version(url):
    """A ledger as the first version of this program left it: a study with a trial that ended and one that did
    not.
    """
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as db:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = db
        command.upgrade(config, "0001")
        tables = sa.MetaData()
        tables.reflect(db)

        def insert(table, **values):
            return db.execute(tables.tables[table].insert().values(**values)).inserted_primary_key[0]

        now = sa.func.current_timestamp()
        insert("studies", **OLD_STUDY, created_at=now)
        for number, state in enumerate(("succeeded", "running")):
            proposal = PROPOSALS[number]
            trial = insert(
                "trials",
                study="aa",
                number=number,
                state=state,
                key=proposal.key,
                **{name: getattr(proposal, name) for name in ("role", "estimator", "tau_f", "tau_b", "lr")},
                seeds="[0, 1]",
                population="p0",
                attempts=1,
                objective="[1.0, 2.0]" if state == "succeeded" else None,
                metrics=OLD_METRICS,
                started_at=now,
            )
            insert(
                "measurements",
                study="aa",
                trial_id=trial,
                interval=1,
                epoch=1.0,
                recorded_at=now,
                metrics=OLD_METRICS,
            )
    engine.dispose()
