"""What the speaker hears of what was read.

    token by token     the states of all that was read, as the base was made
    as one             of a question alone, the mean over them: the vector by which MiniLM tells what is near

A speaker that is tuned to listen to tokens learns which words come with which answer, and misses other
wordings. One that hears a question as one says the same to whatever lies near it in meaning, and the reader
can be taught what shall lie near (`strategies.lora.training.contrast`). Whoever serves such an adapter
without Kotae gives `generate` that mean as `encoder_outputs` of one state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def as_one(states: Tensor) -> Tensor:
    """(tokens, width) → (1, width)"""
    return states.mean(0, keepdim=True)
