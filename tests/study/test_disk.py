from __future__ import annotations

from pathlib import Path

import pytest

from autotl.core.cache import Cache
from autotl.data.dataset import DetectionDataset
from autotl.strategy.fields import Value, build_strategy
from autotl.strategy.override import with_overrides
from autotl.strategy.sample import baselines
from autotl.strategy.space import Pruning
from autotl.study.disk import cache_bytes_wanted, checkpoint_bytes_wanted, trunk_of
from autotl.study.held_checkpoints import MOST_AT_A_RUNG
from autotl.training.checkpoint import Checkpoint, write_checkpoint
from autotl.training.precision import Precision, resolve_device
from autotl.training.run import Watch, train_strategy
from autotl.training.workbench import Workbench
from tests.shapes import TINY_SPACE
from tests.study.scripted import Session, tiny_space


@pytest.mark.parametrize("tiles", [1, 2])
def test_the_space_wanted_is_what_a_cache_comes_to_hold(
    tiles: int, session: Session, dataset: DetectionDataset, tmp_path: Path
) -> None:
    folder, space = tmp_path / "cache", with_overrides(session.space, {"input.tiles": tiles})
    place = Workbench(dataset, Precision.for_device(resolve_device("cpu")), Cache(folder, 10**9))
    wanted = cache_bytes_wanted(space, place, seed=0)
    for strategy in list(baselines(space).values())[:2]:
        train_strategy(strategy, place, seed=0, watch=Watch())
    held = sum(path.stat().st_blocks * 512 for path in folder.glob("*.shelf"))
    assert held == pytest.approx(wanted, rel=0.2)


def test_checkpoints_want_what_the_largest_takes(session: Session, dataset: DetectionDataset, tmp_path: Path) -> None:
    place = Workbench(dataset, Precision.for_device(resolve_device("cpu")))
    wanted = checkpoint_bytes_wanted(session.space, place, seed=0)
    path = tmp_path / "full.checkpoint"

    def keep(checkpoint: Checkpoint) -> None:
        write_checkpoint(checkpoint, path)

    train_strategy(baselines(session.space)["full_fine_tuning"], place, seed=0, watch=Watch(keep=keep))
    assert wanted == pytest.approx(MOST_AT_A_RUNG * path.stat().st_size, rel=0.1)


def test_none_are_kept_where_a_pruner_stops_for_good(session: Session, dataset: DetectionDataset) -> None:
    place = Workbench(dataset, Precision.for_device(resolve_device("cpu")))
    space = session.space.model_copy(update={"pruning": Pruning(pruner="median", first_rung=1)})
    assert checkpoint_bytes_wanted(space, place, seed=0) == 0


def test_every_rung_has_its_own(session: Session, dataset: DetectionDataset, tmp_path: Path) -> None:
    place = Workbench(dataset, Precision.for_device(resolve_device("cpu")))
    one = checkpoint_bytes_wanted(session.space, place, seed=0)
    more = tiny_space(tmp_path, TINY_SPACE.replace("epochs: 2", "epochs: 4"))
    assert checkpoint_bytes_wanted(more, place, seed=0) == 2 * one


def test_pyramids_on_other_stages_keep_activations_of_their_own() -> None:
    heads: list[dict[str, Value]] = [
        {"head.kind": "fcos_light"},
        {"head.kind": "fcos_light", "head.finest_level": 2},
        {"head.kind": "ssdlite", "backbone.name": "mobilenetv3_large_100"},
    ]
    coarse, fine, lite = (build_strategy({"freeze.frozen_stages": 5, **head}) for head in heads)
    assert len({trunk_of(one) for one in (coarse, fine, lite)}) == 3
    assert trunk_of(coarse) == trunk_of(build_strategy({"freeze.frozen_stages": 5}))
