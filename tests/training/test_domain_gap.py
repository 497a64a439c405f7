from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from autotl.data.dataset import Sample
from autotl.data.images import Pixels, read_image
from autotl.data.opening import open_dataset
from autotl.models.backbone import Backbone
from autotl.models.feature_net import create_net
from autotl.strategy.schema import BackbonePart, Strategy
from autotl.training import domain_gap
from autotl.training.domain_gap import (
    FAR_FROM,
    NEAR_UP_TO,
    PHOTOGRAPHS,
    DomainGap,
    StageGap,
    channel_distances,
    fill_square,
    level_of,
    measure_domain_gap,
)
from tests.data.test_real_datasets import DATA
from tests.training import tiny

SIDE = 64


def _altered(sample: Sample, change: Callable[[Pixels], Pixels]) -> Sample:
    return replace(sample, source=partial(Image.fromarray, change(read_image(sample))))


def _samples(change: Callable[[Pixels], Pixels] = lambda pixels: pixels) -> list[Sample]:
    return [_altered(tiny.sample(seed), change) for seed in range(1, 11)]


def _saved(name: str, folder: Path, samples: Sequence[Sample]) -> Strategy:
    """A backbone with random weights whose statistics are those of the samples."""
    torch.manual_seed(0)
    net = create_net(name, SIDE)
    backbone = Backbone.from_net(create_net(name, SIDE), name)
    for module in net.modules():
        if isinstance(module, _BatchNorm):
            module.momentum = 1.0
    images = torch.stack([fill_square(read_image(sample), SIDE) for sample in samples]) / 255
    net.train()(backbone.normalise(images))
    path = folder / f"{name}.safetensors"
    save_file(net.state_dict(), path)
    return Strategy(backbone=BackbonePart(name=name, weights=f"file:{path}"))


def _measure(strategy: Strategy, samples: Sequence[Sample], seed: int = 0, images: int = 10) -> DomainGap:
    return measure_domain_gap(strategy, samples, tiny.FLOAT32, side=SIDE, seed=seed, images=images)


def _distances(gap: DomainGap) -> list[float]:
    return [stage.distance for stage in gap.stages]


@pytest.fixture(scope="module")
def strategy(tmp_path_factory: pytest.TempPathFactory) -> Strategy:
    """With the statistics of the drawn images."""
    return _saved(tiny.BACKBONE, tmp_path_factory.mktemp("known"), _samples())


def test_images_with_the_stored_statistics_are_at_no_distance(strategy: Strategy) -> None:
    gap = _measure(strategy, _samples())
    assert [stage.stage for stage in gap.stages] == [1, 2, 3, 4, 5]
    # The stored variances are of a sample: of four positions an image at the last stage.
    assert max(_distances(gap)) < 2e-3
    assert gap.level == "near"
    assert (gap.images, gap.reason) == (10, "")


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet"])
def test_the_distance_grows_the_more_the_images_are_changed(name: str, tmp_path: Path) -> None:
    known = _saved(name, tmp_path, _samples())
    gaps = [_distances(_measure(known, _samples(lambda pixels, by=by: pixels + np.uint8(by)))) for by in (0, 5, 15)]  # type: ignore[misc]
    for unchanged, brighter, brightest in zip(*gaps, strict=True):
        assert unchanged < brighter < brightest
    inverted = _distances(_measure(known, _samples(lambda pixels: 255 - pixels)))
    assert all(one > 10 * other for one, other in zip(inverted, gaps[0], strict=True))


def test_the_distance_is_that_of_the_normalised_activations_from_mean_0_and_deviation_1() -> None:
    norm = nn.BatchNorm2d(3, eps=0.0)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.fill_(1.0)
    norm.running_var.fill_(4.0)
    found = channel_distances(norm, torch.tensor([1.0, 2.0, 1.0]), torch.tensor([4.0, 4.0, 36.0]))
    assert found.tolist() == pytest.approx([0.0, 0.25, 4.0])


def test_the_distance_has_no_unit() -> None:
    generator = torch.Generator().manual_seed(0)
    mean, variance = torch.randn(8, generator=generator), torch.rand(8, generator=generator) + 0.5
    found = []
    for scale in (1.0, 100.0):
        norm = nn.BatchNorm2d(8, eps=0.0)
        assert norm.running_var is not None
        norm.running_var.mul_(scale**2)
        found.append(channel_distances(norm, scale * mean, scale**2 * variance))
    assert torch.allclose(found[0], found[1])


def test_a_silent_channel_counts_no_more_than_one() -> None:
    norm = nn.BatchNorm2d(1, eps=1e-9)
    assert channel_distances(norm, torch.zeros(1), torch.zeros(1)).item() == pytest.approx(1.0, abs=1e-3)


def test_images_in_several_batches_count_as_in_one(strategy: Strategy, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = _samples(lambda pixels: 255 - pixels)
    whole = _distances(_measure(strategy, samples))
    monkeypatch.setattr(domain_gap, "_AT_ONCE", 3)
    assert _distances(_measure(strategy, samples)) == pytest.approx(whole, rel=1e-4)


def test_the_seed_decides_which_images_are_looked_at(strategy: Strategy) -> None:
    one, again, other = (_measure(strategy, _samples(), seed=seed, images=4) for seed in (0, 0, 1))
    assert one == again
    assert one.images == 4
    assert _distances(one) != _distances(other)


def test_measuring_draws_no_random_numbers_of_others(strategy: Strategy) -> None:
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    _measure(strategy, _samples(), images=2)
    assert torch.rand(1) == wanted


def test_without_batch_normalisation_there_is_a_reason_and_no_distance(tmp_path: Path) -> None:
    net = create_net("test_convnext", SIDE)
    save_file(net.state_dict(), tmp_path / "weights.safetensors")
    part = BackbonePart(name="test_convnext", weights=f"file:{tmp_path / 'weights.safetensors'}")
    gap = _measure(Strategy(backbone=part), _samples())
    assert (gap.stages, gap.relative, gap.level) == ((), None, None)
    assert gap.reason == "test_convnext has no batch normalisation, so it keeps no statistics of it"


def test_random_weights_and_no_images_are_reasons_too(strategy: Strategy) -> None:
    assert "random" in _measure(tiny.strategy(None), _samples()).reason
    assert _measure(strategy, []).reason == "there are no training images"


@pytest.mark.parametrize("size", [(40, 100), (100, 40), (64, 64), (7, 300)])
def test_a_square_is_filled_with_the_images_middle_and_nothing_else(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 10, np.uint8)
    image[size[0] // 4 : -(size[0] // 4), size[1] // 4 : -(size[1] // 4)] = 200
    square = fill_square(image, SIDE)
    assert square.shape == (3, SIDE, SIDE)
    assert int(square.min()) >= 10, "no padding"
    assert int(square[:, SIDE // 2, SIDE // 2].min()) == 200


def test_levels_and_times_follow_the_references() -> None:
    assert [level_of(value) for value in (0.0, NEAR_UP_TO, 3.0, FAR_FROM)] == ["near", "near", "moderate", "far"]
    stages = tuple(
        StageGap(stage=number, norms=1, distance=number * PHOTOGRAPHS[number]) for number in range(1, 6)
    )  # fmt: skip
    gap = DomainGap(backbone="a", weights="pretrained", images=1, stages=stages)
    assert gap.relative == pytest.approx(3.0)
    assert [stage.level for stage in stages] == ["near", "near", "moderate", "far", "far"]


def test_it_survives_json(strategy: Strategy) -> None:
    gap = _measure(strategy, _samples(), images=2)
    assert DomainGap.from_dict(json.loads(json.dumps(gap.to_dict()))) == gap


@pytest.mark.slow
@pytest.mark.parametrize(
    ("folder", "format", "level"),
    [("raccoon_csv", "voc", "near"), ("bccd_voc/BCCD", None, "far"), ("drone_person_coco", None, "far")],
)
def test_photographs_are_near_and_cells_and_water_from_above_are_far(
    folder: str, format: str | None, level: str
) -> None:
    if not (DATA / folder).exists():
        pytest.skip(f"{folder} is not at hand; AUTOTL_TEST_DATA names the folder of datasets")
    samples = open_dataset(DATA / folder, format=format).samples("train")
    assert measure_domain_gap(Strategy(), samples, tiny.FLOAT32, images=16).level == level
