"""What a strategy is."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from autotl.strategy.fields import DEFAULTS, Value, build_strategy
from autotl.strategy.schema import WITHOUT_ANCHORS, FreezePlan, HeadPart, OptimPart, Strategy


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
        "input.image_size": 256,
    }  # fmt: skip
    strategies = [build_strategy({path: value}) for path, value in changes.items()]
    strategies += [build_strategy({"freeze.unit": "block", "freeze.frozen_blocks": 3})]
    strategies += [build_strategy({"head.kind": "ssd", "head.anchors": "default"}), Strategy()]
    whole: dict[str, Value] = {"backbone.weights": "bundle:best", "freeze.frozen_stages": 5}
    strategies += [build_strategy(whole), build_strategy({**whole, "freeze.neck": "frozen"})]
    assert changes.keys() | {"freeze.frozen_blocks", "head.anchors", "freeze.neck"} == DEFAULTS.keys()
    assert len({strategy.fingerprint() for strategy in strategies}) == len(strategies)
    assert Strategy().fingerprint() == build_strategy({}).fingerprint() == build_strategy(DEFAULTS).fingerprint()


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
    with pytest.raises(ValidationError, match="multiple of 32 but got 40"):
        HeadPart(neck_channels=40)
    with pytest.raises(ValidationError, match="multiple of 8"):
        HeadPart(kind="fcos_light", neck_channels=44)
    with pytest.raises(ValidationError, match="a frozen neck must come from a bundle"):
        build_strategy({"freeze.neck": "frozen", "freeze.frozen_stages": 5})
    with pytest.raises(ValidationError, match="a frozen neck needs the whole backbone frozen"):
        build_strategy({"freeze.neck": "frozen", "freeze.frozen_stages": 4, "backbone.weights": "bundle:best"})
    with pytest.raises(ValidationError, match="needs norm: train"):
        build_strategy({"backbone.weights": "none"})
    with pytest.raises(ValidationError, match="finite"):
        OptimPart(lr=float("inf"))


def test_light_heads_have_towers_and_any_width_that_is_a_multiple_of_8() -> None:
    assert "fcos_light" in WITHOUT_ANCHORS
    for channels in range(8, 129, 8):
        part = HeadPart(kind="fcos_light", neck_channels=channels, tower_depth=2)
        assert (part.neck_channels, part.tower_depth, part.anchors) == (channels, 2, None)


@pytest.mark.parametrize("level", ["none", "flip", "light", "strong"])
def test_images_vary_in_one_of_four_ways(level: str) -> None:
    assert build_strategy({"augment.level": level}).augment.level == level
    with pytest.raises(ValidationError, match="'none', 'flip', 'light' or 'strong'"):
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
