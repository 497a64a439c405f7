"""The rows of a head that belong to one class each, taken over where another detector knows a class of the same name.

Such rows are at the end of the class branch; all else of a head serves every class.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from torch import Tensor, nn

_SCORES = re.compile(
    r"(^|\.)(classification_head\.cls_logits|classification_head\.module_list\.\d+(\.1)?|towers\.cls_logits\.1|cls_score)\.\w+$"
)
"""FCOS and RetinaNet, SSD, SSDLite and light FCOS behind what each channel has for itself, and Faster R-CNN."""
_BOXES = re.compile(r"(^|box_predictor\.)bbox_pred\.\w+$")
"""Faster R-CNN's regression of boxes, which each class has for itself; that of its proposals has a longer name."""


def same_classes(classes: Sequence[str], theirs: Sequence[str], nothing: Sequence[str] = ()) -> dict[int, int]:
    """Label -> their label of the same name, whatever its case, with spaces or underscores; rather one spelt the same.

    Args:
        classes: names of ours.
        theirs: names of theirs.
        nothing: of theirs those that stand for nothing that could be found.
    """
    named = {name: row for row, name in enumerate(theirs) if name not in nothing}
    rows = {_plain(name): row for name, row in named.items()} | named
    found = {label: rows.get(name, rows.get(_plain(name))) for label, name in enumerate(classes)}
    return {label: row for label, row in found.items() if row is not None}


def _plain(name: str) -> str:
    return name.replace("_", " ").strip().casefold()


def with_rows(
    module: nn.Module, given: Mapping[str, Tensor], same: Mapping[int, int], classes: int, nothing: Collection[int] = ()
) -> dict[str, Tensor]:
    """Their tensors, but of the class branch our own with their rows where classes are the same.

    A regression of boxes that each class has for itself is, for a class that they lack, the mean of theirs that were trained.

    Args:
        module: a head, or the part of one that the tensors are for.
        given: theirs, by the names that the module has for them.
        same: row -> their row of the same class, the background among them where the head has one.
        classes: how many rows they have, the background among them.
        nothing: of their rows those that stand for nothing that could be found, and so were never trained.
    """
    found = dict(given)
    for key, own in module.state_dict().items():
        has_boxes = _BOXES.search(key) is not None
        if key not in given or not (has_boxes or _SCORES.search(key)):
            continue
        width = 4 if has_boxes else 1
        # Rows are anchors by classes, or classes by the four sides of a box.
        anchors = len(given[key]) // (classes * width)
        rest = own.shape[1:]
        ours = own.clone().view(anchors, -1, width, *rest)
        theirs = given[key].view(anchors, classes, width, *rest)
        if has_boxes:
            trained = [row for row in range(1, classes) if row not in nothing]
            ours[:, 1:] = theirs[:, trained].mean(1, keepdim=True)
        for label, row in same.items():
            ours[:, label] = theirs[:, row]
        found[key] = ours.view(own.shape)
    return found
