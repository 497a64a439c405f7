"""The contract that every dataset plug-in must pass, as a test class to subclass."""

from __future__ import annotations

import numpy as np

from autotl.core.errors import DatasetError
from autotl.data.dataset import DetectionDataset, Sample
from autotl.data.images import read_image
from autotl.data.problems import RULES


class DatasetContract:
    """Subclass it in a test module, implement `dataset`, and pytest checks what the search relies on.

    ```python
    class TestMyFormat(DatasetContract):
        def dataset(self) -> DetectionDataset:
            return open_my_format(FOLDER)
    ```
    """

    def dataset(self) -> DetectionDataset:
        """The dataset to check, opened anew: small, with an image in each of train and val."""
        raise NotImplementedError

    def _samples(self) -> list[Sample]:
        return [sample for samples in self.dataset().splits.values() for sample in samples]

    def test_train_and_val_have_images(self) -> None:
        """A search needs both; a test split may be missing."""
        dataset = self.dataset()
        assert dataset.samples("train")
        assert dataset.samples("val")
        assert set(dataset.splits) <= {"train", "val", "test"}

    def test_names_are_unique(self) -> None:
        """A name stands for one image, over all splits."""
        names = [sample.name for sample in self._samples()]
        assert len(names) == len(set(names))

    def test_arrays_have_their_shapes_and_types(self) -> None:
        """Also where an image has no boxes."""
        for sample in self._samples():
            assert sample.boxes_xyxy.dtype == np.float32, sample.name
            assert sample.ignored_xyxy.dtype == np.float32, sample.name
            assert sample.labels.dtype == np.int64, sample.name
            assert sample.boxes_xyxy.shape == (len(sample.labels), 4), sample.name
            assert sample.ignored_xyxy.shape[1:] == (4,), sample.name

    def test_boxes_have_area_and_lie_in_the_image(self) -> None:
        """Finite, left before right, top before bottom, nothing beyond an edge."""
        for sample in self._samples():
            limit = np.array([sample.width, sample.height, sample.width, sample.height])
            for boxes in (sample.boxes_xyxy, sample.ignored_xyxy):
                assert np.isfinite(boxes).all(), sample.name
                assert (boxes[:, :2] < boxes[:, 2:]).all(), sample.name
                assert ((boxes >= 0) & (boxes <= limit)).all(), sample.name

    def test_labels_count_the_classes_from_zero_and_each_has_a_box(self) -> None:
        """No label without a class, no class without a box, no name twice."""
        classes = self.dataset().classes
        used = {int(label) for sample in self._samples() for label in sample.labels}
        assert used == set(range(len(classes)))
        assert len(set(classes)) == len(classes)

    def test_images_decode_to_the_sizes_of_their_samples(self) -> None:
        """(height, width, 3), 8 bits."""
        for sample in self._samples():
            image = read_image(sample)
            assert image.shape == (sample.height, sample.width, 3), sample.name
            assert image.dtype == np.uint8, sample.name

    def test_opening_again_gives_the_same_dataset(self) -> None:
        """The same splits, order and boxes: what a resumed search relies on."""
        assert self.dataset().fingerprint() == self.dataset().fingerprint()

    def test_the_search_cannot_open_the_test_split(self) -> None:
        """`samples` refuses it."""
        try:
            self.dataset().samples("test")  # type: ignore[arg-type]
        except DatasetError:
            return
        raise AssertionError("samples('test') must raise DatasetError")

    def test_problems_are_listed_with_their_rule_place_and_detail(self) -> None:
        """What is used after checking holds no problem that stops; each is told in one line."""
        for problem in self.dataset().problems:
            assert RULES.get(problem.rule) == problem.action
            assert problem.action != "stop", str(problem)
            assert problem.where, str(problem)
            assert problem.detail, str(problem)
            assert "\n" not in str(problem)
