"""What a strategy begins with of a bundle: its backbone, its neck too, or its whole detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import Tensor, nn

from autotl.core.bundle_files import WEIGHTS, read_description
from autotl.core.errors import ConfigError, WeightsError
from autotl.models.anchors import Anchors
from autotl.models.backbone import Backbone, set_norm_eps
from autotl.models.checkpoint_file import below, read_tensors
from autotl.models.class_rows import same_classes, with_rows
from autotl.models.coco import FILES, coco_name
from autotl.models.heads.head import Head, TorchvisionHead
from autotl.models.neck import Neck
from autotl.strategy.detector_build import detector_folder, fields_of_bundle, misfit
from autotl.strategy.schema import BUNDLE, Strategy


def load_parts_of_bundle(strategy: Strategy, backbone: Backbone, neck: Neck) -> None:
    """Fills a backbone from the bundle that the strategy names, where it does; the neck where that is to come along.

    Raises:
        ConfigError: where the strategy has another build than the detector that it begins with, or the bundle is not whole.
        WeightsError: where the bundle is missing, or its detector has other parts.
    """
    weights = strategy.backbone.weights
    problem, whole = misfit(strategy), detector_folder(weights)
    if problem is not None:
        raise ConfigError(problem)
    if whole is None and not weights.startswith(BUNDLE):
        return
    folder = whole or Path(weights.removeprefix(BUNDLE)).expanduser()
    tensors = read_tensors(folder / WEIGHTS)
    _fill(backbone, below(tensors, "backbone."), "backbone", folder)
    set_norm_eps(backbone, _norm_eps(folder))
    if whole is not None or strategy.freeze.neck == "frozen":
        _fill(neck, below(tensors, "neck."), "neck", folder)


def load_head_of_bundle(head: Head, folder: Path, classes: Sequence[str]) -> None:
    """Fills a head with a bundle's but for its classes, and of these the rows that it has by the same name.

    Args:
        head: as the strategy builds it, with rows for the dataset's classes.
        folder: the bundle, of the same build.
        classes: names of the dataset's labels.

    Raises:
        ConfigError: where there is no bundle.
        WeightsError: where it is not whole.
    """
    theirs = read_description(folder)["classes"]
    first = head.first_label if isinstance(head, TorchvisionHead) else 0
    rows = {row: row for row in range(first)}
    rows |= {label + first: row + first for label, row in same_classes(classes, theirs).items()}
    given = below(read_tensors(folder / WEIGHTS), "head.")
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
        ConfigError: where there is no bundle.
    """
    folder = detector_folder(strategy.backbone.weights)
    found = read_description(folder)["anchors"] if folder is not None else None
    return Anchors.from_dict(found) if found else None


def _norm_eps(folder: Path) -> float | None:
    """What a bundle's backbone adds to variances; None for what is usual, or where that is not one number for all."""
    description = read_description(folder)
    # Bundles of before it was saved have it from their own start.
    published = coco_name(fields_of_bundle(folder)["backbone.weights"])
    found: float | None = description.get("norm_eps", FILES[published].eps if published else None)
    return found


def _fill(module: nn.Module, found: Mapping[str, Tensor], name: str, folder: Path) -> None:
    wanted = module.state_dict()
    if {key: value.shape for key, value in found.items()} != {key: value.shape for key, value in wanted.items()}:
        raise WeightsError(
            f"bundle {folder}: its {name} is not the strategy's; name the bundle's own backbone, head.kind, "
            "head.neck_channels and, for a backbone of one input size, input.image_size (its strategy is in bundle.json), "
            "or another bundle"
        )
    module.load_state_dict(found)
