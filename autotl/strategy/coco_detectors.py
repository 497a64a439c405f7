"""torchvision's detectors pretrained on COCO that a strategy can begin with, and what it has to look like for that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COCO = "coco:"
"""How `backbone.weights` begins where they are a whole detector's."""

COCO_DETECTORS: Mapping[str, Mapping[str, Any]] = {
    "fasterrcnn_resnet50_fpn": {
        "backbone.name": "resnet50", "head.kind": "faster_rcnn", "head.neck_channels": 256, "head.tower_depth": 1,
        "head.anchors": "default", "head.finest_level": 2, "head.coarsest_level": 6, "head.norm": None,
    },
    "fasterrcnn_resnet50_fpn_v2": {
        "backbone.name": "resnet50", "head.kind": "faster_rcnn", "head.neck_channels": 256, "head.tower_depth": 2,
        "head.anchors": "default", "head.finest_level": 2, "head.coarsest_level": 6, "head.norm": "batch",
    },
    "retinanet_resnet50_fpn": {
        "backbone.name": "resnet50", "head.kind": "retinanet", "head.neck_channels": 256, "head.tower_depth": None,
        "head.anchors": "default", "head.finest_level": 3, "head.coarsest_level": 7, "head.norm": "none",
    },
    "retinanet_resnet50_fpn_v2": {
        "backbone.name": "resnet50", "head.kind": "retinanet", "head.neck_channels": 256, "head.tower_depth": None,
        "head.anchors": "default", "head.finest_level": 3, "head.coarsest_level": 7, "head.norm": None,
    },
    "fcos_resnet50_fpn": {
        "backbone.name": "resnet50", "head.kind": "fcos", "head.neck_channels": 256, "head.tower_depth": 4,
        "head.anchors": None, "head.finest_level": 3, "head.coarsest_level": 7, "head.norm": None,
    },
    "ssd300_vgg16": {"backbone.name": "vgg16", "head.kind": "ssd300"},
    "ssdlite320_mobilenet_v3_large": {"backbone.name": "mobilenetv3_large_reduced_tail", "head.kind": "ssdlite"},
}  # fmt: skip
"""By torchvision's names; of a strategy's fields those that decide whether the weights fit."""
