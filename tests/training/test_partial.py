from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from autotl.training.partial import partial_bench
from tests.training import tiny


def test_a_part_is_shown_on_the_canvas_of_the_whole() -> None:
    data = tiny.dataset()
    wide = replace(tiny.sample(50), width=200, source=partial(Image.fromarray, np.zeros((96, 200, 3), np.uint8)))
    tall = replace(tiny.sample(51), height=200, source=partial(Image.fromarray, np.zeros((200, 96, 3), np.uint8)))
    whole = tiny.bench(replace(data, splits={"train": (wide, *data.samples("train")), "val": (tall,)}))
    part = partial_bench(whole, train=[wide], val=[wide])
    assert part.canvas(128) == whole.canvas(128)
    assert part.canvas(128) != tiny.bench(part.dataset).canvas(128), "which its own images would not need"


def test_what_is_not_given_is_the_wholes_and_truths_are_of_what_is_evaluated() -> None:
    whole = tiny.bench()
    train = whole.dataset.samples("train")
    part = partial_bench(whole, val=train[:3])
    assert part.dataset.samples("train") == train
    assert part.dataset.samples("val") == train[:3]
    assert [len(truth.labels) for truth in part.truths] == [len(sample.labels) for sample in train[:3]]
    assert partial_bench(whole, train=train[:3]).dataset.samples("val") == whole.dataset.samples("val")


def test_the_test_split_is_not_in_it() -> None:
    data = tiny.dataset()
    whole = tiny.bench(replace(data, splits={**data.splits, "test": data.samples("val")}))
    assert partial_bench(whole).dataset.open_test_split() == ()


def test_it_trains_and_shares_the_cache(weights: Path, tmp_path: Path) -> None:
    whole = tiny.bench(folder=tmp_path)
    part = partial_bench(whole, train=whole.dataset.samples("train")[:5])
    run = tiny.train(tiny.strategy(weights, {"augment.level": "none"}), part)
    assert len(run.detections) == len(whole.dataset.samples("val"))
    assert part.use.images_read > 0
    assert part.cache is whole.cache
