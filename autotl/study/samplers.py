"""Optuna's samplers and pruners by the names that a search space gives them."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, TypeVar, cast

from optuna.exceptions import ExperimentalWarning
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, QMCSampler, RandomSampler, TPESampler

from autotl.core.errors import ConfigError
from autotl.strategy.space import OWN_PRUNERS, Pruning, Range, Sampling, SearchSpace
from autotl.study.rehearsal import missing_package, rehearse

STARTUP_TRIALS = 6
"""Strategies drawn at random before a sampler models what is good; baselines within the space count."""

_SAMPLERS: Mapping[str, tuple[type[BaseSampler], dict[str, Any]]] = {
    "tpe": (TPESampler, {"multivariate": True, "group": True, "n_startup_trials": STARTUP_TRIALS}),
    "gp": (GPSampler, {"n_startup_trials": STARTUP_TRIALS}),
    "random": (RandomSampler, {}),
    "cma": (CmaEsSampler, {"n_startup_trials": STARTUP_TRIALS, "warn_independent_sampling": False}),
    "qmc": (QMCSampler, {"warn_independent_sampling": False}),
}
_Kind = TypeVar("_Kind", BaseSampler, BasePruner)


def build_sampler(sampling: Sampling, seed: int) -> BaseSampler:
    """The sampler that a space names, seeded where it can be.

    Raises:
        ConfigError: where there is no such class, or it refuses its options.
    """
    where = f"sampling.sampler: {sampling.sampler}"
    known = _SAMPLERS.get(sampling.sampler)
    kind, options = known or (_find(sampling.sampler, BaseSampler, where), {})  # type: ignore[type-abstract]
    if "seed" in inspect.signature(kind.__init__).parameters:
        options = {**options, "seed": seed}
    return cast(BaseSampler, _build(kind, {**options, **sampling.options}, where))


def build_pruner(space: SearchSpace) -> BasePruner:
    """Optuna's pruner where a space names one; a pruner that does nothing where autotl judges, or nobody.

    Raises:
        ConfigError: where there is no such class, or it refuses its options.
    """
    pruning = space.pruning
    where = f"pruning.pruner: {pruning.pruner}"
    if pruning.pruner in OWN_PRUNERS:
        return NopPruner()
    options: dict[str, Any] = {}
    kind: Callable[..., BasePruner]
    if pruning.pruner == "hyperband":
        kind = HyperbandPruner
        options = {"min_resource": pruning.first_rung, "reduction_factor": pruning.reduction_factor}
    elif pruning.pruner == "median":
        kind, options = MedianPruner, {"n_warmup_steps": pruning.first_rung - 1}
    else:
        kind = _find(pruning.pruner, BasePruner, where)  # type: ignore[type-abstract]
    return cast(BasePruner, _build(kind, {**options, **pruning.options}, where))


def notes_on(space: SearchSpace) -> list[str]:
    """What follows from the sampler and the pruner of a space that a user may not expect.

    Raises:
        ConfigError: where they cannot work on this space, or lack a package.
    """
    sampler, pruner = build_sampler(space.sampling, 0), build_pruner(space)
    notes = [*_sampler_notes(space.sampling.sampler, space), *_pruner_notes(space.pruning)]
    rehearse(space, sampler, pruner)
    return notes


def _sampler_notes(name: str, space: SearchSpace) -> list[str]:
    always = [path for path, node in space.search.items() if isinstance(node, Range)]
    if name == "cma" and len(always) < 2:
        raise ConfigError(
            f"sampling.sampler: cma needs two numbers that are searched whatever the other fields are, and the space "
            f"{space.name} has {len(always)}; use tpe"
        )
    notes = []
    if name in ("cma", "qmc"):
        notes.append(
            f"{name} proposes {', '.join(always) or 'nothing'}; choices and conditional fields are drawn at random"
        )
    if name == "gp":
        notes.append("gp draws conditional fields at random")
    if name in ("gp", "cma") and space.pruning.pruner != "none":
        notes.append(f"{name} learns from strategies that were trained to their end, which with pruning are few")
    return notes


def _pruner_notes(pruning: Pruning) -> list[str]:
    if pruning.pruner in OWN_PRUNERS:
        return []
    return [f"a strategy that {pruning.pruner} stops is not taken up again; asha's are"]


def _find(path: str, kind: type[_Kind], where: str) -> type[_Kind]:
    module, _, name = path.rpartition(".")
    try:
        found = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError):
        raise ConfigError(
            f"{where}: there is no such class; give the dotted path of one that can be imported"
        ) from None
    if not (inspect.isclass(found) and issubclass(found, kind)):
        raise ConfigError(
            f"{where}: is no {kind.__module__.split('.')[1].rstrip('s')} of Optuna's kind ({kind.__name__})"
        )
    return found


def _build(kind: Callable[..., Any], options: Mapping[str, Any], where: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            return kind(**options)
    except ImportError as error:
        raise ConfigError(f"{where}: {missing_package(error)}") from error
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: refuses its options ({error})") from error
