"""What sits on the backbone: the detection head with its pyramid or extra levels, and which heads have what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from autotl.strategy.part import Part

WITHOUT_ANCHORS = ("fcos", "fcos_light")
"""Heads that judge points instead of anchor boxes."""

ON_EXTRA_LEVELS = {
    "ssd300": ("vgg16",),
    "ssdlite": ("mobilenetv3_large_100", "mobilenetv3_large_reduced_tail"),
}
"""Heads on levels of their own, which go on where the backbone ends, instead of a pyramid; and the backbones they are for."""

_LAST_STAGE = 5
"""Of a backbone; coarser levels of a pyramid have none to stand on."""

_FOCAL = (0.25, 2.0)
"""Alpha and gamma of the focal loss where nothing else is asked for."""

_WITH_TOWERS = ("fcos", "fcos_light", "faster_rcnn")

_NORMS = {
    **dict.fromkeys(("fcos", "fcos_light", "retinanet"), ("group", "none")),
    "faster_rcnn": ("batch", "none"),
    **dict.fromkeys(("ssd", *ON_EXTRA_LEVELS), ()),
}
"""The normalisation that heads can have. Towers that all levels share would have one statistic of batches for all of them,
which is that of none."""

_WHERE_NONE_IS_GIVEN = {"head.tower_depth": 1, "head.anchors": "fitted", "head.norm": "group"}


class HeadPart(Part):
    """What sits on the backbone."""

    kind: Literal["fcos", "fcos_light", "retinanet", "faster_rcnn", "ssd", "ssd300", "ssdlite"] = "fcos"
    """The detection head: torchvision's, and fcos_light, FCOS with neck and towers of depthwise-separable
    convolutions. ssd is on a feature pyramid as the others are; ssd300 and ssdlite have the levels that they were published
    with, on VGG-16 (Liu et al., 2016) and MobileNetV3 (Howard et al., 2019), and nothing else to choose."""

    neck_channels: int = Field(64, ge=8, le=1024, multiple_of=8)
    """Width of the feature pyramid and of the head on it, where there is one. FCOS takes multiples of 32."""

    tower_depth: int | None = Field(None, ge=1, le=8)
    """Convolutions in each branch; heads with a choice use 1 where none is given. RetinaNet and SSDs have no choice."""

    finest_level: Literal[2, 3] = 3
    """The pyramid's finest level, whose positions are 2**level pixels apart: 2 adds a level of stride 4 for small
    objects, at about four times the head's time."""

    coarsest_level: Literal[5, 6, 7] = 5
    """The pyramid's coarsest level: 6 and 7 are made of the one before, for objects of 256 pixels and more."""

    norm: Literal["group", "batch", "none"] | None = None
    """Normalisation in the head's towers; FCOS and RetinaNet have group where none is given, as RetinaNet's second version
    has. For Faster R-CNN batch is its second version: a box head of four convolutions and a layer, with batch normalisation
    there and in the neck; it has none otherwise. SSD has no choice."""

    focal_alpha: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] = _FOCAL[0]
    """Weight of what is there in the focal loss, against 1 less this of what is not (Lin et al., 2017). For FCOS heads."""

    focal_gamma: Annotated[float, Field(ge=0, le=5, allow_inf_nan=False)] = _FOCAL[1]
    """How much less the focal loss counts what is easy; 0 is cross-entropy. For FCOS heads."""

    anchors: Literal["fitted", "default"] | None = None
    """Anchor boxes: fitted to the training boxes (where none is given), or the head's own. FCOS has none. With weights
    'detector:PATH' they are the bundle's, which its regression of boxes belongs to, and this is what it is there."""

    @property
    def levels(self) -> tuple[int, ...]:
        """The pyramid's levels, finest first: level k has a stride of 2**k."""
        return tuple(range(self.finest_level, self.coarsest_level + 1))

    @property
    def stages(self) -> tuple[int, ...]:
        """The backbone's stages that the pyramid stands on, finest first."""
        return tuple(range(self.finest_level, _LAST_STAGE + 1))

    @property
    def strides(self) -> tuple[int, ...]:
        """Pixels of the canvas between neighbouring positions of each level, finest first."""
        return tuple(2**level for level in self.levels)

    @model_validator(mode="after")
    def _only_what_the_head_has(self) -> HeadPart:
        if self.tower_depth is not None and self.kind not in _WITH_TOWERS:
            raise ValueError(f"tower_depth: the {self.kind} head has no tower depth to choose; remove it or use fcos")
        if self.anchors is not None and self.kind in WITHOUT_ANCHORS:
            raise ValueError(f"anchors: the {self.kind} head has no anchors; remove it or use another head")
        if self.kind in ON_EXTRA_LEVELS:
            self._has_nothing_to_choose()
        if self.kind not in WITHOUT_ANCHORS and (self.focal_alpha, self.focal_gamma) != _FOCAL:
            raise ValueError(
                f"focal_alpha, focal_gamma: the {self.kind} head has none to choose; remove them or use another head"
            )
        if self.norm is not None and self.norm not in _NORMS[self.kind]:
            known = " or ".join(_NORMS[self.kind])
            rule = f"takes {known} but got {self.norm}" if known else "has none to choose; remove it"
            raise ValueError(f"norm: the {self.kind} head {rule}")
        if self.kind == "fcos" and self.neck_channels % 32:
            raise ValueError(f"neck_channels: the fcos head needs a multiple of 32 but got {self.neck_channels}")
        return self

    def _has_nothing_to_choose(self) -> None:
        for key in ("neck_channels", "finest_level", "coarsest_level", "anchors"):
            if getattr(self, key) != type(self).model_fields[key].default:
                raise ValueError(
                    f"{key}: the {self.kind} head has its own and none to choose; remove it or use another head"
                )


def differing(paths: Iterable[str], own: Mapping[str, Any], theirs: Mapping[str, Any]) -> list[str]:
    """Of paths of fields those that two strategies, given by dotted path, build differently.

    A field that is not given is what the head has then.
    """
    return [path for path in paths if own[path] != theirs[path] and given(path, own) != given(path, theirs)]


def given(path: str, fields: Mapping[str, Any]) -> object:
    """A field's value, by dotted path; of one that is not given what the head has then."""
    value = fields[path]
    if value is None and path == "head.norm" and fields["head.kind"] == "faster_rcnn":
        return "none"
    return _WHERE_NONE_IS_GIVEN.get(path) if value is None else value
