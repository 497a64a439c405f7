"""Studies that never ran, written through the ledger: what the report's tests read."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import numpy as np
import optuna
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState as OptunaState
from PIL import Image, ImageDraw
from sqlalchemy import create_engine, update

from autotl.strategy.freeze_plan import FreezePlan
from autotl.strategy.head_part import HeadPart
from autotl.strategy.schema import BackbonePart, OptimPart, Strategy
from autotl.strategy.space import BaselineName
from autotl.study.ledger import Ledger, TrialState
from autotl.study.schema import create_tables
from autotl.study.tables import confirmation_table
from tests.report.facts import CLASSES, DATASET, ENVIRONMENT
from tests.report.looks import DIAGNOSES

BACKBONES = ["efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2"]

SEARCHED = {
    "backbone.name": CategoricalDistribution(BACKBONES),
    "freeze.frozen_stages": IntDistribution(0, 5),
    "optim.lr": FloatDistribution(3e-4, 1e-2, log=True),
    "head.neck_channels": CategoricalDistribution([32, 64, 96]),
}


def strategy(
    backbone: str = "efficientnet_lite0", frozen: int = 5, lr: float = 2e-3, channels: int = 64, scratch: bool = False
) -> Strategy:
    """A strategy in four numbers."""
    return Strategy(
        backbone=BackbonePart(name=backbone, weights="none" if scratch else "pretrained"),
        freeze=FreezePlan(frozen_stages=frozen, norm="train" if scratch else "frozen"),
        head=HeadPart(neck_channels=channels, tower_depth=2),
        optim=OptimPart(lr=lr, epochs=12),
    )


class StudyBuilder:
    """Writes trials as a search would, into a ledger and an Optuna study side by side."""

    def __init__(
        self,
        *,
        dataset: dict[str, Any] | None = None,
        name: str = "bccd",
        default_baseline: BaselineName = "full_fine_tuning",
    ) -> None:
        engine = create_engine("sqlite://")
        create_tables(engine)
        self.ledger = Ledger(engine, name)
        self.study = optuna.create_study(direction="maximize")
        space = {
            "name": "quick",
            "description": "minutes on a CPU",
            "definition": {"default_baseline": default_baseline},
            "yaml": "search:\n  optim:\n    lr: {log: true}\n",
        }
        self.ledger.write_study(dataset=dataset or DATASET, space=space)
        self._engine = engine
        self._session: int | None = None

    def start(self, seed: int = 0) -> None:
        """Begins a session."""
        self._session = self.ledger.start_session(
            command="autotl search data/BCCD --space quick --budget 10m", seed=seed, environment=ENVIRONMENT
        )

    def end(self, seconds: float = 593.0, ended_by: str = "budget") -> None:
        """Ends the session."""
        assert self._session is not None
        self.ledger.update_session(self._session, seconds=seconds, ended_by=ended_by)

    def close(self) -> None:
        """Lets the database go."""
        self._engine.dispose()

    def add(
        self,
        tried: Strategy,
        state: TrialState = "complete",
        *,
        map: float | None = 0.4,
        epochs: int | None = None,
        baseline: str | None = None,
        reason: str = "",
        seconds_per_epoch: float = 4.0,
    ) -> int:
        """One trial with a curve that ends at `map` after `epochs`; gives its number."""
        number = len(self.study.trials)
        epochs = (tried.optim.epochs if state == "complete" else 0) if epochs is None else epochs
        self.ledger.start_trial(
            number, number, fingerprint=tried.fingerprint(), strategy=tried.model_dump(), baseline=baseline
        )
        rng = np.random.default_rng(number)
        final = map or 0.0
        for epoch in range(1, epochs + 1):
            reached = (1 - math.exp(-epoch / 2.6)) / (1 - math.exp(-epochs / 2.6))
            value = final if epoch == epochs else max(final * reached + rng.normal(0, 0.006), 0)
            self.ledger.record_epoch(
                number,
                epoch,
                map=value,
                ap50=min(value * 1.7, 0.95),
                train_loss=2 * math.exp(-epoch / 5),
                lr=1e-3,
                seconds=seconds_per_epoch,
            )
        if state != "running":
            scored = epochs > 0 and state != "failed"
            self.ledger.end_trial(
                number,
                state,
                reason=reason,
                seconds=epochs * seconds_per_epoch + 1.5,
                costs=self._costs(tried) if scored else None,
                metrics=self._metrics(final) if scored else None,
            )
        self._add_to_optuna(tried, state, map, baseline)
        return number

    def _add_to_optuna(self, tried: Strategy, state: TrialState, map: float | None, baseline: str | None) -> None:
        flat = tried.flat()
        params = {name: flat[name] for name in SEARCHED if not baseline and flat["backbone.name"] in BACKBONES}
        states = {
            "complete": OptunaState.COMPLETE,
            "stopped": OptunaState.COMPLETE,
            "pruned": OptunaState.PRUNED,
            "running": OptunaState.RUNNING,
        }
        ended = states.get(state, OptunaState.FAIL)
        trial = optuna.trial.create_trial(
            state=ended,
            value=map if ended is OptunaState.COMPLETE else None,
            params=params,
            distributions={name: SEARCHED[name] for name in params},
        )
        self.study.add_trial(trial)

    @staticmethod
    def _costs(tried: Strategy) -> dict[str, Any]:
        share = (5 - tried.freeze.frozen_stages) / 5
        larger = 1 + 0.3 * BACKBONES.index(tried.backbone.name) if tried.backbone.name in BACKBONES else 1.0
        return {
            "parameters": 3_412_000,
            "trained_parameters": int(220_000 + 3_190_000 * share),
            "bundle_bytes": int(13_900_000 * larger),
            "seconds_per_image": 0.0412 * larger,
            "peak_memory_bytes": 900_000_000,
            "train_seconds": 40.0,
            "eval_seconds": 9.0,
            "feature_cache": "in memory",
        }

    @staticmethod
    def _metrics(final: float) -> dict[str, Any]:
        by_class = {
            "RBC": {"map": final * 1.1, "ap50": min(final * 1.6, 1), "boxes": 980},
            "WBC": {"map": min(final * 1.4, 1), "ap50": min(final * 1.9, 1), "boxes": 88},
            "Platelets": {"map": final * 0.5, "ap50": final * 1.3, "boxes": 86},
        }
        return {
            "map": final,
            "ap50": min(final * 1.7, 0.95),
            "ap75": final * 0.9,
            "ap_small": final * 0.4,
            "ap_medium": final * 0.8,
            "ap_large": final * 1.1,
            "recall": 0.61,
            "by_class": by_class,
        }

    def confirm(self, tried: Strategy, *maps: float, first_seed: int = 1) -> None:
        """Trains a strategy again, once for each score; images move all strategies alike, more than they move each."""
        alike = np.random.default_rng(99).normal(0, 0.018, 200)
        for seed, map in enumerate(maps, first_seed):
            own = np.random.default_rng([seed, round(1000 * map)]).normal(0, 0.006, 200)
            self.ledger.record_confirmation(
                tried.fingerprint(), seed, state="complete", reason="", seconds=60.0, epochs=12,
                metrics=self._metrics(map), resampled=[float(draw) for draw in map + alike + own],
            )  # fmt: skip

    def forget_when_confirmed(self) -> None:
        """As studies of older versions are."""
        with self._engine.begin() as connection:
            connection.execute(update(confirmation_table).values(started_at=None))

    def add_looks(self, tests: dict[int, float]) -> None:
        """The diagnoses, and the mAP of some trials' detectors on the test split."""
        self.ledger.write_artifact("diagnoses.json", "application/json", json.dumps(DIAGNOSES).encode())
        metrics = {str(number): self._metrics(map) for number, map in tests.items()}
        self.ledger.write_artifact("test.json", "application/json", json.dumps(metrics).encode())

    def add_gallery(self, trials: list[int], names: list[str], classes: list[str]) -> None:
        """Pictures of round things; each further strategy misses one more of them."""
        images = []
        for index, name in enumerate(names):
            rng = np.random.default_rng(index)
            centres = rng.uniform((50, 50), (590, 430), (int(rng.integers(7, 16)), 2))
            radii = rng.uniform(22, 52, len(centres))
            self.ledger.write_artifact(f"gallery/{index}.jpg", "image/jpeg", _photograph(centres, radii))
            truth = [
                {"box": [*(centre - radius).tolist(), *(centre + radius).tolist()], "label": place % len(classes)}
                for place, (centre, radius) in enumerate(zip(centres, radii, strict=True))
            ]
            views = [
                _view(trial, 0.5 - 0.1 * place, truth, max(0, 4 - index) + place, rng)
                for place, trial in enumerate(trials)
            ]
            ignored = [[500, 380, 630, 470]] if index == 1 else []
            image = {"name": name, "width": 640, "height": 480, "thumbnail": f"gallery/{index}.jpg", "scale": 0.5}
            images.append({**image, "truth": truth, "ignored": ignored, "views": views})
        content = {"trial": trials[0], "validation_images": 87, "images": images}
        self.ledger.write_artifact("gallery.json", "application/json", json.dumps(content).encode())


def _view(
    trial: int, threshold: float, truth: list[dict[str, Any]], missed: int, rng: np.random.Generator
) -> dict[str, Any]:
    """All but the first objects are found, and one thing that is none."""
    detections = [
        {
            "box": [value + float(rng.normal(0, 4)) for value in one["box"]], "label": one["label"],
            "score": float(rng.uniform(0.5, 0.98)), "error": None,
        }
        for one in truth[missed:]
    ]  # fmt: skip
    detections.append({"box": [300, 30, 380, 90], "label": 0, "score": 0.55, "error": "Bkg"})
    found = [place >= missed for place in range(len(truth))]
    return {
        "trial": trial, "threshold": threshold, "missed": missed, "false_positives": 1, "found": found,
        "detections": detections,
    }  # fmt: skip


def _photograph(centres: Any, radii: Any) -> bytes:
    image = Image.new("RGB", (320, 240), (232, 214, 205))
    pen = ImageDraw.Draw(image)
    for (x, y), radius in zip(centres / 2, radii / 2, strict=True):
        pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill=(205, 140, 135), outline=(180, 105, 105))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=80)
    return stream.getvalue()


def finished_search(default_baseline: BaselineName = "full_fine_tuning") -> StudyBuilder:
    """A search as it ends: four baselines, a winner that freezes four stages, pruned, failed and stopped strategies.

    The best three, full fine-tuning and feature extraction were trained again: #4 is clearly better than either of these
    baselines and tied with #9. Which of the two counts depends on the default.
    """
    built = StudyBuilder(default_baseline=default_baseline)
    built.start()
    built.add(strategy(frozen=5), map=0.438, baseline="feature_extraction")
    built.add(strategy(frozen=3), map=0.471, baseline="partial_fine_tuning", seconds_per_epoch=8)
    built.add(strategy(frozen=5, lr=5.1e-3, channels=96), map=0.462)
    built.add(
        strategy("efficientnet_lite1", 4, 9.4e-4), "pruned", map=0.241, epochs=3, reason="below the rung at epoch 3"
    )
    winner = built.add(strategy(frozen=4, lr=4.6e-3, channels=96), map=0.503)
    built.add(strategy(frozen=0), map=0.446, baseline="full_fine_tuning", seconds_per_epoch=14)
    built.add(
        strategy(frozen=0, scratch=True),
        "pruned",
        map=0.051,
        epochs=3,
        baseline="from_scratch",
        reason="below the rung at epoch 3",
        seconds_per_epoch=14,
    )
    built.add(
        strategy("efficientnet_lite2", 2, 9.9e-3, 32),
        "failed",
        map=None,
        epochs=0,
        reason="the loss became nan in epoch 1, step 14",
    )
    built.add(strategy("efficientnet_lite1", 5, 3.8e-3), map=0.455)
    built.add(strategy("efficientnet_lite2", 4, 2.9e-3, 96), map=0.488)
    built.add(
        strategy("efficientnet_lite2", 1, 6.1e-4, 32), "pruned", map=0.188, epochs=3, reason="below the rung at epoch 3"
    )
    built.add(
        strategy("efficientnet_lite1", 2, 3.3e-3, 96), "pruned", map=0.372, epochs=6, reason="below the rung at epoch 6"
    )
    built.add(
        strategy("efficientnet_lite2", 0, 1.1e-3, 96),
        "infeasible",
        map=None,
        epochs=0,
        reason="needs 3.1 GB where 2.0 GB are free",
    )
    built.add(strategy(frozen=2, lr=1.8e-3, channels=32), map=0.452)
    built.add(strategy("efficientnet_lite1", 3, 4.1e-3, 96), map=0.479)
    built.add(
        strategy(frozen=4, lr=7.7e-3, channels=64), "pruned", map=0.353, epochs=3, reason="below the rung at epoch 3"
    )
    built.add(
        strategy("efficientnet_lite2", 3, 5.2e-3, 96), "stopped", map=0.464, epochs=7, reason="the budget was spent"
    )
    built.ledger.record_event("decision", "the default baseline starts: a cheap strategy is complete")
    built.add_gallery(
        [winner, 5, 9], [f"JPEGImages/BloodImage_{index:05d}.jpg" for index in (112, 47, 290, 338, 8, 199)], CLASSES
    )
    built.confirm(strategy(frozen=4, lr=4.6e-3, channels=96), 0.489, 0.476, 0.481)
    built.confirm(strategy("efficientnet_lite2", 4, 2.9e-3, 96), 0.478, 0.468, 0.484)
    built.confirm(strategy("efficientnet_lite1", 3, 4.1e-3, 96), 0.461, 0.455)
    built.confirm(strategy(frozen=0), 0.446, 0.439, 0.452, first_seed=0)
    built.confirm(strategy(frozen=5), 0.438, 0.431, 0.442, first_seed=0)
    built.add_looks({4: 0.468, 5: 0.431, 0: 0.417})
    built.end()
    return built
