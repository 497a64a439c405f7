"""Detector: backbone, neck and head, with a cut between what is frozen and what is trained."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from autotl.core.errors import ConfigError
from autotl.core.structures import Canvas, Detections, Target
from autotl.models.backbone import Backbone, keep_from_zero
from autotl.models.heads.head import Head
from autotl.models.neck import Neck

BACKBONE = "backbone."
"""How the names of the backbone's parameters begin."""

Activations = tuple[Tensor, ...]
"""What crosses the cut, each (B, ...): the outputs of frozen stages that the neck needs, and the last frozen unit's; the
neck's levels where it is frozen too."""


class Detector(nn.Module):
    """trunk(images) -> activations at the cut; losses(activations, targets) or detect(activations) above it.

    The neck turns the maps of the stages that it stands on, by number, into a list of levels, finest first.

    Attributes:
        canvas: What images are letterboxed into.
        cut: How many of the backbone's units are frozen; set by `apply_freeze`, moved by `move_cut`.
        trained_end: From which unit on the backbone keeps its weights again; set by `apply_freeze`.
        neck_frozen: Whether the neck is frozen too, and the cut lies above it.
        box_branch_frozen: Whether what of the head finds boxes is frozen.
        norm_frozen: Whether the normalisation statistics of the backbone stand still above the cut too; those of neck and
            head as well where these are pretrained.
    """

    def __init__(self, backbone: Backbone, neck: Neck, head: Head, canvas: Canvas, *, norms_pretrained: bool = False):
        super().__init__()
        self.backbone = backbone
        self.neck = neck
        self.head = head
        self.canvas = canvas
        self._norms_pretrained = norms_pretrained
        self.cut = 0
        self.trained_end = len(backbone.units)
        self.neck_frozen = False
        self.box_branch_frozen = False
        self.norm_frozen = False

    def train(self, mode: bool = True) -> Detector:
        """Training mode for what is trained; what is frozen, statistics too, stays in evaluation mode."""
        super().train(mode)
        for unit in (*self.backbone.units[: self.cut], *self.backbone.units[self.trained_end :]):
            unit.eval()
        if self.neck_frozen:
            self.neck.eval()
        if self.box_branch_frozen:
            for part in self.head.box_branch():
                part.eval()
        if self.norm_frozen:
            pretrained = self if self._norms_pretrained else self.backbone
            for module in pretrained.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        elif mode:
            for unit in self.backbone.units[self.cut : self.trained_end]:
                keep_from_zero(unit)
        return self

    def stages_above(self, name: str) -> int:
        """How many of the backbone's stages come after that of a parameter of the backbone, given its name."""
        unit = int(name.removeprefix(f"{BACKBONE}units.").split(".")[0])
        return sum(stage.end > unit for stage in self.backbone.stages) - 1

    def trained_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """(name, parameter) of what is trained; the names of the backbone's begin with 'backbone.'."""
        return ((name, parameter) for name, parameter in self.named_parameters() if parameter.requires_grad)

    @torch.no_grad()
    def trunk(self, images: Tensor) -> Activations:
        """(B, 3, H, W) RGB in 0..1 -> the activations at the cut; with nothing frozen, the normalised images."""
        outputs, last = self.backbone.forward_range(self.backbone.normalise(images), 0, self.cut)
        activations = (*(outputs[stage] for stage in self.stages_left_behind()), last)
        return tuple(self._above_backbone(activations)) if self.neck_frozen else activations

    def losses(self, activations: Activations, targets: Sequence[Target]) -> dict[str, Tensor]:
        """The head's losses by name, each a scalar, for B images' targets in pixels of the canvas.

        Raises:
            RuntimeError: in evaluation mode.
        """
        if not self.training:
            raise RuntimeError("losses are computed in training mode; call train() first")
        return self.head.losses(self._levels(activations), targets)

    @torch.no_grad()
    def detect(self, activations: Activations) -> list[Detections]:
        """What is found in each of the B images, in pixels of the canvas.

        Raises:
            RuntimeError: in training mode.
        """
        if self.training:
            raise RuntimeError("detections are computed in evaluation mode; call eval() first")
        return self.head.detect(self._levels(activations))

    def forward(self, images: Tensor, targets: Sequence[Target] | None = None) -> dict[str, Tensor] | list[Detections]:
        """Images (B, 3, H, W), RGB in 0..1, with targets -> losses; without -> detections."""
        activations = self.trunk(images)
        return self.detect(activations) if targets is None else self.losses(activations, targets)

    def stages_left_behind(self) -> list[int]:
        """The neck's stages that end below the cut's last unit, so that their maps cross it on their own."""
        return [stage for stage in self.neck.stages if self.backbone.stage(stage).end < self.cut]

    def _levels(self, activations: Activations) -> list[Tensor]:
        levels = list(activations) if self.neck_frozen else self._above_backbone(activations)
        return [level.float() for level in levels]

    def _above_backbone(self, activations: Activations) -> list[Tensor]:
        """What crosses the backbone's cut -> the neck's levels."""
        *left_behind, last = activations
        outputs = dict(zip(self.stages_left_behind(), left_behind, strict=True))
        at_cut = [stage for stage in self.neck.stages if self.backbone.stage(stage).end == self.cut]
        outputs.update(dict.fromkeys(at_cut, last))
        above, _ = self.backbone.forward_range(last, self.cut, len(self.backbone.units))
        outputs.update(above)
        maps = {stage: self.backbone.as_map(outputs[stage]) for stage in self.neck.stages}
        for stage, found in maps.items():
            if found.shape[-2:] != tuple(side // 2**stage for side in self.canvas):
                raise ConfigError(
                    f"backbone.name: {self.backbone.name} has a map of {found.shape[-1]} x {found.shape[-2]} at stride "
                    f"{2**stage} for images of {self.canvas.width} x {self.canvas.height} pixels, so that boxes would be misplaced; choose "
                    "another backbone"
                )
        levels: list[Tensor] = self.neck(maps)
        return levels
