"""One real search, tiny, that the commands then work on."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.running import Ran, autotl
from tests.shapes import TINY_SPACE, write_coco


@dataclass(frozen=True, slots=True)
class Searched:
    """A dataset, a space, and a finished search of four strategies."""

    data: Path
    space: Path
    out: Path
    ran: Ran


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Searched:
    folder = tmp_path_factory.mktemp("search")
    data, space, out = write_coco(folder / "tiny"), folder / "tiny.yaml", folder / "out"
    space.write_text(TINY_SPACE)
    ran = autotl("search", data, "--space", space, "--trials", "4", "--out", out, "--json")
    assert ran.code == 0, ran.err
    assert json.loads(ran.out)
    return Searched(data, space, out, ran)
