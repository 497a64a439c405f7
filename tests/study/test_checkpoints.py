from __future__ import annotations

from pathlib import Path

from autotl.study.checkpoints import (
    checkpoint_file,
    checkpoint_folder,
    found_file,
    remove_half_written,
    remove_spent_checkpoints,
    strategies_with_checkpoints,
)


def test_only_the_bundles_of_the_best_are_kept(tmp_path: Path) -> None:
    for name in ("trial-00000", "trial-00001", ".trial-00002.abc.tmp"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
    remove_spent_checkpoints(tmp_path, [1])
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["trial-00001"]
    remove_spent_checkpoints(tmp_path, [])
    assert list((tmp_path / "checkpoints").iterdir()) == []
    remove_spent_checkpoints(tmp_path / "nowhere", [])


def test_what_it_takes_to_go_on_stays(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    goes_on = checkpoint_file(folder, "abc")
    for path in (goes_on, found_file(folder, 0), found_file(folder, 1)):
        path.write_bytes(b"")
    checkpoint_folder(folder, 1).mkdir()
    assert strategies_with_checkpoints(folder) == {"abc"}
    assert strategies_with_checkpoints(tmp_path / "nowhere") == set()
    remove_spent_checkpoints(tmp_path, [1])
    assert set(folder.iterdir()) == {goes_on, found_file(folder, 1), checkpoint_folder(folder, 1)}


def test_files_half_written_are_removed(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    for name in (".abc.checkpoint.123.tmp", "abc.checkpoint"):
        (folder / name).write_bytes(b"")
    remove_half_written(tmp_path)
    assert [path.name for path in folder.iterdir()] == ["abc.checkpoint"]
