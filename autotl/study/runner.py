"""A search from its first trial to its recommendation, within a budget, from wherever it was left."""

from __future__ import annotations

from sqlalchemy import Engine

from autotl.core.cache import Cache
from autotl.core.errors import ConfigError
from autotl.data.dataset import DetectionDataset
from autotl.strategy.parse import parse_space
from autotl.strategy.space import SearchSpace
from autotl.study.checkpoints import CHECKPOINTS
from autotl.study.description import describe_dataset
from autotl.study.limits import begin_limits
from autotl.study.lock import study_lock
from autotl.study.preflight import preflight
from autotl.study.progress import Progress
from autotl.study.samplers import notes_on
from autotl.study.session import Publish, Session
from autotl.study.settings import Outcome, Settings
from autotl.study.stop import Stop
from autotl.study.storage import OpenStudy, connect, create_study, resume_study, write_pointer
from autotl.study.weights_used import write_weights
from autotl.training.workbench import Workbench

CACHE = "cache"
"""Folder of the cache within the out folder, while a search runs."""


def search(
    dataset: DetectionDataset,
    space: SearchSpace,
    settings: Settings,
    stop: Stop,
    *,
    progress: Progress,
    publish: Publish,
) -> Outcome:
    """Runs a search and leaves its files in the out folder.

    Args:
        dataset: the checked dataset.
        space: the strategies to choose from.
        settings: what the user asked for.
        stop: the time budget; the search ends cleanly once it has a reason.
        progress: is told what happens.
        publish: writes the report; called after every trial and at the end.

    Raises:
        UserError: where something is wrong that can be known before the first trial.
    """
    notes, weights = notes_on(space), dict[str, str]()
    if not settings.resume:
        # Before the out folder: a search that could not start leaves nothing behind and can be started again.
        weights = preflight(space, Workbench(dataset, settings.precision))
    try:
        settings.out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"--out {settings.out}: cannot be made ({error.strerror}); name another folder") from error
    engine = connect(settings.storage)
    with study_lock(engine, settings.name, settings.out):
        opened = _open(engine, dataset, space, settings)
        cache = Cache(settings.out / CACHE, settings.cache_bytes)
        try:
            if not settings.resume:
                write_weights(opened.ledger, weights)
            bench = Workbench(dataset, settings.precision, cache)
            for note in notes:
                progress.on_message(note)
            outcome = Session(opened, space, bench, settings, stop, progress, publish).run()
        finally:
            # What a killed search leaves behind serves the one that resumes it.
            cache.clear()
            opened.close()
    return outcome


def _open(engine: Engine, dataset: DetectionDataset, space: SearchSpace, settings: Settings) -> OpenStudy:
    described = describe_dataset(dataset)
    definition = space.model_dump(mode="json", by_alias=True)
    about = {"name": space.name, "description": space.description, "definition": definition}
    if not settings.resume:
        opened = create_study(engine, settings.name, space, settings.seed)
        opened.ledger.write_study(dataset=described, space=about)
        begin_limits(opened.ledger, space.limits.but(settings.limits))
        write_pointer(settings.out, engine, settings.name)
        return opened
    opened = resume_study(engine, settings.name, space, settings.seed, settings.out / CHECKPOINTS)
    before = opened.ledger.read_study()
    if before["dataset"]["fingerprint"] != described["fingerprint"]:
        raise ConfigError(
            f"--resume: the data changed since the study {settings.name!r} began (fingerprint "
            f"{before['dataset']['fingerprint']}, now {described['fingerprint']}); restore it and give the same "
            "--format, --split, --ignore-class and --seed, or begin another --name"
        )
    if parse_space(before["space"]["definition"], "the study's space") != space:
        raise ConfigError(
            f"--resume: the study {settings.name!r} searches another space ({before['space']['name']}); leave --space "
            "and --image-size out to go on with it, or begin another --name"
        )
    opened.ledger.record_event("resumed", f"resumed with {len(opened.optuna.get_trials(deepcopy=False))} trials")
    return opened
