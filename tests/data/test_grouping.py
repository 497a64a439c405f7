from __future__ import annotations

from collections.abc import Sequence

from autotl.data.dataset import Sample
from autotl.data.grouping import MOST, group_samples
from autotl.data.splits import divide
from tests.data.named import all_different, compressed, named, names_of, picture, shown


def _groups(samples: Sequence[Sample]) -> set[frozenset[str]]:
    return {frozenset(names_of(group)) for group in group_samples(samples, all_different(samples)).groups}


def test_reasons_join_in_a_chain_and_are_told() -> None:
    names = ["a.rf.1.jpg", "a.rf.2.jpg", "b.jpg", "c.jpg", "d.jpg", "clip1_frame_1.jpg", "clip1_frame_2.jpg", "e.jpg"]
    samples = [named(name) for name in names]
    facts = all_different(samples)
    facts["b.jpg"] = facts["a.rf.2.jpg"]
    facts["c.jpg"] = shown(compressed(picture(2)), "c")
    facts["d.jpg"] = shown(picture(2), "d")
    facts["e.jpg"] = shown(compressed(picture(7)), "e")
    facts["clip1_frame_1.jpg"] = shown(picture(7), "f")
    found = group_samples(samples, facts)
    assert [names_of(group) for group in found.groups] == [
        ["a.rf.1.jpg", "a.rf.2.jpg", "b.jpg"],
        ["c.jpg", "d.jpg"],
        ["clip1_frame_1.jpg", "clip1_frame_2.jpg", "e.jpg"],
    ]
    assert found.told == (
        "1 group of identical images, 1 of augmented copies, 2 of near-duplicate images, 2 frames of 1 video"
    )
    assert found.cut == ""


def test_images_of_their_own_are_in_no_group() -> None:
    samples = [named(f"DSC_{number:04}.jpg") for number in range(9)]
    found = group_samples(samples, all_different(samples))
    assert (found.groups, found.told, found.cut) == ([], "", "")
    assert group_samples([], {}).groups == []


def test_the_order_of_samples_does_not_matter() -> None:
    samples = [named(f"clip{clip}_frame_{frame}.jpg") for clip in range(4) for frame in range(12)]
    assert _groups(samples) == _groups(samples[::-1])
    assert len(_groups(samples)) == 4


def test_a_single_video_is_cut_into_blocks_of_neighbours() -> None:
    samples = [named(f"clip1_frame_{frame}.jpg", [0]) for frame in range(100)]
    found = group_samples(samples, all_different(samples))
    assert [names_of(group) for group in found.groups] == [
        [f"clip1_frame_{frame}.jpg" for frame in range(start, start + 10)] for start in range(0, 100, 10)
    ]
    assert "100 of 100 images belong together and were cut into 10 blocks" in found.cut
    assert found.told.endswith("frames of 1 video; the largest cut into blocks")
    for seed in range(3):
        train, val = divide(samples, found.groups, seed=seed)
        assert (len(train), len(val)) == (80, 20)


def test_copies_stay_together_where_a_group_is_cut() -> None:
    samples = [named(f"clip1_frame_{frame:02}.jpg") for frame in range(40)]
    facts = all_different(samples)
    for frame in (5, 17, 29):
        facts[samples[frame].name] = facts[samples[0].name]
    facts[samples[21].name] = shown(compressed(picture(20)), "again")
    groups = [set(names_of(group)) for group in group_samples(samples, facts).groups]
    (first,) = [group for group in groups if samples[0].name in group]
    assert {samples[frame].name for frame in (0, 5, 17, 29)} <= first
    (near,) = [group for group in groups if samples[20].name in group]
    assert samples[21].name in near


def test_a_fixed_camera_is_cut_although_all_its_images_look_the_same() -> None:
    samples = [named(f"{number:02}.jpg") for number in range(20)]
    facts = {sample.name: shown(compressed(picture(1), 50 + n), str(n)) for n, sample in enumerate(samples)}
    found = group_samples(samples, facts)
    assert [len(group) for group in found.groups] == [2] * 10
    assert found.cut


def test_a_video_that_leaves_enough_for_val_stays_whole() -> None:
    samples = [named(f"clip1_frame_{frame}.jpg") for frame in range(int(100 * MOST))]
    samples += [named(f"DSC_{number}.jpg") for number in range(10)]
    found = group_samples(samples, all_different(samples))
    assert [len(group) for group in found.groups] == [90]
    assert found.cut == ""


def test_identical_images_are_never_cut() -> None:
    samples = [named(f"{number}.jpg") for number in range(20)]
    facts = {sample.name: shown(picture(1), "same") for sample in samples}
    found = group_samples(samples, facts)
    assert [len(group) for group in found.groups] == [20]
    assert found.cut == ""
