from __future__ import annotations

from pathlib import Path

import torch

from autotl.core.structures import Detections
from autotl.study.found import read_found, write_found


def test_what_is_written_is_read_image_by_image(tmp_path: Path) -> None:
    two = Detections(
        boxes_xyxy=torch.tensor([[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0]]),
        scores=torch.tensor([0.9, 0.2]),
        labels=torch.tensor([1, 0]),
    )
    write_found(tmp_path / "x.found", [two, Detections.empty(), two])
    found = read_found(tmp_path / "x.found")
    assert found is not None
    assert [len(one.scores) for one in found] == [2, 0, 2]
    assert torch.equal(found[2].boxes_xyxy, two.boxes_xyxy)
    assert torch.equal(found[2].labels, two.labels)


def test_none_is_read_where_nothing_whole_is(tmp_path: Path) -> None:
    assert read_found(tmp_path / "x.found") is None
    write_found(tmp_path / "x.found", [Detections.empty()])
    (tmp_path / "x.found").write_bytes((tmp_path / "x.found").read_bytes()[:20])
    assert read_found(tmp_path / "x.found") is None


def test_no_images_are_no_detections(tmp_path: Path) -> None:
    write_found(tmp_path / "x.found", [])
    assert read_found(tmp_path / "x.found") == []
