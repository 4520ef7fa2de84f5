"""The ledger's tables. migrations/ creates them in a database; a test compares the two."""

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
    sa.Column("training_s", sa.Float, nullable=False),  # seconds of training, summed over populations
    # seconds for which drivers have held its lease
    sa.Column("run_s", sa.Float, nullable=False, server_default="0"),
    sa.Column("material", sa.Text),  # JSON: what its trials are made from; NULL: there are none yet
    # times that its trials were started anew
    sa.Column("restarts", sa.Integer, nullable=False, server_default="0"),
    # JSON: the fresh seeds of each block that was added to its confirmation after its end
    sa.Column("added_seeds", sa.Text, nullable=False, server_default="[]"),
    sa.Column("host", sa.Text, nullable=False),  # JSON: versions and device of the last driver
    sa.Column("fence", sa.Integer, nullable=False),  # grows with every driver
    sa.Column("holder", sa.String(255)),  # host:pid of the driver
    sa.Column("lease_until", sa.Float),  # seconds since 1970 on the database's clock
    # id of the last measurement that MLflow has
    sa.Column("mlflow_cursor", sa.Integer, nullable=False, server_default="0"),
    sa.Column("owner", sa.String(16)),  # whose API keys see it; NULL: only keys with the scope admin do
    sa.Column("mlflow_run", sa.String(128)),  # experiment/run
    sa.Column("mlflow_optima", sa.String(64)),  # experiment that has its optima among those of all studies
    # whether the service runs it, as Ray jobs
    sa.Column("service", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("job", sa.String(64)),  # submission id of the Ray job that runs it; NULL: none does
    sa.Column("cluster", sa.String(128)),  # the Ray cluster that the job was named for
    sa.Column("job_at", sa.Float),  # when the job was named, in seconds on the database's clock
    # the Ray job whose driver took the lease last; NULL: that driver is no Ray job
    sa.Column("holder_job", sa.String(64)),
    # Ray jobs that were named for it so far
    sa.Column("jobs", sa.Integer, nullable=False, server_default="0"),
    # jobs that were lost since a user last submitted or resumed it
    sa.Column("losses", sa.Integer, nullable=False, server_default="0"),
    # id of its last measurement when a job was lost; a study with a later one has made progress since
    sa.Column("measured_at_loss", sa.Integer, nullable=False, server_default="0"),
    # JSON: what it has found, as lists show it; and a hash of what that was computed from: the study's end
    # and this program's version
    sa.Column("outcome", sa.Text),
    sa.Column("outcome_of", sa.String(64)),
    sa.Column("cancel_at", sa.Float),  # when a cancel was asked for, on the database's clock
    # grows with every change of it or its trials
    sa.Column("revision", sa.Integer, nullable=False, server_default="0"),
    # JSON: a list of words that users gave it
    sa.Column("tags", sa.Text, nullable=False, server_default="[]"),
    sa.Column("comment", sa.Text, nullable=False, server_default=""),  # what users write beside it
    # the end whose notification was claimed last (notices.py), as "STATE FENCE"; NULL: none
    sa.Column("told", sa.String(32)),
    # JSON: what its task declares of its metrics; NULL where an installed package brings the task
    sa.Column("metrics", sa.Text),
    sa.Index("ix_studies_created_at", "created_at"),
    sa.Index("ix_studies_state", "state"),
    sa.Index("ix_studies_owner", "owner", "created_at", "id"),
)

trials = sa.Table(
    "trials",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("study", sa.String(32), sa.ForeignKey("studies.id", ondelete="CASCADE"), nullable=False),
    sa.Column("number", sa.Integer, nullable=False),
    sa.Column("key", sa.String(128), nullable=False),  # role and configuration as text (Proposal.key)
    sa.Column("role", sa.String(16), nullable=False),
    sa.Column("estimator", sa.String(32), nullable=False),
    sa.Column("tau_f", sa.Float),
    sa.Column("tau_b", sa.Float),
    sa.Column("lr", sa.Float, nullable=False),
    # JSON: what else it is trained with; "" for nothing
    sa.Column("variant", sa.Text, nullable=False, server_default=""),
    sa.Column("seeds", sa.Text, nullable=False),  # JSON list
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("population", sa.String(32), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("objective", sa.Text),  # JSON list, per seed
    sa.Column("metrics", sa.Text, nullable=False),  # JSON, of the last report: metric -> list per seed
    sa.Column("started_at", _time),
    sa.Column("finished_at", _time),
    # report intervals that it was trained for
    sa.Column("intervals", sa.Integer, nullable=False, server_default="0"),
    sa.Column("epoch", sa.Float, nullable=False, server_default="0"),  # the same in epochs
    # number of the trial from whose state it goes on, its own mostly; NULL: not decided
    sa.Column("source", sa.Integer),
    # which block of fresh seeds a confirmation is trained on; 0 is the first
    sa.Column("look", sa.Integer, nullable=False, server_default="0"),
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
    # Ids are never used again, because the projection into MLflow remembers the last one that it sent.
    sqlite_autoincrement=True,
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.String(16), primary_key=True),
    sa.Column("hash", sa.String(64), nullable=False, unique=True),  # SHA-256 of the key
    sa.Column("name", sa.String(64), nullable=False),
    sa.Column("scopes", sa.String(64), nullable=False),  # read,submit,admin
    sa.Column("owner", sa.String(16), nullable=False),  # to whom the studies belong that it submits
    sa.Column("created_at", _time, nullable=False),
    sa.Column("revoked_at", _time),
)

idempotency = sa.Table(
    "idempotency",
    metadata,
    sa.Column("owner", sa.String(16), primary_key=True),  # whose API key sent it; "" without keys
    sa.Column("key", sa.String(64), primary_key=True),  # SHA-256 of the header
    sa.Column("body", sa.String(64), nullable=False),  # SHA-256 of the request
    sa.Column("study", sa.String(32), nullable=False),  # which may have been deleted
    sa.Column("created_at", _time, nullable=False),
    sa.Column("deleted_at", _time),  # when the study was
    sa.Index("ix_idempotency_study", "study"),
)
