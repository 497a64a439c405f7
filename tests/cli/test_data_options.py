from __future__ import annotations

from pathlib import Path

import pytest

from autotl.cli.data_options import parse_splits
from autotl.core.errors import ConfigError
from autotl.data.dataset import DetectionDataset
from tests.cli.running import autotl
from tests.data.written import write_image, write_voc


def test_split_pairs() -> None:
    assert parse_splits(["train=trainval", "val=a=b"]) == {"train": "trainval", "val": "a=b"}
    assert parse_splits([]) is None
    assert parse_splits(None) is None
    for wrong in (["val"], ["=x"], ["val="]):
        with pytest.raises(ConfigError, match="must be OURS=THEIRS"):
            parse_splits(wrong)
    with pytest.raises(ConfigError, match="val is given twice"):
        parse_splits(["val=a", "val=b"])


def test_a_search_drops_leaks_where_it_is_told_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = write_voc(tmp_path / "data", sets={"train": ["0", "1"], "val": ["2"], "test": ["3"]})
    write_image(data / "JPEGImages" / "3.png", seed=1)
    searched: list[DetectionDataset] = []
    monkeypatch.setattr("autotl.cli.launch.launch", lambda dataset, options: searched.append(dataset))
    for choice in ((), ("--leaks", "report"), ("--leaks", "drop")):
        assert autotl("search", data, "--out", tmp_path / "out", *choice).code == 0
    assert [len(dataset.samples("train")) for dataset in searched] == [2, 2, 1]
    assert autotl("search", data, "--out", tmp_path / "out", "--leaks", "keep").code == 2
