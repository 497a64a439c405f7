"""A workbench on other splits of a dataset's images, which shows them as the whole one does and pays for none again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from autotl.data.dataset import Sample
from autotl.training.workbench import Workbench


def partial_bench(
    whole: Workbench, *, train: Sequence[Sample] | None = None, val: Sequence[Sample] | None = None
) -> Workbench:
    """A workbench with other splits, all of whose images are the whole one's; the test split is not among them.

    Args:
        whole: shares its cache and what is kept there, and decides the canvas and the views.
        train: to train on, of either of the whole one's splits; the whole one's where none are given.
        val: to evaluate on; likewise.

    Raises:
        ValueError: for a sample that is none of the whole one's own.
    """
    samples = whole.dataset.samples
    splits = {
        "train": samples("train") if train is None else tuple(train),
        "val": samples("val") if val is None else tuple(val),
    }
    return whole.part(replace(whole.dataset, splits=splits))
