"""Which normalisation heads have."""

from __future__ import annotations

import pytest
from torch import nn

from autotl.core.structures import Canvas
from tests.models import small

KNOWN = (nn.GroupNorm, nn.BatchNorm2d)


def _norms(part: nn.Module) -> list[type[nn.Module]]:
    """The layers of it that normalise, by torch's names."""
    return [kind for module in part.modules() for kind in KNOWN if isinstance(module, kind)]


@pytest.mark.parametrize("kind", ["fcos", "fcos_light"])
@pytest.mark.parametrize(("norm", "layer"), [(None, nn.GroupNorm), ("group", nn.GroupNorm)])
def test_each_convolution_of_a_tower_has_one(kind: str, norm: str | None, layer: type[nn.Module]) -> None:
    assert _norms(small.detector(kind, tower_depth=2, norm=norm).head) == [layer] * 4
    assert _norms(small.detector("retinanet", norm=norm).head) == [layer] * 8


@pytest.mark.parametrize("kind", ["fcos", "fcos_light", "retinanet", "faster_rcnn"])
def test_towers_can_be_without(kind: str) -> None:
    assert _norms(small.detector(kind, norm="none").head) == []


def test_the_second_version_of_faster_rcnn_has_it_in_neck_and_box_head() -> None:
    first, second = (small.detector("faster_rcnn", norm=norm) for norm in (None, "batch"))
    assert _norms(first.neck) == _norms(first.head) == []
    # Two convolutions for each of three stages; four before the box head's layer.
    assert (_norms(second.neck), _norms(second.head)) == ([nn.BatchNorm2d] * 6, [nn.BatchNorm2d] * 4)


def test_other_necks_stay_as_they_are() -> None:
    assert _norms(small.detector("fcos", norm="group").neck) == []


@pytest.mark.parametrize(
    ("kind", "norm"),
    [(kind, norm) for kind in ("fcos", "fcos_light", "retinanet") for norm in ("group", "none")]
    + [("faster_rcnn", "batch")],
)
def test_losses_have_gradients_with_each(kind: str, norm: str) -> None:
    detector = small.detector(kind, norm=norm).train()
    assert small.backward(detector(small.images(), [small.target(), small.target()])) > 0
    assert all(parameter.grad is not None for parameter in detector.head.parameters())


def test_one_image_with_one_position_can_be_trained_on() -> None:
    detector = small.detector("faster_rcnn", canvas=Canvas(32, 32), norm="batch")
    # The backbone's own layers, which are torch's, would ask for more.
    detector.norm_frozen = True
    detector.train()
    assert small.backward(detector(small.images(1, canvas=Canvas(32, 32)), [small.target().empty()])) >= 0
