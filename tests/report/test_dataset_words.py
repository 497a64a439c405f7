from __future__ import annotations

from dataclasses import replace
from typing import get_args

from autotl.data.problems import RULES, Action
from autotl.report import dataset_words, verdict
from autotl.report.dataset_summary import ProblemGroup
from tests.report.records import DATASET, record, report


def test_a_missing_test_split_is_told() -> None:
    data = report(record(0, 0.4))
    splits = tuple(split for split in data.dataset.splits if split.name != "test")
    without = replace(data, dataset=replace(data.dataset, splits=splits))
    kept = replace(data, dataset=replace(data.dataset, splits=(*splits, replace(splits[0], name="test"))))
    assert dataset_words.untested(without).startswith("The dataset has no test split")
    assert dataset_words.untested(kept) == ""
    assert dataset_words.untested(without) in verdict.evidence(without)


def test_the_data_is_described_in_numbers() -> None:
    assert dataset_words.data_overview(report()) == (
        "30 images with 100 boxes of 2 classes, read as voc. Splits: ImageSets/Main. 2 images have no boxes that count. "
        "red is the most frequent class (89% of the boxes), white the rarest (11%). "
        "Objects by area: 20 small, 30 medium and 50 large."
    )
    nothing = replace(DATASET, splits=(), box_sizes={"small": 0}, classes=("red",))
    assert dataset_words.data_overview(report(dataset=nothing)) == (
        "0 images with 0 boxes of 1 class, read as voc. Splits: ImageSets/Main."
    )


def test_problems_are_counted_by_what_was_done() -> None:
    unshared = " No two splits were found to share images, videos or pictures."
    assert dataset_words.problems_overview(report()) == f"No problem was found in the dataset.{unshared}"
    groups = (
        ProblemGroup(rule="zero-area box", action="skip box", places=(("a.xml", "x"), ("b.xml", "y"))),
        ProblemGroup(rule="outside", action="clip", places=(("c.xml", "z"),)),
    )
    said = dataset_words.problems_overview(report(dataset=replace(DATASET, problems=groups)))
    assert said == f"3 problems found: 1 box was clipped and 2 boxes were left out.{unshared}"
    noted = ProblemGroup(rule="crowd region", action="note", places=(("a", ""), ("b", "")))
    said = dataset_words.problems_overview(report(dataset=replace(DATASET, problems=(*groups, noted))))
    assert said.endswith(f"left out. 2 things were noted, with nothing done about them.{unshared}")
    video = ProblemGroup(rule="video across splits", action="note", places=(("a", ""),))
    shared = replace(DATASET, problems=(noted, video))
    assert dataset_words.problems_overview(report(dataset=shared)) == (
        f"{dataset_words.leaks(report(dataset=shared))} 2 things were noted, with nothing done about them."
    )


def test_what_the_splits_share_is_told_with_what_it_does_to_scores() -> None:
    groups = (
        ProblemGroup(rule="picture across splits", action="note", places=(("a", ""), ("b", ""))),
        ProblemGroup(rule="identical images across splits", action="note", places=(("c", ""),)),
        ProblemGroup(rule="identical images", action="note", places=(("d", ""),)),
    )
    assert dataset_words.leaks(report(dataset=replace(DATASET, problems=groups))) == (
        "The dataset's splits share 2 pictures cut into tiles and 1 image, so its scores are too high for images from "
        "elsewhere."
    )
    assert dataset_words.leaks(report(dataset=replace(DATASET, problems=groups[2:]))) == ""
    assert dataset_words.leaks(report()) == ""


def test_every_rule_of_shared_images_has_words() -> None:
    assert {rule for rule in RULES if rule.endswith("across splits")} == set(dataset_words.SHARED_BY_SPLITS)


def test_what_was_done_about_a_problem_is_told_for_every_action() -> None:
    assert [dataset_words.done_about(action) for action in get_args(Action)] == [
        "clipped", "box left out", "image left out", "noted, nothing done", "stops a search",
    ]  # fmt: skip
    assert dataset_words.done_about("of a later version") == "of a later version"
