"""What to expect of a search's best before it is trained again: the best of many looks better than it is.

Every strategy that was trained to its end counts as one run, with the spread over seeds that is taken for granted. How its
mAP moves with the images is known where the detector's detections were kept; of the others it is taken to move as these
do together, and by as much besides as these do alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from autotl.evaluation.bootstrap import draw_images, resampled_maps
from autotl.strategy.space import BaselineName
from autotl.study.checkpoints import found_file
from autotl.study.confirmation import contenders
from autotl.study.evidence import USUAL_SPREAD, Array, Comparison, Evidence, Interval, Runs
from autotl.study.found import read_found
from autotl.study.ledger import Ledger
from autotl.study.strategies import Row, best_candidate
from autotl.training.workbench import Workbench

_ARTIFACT = "draws.json"
_DRAWS = 500
_STEADY = 0.5
"""Of the usual spread over seeds: as little as that is seen too."""


class ExpectedBaseline(BaseModel):
    """What the search's own runs promise of a baseline."""

    model_config = ConfigDict(extra="forbid")

    map: Interval
    """With other images of this kind and other seeds."""
    against: Comparison | None
    """The search's best against it; null where it is that."""


class Expected(BaseModel):
    """What the search's own runs promise of its best."""

    model_config = ConfigDict(extra="forbid")

    trial: int
    map: Interval
    """With other images of this kind and other seeds."""
    against_default: Comparison | None
    """With the default baseline; null where it is the default, or where that was not trained to its end."""
    among: int
    """Strategies that were trained to their end, of which it is the best."""
    spread: float
    """Standard deviation of the mAP over seeds that is taken for granted."""
    baselines: dict[str, ExpectedBaseline] = {}
    """By name, those that were trained to their end; empty in what older versions wrote."""


def measure_draws(
    ledger: Ledger, bench: Workbench, checkpoints: Path, strategies: Sequence[Row], default_baseline: BaselineName
) -> None:
    """Stores the mAP of the best detectors, and the default's, on draws of the validation images."""
    candidates, default = contenders(strategies, default_baseline)
    rows = [*candidates, *([default] if default else [])]
    known, drawn = _read(ledger), {}
    counts = draw_images(len(bench.truths), _DRAWS, seed=0)
    for number in (row["number"] for row in rows):
        if number in known:
            drawn[number] = known[number]
        elif (found := read_found(found_file(checkpoints, number))) is not None:
            maps = resampled_maps(bench.truths, found, bench.dataset.classes, counts)
            drawn[number] = [round(map, 6) for map in maps.tolist()]
    ledger.write_json_artifact(_ARTIFACT, drawn)


def expect(ledger: Ledger, strategies: Sequence[Row], default_baseline: BaselineName) -> Expected | None:
    """What the search's best can be expected to have; None where its draws were not measured."""
    best, drawn = best_candidate(strategies), _read(ledger)
    if best is None or best["number"] not in drawn:
        return None
    # Baselines are there to compare with, whatever they take.
    complete = [row for row in strategies if row["state"] == "complete" and row is not best]
    rows = [best, *(row for row in complete if row["baseline"] or not row["left_out"])]
    known = {place: np.array(drawn[row["number"]]) for place, row in enumerate(rows) if row["number"] in drawn}
    promise = Promise(search_runs([row["map"] for row in rows], known, np.random.default_rng(0)))
    baselines = {
        row["baseline"]: ExpectedBaseline(
            map=promise.interval(place), against=promise.evidence.compare(0, place) if place else None
        )
        for place, row in enumerate(rows)
        if row["baseline"] and row["state"] == "complete"
    }
    default = baselines.get(default_baseline)
    return Expected(
        trial=best["number"],
        map=promise.interval(0),
        against_default=default.against if default else None,
        among=sum(not row["left_out"] for row in rows),
        spread=promise.evidence.spread,
        baselines=baselines,
    )


class Promise:
    """What one run of each strategy says.

    One run says nothing of the spread over seeds. Where that is smaller than is usual the strategies truly differ by what
    they show, and the best is as good as it looks: the interval holds that case too.
    """

    def __init__(self, runs: Sequence[Runs]):
        """Args: a strategy each."""
        self.evidence = Evidence(runs)
        self._steady = Evidence(runs, usual_spread=_STEADY * USUAL_SPREAD)

    def interval(self, one: int) -> Interval:
        """Of a strategy's mAP."""
        usual, steady = self.evidence.interval(one), self._steady.interval(one)
        middle = (usual.value + steady.value) / 2
        return Interval(value=middle, low=min(usual.low, steady.low), high=max(usual.high, steady.high))


def search_runs(maps: Sequence[float], known: Mapping[int, Array], generator: np.random.Generator) -> list[Runs]:
    """One run a strategy, as `Evidence` takes them.

    Args:
        maps: of the strategies.
        known: place among them -> (draws,) its mAP on draws of the images; of one strategy at least.
        generator: draws what is not known.
    """
    moved = {place: draws - draws.mean() for place, draws in known.items()}
    common = np.mean(list(moved.values()), axis=0)
    # Of J that have their own mean taken off, 1 - 1/J of the variance is left.
    own = sum(float(np.var(draws - common)) for draws in moved.values()) / max(1, len(moved) - 1)
    for place in range(len(maps)):
        if place not in moved:
            moved[place] = common + generator.normal(0, own**0.5, len(common))
    return [Runs(maps=[map], resampled=map + moved[place][None]) for place, map in enumerate(maps)]


def _read(ledger: Ledger) -> dict[int, list[float]]:
    return {int(number): draws for number, draws in (ledger.read_json_artifact(_ARTIFACT) or {}).items()}
