"""(Strategy, number of classes, anchors) -> Detector."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from torch import nn

from autotl.core.errors import ConfigError
from autotl.core.structures import Canvas
from autotl.models.anchors import Anchors
from autotl.models.backbone import Backbone
from autotl.models.batch_norm import BatchNorm
from autotl.models.coco import as_published, coco_name, load_head, load_neck
from autotl.models.detector import Detector
from autotl.models.extra_levels import ExtraLevels, LiteLevels, VggLevels
from autotl.models.feature_net import create_net
from autotl.models.from_bundle import load_head_of_bundle, load_parts_of_bundle
from autotl.models.group_norm import GroupNorm
from autotl.models.heads.faster_rcnn import FasterRcnnHead
from autotl.models.heads.fcos import FcosHead
from autotl.models.heads.fcos_loss import Focal
from autotl.models.heads.full_towers import FullTowers
from autotl.models.heads.head import Head
from autotl.models.heads.light_towers import LightTowers
from autotl.models.heads.retinanet import RetinaNetHead
from autotl.models.heads.ssd import SsdHead
from autotl.models.heads.ssd_extra_levels import ssd300_head, ssdlite_head
from autotl.models.neck import CoarserLevels, Convolved, LightPyramid, Neck, Pyramid, Thinned
from autotl.models.weights import load_net
from autotl.strategy.detector_build import detector_folder
from autotl.strategy.head_part import HeadPart
from autotl.strategy.schema import Strategy

_DEPTH_WHERE_NONE_IS_GIVEN = 1
_NORMS: dict[str, type[nn.Module] | None] = {"group": GroupNorm, "batch": BatchNorm, "none": None}

_EXPANDED_STAGE = 4
"""Whose map SSDLite begins with."""


def build_detector(
    strategy: Strategy,
    num_classes: int,
    anchors: Anchors | None,
    canvas: Canvas | None = None,
    *,
    load_weights: bool = True,
    classes: Sequence[str] = (),
) -> Detector:
    """Builds a strategy's detector with nothing frozen; neck and head are initialised from torch's random state.

    Args:
        strategy: Names the backbone and its weights, and the head.
        num_classes: Classes of the dataset, without any background.
        anchors: What `fit_anchors` gave for the strategy, or `kept_anchors` where it begins with a bundle's detector.
        canvas: What images are letterboxed into; by default the square of the strategy's image size.
        load_weights: False for the architecture alone, where a bundle's weights follow.
        classes: Their names, by which a whole detector that it begins with is asked what it knows of them.

    Raises:
        WeightsError: where the weights cannot be had.
        ConfigError: where the backbone is unknown or cannot carry a detector, or the canvas is too small for the head.
        ValueError: where anchors are missing, or given to a head without.
    """
    canvas = canvas or Canvas(strategy.input.image_size, strategy.input.image_size)
    backbone, neck = build_backbone_and_neck(strategy, canvas, load_weights=load_weights)
    if isinstance(neck, ExtraLevels):
        head = _on_extra_levels(strategy, neck, num_classes, canvas)
    else:
        head = _HEADS[strategy.head.kind](strategy.head, num_classes, anchors)
    pretrained = coco_name(strategy.backbone.weights)
    if load_weights and pretrained is not None:
        load_head(head, pretrained, classes)
    bundle = detector_folder(strategy.backbone.weights)
    if load_weights and bundle is not None:
        load_head_of_bundle(head, bundle, classes)
    return Detector(backbone, neck, head, canvas, norms_pretrained=pretrained is not None or bundle is not None)


def build_backbone_and_neck(strategy: Strategy, canvas: Canvas, *, load_weights: bool = True) -> tuple[Backbone, Neck]:
    """What a strategy's weights are for; downloads timm's where that is possible.

    Raises:
        WeightsError: saying which weights cannot be had, why, and what to do.
        ConfigError: where the backbone is unknown or cannot carry a detector.
    """
    part = strategy.backbone
    net = load_net(part, canvas) if load_weights else create_net(part.name, canvas)
    expanded_stage = _EXPANDED_STAGE if strategy.head.kind == "ssdlite" else None
    backbone = Backbone.from_net(net, part.name, expanded_stage=expanded_stage)
    neck = _neck(strategy.head, backbone)
    pretrained = coco_name(part.weights)
    if pretrained is not None:
        as_published(backbone, pretrained)
        if load_weights:
            load_neck(neck, pretrained)
    if load_weights:
        load_parts_of_bundle(strategy, backbone, neck)
    return backbone, neck


def _neck(part: HeadPart, backbone: Backbone) -> Neck:
    if part.kind == "ssd300":
        return VggLevels()
    if part.kind == "ssdlite":
        return LiteLevels({stage: backbone.stage(stage).channels for stage in (_EXPANDED_STAGE, _EXPANDED_STAGE + 1)})
    if backbone.stage(part.finest_level).number != part.finest_level:
        raise ConfigError(
            f"head.finest_level: {backbone.name} has no map of stride {2**part.finest_level}; set it to 3"
        )
    return _pyramid(part, {stage: backbone.stage(stage).channels for stage in part.stages})


def _pyramid(part: HeadPart, in_channels: Mapping[int, int]) -> Neck:
    last, count = in_channels[part.stages[-1]], len(part.levels) - len(part.stages)
    coarser: CoarserLevels | None = None
    if count and part.kind == "faster_rcnn":
        coarser = Thinned(count)
    elif count:
        # RetinaNet's second version makes the first of the backbone's last stage.
        of_stage = part.kind == "retinanet" and part.norm != "none"
        coarser = Convolved(last if of_stage else None, part.neck_channels, count)
    if part.kind == "fcos_light":
        return LightPyramid(in_channels, part.neck_channels, coarser)
    norm = _norm(part) if part.kind == "faster_rcnn" else None
    return Pyramid(in_channels, part.neck_channels, coarser, norm=norm)


def _on_extra_levels(strategy: Strategy, neck: ExtraLevels, num_classes: int, canvas: Canvas) -> Head:
    kind = strategy.head.kind
    if min(canvas) < neck.smallest_side:
        raise ConfigError(
            f"input.image_size: the {kind} head needs {neck.smallest_side} pixels on either side, but with "
            f"{strategy.input.image_size} images become {canvas.width} x {canvas.height}; set a larger one or use another head"
        )
    head = ssd300_head if kind == "ssd300" else ssdlite_head
    return head(neck.channels, num_classes)


def _fcos(part: HeadPart, num_classes: int, anchors: Anchors | None) -> Head:
    towers = FullTowers(part.neck_channels, num_classes, _depth(part), _norm(part))
    return _without_anchors(part, towers, anchors)


def _fcos_light(part: HeadPart, num_classes: int, anchors: Anchors | None) -> Head:
    towers = LightTowers(part.neck_channels, num_classes, _depth(part), _norm(part))
    return _without_anchors(part, towers, anchors)


def _without_anchors(part: HeadPart, towers: FullTowers | LightTowers, anchors: Anchors | None) -> Head:
    if anchors is not None:
        raise ValueError(f"the {part.kind} head has no anchors but got some")
    return FcosHead(towers, Focal(alpha=part.focal_alpha, gamma=part.focal_gamma), part.strides)


def _retinanet(part: HeadPart, num_classes: int, anchors: Anchors | None) -> Head:
    return RetinaNetHead(part.neck_channels, num_classes, _given(anchors), part.strides, _norm(part))


def _faster_rcnn(part: HeadPart, num_classes: int, anchors: Anchors | None) -> Head:
    return FasterRcnnHead(
        part.neck_channels, num_classes, _depth(part), _given(anchors), part.strides, norm=_norm(part)
    )


def _ssd(part: HeadPart, num_classes: int, anchors: Anchors | None) -> Head:
    return SsdHead.on_pyramid(part.neck_channels, num_classes, _given(anchors), part.strides)


_HEADS: dict[str, Callable[[HeadPart, int, Anchors | None], Head]] = {
    "fcos": _fcos,
    "fcos_light": _fcos_light,
    "retinanet": _retinanet,
    "faster_rcnn": _faster_rcnn,
    "ssd": _ssd,
}


def _norm(part: HeadPart) -> type[nn.Module] | None:
    """The layer that normalises in the head; None for none."""
    return _NORMS[part.norm or ("none" if part.kind == "faster_rcnn" else "group")]


def _depth(part: HeadPart) -> int:
    return part.tower_depth or _DEPTH_WHERE_NONE_IS_GIVEN


def _given(anchors: Anchors | None) -> Anchors:
    if anchors is None:
        raise ValueError("the head needs anchors but got none; pass what fit_anchors gives for the strategy")
    return anchors
