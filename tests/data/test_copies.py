from __future__ import annotations

from pathlib import Path

import numpy as np

from autotl.data.copies import copy_groups, log_copies
from autotl.data.dataset import Sample
from autotl.data.problems import ProblemLog


def _sample(name: str) -> Sample:
    none = np.zeros((0, 4), dtype=np.float32)
    return Sample(
        name=name,
        width=8,
        height=8,
        boxes_xyxy=none,
        labels=np.zeros(0, dtype=np.int64),
        ignored_xyxy=none,
        source=Path(name),
    )


def test_both_kinds_of_copies_join_groups() -> None:
    names = ["a/boat_png.rf.12.jpg", "b/boat_png.rf.34.jpg", "b/other.jpg", "c.jpg", "d.jpg"]
    digests = dict(zip(names, ["1", "2", "2", "3", "4"], strict=True))
    groups = copy_groups([_sample(name) for name in names], digests)
    assert [[sample.name for sample in group] for group in groups] == [names[:3]]
    assert copy_groups([], {}) == []


def test_a_copy_is_noted_and_across_splits_it_is_a_leak() -> None:
    names = ["train/1.jpg", "train/2.jpg", "train/x.rf.1.jpg", "val/3.jpg", "val/x.rf.2.jpg"]
    samples = [_sample(name) for name in names]
    digests = dict(zip(names, ["same", "same", "u", "same", "v"], strict=True))
    log = ProblemLog()
    log_copies({"train": samples[:3], "val": samples[3:]}, digests, log)
    assert [(problem.rule, problem.where) for problem in log] == [
        ("identical images", "train/2.jpg"),
        ("identical images across splits", "val/3.jpg"),
        ("augmented copies across splits", "val/x.rf.2.jpg"),
    ]
    assert "keep one" in list(log)[1].detail
