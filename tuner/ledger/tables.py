"""The ledger's tables as SQLAlchemy sees them; migrations/ is how a database gets there, and a test keeps the
two equal.
"""

import sqlalchemy as sa

metadata = sa.MetaData()

_time = sa.DateTime(timezone=True)

studies = sa.Table(
    "studies",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("task", sa.String(64), nullable=False),
    sa.Column("spec", sa.Text, nullable=False),  # JSON, as submitted
    sa.Column("objective", sa.String(64), nullable=False),
    sa.Column("direction", sa.String(8), nullable=False),  # minimize | maximize
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("created_at", _time, nullable=False),
    sa.Column("started_at", _time),
    sa.Column("finished_at", _time),
    sa.Column("training_s", sa.Float, nullable=False),
    sa.Column("host", sa.Text, nullable=False),  # JSON: versions and device of the last driver
    sa.Column("fence", sa.Integer, nullable=False),  # grows with every driver
    sa.Column("holder", sa.String(255)),  # host:pid of the driver
    sa.Column("lease_until", sa.Float),  # seconds since 1970 on the database's clock
    sa.Column(
        "mlflow_cursor", sa.Integer, nullable=False, server_default="0"
    ),  # last measurement that MLflow has
    sa.Column(
        "owner", sa.String(16)
    ),  # id of the API key that it belongs to; keys are revoked, never deleted
    sa.Column("mlflow_run", sa.String(128)),  # experiment/run
    sa.Column(
        "service", sa.Boolean, nullable=False, server_default=sa.false()
    ),  # it runs as Ray jobs, minded by the API
    sa.Column("job", sa.String(64)),  # submission id of the Ray job that has it; None: none has
    sa.Column(
        "jobs", sa.Integer, nullable=False, server_default="0"
    ),  # submitted so far: the next one's number
    sa.Column(
        "losses", sa.Integer, nullable=False, server_default="0"
    ),  # jobs lost since a user last asked for it
    sa.Column("cancel_at", sa.Float),  # when a cancel was asked for, on the database's clock
    sa.Column(
        "revision", sa.Integer, nullable=False, server_default="0"
    ),  # grows with every change of it or its trials
    sa.Index("ix_studies_created_at", "created_at"),
    sa.Index("ix_studies_state", "state"),
)

trials = sa.Table(
    "trials",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("study", sa.String(32), sa.ForeignKey("studies.id", ondelete="CASCADE"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("key", sa.String(128), nullable=False),  # role and configuration
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("estimator", sa.String(32), nullable=False),
    sa.Column("tau_f", sa.Float),
    sa.Column("tau_b", sa.Float),
    sa.Column("lr", sa.Float, nullable=False),
    sa.Column(
        "variant", sa.Text, nullable=False, server_default=""
    ),  # JSON: what else it is trained with; "" for nothing
    sa.Column("seeds", sa.Text, nullable=False),  # JSON list
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("population", sa.String(32), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("objective", sa.Text),  # JSON list, per seed
    sa.Column("metrics", sa.Text, nullable=False),  # JSON, of the last report: metric -> list per seed
    sa.Column("started_at", _time),
    sa.Column("finished_at", _time),
    sa.Column(
        "intervals", sa.Integer, nullable=False, server_default="0"
    ),  # report intervals that it was trained for
    sa.Column("epoch", sa.Float, nullable=False, server_default="0"),  # the same in epochs
    sa.Column("source", sa.Integer),  # number of the trial whose state it goes on from
    sa.Column("mlflow_closed", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.UniqueConstraint("study", "number", name="uq_trials_number"),
    sa.UniqueConstraint("study", "key", name="uq_trials_key"),
    sa.Index("ix_trials_state", "study", "state", "role"),
)

measurements = sa.Table(
    "measurements",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("study", sa.String(32), sa.ForeignKey("studies.id", ondelete="CASCADE"), nullable=False),
    sa.Column("trial_id", sa.Integer, sa.ForeignKey("trials.id", ondelete="CASCADE"), nullable=False),
    sa.Column("interval", sa.Integer, nullable=False),
    sa.Column("epoch", sa.Float, nullable=False),
    sa.Column("recorded_at", _time, nullable=False),
    sa.Column("metrics", sa.Text, nullable=False),  # JSON: metric -> list per seed
    sa.UniqueConstraint("trial_id", "interval", name="uq_measurements_interval"),
    sa.Index("ix_measurements_study", "study", "id"),
    sa.Index("ix_measurements_recorded_at", "recorded_at"),
    sqlite_autoincrement=True,  # ids never come back: the projection's cursor is one
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),  # SHA-256 of the key
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("scopes", sa.String(64), nullable=False),  # read,submit,admin
    sa.Column("created_at", _time, nullable=False),
    sa.Column("revoked_at", _time),
)

idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("owner", sa.String(16), primary_key=True),  # id of an API key; "" where there are none
    sa.Column("key", sa.String(64), primary_key=True),  # SHA-256 of the header
    sa.Column("body", sa.String(64), nullable=False),  # SHA-256 of the request
    sa.Column("study", sa.String(32), sa.ForeignKey("studies.id", ondelete="CASCADE"), nullable=False),
    sa.Column("created_at", _time, nullable=False),
)
