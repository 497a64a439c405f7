"""The embedded demo dataset: tree crowns in four aerial photographs, cut into tiles."""

from __future__ import annotations

import importlib.util
import itertools
import json
import shutil
import tempfile
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PIL import Image

from autotl.core.errors import DatasetError
from autotl.data.annotations import BoxXyxy
from autotl.data.tiling import KEPT_SHARE

PHOTOGRAPHS: Final = (
    "2019_YELL_2_528000_4978000_image_crop2",
    "2019_YELL_2_541000_4977000_image_crop",
    "OSBS_029",
    "SOAP_061",
)
TILE: Final = 256
VAL_FROM: Final = 2 / 3
"""Share of a photograph's width left of which is train; the right third is val."""
_INFO: Final = {
    "description": f"autotl's demo: aerial photographs in tiles of about {TILE} px; the right third of each is val",
    "version": "1",
    "contributor": "NEON aerial photographs with crowns drawn by hand, from the package deepforest (MIT)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tile:
    """A part of a photograph, in its pixels, and the split it belongs to."""

    split: str
    left: int
    top: int
    right: int
    bottom: int


def find_demo_photographs() -> Path:
    """The folder of photographs in the package deepforest, found without importing it.

    Raises:
        DatasetError: where the package is not installed or lacks them.
    """
    spec = importlib.util.find_spec("deepforest")
    locations = (spec.submodule_search_locations if spec else None) or []
    places = [Path(location) / "data" for location in locations]
    needed = [f"{name}{suffix}" for name in PHOTOGRAPHS for suffix in (".png", ".xml")]
    for folder in places:
        if all((folder / name).is_file() for name in needed):
            return folder
    raise DatasetError("the demo's photographs are missing; install them with: pip install --no-deps deepforest==2.1.0")


def write_demo_dataset(folder: Path) -> Path:
    """Cuts the photographs into tiles: annotations/{train,val}.json in COCO's form beside train/ and val/ with PNGs.

    Tiles do not overlap, so no pixel is in two splits. A crown that a tile's edge cuts is an object where at least half
    of its box is inside, and elsewhere a crowd region, so that finding the rest of it is no mistake. The photographs
    are annotated throughout, so a tile without boxes shows open ground. Living and dead crowns are one class, Tree.
    The same photographs give the same tiles. A folder that holds them already is left as it is.

    Args:
        folder: made, with its parents, unless it is complete.

    Returns:
        The folder.

    Raises:
        DatasetError: where the photographs are missing or the folder holds something else.
    """
    if folder.exists():
        if not _is_complete(folder):
            raise DatasetError(f"{folder}: exists and is not the demo dataset; delete it or choose another folder")
        return folder
    photographs = find_demo_photographs()
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        _write(unfinished, photographs)
        unfinished.chmod(0o755)
        unfinished.rename(folder)
    except OSError:
        # another process may have finished it in the meantime
        if not _is_complete(folder):
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return folder


def _is_complete(folder: Path) -> bool:
    """Whether the demo was written here; being renamed when finished, it is either whole or not there."""
    try:
        written = [json.loads((folder / "annotations" / f"{split}.json").read_text()) for split in ("train", "val")]
    except (OSError, ValueError):
        return False
    return all(isinstance(content, dict) and content.get("info") == _INFO for content in written)


def _write(folder: Path, photographs: Path) -> None:
    images: dict[str, list[dict[str, Any]]] = {"train": [], "val": []}
    annotations: dict[str, list[dict[str, Any]]] = {"train": [], "val": []}
    for split in images:
        (folder / split).mkdir()
    for name in PHOTOGRAPHS:
        boxes = _read_crowns(photographs / f"{name}.xml")
        with Image.open(photographs / f"{name}.png") as image:
            photograph = image.convert("RGB")
        for tile in cut_tiles(photograph.width, photograph.height):
            file_name = f"{name}_{tile.left:04d}_{tile.top:04d}.png"
            part = photograph.crop((tile.left, tile.top, tile.right, tile.bottom))
            part.save(folder / tile.split / file_name, compress_level=1)
            image_id = len(images[tile.split])
            images[tile.split].append(
                {"id": image_id, "file_name": file_name, "width": part.width, "height": part.height}
            )
            for box, crowd in crop_boxes(boxes, tile):
                x1, y1, x2, y2 = box
                annotations[tile.split].append(
                    {
                        "id": len(annotations[tile.split]),
                        "image_id": image_id,
                        "category_id": 1,
                        "bbox": [x1, y1, x2 - x1, y2 - y1],
                        "area": (x2 - x1) * (y2 - y1),
                        "iscrowd": int(crowd),
                    }
                )
    (folder / "annotations").mkdir()
    for split, listed in images.items():
        content = {
            "info": _INFO,
            "images": listed,
            "categories": [{"id": 1, "name": "Tree"}],
            "annotations": annotations[split],
        }
        (folder / "annotations" / f"{split}.json").write_text(json.dumps(content, indent=1), encoding="utf-8")


def cut_tiles(width: int, height: int) -> list[_Tile]:
    """Tiles that cover a photograph exactly; the sides of each are as near to TILE as an even division allows."""
    border = round(width * VAL_FROM)
    return [
        _Tile(split=split, left=left, top=top, right=right, bottom=bottom)
        for split, start, end in (("train", 0, border), ("val", border, width))
        for top, bottom in _divide(0, height)
        for left, right in _divide(start, end)
    ]


def _divide(start: int, end: int) -> list[tuple[int, int]]:
    pieces = max(1, round((end - start) / TILE))
    edges = [start + round((end - start) * piece / pieces) for piece in range(pieces + 1)]
    return list(itertools.pairwise(edges))


def crop_boxes(boxes: list[BoxXyxy], tile: _Tile) -> list[tuple[BoxXyxy, bool]]:
    """The parts of boxes inside a tile, in the tile's pixels, and whether each is only a crowd region."""
    parts = []
    for x1, y1, x2, y2 in boxes:
        left, top = max(x1, tile.left), max(y1, tile.top)
        right, bottom = min(x2, tile.right), min(y2, tile.bottom)
        if right <= left or bottom <= top:
            continue
        share = (right - left) * (bottom - top) / ((x2 - x1) * (y2 - y1))
        part = (left - tile.left, top - tile.top, right - tile.left, bottom - tile.top)
        parts.append((part, share < KEPT_SHARE))
    return parts


def _read_crowns(path: Path) -> list[BoxXyxy]:
    """The boxes of a photograph's xml."""
    boxes = []
    for element in ET.parse(path).getroot().iter("bndbox"):
        x1, y1, x2, y2 = (float(element.findtext(key) or "") for key in ("xmin", "ymin", "xmax", "ymax"))
        boxes.append((x1, y1, x2, y2))
    return boxes
