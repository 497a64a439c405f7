"""Records of activations: what goes in comes out, laid out in memory as it was."""

from __future__ import annotations

import json
import math

import pytest
import torch
from torch import Tensor

from autotl.training.layout import Layout

BATCH = 3


def _map(shape: tuple[int, ...], dtype: torch.dtype = torch.float32, seed: int = 0, *, last: bool = False) -> Tensor:
    """Noise of a shape, in channels_last where that is wanted."""
    noise = torch.randn(BATCH, *shape, generator=torch.Generator().manual_seed(seed)).to(dtype)
    return noise.contiguous(memory_format=torch.channels_last) if last else noise


MANY = [
    (_map((4, 6, 6), last=True),),
    (_map((4, 6, 6)),),
    (_map((3, 5, 5), last=True), _map((7, 1, 3)), _map((9,))),
    # Six bytes, and ten, so that what follows begins at no multiple of its size unless room is left.
    (_map((3, 1, 1), torch.bfloat16), _map((2, 3, 3)), _map((5, 1, 1), torch.float16), _map((4,))),
    (_map((5, 4)), _map((2, 2, 2, 2))),
]


@pytest.mark.parametrize("activations", MANY)
def test_what_is_stored_as_it_was_computed_comes_back_to_the_bit_and_in_its_place(
    activations: tuple[Tensor, ...],
) -> None:
    layout = Layout.of(activations, torch.float32)
    records = layout.encode(activations)
    assert records.shape == (BATCH, layout.record_bytes)
    assert records.dtype == torch.uint8
    assert layout.record_bytes % 8 == 0
    for found, wanted in zip(layout.decode(records), activations, strict=True):
        torch.testing.assert_close(found, wanted, rtol=0, atol=0, check_stride=True)


def test_wider_numbers_are_stored_narrower_and_narrow_ones_as_they_are() -> None:
    wide, narrow = _map((4, 6, 6), last=True), _map((3, 2, 2), torch.bfloat16)
    layout = Layout.of((wide, narrow), torch.float16)
    assert layout.record_bytes == 2 * 4 * 36 + 24
    found_wide, found_narrow = layout.decode(layout.encode((wide, narrow)))
    torch.testing.assert_close(found_wide, wide.half().float(), rtol=0, atol=0, check_stride=True)
    assert not torch.equal(found_wide, wide)
    torch.testing.assert_close(found_narrow, narrow, rtol=0, atol=0)


def test_each_image_has_a_record_of_its_own() -> None:
    activations = (_map((3, 4, 4), last=True), _map((2, 2, 2)))
    layout = Layout.of(activations, torch.float32)
    records = layout.encode(activations)
    order = [2, 0, 1, 0]
    for found, wanted in zip(layout.decode(records[order]), activations, strict=True):
        assert torch.equal(found, wanted[order])


def test_a_batch_that_lies_otherwise_in_memory_has_the_same_records() -> None:
    one = _map((3, 4, 4), last=True)
    layout = Layout.of((one,), torch.float16)
    assert torch.equal(layout.encode((one,)), layout.encode((one.contiguous(),)))
    assert torch.equal(layout.encode((one[:1],))[0], layout.encode((one,))[0])


def test_bytes_that_belong_to_nothing_are_always_the_same() -> None:
    """Records are told apart by a digest of all their bytes."""
    activations = (_map((3, 1, 1), torch.bfloat16),)
    layout = Layout.of(activations, torch.float16)
    assert (layout.encode(activations)[:, 6:] == 0).all()


LARGEST = torch.finfo(torch.float16).max


@pytest.mark.parametrize(
    ("value", "fits"),
    [
        (LARGEST, True),
        (-LARGEST, True),
        (1e-30, True),
        (7e4, False),
        (-7e4, False),
        (math.inf, False),
        (math.nan, False),
    ],
)
def test_a_value_fits_where_the_stored_precision_has_room_for_it(value: float, fits: bool) -> None:
    activations = _map((2, 2, 2)), _map((3,))
    activations[1][1, 2] = value
    assert Layout.of(activations, torch.float16).fits(activations) == fits
    assert Layout.of(activations, torch.float32).fits(activations)


def test_numbers_stored_as_they_were_computed_always_fit() -> None:
    wide = (torch.full((2, 3), 1e30, dtype=torch.bfloat16),)
    assert Layout.of(wide, torch.float16).fits(wide)


@pytest.mark.parametrize("activations", MANY)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32])
def test_it_survives_json(activations: tuple[Tensor, ...], dtype: torch.dtype) -> None:
    layout = Layout.of(activations, dtype)
    assert Layout.from_json(json.loads(json.dumps(layout.to_json()))) == layout
