"""What the trials of a process, and of others, share, and within which memory."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from autotl.core.cache import Cache
from autotl.core.resident import DeviceMemory
from autotl.core.shelf import Bytes, Shelf
from autotl.core.structures import Canvas
from autotl.strategy.schema import Strategy
from autotl.training import workbench
from autotl.training.precision import Precision
from autotl.training.run import Watch
from autotl.training.trunk import Trunk
from autotl.training.workbench import Workbench
from tests.training import tiny

TRAIN, VAL = 10, 6
ONE_64 = 3 * 64 * 64
PLAIN = {"augment.level": "none", "optim.epochs": 1}


def _counts(bench: Workbench) -> tuple[int, int]:
    return bench.use.images_computed, bench.use.images_read


def _trunk(bench: Workbench, chosen: Strategy) -> Trunk:
    return bench.trunk("train", chosen, tiny.detector(chosen))


def test_trials_of_one_image_size_share_decoded_images() -> None:
    bench = tiny.bench()
    small, large = tiny.strategy(), tiny.strategy(changes={"input.image_size": 96, "optim.batch_size": 2})
    trunk = _trunk(bench, small)
    assert bench.batches("train", small, trunk).store is bench.batches("train", small, trunk).store
    assert bench.batches("train", small, trunk).store is bench.canvases("train", small.input)
    assert bench.batches("train", small, trunk).store is not bench.batches("val", small, trunk).store
    assert bench.batches("train", large, trunk).store.canvas == Canvas(96, 96)
    assert bench.batches("train", large, trunk).batch_size == 2


@pytest.mark.parametrize("images", [0, 3, 100])
def test_decoded_images_and_activations_have_one_limit(images: int, weights: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache"
    bench = tiny.bench(folder=folder, max_bytes=images * ONE_64)
    for _ in range(2):
        tiny.train(tiny.strategy(weights, PLAIN), bench)
        assert bench.cache.bytes <= images * ONE_64
    kept = {path.name.split("-")[0] for path in tiny.shelves(folder, "") if Shelf(path).bytes}
    assert kept == ({"canvases", "features"} if images == 100 else kept)
    assert bool(kept) == (images > 0)


def test_a_gpu_lends_a_quarter_of_its_free_memory_and_a_cpu_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = {"cpu": 4 * 55, "cuda": 4 * 77}
    monkeypatch.setattr(workbench, "available_bytes", lambda device: free[device.type])
    cuda = Precision(torch.device("cuda"), torch.bfloat16, True)
    lent = {
        (precision.device.type, folder is not None): tiny.bench(precision=precision, folder=folder)._memory._max_bytes
        for precision in (tiny.FLOAT32, cuda)
        for folder in (None, tmp_path)
    }
    assert lent == {("cpu", False): 0, ("cpu", True): 0, ("cuda", False): 0, ("cuda", True): 77}


def test_the_truth_is_of_the_validation_images_as_they_are() -> None:
    bench = tiny.bench()
    samples = bench.dataset.samples("val")
    assert len(bench.truths) == len(bench.sizes) == len(samples)
    for truth, size, sample in zip(bench.truths, bench.sizes, samples, strict=True):
        assert truth.boxes_xyxy.tolist() == sample.boxes_xyxy.tolist()
        assert size == (sample.width, sample.height)


def test_without_room_for_decoded_images_a_run_is_the_same(weights: Path, tmp_path: Path) -> None:
    chosen = tiny.strategy(weights, {"augment.level": "strong", "optim.epochs": 1})
    wanted = tiny.train(chosen)
    for max_bytes in (10**9, 3 * ONE_64):
        found = tiny.train(chosen, tiny.bench(folder=tmp_path / str(max_bytes), max_bytes=max_bytes))
        assert found.fit.records[0].train_loss == wanted.fit.records[0].train_loss
        assert found.fit.records[0].metrics == wanted.fit.records[0].metrics


def test_a_second_trial_with_the_same_trunk_computes_nothing(weights: Path, tmp_path: Path) -> None:
    bench = tiny.bench(folder=tmp_path)
    for lr in (1e-3, 5e-3):
        changes = PLAIN | {"optim.lr": lr, "optim.epochs": 2, "head.neck_channels": 64}
        tiny.train(tiny.strategy(weights, changes), bench)
    assert _counts(bench) == (TRAIN + VAL, 3 * (TRAIN + VAL))


def test_a_second_trial_computes_only_views_that_are_new(weights: Path, tmp_path: Path) -> None:
    bench = tiny.bench(folder=tmp_path)
    tiny.train(tiny.strategy(weights, PLAIN), bench)
    tiny.train(tiny.strategy(weights, {"augment.level": "flip", "optim.epochs": 2}), bench)
    assert bench.use.images_computed == TRAIN + VAL + TRAIN
    tiny.train(tiny.strategy(weights, {"augment.level": "light", "optim.epochs": 8}), bench)
    assert bench.use.images_computed == VAL + 8 * TRAIN


def test_another_process_on_the_same_folder_computes_nothing_and_decodes_nothing(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = tiny.strategy(weights, {"optim.epochs": 2})
    first = tiny.bench(folder=tmp_path)
    wanted = tiny.train(chosen, first)
    decoded: list[object] = []
    monkeypatch.setattr("autotl.data.loading.read_image", decoded.append)
    second = tiny.bench(folder=tmp_path)
    found = tiny.train(chosen, second)
    assert _counts(second) == (0, 2 * (TRAIN + VAL))
    assert decoded == []
    assert [record.metrics for record in found.fit.records] == [record.metrics for record in wanted.fit.records]
    assert second.use.seconds_saved + second.use.reading_seconds > 0, "what computing takes is known from the first"


@pytest.mark.parametrize(
    "change",
    [
        {"freeze.frozen_stages": 4},
        {"input.image_size": 96},
        {"freeze.unit": "block", "freeze.frozen_stages": 0, "freeze.frozen_blocks": 2},
    ],
)
def test_other_cuts_and_image_sizes_share_nothing(change: dict[str, object], weights: Path, tmp_path: Path) -> None:
    bench = tiny.bench(folder=tmp_path)
    tiny.train(tiny.strategy(weights, PLAIN), bench)
    tiny.train(tiny.strategy(weights, PLAIN | change), bench)
    assert _counts(bench) == (2 * (TRAIN + VAL), 0)


def test_other_weights_share_nothing(weights: Path, tmp_path: Path) -> None:
    bench = tiny.bench(folder=tmp_path / "cache")
    for path in (weights, tiny.write_weights(tmp_path, seed=1)):
        tiny.train(tiny.strategy(path, PLAIN), bench)
    assert _counts(bench) == (2 * (TRAIN + VAL), 0)


def test_other_images_and_other_precisions_share_nothing(weights: Path, tmp_path: Path) -> None:
    chosen = tiny.strategy(weights, PLAIN)
    others = [
        tiny.bench(folder=tmp_path),
        tiny.bench(folder=tmp_path, feature_dtype=torch.float32),
        tiny.bench(folder=tmp_path, precision=Precision(tiny.CPU, None, False)),
        tiny.bench(tiny.dataset(train=range(2, 12)), folder=tmp_path),
    ]
    computed = []
    for bench in others:
        tiny.train(chosen, bench)
        computed.append(bench.use.images_computed)
    # Validation activations are stored in full whatever the training images' precision.
    assert computed == [TRAIN + VAL, TRAIN, TRAIN + VAL, TRAIN + VAL]


@pytest.mark.parametrize(("max_bytes", "rounding"), [(10**9, 0.0), (2 * 10**6, 2.0**-11)])
def test_activations_are_rounded_only_where_room_is_scarce(
    max_bytes: int, rounding: float, weights: Path, tmp_path: Path
) -> None:
    bench = tiny.bench(folder=tmp_path, max_bytes=max_bytes, feature_dtype=None)
    chosen = tiny.strategy(weights, {"augment.level": "flip", "optim.epochs": 3})
    with tiny.step_losses() as cached:
        tiny.train(chosen, bench)
    with tiny.step_losses() as uncached:
        tiny.train(chosen)
    assert bench.rounding == rounding
    assert (cached == uncached) == (rounding == 0.0)
    assert bench.use.images_read > 0


@pytest.mark.parametrize(
    ("name", "in_trunk"),
    [
        ("bn1.running_mean", True),
        ("blocks.1.0.bn1.running_var", True),
        ("blocks.1.0.bn2.weight", True),
        ("blocks.4.0.bn3.running_mean", False),
    ],
)
def test_a_changed_statistic_in_the_trunk_is_another_trunk_and_one_above_the_cut_is_not(
    name: str, in_trunk: bool, weights: Path, tmp_path: Path
) -> None:
    state = load_file(weights)
    state[name] = state[name].clone()
    state[name][0] += 2**-10
    other = tmp_path / "other.safetensors"
    save_file(state, other)
    bench, stages = tiny.bench(folder=tmp_path / "cache"), {"freeze.frozen_stages": 3}
    for path in (weights, other):
        tiny.train(tiny.strategy(path, PLAIN | stages), bench)
    assert len(tiny.shelves(tmp_path / "cache", "features-train")) == 1 + in_trunk
    assert bench.use.images_computed == (1 + in_trunk) * (TRAIN + VAL)


def test_strongly_varied_images_never_come_from_the_cache_and_validation_does(weights: Path, tmp_path: Path) -> None:
    bench = tiny.bench(folder=tmp_path)
    tiny.train(tiny.strategy(weights, {"augment.level": "strong"}), bench)
    assert _counts(bench) == (VAL, VAL)
    assert tiny.shelves(tmp_path, "features-train") == []
    assert len(tiny.shelves(tmp_path, "features-val")) == 1
    assert len(tiny.shelves(tmp_path, "canvases")) == 1


def test_with_nothing_frozen_nothing_but_images_is_cached(weights: Path, tmp_path: Path) -> None:
    bench = tiny.bench(folder=tmp_path)
    tiny.train(tiny.strategy(weights, {"freeze.frozen_stages": 0}), bench)
    tiny.train(tiny.strategy(None), bench)
    assert _counts(bench) == (0, 0)
    assert tiny.shelves(tmp_path, "features") == []
    assert len(tiny.shelves(tmp_path, "canvases")) == 1


def test_without_a_cache_everything_is_computed_each_time_and_nothing_kept(weights: Path, tmp_path: Path) -> None:
    bench = Workbench(tiny.dataset(), tiny.FLOAT32, Cache(tmp_path / "cache", 0), memory=DeviceMemory(tiny.CPU, 10**8))
    for number in (1, 2):
        tiny.train(tiny.strategy(weights, PLAIN), bench)
        assert _counts(bench) == (number * (TRAIN + VAL), 0)
    assert list(tmp_path.iterdir()) == []


class _Reads:
    """Counts the records that are looked for on shelves."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.count = 0
        real: Callable[[Shelf, int, Bytes], bool] = Shelf.read

        def read(shelf: Shelf, number: int, into: Bytes) -> bool:
            self.count += 1
            return real(shelf, number, into)

        monkeypatch.setattr(Shelf, "read", read)


def test_what_the_devices_memory_holds_is_not_read_again(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = tiny.strategy(weights, PLAIN | {"optim.epochs": 3, "freeze.frozen_stages": 3})
    with tiny.step_losses() as wanted:
        uncached = tiny.train(chosen)
    memory = DeviceMemory(tiny.CPU, 10**8)
    bench = tiny.bench(folder=tmp_path, feature_dtype=torch.float32, memory=memory)
    reads, after = _Reads(monkeypatch), list[int]()
    watch = Watch(on_epoch=lambda _record: after.append(reads.count))
    with tiny.step_losses() as found:
        run = tiny.train(chosen, bench, watch=watch)
        tiny.train(chosen, bench, watch=watch)
    assert found == pytest.approx(wanted * 2, rel=1e-5)
    assert run.fit.records[-1].metrics.map == pytest.approx(uncached.fit.records[-1].metrics.map, abs=1e-5)
    assert after[0] > 0
    assert after == after[:1] * 6
    assert reads.count == after[0]
    assert _counts(bench) == (TRAIN + VAL, 5 * (TRAIN + VAL))
    # A process that finds the shelves full reads each once.
    other = tiny.bench(folder=tmp_path, feature_dtype=torch.float32, memory=DeviceMemory(tiny.CPU, 10**8))
    tiny.train(chosen, other)
    assert _counts(other) == (0, 3 * (TRAIN + VAL))


@pytest.mark.parametrize("images", [1, 12, 30])
def test_too_little_memory_on_the_device_changes_no_result(images: int, weights: Path, tmp_path: Path) -> None:
    chosen = tiny.strategy(weights, {"augment.level": "flip", "optim.epochs": 3, "freeze.frozen_stages": 2})
    with tiny.step_losses() as wanted:
        tiny.train(chosen)
    memory = DeviceMemory(tiny.CPU, images * ONE_64)
    bench = tiny.bench(folder=tmp_path, feature_dtype=torch.float32, memory=memory)
    with tiny.step_losses() as found:
        tiny.train(chosen, bench)
        tiny.train(chosen, bench)
    assert found == pytest.approx(wanted * 2, rel=1e-5)
    assert memory.bytes <= images * ONE_64


@pytest.mark.parametrize("max_bytes", [10**9, 1])
def test_trials_of_different_levels_share_the_devices_memory(max_bytes: int, weights: Path, tmp_path: Path) -> None:
    """Whether or not the cache has room for anything."""
    memory = DeviceMemory(tiny.CPU, 10**8)
    bench = tiny.bench(folder=tmp_path / "cache", max_bytes=max_bytes, feature_dtype=torch.float32, memory=memory)
    for level in ("none", "light", "flip"):
        chosen = tiny.strategy(weights, {"augment.level": level, "optim.epochs": 1})
        found, wanted = (tiny.train(chosen, place).fit.records[0].train_loss for place in (bench, tiny.bench()))
        assert found == pytest.approx(wanted, rel=1e-5)
