"""The cache of activations changes how long a trial takes and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from torch import Tensor

from autotl.core.cache import Cache
from autotl.core.resident import DeviceMemory
from autotl.core.structures import Batch, Target
from autotl.data.pool import Places
from autotl.models.detector import Activations, Detector
from autotl.strategy.schema import Strategy
from autotl.training.feature_cache import FeatureStore, Mean
from autotl.training.loop import EpochRecord
from autotl.training.run import Run, Watch
from autotl.training.trunk import CacheUse, Tally, Trunk
from autotl.training.workbench import Workbench
from tests.training import tiny

TRAIN, VAL = 10, 6
EVEN_TRAIN, EVEN_VAL = 8, 4
BRIGHT = 0.433
"""Mean of pixels that half of the training images are above."""


def _even_bench(folder: Path | None = None, feature_dtype: torch.dtype = torch.float32) -> Workbench:
    """All batches have four images: a convolution rounds otherwise where a batch has fewer."""
    data = tiny.dataset(train=range(1, EVEN_TRAIN + 1), val=range(101, EVEN_VAL + 101))
    return tiny.bench(data, folder=folder, feature_dtype=feature_dtype)


def _losses(chosen: Strategy, bench: Workbench) -> tuple[list[float], Run]:
    """The loss of every step, and the run."""
    with tiny.step_losses() as losses:
        run = tiny.train(chosen, bench)
    return losses, run


def _counts(bench: Workbench) -> tuple[int, int]:
    return bench.use.images_computed, bench.use.images_read


def _same_state(one: Run, other: Run) -> bool:
    return all(torch.equal(value, other.fit.state[name]) for name, value in one.fit.state.items())


@pytest.mark.parametrize(
    ("head", "stages", "level", "views"),
    [
        ("fcos", 5, "flip", 2),
        ("fcos", 2, "light", 3),
        ("fcos_light", 3, "none", 1),
        ("retinanet", 5, "light", 3),
        ("faster_rcnn", 4, "flip", 2),
        ("ssd", 3, "flip", 2),
    ],
)
def test_a_cached_run_is_the_uncached_one_to_the_bit(
    head: str, stages: int, level: str, views: int, weights: Path, tmp_path: Path
) -> None:
    changes = {"augment.level": level, "head.kind": head, "freeze.frozen_stages": stages, "optim.epochs": 3}
    chosen = tiny.strategy(weights, changes)
    plain, bench = _even_bench(), _even_bench(tmp_path)
    wanted, uncached = _losses(chosen, plain)
    assert _counts(plain) == (3 * (EVEN_TRAIN + EVEN_VAL), 0)
    passes = 3 * (EVEN_TRAIN + EVEN_VAL)
    computed = views * EVEN_TRAIN + EVEN_VAL
    for number in (1, 2):
        found, run = _losses(chosen, bench)
        assert found == wanted
        assert _same_state(run, uncached)
        assert [record.metrics for record in run.fit.records] == [record.metrics for record in uncached.fit.records]
        assert _counts(bench) == (computed, number * passes - computed)


def test_necks_on_other_stages_keep_their_activations_apart(weights: Path, tmp_path: Path) -> None:
    bench = tiny.bench(folder=tmp_path)
    for finest_level in (3, 2, 3):
        run = tiny.train(tiny.strategy(weights, {"head.finest_level": finest_level, "optim.epochs": 1}), bench)
        assert run.detector.neck.stages[0] == finest_level
    assert len(tiny.shelves(tmp_path)) == 2 * len(("train", "val"))


@pytest.mark.parametrize(
    ("stages", "norm", "head"), [(5, "frozen", "fcos"), (3, "train", "fcos_light"), (5, "frozen", "ssd")]
)
def test_a_cached_run_agrees_with_the_uncached_one_whatever_the_batches(
    stages: int, norm: str, head: str, weights: Path, tmp_path: Path
) -> None:
    changes = {
        "freeze.frozen_stages": stages,
        "freeze.norm": norm,
        "head.kind": head,
        "optim.epochs": 4,
        "optim.lr": 3e-3,
    }
    chosen = tiny.strategy(weights, changes)
    bench = tiny.bench(folder=tmp_path, feature_dtype=torch.float32)
    one, other = tiny.train(chosen, bench), tiny.train(chosen)
    for cached, plain in zip(one.fit.records, other.fit.records, strict=True):
        # A convolution rounds otherwise for another batch, and a batch of the cache is what it lacks.
        assert cached.train_loss == pytest.approx(plain.train_loss, rel=1e-5)
        assert cached.metrics.map == pytest.approx(plain.metrics.map, abs=1e-5)
        assert cached.metrics.recall == pytest.approx(plain.metrics.recall, abs=1e-5)
    assert one.fit.records[-1].metrics.recall > 0
    # Each image and its mirror image once.
    assert _counts(bench) == (2 * TRAIN + VAL, 2 * TRAIN + 3 * VAL)


@pytest.mark.parametrize(
    ("head", "stages", "level"), [("fcos", 5, "flip"), ("fcos_light", 3, "light"), ("ssd", 5, "flip")]
)
def test_in_half_precision_twenty_steps_have_nearly_the_same_losses(
    head: str, stages: int, level: str, weights: Path, tmp_path: Path
) -> None:
    changes = {"head.kind": head, "freeze.frozen_stages": stages, "augment.level": level, "optim.epochs": 10}
    chosen = tiny.strategy(weights, changes | {"optim.lr": 2e-4})
    wanted, _ = _losses(chosen, _even_bench())
    found, _ = _losses(chosen, _even_bench(tmp_path, torch.float16))
    assert len(found) == 20
    assert found == pytest.approx(wanted, rel=1e-3)
    assert found != wanted


@pytest.mark.parametrize("head", ["retinanet", "faster_rcnn"])
def test_in_half_precision_the_first_step_has_nearly_the_same_loss(head: str, weights: Path, tmp_path: Path) -> None:
    """In later ones small differences grow, however small they were."""
    chosen = tiny.strategy(weights, {"head.kind": head, "optim.epochs": 1})
    wanted, _ = _losses(chosen, _even_bench())
    found, _ = _losses(chosen, _even_bench(tmp_path, torch.float16))
    assert found[0] == pytest.approx(wanted[0], rel=1e-3)
    assert found[0] != wanted[0]


def test_what_the_cache_holds_at_the_start_changes_no_number(weights: Path, tmp_path: Path) -> None:
    """In half precision too: activations computed a moment ago are rounded as if they had been read."""
    chosen = tiny.strategy(weights, {"freeze.frozen_stages": 3, "optim.epochs": 3})
    first, one = _losses(chosen, _even_bench(tmp_path / "cache", torch.float16))
    again, other = _losses(chosen, _even_bench(tmp_path / "cache", torch.float16))
    assert first == again
    assert _same_state(one, other)


def test_validation_sees_what_the_detector_computes_to_the_bit(weights: Path, tmp_path: Path) -> None:
    chosen, bench = tiny.strategy(weights, {"freeze.frozen_stages": 3}), _even_bench(tmp_path, torch.float16)
    detector = tiny.detector(chosen)
    plain = Trunk(detector, bench.precision)
    for split, exact in (("val", True), ("train", False)):
        trunk = bench.trunk(split, chosen, detector)  # type: ignore[arg-type]
        for _ in range(2):
            for batch in bench.batches(split, chosen, trunk).in_order():  # type: ignore[arg-type]
                pairs = list(zip(trunk(batch), plain(batch), strict=True))
                assert all(torch.equal(one, other) for one, other in pairs) == exact
                for one, other in pairs:
                    torch.testing.assert_close(one, other, rtol=5e-4, atol=1e-6, check_stride=True)
    assert _counts(bench) == (EVEN_TRAIN + EVEN_VAL, EVEN_TRAIN + EVEN_VAL)


def _passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many images go through the trunk at once, from now on."""
    passes: list[int] = []
    real = Detector.trunk

    def trunk(detector: Detector, images: Tensor) -> Activations:
        passes.append(len(images))
        return real(detector, images)

    monkeypatch.setattr(Detector, "trunk", trunk)
    return passes


FORTY = range(1, 41)


def test_the_cache_fills_as_the_first_epoch_is_trained(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Little is computed ahead: a trial that is stopped early has hardly paid for what it did not use."""
    passes, seen = _passes(monkeypatch), list[tuple[int, list[int]]]()
    watch = Watch(on_step=lambda epoch, _done, _steps: seen.append((epoch, passes.copy())))
    chosen = tiny.strategy(weights, {"augment.level": "none", "optim.epochs": 2, "optim.batch_size": 4})
    bench = tiny.bench(tiny.dataset(train=FORTY), folder=tmp_path)
    tiny.train(chosen, bench, watch=watch)
    # Four batches at a time.
    assert [passes for _, passes in seen[:10]] == [[16]] * 4 + [[16, 16]] * 4 + [[16, 16, 8]] * 2
    # Then the validation images; the second epoch computes nothing.
    assert seen[10:] == [(2, [16, 16, 8, 6])] * 10
    # What was computed with an earlier batch was not read.
    assert (bench.use.images_computed, bench.use.images_read) == (40 + 6, 40 + 6)


def test_of_what_follows_only_what_is_missing_is_computed(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tiny.dataset(train=FORTY)
    chosen = tiny.strategy(weights, {"augment.level": "flip", "optim.epochs": 1, "optim.batch_size": 2})
    tiny.train(chosen, tiny.bench(data, folder=tmp_path))
    # Of two views each image has one by now; the order of another seed meets it again half of the time.
    passes, bench = _passes(monkeypatch), tiny.bench(data, folder=tmp_path)
    in_training: list[int] = []
    tiny.train(chosen, bench, seed=1, watch=Watch(on_step=lambda *_: in_training.__setitem__(slice(None), passes)))
    assert bench.use.images_read + bench.use.images_computed == 40 + 6
    assert sum(in_training) == bench.use.images_computed < 40
    assert max(in_training) < 16


@pytest.mark.parametrize("batch_size", [1, 3, 4, 16, 20])
def test_passes_of_any_size_give_the_same_run(batch_size: int, weights: Path, tmp_path: Path) -> None:
    chosen = tiny.strategy(weights, {"optim.epochs": 2, "optim.batch_size": batch_size})
    data = tiny.dataset(train=range(1, 24))
    with tiny.step_losses() as cached:
        tiny.train(chosen, tiny.bench(data, folder=tmp_path, feature_dtype=torch.float32))
    with tiny.step_losses() as uncached:
        tiny.train(chosen, tiny.bench(data))
    assert cached == pytest.approx(uncached, rel=1e-5)


def test_a_damaged_record_is_noticed_and_computed_again(weights: Path, tmp_path: Path) -> None:
    changes = {"augment.level": "none", "freeze.frozen_stages": 2, "optim.epochs": 2}
    chosen = tiny.strategy(weights, changes)
    bench = _even_bench(tmp_path)
    wanted, _ = _losses(chosen, bench)
    assert bench.cache.damaged == 0
    (path,) = tiny.shelves(tmp_path, "features-train")
    content = bytearray(path.read_bytes())
    # The records are behind everything else; the first one is in use.
    shelf = bench.cache.open(path.stem)
    assert shelf is not None
    at = len(content) - shelf.records * shelf.record_bytes + shelf.record_bytes // 2
    content[at] ^= 1
    path.write_bytes(content)
    again = _even_bench(tmp_path)
    found, _ = _losses(chosen, again)
    assert found == wanted
    assert again.cache.damaged == 1
    assert _counts(again) == (1, 2 * (EVEN_TRAIN + EVEN_VAL) - 1)


def test_values_too_large_for_half_precision_are_trained_with_in_full(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Detector.trunk

    def trunk(detector: Detector, images: Tensor) -> Activations:
        *others, last = real(detector, images)
        # Those of some images alone.
        large = images.mean((1, 2, 3)) > BRIGHT
        return (*others, torch.where(large[:, None, None, None], last * 1e5, last))

    monkeypatch.setattr(Detector, "trunk", trunk)
    changes = {"augment.level": "none", "optim.epochs": 2, "optim.lr": 1e-6}
    chosen, bench = tiny.strategy(weights, changes), _even_bench(tmp_path, torch.float16)
    wanted, _ = _losses(chosen, _even_bench())
    for exact in (False, True):
        found, _ = _losses(chosen, bench)
        assert found == (wanted if exact else pytest.approx(wanted, rel=1e-3))
    layouts = [shelf.meta["layout"] for path in tiny.shelves(tmp_path) if (shelf := bench.cache.open(path.stem))]
    assert [part["stored"] for layout in layouts for part in layout] == ["float32"] * 6


@pytest.mark.parametrize("images", [0, 1, 9, EVEN_TRAIN + 2])
def test_too_little_room_changes_no_result(images: int, weights: Path, tmp_path: Path) -> None:
    chosen = tiny.strategy(weights, {"augment.level": "none", "optim.epochs": 2, "freeze.frozen_stages": 2})
    wanted, uncached = _losses(chosen, _even_bench())
    roomy = _even_bench(tmp_path / "roomy")
    tiny.train(chosen, roomy)
    (path,) = tiny.shelves(tmp_path / "roomy", "features-train")
    shelf = roomy.cache.open(path.stem)
    assert shelf is not None
    data = roomy.dataset
    max_bytes = images * shelf.record_bytes
    bench = tiny.bench(data, folder=tmp_path / "tight", max_bytes=max_bytes, feature_dtype=torch.float32)
    for _ in range(2):
        found, run = _losses(chosen, bench)
        # A batch of which some were read rounds otherwise.
        assert found == pytest.approx(wanted, rel=1e-5)
        assert run.fit.records[-1].metrics.map == pytest.approx(uncached.fit.records[-1].metrics.map, abs=1e-5)
        assert bench.cache.bytes <= max_bytes
    assert bench.use.images_read < roomy.use.images_read or images > EVEN_TRAIN


class _Pixels:
    """Four noise images, the last one dark; knows which were asked for."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self._images = torch.randint(256, (4, 3, 64, 64), dtype=torch.uint8, generator=generator)
        self._images[3] //= 4
        self.asked: list[tuple[int, int]] = []

    def batch(self, indices: list[int], views: list[int]) -> Batch:
        """A batch without boxes; view 1 is mirrored."""

        def load(positions: Sequence[int]) -> Tensor:
            kinds = [(indices[position], views[position]) for position in positions]
            self.asked += kinds
            return torch.stack([self._images[i].flip(-1) if view else self._images[i] for i, view in kinds])

        return Batch(
            targets=(Target.empty(),) * len(indices),
            indices=torch.tensor(indices),
            views=torch.tensor(views),
            load=load,
        )


class _Bench:
    """A trunk with a store of its own, and the same trunk without."""

    def __init__(self, weights: Path, folder: Path, memory_bytes: int = 0, dtype: torch.dtype = torch.float32):
        self.pixels = _Pixels()
        self.detector = tiny.detector(tiny.strategy(weights))
        self.cache = Cache(folder, 10**8)
        memory = DeviceMemory(tiny.CPU, memory_bytes)
        self.store = FeatureStore(self.cache, memory, "these", Places.of_all("pool", 4), 4, 2, dtype)
        self.tally = Tally()
        self.cached = Trunk(self.detector, tiny.FLOAT32, self.store, self.tally)
        self.plain = Trunk(self.detector, tiny.FLOAT32)

    def counts(self) -> tuple[int, int]:
        return self.tally.use.images_computed, self.tally.use.images_read

    def agree(self, batch: Batch) -> None:
        wanted = self.plain(batch)
        self.pixels.asked.clear()
        for one, other in zip(self.cached(batch), wanted, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5, check_stride=True)


def test_activations_are_those_of_each_image_and_view_in_the_batchs_order(weights: Path, tmp_path: Path) -> None:
    bench = _Bench(weights, tmp_path)
    for indices, views, asked in (
        ([0, 1, 2], [0, 1, 0], [(0, 0), (1, 1), (2, 0)]),
        ([2, 3, 1, 0], [0, 0, 0, 1], [(3, 0), (1, 0), (0, 1)]),
        ([1, 0], [1, 0], []),
    ):
        batch = bench.pixels.batch(indices, views)
        foreseen = [(indices[at], views[at]) for at in bench.cached.wanted(batch.indices, batch.views)]
        bench.agree(batch)
        assert bench.pixels.asked == foreseen == asked, "pixels are asked for only where something is computed"
    assert bench.counts() == (6, 3)


def test_where_computing_is_cheaper_nothing_is_read_or_written(weights: Path, tmp_path: Path) -> None:
    bench = _Bench(weights, tmp_path)
    batch = bench.pixels.batch([0, 1], [0, 0])
    bench.agree(batch)
    kept = bench.cache.bytes
    bench.store.reading, bench.store.computing = Mean(64.0, 32), Mean(32.0, 32)
    assert bench.cached.wanted(batch.indices, batch.views) == [0, 1]
    bench.agree(batch)
    bench.agree(bench.pixels.batch([2, 3], [0, 0]))
    assert bench.pixels.asked == [(2, 0), (3, 0)]
    assert bench.counts() == (6, 0)
    assert bench.cache.bytes == kept
    assert bench.store.reading == Mean(64.0, 32)
    # And where it is dearer again, everything is as it was.
    bench.store.reading, bench.store.computing = Mean(32.0, 32), Mean(64.0, 32)
    assert bench.cached.wanted(batch.indices, batch.views) == []
    bench.agree(batch)
    assert bench.pixels.asked == []
    assert bench.counts() == (6, 2)


@pytest.mark.parametrize("memory_bytes", [0, 10**8])
def test_a_batch_of_which_some_were_read_is_computed_whole_where_the_rest_is_too_large(
    memory_bytes: int, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Detector.trunk

    def trunk(detector: Detector, images: Tensor) -> Activations:
        dark = images.mean((1, 2, 3)) < 0.25
        return tuple(torch.where(dark[:, None, None, None], part * 1e6, part) for part in real(detector, images))

    monkeypatch.setattr(Detector, "trunk", trunk)
    bench = _Bench(weights, tmp_path, memory_bytes, dtype=torch.float16)
    bench.cached(bench.pixels.batch([0, 1], [0, 0]))
    assert bench.store.relative_error > 0
    batch = bench.pixels.batch([1, 3, 0, 2], [0, 0, 0, 0])
    for number in range(2):
        bench.agree(batch)
        asked = set() if memory_bytes else {(1, 0), (0, 0)}
        assert set(bench.pixels.asked) == ({(0, 0), (1, 0), (2, 0), (3, 0)}, asked)[number]
    assert bench.store.relative_error == 0.0


def test_what_the_device_holds_is_neither_read_nor_computed(weights: Path, tmp_path: Path) -> None:
    bench = _Bench(weights, tmp_path, memory_bytes=10**8)
    batch = bench.pixels.batch([0, 1, 3], [0, 1, 0])
    bench.agree(batch)
    bench.store.reading, bench.store.computing = Mean(64.0, 32), Mean(32.0, 32)
    for path in tiny.shelves(tmp_path):
        path.unlink()
    assert bench.cached.wanted(batch.indices, batch.views) == []
    bench.agree(batch)
    assert bench.pixels.asked == []
    assert bench.counts() == (3, 3)
    assert bench.tally.use.seconds_saved == 3.0, "computing each would have taken a second"


def test_what_was_saved_is_computing_less_reading(weights: Path, tmp_path: Path) -> None:
    bench = _Bench(weights, tmp_path)
    batch = bench.pixels.batch([0, 1], [0, 0])
    bench.agree(batch)
    assert bench.tally.use.computing_seconds > 0
    assert (bench.tally.use.reading_seconds, bench.tally.use.seconds_saved) == (0.0, 0.0)
    bench.store.computing = Mean(640.0, 32)
    bench.agree(batch)
    reading = bench.tally.use.reading_seconds
    assert 0 < reading < 1
    assert bench.tally.use.seconds_saved == pytest.approx(2 * 20.0 - reading)


def test_uses_add_up_and_can_be_told_apart() -> None:
    one, other = CacheUse(1, 2, 3.0, 4.0, 5.0), CacheUse(10, 20, 30.0, 40.0, 50.0)
    assert one + other == CacheUse(11, 22, 33.0, 44.0, 55.0)
    assert (one + other) - one == other


def test_trials_of_a_process_share_one_tally(weights: Path, tmp_path: Path) -> None:
    bench, told = _even_bench(tmp_path), list[CacheUse]()

    def note(_record: EpochRecord) -> None:
        told.append(bench.use)

    chosen = tiny.strategy(weights, {"augment.level": "none", "optim.epochs": 1})
    for _ in range(2):
        tiny.train(chosen, bench, watch=Watch(on_epoch=note))
    assert [(use.images_computed, use.images_read) for use in told] == [(12, 0), (12, 12)]
    assert told[1].computing_seconds == told[0].computing_seconds > 0
    assert told[1].reading_seconds > 0
