"""For tests that train tiny bases."""

from __future__ import annotations

import pytest
import torch

from strategies import precision
from strategies.lora.training import proving


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tiny bases babble on to the end of what they are allowed; and bfloat16 has its kernels made anew for
    every shape, which pays for real ones only.
    """
    torch.set_num_threads(1)
    monkeypatch.setattr(proving, "LONGEST", 8)
    monkeypatch.setattr(precision, "fast_in_bfloat16", lambda _device: False)
