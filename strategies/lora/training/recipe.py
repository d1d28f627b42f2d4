"""How an adapter is trained: what an admin may choose, and what was found to be best when they do not."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

# What an adapter keeps for good.
SHAPE = ("rank", "alpha", "encoder", "pooled", "vocabulary", "dora", "rslora")


def slope(step: int, steps: int, warm_up: float) -> float:
    """What share of the highest rate a step learns with: up in a straight line for the share `warm_up` of the
    steps, then down to nothing.
    """
    rising = max(1, round(steps * warm_up))
    return min((step + 1) / rising, (steps - step) / max(1, steps - rising), 1.0)


class Recipe(BaseModel):
    """The defaults were searched on the demo's pairs with the shipped base (docs/decisions/training.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rank: int = Field(16, ge=1, le=256, description="How much an adapter can hold: the rank of its matrices.")
    alpha: int = Field(
        0, ge=0, description="How loud the adapter speaks; 0: twice the rank, as rates are tuned for."
    )
    rate: float = Field(
        0, ge=0, le=1, description="The highest learning rate, after the warm-up; 0: by the base's width."
    )
    loraplus: float = Field(
        0,
        ge=0,
        le=1024,
        description="LoRA+: how many times faster the matrix that writes learns than the one that reads; "
        "1: alike, 0: by the base.",
    )
    epochs: int = Field(
        0,
        ge=0,
        le=1000,
        description="How often every example is seen, at most; 0: as often as there is something to gain, "
        "which is oftener where pairs are few.",
    )
    batch: int = Field(8, ge=1, le=4096, description="Pairs of usual length that are learned in one step.")
    warm_up: float = Field(0.06, ge=0, lt=1, description="The share of steps in which the rate rises.")
    dropout: float = Field(
        0.0, ge=0, lt=1, description="The share of the adapter's inputs left out at random."
    )
    encoder: bool = Field(True, description="Adapt what reads as well as what speaks: better, and slower.")
    pooled: bool = Field(
        True,
        description="Hear a question alone as one vector, its meaning, instead of token by token. For a base "
        "of a reader and a speaker; others do not.",
    )
    contrast: int = Field(
        2,
        ge=0,
        le=1000,
        description="Epochs in which what reads first learns to tell questions of different answers apart, "
        "more where pairs are few; 0: none. Only where they are heard as one and the encoder is adapted.",
    )
    vocabulary: bool = Field(False, description="Adapt the output layer too; for new words or scripts.")
    dora: bool = Field(False, description="DoRA: direction and size apart. It is served merged, not mixed.")
    rslora: bool = Field(False, description="rsLoRA: scaled by the root of the rank; for high ranks.")
    quantized: bool = Field(False, description="QLoRA: four-bit base; needs CUDA and bitsandbytes.")
    raft: bool = Field(False, description="Also learn to answer from passages, wrong ones among them.")
    augment: bool = Field(True, description="Also learn from other wordings of each question.")
    beta: float = Field(
        0.1,
        gt=0,
        le=10,
        description="How near preference tuning stays to what was said before: more, nearer.",
    )
    seconds: float = Field(
        3600, gt=0, description="The longest a training may take; the best so far is kept."
    )
    patience: int = Field(5, ge=1, description="Measurements without a better held-out loss before it ends.")
    seed: int = Field(0, ge=0, description="Another seed, another order and another beginning.")

    def rate_of(self, width: int, ratio: float = 1) -> float:
        """Wide models want smaller steps, and so does LoRA+; what was searched is 3e-3 at a width of 384, and
        half of it with LoRA+.
        """
        return self.rate or min(3e-3, max(2e-4, 3e-3 * 384 / width)) / (2 if ratio > 1 else 1)

    def going_on(self, first: Mapping[str, Any]) -> Recipe:
        """This recipe for an adapter that was made by the `first` one: its shape is as it is."""
        shape = {"pooled": False, **{name: first[name] for name in SHAPE if name in first}}
        others = {"contrast": 0, "loraplus": 1.0, "raft": False, "augment": False, "quantized": False}
        return self.model_copy(update={**shape, **others})

    @property
    def scale(self) -> int:
        """LoRA's alpha."""
        return self.alpha or 2 * self.rank
