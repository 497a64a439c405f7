"""What can be known to fail before the first trial, is."""

from __future__ import annotations

from autotl.core.errors import ConfigError, TrialError, UserError
from autotl.models.build import build_backbone_and_neck
from autotl.models.weights import weights_digest
from autotl.strategy.branches import branches
from autotl.strategy.sample import baselines
from autotl.strategy.schema import DETECTOR, Strategy
from autotl.strategy.space import SearchSpace
from autotl.training.footprint import detector_of_shapes
from autotl.training.loop import loss_of
from autotl.training.precision import memory_errors
from autotl.training.run import detector_for
from autotl.training.trunk import Trunk
from autotl.training.workbench import Workbench


def preflight(space: SearchSpace, bench: Workbench) -> dict[str, str]:
    """Finds all weights, builds every branch of the space, and takes one step on two images.

    Returns:
        'efficientnet_lite0, pretrained' and the like -> sixteen digits over the weights, of those that are not random.

    Raises:
        WeightsError: where weights cannot be had.
        ConfigError: where a branch cannot be built or trained.
    """
    strategies = [*baselines(space).values(), *branches(space)]
    digests = dict[str, str]()
    for strategy in {_weights(one): one for one in strategies}.values():
        backbone, _ = build_backbone_and_neck(strategy, bench.canvas(strategy.input))
        name = f"{strategy.backbone.name}, {strategy.backbone.weights}"
        if strategy.backbone.weights != "none" and name not in digests:
            digests[name] = weights_digest(backbone)
    for strategy in {one.structure(): one for one in strategies}.values():
        _build(strategy, bench)
    try:
        _step(next(iter(baselines(space).values())), bench)
    except TrialError as error:
        raise ConfigError(
            f"the cheapest baseline cannot take a step: {error}; a smaller image_size may help"
        ) from error
    return digests


def _weights(strategy: Strategy) -> tuple[object, ...]:
    """What decides which weights are needed; necks and heads count where they have weights of their own."""
    has_more = strategy.freeze.neck == "frozen" or strategy.backbone.weights.startswith(DETECTOR)
    return (strategy.backbone.name, strategy.backbone.weights, *([strategy.head] if has_more else []))


def _build(strategy: Strategy, bench: Workbench) -> None:
    try:
        detector_of_shapes(strategy, bench)
    except UserError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(
            f"the space holds a strategy that cannot be built: backbone {strategy.backbone.name}, head "
            f"{strategy.head.kind}, {strategy.input.image_size} px ({type(error).__name__}: {reason}); exclude it"
        ) from error


def _step(strategy: Strategy, bench: Workbench) -> None:
    precision = bench.precision
    with memory_errors(precision.device):
        detector, _ = detector_for(strategy, bench)
        batch = bench.first_batch("train", strategy.input, 2)
        detector.train()
        loss = loss_of(detector, Trunk(detector, precision)(batch), batch.targets, precision)
        loss.backward()  # type: ignore[no-untyped-call]
