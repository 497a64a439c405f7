"""Detectors that torchvision has pretrained on COCO, taken over by a strategy of the same build.

Everything is kept but the class branch: backbone, pyramid or extra levels, towers, box regression. Of the class branch those
rows are kept whose class has the same name in the dataset; the others begin as in any new head. Of a pyramid's levels beyond a
stride of 32 those are kept that the strategy asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models import WeightsEnum
from torchvision.models.detection import (
    FasterRCNN_ResNet50_FPN_V2_Weights,
    FasterRCNN_ResNet50_FPN_Weights,
    FCOS_ResNet50_FPN_Weights,
    RetinaNet_ResNet50_FPN_V2_Weights,
    RetinaNet_ResNet50_FPN_Weights,
    SSD300_VGG16_Weights,
    SSDLite320_MobileNet_V3_Large_Weights,
)

from autotl.core.errors import WeightsError
from autotl.models.backbone import Backbone, set_norm_eps
from autotl.models.checkpoint_file import below, load_by_name, read_tensors
from autotl.models.class_rows import same_classes, with_rows
from autotl.models.extra_levels import ExtraLevels
from autotl.models.heads.faster_rcnn import FasterRcnnHead
from autotl.models.heads.fcos import FcosHead
from autotl.models.heads.head import Head
from autotl.models.heads.retinanet import RetinaNetHead
from autotl.models.heads.ssd import SsdHead
from autotl.models.neck import Neck
from autotl.models.ssd_file import BODIES, body_for, levels_for
from autotl.models.weight_files import check_digest, find_file
from autotl.strategy.coco_detectors import COCO

_BODY, _PYRAMID, _COARSER = "backbone.body.", "backbone.fpn.", "extra_blocks."


NO_CLASSES = ("__background__", "N/A")
"""What torchvision calls rows that stand for nothing that could be found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CocoFile:
    """A published file of weights."""

    url: str
    sha256: str
    """The first eight digits, which torchvision's file names carry."""
    classes: tuple[str, ...]
    """By label, the background first."""
    eps: float | None = None
    """Of its normalisation, where it is not the usual one."""
    pixels: tuple[tuple[float, ...], tuple[float, ...]] | None = None
    """Mean and std of the pixels, in 0..1, where they are not the backbone's usual ones."""

    @property
    def name(self) -> str:
        """Of the file."""
        return self.url.rpartition("/")[2]


def _published(weights: WeightsEnum, **conventions: Any) -> CocoFile:
    url, classes = str(weights.url), tuple(weights.meta["categories"])
    return CocoFile(url=url, sha256=url.rpartition("-")[2].removesuffix(".pth"), classes=classes, **conventions)


FILES: dict[str, CocoFile] = {
    # Those with an eps of 0 were trained without the small number that keeps variances from zero.
    "fasterrcnn_resnet50_fpn": _published(FasterRCNN_ResNet50_FPN_Weights.COCO_V1, eps=0.0),
    "fasterrcnn_resnet50_fpn_v2": _published(FasterRCNN_ResNet50_FPN_V2_Weights.COCO_V1),
    "retinanet_resnet50_fpn": _published(RetinaNet_ResNet50_FPN_Weights.COCO_V1, eps=0.0),
    "retinanet_resnet50_fpn_v2": _published(RetinaNet_ResNet50_FPN_V2_Weights.COCO_V1),
    "fcos_resnet50_fpn": _published(FCOS_ResNet50_FPN_Weights.COCO_V1),
    # Its VGG-16 is Caffe's, of pixels in 0..255 less their mean.
    "ssd300_vgg16": _published(
        SSD300_VGG16_Weights.COCO_V1,
        pixels=((0.48235, 0.45882, 0.40784), (1 / 255, 1 / 255, 1 / 255)),
    ),
    "ssdlite320_mobilenet_v3_large": _published(SSDLite320_MobileNet_V3_Large_Weights.COCO_V1),
}
"""By torchvision's names of the detectors."""


def coco_name(weights: str) -> str | None:
    """The detector that `backbone.weights` names; None where it names none."""
    return weights.removeprefix(COCO) if weights.startswith(COCO) else None


def as_published(backbone: Backbone, name: str) -> None:
    """Lets a backbone take pixels and normalise as in the detector of that name, whoever's weights follow."""
    eps, pixels = FILES[name].eps, FILES[name].pixels
    set_norm_eps(backbone, eps)
    if pixels is not None:
        for buffer, values in zip((backbone.mean, backbone.std), pixels, strict=True):
            buffer.copy_(torch.tensor(values).view_as(buffer))


def load_body(net: nn.Module, name: str) -> None:
    """Fills timm's network with the backbone of a detector.

    Raises:
        WeightsError: where the file cannot be had, is damaged, or has other tensors.
    """
    if name in BODIES:
        _fill(net, body_for(net, _tensors(name), name), name)
        return
    load_by_name(net, below(_tensors(name), _BODY), f"weights coco:{name}")


def load_neck(neck: Neck, name: str) -> None:
    """Fills a pyramid, or extra levels.

    Raises:
        WeightsError: where the file cannot be had, is damaged, or has other tensors.
    """
    if isinstance(neck, ExtraLevels):
        _fill(neck, levels_for(neck, _tensors(name), name), name)
        return
    found = below(_tensors(name), _PYRAMID)
    pyramid = {key: value for key, value in found.items() if not key.startswith(_COARSER)}
    _fill(neck.get_submodule("fpn"), pyramid, name)
    if neck.coarser is not None:
        _fill(neck.coarser, below(found, _COARSER), name)


def load_head(head: Head, name: str, classes: Sequence[str]) -> None:
    """Fills a head but for its classes, and of these the rows that COCO has by the same name.

    Args:
        head: as the strategy builds it, with rows for the dataset's classes at their start.
        name: of the detector.
        classes: names of the dataset's labels.

    Raises:
        WeightsError: where the file cannot be had, is damaged, or has other tensors.
    """
    tensors, theirs = _tensors(name), FILES[name].classes
    same = same_classes(classes, theirs, NO_CLASSES)
    if isinstance(head, FasterRcnnHead):
        _fill(head.rpn.get_submodule("head"), below(tensors, "rpn.head."), name)
        _fill(head.roi_heads.get_submodule("box_head"), below(tensors, "roi_heads.box_head."), name)
        predictor = head.roi_heads.get_submodule("box_predictor")
        given = below(tensors, "roi_heads.box_predictor.")
        nothing = [row for row, theirs_name in enumerate(theirs) if theirs_name in NO_CLASSES]
        _fill(predictor, with_rows(predictor, given, _with_background(same), len(theirs), nothing), name)
        return
    assert isinstance(head, (FcosHead, RetinaNetHead, SsdHead))
    inner = head.towers if isinstance(head, FcosHead) else head.model.get_submodule("head")
    given = below(tensors, "head.")
    same = _with_background(same) if isinstance(head, SsdHead) else same
    _fill(inner, with_rows(inner, given, same, len(theirs)), name)


def _with_background(same: Mapping[int, int]) -> dict[int, int]:
    """Rows of heads whose first row is the background."""
    return {0: 0, **{label + 1: row for label, row in same.items()}}


def _fill(module: nn.Module, tensors: Mapping[str, Tensor], name: str) -> None:
    # Not all files say how many batches normalisation has seen, and nothing depends on it.
    counts = {key: value for key, value in module.state_dict().items() if key.endswith("num_batches_tracked")}
    try:
        module.load_state_dict({**counts, **tensors})
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise WeightsError(f"weights coco:{name} do not fit ({reason}); download {FILES[name].name} again") from None


@lru_cache(maxsize=1)
def _read(path: Path, _modified: float) -> dict[str, Tensor]:
    return read_tensors(path)


def _tensors(name: str) -> dict[str, Tensor]:
    """Of a detector's file, read once as long as no other is asked for."""
    path = file_of(name)
    return _read(path, path.stat().st_mtime)


def file_of(name: str) -> Path:
    """The file of a detector, downloaded where it is not at hand, and whole.

    Raises:
        WeightsError: where it cannot be had, or is damaged.
    """
    file = FILES[name]
    path = find_file(file.name, file.url, f"{COCO}{name}")
    check_digest(path, file.sha256)
    return path
