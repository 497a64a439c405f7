"""autotl predict: a bundle on images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from autotl.cli.device_option import Device


def predict(
    bundle: Annotated[Path, typer.Argument(help="A bundle, such as reports/NAME/best.", show_default=False)],
    images: Annotated[list[Path], typer.Argument(help="Image files, or folders of them.", show_default=False)],
    out: Annotated[Path, typer.Option(help="Where pictures and predictions.json go.")] = Path("predictions"),
    threshold: Annotated[
        float | None, typer.Option(min=0, max=1, help="Score from which boxes are drawn (default: the bundle's).")
    ] = None,
    device: Device = "auto",
    json_output: Annotated[bool, typer.Option("--json", help="Print the predictions as JSON.")] = False,
) -> None:
    """Detect objects in images with a trained bundle alone: annotated pictures, and COCO-style JSON.

    The JSON holds every detection; the pictures show those from the threshold on.

    Examples:
      autotl predict reports/blood-cells/best photo.jpg

      autotl predict reports/blood-cells/best photos/ --out found --threshold 0.4
    """
    from autotl.bundle.bundle import load_bundle
    from autotl.bundle.pictures import find_images, write_predictions
    from autotl.report.words import plural
    from autotl.training.precision import Precision, resolve_device

    loaded = load_bundle(bundle)
    paths = find_images(images)
    shown = loaded.threshold if threshold is None else threshold
    precision = Precision.for_device(resolve_device(device))
    predictions = write_predictions(loaded, paths, out, threshold=shown, precision=precision)
    if json_output:
        typer.echo(predictions.read_text(encoding="utf-8"))
    else:
        pictures = plural(len(paths), "picture")
        typer.echo(f"{pictures} and {predictions.name} in {out} (boxes from score {shown:.2f} on)")
