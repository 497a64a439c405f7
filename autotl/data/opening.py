"""From a path or a sequence to a checked dataset: the one entrance to this layer."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

import numpy as np

from autotl.core.errors import DatasetError
from autotl.data.annotations import RawDataset, RawImage
from autotl.data.checking import check_image
from autotl.data.coco import read_coco
from autotl.data.completing import complete_splits
from autotl.data.csv import read_csv
from autotl.data.dataset import DetectionDataset, Sample, count_boxes
from autotl.data.detect_format import Format, Found, detect_format
from autotl.data.files import DatasetFiles
from autotl.data.images import ImageFacts, inspect_images
from autotl.data.leaks import Leaks, drop_leaks, log_leaks
from autotl.data.problems import Problem, ProblemLog
from autotl.data.sequence import Pairs, read_sequence
from autotl.data.splits import choose_splits
from autotl.data.voc import read_voc
from autotl.data.yolo import read_yolo

READERS: Final[Mapping[Format, Callable[[Found, DatasetFiles, ProblemLog], RawDataset]]] = {
    "coco": read_coco,
    "voc": read_voc,
    "yolo": read_yolo,
    "csv": read_csv,
}
SamplesBySplit = dict[str, tuple[Sample, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """A dataset as far as it can be used, and everything that is wrong with it."""

    dataset: DetectionDataset | None
    """None where a problem stops the search."""
    format: str
    problems: tuple[Problem, ...]


def open_dataset(
    data: str | Path | Pairs,
    *,
    format: str | None = None,
    split_map: Mapping[str, str] | None = None,
    ignore_classes: Collection[str] = (),
    leaks: Leaks = "report",
    seed: int = 0,
    name: str | None = None,
    classes: Sequence[str] | None = None,
) -> DetectionDataset:
    """Opens a dataset and checks every image and box of it.

    A dataset without splits is divided 80% / 20% into train and val, stratified, grouped and seeded; one without a
    validation split gives 20% of its train split to it. The test split is never made or used for either.

    Args:
        data: a folder, an annotation file, or a sequence of (image, target) in torchvision's convention.
        format: coco, voc, yolo or csv; detected where it is None.
        split_map: our split names to the dataset's, such as {"train": "trainval", "val": "test"}; then exactly these
            are used.
        ignore_classes: classes that are no classes but mark regions where nothing is judged.
        leaks: what is done about images that repeat one of a later split (byte for byte, by their name or in their
            looks): "report" keeps them, "drop" leaves them out of train, or of val where test has the other.
        seed: for dividing.
        name: of the dataset; by default that of its folder or file.
        classes: names of the labels 1, 2, ... of a sequence.

    Raises:
        DatasetError: where it cannot be used; `autotl check` lists every problem.
    """
    examination = examine_dataset(
        data,
        format=format,
        split_map=split_map,
        ignore_classes=ignore_classes,
        leaks=leaks,
        seed=seed,
        name=name,
        classes=classes,
    )
    if examination.dataset is None:
        stops = [problem for problem in examination.problems if problem.action == "stop"]
        more = f" (and {len(stops) - 1} more that stop; `autotl check` lists them)" if len(stops) > 1 else ""
        raise DatasetError(f"{stops[0]}{more}")
    return examination.dataset


def examine_dataset(
    data: str | Path | Pairs,
    *,
    format: str | None = None,
    split_map: Mapping[str, str] | None = None,
    ignore_classes: Collection[str] = (),
    leaks: Leaks = "report",
    seed: int = 0,
    name: str | None = None,
    classes: Sequence[str] | None = None,
) -> Examination:
    """Like `open_dataset`, but what stops the search is returned with all other problems.

    Raises:
        DatasetError: where nothing can be read at all: no such path, no known format, an argument that does not fit.
    """
    if leaks not in get_args(Leaks):
        raise DatasetError(f"leaks must be report or drop but got {leaks!r}")
    log = ProblemLog()
    if isinstance(data, str | Path):
        if classes is not None:
            raise DatasetError("classes names the labels of a sequence; a folder's classes are in its annotations")
        found = detect_format(Path(data), format)
        files = DatasetFiles(found.root, log)
        raw = READERS[found.format](found, files, log)
        if not (log.stops or found.single):
            files.log_unused()
        kind, root = str(found.format), found.root
        title = name or (found.files[0].stem if found.single else found.root.name)
    else:
        raw, kind, root, title = read_sequence(data, classes, log), "sequence", None, name or "sequence"
    if not any(raw.splits.values()) and not log.stops:
        log.add("empty dataset", title, "no image with annotations was found; check the path and the format")
        chosen: dict[str, list[RawImage]] = {}
    else:
        chosen = _choose(raw, split_map, title, log)
    _check_ignored(ignore_classes, raw.classes)
    splits, facts = _check_images(chosen, raw.classes, ignore_classes, log)
    completed = complete_splits(splits, facts, raw.origin, seed, title, log)
    divided = drop_leaks(completed.splits, facts, log) if leaks == "drop" else completed.splits
    kept, divided = _drop_empty_classes(divided, raw.classes, ignore_classes, log)
    log_leaks(divided, facts, log)
    problems = tuple(log)
    if log.stops:
        return Examination(dataset=None, format=kind, problems=problems)
    dataset = DetectionDataset(
        name=title, root=root, format=kind, classes=kept, splits=divided, split_origin=completed.origin,
        together=completed.together, problems=problems,
    )  # fmt: skip
    return Examination(dataset=dataset, format=kind, problems=problems)


def _choose(
    raw: RawDataset, split_map: Mapping[str, str] | None, title: str, log: ProblemLog
) -> dict[str, list[RawImage]]:
    """The images of our splits; a dataset without splits is all 'train' and divided later."""
    if "" in raw.splits and split_map is None:
        return {"train": raw.splits[""]}
    chosen = choose_splits(raw.splits, split_map)
    if "train" not in chosen and raw.splits:
        names = ", ".join(sorted(raw.splits))
        log.add("no train split", title, f"none of {names} is for training; choose one with --split train=NAME")
    used = {image.name for theirs in chosen.values() for image in raw.splits[theirs]}
    for theirs, images in raw.splits.items():
        if theirs not in chosen.values() and any(image.name not in used for image in images):
            log.add("unused split", title, f"{theirs} ({len(images)} images) is not used; --split says what to use")
    return {ours: raw.splits[theirs] for ours, theirs in chosen.items()}


def _check_ignored(ignore_classes: Collection[str], classes: Sequence[str]) -> None:
    for ignored in ignore_classes:
        if classes and ignored not in classes:
            close = difflib.get_close_matches(ignored, classes, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; the classes are {', '.join(classes)}"
            raise DatasetError(f"--ignore-class {ignored}: there is no such class{hint}")


def _check_images(
    chosen: Mapping[str, list[RawImage]], classes: Sequence[str], ignore_classes: Collection[str], log: ProblemLog
) -> tuple[SamplesBySplit, dict[str, ImageFacts]]:
    """Samples by split, and what each sample's image has shown. An image listed twice stays where it is judged."""
    labels = {name: label for label, name in enumerate(classes)}
    splits: SamplesBySplit = {}
    facts_by_name: dict[str, ImageFacts] = {}
    place: dict[str, str] = {}
    for split in (split for split in ("test", "val", "train") if split in chosen):
        images = []
        for image in chosen[split]:
            if image.name in place:
                log.add(
                    "image in two splits",
                    image.name,
                    f"in {place[image.name]} and {split}; kept in the first, list it once",
                )
                continue
            place[image.name] = split
            images.append(image)
        samples = []
        for image, facts in zip(images, inspect_images([image.source for image in images]), strict=True):
            sample = check_image(image, facts, labels, ignore_classes, log)
            if sample is not None:
                samples.append(sample)
                facts_by_name[sample.name] = facts
        splits[split] = tuple(sorted(samples, key=lambda sample: sample.name))
    return splits, facts_by_name


def _drop_empty_classes(
    splits: SamplesBySplit, classes: Sequence[str], ignore_classes: Collection[str], log: ProblemLog
) -> tuple[tuple[str, ...], SamplesBySplit]:
    """The classes that have boxes, and the samples with labels that count only these."""
    totals = np.zeros(len(classes), dtype=np.int64)
    for samples in splits.values():
        for sample in samples:
            totals += np.bincount(sample.labels, minlength=len(classes))
    trained = {int(label) for sample in splits.get("train", ()) for label in sample.labels}
    kept = [label for label in range(len(classes)) if totals[label] > 0]
    for label, name in enumerate(classes):
        if name in ignore_classes:
            log.add("ignored class", name, "its boxes are regions where nothing is judged")
        elif totals[label] == 0 and splits:
            log.add("class without boxes", name, "left out of the classes")
        elif label not in trained and "train" in splits:
            log.add("class without training boxes", name, "no box in train: it cannot be learnt and costs mAP")
    if not count_boxes(splits.get("train", ())) and not log.stops:
        log.add("no boxes", "train", "no box that can be used; mend the problems listed or add annotations")
    new_labels = np.full(len(classes), -1, dtype=np.int64)
    new_labels[kept] = np.arange(len(kept))
    remapped = {
        split: tuple(dataclasses.replace(sample, labels=new_labels[sample.labels]) for sample in samples)
        for split, samples in splits.items()
    }
    return tuple(classes[label] for label in kept), remapped
