"""AdaBN (Li et al., Adaptive Batch Normalization, 2018): normalisation statistics of the images that there are."""

from __future__ import annotations

import torch

from autotl.data.loading import CanvasStore
from autotl.models.backbone import Backbone, keep_from_zero, norms_with_statistics
from autotl.training.precision import Precision

_MOST_IMAGES = 1000
"""Evenly spread over the training images where there are more."""
_BATCH = 16


@torch.no_grad()
def adapt_statistics(backbone: Backbone, store: CanvasStore, precision: Precision) -> None:
    """Replaces the statistics of batch normalisation by those of the images of a store, in one pass over them.

    A layer's mean and variance are the means of its batches' means and variances, each batch having been normalised by
    its own in the layers before. Weights stay as they are, and so does what is no batch normalisation.
    """
    norms = norms_with_statistics(backbone)
    momenta = [norm.momentum for norm in norms]
    backbone.eval()
    keep_from_zero(backbone)
    for norm in norms:
        norm.reset_running_stats()
        # A cumulative mean over batches.
        norm.momentum = None
        norm.train()
    for indices in _batches(len(store)):
        images = torch.stack([store.image(index) for index in indices])
        with precision.mixed():
            backbone.forward_range(backbone.normalise(precision.to_input(images)), 0, len(backbone.units))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()


def _batches(images: int) -> list[list[int]]:
    """Indices of the images that are looked at, in batches of one size but where there are too few for one."""
    looked_at = min(images, _MOST_IMAGES)
    whole = looked_at // _BATCH * _BATCH or looked_at
    spread = [place * images // whole for place in range(whole)]
    return [spread[start : start + _BATCH] for start in range(0, whole, _BATCH)]
