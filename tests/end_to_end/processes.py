"""Searches as a user starts them, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.shapes import TINY_SPACE, write_coco

LONG_SPACE = TINY_SPACE.replace("epochs: 2", "epochs: 5000").replace("first_rung: 1", "first_rung: 1000")
"""Trials that do not end by themselves while a test waits."""
TIMEOUT = 120


@dataclass(frozen=True, slots=True)
class Place:
    """A dataset, a space and where the results go."""

    data: Path
    space: Path
    out: Path

    @staticmethod
    def make(folder: Path, space: str) -> Place:
        """Writes the dataset and the space."""
        path = folder / "space.yaml"
        path.write_text(space)
        return Place(write_coco(folder / "tiny"), path, folder / "out")

    def search(self, *arguments: str) -> list[str]:
        """The command of a new search."""
        return [*autotl("search", str(self.data), "--space", str(self.space), "--out", str(self.out)), *arguments]

    def resume(self, *arguments: str) -> list[str]:
        """The command that goes on with it."""
        return [*autotl("search", str(self.data), "--out", str(self.out), "--resume"), *arguments]


def autotl(*arguments: str) -> list[str]:
    """The command line of a command."""
    return [sys.executable, "-m", "autotl", *arguments]


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs a command to its end."""
    return subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)


@contextmanager
def started(command: list[str]) -> Iterator[subprocess.Popen[str]]:
    """A command that runs meanwhile; it is killed where the test leaves it running."""
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], text: str) -> str:
    """Reads the command's lines up to one that holds the text; gives that line."""
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return line
    assert process.stderr is not None
    raise AssertionError(f"it ended without {text!r}: {process.stderr.read()}")
