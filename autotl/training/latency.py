"""What inference on one image takes, measured on a strategy's detector."""

from __future__ import annotations

from collections.abc import Callable

from autotl.core.structures import Detections
from autotl.evaluation.evaluator import undo_tiles
from autotl.evaluation.latency import seconds_against, seconds_per_image
from autotl.models.detector import Detector
from autotl.strategy.schema import Strategy
from autotl.training.trunk import Trunk, detect
from autotl.training.workbench import Workbench


def measure_latency(strategy: Strategy, bench: Workbench, detector: Detector) -> float:
    """Seconds for the first validation image, decoding and scaling aside; where images are cut, for all of its tiles."""
    return seconds_per_image(_inference(strategy, bench, detector), bench.precision.device)


def judge_latency(strategy: Strategy, bench: Workbench, detector: Detector, limit: float) -> float:
    """The same, no more precisely than a limit of so many seconds asks for.

    Raises:
        TooSlowError: where it is far beyond the limit, saying how long it took at least.
    """
    return seconds_against(_inference(strategy, bench, detector), bench.precision.device, detector, limit)


def _inference(strategy: Strategy, bench: Workbench, detector: Detector) -> Callable[[], Detections]:
    trunk, batches = Trunk(detector, bench.precision), bench.first_image(strategy.input)

    def infer() -> Detections:
        found = [one for batch in batches for one in detect(detector, trunk, batch)]
        return undo_tiles(found, bench.sizes[0], detector.canvas, strategy.input.tiles)

    return infer
