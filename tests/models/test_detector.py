"""The detector and its cut."""

from __future__ import annotations

from typing import Literal

import pytest
import torch

from autotl.core.errors import ConfigError
from autotl.core.structures import Canvas, Target
from autotl.models.backbone import LEAST_EPS, norm_eps, set_norm_eps
from autotl.models.build import build_detector
from autotl.models.detector import Detector
from autotl.models.freeze import apply_freeze
from autotl.models.weights import trunk_fingerprint
from autotl.strategy.freeze_plan import FreezePlan
from autotl.strategy.head_part import WITHOUT_ANCHORS
from tests.models import small


def _uncut_losses(detector: Detector) -> dict[str, torch.Tensor]:
    """What the network gives with its frozen units where they are but nothing computed apart."""
    torch.manual_seed(0)
    return detector.head.losses(detector.neck(detector.backbone(small.images())), [small.target(), Target.empty()])


@pytest.mark.parametrize("backbone", ["test_resnet", "convnext_atto", "mambaout_femto"])
@pytest.mark.parametrize("stages", range(6))
def test_losses_above_a_cut_equal_the_uncut_networks(backbone: str, stages: int) -> None:
    detector = small.detector(backbone=backbone)
    apply_freeze(detector, FreezePlan(frozen_stages=stages))
    activations = detector.trunk(small.images())
    assert not any(part.requires_grad for part in activations)
    torch.manual_seed(0)
    losses = detector.losses(activations, [small.target(), Target.empty()])
    for name, wanted in _uncut_losses(detector).items():
        torch.testing.assert_close(losses[name], wanted, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("kind", small.EVERY_KIND)
def test_every_head_is_cut_alike(kind: str) -> None:
    detector = small.detector(kind)
    apply_freeze(detector, FreezePlan(unit="block", frozen_blocks=4))
    torch.manual_seed(0)
    losses = detector(small.images(), [small.target(), Target.empty()])
    for name, wanted in _uncut_losses(detector).items():
        torch.testing.assert_close(losses[name], wanted, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("kind", small.EVERY_KIND)
def test_a_frozen_neck_belongs_to_the_trunk(kind: str) -> None:
    detector = small.detector(kind)
    apply_freeze(detector, FreezePlan(frozen_stages=5, neck="frozen"))
    activations = detector.trunk(small.images())
    shapes = [(2, 32, side, side) for side in (8, 4, 2)]
    if kind == "ssdlite":
        shapes = [(2, 672, 4, 4), (2, 480, 2, 2), (2, 512, 1, 1), (2, 256, 1, 1), (2, 256, 1, 1), (2, 128, 1, 1)]
    assert [tuple(level.shape) for level in activations] == shapes
    assert not any(part.requires_grad for part in activations)
    torch.manual_seed(0)
    losses = detector.losses(activations, [small.target(), Target.empty()])
    for name, wanted in _uncut_losses(detector).items():
        torch.testing.assert_close(losses[name], wanted, rtol=1e-6, atol=1e-7)
    small.backward(losses)
    trained = {name.split(".")[0] for name, _ in detector.trained_parameters()}
    assert trained == {"head"}
    assert not any(parameter.grad is not None for parameter in detector.neck.parameters())
    assert not any(module.training for module in detector.neck.modules())
    # And is trained again where a plan frees it.
    apply_freeze(detector, FreezePlan(frozen_stages=5))
    assert {name.split(".")[0] for name, _ in detector.trained_parameters()} == {"head", "neck"}
    assert len(detector.trunk(small.images())) == len(detector.neck.stages)
    assert detector.trunk(small.images())[-1].shape[1] == detector.backbone.stages[-1].channels


def test_with_nothing_frozen_the_normalised_images_cross() -> None:
    detector = small.detector()
    (only,) = detector.trunk(small.images())
    assert torch.equal(only, detector.backbone.normalise(small.images()))


@pytest.mark.parametrize(("stages", "crossing"), [(0, 1), (1, 1), (2, 1), (3, 1), (4, 2), (5, 3)])
def test_only_what_the_rest_needs_crosses_the_cut(stages: int, crossing: int) -> None:
    detector = small.detector()
    apply_freeze(detector, FreezePlan(frozen_stages=stages))
    activations = detector.trunk(small.images())
    assert len(activations) == crossing
    assert len({part.data_ptr() for part in activations}) == crossing


@pytest.mark.parametrize("kind", small.EVERY_KIND)
def test_gradients_reach_everything_trained_and_nothing_frozen(kind: str) -> None:
    detector = small.detector(kind)
    apply_freeze(detector, FreezePlan(frozen_stages=3))
    losses = detector(small.images(), [small.target(), small.target()])
    small.backward(losses)
    for name, parameter in detector.named_parameters():
        assert (parameter.grad is not None) == parameter.requires_grad, name


def test_losses_want_training_mode_and_detections_evaluation_mode() -> None:
    detector = small.detector()
    activations = detector.trunk(small.images())
    with pytest.raises(RuntimeError, match=r"eval\(\)"):
        detector.detect(activations)
    detector.eval()
    with pytest.raises(RuntimeError, match=r"train\(\)"):
        detector.losses(activations, [small.target()] * 2)


@pytest.mark.parametrize("canvas", [Canvas(height=64, width=128), Canvas(height=160, width=64)])
@pytest.mark.parametrize("kind", small.EVERY_KIND)
def test_a_canvas_need_not_be_square(kind: str, canvas: Canvas) -> None:
    detector = small.detector(kind, canvas=canvas)
    apply_freeze(detector, FreezePlan(frozen_stages=3))
    far = Target(
        boxes_xyxy=torch.tensor([[canvas.width - 24.0, canvas.height - 24.0, canvas.width, canvas.height]]),
        labels=torch.tensor([1]),
        ignored_xyxy=torch.zeros(0, 4),
    )
    losses = detector(small.images(canvas=canvas), [far, Target.empty()])
    of_boxes = "loss_rpn_box_reg" if kind == "faster_rcnn" else "bbox_regression"
    assert losses[of_boxes] > 0, "a box outside the square of the shorter side is learnt"
    small.backward(losses)
    detector.eval()
    for found in detector(small.images(canvas=canvas)):
        assert (found.boxes_xyxy >= 0).all()
        assert (found.boxes_xyxy[:, 2:] <= torch.tensor([canvas.width, canvas.height])).all()


def test_maps_that_do_not_fit_the_canvas_are_refused() -> None:
    detector = small.detector()
    detector.backbone.units[0][0].register_forward_hook(lambda _, __, output: output[..., :-8, :-8])  # type: ignore[index]
    with pytest.raises(ConfigError, match=r"test_resnet has a map of .* for images of 64 x 64 pixels"):
        detector.losses(detector.trunk(small.images()), [small.target()] * 2)


@pytest.mark.parametrize("kind", small.EVERY_KIND)
def test_the_architecture_alone_holds_what_was_saved(kind: str) -> None:
    saved = small.detector(kind, seed=1)
    anchors = small.anchors(kind) if small.has_anchors(kind) else None
    loaded = build_detector(small.strategy(kind), small.NUM_CLASSES, anchors, load_weights=False)
    loaded.load_state_dict(saved.state_dict())
    for one in (saved, loaded):
        apply_freeze(one, FreezePlan(frozen_stages=5))
    for one, other in zip(saved.eval()(small.images()), loaded.eval()(small.images()), strict=True):
        assert torch.equal(one.boxes_xyxy, other.boxes_xyxy)
        assert torch.equal(one.scores, other.scores)


def test_anchors_are_given_to_the_heads_that_have_them_and_to_no_other() -> None:
    with pytest.raises(ValueError, match="needs anchors"):
        build_detector(small.strategy("ssd"), 2, None)
    for kind in WITHOUT_ANCHORS:
        with pytest.raises(ValueError, match=f"the {kind} head has no anchors"):
            build_detector(small.strategy(kind), 2, small.anchors())


def test_the_trunks_fingerprint_is_of_what_the_trunk_computes_with() -> None:
    def fingerprint(
        stages: int, kind: str = "fcos", seed: int = 0, canvas: Canvas = small.SQUARE, neck_seed: int | None = None,
        finest_level: int = 3,
    ) -> str:  # fmt: skip
        """Of a neck of its own where that has a seed."""
        detector = small.detector(kind, seed=seed, canvas=canvas, finest_level=finest_level)
        neck: Literal["train", "frozen"] = "train" if neck_seed is None else "frozen"
        if neck_seed is not None:
            detector.neck = small.detector(kind, seed=neck_seed).neck
        apply_freeze(detector, FreezePlan(frozen_stages=stages, neck=neck))
        return trunk_fingerprint(detector)

    assert fingerprint(5) == fingerprint(5)
    assert fingerprint(5) == fingerprint(5, kind="ssd") == fingerprint(5, kind="fcos_light")
    assert fingerprint(5, neck_seed=3) == fingerprint(5, neck_seed=3)
    others = {
        fingerprint(0), fingerprint(3), fingerprint(5), fingerprint(5, seed=1), fingerprint(5, neck_seed=0),
        fingerprint(5, neck_seed=1), fingerprint(5, "fcos_light", neck_seed=0),
        fingerprint(5, canvas=Canvas(height=64, width=96)), fingerprint(5, finest_level=2),
    }  # fmt: skip
    assert len(others) == 9
    assert fingerprint(2) == fingerprint(2, finest_level=2), "no other map crosses"


@pytest.mark.parametrize(("units", "differs"), [(slice(0, 2), True), (slice(-1, None), False)])
def test_what_normalisation_adds_to_variances_in_the_trunk_is_of_its_fingerprint(units: slice, differs: bool) -> None:
    detector = small.detector()
    apply_freeze(detector, FreezePlan(frozen_stages=3))
    before = trunk_fingerprint(detector)
    set_norm_eps(detector.backbone.units[units], 0.0)
    assert (trunk_fingerprint(detector) != before) == differs


def test_only_layers_whose_statistics_move_get_an_eps_where_they_have_none() -> None:
    for norm, above in (("frozen", 0.0), ("train", LEAST_EPS)):
        detector = small.detector()
        set_norm_eps(detector.backbone, 0.0)
        apply_freeze(detector, FreezePlan.model_validate({"frozen_stages": 3, "norm": norm}))
        detector.train()
        eps = [norm_eps(detector.backbone.units[slice(*span)]) for span in ((0, detector.cut), (detector.cut, None))]
        assert eps == [0.0, above]
