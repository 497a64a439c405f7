"""AdaBN: statistics become those of the images, weights stay, and the trunk's activations are kept under another name."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from unittest import mock

import pytest
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from autotl.models.backbone import LEAST_EPS, norm_eps, set_norm_eps
from autotl.models.weights import trunk_fingerprint
from autotl.training import adapt
from autotl.training.run import detector_for
from tests.training import tiny


def _norms(module: nn.Module) -> list[_BatchNorm]:
    return [part for part in module.modules() if isinstance(part, _BatchNorm)]


def test_the_first_layer_knows_mean_and_variance_of_what_it_sees(weights: Path) -> None:
    bench = tiny.bench()
    chosen = tiny.strategy(weights, {"freeze.norm": "adapted"})
    detector, _ = detector_for(chosen, bench)
    images = bench.first_batch("train", chosen.input, 10).images
    backbone = detector.backbone
    first = next(part for part in backbone.units[0].modules() if isinstance(part, nn.Conv2d))
    norm = _norms(backbone.units[0])[0]
    seen: list[torch.Tensor] = []
    first.register_forward_hook(lambda _module, _inputs, output: seen.append(output))
    with torch.no_grad():
        backbone.units[0](backbone.normalise(tiny.FLOAT32.to_input(images)))
    assert norm.running_mean is not None
    assert norm.running_var is not None
    torch.testing.assert_close(norm.running_mean, seen[0].mean((0, 2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm.running_var, seen[0].var((0, 2, 3)), rtol=1e-4, atol=1e-5)


def test_weights_stay_and_all_statistics_move_below_the_cut_too(weights: Path) -> None:
    bench = tiny.bench()
    plain, _ = detector_for(tiny.strategy(weights), bench)
    adapted, _ = detector_for(tiny.strategy(weights, {"freeze.norm": "adapted"}), bench)
    for (name, before), after in zip(plain.backbone.named_parameters(), adapted.backbone.parameters(), strict=True):
        assert torch.equal(before, after), name
    for norm, other in zip(_norms(plain.backbone), _norms(adapted.backbone), strict=True):
        assert norm.running_mean is not None
        assert other.running_mean is not None
        assert not torch.equal(norm.running_mean, other.running_mean)
        assert norm.momentum == other.momentum
    assert trunk_fingerprint(plain) != trunk_fingerprint(adapted), "what is kept of one is not read by the other"


def test_layers_without_an_eps_get_one_for_the_variances_of_batches(weights: Path) -> None:
    bench = tiny.bench()
    chosen = tiny.strategy(weights)
    detector, _ = detector_for(chosen, bench)
    set_norm_eps(detector.backbone, 0.0)
    adapt.adapt_statistics(detector.backbone, bench.canvases("train", chosen.input), tiny.FLOAT32)
    assert norm_eps(detector.backbone) == LEAST_EPS


def test_a_pass_over_the_images_serves_all_trials(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = mock.Mock(side_effect=adapt.adapt_statistics)
    monkeypatch.setattr("autotl.training.workbench.adapt_statistics", counted)
    bench = tiny.bench()
    chosen = [tiny.strategy(weights, {"freeze.norm": "adapted", "freeze.frozen_stages": stages}) for stages in (5, 3)]
    one, other = (detector_for(strategy, bench)[0] for strategy in chosen)
    assert counted.call_count == 1
    assert all(
        torch.equal(first, second)
        for first, second in zip(one.backbone.buffers(), other.backbone.buffers(), strict=True)
    )


def test_a_run_repeats_itself_and_goes_on_with_the_statistics_of_the_images(weights: Path, tmp_path: Path) -> None:
    chosen = tiny.strategy(weights, {"freeze.norm": "adapted", "freeze.frozen_stages": 3})
    one, cached = tiny.train(chosen), tiny.train(chosen, tiny.bench(folder=tmp_path, feature_dtype=torch.float32))
    assert [record.train_loss for record in one.fit.records] == [record.train_loss for record in cached.fit.records]
    before, _ = detector_for(chosen, tiny.bench())
    norms = zip(_norms(before.backbone), _norms(one.detector.backbone), strict=True)
    assert all(torch.equal(first.running_mean, second.running_mean) for first, second in norms)  # type: ignore[arg-type]


@pytest.mark.parametrize(("images", "batches"), [(5, [5]), (16, [16]), (31, [16]), (40, [16, 16]), (5000, [16] * 62)])
def test_batches_have_one_size_and_images_are_spread_evenly(images: int, batches: list[int]) -> None:
    found = adapt._batches(images)
    assert [len(batch) for batch in found] == batches
    order = [index for batch in found for index in batch]
    assert order == sorted(set(order))
    assert order[-1] < images
    assert order[0] == 0
    steps = {after - before for before, after in pairwise([*order, images])}
    assert max(steps) - min(steps) <= 1, "to the last image, not only to the last that fills a batch"
