from __future__ import annotations

import pytest

from autotl.data import demo
from autotl.data.sources import Source, find_sources, group_by_source
from tests.data.named import named

VIDEOS = {
    "clip3_frame_0012.jpg": "clip3",
    "clip3_frame_0012_jpg.rf.2140931cf.jpg": "clip3",
    "train/DJI_0839_MP4-0012_jpg.rf.2140931cf.jpg": "dji_0839_mp4",
    "valid/images/DJI_0839_MP4-0013_jpg.rf.bc.jpg": "dji_0839_mp4",
    "harbour.mp4_17.png": "harbour.mp4",
    "clip3_0012.jpg": "clip3",
    "night/seq02-000123.jpg": "night/seq02",
    "images/train/seq_02/img1/000001.jpg": "seq_02",
    "videos/kitchen/0001.jpg": "videos/kitchen",
    "kitchen/frames/0001.jpg": "kitchen",
    "harbour.avi/12.jpg": "harbour.avi",
    "train/frame_0001.jpg": "train",
    "frame7.jpg": ".",
}
PICTURES = {
    "image2_tile_3.png": "image2",
    "scans/scan1_crop12.png": "scans/scan1",
    "val/scan1_r0_c3.png": "scan1",
    "scan1_row10_col3.png": "scan1",
    "scan1_x0_y256.png": "scan1",
    "P0001_patch_0_512.png": "p0001",
}
NOTHING = [
    "DSC_0001.jpg",
    "DJI_0839.jpg",
    "IMG_20200512_123456.jpg",
    "2007_000027.jpg",
    "train2017/000000000139.jpg",
    "BloodImage_00340.jpg",
    "raccoon-134.jpg",
    "0_100_30_0_03280.jpg",
    "cats/001.jpg",
    "cats/002.jpg",
    "videos/0001.jpg",
    "video_0001.jpg",
    "mainframe12.jpg",
    "frames/cover.jpg",
    "corn_crop_12.png",
    "tile_0012.png",
    "item 000001",
]


@pytest.mark.parametrize(("name", "source"), [*VIDEOS.items(), *PICTURES.items()])
def test_a_name_that_clearly_has_a_source(name: str, source: str) -> None:
    kind = "video" if name in VIDEOS else "picture"
    assert [(found.kind, found.name) for found in find_sources([named(name)]).values()] == [(kind, source)]


def test_names_that_only_count_have_none() -> None:
    assert find_sources(named(name) for name in NOTHING) == {}


def _of(*names: str, side: int = 256) -> set[Source]:
    return set(find_sources(named(name, side=side) for name in names).values())


def test_two_numbers_are_offsets_of_tiles_where_they_step_like_tiles() -> None:
    grid = ("image_0_0.png", "image_0_256.png", "image_256_0.png", "image_256_256.png")
    assert _of(*grid) == {Source("picture", "image")}
    assert _of(*grid, side=512) == {Source("picture", "image")}, "overlapping tiles"
    assert _of(*grid, side=128) == set(), "tiles with gaps that no tile covers"
    assert _of("image_0_0.png") == set()
    assert _of("view_0_1.png", "view_0_2.png", "view_1_0.png") == set()
    assert _of("2020_05_12.png", "2020_05_13.png", "2020_06_12.png") == set()
    assert _of("0_100_30_0_03280.jpg", "0_100_30_0_03380.jpg") == set()
    assert _of("P0001__1__0___0.png", "P0001__1__200___0.png") == {Source("picture", "p0001__1")}


def test_the_demos_tiles_have_their_photographs() -> None:
    names = [
        f"{tile.split}/{name}_{tile.left:04d}_{tile.top:04d}.png"
        for name in demo.PHOTOGRAPHS
        for tile in demo.cut_tiles(900, 900)
    ]
    samples = [named(name, side=300) for name in names]
    groups = group_by_source(find_sources(samples), samples)
    assert [len(members) for members in groups.values()] == [12] * len(demo.PHOTOGRAPHS)
