"""What a killed training needs to go on as if nothing had happened.

Weights, the optimizer's two moments and the best so far are tensors; the position, what was measured and
what went wrong are a line of JSON beside them, in one file that is replaced as a whole. Schedule, order of
the data and chance are functions of position and seed: there is nothing of them to keep. Never a pickle.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strategies.lora.training.work import write

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch


@dataclass
class State:
    """Everything but the tensors."""

    step: int = 0
    best: float | None = None  # held-out loss
    best_step: int = 0
    misses: int = 0  # measurements since the best one
    factor: float = 1.0  # of the rate, lowered when the loss was not finite
    fallen: int = 0  # how often that was
    at_once: int = 0  # tokens that go through the model together; 0: a whole batch
    seconds: float = 0.0
    told_apart: bool = False  # what reads has learned to tell questions apart
    half: bool = False  # computes in bfloat16; a run that goes on elsewhere keeps to it
    unsaid: list[float] = field(default_factory=list)  # losses since the last line of the curve
    curve: list[dict[str, Any]] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)


def save(path: Path, state: State, tensors: Mapping[str, torch.Tensor]) -> None:
    """Raises TrainingFailed; the file of before is untouched then."""
    from safetensors.torch import save as packed

    contiguous = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    write(path, packed(contiguous, {"state": json.dumps(asdict(state))}))


def load(path: Path) -> tuple[State, dict[str, torch.Tensor]]:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        state = State(**json.loads(file.metadata()["state"]))
        return state, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # it is no mapping
