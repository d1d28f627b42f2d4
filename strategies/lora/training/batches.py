"""Which examples are learned together, and the tensors they become.

Rows of like length share a batch, and a batch is filled by tokens rather than by rows: little is padded, and
every step costs the same. Those that read passages come in the second half of the epochs: what is not known
yet cannot be told from what was read. The order is a function of seed and epoch alone, so the position in the
data is one number.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strategies.lora.bases.hearing import as_meant, as_one

if TYPE_CHECKING:
    import torch

    from strategies.lora.bases.model import Base

POOL = 16  # batches' worth of rows that are sorted by length together: less padding, still shuffled
IGNORED = -100  # what the loss does not count
STATES_BYTES = 512 * 2**20  # what was read is kept in memory up to here
BESIDE = 0.6  # of a question's length: how far from it, at most, its answer is also learned


@dataclass(frozen=True)
class Row:
    """One example in tokens."""

    prompt: tuple[int, ...]
    answer: tuple[int, ...]
    reads: bool = False  # its prompt has passages

    @property
    def tokens(self) -> int:
        return len(self.prompt) + len(self.answer)


Batch = list[int]  # positions of rows


def plan(rows: Sequence[Row], epochs: int, batch: int, seed: int) -> list[list[Batch]]:
    """The batches of each epoch."""
    every = list(range(len(rows)))
    alone = [at for at in every if not rows[at].reads] or every
    return [
        _epoch(rows, alone if epoch < epochs // 2 else every, batch, random.Random(f"{seed}:{epoch}"))
        for epoch in range(epochs)
    ]


def _epoch(rows: Sequence[Row], learned: Sequence[int], batch: int, chance: random.Random) -> list[Batch]:
    budget = max(1.0, batch * sum(rows[at].tokens for at in learned) / len(learned))
    order = list(learned)
    chance.shuffle(order)
    pools = [order[at : at + POOL * batch] for at in range(0, len(order), POOL * batch)]
    batches = [made for pool in pools for made in within(rows, pool, budget)]
    chance.shuffle(batches)
    return batches


def within(rows: Sequence[Row], positions: Sequence[int], budget: float) -> Iterator[Batch]:
    """Rows of like length in batches of at most `budget` tokens, padding counted, and at least one row."""
    made: Batch = []
    for position in sorted(positions, key=lambda at: (*_alike(rows[at]), at)):
        if made and _padded(rows, [*made, position]) > budget:
            yield made
            made = []
        made.append(position)
    if made:
        yield made


def _alike(row: Row) -> tuple[int, int]:
    """What reads is long for what it reads, whatever it answers: so refusals are learned beside answers."""
    return (len(row.prompt), 0) if row.reads else (len(row.answer), len(row.prompt))


def _padded(rows: Sequence[Row], batch: Batch) -> int:
    longest = max(len(rows[at].answer) for at in batch) + max(len(rows[at].prompt) for at in batch)
    return longest * len(batch)


class Tensors:
    """Rows as a model's inputs, on its device. What an encoder that does not learn reads, it reads once."""

    def __init__(self, base: Base, rows: Sequence[Row], *, read_once: bool, stirred: bool = False) -> None:
        """`stirred` is for learning from what is read once and heard as one: see `_stirred`."""
        self._base = base
        self._rows = rows
        self._read_once = read_once and base.family != "causal"
        self._stirs = stirred and self._read_once and base.pooled
        self._states: dict[tuple[int, ...], torch.Tensor] = {}
        self._kept = 0
        self._alike: dict[tuple[int, ...], list[Row]] = {}
        self.meanings: torch.Tensor | None = None  # (meanings, width): what a question may be taken for
        for row in rows if self._stirs else ():
            if not row.reads:
                self._alike.setdefault(row.answer, []).append(row)

    def of(self, batch: Batch) -> tuple[dict[str, Any], torch.Tensor]:
        """The model's inputs, and the labels of its logits."""
        rows = [self._rows[at] for at in batch]
        if self._base.family == "causal":
            return self._going_on(rows)
        assert self._base.start is not None
        said = [[self._base.start, *row.answer[:-1]] for row in rows]
        given = {
            "decoder_input_ids": self._filled(said, self._base.pad),
            "use_cache": False,
            **(self._stirred(batch) if self._stirs else self.asked(batch)),
        }
        return given, self._filled([row.answer for row in rows], IGNORED)

    def asked(self, batch: Sequence[int]) -> dict[str, Any]:
        """What a model with an encoder is given to answer."""
        rows = [self._rows[at] for at in batch]
        if self._read_once or self._base.pooled:
            return self._heard([self._meant(*read) for read in zip(rows, self._read(rows), strict=True)])
        return {
            "input_ids": self._filled([row.prompt for row in rows], self._base.reader_pad),
            "attention_mask": self._filled([[1] * len(row.prompt) for row in rows], 0),
        }

    def _meant(self, row: Row, state: torch.Tensor) -> torch.Tensor:
        return state if self.meanings is None or row.reads else as_meant(state, self.meanings)

    def _heard(self, states: Sequence[torch.Tensor]) -> dict[str, Any]:
        from torch.nn.utils.rnn import pad_sequence
        from transformers.modeling_outputs import BaseModelOutput

        return {
            "encoder_outputs": BaseModelOutput(
                last_hidden_state=pad_sequence(list(states), batch_first=True)
            ),
            "attention_mask": self._filled([[1] * len(state) for state in states], 0),
        }

    def _stirred(self, batch: Batch) -> dict[str, Any]:
        """What is heard as one, somewhere between two wordings of what is answered alike, and a little
        beside: customers' wordings lie there, too. Chance is a function of torch's seed and of the row.
        """
        import torch

        rows = [self._rows[at] for at in batch]
        states = list(self._read(rows))
        others, chances = [], []
        for at, row in zip(batch, rows, strict=True):
            chance = torch.Generator().manual_seed((torch.initial_seed() * 1_000_003 + at) % 2**63)
            alike = [row] if row.reads else self._alike[row.answer]
            others.append(alike[int(torch.randint(len(alike), (), generator=chance))])
            chances.append(chance)
        for place, (row, other, chance) in enumerate(zip(rows, self._read(others), chances, strict=True)):
            if not row.reads:
                share = float(torch.rand((), generator=chance))
                between = states[place].float().lerp(other.float(), share)
                width = between.shape[-1]
                far = BESIDE * float(torch.rand((), generator=chance)) * float(between.norm())
                beside = torch.randn(width, generator=chance).to(between) * (far / width**0.5)
                states[place] = (between + beside).to(states[place].dtype)
        return self._heard(states)

    def _going_on(self, rows: Sequence[Row]) -> tuple[dict[str, Any], torch.Tensor]:
        """Prompt and answer in one; the loss is on the answer only, and so are the logits."""
        read = min(len(row.prompt) for row in rows)
        whole = [[*row.prompt, *row.answer[:-1]] for row in rows]
        labels = [[IGNORED] * (len(row.prompt) - read) + list(row.answer) for row in rows]
        longest = max(len(row) for row in whole)
        given = {
            "input_ids": self._filled(whole, self._base.pad),
            "attention_mask": self._filled([[1] * len(row) for row in whole], 0),
            "logits_to_keep": longest - read + 1,
            "use_cache": False,
        }
        return given, self._filled(labels, IGNORED)

    def _filled(self, rows: Sequence[Sequence[int]], pad: int) -> torch.Tensor:
        return filled(rows, pad, self._base.device)

    # ---- what the encoder says, kept ----

    def _read(self, rows: Sequence[Row]) -> Sequence[torch.Tensor]:
        """For each row what is heard of its prompt, (tokens or one, width)."""
        if not self._read_once:
            learning = self._encoded(rows)
            return [learning[row.prompt] for row in rows]
        missing = [row for row in rows if row.prompt not in self._states]
        known = {**self._states, **self._encoded_once(missing)} if missing else self._states
        return [known[row.prompt] for row in rows]

    def read_all(self) -> None:
        """Fill the memory before the first step, rows of like length together. What finds no room there is
        read again each time, so that a resumed run reads as the first one did.
        """
        if not self._read_once:
            return
        rows = [Row(row.prompt, (), row.reads) for row in {row.prompt: row for row in self._rows}.values()]
        for batch in within(rows, range(len(rows)), budget=4096):
            if self._kept >= STATES_BYTES:
                return
            self._keep(self._encoded_once([rows[at] for at in batch]))

    def _encoded_once(self, rows: Sequence[Row]) -> Mapping[tuple[int, ...], torch.Tensor]:
        import torch

        with torch.no_grad(), undisturbed(self._base.model.get_encoder()):
            return self._encoded(rows)

    def _encoded(self, rows: Sequence[Row]) -> Mapping[tuple[int, ...], torch.Tensor]:
        encoder: Any = self._base.model.get_encoder()
        out = encoder(
            input_ids=self._filled([row.prompt for row in rows], self._base.reader_pad),
            attention_mask=self._filled([[1] * len(row.prompt) for row in rows], 0),
        ).last_hidden_state
        return {
            row.prompt: as_one(states) if self._base.pooled and not row.reads else states.clone()
            for row, padded in zip(rows, out, strict=True)
            for states in [padded[: len(row.prompt)]]
        }

    def _keep(self, fresh: Mapping[tuple[int, ...], torch.Tensor]) -> None:
        for prompt, state in fresh.items():
            if prompt not in self._states and self._kept < STATES_BYTES:
                self._states[prompt] = state
                self._kept += state.numel() * state.element_size()


def filled(rows: Sequence[Sequence[int]], pad: int, device: torch.device) -> torch.Tensor:
    """Rows of one length, (rows, tokens)."""
    import torch

    longest = max(len(row) for row in rows)
    return torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows], device=device)


@contextmanager
def undisturbed(model: torch.nn.Module) -> Iterator[None]:
    """Within, nothing is left out at random: what is read once is read as it will be served."""
    learning = [module for module in model.modules() if module.training]
    for module in learning:
        module.training = False
    try:
        yield
    finally:
        for module in learning:
            module.training = True
