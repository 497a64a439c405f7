"""What a study on blood cells knows of its dataset and its machine, as the ledger stores it."""

from __future__ import annotations

from typing import Any

CLASSES = ["RBC", "WBC", "Platelets"]

DATASET: dict[str, Any] = {
    "name": "BCCD",
    "path": "data/BCCD",
    "format": "voc",
    "fingerprint": "5b1e0f6a9c21",
    "classes": CLASSES,
    "split_origin": "ImageSets/Main",
    "splits": {
        "train": {
            "images": 205,
            "boxes": 2742,
            "by_class": {"RBC": 2336, "WBC": 207, "Platelets": 199},
            "background_images": 0,
        },
        "val": {
            "images": 87,
            "boxes": 1154,
            "by_class": {"RBC": 980, "WBC": 88, "Platelets": 86},
            "background_images": 1,
        },
        "test": {
            "images": 72,
            "boxes": 990,
            "by_class": {"RBC": 837, "WBC": 77, "Platelets": 76},
            "background_images": 0,
        },
    },
    "box_sizes": {"small": 171, "medium": 1370, "large": 3345},
    "image_sizes": [[640, 480, 360], [600, 480, 4]],
    "problems": [
        {
            "rule": "zero-area box",
            "action": "skip box",
            "where": "Annotations/BloodImage_00338.xml, object 3",
            "detail": "xmin = xmax = 220; redraw or delete it",
        },
        {
            "rule": "zero-area box",
            "action": "skip box",
            "where": "Annotations/BloodImage_00343.xml, object 11",
            "detail": "ymin = ymax = 90; redraw or delete it",
        },
        {
            "rule": "box outside the image",
            "action": "clip",
            "where": "Annotations/BloodImage_00112.xml, object 1",
            "detail": "right edge 641 is beyond the width 640",
        },
    ],
}

ENVIRONMENT = {
    "autotl": "0.1.0",
    "python": "3.11.9",
    "torch": "2.14.0",
    "torchvision": "0.29.0",
    "timm": "1.0.31",
    "optuna": "5.0.0",
    "hotcoco": "1.3.0",
    "platform": "Linux-6.1-x86_64",
    "processor": "x86_64",
    "cores": 2,
    "device": "cpu",
    "device_name": "this CPU",
}
