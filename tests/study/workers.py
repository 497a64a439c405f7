"""Workers that share a study, each with a storage of its own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from optuna.storages import RDBStorage
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from autotl.study.quick_storage import open_storage

WORKERS = 4
_TRIALS = 5
COUNT = _TRIALS * (1 + WORKERS)
"""Trials that there are in the end."""


def trials_of_workers(url: str, connect_arguments: dict[str, object]) -> tuple[list[int], list[int]]:
    """All start the same waiting trials and create some.

    Returns:
        The trials that one worker or another got, and the numbers that there are, in order of creation.
    """
    plain = RDBStorage(url)
    study_id = plain.create_new_study([StudyDirection.MAXIMIZE])
    waiting = [plain.create_new_trial(study_id, create_trial(state=TrialState.WAITING)) for _ in range(_TRIALS)]

    def work(_worker: int) -> list[int]:
        storage = open_storage(url, {"connect_args": connect_arguments})
        started = [one for one in waiting if storage.set_trial_state_values(one, TrialState.RUNNING)]
        created = [storage.create_new_trial(study_id) for _ in range(_TRIALS)]
        storage.engine.dispose()
        return started + created

    with ThreadPoolExecutor(WORKERS) as pool:
        trials = [trial for some in pool.map(work, range(WORKERS)) for trial in some]
    numbers = [trial.number for trial in plain.get_all_trials(study_id)]
    plain.engine.dispose()
    return trials, numbers
