"""What a detector may take at most: --max-latency, --max-params, --max-size and --max-memory."""

from __future__ import annotations

from typing import Annotated

import typer

from autotl.cli.duration import parse_latency
from autotl.cli.size import parse_count, parse_size
from autotl.strategy.limits import Limits

MaxLatency = Annotated[
    str | None, typer.Option("--max-latency", help="Slowest inference of one image, decoding aside: 30ms, 0.5s.")
]
MaxParams = Annotated[str | None, typer.Option("--max-params", help="Most parameters of a detector: 5M, 750k.")]
MaxSize = Annotated[str | None, typer.Option("--max-size", help="Largest weights of a detector: 20MB.")]
MaxMemory = Annotated[str | None, typer.Option("--max-memory", help="Most memory that a training step may take: 4GB.")]


def parse_limits(latency: str | None, params: str | None, size: str | None, memory: str | None) -> Limits:
    """What the four options say; no limit where one is not given, or is a size of 0.

    Raises:
        ConfigError: where one has no value that it could have.
    """
    return Limits(
        seconds_per_image=None if latency is None else parse_latency(latency, "--max-latency"),
        parameters=None if params is None else parse_count(params, "--max-params"),
        bundle_bytes=None if size is None else parse_size(size, "--max-size") or None,
        training_bytes=None if memory is None else parse_size(memory, "--max-memory") or None,
    )
