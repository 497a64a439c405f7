"""What a strategy begins with of a bundle: its backbone, its neck too, or its whole detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from autotl.core.bundle_files import WEIGHTS, not_whole, read_description
from autotl.core.errors import ConfigError, WeightsError
from autotl.models.anchors import Anchors, fit_anchors
from autotl.models.backbone import Backbone, set_norm_eps
from autotl.models.checkpoint_file import below
from autotl.models.class_rows import same_classes, with_rows
from autotl.models.coco import FILES, coco_name
from autotl.models.heads.head import Head, TorchvisionHead
from autotl.models.neck import Neck
from autotl.strategy.detector_build import detector_folder, fields_of_bundle, misfit
from autotl.strategy.schema import BUNDLE, Strategy


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What a bundle tells of its detector."""

    classes: tuple[str, ...]
    anchors: Anchors | None
    norm_eps: float | list[float] | None
    """What its backbone adds to variances, as `norm_eps` has it; None for what is usual."""


def load_parts_of_bundle(strategy: Strategy, backbone: Backbone, neck: Neck) -> None:
    """Fills a backbone from the bundle that the strategy names, where it does; the neck where that is to come along.

    Raises:
        ConfigError: where the strategy has another build than the detector that it begins with, or the bundle is missing or
            not whole.
        WeightsError: where its detector has other parts.
    """
    weights = strategy.backbone.weights
    whole = detector_folder(weights)
    _refuse_misfit(strategy)
    if whole is None and not weights.startswith(BUNDLE):
        return
    folder = whole or Path(weights.removeprefix(BUNDLE)).expanduser()
    told, tensors = _told(folder), _tensors(folder)
    _fill(backbone, below(tensors, "backbone."), "backbone", folder)
    set_norm_eps(backbone, told.norm_eps)
    if whole is not None or strategy.freeze.neck == "frozen":
        _fill(neck, below(tensors, "neck."), "neck", folder)


def load_head_of_bundle(head: Head, folder: Path, classes: Sequence[str]) -> None:
    """Fills a head with a bundle's but for its classes, and of these the rows that it has by the same name.

    Args:
        head: as the strategy builds it, with rows for the dataset's classes.
        folder: the bundle, of the same build.
        classes: names of the dataset's labels.

    Raises:
        ConfigError: where there is no bundle, or it is not whole.
        WeightsError: where its head has other rows than it has classes.
    """
    theirs = _told(folder).classes
    first = head.first_label if isinstance(head, TorchvisionHead) else 0
    rows = {row: row for row in range(first)}
    rows |= {label + first: row + first for label, row in same_classes(classes, theirs).items()}
    given = below(_tensors(folder), "head.")
    try:
        found = with_rows(head, given, rows, len(theirs) + first)
    except RuntimeError as error:
        raise WeightsError(
            f"bundle {folder}: its head has not the rows of its {len(theirs)} classes; take best/ of a finished search"
        ) from error
    _fill(head, found, "head", folder)


def kept_anchors(strategy: Strategy) -> Anchors | None:
    """Those of the detector that a strategy begins with, which its regression of boxes belongs to; None where it has none.

    Raises:
        ConfigError: where there is no bundle, it is of another build, or it has not the anchors of its head.
    """
    folder = detector_folder(strategy.backbone.weights)
    if folder is None:
        return None
    _refuse_misfit(strategy)
    kept, usual = _told(folder).anchors, fit_anchors(torch.ones(1, 2), strategy)
    levels, wanted = (len(one.sizes) if one else 0 for one in (kept, usual))
    if levels != wanted:
        raise not_whole(folder, ValueError(f"anchors of {levels} levels, but its head has them on {wanted}"))
    return kept


def _refuse_misfit(strategy: Strategy) -> None:
    problem = misfit(strategy)
    if problem is not None:
        raise ConfigError(problem)


def _told(folder: Path) -> _Told:
    description, fields = read_description(folder), fields_of_bundle(folder)
    # Bundles of before it was saved have it from their own start.
    published = coco_name(fields["backbone.weights"])
    eps = description.get("norm_eps", FILES[published].eps if published else None)
    try:
        classes, anchors = description["classes"], description["anchors"]
        if not isinstance(classes, list) or not all(isinstance(name, str) for name in classes):
            raise TypeError("classes must be a list of names")
        return _Told(
            classes=tuple(classes),
            anchors=Anchors.from_dict(anchors) if anchors else None,
            norm_eps=[float(one) for one in eps] if isinstance(eps, list) else None if eps is None else float(eps),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise not_whole(folder, error) from error


def _tensors(folder: Path) -> dict[str, Tensor]:
    try:
        return load_file(folder / WEIGHTS)
    except (OSError, SafetensorError) as error:
        raise not_whole(folder, error) from error


def _fill(module: nn.Module, found: Mapping[str, Tensor], name: str, folder: Path) -> None:
    wanted = module.state_dict()
    if {key: value.shape for key, value in found.items()} != {key: value.shape for key, value in wanted.items()}:
        raise WeightsError(
            f"bundle {folder}: its {name} is not the strategy's; name the bundle's own backbone, head.kind, "
            "head.neck_channels and, for a backbone of one input size, input.image_size (its strategy is in bundle.json), "
            "or another bundle"
        )
    module.load_state_dict(found)
