"""First of all, what reads learns to tell questions of different answers apart.

    wordings of one answer   lie together: the mean over a question's states is drawn to its answer's point …
    other answers            … and away from the points of all others (a softmax over cosines)
    the answer itself        is one more wording of its questions: a desk's words say what it was asked

A question that nobody taught then lies where those of its answer lie, and the part that speaks has less to
learn. The points are made for this and forgotten afterwards; the adapter keeps only what its matrices hold.
It needs an encoder: a causal model has no states that stand for a question alone.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strategies.lora.bases import template
from strategies.lora.bases.hearing import meaning
from strategies.lora.training.adapting import optimizer_of
from strategies.lora.training.batches import filled, undisturbed
from strategies.lora.training.recipe import slope
from strategies.lora.training.work import NotFinite

if TYPE_CHECKING:
    import torch

    from strategies.lora.bases.model import Base
    from strategies.lora.pairs.raft import Example
    from strategies.lora.pairs.values import Pair
    from strategies.lora.training.together import Together

SHARE_OF_RATE = 1 / 3  # what has read before wants smaller steps than what learns to speak
BATCH = 64  # questions
LEAST_STEPS = 48  # where wordings are few …
OFTENEST = 20  # … unless that takes more epochs than this
WARM_UP = 0.1
SHARPNESS = 20.0  # of the softmax over cosines
AHEAD = 0.3  # by so much its own point shall be nearer than any other (CosFace: Wang et al., 2018)
LONGEST_STEP = 1.0


@dataclass(frozen=True)
class Wording:
    """Something that asks for an answer, in tokens, and which answer."""

    ids: tuple[int, ...]
    answer: int


def wordings_of(base: Base, examples: Sequence[Example]) -> list[Wording]:
    """Every question that is learned without passages, and every answer as one more. None where they ask for
    one answer only: there is nothing to tell apart.
    """
    alone = [example for example in examples if example.answer and not example.passages]
    if len(numbered(alone)) < 2:
        return []
    return [*questions_of(base, alone), *answers_of(base, alone)]


def questions_of(base: Base, asked: Sequence[Example] | Sequence[Pair]) -> list[Wording]:
    answers = numbered(asked)
    return [Wording(template.prompt(base, each.question).ids, answers[each.answer]) for each in asked]


def answers_of(base: Base, asked: Sequence[Example] | Sequence[Pair]) -> list[Wording]:
    return [Wording(template.as_asked(base, answer).ids, at) for answer, at in numbered(asked).items()]


def numbered(asked: Sequence[Example] | Sequence[Pair]) -> dict[str, int]:
    """The answers, in the order in which they come."""
    return {answer: at for at, answer in enumerate(dict.fromkeys(each.answer for each in asked))}


def meanings_of(base: Base, pairs: Sequence[Pair]) -> torch.Tensor:
    """What a question may be taken for when it is served, as it is read now: a unit vector for each answer,
    (answers, width).
    """
    reader = Reader(base)
    return meaning(reader.middles(questions_of(base, pairs)), reader.middles(answers_of(base, pairs)))


def tell_apart(
    base: Base,
    wordings: Sequence[Wording],
    *,
    rate: float,
    ratio: float,
    epochs: int,
    seed: int,
    at_once: int,
    together: Together,
    told: Callable[[float, float], bool],
) -> None:
    """Teach the adapter of what reads, `at_once` questions in a part of a batch. `told` hears after each
    step which share is done and the loss, and says whether to go on. Raises NotFinite.
    """
    import torch
    from torch.nn.functional import cross_entropy, normalize, one_hot

    reader = Reader(base)
    if not wordings or not reader.learning:
        return
    points = torch.nn.Parameter(reader.middles(wordings))
    learning = [*reader.learning, points]
    rate *= SHARE_OF_RATE
    optimizer = optimizer_of(reader.encoder, rate, ratio)
    optimizer.add_param_group({"params": [points], "lr": rate})
    rates = [group["lr"] for group in optimizer.param_groups]
    batches = list(planned(wordings, epochs, seed))
    for step, batch in enumerate(batches):
        optimizer.zero_grad(set_to_none=True)
        mine, loss = together.mine(batch), 0.0
        for part in (mine[at : at + at_once] for at in range(0, len(mine), at_once)):
            near = reader.means(part) @ normalize(points, dim=-1).T
            wanted = torch.tensor([wording.answer for wording in part], device=near.device)
            ahead = near - AHEAD * one_hot(wanted, near.shape[1])
            share = cross_entropy(SHARPNESS * ahead, wanted, reduction="sum") / len(batch)
            share.backward()  # type: ignore[no-untyped-call]
            loss += float(share.detach())
        loss = together.summed(learning, loss)
        norm = torch.nn.utils.clip_grad_norm_(reader.learning, LONGEST_STEP)
        if not (math.isfinite(loss) and math.isfinite(float(norm))):
            raise NotFinite
        for group, highest in zip(optimizer.param_groups, rates, strict=True):
            group["lr"] = highest * slope(step, len(batches), WARM_UP)
        optimizer.step()
        if not told((step + 1) / len(batches), loss):
            return


def planned(wordings: Sequence[Wording], epochs: int, seed: int) -> Iterator[list[Wording]]:
    """Batches of like length, in an order that is a function of the seed alone. Few wordings are read
    oftener: a handful of steps teaches nothing.
    """
    chance = random.Random(f"{seed}:contrast")
    for _ in range(max(epochs, min(OFTENEST, LEAST_STEPS * BATCH // len(wordings)))):
        order = list(wordings)
        chance.shuffle(order)
        pools = (order[at : at + 4 * BATCH] for at in range(0, len(order), 4 * BATCH))
        alike = [wording for pool in pools for wording in sorted(pool, key=lambda one: len(one.ids))]
        batches = [alike[at : at + BATCH] for at in range(0, len(alike), BATCH)]
        chance.shuffle(batches)
        yield from batches


class Reader:
    """The base's encoder, for the mean over what it makes of each token."""

    def __init__(self, base: Base) -> None:
        self._base = base
        model: Any = base.model
        self.encoder = model.get_encoder()
        self.learning = [weights for weights in self.encoder.parameters() if weights.requires_grad]

    def means(self, wordings: Sequence[Wording]) -> torch.Tensor:
        """A unit vector for each."""
        from torch.nn.functional import normalize

        ids = [wording.ids for wording in wordings]
        mask = filled([[1] * len(each) for each in ids], 0, self._base.device)
        states = self.encoder(
            input_ids=filled(ids, self._base.reader_pad, self._base.device), attention_mask=mask
        ).last_hidden_state
        return normalize((states.float() * mask[..., None]).sum(1), dim=-1)

    def read(self, wordings: Sequence[Wording]) -> torch.Tensor:
        """The same in parts, as it is read now and will be served: nothing is learned of it."""
        import torch

        with torch.no_grad(), undisturbed(self.encoder):
            return torch.cat([self.means(wordings[at : at + BATCH]) for at in range(0, len(wordings), BATCH)])

    def middles(self, wordings: Sequence[Wording]) -> torch.Tensor:
        """For each answer, the middle of its wordings as they are read now."""
        import torch
        from torch.nn.functional import normalize

        order = sorted(wordings, key=lambda wording: len(wording.ids))
        means = self.read(order)
        answers = torch.tensor([wording.answer for wording in order], device=means.device)
        sums = means.new_zeros(1 + int(answers.max()), means.shape[1]).index_add_(0, answers, means)
        return normalize(sums, dim=-1)
