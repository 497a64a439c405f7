"""What a strategy is."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from autotl.strategy.coco_detectors import COCO_DETECTORS
from autotl.strategy.fields import DEFAULTS, Value, build_strategy, problems_of
from autotl.strategy.freeze_plan import FreezePlan
from autotl.strategy.head_part import ON_EXTRA_LEVELS, WITHOUT_ANCHORS, HeadPart
from autotl.strategy.problems import Problem
from autotl.strategy.schema import YOUNGER_FIELDS, BackbonePart, OptimPart, Strategy


def test_fingerprints_are_stable_across_processes_and_hash_seeds() -> None:
    code = "from autotl.strategy.schema import Strategy; print(Strategy().fingerprint())"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert found == {Strategy().fingerprint()}


def test_every_field_changes_the_fingerprint() -> None:
    changes: dict[str, Value] = {
        "backbone.name": "resnet50", "backbone.weights": "file:w.pt", "freeze.unit": "block", "freeze.frozen_stages": 2,
        "freeze.norm": "train", "head.kind": "ssd", "head.neck_channels": 96, "head.tower_depth": 2,
        "optim.optimizer": "sgd", "optim.lr": 0.1, "optim.lr_backbone_scale": 0.2, "optim.weight_decay": 0.0,
        "optim.epochs": 3, "optim.batch_size": 4, "optim.warmup_epochs": 0.0, "optim.schedule": "cosine",
        "optim.cooldown": 0.5, "optim.clip_norm": None, "optim.ema_decay": 0.9, "augment.level": "none",
        "input.image_size": 256, "freeze.last_trained_stage": 1, "freeze.probe_share": 0.25, "freeze.thaw_share": 0.5,
        "optim.lr_stage_decay": 0.5, "optim.l2_sp": 0.1, "head.finest_level": 2, "head.coarsest_level": 7, "head.norm": "none",
        "head.focal_alpha": 0.5, "head.focal_gamma": 1.0, "input.tiles": 2,
    }  # fmt: skip
    strategies = [build_strategy({path: value}) for path, value in changes.items()]
    strategies += [build_strategy({"freeze.unit": "block", "freeze.frozen_blocks": 3})]
    strategies += [build_strategy({"head.kind": "ssd", "head.anchors": "default"}), Strategy()]
    whole: dict[str, Value] = {"backbone.weights": "bundle:best", "freeze.frozen_stages": 5}
    strategies += [build_strategy({"freeze.norm": "adapted"})]
    strategies += [build_strategy(whole), build_strategy({**whole, "freeze.neck": "frozen"})]
    begun: dict[str, Value] = {"backbone.weights": "detector:best"}
    strategies += [build_strategy(begun), build_strategy({**begun, "freeze.box_branch": "frozen"})]
    assert (
        changes.keys() | {"freeze.frozen_blocks", "head.anchors", "freeze.neck", "freeze.box_branch"} == DEFAULTS.keys()
    )
    assert len({strategy.fingerprint() for strategy in strategies}) == len(strategies)
    assert Strategy().fingerprint() == build_strategy({}).fingerprint() == build_strategy(DEFAULTS).fingerprint()


OLDER_FINGERPRINTS: dict[str, dict[str, Value]] = {
    "ca39f52ad8c5": {},
    "11cc9d23b45f": {
        "freeze.frozen_stages": 4, "head.kind": "fcos_light", "head.neck_channels": 96, "optim.lr": 0.0046,
        "optim.epochs": 8,
    },
}  # fmt: skip
"""What studies of earlier versions have stored."""


@pytest.mark.parametrize("stored", OLDER_FINGERPRINTS)
def test_strategies_that_studies_have_stored_keep_their_fingerprints(stored: str) -> None:
    assert build_strategy(OLDER_FINGERPRINTS[stored]).fingerprint() == stored


def test_younger_fields_have_defaults_that_change_nothing() -> None:
    assert set(YOUNGER_FIELDS) < DEFAULTS.keys()
    assert build_strategy({path: DEFAULTS[path] for path in YOUNGER_FIELDS}).fingerprint() == Strategy().fingerprint()


def test_a_strategy_is_frozen_and_knows_no_other_keys() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Strategy().optim.lr = 1.0  # type: ignore[misc]
    with pytest.raises(ValidationError, match="Extra inputs"):
        Strategy.model_validate({"optim": {"learning_rate": 1.0}})


def test_fields_that_do_not_go_together_are_refused() -> None:
    with pytest.raises(ValidationError, match="frozen_stages counts only with unit 'stage'"):
        FreezePlan(unit="block", frozen_stages=1)
    with pytest.raises(ValidationError, match="frozen_blocks counts only with unit 'block'"):
        FreezePlan(frozen_blocks=1)
    with pytest.raises(ValidationError, match="retinanet head has no tower depth"):
        HeadPart(kind="retinanet", tower_depth=1)
    for kind in WITHOUT_ANCHORS:
        with pytest.raises(ValidationError, match=f"the {kind} head has no anchors"):
            HeadPart(kind=kind, anchors="fitted")
    for focal in ({"focal_alpha": 0.5}, {"focal_gamma": 0.0}):
        with pytest.raises(ValidationError, match="focal_alpha, focal_gamma: the retinanet head has none to choose"):
            HeadPart.model_validate({"kind": "retinanet", **focal})
    with pytest.raises(ValidationError, match="multiple of 32 but got 40"):
        HeadPart(neck_channels=40)
    with pytest.raises(ValidationError, match="multiple of 8"):
        HeadPart(kind="fcos_light", neck_channels=44)
    with pytest.raises(ValidationError, match="a frozen neck must come from a bundle"):
        build_strategy({"freeze.neck": "frozen", "freeze.frozen_stages": 5})
    with pytest.raises(ValidationError, match="a frozen neck needs the whole backbone frozen"):
        build_strategy({"freeze.neck": "frozen", "freeze.frozen_stages": 4, "backbone.weights": "bundle:best"})
    for weights in ("pretrained", "file:w.pt", "bundle:best"):
        with pytest.raises(ValidationError) as caught:
            build_strategy({"freeze.box_branch": "frozen", "backbone.weights": weights})
        assert problems_of(caught.value) == [
            Problem(
                "",
                "freeze.box_branch: a frozen box branch must come from a whole detector; set backbone.weights: "
                "detector:PATH or coco:NAME, or freeze.box_branch: train",
            )
        ]
    with pytest.raises(ValidationError, match="needs norm: train"):
        build_strategy({"backbone.weights": "none"})
    with pytest.raises(ValidationError, match="last_trained_stage counts only with unit 'stage'"):
        FreezePlan(unit="block", last_trained_stage=1)
    with pytest.raises(ValidationError, match=r"last_trained_stage must be above frozen_stages \(2\) but got 2"):
        FreezePlan(frozen_stages=2, last_trained_stage=2)
    with pytest.raises(ValidationError, match="with frozen_stages 5 nothing is freed later"):
        FreezePlan(frozen_stages=5, probe_share=0.5)
    with pytest.raises(ValidationError, match="the last stage is freed first"):
        FreezePlan(last_trained_stage=1, thaw_share=0.5)
    with pytest.raises(ValidationError, match=r"probe_share \(0.6\) and thaw_share \(0.5\) must not be more than 1"):
        FreezePlan(probe_share=0.6, thaw_share=0.5)
    for frozen_at_first in ({"probe_share": 0.5}, {"thaw_share": 0.5}, {"last_trained_stage": 1}):
        with pytest.raises(ValidationError, match="must not be frozen at first"):
            Strategy(backbone=BackbonePart(weights="none"), freeze=FreezePlan(norm="train", **frozen_at_first))
    with pytest.raises(ValidationError, match="has none to be pulled to"):
        build_strategy({"backbone.weights": "none", "freeze.norm": "train", "optim.l2_sp": 0.1})
    with pytest.raises(ValidationError, match="finite"):
        OptimPart(lr=float("inf"))


@pytest.mark.parametrize("name", COCO_DETECTORS)
def test_a_detector_pretrained_on_coco_wants_a_strategy_of_its_build(name: str) -> None:
    fitting: dict[str, Value] = {**COCO_DETECTORS[name], "backbone.weights": f"coco:{name}"}
    assert build_strategy({**fitting, "freeze.frozen_stages": 5, "freeze.neck": "frozen"}).freeze.neck == "frozen"
    assert build_strategy({**fitting, "freeze.box_branch": "frozen"}).freeze.box_branch == "frozen"
    if fitting["head.kind"] in ON_EXTRA_LEVELS:
        with pytest.raises(
            ValidationError, match=rf"coco:{name} needs backbone.name: {fitting['backbone.name']}, head"
        ):
            build_strategy({"backbone.weights": f"coco:{name}"})
    else:
        with pytest.raises(ValidationError, match=rf"coco:{name} needs backbone.name: resnet50"):
            build_strategy({**fitting, "backbone.name": "resnet18"})
        with pytest.raises(ValidationError, match=rf"coco:{name} needs head.neck_channels: 256"):
            build_strategy({**fitting, "head.neck_channels": 64})
    with pytest.raises(
        ValidationError, match=r"backbone.weights must be one of coco:fasterrcnn_resnet50_fpn, .*got coco:x"
    ):
        build_strategy({**fitting, "backbone.weights": "coco:x"})


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("fcos_resnet50_fpn", {"head.norm": "group"}), ("retinanet_resnet50_fpn_v2", {"head.norm": "group"}),
        ("fasterrcnn_resnet50_fpn", {"head.norm": "none"}), ("fasterrcnn_resnet50_fpn", {"head.tower_depth": None}),
    ],
)  # fmt: skip
def test_what_the_head_has_where_none_is_given_is_of_its_build(name: str, head: dict[str, Value]) -> None:
    strategy = build_strategy({**COCO_DETECTORS[name], "backbone.weights": f"coco:{name}", **head})
    assert head.items() <= strategy.flat().items()
    assert strategy.backbone.weights == f"coco:{name}"


def test_what_it_has_not_is_named_with_what_it_needs() -> None:
    name = "fasterrcnn_resnet50_fpn"
    other: dict[str, Value] = {"head.norm": "batch", "head.anchors": None}
    with pytest.raises(ValidationError, match=rf"coco:{name} needs head.anchors: default, head.norm: null"):
        build_strategy({**COCO_DETECTORS[name], "backbone.weights": f"coco:{name}", **other})


@pytest.mark.parametrize("kind", ON_EXTRA_LEVELS)
def test_heads_on_extra_levels_are_for_their_backbones_and_have_nothing_to_choose(kind: str) -> None:
    for name in (*ON_EXTRA_LEVELS[kind], f"{ON_EXTRA_LEVELS[kind][0]}.some_tag"):
        assert build_strategy({"head.kind": kind, "backbone.name": name}).head.kind == kind
    with pytest.raises(
        ValidationError, match=rf"the {kind} head is for {ON_EXTRA_LEVELS[kind][0]}.* but got resnet18; set"
    ):
        build_strategy({"head.kind": kind, "backbone.name": "resnet18"})
    for path, value in {"neck_channels": 128, "finest_level": 2, "coarsest_level": 6, "anchors": "default"}.items():
        with pytest.raises(ValidationError, match=rf"{path}: the {kind} head has its own and none to choose"):
            HeadPart.model_validate({"kind": kind, path: value})


def test_light_heads_have_towers_and_any_width_that_is_a_multiple_of_8() -> None:
    assert "fcos_light" in WITHOUT_ANCHORS
    for channels in range(8, 129, 8):
        part = HeadPart(kind="fcos_light", neck_channels=channels, tower_depth=2)
        assert (part.neck_channels, part.tower_depth, part.anchors) == (channels, 2, None)


def test_probes_are_told_apart_by_what_the_statistics_outside_the_backbone_do() -> None:
    lite: dict[str, Value] = {
        "backbone.name": "mobilenetv3_large_100",
        "head.kind": "ssdlite",
        "freeze.probe_share": 0.5,
    }
    ways = ("frozen", "train", "adapted")
    probes = [build_strategy({**lite, "freeze.norm": norm}).probe() for norm in ways]
    assert len({probe.fingerprint() for probe in probes if probe}) == 3
    pyramids = [build_strategy({"freeze.probe_share": 0.5, "freeze.norm": norm}).probe() for norm in ways]
    assert len({probe.fingerprint() for probe in pyramids if probe}) == 2
    name = "fasterrcnn_resnet50_fpn_v2"
    detector = {**COCO_DETECTORS[name], "backbone.weights": f"coco:{name}", "freeze.probe_share": 0.5}
    detectors = [build_strategy({**detector, "freeze.norm": norm}).probe() for norm in ways]
    assert len({probe.fingerprint() for probe in detectors if probe}) == 3


def test_heads_have_the_normalisation_that_they_can() -> None:
    assert HeadPart(kind="faster_rcnn", norm="batch").norm == "batch"
    with pytest.raises(ValidationError, match="norm: the faster_rcnn head takes batch or none but got group"):
        HeadPart(kind="faster_rcnn", norm="group")
    with pytest.raises(ValidationError, match="norm: the fcos head takes group or none but got batch"):
        HeadPart(kind="fcos", norm="batch")
    with pytest.raises(ValidationError, match="norm: the ssd head has none to choose; remove it"):
        HeadPart(kind="ssd", norm="none")


@pytest.mark.parametrize("level", ["none", "flip", "light", "strong", "mosaic"])
def test_images_vary_in_one_of_five_ways(level: str) -> None:
    assert build_strategy({"augment.level": level}).augment.level == level
    with pytest.raises(ValidationError, match="'none', 'flip', 'light', 'strong' or 'mosaic'"):
        build_strategy({"augment.level": "weak"})


def test_the_strategy_layer_loads_neither_torch_nor_optuna() -> None:
    modules = "schema, space, load, sample, parse, check, branches, override, fields, read_yaml, problems, parse_node"
    code = (
        f"import sys; from autotl.strategy import {modules}; load.load_space('quick'); "
        "print([name for name in ('torch', 'optuna', 'timm', 'pandas', 'numpy') if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"
