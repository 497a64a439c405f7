from __future__ import annotations

from itertools import combinations

import pytest

from autotl.report.cluster_names import HEIGHT, WIDTH, Box, Name, Point, places

BACKBONES = ("efficientnet_lite0", "efficientnet_lite1", "efficientnet_lite2")
X, Y = (0.0, float(WIDTH)), (0.0, float(HEIGHT))


def placed(*points: list[Point], lines: tuple[Point, ...] = (), ring: Point | None = None) -> dict[str, Name]:
    """A backbone each list; units are pixels."""
    return places(dict(zip(BACKBONES, points, strict=False)), X, Y, lines, ring)


def test_names_stand_beside_the_best_point_that_has_room() -> None:
    found = placed([(100, 200), (100, 100)], [(300, 50)])
    assert [(name.at, name.side) for name in found.values()] == [((100, 200), "left"), ((300, 50), "left")]
    assert found["efficientnet_lite1"].text == "EfficientNet-Lite1"
    edge = placed([(500, 200)], [(300, 50)])
    assert edge["efficientnet_lite0"].side == "right", "beyond the edge there is no room"


@pytest.mark.parametrize(
    ("others", "lines", "ring"),
    [
        ([(160.0, 200.0)], (), None),
        ([(400.0, 20.0)], ((110.0, 100.0), (180.0, 202.0)), None),
        ([(400.0, 20.0)], ((90.0, 201.0), (300.0, 230.0)), None),
        ([(400.0, 20.0)], (), (150.0, 190.0)),
    ],
    ids=["a point", "a line up", "a line across", "the ring's name"],
)
def test_names_cover_neither_points_nor_lines_nor_the_winner_s_name(
    others: list[Point], lines: tuple[Point, ...], ring: Point | None
) -> None:
    found = placed([(100, 200), (100, 60)], others, lines=lines, ring=ring)
    assert found["efficientnet_lite0"].at == (100, 60)


def test_names_do_not_cover_each_other() -> None:
    found = placed([(100, 200), (240, 120)], [(100, 190), (240, 100)], [(240, 180)])
    boxes = [name.box(name.at) for name in found.values()]
    assert len(boxes) == 3
    assert not any(one.meets(other) for one, other in combinations(boxes, 2))


def test_where_one_name_has_no_room_there_are_none() -> None:
    crowd: list[Point] = [(x, y) for x in range(0, WIDTH, 40) for y in range(0, HEIGHT, 20)]
    assert placed(crowd, [(100, 205)]) == {}
    assert placed([(100, 200)]) == {}, "one backbone needs no name"
    assert placed([(100, 200)], []) == {}


def test_boxes_that_touch_do_not_meet() -> None:
    assert not Box(0, 10, 0, 10).meets(Box(10, 20, 0, 10))
    assert Box(0, 10, 0, 10).meets(Box(9, 20, 9, 20))
    assert not Box(0, 10, 0, 10).meets(Box(0, 10, 11, 20))
