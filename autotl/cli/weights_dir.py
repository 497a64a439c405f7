"""The option that names a folder of weights, for networks from which nothing can be downloaded."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from autotl.core.environment import WEIGHTS_FOLDER

WeightsDir = Annotated[
    Path | None,
    typer.Option(
        envvar=WEIGHTS_FOLDER,
        show_default="torch's and Hugging Face's caches",
        help="Folder with pretrained weights, looked into first: NAME.safetensors of timm's, torchvision's as published.",
    ),
]


def use_weights_dir(folder: Path | None) -> None:
    """Lets this process, and those that it starts, look there; where there is none, nothing changes."""
    if folder is not None:
        os.environ[WEIGHTS_FOLDER] = str(folder)
