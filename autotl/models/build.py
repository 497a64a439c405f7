"""(Strategy, number of classes, anchors) -> Detector."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn
from torchvision.models.detection.fcos import FCOSHead

from autotl.models.anchors import Anchors
from autotl.models.backbone import Backbone
from autotl.models.detector import Detector
from autotl.models.feature_net import create_net
from autotl.models.heads.faster_rcnn import FasterRcnnHead
from autotl.models.heads.fcos import FcosHead
from autotl.models.heads.head import Head
from autotl.models.heads.light_towers import LightTowers
from autotl.models.heads.retinanet import RetinaNetHead
from autotl.models.heads.ssd import SsdHead
from autotl.models.neck import PYRAMID_STAGES, LightPyramid, Pyramid
from autotl.models.weights import load_net
from autotl.strategy.schema import HeadPart, Strategy

_DEPTH_WHERE_NONE_IS_GIVEN = 1


def build_detector(
    strategy: Strategy, num_classes: int, anchors: Anchors | None, *, load_weights: bool = True
) -> Detector:
    """Builds a strategy's detector with nothing frozen; neck and head are initialised from torch's random state.

    Args:
        strategy: Names the backbone and its weights, the head and the canvas.
        num_classes: Classes of the dataset, without any background.
        anchors: What `fit_anchors` gave for the strategy.
        load_weights: False for the architecture alone, where a bundle's weights follow.

    Raises:
        WeightsError: where the weights cannot be had.
        ConfigError: where the backbone is unknown or cannot carry a detector.
        ValueError: where anchors are missing, or given to a head without.
    """
    name, image_size = strategy.backbone.name, strategy.input.image_size
    net = load_net(strategy.backbone, image_size) if load_weights else create_net(name, image_size)
    backbone = Backbone.from_net(net, name)
    in_channels = tuple(backbone.stage(number).channels for number in PYRAMID_STAGES)
    pyramid = LightPyramid if strategy.head.kind == "fcos_light" else Pyramid
    neck = pyramid(in_channels, strategy.head.neck_channels)
    head = _HEADS[strategy.head.kind](strategy.head, num_classes, anchors, image_size)
    return Detector(backbone, neck, head, image_size)


def _fcos(part: HeadPart, num_classes: int, anchors: Anchors | None, image_size: int) -> Head:
    towers = FCOSHead(part.neck_channels, 1, num_classes, num_convs=_depth(part))
    return _without_anchors(part, num_classes, towers, anchors, image_size)


def _fcos_light(part: HeadPart, num_classes: int, anchors: Anchors | None, image_size: int) -> Head:
    towers = LightTowers(part.neck_channels, num_classes, _depth(part))
    return _without_anchors(part, num_classes, towers, anchors, image_size)


def _without_anchors(
    part: HeadPart, num_classes: int, towers: nn.Module, anchors: Anchors | None, image_size: int
) -> Head:
    if anchors is not None:
        raise ValueError(f"the {part.kind} head has no anchors but got some")
    return FcosHead(part.neck_channels, num_classes, towers, image_size)


def _retinanet(part: HeadPart, num_classes: int, anchors: Anchors | None, image_size: int) -> Head:
    return RetinaNetHead(part.neck_channels, num_classes, _given(anchors), image_size)


def _faster_rcnn(part: HeadPart, num_classes: int, anchors: Anchors | None, image_size: int) -> Head:
    return FasterRcnnHead(part.neck_channels, num_classes, _depth(part), _given(anchors), image_size)


def _ssd(part: HeadPart, num_classes: int, anchors: Anchors | None, image_size: int) -> Head:
    return SsdHead(part.neck_channels, num_classes, _given(anchors), image_size)


_HEADS: dict[str, Callable[[HeadPart, int, Anchors | None, int], Head]] = {
    "fcos": _fcos,
    "fcos_light": _fcos_light,
    "retinanet": _retinanet,
    "faster_rcnn": _faster_rcnn,
    "ssd": _ssd,
}


def _depth(part: HeadPart) -> int:
    return part.tower_depth or _DEPTH_WHERE_NONE_IS_GIVEN


def _given(anchors: Anchors | None) -> Anchors:
    if anchors is None:
        raise ValueError("the head needs anchors but got none; pass what fit_anchors gives for the strategy")
    return anchors
