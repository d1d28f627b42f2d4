"""The rows that speak together, and what each has heard and said so far.

Keys and values lie in buffers that are written in place. Every row's own words end in the same column, so one
column is written a step, whatever the rows' lengths; what is left of a row's first word is masked:

    row 0   ·  ·  ·  ■  ■  ■  ▣      ▣ the column of this step
    row 1   ·  ■  ■  ■  ■  ■  ▣
    row 2   ·  ·  ·  ·  ·  ·  ▣      has just joined

What a row has read (the states of an encoder) does not grow and begins in column 0. The last row takes the
place of one that leaves, so nothing else moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

SPARE = 64  # columns that buffers have beyond what they hold

States = tuple[tuple[Tensor, Tensor], ...]  # keys and values of each layer, (heads, tokens, width)


@dataclass(frozen=True, eq=False)
class Heard:
    """A prompt as the model has taken it in, all but the token behind which the answer begins. Nobody writes
    to it.
    """

    own: States  # of the speaker itself: of a causal model's prompt, else without tokens
    read: States  # of what an encoder read; () when there is none
    last: int  # the token that the speaker hears next
    as_one: Tensor | None = None  # (width,): a question's meaning, where it was heard as one

    @property
    def nbytes(self) -> int:
        one = 0 if self.as_one is None else self.as_one.nbytes
        return one + sum(tensor.nbytes for layer in (*self.own, *self.read) for tensor in layer)


def tokens_of(states: States) -> int:
    return int(states[0][0].shape[-2])


class Store:
    """Keys and values of many rows, all of which end in one column, or begin in one."""

    def __init__(self, *, end_together: bool) -> None:
        self.layers: list[tuple[Tensor, Tensor]] = []  # (rows, heads, columns, width)
        self.seen = torch.zeros(0, 0, dtype=torch.bool)  # (rows, columns): where a row has something
        self.lengths: list[int] = []
        self.end = 0  # behind the last column in use
        self._end_together = end_together

    def begin(self, part: slice) -> int:
        """The first column that one of these rows uses."""
        return self.end - max(self.lengths[part]) if self._end_together else 0

    def join(self, states: States) -> None:
        """A row more, behind the others."""
        row, length = len(self.lengths), tokens_of(states)
        rows, columns = self.seen.shape
        width = max([length, *self.lengths])
        if row == rows or (length > self.end if self._end_together else length > columns):
            self._make_room(states, max(rows, places(row + 1)), width)
        first = self.end - length if self._end_together else 0
        self.lengths.append(length)
        self._put(row, states, slice(first, first + length))
        self._fit()

    def leave(self, row: int) -> None:
        """The last row takes its place."""
        last = len(self.lengths) - 1
        if row != last:
            for pair in self.layers:
                for tensor in pair:
                    tensor[row] = tensor[last]
            self.seen[row] = self.seen[last]
            self.lengths[row] = self.lengths[last]
        self.lengths.pop()
        if not self.lengths:  # an hour without a customer holds nothing
            self.layers, self.seen, self.end = [], self.seen[:0, :0], 0
        self._fit()

    def open(self) -> None:
        """A free column for every row's next token."""
        if self.end == self.seen.shape[1]:
            like = tuple((keys[0], values[0]) for keys, values in self.layers)
            self._make_room(like, self.seen.shape[0], max(self.lengths))
        self.seen[: len(self.lengths), self.end] = True

    def close(self) -> None:
        """That column is now what the rows have said last."""
        self.end += 1
        self.lengths = [length + 1 for length in self.lengths]

    def _fit(self) -> None:
        if not self._end_together:
            self.end = max(self.lengths, default=0)

    def _make_room(self, like: States, rows: int, width: int) -> None:
        """New buffers for so many rows and columns, and spare ones; what is held moves there."""
        live = len(self.lengths)
        held = max(self.lengths, default=0)
        source = slice(self.end - held, self.end)
        target = slice(width - held, width) if self._end_together else slice(0, held)
        columns = -(-width // SPARE) * SPARE + SPARE

        def moved(was: Tensor | None, shape: Sequence[int], like: Tensor) -> Tensor:
            fresh = like.new_zeros(rows, shape[0], columns, shape[-1])
            if was is not None and live:
                fresh[:live, :, target] = was[:live, :, source]
            return fresh

        old: Sequence[tuple[Tensor | None, Tensor | None]] = self.layers or [(None, None)] * len(like)
        self.layers = [
            (moved(keys, new[0].shape, new[0]), moved(values, new[1].shape, new[1]))
            for (keys, values), new in zip(old, like, strict=True)
        ]
        seen = torch.zeros(rows, columns, dtype=torch.bool, device=like[0][0].device)
        if live:
            seen[:live, target] = self.seen[:live, source]
        self.seen, self.end = seen, width

    def _put(self, row: int, states: States, columns: slice) -> None:
        """The rest of the row is wiped: a NaN that somebody left there is one behind a mask, too."""
        for pair, given in zip(self.layers, states, strict=True):
            for tensor, new in zip(pair, given, strict=True):
                tensor[row].zero_()
                tensor[row, :, columns] = new
        self.seen[row] = False
        self.seen[row, columns] = True


class Rows:
    """All rows. Joining and leaving costs the copy of one row."""

    def __init__(self) -> None:
        self.own = Store(end_together=True)
        self.read = Store(end_together=False)
        self.changes = 0  # joins and leaves, so that a step may keep what they alone change

    def __len__(self) -> int:
        return len(self.own.lengths)

    def join(self, heard: Heard) -> None:
        self.own.join(heard.own)
        if heard.read:
            self.read.join(heard.read)
        self.changes += 1

    def leave(self, row: int) -> None:
        self.own.leave(row)
        if self.read.lengths:
            self.read.leave(row)
        self.changes += 1


class Speaker(Protocol):
    """How a family of models hears a prompt and makes a step."""

    together: bool  # whether rows of different lengths can make a step together

    def hear(self, ids: Sequence[int], *, pooled: bool = False) -> Heard:
        """Take a prompt in; `pooled` as one (`bases.hearing`)."""

    def given(self, states: Tensor) -> Heard:
        """As `hear`, where what was read is known, (tokens, width): there must be an encoder."""

    def step(self, rows: Rows, tokens: Tensor, part: slice) -> Tensor:
        """The next logits (rows, vocabulary) of some rows, for the token that each has said last. Keys and
        values go into the open column.
        """

    def follow(self, heard: Heard, answers: Sequence[Sequence[int]]) -> Tensor:
        """The logits (answers, 1 + tokens, vocabulary) behind the prompt and behind each token of answers;
        of no meaning behind the end of one that is shorter than others.
        """

    def after(self, heard: Heard, ids: Sequence[int]) -> Heard:
        """Behind these tokens, at least one, as if they had been said."""


def places(rows: int) -> int:
    """Buffers grow by doubling."""
    return 1 << (rows - 1).bit_length()
