"""MobileNetV3-Large with a reduced tail, which timm does not have: half the channels after stage 4.

Howard et al., Searching for MobileNetV3, 2019, section 6.3: what detectors do without. torchvision's SSDLite stands on it.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from timm.models import build_model_with_cfg, generate_default_cfgs, register_model
from timm.models._efficientnet_blocks import SqueezeExcite
from timm.models._efficientnet_builder import decode_arch_def, round_channels
from timm.models.mobilenetv3 import MobileNetV3Features
from torch import nn

NAME = "mobilenetv3_large_reduced_tail"

_BLOCKS_BY_STAGE = [
    ["ds_r1_k3_s1_e1_c16_nre"],
    ["ir_r1_k3_s2_e4_c24_nre", "ir_r1_k3_s1_e3_c24_nre"],
    ["ir_r3_k5_s2_e3_c40_se0.25_nre"],
    ["ir_r1_k3_s2_e6_c80", "ir_r1_k3_s1_e2.5_c80", "ir_r2_k3_s1_e2.3_c80"],
    ["ir_r2_k3_s1_e6_c112_se0.25"],
    ["ir_r3_k5_s2_e6_c80_se0.25"],
    ["cn_r1_k1_s1_c480"],
]
"""As timm spells them."""

default_cfgs = generate_default_cfgs({NAME: {"mean": (0.5, 0.5, 0.5), "std": (0.5, 0.5, 0.5)}})


@register_model
def mobilenetv3_large_reduced_tail(pretrained: bool = False, features_only: bool = True, **arguments: Any) -> nn.Module:
    """What `timm.create_model` calls; there is only the features_only network, and no weights are published for it alone."""
    if not features_only:
        raise RuntimeError(f"there is only a features_only network of {NAME}")
    squeeze = partial(SqueezeExcite, gate_layer="hard_sigmoid", force_act_layer=nn.ReLU, rd_round_fn=round_channels)
    net: nn.Module = build_model_with_cfg(
        MobileNetV3Features,
        NAME,
        pretrained,
        kwargs_filter=("num_classes", "global_pool"),  # type: ignore[arg-type]
        block_args=decode_arch_def(_BLOCKS_BY_STAGE),  # type: ignore[no-untyped-call]
        act_layer=nn.Hardswish,
        # As in torchvision.
        norm_layer=partial(nn.BatchNorm2d, eps=0.001, momentum=0.03),
        se_layer=squeeze,
        **arguments,
    )
    return net
