"""A workbench on a part of a dataset's images, which shows them as the whole one does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autotl.data.dataset import Sample
from autotl.training.workbench import Workbench


class _Partial(Workbench):
    def __init__(self, whole: Workbench, train: Sequence[Sample], val: Sequence[Sample]):
        splits = {"train": tuple(train), "val": tuple(val)}
        dataset = replace(whole.dataset, splits=splits)
        super().__init__(dataset, whole.precision, whole.cache, whole._dtypes["train"], whole._memory)
        # The part may lack the image that is widest or highest: the canvas is the whole dataset's all the same.
        self._every_size = whole._every_size


def partial_bench(
    whole: Workbench, *, train: Sequence[Sample] | None = None, val: Sequence[Sample] | None = None
) -> Workbench:
    """A workbench with other splits, all of whose images are the whole one's; the test split is not among them.

    Args:
        whole: shares its cache, and decides the canvas.
        train: to train on; the whole one's where none are given.
        val: to evaluate on; likewise.
    """
    samples = whole.dataset.samples
    return _Partial(whole, samples("train") if train is None else train, samples("val") if val is None else val)
