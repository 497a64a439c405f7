"""`autotl weights`: which pretrained weights are at hand, getting them, and whether their files are whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from autotl.cli.spaces import JsonOption
from autotl.cli.weights_dir import WeightsDir, use_weights_dir

app = typer.Typer()

_EXAMPLES = (
    "Examples:\n\n  autotl weights\n\n  autotl weights get resnet50 coco:fcos_resnet50_fpn\n\n"
    "  autotl weights verify --weights-dir /mnt/weights"
)


@app.callback(invoke_without_command=True, epilog=_EXAMPLES)
def list_weights(context: typer.Context, weights_dir: WeightsDir = None, json_output: JsonOption = False) -> None:
    """List pretrained weights by the name that strategies give them, and whether they are at hand.

    A selection of backbones with the weights `pretrained` and all that are at
    hand, of which `autotl backbones` knows many more, and whole detectors.
    """
    if context.invoked_subcommand is not None:
        return
    use_weights_dir(weights_dir)
    rows = [{"name": name, "weights": _status(name), "what": what} for name, what in _known().items()]
    _print(rows, json_output)


@app.command(epilog=_EXAMPLES)
def get(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Names from the list, or any of timm's.")],
    weights_dir: WeightsDir = None,
    json_output: JsonOption = False,
) -> None:
    """Download weights that are not at hand; into the folder of --weights-dir, where it is given.

    What is at hand elsewhere is copied there, so that the folder can be
    carried to a network from which nothing can be downloaded. The embedded
    backbones' weights stay in their packages.
    """
    use_weights_dir(weights_dir)
    rows = [{"name": name, "file": str(_fetch(name))} for name in names]
    _print(rows, json_output)


@app.command(epilog=_EXAMPLES)
def verify(weights_dir: WeightsDir = None, json_output: JsonOption = False) -> None:
    """Compare the files of weights that are at hand with the digests that are published.

    Names carry them: those of the embedded backbones' files, of torchvision's
    and of most that timm publishes (such as resnet50-0676ba61.pth), and of
    what the Hugging Face cache links to. Other files, such as NAME.safetensors
    in a folder, have no digest to compare with.

    The same is compared before weights are loaded. Of files that a strategy
    names as file:PATH only those are that are called like a published one.
    """
    from autotl.core.errors import WeightsError
    from autotl.models.weight_files import check_digest

    use_weights_dir(weights_dir)
    rows, damaged = list[dict[str, Any]](), list[str]()
    for name, (path, digest) in _at_hand().items():
        row: dict[str, Any] = {"name": name, "is_whole": None, "file": str(path)}
        if digest is not None:
            try:
                check_digest(path.resolve(), digest)
                row["is_whole"] = True
            except WeightsError as error:
                row["is_whole"] = False
                damaged.append(str(error))
        rows.append(row)
    if not rows and not json_output:
        typer.echo("No file of weights is at hand; `autotl weights get NAME` downloads one")
        return
    _print(rows, json_output)
    if damaged:
        raise WeightsError("; ".join(damaged))


def _at_hand() -> dict[str, tuple[Path, str | None]]:
    """Name -> its file on this machine, and what its SHA-256 begins with where that is known."""
    from autotl.models.coco import FILES
    from autotl.models.weight_files import local_file, published_digest
    from autotl.models.weights import at_hand
    from autotl.strategy.coco_detectors import COCO

    found = {name: (path, published_digest(path)) for name, path in at_hand().items()}
    for name, file in FILES.items():
        path = local_file(file.name)
        if path is not None:
            found[f"{COCO}{name}"] = (path, file.sha256)
    return found


def _known() -> dict[str, str]:
    """Name -> what it is."""
    from autotl.cli.backbones import SELECTION
    from autotl.models.coco import FILES
    from autotl.models.feature_net import EMBEDDED
    from autotl.models.weights import at_hand
    from autotl.strategy.coco_detectors import COCO

    backbones = dict.fromkeys((*EMBEDDED, *SELECTION), "backbone, ImageNet")
    backbones |= {name: "backbone" for name in at_hand() if name not in backbones}
    return backbones | {f"{COCO}{name}": "detector, COCO" for name in FILES}


def _status(name: str) -> str:
    from autotl.models.weights import weights_status
    from autotl.strategy.coco_detectors import COCO, COCO_DETECTORS

    if name.startswith(COCO):
        of_backbone = COCO_DETECTORS[name.removeprefix(COCO)]["backbone.name"]
        return weights_status(of_backbone, name)
    return weights_status(name)


def _fetch(name: str) -> Path:
    from autotl.core.errors import ConfigError
    from autotl.models.coco import FILES, file_of
    from autotl.models.weight_files import into_folder
    from autotl.models.weights import fetch_into_folder
    from autotl.strategy.coco_detectors import COCO

    if not name.startswith(COCO):
        return fetch_into_folder(name)
    if name.removeprefix(COCO) not in FILES:
        known = ", ".join(f"{COCO}{known}" for known in FILES)
        raise ConfigError(f"{name}: unknown; the detectors are {known}")
    path = file_of(name.removeprefix(COCO))
    return into_folder(path, path.name)


def _print(rows: list[dict[str, Any]], json_output: bool) -> None:
    if json_output:
        typer.echo(json.dumps(rows, indent=2))
        return
    cells = [list(map(_shown, row.values())) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        typer.echo("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())


def _shown(value: object) -> str:
    if value is None:
        return "no digest"
    return ("damaged", "whole")[value] if isinstance(value, bool) else str(value)
