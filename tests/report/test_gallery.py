from __future__ import annotations

import json
import re
from dataclasses import replace

from autotl.report.data import ReportData
from autotl.report.gallery import ARTIFACT, UNKNOWN, filters, read_gallery
from autotl.report.html import render
from autotl.report.pictures import Box
from autotl.study import gallery as study_gallery
from tests.report.facts import CLASSES
from tests.report.records import record, report
from tests.report.studies import StudyBuilder


def test_the_artifact_has_the_name_that_the_study_gives_it() -> None:
    assert study_gallery.ARTIFACT == ARTIFACT


def test_there_is_no_gallery_before_the_end(building: StudyBuilder) -> None:
    assert read_gallery(building.ledger, CLASSES) is None


def test_boxes_keep_their_places_names_and_mistakes(building: StudyBuilder) -> None:
    building.add_gallery([4, 9], ["a.jpg", "b.jpg"], CLASSES)
    found = read_gallery(building.ledger, CLASSES)
    assert found is not None
    assert (found.thresholds, found.of_images) == ({4: 0.5, 9: 0.4}, 87)
    first, second = found.pictures
    assert (first.name, first.width, first.height) == ("a.jpg", 640, 480)
    own, other = first.views
    assert (own.strategy, own.missed, own.false_positives) == (4, 4, 1)
    assert [box.error for box in own.truth[:5]] == ["Miss", "Miss", "Miss", "Miss", ""]
    assert [box.label for box in own.truth[:3]] == CLASSES
    last = own.detections[-1]
    assert (last.x, last.y, last.width, last.height, last.error) == (300, 30, 80, 60, "Bkg")
    assert (other.strategy, other.missed) == (9, 5)
    assert [(box.x, box.y) for box in other.truth] == [(box.x, box.y) for box in own.truth]
    assert [box.label for box in second.ignored] == ["not judged"]


def test_a_box_is_as_large_as_its_area() -> None:
    assert [Box(x=0, y=0, width=wide, height=20, label="a").size for wide in (51, 52)] == ["small", "medium"]


def test_a_gallery_of_the_first_version_has_one_strategy_and_no_kinds_of_false_alarms(building: StudyBuilder) -> None:
    building.add_gallery([4], ["a.jpg"], CLASSES)
    stored = building.ledger.read_json_artifact(ARTIFACT)
    for image in stored["images"]:
        (view,) = image.pop("views")
        image |= {"missed": view["missed"], "false_positives": view["false_positives"]}
        image["truth"] = [{**one, "found": hit} for one, hit in zip(image["truth"], view["found"], strict=True)]
        image["detections"] = [
            {**{key: one[key] for key in ("box", "label", "score")}, "false_alarm": one["error"] is not None}
            for one in view["detections"]
        ]
    old = {**stored, "threshold": 0.5}
    building.ledger.write_artifact(ARTIFACT, "application/json", json.dumps(old).encode())
    found = read_gallery(building.ledger, CLASSES)
    assert found is not None
    assert found.thresholds == {4: 0.5}
    (view,) = found.pictures[0].views
    assert (view.missed, [box.error for box in view.detections if box.error]) == (4, [UNKNOWN])
    assert [box.error for box in view.truth].count("Miss") == 4


def test_a_picture_without_its_thumbnail_is_left_out(building: StudyBuilder) -> None:
    building.add_gallery([4], ["a.jpg"], CLASSES)
    stored = building.ledger.read_json_artifact(ARTIFACT)
    stored["images"][0]["thumbnail"] = "gone.jpg"
    building.ledger.write_artifact(ARTIFACT, "application/json", json.dumps(stored).encode())
    found = read_gallery(building.ledger, CLASSES)
    assert found is not None
    assert found.pictures == ()


def test_pictures_are_drawn_with_captions_and_inside_the_file(finished: ReportData) -> None:
    assert finished.gallery is not None
    page = render(finished)
    assert page.count('<img src="data:image/jpeg;base64,') == 6
    assert "4 objects missed, 1 false alarm" in page
    boxes = sum(
        len(picture.ignored) + sum(len(view.truth) + len(view.detections) for view in picture.views)
        for picture in finished.gallery.pictures
    )
    assert len(re.findall(r"<rect x=[^>]*><title>", page)) == boxes


def test_filters_offer_what_the_pictures_have(finished: ReportData) -> None:
    assert finished.gallery is not None
    found = filters(finished, finished.gallery.pictures)
    assert found.strategies == (("4", "#4, recommended"), ("5", "#5, default"), ("9", "#9"))
    assert [name for _, name in found.classes] == CLASSES
    assert found.errors == (("Miss", "missed"), ("Bkg", "nothing there"))
    assert [name for name, _ in found.sizes] == ["medium", "large"]


def test_what_leaves_no_choice_is_no_filter(building: StudyBuilder) -> None:
    building.add_gallery([4], ["a.jpg"], CLASSES[:1])
    gallery = read_gallery(building.ledger, CLASSES)
    assert gallery is not None
    found = filters(replace(report(record(4, 0.5)), gallery=gallery), gallery.pictures)
    assert (found.strategies, found.classes) == ((), ())
