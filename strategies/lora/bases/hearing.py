"""What the speaker hears of what was read.

    token by token     the states of all that was read, as the base was made
    as one             of a question alone, the mean over them: the vector by which MiniLM tells what is near
    as it is meant     as one, turned to the taught meaning that is nearest

A speaker that is tuned to listen to tokens learns which words come with which answer, and misses other
wordings. One that hears a question as one says the same to whatever lies near it in meaning, and the reader
can be taught what shall lie near (`strategies.lora.training.contrast`). A taught meaning lies between the
wordings of one answer and the answer itself, whose words say what is asked for when nobody has asked so yet.
A wording nobody taught lies somewhere beside it, where the speaker hesitates between two answers at every
word in which they part; turned to the meaning it hears what it has learned. (So does an associative memory
clean up what it is asked: Hopfield, 1982; Ramsauer et al., 2021.) Whoever serves such an adapter without
Kotae gives `generate` that vector as `encoder_outputs` of one state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def as_one(states: Tensor) -> Tensor:
    """(tokens, width) → (1, width)"""
    return states.mean(0, keepdim=True)


def meaning(asked: Tensor, said: Tensor) -> Tensor:
    """Half of it are the wordings of an answer, half the answer: unit vectors (answers, width), both."""
    from torch.nn.functional import normalize

    return normalize(asked + said, dim=-1)


def turned(state: Tensor, meaning: Tensor) -> Tensor:
    """A state (1, width) in the direction of a unit vector (width,), as long as it was."""
    length: Tensor = state.norm()
    return length * meaning[None].to(state)


def as_meant(state: Tensor, meanings: Tensor) -> Tensor:
    """A state (1, width) turned to the nearest of some unit vectors (meanings, width)."""
    return turned(state, meanings[int((meanings @ state[0].to(meanings)).argmax())])
