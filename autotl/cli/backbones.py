"""`autotl backbones`: which backbones there are, and whether their weights are at hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

SELECTION = (
    "resnet18",
    "resnet50",
    "mobilenetv3_large_100",
    "mobilenetv4_conv_small",
    "efficientnet_b0",
    "regnety_008",
    "convnext_atto",
    "convnext_tiny",
    "swin_tiny_patch4_window7_224",
)
"""Well-known names of timm's, small ones first in each family."""


def backbones(
    name_filter: Annotated[
        str, typer.Argument(metavar="[FILTER]", help="Only names that contain this, of all of timm's.")
    ] = "",
    show_all: Annotated[bool, typer.Option("--all", help="All of timm's names; this takes minutes.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """List backbones: parameters, blocks, strides of the stages, and whether their weights are at hand.

    Without FILTER: the embedded backbones, those with weights in a local cache, and a selection of timm's.
    Weights that are embedded or cached need no network; those not cached are downloaded when a search needs them.
    Where none are published, a search wants weights: none or weights: file:PATH.

    Examples:
      autotl backbones

      autotl backbones convnext

      autotl backbones --all --json
    """
    from autotl.core.errors import ConfigError

    names = _names(name_filter, show_all)
    if not names:
        raise ConfigError(f"no backbone's name contains {name_filter!r}; run 'autotl backbones --all' for all names")
    rows = list(_rows(names))
    if not rows:
        raise ConfigError(
            f"no backbone named like {name_filter!r} has stages with strides 8, 16 and 32; try another name"
        )
    typer.echo(json.dumps(rows, indent=2) if json_output else "\n".join(_lines(rows)))


def _names(name_filter: str, show_all: bool) -> list[str]:
    """The names to describe: embedded ones first, then timm's in alphabetical order."""
    import timm

    from autotl.models.feature_net import EMBEDDED
    from autotl.models.weights import weights_status

    others = [name for name in timm.list_models() if name not in EMBEDDED]
    if not show_all and not name_filter:
        others = [name for name in others if name in SELECTION or weights_status(name) == "cached"]
    return [name for name in (*EMBEDDED, *others) if name_filter.lower() in name.lower()]


def _rows(names: list[str]) -> Iterator[dict[str, Any]]:
    """One description a backbone; names that cannot carry a detector have none."""
    import torch

    from autotl.core.errors import ConfigError
    from autotl.models.backbone import Backbone
    from autotl.models.feature_net import create_net
    from autotl.models.weights import weights_status

    any_size = 320
    for name in names:
        try:
            with torch.device("meta"):
                backbone = Backbone.from_net(create_net(name, any_size), name)
        except ConfigError:
            continue
        yield {
            "name": name,
            "parameters": sum(parameter.numel() for parameter in backbone.parameters()),
            "blocks": len(backbone.units),
            "strides": [stage.stride for stage in backbone.stages],
            "channels": [stage.channels for stage in backbone.stages],
            "weights": weights_status(name),
        }


def _lines(rows: list[dict[str, Any]]) -> list[str]:
    """A table with aligned columns."""
    table = [("name", "weights", "parameters", "blocks", "strides")]
    for row in rows:
        parameters = f"{row['parameters'] / 1e6:.1f} M"
        strides = " ".join(f"{stride:2}" for stride in row["strides"])
        table.append((row["name"], row["weights"], parameters, str(row["blocks"]), f"{strides:>14}"))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        f"{name:{widths[0]}}  {weights:{widths[1]}}  {parameters:>{widths[2]}}  {blocks:>{widths[3]}}  {strides}"
        for name, weights, parameters, blocks, strides in table
    ]
