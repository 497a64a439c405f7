from __future__ import annotations

import json

import pytest

from autotl.core.structures import Detections, Target
from autotl.evaluation.anatomy import Anatomy, anatomy
from autotl.evaluation.matching import best_threshold, match
from autotl.evaluation.tide import KINDS
from tests.evaluation.scenes import found_of, scene, truth_of

BOX = [0.0, 0.0, 10.0, 10.0]


@pytest.mark.parametrize("classes", [("a",), ("a", "b", "c")])
def test_it_goes_round_as_json(classes: tuple[str, ...]) -> None:
    truths, found = scene(1, classes=len(classes), ignored=True)
    made = anatomy(truths, found, classes)
    assert Anatomy.from_dict(json.loads(json.dumps(made.to_dict()))) == made
    assert tuple(made.errors) == KINDS


def test_the_threshold_is_the_best_or_the_one_asked_for() -> None:
    truths, found = scene(2)
    assert anatomy(truths, found, "abc").operating_point.threshold == best_threshold(truths, found)
    assert anatomy(truths, found, "abc", threshold=0.25).operating_point.threshold == 0.25


def test_known_matches_are_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    truths, found = scene(2, ignored=True)
    wanted = anatomy(truths, found, "abc")
    matches = [match(truth, one) for truth, one in zip(truths, found, strict=True)]
    monkeypatch.setattr("autotl.evaluation.anatomy.match", None)
    monkeypatch.setattr("autotl.evaluation.matching.match", None)
    assert anatomy(truths, found, "abc", matches=matches) == wanted


@pytest.mark.parametrize("truth", [Target.empty(), truth_of([BOX])])
@pytest.mark.parametrize("found", [Detections.empty(), found_of([BOX], [0.9])])
def test_nothing_to_find_or_nothing_found(truth: Target, found: Detections) -> None:
    made = anatomy([truth], [found], ["a"])
    assert Anatomy.from_dict(json.loads(json.dumps(made.to_dict()))) == made
    objects, detections = len(truth.labels), len(found.labels)
    assert made.errors["Miss"].count == (objects and 1 - detections)
    assert made.errors["Bkg"].count == (detections and 1 - objects)


def test_images_and_their_detections_must_fit() -> None:
    with pytest.raises(ValueError, match="shorter"):
        anatomy([truth_of([BOX])], [], ["a"])
