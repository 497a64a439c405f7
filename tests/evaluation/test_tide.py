"""The kinds of errors and their costs, against the package of TIDE's authors and one by one."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from autotl.core.boxes import xyxy_to_xywh
from autotl.core.structures import Detections, Target
from autotl.evaluation.coco_metrics import coco_metrics, matched
from autotl.evaluation.matching import match
from autotl.evaluation.tide import KINDS, ErrorKind, Kind, error_kinds
from tests.evaluation.scenes import found_of, scene, truth_of

LEFT, RIGHT, NOWHERE = [0.0, 0.0, 10.0, 10.0], [50.0, 0.0, 60.0, 10.0], [200.0, 200.0, 210.0, 210.0]
HALF = [5.0, 0.0, 15.0, 10.0]
"""Overlaps LEFT with an IoU of a third."""


def _kinds(truths: Sequence[Target], found: Sequence[Detections], classes: int = 3) -> dict[Kind, ErrorKind]:
    return error_kinds(truths, found, [match(*pair) for pair in zip(truths, found, strict=True)], classes)


def _figures(error: ErrorKind) -> tuple[int, float]:
    return error.count, error.dap


def _tidecv(truths: Sequence[Target], found: Sequence[Detections]) -> dict[str, tuple[int, float]]:
    """Number and cost of each kind, the cost in parts of 1."""
    tidecv = pytest.importorskip("tidecv", reason="tidecv is not installed; it comes with autotl[dev]")
    wanted, given = tidecv.Data("truth"), tidecv.Data("found")
    for image, (truth, one) in enumerate(zip(truths, found, strict=True)):
        wanted.add_image(image, str(image))
        boxes, regions, guesses = (
            xyxy_to_xywh(corners.double()).tolist()
            for corners in (truth.boxes_xyxy, truth.ignored_xyxy, one.boxes_xyxy)
        )
        for box, label in zip(boxes, truth.labels.tolist(), strict=True):
            wanted.add_ground_truth(image, label, box)
        for region in regions:
            wanted.add_ignore_region(image, -1, region)
        for box, score, label in zip(guesses, one.scores.tolist(), one.labels.tolist(), strict=True):
            given.add_detection(image, label, score, box)
    tide = tidecv.TIDE(pos_threshold=0.5, background_threshold=0.1)
    run = tide.evaluate(wanted, given, mode=tidecv.TIDE.BOX, name="run")
    counts = {kind.short_name: count for kind, count in run.count_errors().items()}
    return {kind: (counts[kind], dap / 100) for kind, dap in tide.get_main_errors()["run"].items()}


@pytest.mark.parametrize("classes", [1, 4])
def test_numbers_and_costs_are_those_of_tidecv(classes: int) -> None:
    seen = dict.fromkeys(KINDS, 0.0)
    for seed in range(25):
        truths, found = scene(seed, classes=classes)
        wanted = _tidecv(truths, found)
        for kind, error in _kinds(truths, found, classes).items():
            assert error.count == wanted[kind][0], (seed, kind)
            assert error.dap == pytest.approx(wanted[kind][1], abs=1e-12), (seed, kind)
            seen[kind] += error.dap
    assert [kind for kind in KINDS if not seen[kind]] == (["Cls", "Both"] if classes == 1 else [])


def test_costs_are_those_of_tidecv_with_regions_to_ignore_too() -> None:
    fewer = 0
    for seed in range(25):
        truths, found = scene(seed, ignored=True)
        wanted = _tidecv(truths, found)
        for kind, error in _kinds(truths, found).items():
            assert error.dap == pytest.approx(wanted[kind][1], abs=1e-12), (seed, kind)
            assert error.count <= wanted[kind][0]
            fewer += error.count < wanted[kind][0]
    # tidecv counts what lies in such a region as errors that cost nothing.
    assert fewer


def test_a_class_without_boxes_is_left_out_of_the_mean_as_in_coco_metrics() -> None:
    truths, found = [truth_of([LEFT, RIGHT], [0, 0])], [found_of([LEFT, RIGHT], [0.9, 0.8], [0, 1])]
    error = _kinds(truths, found)["Cls"]
    assert _figures(error) == pytest.approx((1, 1 - coco_metrics(truths, found, "abc").ap50))
    assert _tidecv(truths, found)["Cls"][1] == pytest.approx(1 - coco_metrics(truths, found, "abc").ap50 / 2)


def test_why_it_is_not_hotcocos() -> None:
    beside_a_region = [truth_of([LEFT], ignored=[[50, 50, 90, 90]])]
    found = [found_of([[46, 50, 52, 60], LEFT], [0.95, 0.9])]
    assert _tidecv(beside_a_region, found)["Bkg"] == pytest.approx((1, 0.5))
    assert _figures(_kinds(beside_a_region, found)["Bkg"]) == pytest.approx((1, 0.5))
    theirs = matched(beside_a_region, found, ["a"]).tide_errors()["counts"]
    assert (theirs["Bkg"], theirs["Loc"]) == (0, 1)


@pytest.mark.parametrize(
    ("kind", "found", "costs"),
    [
        ("Loc", found_of([HALF], [0.9]), 1.0),
        ("Cls", found_of([LEFT], [0.9], [1]), 1.0),
        ("Both", found_of([HALF], [0.9], [1]), 0.0),
        ("Dupe", found_of([LEFT, LEFT], [0.9, 0.8]), 0.0),
        ("Bkg", found_of([NOWHERE, LEFT], [0.9, 0.8]), 0.5),
        ("Miss", Detections.empty(), 1.0),
    ],
)
def test_each_kind_alone(kind: Kind, found: Detections, costs: float) -> None:
    errors = _kinds([truth_of([LEFT])], [found])
    assert _figures(errors[kind]) == pytest.approx((1, costs))
    others = {other for other in KINDS if errors[other].count} - {kind}
    # Dropping what is wrong in class and place finds nothing, so the object stays missed.
    assert others == ({"Miss"} if kind == "Both" else set())


def test_an_object_is_found_once_however_many_detections_could() -> None:
    errors = _kinds([truth_of([LEFT, RIGHT])], [found_of([HALF, HALF, LEFT], [0.9, 0.8, 0.7], [0, 0, 1])])
    # The best of them finds it, so the wrong class gains nothing by being mended.
    assert {kind: errors[kind].count for kind in KINDS} == {
        "Cls": 1, "Loc": 2, "Both": 0, "Dupe": 0, "Bkg": 0, "Miss": 1,
    }  # fmt: skip
    assert errors["Loc"].dap == pytest.approx(51 / 101)
    assert errors["Cls"].dap == 0.0


def test_a_detection_in_a_region_to_ignore_is_no_error() -> None:
    inside = found_of([[55, 55, 60, 60], LEFT], [0.95, 0.9])
    errors = _kinds([truth_of([LEFT], ignored=[[50, 50, 90, 90]])], [inside])
    assert all(error == ErrorKind(count=0, dap=0.0) for error in errors.values())


def test_nothing_to_find_and_nothing_found() -> None:
    nothing = {kind: ErrorKind(count=0, dap=0.0) for kind in KINDS}
    some = found_of([LEFT], [0.9])
    assert _kinds([], []) == nothing
    assert _kinds([Target.empty()], [Detections.empty()]) == nothing
    assert _kinds([truth_of([LEFT])], [some]) == nothing
    assert _kinds([Target.empty()], [some]) == {**nothing, "Bkg": ErrorKind(count=1, dap=0.0)}
    assert _kinds([truth_of([LEFT, RIGHT], [0, 1])], [Detections.empty()]) == {
        **nothing,
        "Miss": ErrorKind(count=2, dap=1.0),
    }
    # A class that is never detected costs its share of the mean.
    assert _kinds([truth_of([LEFT, RIGHT], [0, 1])], [some])["Miss"] == ErrorKind(count=1, dap=0.5)
