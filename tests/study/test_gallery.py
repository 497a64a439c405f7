from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
import torch
from PIL import Image

from autotl.bundle.bundle import Bundle
from autotl.core.bundle_files import FORMAT_VERSION
from autotl.core.structures import Detections, Target
from autotl.data.dataset import DetectionDataset
from autotl.models.build import build_detector
from autotl.models.freeze import apply_freeze
from autotl.strategy.freeze_plan import FreezePlan
from autotl.strategy.head_part import HeadPart
from autotl.strategy.schema import InputPart, Strategy
from autotl.study.checkpoints import checkpoint_folder, found_file
from autotl.study.found import write_found
from autotl.study.gallery import ARTIFACT, Seen, choose_images, seen_by_others, write_gallery
from autotl.training.precision import Precision, resolve_device
from autotl.training.workbench import Workbench
from tests.shapes import SIDE
from tests.study.books import add_trial, ledger_with_session


def test_no_images_give_no_choice() -> None:
    assert choose_images([]) == []


def test_few_images_are_all_shown_worst_first() -> None:
    assert choose_images([(0, 1), (2, 0), (0, 5)]) == [1, 2, 0]


def test_the_worst_eight_and_four_even_ones_of_the_rest() -> None:
    chosen = choose_images([(0, 0)] * 40 + [(1, 0)] * 8)
    assert chosen[:8] == list(range(40, 48))
    assert len(set(chosen)) == 12
    assert chosen[8:] == [9, 19, 29, 39]


@pytest.mark.parametrize("tiles", [1, 2])
def test_images_boxes_and_thumbnails_are_stored(tiles: int, dataset: DetectionDataset) -> None:
    ledger = ledger_with_session()
    torch.manual_seed(0)
    strategy = Strategy(
        freeze=FreezePlan(frozen_stages=5), head=HeadPart(neck_channels=32), input=InputPart(image_size=96, tiles=tiles)
    )
    detector = build_detector(strategy, 2, None, load_weights=False)
    apply_freeze(detector, strategy.freeze)
    bundle = Bundle(
        detector=detector, strategy=strategy, classes=dataset.classes, anchors=None, threshold=1.0, metrics={},
        provenance={"trial": 4},
    )  # fmt: skip
    bench = Workbench(dataset, Precision.for_device(resolve_device("cpu")))
    write_gallery(
        bundle, bench, ledger, [Seen(trial=7, threshold=0.5, detections=[_nearly(one) for one in bench.truths])]
    )
    found = ledger.read_json_artifact(ARTIFACT)
    assert (found["trial"], found["validation_images"]) == (4, 6)
    boxes = {sample.name: len(sample.labels) for sample in dataset.samples("val")}
    assert {image["name"]: len(image["truth"]) for image in found["images"]} == boxes
    for image in found["images"]:
        own, other = image["views"]
        assert (own["trial"], own["threshold"], other["trial"], other["threshold"]) == (4, 1.0, 7, 0.5)
        assert own["missed"] == own["found"].count(False) == len(image["truth"]), "no score is as high as its threshold"
        assert (other["missed"], other["false_positives"]) == (0, 1), (
            "it finds every object, and one thing that is none"
        )
        assert [one["error"] for one in other["detections"]] == [None] * len(image["truth"]) + ["Bkg"]
        thumbnail = ledger.read_artifact(image["thumbnail"])
        assert thumbnail is not None
        with Image.open(io.BytesIO(thumbnail)) as opened:
            assert (opened.format, opened.size, image["scale"]) == ("JPEG", (SIDE, SIDE), 1.0)


def _nearly(truth: Target) -> Detections:
    """All objects, and something in the corner that is none."""
    boxes = torch.cat([truth.boxes_xyxy, torch.tensor([[0.0, 0.0, 1.0, 1.0]])])
    labels = torch.cat([truth.labels, torch.tensor([0])])
    return Detections(boxes_xyxy=boxes, scores=torch.full((len(labels),), 0.9), labels=labels)


def _keep(folder: Path, number: int, threshold: float) -> None:
    checkpoint_folder(folder, number).mkdir(parents=True)
    description = {"format_version": FORMAT_VERSION, "threshold": threshold}
    (checkpoint_folder(folder, number) / "bundle.json").write_text(json.dumps(description))
    write_found(found_file(folder, number), [Detections.empty()])


def test_others_are_the_default_baseline_and_the_best_of_which_something_is_kept(tmp_path: Path) -> None:
    ledger = ledger_with_session()
    for number, map in enumerate((0.5, 0.1, 0.45, 0.4, 0.3)):
        add_trial(
            ledger,
            number,
            "complete",
            map,
            lr=1e-3 * (number + 1),
            baseline="full_fine_tuning" if number == 1 else None,
        )
    for number in (0, 1, 2, 4):
        _keep(tmp_path, number, 0.1 * number)
    rows = ledger.strategy_rows()
    seen = seen_by_others(rows, tmp_path, "full_fine_tuning", trial=0)
    assert [(one.trial, one.threshold) for one in seen] == [(1, 0.1), (2, 0.2)], (
        "#3 was not kept, #4 is not among the best"
    )
    assert seen_by_others(rows, tmp_path / "nowhere", "full_fine_tuning", trial=0) == []
