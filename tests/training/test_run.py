"""A strategy trained and measured: the same again, frozen where it should be, and honest about what it kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from autotl.core.errors import DivergedError, OutOfMemoryError
from autotl.core.structures import Canvas
from autotl.data.dataset import Sample
from autotl.evaluation.evaluator import evaluate
from autotl.models.build import build_detector
from autotl.models.detector import Detector
from autotl.models.freeze import apply_freeze
from autotl.strategy.schema import Strategy
from autotl.training.loop import EpochRecord
from autotl.training.run import Run, Watch
from autotl.training.trunk import Trunk, detect
from autotl.training.workbench import Workbench
from tests.shapes import SIDE, draw_image
from tests.training import tiny

HEADS = ("fcos", "fcos_light", "retinanet", "faster_rcnn", "ssd")


def _losses(run: Run) -> list[float]:
    return [record.train_loss for record in run.fit.records]


def _outcome(run: Run) -> tuple[list[float], list[dict[str, object]], dict[str, bytes]]:
    """All that must not depend on anything but strategy and seed."""
    state = {name: value.numpy().tobytes() for name, value in run.fit.state.items()}
    return _losses(run), [record.metrics.to_dict() for record in run.fit.records], state


@pytest.mark.parametrize("level", ["flip", "light", "strong"])
def test_the_same_seed_gives_the_same_run_and_another_seed_another(level: str, weights: Path) -> None:
    chosen = tiny.strategy(weights, {"augment.level": level, "freeze.frozen_stages": 3, "optim.ema_decay": 0.5})
    one, again, other = (_outcome(tiny.train(chosen, seed=seed)) for seed in (0, 0, 1))
    assert one == again
    assert one[0] != other[0]
    assert one[2] != other[2]


def test_a_head_that_samples_at_random_repeats_itself_too(weights: Path) -> None:
    chosen = tiny.strategy(weights, {"head.kind": "faster_rcnn", "optim.epochs": 1})
    torch.rand(3)
    assert _outcome(tiny.train(chosen)) == _outcome(tiny.train(chosen))


def _hash(module: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in module.state_dict().items():
        digest.update(name.encode() + tensor.contiguous().numpy().tobytes())
    return digest.hexdigest()


def _statistics(module: nn.Module) -> str:
    return hashlib.sha256(b"".join(buffer.numpy().tobytes() for buffer in module.buffers())).hexdigest()


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("norm", ["frozen", "train"])
@pytest.mark.parametrize("stages", [0, 3, 5])
def test_frozen_means_frozen_through_a_whole_run(
    stages: int, norm: str, cached: bool, weights: Path, tmp_path: Path
) -> None:
    changes = {"freeze.frozen_stages": stages, "freeze.norm": norm, "optim.weight_decay": 0.1, "optim.ema_decay": 0.5}
    chosen = tiny.strategy(weights, changes)
    before = build_detector(chosen, 2, None).backbone.units
    detector = tiny.train(chosen, tiny.bench(folder=tmp_path if cached else None)).detector
    after, cut = detector.backbone.units, detector.cut
    assert 0 < cut < len(after) or stages != 3
    changed = [_hash(one) != _hash(other) for one, other in zip(before, after, strict=True)]
    assert changed == [position >= cut for position in range(len(after))]
    moved = [_statistics(one) != _statistics(other) for one, other in zip(before, after, strict=True)]
    assert moved == [position >= cut and norm == "train" for position in range(len(after))]


@pytest.mark.parametrize("probe_share", [0.0, 0.5])
def test_surgical_fine_tuning_trains_its_stages_alone_through_a_whole_run(probe_share: float, weights: Path) -> None:
    changes = {"freeze.frozen_stages": 1, "freeze.last_trained_stage": 3, "freeze.probe_share": probe_share}
    chosen = tiny.strategy(weights, {**changes, "freeze.norm": "train", "optim.weight_decay": 0.1})
    before = build_detector(chosen, 2, None).backbone
    after = tiny.train(chosen, tiny.bench()).detector.backbone
    trained = range(before.stage(1).end, before.stage(3).end)
    assert 0 < trained.start < trained.stop < len(before.units)
    for same in (_hash, _statistics):
        changed = [same(one) != same(other) for one, other in zip(before.units, after.units, strict=True)]
        assert changed == [position in trained for position in range(len(changed))]


def _measure(run: Run, bench: Workbench) -> dict[str, object]:
    """Metrics of the run's kept weights, loaded into a network of their own."""
    detector = build_detector(run.strategy, 2, run.anchors)
    apply_freeze(detector, run.strategy.freeze)
    bench.precision.place(detector)
    detector.load_state_dict(run.fit.state)
    trunk = Trunk(detector, bench.precision)
    found = partial(detect, detector, trunk)
    batches = bench.batches("val", run.strategy, trunk).in_order()
    metrics, _ = evaluate(found, batches, bench.truths, bench.sizes, detector.canvas, bench.dataset.classes)
    return metrics.to_dict()


@pytest.mark.parametrize("ema_decay", [0.0, 0.9])
def test_the_kept_weights_are_those_that_were_evaluated(ema_decay: float, weights: Path) -> None:
    bench = tiny.bench()
    run = tiny.train(tiny.strategy(weights, {"optim.ema_decay": ema_decay, "optim.lr": 5e-3}), bench)
    assert run.fit.records[-1].metrics.recall > 0
    assert _measure(run, bench) == run.fit.records[-1].metrics.to_dict()
    assert all(torch.equal(run.fit.state[name], value) for name, value in run.detector.state_dict().items())
    assert len(run.detections) == len(bench.truths)


def test_a_run_stopped_between_steps_keeps_its_last_evaluated_weights(weights: Path) -> None:
    chosen = tiny.strategy(weights, {"optim.epochs": 5, "freeze.frozen_stages": 3, "optim.lr": 5e-3})
    # Three steps an epoch: the eighth would be in the third epoch.
    bench, steps = tiny.bench(), list[tuple[int, int, int]]()
    watch = Watch(should_stop=lambda: len(steps) >= 7, on_step=lambda epoch, done, of: steps.append((epoch, done, of)))
    run = tiny.train(chosen, bench, watch=watch)
    assert steps == [(epoch, done, 3) for epoch in (1, 2) for done in (1, 2, 3)] + [(3, 1, 3)]
    assert run.fit.stopped
    assert [record.epoch for record in run.fit.records] == [1, 2]
    assert _measure(run, bench) == run.fit.records[-1].metrics.to_dict()
    assert all(torch.equal(run.fit.state[name], value) for name, value in run.detector.state_dict().items())
    whole = tiny.train(tiny.strategy(weights, {"optim.epochs": 5, "freeze.frozen_stages": 3, "optim.lr": 5e-3}))
    assert _losses(run) == _losses(whole)[:2]


def test_a_run_stopped_before_its_first_epoch_ended_has_nothing_to_show(weights: Path) -> None:
    looks = iter(range(10))
    run = tiny.train(tiny.strategy(weights), watch=Watch(should_stop=lambda: next(looks) >= 1))
    assert run.fit.stopped
    assert (run.fit.records, run.fit.state, run.detections, run.seconds_per_image) == ([], {}, [], None)


def test_a_run_that_ended_was_not_stopped_and_says_what_it_cost(weights: Path) -> None:
    told: list[EpochRecord] = []
    run = tiny.train(tiny.strategy(weights), watch=Watch(on_epoch=told.append))
    assert not run.fit.stopped
    assert told == run.fit.records
    assert [record.epoch for record in told] == [1, 2]
    for record in told:
        assert 0 < record.evaluation_seconds < record.seconds < run.seconds
    assert run.seconds_per_image is not None
    assert run.seconds_per_image > 0
    assert run.peak_memory_bytes > 10**7


def test_who_is_told_of_an_epoch_may_end_the_run(weights: Path) -> None:
    class PrunedError(Exception):
        pass

    def prune(record: EpochRecord) -> None:
        raise PrunedError

    with pytest.raises(PrunedError):
        tiny.train(tiny.strategy(weights), watch=Watch(on_epoch=prune))


def _wide(sample: Sample) -> Sample:
    """The upper half of an image without boxes."""
    pixels, found = draw_image(tiny.EMPTY_SEED)
    assert not found
    return replace(sample, height=SIDE // 2, source=partial(Image.fromarray, pixels[: SIDE // 2]))


def test_images_that_are_all_wide_are_trained_on_a_wide_canvas(weights: Path, tmp_path: Path) -> None:
    data = tiny.dataset(train=[tiny.EMPTY_SEED] * 4, val=[tiny.EMPTY_SEED])
    splits = {split: tuple(map(_wide, samples)) for split, samples in data.splits.items()}
    chosen = tiny.strategy(weights, {"input.image_size": 128, "augment.level": "none"})
    wide = replace(data, splits=splits)
    run = tiny.train(chosen, tiny.bench(wide))
    assert run.detector.canvas == Canvas(height=64, width=128)
    for _ in range(2):
        again = tiny.train(chosen, tiny.bench(wide, folder=tmp_path, feature_dtype=torch.float32))
        assert _losses(again) == _losses(run)
    # One image that is not as wide decides for all.
    mixed = replace(data, splits={**splits, "val": data.splits["val"]})
    assert tiny.train(chosen, tiny.bench(mixed)).detector.canvas == Canvas(height=128, width=128)


@pytest.mark.parametrize("head", HEADS)
def test_images_without_boxes_train_even_a_whole_batch_of_them(head: str, weights: Path) -> None:
    # One image of six has boxes, so two of three batches hold nothing.
    data = tiny.dataset(train=[1, 7, 14, 21, 28, 35], val=[101, 105])
    run = tiny.train(
        tiny.strategy(weights, {"head.kind": head, "optim.batch_size": 2, "optim.epochs": 1}), tiny.bench(data)
    )
    assert torch.tensor(_losses(run)).isfinite().all()
    before = build_detector(run.strategy, 2, run.anchors).neck
    assert not any(
        torch.equal(one, other) for one, other in zip(_kernels(before), _kernels(run.detector.neck), strict=True)
    )


def _kernels(module: nn.Module) -> list[Tensor]:
    return [parameter for name, parameter in module.named_parameters() if name.endswith("weight")]


@pytest.mark.parametrize("head", HEADS)
def test_a_dataset_whose_training_images_are_all_empty_trains(head: str, weights: Path) -> None:
    data = tiny.dataset(train=[7, 14], val=[105])
    run = tiny.train(tiny.strategy(weights, {"head.kind": head, "optim.epochs": 1}), tiny.bench(data))
    assert torch.tensor(_losses(run)).isfinite().all()
    assert run.fit.records[-1].metrics.map == 0.0


def _raising(error: Exception) -> Callable[..., dict[str, Tensor]]:
    def losses(*_: object) -> dict[str, Tensor]:
        raise error

    return losses


def test_running_out_of_memory_is_an_expected_failure(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Detector, "losses", _raising(torch.OutOfMemoryError("CUDA out of memory. Tried 2 GiB\nmore")))
    with pytest.raises(OutOfMemoryError, match=r"out of memory on cpu: CUDA out of memory\. Tried 2 GiB$"):
        tiny.train(tiny.strategy(weights))


def test_a_bug_stays_a_bug(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Detector, "losses", _raising(RuntimeError("shapes do not fit")))
    with pytest.raises(RuntimeError, match="shapes do not fit"):
        tiny.train(tiny.strategy(weights))


def _diverging(weights: Path, head: str, epochs: int) -> Strategy:
    changes = {
        "head.kind": head,
        "optim.lr": 1e30,
        "optim.warmup_epochs": 0,
        "optim.clip_norm": None,
        "optim.epochs": epochs,
        "optim.batch_size": 5,
    }
    return tiny.strategy(weights, changes)


@pytest.mark.parametrize("head", HEADS)
def test_a_learning_rate_that_breaks_the_weights_is_divergence_and_no_score(head: str, weights: Path) -> None:
    told: list[EpochRecord] = []
    with pytest.raises(DivergedError, match="stopped being finite"):
        tiny.train(_diverging(weights, head, epochs=3), watch=Watch(on_epoch=told.append))
    assert not told


def test_an_update_that_breaks_the_weights_in_the_last_step_is_divergence(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Detector, "losses", tiny.infinite_gradient)
    with pytest.raises(DivergedError, match="weights stopped being finite in epoch 1"):
        tiny.train(tiny.strategy(weights, {"optim.epochs": 1, "optim.batch_size": 10}))


def test_a_loss_that_is_no_number_is_divergence(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Detector.losses

    def losses(detector: Detector, activations: tuple[Tensor, ...], targets: list[object]) -> dict[str, Tensor]:
        found = real(detector, activations, targets)  # type: ignore[arg-type]
        return {name: loss * float("nan") for name, loss in found.items()}

    monkeypatch.setattr(Detector, "losses", losses)
    with pytest.raises(DivergedError, match="the loss stopped being finite within 3 steps of an epoch; a lower lr"):
        tiny.train(tiny.strategy(weights))
