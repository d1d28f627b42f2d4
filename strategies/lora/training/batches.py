"""Which examples are learned together, and the tensors they become.

Rows of like length share a batch, and a batch is filled by tokens rather than by rows: little is padded, and
every step costs the same. Those that read passages come in the second half of the epochs: what is not known
yet cannot be told from what was read. The order is a function of seed and epoch alone, so the position in the
data is one number.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from strategies.lora.bases.model import Base

POOL = 16  # batches' worth of rows that are sorted by length together: less padding, still shuffled
IGNORED = -100  # what the loss does not count
STATES_BYTES = 512 * 2**20  # what was read is kept in memory up to here


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
    """Rows as a model's inputs, on its device. What an encoder that is not adapted reads, it reads once."""

    def __init__(self, base: Base, rows: Sequence[Row], *, read_once: bool) -> None:
        self._base = base
        self._rows = rows
        self._read_once = read_once and base.family != "causal"
        self._states: dict[tuple[int, ...], torch.Tensor] = {}
        self._kept = 0

    def of(self, batch: Batch) -> tuple[dict[str, Any], torch.Tensor]:
        """The model's inputs, and the labels of its logits."""
        rows = [self._rows[at] for at in batch]
        return self._going_on(rows) if self._base.family == "causal" else self._two_sided(rows)

    def _two_sided(self, rows: Sequence[Row]) -> tuple[dict[str, Any], torch.Tensor]:
        base = self._base
        assert base.start is not None
        said = [[base.start, *row.answer[:-1]] for row in rows]
        given: dict[str, Any] = {
            "decoder_input_ids": self._filled(said, base.pad),
            "attention_mask": self._filled([[1] * len(row.prompt) for row in rows], 0),
            "use_cache": False,
        }
        if self._read_once:
            given["encoder_outputs"] = self._read([row.prompt for row in rows])
        else:
            given["input_ids"] = self._filled([row.prompt for row in rows], base.reader_pad)
        return given, self._filled([row.answer for row in rows], IGNORED)

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
        import torch

        longest = max(len(row) for row in rows)
        made = torch.tensor([[*row, *[pad] * (longest - len(row))] for row in rows])
        return made.to(self._base.device)

    # ---- what the encoder says, kept ----

    def _read(self, prompts: Sequence[tuple[int, ...]]) -> Any:
        from torch.nn.utils.rnn import pad_sequence
        from transformers.modeling_outputs import BaseModelOutput

        states = [self._states.get(prompt) for prompt in prompts]
        if any(state is None for state in states):
            fresh = self._encoded(list(dict.fromkeys(prompts)))
            states = [fresh[prompt] for prompt in prompts]
        return BaseModelOutput(last_hidden_state=pad_sequence(states, batch_first=True))  # type: ignore[arg-type]

    def read_all(self) -> None:
        """Fill the memory before the first step, rows of like length together. What finds no room there is
        read again each time, so that a resumed run reads as the first one did.
        """
        if not self._read_once:
            return
        rows = [Row(prompt, ()) for prompt in dict.fromkeys(row.prompt for row in self._rows)]
        for batch in within(rows, range(len(rows)), budget=4096):
            if self._kept >= STATES_BYTES:
                return
            self._keep(self._encoded([rows[at].prompt for at in batch]))

    def _encoded(self, prompts: Sequence[tuple[int, ...]]) -> Mapping[tuple[int, ...], torch.Tensor]:
        import torch

        encoder: Any = self._base.model.get_encoder()
        with torch.no_grad():
            out = encoder(
                input_ids=self._filled(prompts, self._base.reader_pad),
                attention_mask=self._filled([[1] * len(prompt) for prompt in prompts], 0),
            ).last_hidden_state
        return {prompt: row[: len(prompt)].clone() for prompt, row in zip(prompts, out, strict=True)}

    def _keep(self, fresh: Mapping[tuple[int, ...], torch.Tensor]) -> None:
        for prompt, state in fresh.items():
            if prompt not in self._states and self._kept < STATES_BYTES:
                self._states[prompt] = state
                self._kept += state.numel() * state.element_size()
