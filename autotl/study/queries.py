"""The ledger's statements that a search runs at every trial or epoch, built once: that takes longer than to run them."""

from __future__ import annotations

from sqlalchemy import bindparam, func, insert, select, update

from autotl.study.tables import artifact_table, epoch_table, session_table, trial_table

_OF_STUDY = trial_table.c.study == bindparam("of_study")

TRIALS_AFTER = (
    select(trial_table).where(_OF_STUDY & (trial_table.c.number > bindparam("after"))).order_by(trial_table.c.number)
)
"""The study's trials with numbers above `after`."""

REACHED = select(
    func.max(trial_table.c.epochs).label("epochs"), func.max(trial_table.c.epochs_before).label("before")
).where(_OF_STUDY & (trial_table.c.fingerprint == bindparam("strategy")))
"""How far the trials of a strategy came, and began; NULL where there are none."""

FAILED = (
    select(trial_table.c.number, trial_table.c.strategy, trial_table.c.costs)
    .where(_OF_STUDY & (trial_table.c.state == "failed"))
    .order_by(trial_table.c.number)
)
"""The study's trials that failed."""

SCORES_AFTER = (
    select(trial_table.c.number, epoch_table.c.epoch, trial_table.c.fingerprint, epoch_table.c.map)
    .join(epoch_table, epoch_table.c.trial_id == trial_table.c.trial_id)
    .where(_OF_STUDY & (trial_table.c.number > bindparam("after")))
    .order_by(trial_table.c.number)
)
"""(number, epoch, fingerprint, mAP) of every epoch of the trials with numbers above `after`."""

CURVE = (
    select(epoch_table.c.epoch, epoch_table.c.map)
    .join(trial_table, epoch_table.c.trial_id == trial_table.c.trial_id)
    .where(_OF_STUDY & (trial_table.c.fingerprint == bindparam("strategy")))
    .order_by(epoch_table.c.epoch, trial_table.c.number)
)
"""(epoch, mAP) of a strategy, over all trials that trained it."""

ARTIFACT = select(artifact_table.c.data).where(
    (artifact_table.c.study == bindparam("of_study")) & (artifact_table.c.name == bindparam("artifact"))
)
"""The content of an artifact."""

ADD_TRIAL = insert(trial_table)
ADD_EPOCH = insert(epoch_table)
UPDATE_TRIAL = update(trial_table).where(trial_table.c.trial_id == bindparam("trial"))
UPDATE_SESSION = update(session_table).where(session_table.c.id == bindparam("session"))
"""The values that are given with it are set."""
