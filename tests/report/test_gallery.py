from __future__ import annotations

import json
import re

from autotl.report.data import ReportData
from autotl.report.gallery import ARTIFACT, read_gallery
from autotl.report.html import render
from autotl.study import gallery as study_gallery
from tests.report.facts import CLASSES
from tests.report.studies import StudyBuilder


def test_the_artifact_has_the_name_that_the_study_gives_it() -> None:
    assert study_gallery.ARTIFACT == ARTIFACT


def test_there_is_no_gallery_before_the_end(building: StudyBuilder) -> None:
    assert read_gallery(building.ledger, CLASSES) is None


def test_boxes_keep_their_places_names_and_mistakes(building: StudyBuilder) -> None:
    building.add_gallery(4, ["a.jpg", "b.jpg"], CLASSES)
    found = read_gallery(building.ledger, CLASSES)
    assert found is not None
    assert (found.trial, found.threshold, found.of_images) == (4, 0.5, 87)
    first, second = found.pictures
    assert (first.name, first.width, first.height, first.missed) == ("a.jpg", 640, 480, 4)
    assert sum(box.wrong for box in first.truth) == 4
    assert [box.label for box in first.truth[:3]] == CLASSES
    assert [(box.x, box.y, box.width, box.height, box.wrong) for box in first.detections[-1:]] == [
        (300, 30, 80, 60, True)
    ]
    assert [box.label for box in second.ignored] == ["not judged"]


def test_a_picture_without_its_thumbnail_is_left_out(building: StudyBuilder) -> None:
    building.add_gallery(4, ["a.jpg"], CLASSES)
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
    boxes = sum(len(p.truth) + len(p.detections) + len(p.ignored) for p in finished.gallery.pictures)
    assert len(re.findall(r"<rect x=[^>]*><title>", page)) == boxes
