from __future__ import annotations

import os
from pathlib import Path

import pytest

from autotl.core.files import write_atomically


def test_text_and_bytes_are_written_into_new_folders(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b" / "text.txt", "naïve\r\n")
    write_atomically(tmp_path / "empty.bin", b"")
    assert (tmp_path / "a" / "b" / "text.txt").read_bytes() == "naïve\r\n".encode()
    assert (tmp_path / "empty.bin").read_bytes() == b""


def test_a_failure_leaves_the_old_file_whole_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    write_atomically(path, "old")

    def full_disk(descriptor: int) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(os, "fsync", full_disk)
    with pytest.raises(OSError, match="no space left"):
        write_atomically(path, "new")
    assert path.read_text() == "old"
    assert [found.name for found in tmp_path.iterdir()] == ["report.html"]
