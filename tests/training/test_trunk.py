"""The cache of activations changes how long a trial takes and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from autotl.core.structures import Batch, Target
from autotl.strategy.schema import Strategy
from autotl.training.run import Run
from autotl.training.trunk import Trunk
from autotl.training.workbench import Workbench
from tests.training import tiny

TRAIN, VAL = 10, 6


def _run(chosen: Strategy, bench: Workbench, *, cached: bool) -> Run:
    if not cached:
        bench.trunk = lambda split, strategy, detector: Trunk(detector, bench.precision)  # type: ignore[method-assign]
    return tiny.train(chosen, bench)


def _counts(bench: Workbench) -> tuple[int, int]:
    return bench.features.images_computed, bench.features.images_read


@pytest.mark.parametrize("stages", [2, 5])
@pytest.mark.parametrize("head", ["fcos", "faster_rcnn"])
def test_without_views_a_cached_run_is_the_uncached_one_to_the_bit(head: str, stages: int, weights: Path) -> None:
    changes = {"augment.level": "none", "head.kind": head, "freeze.frozen_stages": stages, "optim.epochs": 1}
    chosen = tiny.strategy(weights, changes)
    bench, plain = tiny.bench(), tiny.bench()
    one, other = _run(chosen, bench, cached=True), _run(chosen, plain, cached=False)
    assert _counts(bench) == (TRAIN + VAL, 0)
    assert _counts(plain) == (0, 0)
    assert [r.train_loss for r in one.fit.records] == [r.train_loss for r in other.fit.records]
    assert all(torch.equal(value, other.fit.state[name]) for name, value in one.fit.state.items())


@pytest.mark.parametrize(
    ("stages", "norm", "head"), [(5, "frozen", "fcos"), (3, "train", "fcos"), (5, "frozen", "ssd")]
)
def test_a_cached_run_agrees_with_the_uncached_one(stages: int, norm: str, head: str, weights: Path) -> None:
    changes = {
        "freeze.frozen_stages": stages,
        "freeze.norm": norm,
        "head.kind": head,
        "optim.epochs": 4,
        "optim.lr": 3e-3,
    }
    chosen = tiny.strategy(weights, changes)
    bench = tiny.bench()
    one, other = _run(chosen, bench, cached=True), _run(chosen, tiny.bench(), cached=False)
    for cached, plain in zip(one.fit.records, other.fit.records, strict=True):
        # A convolution rounds otherwise for another batch, and a batch of the cache is what it lacks.
        assert cached.train_loss == pytest.approx(plain.train_loss, rel=1e-5)
        assert cached.metrics.map == pytest.approx(plain.metrics.map, abs=1e-5)
        assert cached.metrics.recall == pytest.approx(plain.metrics.recall, abs=1e-5)
    assert one.fit.records[-1].metrics.recall > 0
    computed, read = _counts(bench)
    assert computed + read == 4 * (TRAIN + VAL)
    # Each image and its mirror image once at most.
    assert TRAIN + VAL < computed <= 2 * TRAIN + VAL


def test_a_second_trial_with_the_same_trunk_computes_only_views_that_are_new(weights: Path) -> None:
    bench = tiny.bench()
    for lr in (1e-3, 5e-3):
        tiny.train(tiny.strategy(weights, {"optim.lr": lr, "augment.level": "none", "head.neck_channels": 64}), bench)
    assert _counts(bench) == (TRAIN + VAL, 3 * (TRAIN + VAL))


@pytest.mark.parametrize(
    "change",
    [
        {"freeze.frozen_stages": 4},
        {"input.image_size": 96},
        {"freeze.unit": "block", "freeze.frozen_stages": 0, "freeze.frozen_blocks": 2},
    ],
)
def test_other_cuts_and_image_sizes_share_nothing(change: dict[str, object], weights: Path) -> None:
    bench = tiny.bench()
    plain = {"augment.level": "none", "optim.epochs": 1}
    tiny.train(tiny.strategy(weights, plain), bench)
    tiny.train(tiny.strategy(weights, plain | change), bench)
    assert _counts(bench) == (2 * (TRAIN + VAL), 0)


def test_other_weights_share_nothing(weights: Path, tmp_path: Path) -> None:
    bench = tiny.bench()
    for path in (weights, tiny.write_weights(tmp_path, seed=1)):
        tiny.train(tiny.strategy(path, {"augment.level": "none", "optim.epochs": 1}), bench)
    assert _counts(bench) == (2 * (TRAIN + VAL), 0)


def test_strongly_varied_images_never_come_from_the_cache_and_validation_does(weights: Path) -> None:
    bench = tiny.bench()
    tiny.train(tiny.strategy(weights, {"augment.level": "strong"}), bench)
    assert _counts(bench) == (VAL, VAL)


def test_with_nothing_frozen_nothing_is_cached(weights: Path) -> None:
    bench = tiny.bench()
    tiny.train(tiny.strategy(weights, {"freeze.frozen_stages": 0}), bench)
    tiny.train(tiny.strategy(None), bench)
    assert _counts(bench) == (0, 0)
    assert bench.features.bytes == 0


@pytest.mark.parametrize("images", [0, 1, TRAIN + 2])
def test_too_little_memory_for_the_cache_changes_no_result(images: int, weights: Path) -> None:
    chosen = tiny.strategy(weights, {"augment.level": "none", "optim.epochs": 1})
    roomy = tiny.bench()
    wanted = tiny.train(chosen, roomy)
    one_image = roomy.features.bytes // (TRAIN + VAL)
    bench = tiny.bench()
    bench.features.max_bytes = images * one_image
    for _ in range(2):
        run = tiny.train(chosen, bench)
        assert bench.features.bytes <= images * one_image
        assert run.fit.records[-1].train_loss == pytest.approx(wanted.fit.records[-1].train_loss, rel=1e-5)
    assert bench.features.images_read >= min(images, TRAIN)


def _batch(indices: list[int], flipped: list[bool]) -> Batch:
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(256, (4, 3, 64, 64), dtype=torch.uint8, generator=generator)[indices]
    images = torch.where(torch.tensor(flipped)[:, None, None, None], images.flip(-1), images)
    return Batch(
        images=images,
        targets=tuple(Target.empty() for _ in indices),
        indices=torch.tensor(indices),
        flipped=torch.tensor(flipped),
    )


def _batches() -> Iterator[Batch]:
    yield _batch([0, 1, 2], [False, True, False])
    yield _batch([2, 3, 1, 0], [False, False, False, True])
    yield _batch([1, 0], [True, False])


def test_activations_are_those_of_each_image_and_view_in_the_batchs_order(weights: Path) -> None:
    chosen, bench = tiny.strategy(weights), tiny.bench()
    detector = tiny.train(chosen, bench).detector.eval()
    bench.features.images_computed = bench.features.images_read = 0
    cached = Trunk(detector, bench.precision, bench.features, bench.features.open("these"))
    plain = Trunk(detector, bench.precision)
    for batch in _batches():
        for one, other in zip(cached(batch), plain(batch), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5, check_stride=True)
    assert _counts(bench) == (6, 3)
