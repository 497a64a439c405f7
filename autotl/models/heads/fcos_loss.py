"""FCOS's losses (Tian et al., 2019), for all images of a batch at once.

The same as torchvision's, without its loop over images and without anything that makes a GPU wait: no value is looked at
and no shape depends on values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils.rnn import pad_sequence
from torchvision.ops import generalized_box_iou_loss

from autotl.core.boxes import area_xyxy, points_in_xyxy
from autotl.core.structures import Canvas, Target

_CENTRE_RADIUS = 1.5
"""Points this many strides from a box's centre, and nearer, may be responsible for it."""
_MOST_POINTS_OF_A_BOX = 9
"""Three by three of each level lie within that radius."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Focal:
    """The focal loss (Lin et al., 2017)."""

    alpha: float
    """Weight of what is there, against 1 less this of what is not."""
    gamma: float
    """How much less counts what is easy."""

    def presence(self, logits: Tensor) -> Tensor:
        """The loss of each prediction of what is there."""
        return self._loss(-logits, self.alpha)

    def absence(self, logits: Tensor) -> Tensor:
        """The loss of each prediction of what is not."""
        return self._loss(logits, 1 - self.alpha)

    def _loss(self, wrong_logits: Tensor, weight: float) -> Tensor:
        """From the logits of being wrong."""
        return weight * wrong_logits.sigmoid() ** self.gamma * F.softplus(wrong_logits)


@dataclass(frozen=True, slots=True)
class Points:
    """The P points of all levels together, finest first.

    Shapes: centres_xy (P, 2) pixels of the canvas, strides (P,), and smallest and largest (P,): a point may be
    responsible for boxes whose farthest side lies between these many pixels from it. `levels` is how many there are.
    """

    centres_xy: Tensor
    strides: Tensor
    smallest: Tensor
    largest: Tensor
    levels: int

    @staticmethod
    def of_canvas(canvas: Canvas, strides: Sequence[int], device: torch.device) -> Points:
        """The points of levels of these strides, finest first: one a position, at multiples of the stride."""
        parts = []
        for stride in strides:
            along = (torch.arange(0, side, stride, dtype=torch.float32, device=device) for side in canvas)
            y, x = torch.meshgrid(*along, indexing="ij")
            low = 0.0 if stride == strides[0] else 4.0 * stride
            high = torch.inf if stride == strides[-1] else 8.0 * stride
            spread = torch.tensor([stride, low, high], device=device).expand(x.numel(), 3)
            parts.append(torch.cat((torch.stack((x, y), -1).view(-1, 2), spread), 1))
        whole = torch.cat(parts)
        each, smallest, largest = whole[:, 2:].unbind(1)
        return Points(whole[:, :2], each, smallest, largest, len(strides))


def fcos_losses(
    outputs: dict[str, Tensor], points: Points, targets: Sequence[Target], focal: Focal
) -> dict[str, Tensor]:
    """The three losses, each a sum over the points that are responsible for a box, divided by their number.

    Args:
        outputs: cls_logits (B, P, classes), bbox_regression (B, P, 4) distances to left, top, right and bottom in
            strides, bbox_ctrness (B, P, 1), in float32.
        points: the P points.
        targets: B targets in pixels of the canvas, on the outputs' device.
        focal: the loss of classes.
    """
    boxes, labels, responsible = assign(points, targets)
    # The K points of each image that may be responsible, so that shapes do not depend on how many are.
    boxes_of_an_image = max((len(target.labels) for target in targets), default=0)
    most = min(responsible.shape[1], _MOST_POINTS_OF_A_BOX * points.levels * boxes_of_an_image)
    is_one, at = responsible.to(torch.float32).topk(most)
    count = responsible.sum().clamp(min=1)
    boxes, labels = (part.gather(1, _like(at, part)) for part in (boxes, labels))
    logits, centredness = (outputs[name].gather(1, _like(at, outputs[name])) for name in ("cls_logits", "bbox_ctrness"))
    found = boxes_at(points, at, outputs["bbox_regression"])
    wanted = _centredness(points.centres_xy[at], boxes)
    apart = F.binary_cross_entropy_with_logits(centredness.squeeze(-1), wanted, reduction="none")
    everywhere = _background_loss(focal.absence(outputs["cls_logits"]), responsible, points, targets)
    of_class = logits.gather(-1, labels[..., None]).squeeze(-1)
    classes = everywhere + ((focal.presence(of_class) - focal.absence(of_class)) * is_one).sum()
    return {
        "classification": classes / count,
        "bbox_regression": (generalized_box_iou_loss(found, boxes) * is_one).sum() / count,
        "bbox_ctrness": (apart * is_one).sum() / count,
    }


@torch.no_grad()
def assign(points: Points, targets: Sequence[Target]) -> tuple[Tensor, Tensor, Tensor]:
    """Which box each point of each image is responsible for: the smallest of those that it may be.

    Returns:
        boxes (B, P, 4) xyxy in pixels, labels (B, P), and (B, P) True where the point is responsible; elsewhere the
        box is a square of one stride about the point, and the label 0.
    """
    boxes, labels = (pad_sequence(list(parts), batch_first=True) for parts in _boxes_and_labels(targets))
    x, y = points.centres_xy[:, 0, None], points.centres_xy[:, 1, None]
    left, top, right, bottom = boxes[:, None].unbind(-1)
    sides = torch.stack((x - left, y - top, right - x, bottom - y))
    to_centre = torch.maximum((x - (left + right) / 2).abs(), (y - (top + bottom) / 2).abs())
    farthest = sides.amax(0)
    may = (
        (sides.amin(0) > 0)
        & (to_centre < _CENTRE_RADIUS * points.strides[:, None])
        & (farthest > points.smallest[:, None])
        & (farthest < points.largest[:, None])
    )
    area, which = torch.where(may, area_xyxy(boxes)[:, None], torch.inf).min(-1)
    responsible = area.isfinite()
    half = points.strides[:, None] / 2
    own = torch.cat((points.centres_xy - half, points.centres_xy + half), 1)
    mine = boxes.gather(1, which[..., None].expand(-1, -1, 4))
    return torch.where(responsible[..., None], mine, own), labels.gather(1, which) * responsible, responsible


def _boxes_and_labels(targets: Sequence[Target]) -> tuple[list[Tensor], list[Tensor]]:
    """Each with one box of no size behind the others, so that no image has none; no point lies inside it."""
    return (
        [F.pad(target.boxes_xyxy, (0, 0, 0, 1)) for target in targets],
        [F.pad(target.labels, (0, 1)) for target in targets],
    )


def boxes_at(points: Points, at: Tensor, distances: Tensor) -> Tensor:
    """Some points' boxes: positions (B, K) and distances (B, P, 4) of all points, in strides -> (B, K, 4) xyxy."""
    centres_xy, stride = points.centres_xy[at], points.strides[at][..., None]
    away = distances.gather(1, _like(at, distances)) * stride
    return torch.cat((centres_xy - away[..., :2], centres_xy + away[..., 2:]), -1)


def _like(at: Tensor, part: Tensor) -> Tensor:
    """(B, K) positions for gathering from (B, P) or (B, P, N)."""
    return at if part.ndim == 2 else at[..., None].expand(-1, -1, part.shape[-1])


@torch.no_grad()
def _centredness(centres_xy: Tensor, boxes: Tensor) -> Tensor:
    """(B, K, 2) points and (B, K, 4) boxes around them -> (B, K): 1 in the middle of the box, 0 on its edge."""
    before, after = centres_xy - boxes[..., :2], boxes[..., 2:] - centres_xy
    return (torch.minimum(before, after) / torch.maximum(before, after)).prod(-1).sqrt()


def _background_loss(loss: Tensor, responsible: Tensor, points: Points, targets: Sequence[Target]) -> Tensor:
    """The loss as if there were nothing anywhere, (B, P, classes), summed over points and classes.

    Points in ignored regions count only where they are responsible for a box.
    """
    if any(len(target.ignored_xyxy) for target in targets):
        ignored = torch.stack([points_in_xyxy(points.centres_xy, one.ignored_xyxy).any(1) for one in targets])
        loss = loss * (responsible | ~ignored)[..., None]
    return loss.sum()
