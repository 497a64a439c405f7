from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset
from torchvision import tv_tensors

from autotl.core.errors import DatasetError
from autotl.data.dataset import DetectionDataset
from autotl.data.images import read_image
from autotl.data.opening import open_dataset
from autotl.data.testing import DatasetContract

BOXES = torch.tensor([[2.0, 3.0, 12.0, 9.0], [0.0, 0.0, 5.0, 5.0]])


def _picture(seed: int) -> torch.Tensor:
    return torch.randint(0, 256, (3, 10, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))


def _target(labels: Sequence[int] = (1, 2), **more: Any) -> dict[str, Any]:
    return {"boxes": BOXES[: len(labels)], "labels": torch.tensor(labels, dtype=torch.long), **more}


class Pictures(Dataset[tuple[torch.Tensor, dict[str, Any]]]):
    """A map-style dataset that counts how often it is read."""

    def __init__(self) -> None:
        self.read = 0

    def __len__(self) -> int:
        return 5

    def __getitem__(self, index: int) -> tuple[torch.Tensor, dict[str, Any]]:
        self.read += 1
        return _picture(index), _target()


def _all(dataset: DetectionDataset) -> list[Any]:
    return sorted((s for samples in dataset.splits.values() for s in samples), key=lambda sample: sample.name)


def test_a_torch_dataset_is_read_lazily_and_labels_count_from_one() -> None:
    pictures = Pictures()
    dataset = open_dataset(pictures, classes=("cat", "dog"))  # type: ignore[arg-type]
    assert (dataset.format, dataset.classes, dataset.root) == ("sequence", ("cat", "dog"), None)
    before = pictures.read
    sample = _all(dataset)[3]
    assert sample.labels.tolist() == [0, 1]
    assert sample.boxes_xyxy.tolist() == BOXES.tolist()
    assert np.array_equal(read_image(sample), _picture(3).permute(1, 2, 0).numpy())
    assert pictures.read == before + 1


def test_without_names_the_labels_are_the_classes_in_the_order_of_numbers() -> None:
    dataset = open_dataset([(_picture(0), _target((10, 2))), (_picture(1), _target((10, 2)))])
    assert dataset.classes == ("2", "10")


@pytest.mark.parametrize(
    "image",
    [
        Image.fromarray(_picture(0).permute(1, 2, 0).numpy()),
        _picture(0),
        _picture(0) / 255,
        _picture(0).numpy(),
        tv_tensors.Image(_picture(0)),
    ],
)
def test_images_come_as_pil_or_chw(image: Any) -> None:
    dataset = open_dataset([(image, _target()), (_picture(1), _target())])
    sample = _all(dataset)[0]
    for _ in range(2):
        assert np.array_equal(read_image(sample), _picture(0).permute(1, 2, 0).numpy())


def test_background_and_unnamed_labels_are_unknown_classes() -> None:
    pairs = [(_picture(seed), _target((1, label))) for seed, label in enumerate((0, 3, 1))]
    dataset = open_dataset(pairs, classes=("cat", "dog"))
    unknown = [problem for problem in dataset.problems if problem.rule == "unknown class"]
    assert [problem.where for problem in unknown] == ["item 000000 box 1", "item 000001 box 1"]
    assert "count classes from 1" in unknown[0].detail


def test_crowds_are_ignored_and_an_image_may_be_empty() -> None:
    empty = {"boxes": torch.zeros(0, 4), "labels": torch.zeros(0, dtype=torch.long)}
    pairs = [(_picture(0), _target(iscrowd=torch.tensor([0, 1]))), (_picture(1), empty), (_picture(2), _target((1,)))]
    dataset = open_dataset(pairs)
    assert _all(dataset)[0].ignored_xyxy.tolist() == [[0, 0, 5, 5]]
    assert _all(dataset)[1].boxes_xyxy.shape == (0, 4)


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (5, r"item 000000: must be \(image, target\)"),
        ((_picture(0), {"boxes": BOXES}), "must be"),
        ((_picture(0), {"boxes": [1, 2, 3], "labels": [1]}), "must be"),
        ((_picture(0), {"boxes": BOXES, "labels": torch.tensor([1.0, 2.0])}), "must be integers"),
        ((_picture(0), {"boxes": BOXES, "labels": torch.tensor([1])}), "2 boxes, 1 labels"),
        (
            (
                _picture(0),
                {
                    "boxes": tv_tensors.BoundingBoxes(BOXES, format="XYWH", canvas_size=(10, 16)),
                    "labels": torch.tensor([1, 2]),
                },
            ),
            "must be xyxy",
        ),
    ],
)
def test_an_item_of_another_form_is_an_error(item: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        open_dataset([item, item])


@pytest.mark.parametrize(
    ("image", "reason"),
    [(_picture(0)[0], "must be (C, H, W)"), (_picture(0).float(), "must lie in 0..1"), (_picture(0).int(), "int32")],
)
def test_an_image_of_another_form_is_skipped_with_the_reason(image: Any, reason: str) -> None:
    dataset = open_dataset([(image, _target()), (_picture(1), _target()), (_picture(2), _target())])
    (problem,) = (problem for problem in dataset.problems if problem.rule == "undecodable image")
    assert reason in problem.detail


def test_an_empty_sequence_is_an_empty_dataset() -> None:
    with pytest.raises(DatasetError, match="sequence: empty dataset"):
        open_dataset([])


class TestContract(DatasetContract):
    def dataset(self) -> DetectionDataset:
        return open_dataset(Pictures())  # type: ignore[arg-type]
