from __future__ import annotations

from dataclasses import replace

from autotl.data.completing import Completed, complete_splits
from autotl.data.dataset import Sample
from autotl.data.images import ImageFacts
from autotl.data.problems import ProblemLog
from tests.data.named import all_different, named, names_of


def complete(log: ProblemLog, facts: dict[str, ImageFacts] | None = None, **splits: list[Sample]) -> Completed:
    samples = [sample for split in splits.values() for sample in split]
    given = {name: tuple(split) for name, split in splits.items()}
    return complete_splits(given, facts or all_different(samples), "folders", 0, "cells", log)


def many(count: int, first: int = 0) -> list[Sample]:
    return [named(f"{number:02}.png", [0]) for number in range(first, first + count)]


def test_val_is_taken_from_train_and_what_belongs_together_is_told() -> None:
    samples, log = many(20), ProblemLog()
    facts = all_different(samples)
    facts["07.png"] = replace(facts["07.png"], digest=facts["03.png"].digest)
    found = complete(log, facts, train=samples, test=many(3, 90))
    assert list(found.splits) == ["train", "val", "test"]
    assert len(found.splits["val"]) == 4
    assert sorted(names_of([*found.splits["train"], *found.splits["val"]])) == names_of(samples)
    assert found.together == (("03.png", "07.png"),)
    assert found.origin == (
        "folders; val is taken from train: seeded and stratified, 80% / 20% (seed 0), kept together: 1 group of identical "
        "images"
    )
    assert not log.stops


def test_a_val_of_the_dataset_stays_and_nothing_is_divided_anew() -> None:
    found = complete(ProblemLog(), train=many(20), val=many(5, 50))
    assert (len(found.splits["train"]), len(found.splits["val"])) == (20, 5)
    assert (found.origin, found.together) == ("folders", None)


def test_what_cannot_be_divided_stops_and_is_told() -> None:
    for samples, rule in ((many(1), "too few images"), ([], "empty split")):
        log = ProblemLog()
        assert complete(log, train=samples).together is None
        assert [problem.rule for problem in log] == [rule]
        assert log.stops
