"""The ledger's tables, named autotl_*."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

SCHEMA_VERSION = 5
"""2: trials and confirmations say which session trained them, and when. 3: sessions say what energy they took. 4: trials say
how many epochs they need not train. 5: confirmations say what earlier sessions trained of them."""

TABLES = MetaData()

meta_table = Table("autotl_meta", TABLES, Column("key", String(64), primary_key=True), Column("value", Text))

study_table = Table(
    "autotl_studies",
    TABLES,
    Column("study", String(255), primary_key=True),
    Column("created_at", DateTime),
    Column("dataset", JSON),
    Column("space", JSON),
)

session_table = Table(
    "autotl_sessions",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("study", String(255), index=True),
    Column("started_at", DateTime),
    Column("seconds", Float),
    Column("ended_by", String(32)),
    Column("command", Text),
    Column("seed", Integer),
    Column("environment", JSON),
    Column("energy", JSON),
)

trial_table = Table(
    "autotl_trials",
    TABLES,
    Column("trial_id", Integer, primary_key=True, autoincrement=False),
    Column("study", String(255), index=True),
    Column("number", Integer),
    Column("fingerprint", String(16), index=True),
    Column("strategy", JSON),
    Column("baseline", String(64)),
    Column("state", String(16)),
    Column("reason", Text),
    Column("started_at", DateTime),
    Column("seconds", Float),
    Column("epochs", Integer),
    Column("costs", JSON),
    Column("metrics", JSON),
    Column("session", Integer),
    Column("epochs_before", Integer),
)
"""`epochs` is the last one evaluated; those up to `epochs_before` other trials had trained: of the same strategy, or of one
that begins with the same probe."""

epoch_table = Table(
    "autotl_epochs",
    TABLES,
    Column("trial_id", Integer, primary_key=True, autoincrement=False),
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("study", String(255)),
    Column("map", Float),
    Column("ap50", Float),
    Column("train_loss", Float),
    Column("lr", Float),
    Column("seconds", Float),
    # Halving asks for all scores after an epoch.
    Index("ix_autotl_epochs_study_epoch", "study", "epoch"),
)

confirmation_table = Table(
    "autotl_confirmations",
    TABLES,
    Column("study", String(255), primary_key=True),
    Column("fingerprint", String(16), primary_key=True),
    Column("seed", Integer, primary_key=True, autoincrement=False),
    Column("state", String(16)),
    Column("reason", Text),
    Column("seconds", Float),
    Column("epochs", Integer),
    Column("metrics", JSON),
    Column("resampled", JSON),
    Column("session", Integer),
    Column("started_at", DateTime),
    Column("cut_off", JSON),
)
"""Training runs of strategies that the search had found, with other seeds. `resampled` is the mAP on draws of the images.
`seconds` and `epochs` are those of all sessions; `session` and `started_at` are of the last one, and `cut_off` is a list of
the same four for each that was cut off before."""

event_table = Table(
    "autotl_events",
    TABLES,
    Column("id", Integer, primary_key=True),
    Column("study", String(255), index=True),
    Column("at", DateTime),
    Column("trial_id", Integer),
    Column("kind", String(32)),
    Column("message", Text),
)

artifact_table = Table(
    "autotl_artifacts",
    TABLES,
    Column("study", String(255), primary_key=True),
    Column("name", String(255), primary_key=True),
    Column("media_type", String(64)),
    Column("data", LargeBinary(length=2**24 - 1)),
)
