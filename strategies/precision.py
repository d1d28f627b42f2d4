"""In which numbers a model calculates: in bfloat16 where the processor multiplies it fast.

Others emulate it: with AVX2 alone a product of matrices takes some eighty times as long as in float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

FEATURES = ("avx512_bf16", "amx_bf16", "bf16")  # processors that multiply bfloat16 say so


def fast_in_bfloat16(device: str = "cpu") -> bool:
    """Whether it pays there; `device` is a kind of device as torch calls it."""
    import torch

    if device == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    known = torch.cpu.get_capabilities()
    return any(known.get(name) for name in FEATURES)


def autocast(device: str = "cpu") -> torch.autocast:
    """Within, matrices are multiplied in bfloat16 where that pays, and as they are elsewhere."""
    import torch

    return torch.autocast(device, torch.bfloat16, enabled=fast_in_bfloat16(device))
