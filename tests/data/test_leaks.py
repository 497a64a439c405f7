from __future__ import annotations

import pytest

from autotl.data.dataset import Sample
from autotl.data.images import ImageFacts
from autotl.data.leaks import drop_leaks, log_leaks
from autotl.data.problems import ProblemLog
from tests.data.named import all_different, compressed, named, names_of, picture, shown

SPLITS = {
    "train": [named(f"train/{name}") for name in ("1.jpg", "2.jpg", "x.rf.1.jpg", "seen.jpg", "own.jpg")],
    "val": [named(f"val/{name}") for name in ("1.jpg", "x.rf.2.jpg", "own.jpg")],
    "test": [named(f"test/{name}") for name in ("1.jpg", "seen.jpg", "own.jpg")],
}


@pytest.fixture
def facts() -> dict[str, ImageFacts]:
    found = all_different([sample for samples in SPLITS.values() for sample in samples])
    for name in ("train/2.jpg", "val/1.jpg", "test/1.jpg"):
        found[name] = found["train/1.jpg"]
    found["train/seen.jpg"] = shown(picture(99), "original")
    found["test/seen.jpg"] = shown(compressed(picture(99)), "compressed")
    return found


def test_every_leak_is_told_once_with_its_original(facts: dict[str, ImageFacts]) -> None:
    log = ProblemLog()
    log_leaks(SPLITS, facts, log)
    assert [(problem.rule, problem.where) for problem in log] == [
        ("identical images", "train/2.jpg"),
        ("identical images across splits", "val/1.jpg"),
        ("augmented copies across splits", "val/x.rf.2.jpg"),
        ("identical images across splits", "test/1.jpg"),
        ("near-duplicate images across splits", "test/seen.jpg"),
    ]
    assert list(log)[4].detail == (
        "in test, looks nearly the same as train/seen.jpg in train: scores on test are flattered; "
        "keep one, or use --leaks drop"
    )
    assert {problem.action for problem in log} == {"note"}


def test_what_is_judged_stays_and_what_repeats_it_is_left_out(facts: dict[str, ImageFacts]) -> None:
    log = ProblemLog()
    kept = drop_leaks(SPLITS, facts, log)
    assert list(kept) == ["train", "val", "test"]
    assert names_of(kept["train"]) == ["train/own.jpg"]
    assert names_of(kept["val"]) == ["val/x.rf.2.jpg", "val/own.jpg"]
    assert names_of(kept["test"]) == names_of(SPLITS["test"])
    assert {(problem.rule, problem.action) for problem in log} == {("leaking image", "skip image")}
    assert [problem.where for problem in log] == [
        "val/1.jpg",
        "train/1.jpg",
        "train/2.jpg",
        "train/x.rf.1.jpg",
        "train/seen.jpg",
    ]
    after = ProblemLog()
    log_leaks(kept, facts, after)
    assert list(after) == []


def test_a_copy_of_what_was_itself_left_out_stays() -> None:
    """Train's image repeats only the one of val that gives way to test."""
    chain = {split: [named(f"{split}.rf.1.jpg")] for split in ("train", "val", "test")}
    found = all_different([sample for samples in chain.values() for sample in samples])
    chain["val"] = [named("train.rf.2.jpg"), named("spare.jpg")]
    found |= {"train.rf.2.jpg": found["test.rf.1.jpg"], "spare.jpg": shown(picture(50), "50")}
    kept = drop_leaks(chain, found, ProblemLog())
    assert names_of(kept["val"]) == ["spare.jpg"]
    assert names_of(kept["train"]) == ["train.rf.1.jpg"]


def test_a_split_of_nothing_but_leaks_stops() -> None:
    splits = {"train": [named("a.jpg")], "val": [named("b.jpg")]}
    facts = {name: shown(picture(1), "same") for name in ("a.jpg", "b.jpg")}
    log = ProblemLog()
    assert drop_leaks(splits, facts, log)["train"] == ()
    (stop,) = log.stops
    assert "use --leaks report" in stop.detail


def test_a_video_in_two_splits_is_told_once() -> None:
    def frames(split: str, *numbers: int) -> list[Sample]:
        return [named(f"{split}/clip1_frame_{number}.jpg") for number in numbers]

    splits = {"train": frames("train", 1, 2), "val": frames("val", 3), "test": [named("test/clip2_frame_1.jpg")]}
    facts = all_different([sample for samples in splits.values() for sample in samples])
    log = ProblemLog()
    log_leaks(splits, facts, log)
    assert [(problem.rule, problem.where) for problem in log] == [("video across splits", "clip1")]
    assert "2 in train, 1 in val" in next(iter(log)).detail
    assert drop_leaks(splits, facts, log) == {split: tuple(samples) for split, samples in splits.items()}


def test_no_splits_have_no_leaks() -> None:
    log = ProblemLog()
    assert drop_leaks({}, {}, log) == {}
    log_leaks({"train": [], "val": []}, {}, log)
    assert list(log) == []
