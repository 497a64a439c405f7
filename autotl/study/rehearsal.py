"""A sampler and a pruner tried on made-up scores: much of what they need they miss only once they propose or judge."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import optuna
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler, RandomSampler

from autotl.core.errors import ConfigError
from autotl.strategy.sample import sample
from autotl.strategy.space import SearchSpace
from autotl.study.chains import OncePerStrategy

_KNOWN = 12
"""Strategies that are known at first: more than Optuna's samplers draw at random before they make a model."""


def rehearse(space: SearchSpace, sampler: BaseSampler, pruner: BasePruner) -> None:
    """Has two strategies of a space proposed and judged, in a study in memory.

    Raises:
        ConfigError: where the sampler or the pruner lacks a package, or cannot work on this space.
    """

    def score(trial: optuna.Trial) -> float:
        value = float(trial.number % 5)
        for epoch in range(1, sample(space, trial).optim.epochs + 1):
            trial.report(value, epoch)
        return value

    def score_and_judge(trial: optuna.Trial) -> float:
        value = score(trial)
        with _refused(f"pruning.pruner: {space.pruning.pruner}", "use asha"):
            trial.should_prune()
        return value

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize", sampler=RandomSampler(seed=0), pruner=pruner)
    study.optimize(score, n_trials=_KNOWN)
    study.sampler = OncePerStrategy(sampler)
    with _refused(f"sampling.sampler: {space.sampling.sampler}", "use tpe"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study.optimize(score_and_judge, n_trials=2)


def missing_package(error: ImportError) -> str:
    """What an import that failed asks of the user."""
    if error.name is None:
        return f"needs a package that is not installed ({_one_line(error)})"
    package = error.name.partition(".")[0]
    return f"needs the package {package}, which is not installed: pip install {package}"


@contextmanager
def _refused(where: str, instead: str) -> Iterator[None]:
    """Whatever others' code raises inside, as one line that says where it comes from and what to do."""
    try:
        yield
    except ConfigError:
        raise
    except ImportError as error:
        raise ConfigError(f"{where}: {missing_package(error)}; or {instead}") from error
    except Exception as error:
        raise ConfigError(
            f"{where}: cannot work on this space ({type(error).__name__}: {_one_line(error)}); change the space or {instead}"
        ) from error


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
