from __future__ import annotations

import io

import torch
from PIL import Image

from autotl.bundle.bundle import Bundle
from autotl.data.dataset import DetectionDataset
from autotl.models.build import build_detector
from autotl.models.freeze import apply_freeze
from autotl.strategy.schema import FreezePlan, HeadPart, InputPart, Strategy
from autotl.study.gallery import ARTIFACT, choose_images, write_gallery
from autotl.training.precision import Precision, resolve_device
from autotl.training.workbench import Workbench
from tests.shapes import SIDE
from tests.study.books import ledger_with_session


def test_no_images_give_no_choice() -> None:
    assert choose_images([]) == []


def test_few_images_are_all_shown_worst_first() -> None:
    assert choose_images([(0, 1), (2, 0), (0, 5)]) == [1, 2, 0]


def test_the_worst_eight_and_four_even_ones_of_the_rest() -> None:
    chosen = choose_images([(0, 0)] * 40 + [(1, 0)] * 8)
    assert chosen[:8] == list(range(40, 48))
    assert len(set(chosen)) == 12
    assert chosen[8:] == [9, 19, 29, 39]


def test_images_boxes_and_thumbnails_are_stored(dataset: DetectionDataset) -> None:
    ledger = ledger_with_session()
    torch.manual_seed(0)
    strategy = Strategy(
        freeze=FreezePlan(frozen_stages=5), head=HeadPart(neck_channels=32), input=InputPart(image_size=96)
    )
    detector = build_detector(strategy, 2, None, load_weights=False)
    apply_freeze(detector, strategy.freeze)
    bundle = Bundle(
        detector=detector, strategy=strategy, classes=dataset.classes, anchors=None, threshold=1.0, metrics={},
        provenance={"trial": 4},
    )  # fmt: skip
    bench = Workbench(dataset, Precision.for_device(resolve_device("cpu")))
    write_gallery(bundle, bench, ledger)
    found = ledger.read_json_artifact(ARTIFACT)
    assert (found["trial"], found["validation_images"], found["threshold"]) == (4, 6, 1.0)
    boxes = {sample.name: len(sample.labels) for sample in dataset.samples("val")}
    assert {image["name"]: len(image["truth"]) for image in found["images"]} == boxes
    for image in found["images"]:
        assert image["missed"] == sum(not box["found"] for box in image["truth"])
        thumbnail = ledger.read_artifact(image["thumbnail"])
        assert thumbnail is not None
        with Image.open(io.BytesIO(thumbnail)) as opened:
            assert (opened.format, opened.size, image["scale"]) == ("JPEG", (SIDE, SIDE), 1.0)
