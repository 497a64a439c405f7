"""A bundle gives what validation saw, from its folder alone, and says what is wrong where it cannot."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from autotl.bundle import bundle as bundle_module
from autotl.bundle.bundle import load_bundle, replace_folder, save_bundle
from autotl.core.bundle_files import read_description
from autotl.core.errors import ConfigError
from autotl.data.images import read_image
from autotl.evaluation.anatomy import Anatomy
from autotl.evaluation.coco_metrics import coco_metrics
from autotl.models import build
from autotl.training.precision import Precision
from autotl.training.run import Run
from autotl.training.workbench import Workbench
from tests.bundle.conftest import bundle_of
from tests.training import tiny
from tests.training.tiny import CPU, FLOAT32

HEADS = ("fcos", "retinanet", "faster_rcnn", "ssd", "ssdlite")


def _metrics(folder: Path, bench: Workbench) -> dict[str, Any]:
    images = [read_image(sample) for sample in bench.dataset.samples("val")]
    found = list(load_bundle(folder).predict(images, FLOAT32))
    return coco_metrics(bench.truths, found, bench.dataset.classes).to_dict()


def _flat(metrics: dict[str, Any]) -> dict[str, float | None]:
    by_class = {f"{name}.{key}": value for name, found in metrics["by_class"].items() for key, value in found.items()}
    return {key: value for key, value in metrics.items() if key != "by_class"} | by_class


def test_a_loaded_bundle_finds_what_validation_saw(folder: Path, run: Run, bench: Workbench) -> None:
    recorded = read_description(folder)["metrics"]["val"]
    assert recorded["map"] > 0.01
    assert _flat(_metrics(folder, bench)) == pytest.approx(_flat(recorded), abs=1e-6)
    images = [read_image(sample) for sample in bench.dataset.samples("val")]
    for one, other in zip(load_bundle(folder).predict(images, FLOAT32), run.detections, strict=True):
        torch.testing.assert_close(one.boxes_xyxy, other.boxes_xyxy, atol=1e-3, rtol=1e-4)
        torch.testing.assert_close(one.scores, other.scores, atol=1e-6, rtol=1e-4)
        assert torch.equal(one.labels, other.labels)


def test_no_pretrained_weights_are_asked_for(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(build, "load_net", lambda *part: asked.append(part))
    assert load_bundle(folder).detector.backbone.units
    assert asked == []


def test_everything_in_a_bundle_goes_round(folder: Path, run: Run, bench: Workbench) -> None:
    loaded, wanted = load_bundle(folder), bundle_of(run, bench)
    assert (loaded.strategy, loaded.classes, loaded.anchors) == (wanted.strategy, wanted.classes, wanted.anchors)
    assert (loaded.threshold, loaded.metrics, loaded.provenance) == (0.25, wanted.metrics, wanted.provenance)
    assert loaded.anatomy == wanted.anatomy
    assert Anatomy.from_dict(loaded.anatomy["val"]).to_dict() == wanted.anatomy["val"]
    assert loaded.detector.cut == run.detector.cut > 0
    state = loaded.detector.state_dict()
    assert all(torch.equal(state[name], value) for name, value in run.detector.state_dict().items())


@pytest.mark.parametrize("head", HEADS)
def test_every_head_goes_round_with_its_anchors(head: str, tmp_path: Path) -> None:
    bench = tiny.bench(tiny.dataset(train=range(1, 5), val=[101, 102]))
    run = tiny.train(tiny.strategy(None, {**tiny.on_head(head), "optim.epochs": 1, "optim.lr": 1e-2}), bench)
    save_bundle(bundle_of(run, bench), tmp_path / "best")
    loaded = load_bundle(tmp_path / "best")
    assert loaded.anchors == run.anchors
    assert (loaded.anchors is None) == (head in ("fcos", "ssdlite"))
    assert _flat(_metrics(tmp_path / "best", bench)) == pytest.approx(
        _flat(run.fit.records[-1].metrics.to_dict()), abs=1e-6
    )


def test_anyone_may_read_what_the_user_lets_them(folder: Path) -> None:
    beside = folder.parent / "beside.txt"
    beside.write_text("as the user's umask says")
    for name in ("weights.safetensors", "bundle.json"):
        assert stat.S_IMODE((folder / name).stat().st_mode) == stat.S_IMODE(beside.stat().st_mode)
    assert "größer" in (folder / "bundle.json").read_text(encoding="utf-8")


def test_a_bundle_takes_the_place_of_an_older_one_and_leaves_nothing_beside(
    folder: Path, run: Run, bench: Workbench
) -> None:
    (folder / "old.txt").touch()
    save_bundle(bundle_of(run, bench), folder)
    assert sorted(path.name for path in folder.iterdir()) == ["bundle.json", "weights.safetensors"]
    assert [path.name for path in folder.parent.iterdir()] == ["best"]


def test_a_failed_save_leaves_the_older_bundle_and_nothing_else(
    folder: Path, run: Run, bench: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(bundle_module, "save", full)
    with pytest.raises(OSError, match="no space left"):
        save_bundle(bundle_of(run, bench), folder)
    assert [path.name for path in folder.parent.iterdir()] == ["best"]
    load_bundle(folder)


def test_a_folder_is_replaced_even_after_a_crash_in_between(tmp_path: Path) -> None:
    for name in ("new", "best", ".best.old"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "who").write_text(name)
    replace_folder(tmp_path / "new", tmp_path / "best")
    assert (tmp_path / "best" / "who").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["best"]


def test_images_of_any_size_are_predicted_within_their_borders(folder: Path) -> None:
    loaded = load_bundle(folder)
    sizes = [(30, 200), (64, 64), (7, 5), (480, 320), (1, 1), (333, 96)]
    noise = np.random.default_rng(0)
    images = [noise.integers(0, 256, (height, width, 3), dtype=np.uint8) for width, height in sizes]
    found = list(loaded.predict(iter(images), FLOAT32))
    assert len(found) == len(sizes)
    for one, (width, height) in zip(found, sizes, strict=True):
        assert (one.boxes_xyxy >= 0).all()
        assert (one.boxes_xyxy <= torch.tensor([width, height, width, height])).all()
        assert torch.equal(one.scores, one.scores.sort(descending=True).values)
    assert list(loaded.predict([], FLOAT32)) == []


def test_a_bundle_computes_in_half_precision_where_asked(folder: Path, bench: Workbench) -> None:
    image = read_image(bench.dataset.samples("val")[0])
    loaded = load_bundle(folder)
    (full,) = loaded.predict([image], FLOAT32)
    (half,) = loaded.predict([image], Precision(CPU, torch.bfloat16, True))
    assert half.boxes_xyxy.dtype == half.scores.dtype == torch.float32
    assert float(half.scores[0]) == pytest.approx(float(full.scores[0]), abs=0.05)


def _change(**values: Any) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / "bundle.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **values}))

    return damage


def _without(key: str) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / "bundle.json"
        path.write_text(
            json.dumps({name: value for name, value in json.loads(path.read_text()).items() if name != key})
        )

    return damage


def test_a_bundle_of_before_there_was_an_anatomy_is_read(folder: Path) -> None:
    _without("anatomy")(folder)
    assert load_bundle(folder).anatomy == {}


def _cut_weights(folder: Path) -> None:
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1000])


DAMAGES: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no description": (lambda folder: (folder / "bundle.json").unlink(), "no bundle here"),
    "broken description": (lambda folder: (folder / "bundle.json").write_text('{"strategy": '), "missing or broken"),
    "not text": (lambda folder: (folder / "bundle.json").write_bytes(b"\xff\xfe\x00"), "missing or broken"),
    "a list": (lambda folder: (folder / "bundle.json").write_text("[1]"), "bundle format None"),
    "a newer format": (_change(format_version=99), "bundle format 99, but this autotl reads 2; upgrade autotl"),
    "no version": (_without("format_version"), "bundle format None"),
    "no weights": (lambda folder: (folder / "weights.safetensors").unlink(), "not a whole bundle"),
    "cut weights": (_cut_weights, "not a whole bundle"),
    "empty weights": (lambda folder: (folder / "weights.safetensors").write_bytes(b""), "not a whole bundle"),
    "more classes than the weights": (_change(classes=["a", "b", "c"]), "not a whole bundle"),
    "classes that are no list": (_change(classes=None), "not a whole bundle"),
    "an unknown field": (_change(strategy={"haed": {}}), "haed"),
    "broken anchors": (_change(anchors={"sizes": 3}), "not a whole bundle"),
    "anchors that the head has not": (_change(anchors={"sizes": [[8]], "aspect_ratios": [[1]]}), "has no anchors"),
    "a canvas that is none": (_change(canvas=64), "not a whole bundle"),
    "a canvas without a width": (_change(canvas={"height": 64}), "not a whole bundle"),
    "a threshold that is no number": (_change(threshold="high"), "not a whole bundle"),
    "an eps that is no number": (_change(norm_eps="tiny"), "not a whole bundle"),
    **{
        f"no {key}": (_without(key), f"KeyError: '{key}'")
        for key in ("strategy", "classes", "anchors", "canvas", "threshold", "metrics", "provenance")
    },
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_bundle_is_one_clear_line(damage: str, folder: Path) -> None:
    make, message = DAMAGES[damage]
    make(folder)
    with pytest.raises(ConfigError) as caught:
        load_bundle(folder)
    assert message in str(caught.value)
    assert str(folder) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_not_there_is_no_bundle(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no bundle here"):
        load_bundle(tmp_path / "nowhere")
