"""Does a search keep to its cache limit?

Draws 5,000 images of 640 x 640 pixels, searches them under a limit that what is worth keeping exceeds, and prints the
most that the cache took on disk against the limit, and the most memory that the process took.

    python benchmarks/memory.py [--images 5000] [--limit 2GB] [--budget 6m] [--json] [--quick]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
from machine import json_line, machine
from PIL import Image, ImageDraw

from autotl.cli.size import parse_size
from autotl.study.runner import CACHE

SIDE = 640
SECONDS_BETWEEN_LOOKS = 0.2


def draw_dataset(folder: Path, images: int) -> None:
    """Noise with one to five bright rectangles of two classes, as COCO json: a fifth for validation."""
    for split, count in (("train", images - images // 5), ("val", images // 5)):
        (folder / split).mkdir(parents=True)
        with ThreadPoolExecutor() as pool:
            boxes = list(pool.map(lambda number, split=split: _draw(folder / split, number), range(count)))
        annotations = [
            {"image_id": image, "category_id": label, "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
            for image, found in enumerate(boxes)
            for label, box in found
        ]
        content = {
            "images": [{"id": n, "file_name": f"{n:06d}.jpg", "width": SIDE, "height": SIDE} for n in range(count)],
            "annotations": [{"id": number + 1, **one} for number, one in enumerate(annotations)],
            "categories": [{"id": 0, "name": "red"}, {"id": 1, "name": "blue"}],
        }
        (folder / split / "_annotations.coco.json").write_text(json.dumps(content))


def _draw(folder: Path, number: int) -> list[tuple[int, list[int]]]:
    random = np.random.default_rng([number, len(folder.name)])
    noise = random.integers(0, 80, (SIDE // 8, SIDE // 8, 3), dtype=np.uint8)
    image = Image.fromarray(noise).resize((SIDE, SIDE))
    found = []
    for _ in range(int(random.integers(1, 6))):
        width, height = (int(side) for side in random.integers(40, 200, 2))
        x, y = int(random.integers(0, SIDE - width)), int(random.integers(0, SIDE - height))
        label = int(random.integers(0, 2))
        ImageDraw.Draw(image).rectangle((x, y, x + width, y + height), fill=((220, 40, 40), (40, 40, 220))[label])
        found.append((label, [x, y, width, height]))
    image.save(folder / f"{number:06d}.jpg", quality=85)
    return found


def bytes_on_disk(folder: Path) -> int:
    """What the files take, holes aside."""
    total = 0
    for path in folder.glob("*"):
        try:
            total += path.stat().st_blocks * 512
        except FileNotFoundError:
            continue
    return total


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=5000)
    parser.add_argument("--limit", default="2GB")
    parser.add_argument("--budget", default="6m")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--quick", action="store_true", help="100 images, 20 MB, 25 seconds")
    args = parser.parse_args()
    if args.quick:
        args.images, args.limit, args.budget = 100, "20MB", "25s"
    limit = parse_size(args.limit, "--limit")
    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder) / "data", Path(folder) / "out"
        draw_dataset(data, args.images)
        command = [sys.executable, "-m", "autotl", "search", data, "--out", out, "--cache-size", args.limit]
        started = time.monotonic()
        process = subprocess.Popen([*map(str, command), "--budget", args.budget])
        most_disk = most_memory = 0
        while process.poll() is None:
            most_disk = max(most_disk, bytes_on_disk(out / CACHE))
            try:
                most_memory = max(most_memory, psutil.Process(process.pid).memory_info().rss)
            except psutil.NoSuchProcess:
                break
            time.sleep(SECONDS_BETWEEN_LOOKS)
        took = time.monotonic() - started
        left_behind = (out / CACHE).exists()
    print(f"{machine()}")
    print(f"{args.images} images, limit {args.limit}, {took:.0f} s, exit code {process.returncode}")
    print(f"the cache took at most {most_disk / 1e6:.0f} MB, {most_disk / limit:.1%} of the limit")
    print(f"the process took at most {most_memory / 1e6:.0f} MB of memory; cache left behind: {left_behind}")
    if args.json:
        figures = {"exit_code": process.returncode, "memory_bytes": most_memory, "seconds": took}
        print(json_line("memory", {"cache": [most_disk / limit]}, **figures))


if __name__ == "__main__":
    main()
