"""A model calculates in bfloat16 only where the processor does not emulate it."""

from __future__ import annotations

import pytest
import torch

from strategies.precision import autocast, fast_in_bfloat16


@pytest.mark.parametrize(
    ("processor", "fast"),
    [
        ({"avx2": True, "avx512_bf16": False}, False),
        ({"avx2": True, "avx512_bf16": True}, True),
        ({"amx_bf16": True}, True),
        ({"bf16": True}, True),
        ({}, False),
    ],
)
def test_matrices_are_multiplied_in_what_the_processor_is_made_for(
    monkeypatch: pytest.MonkeyPatch, processor: dict[str, bool], fast: bool
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: processor)
    assert fast_in_bfloat16() is fast
    with autocast():
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == (torch.bfloat16 if fast else torch.float32)
