"""What a router learns from: questions, and how every strategy did with each.

`Learnt` is the only door to a training, and it cannot be made with a held-out question in it: not by its
part, and not by a wording that is held out elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Literal, overload

from strategies.lora.pairs.splits import HeldOutRead
from strategies.wording import bare

LEAST = 30  # questions; of fewer nothing can be learned that a count would not tell

Spend = Literal["ms", "cost", "tokens"]


class TooFew(ValueError):
    """Nothing can be learned from so little; the message says what is missing."""


@dataclass(frozen=True)
class Attempt:
    """How a strategy did with a question. A refusal is right where there is no answer.

    `cost` is in the operator's currency; `tokens` are those of the prompt, passages included.
    """

    right: bool
    cost: float = 0.0
    ms: float = 0.0
    tokens: float = 0.0


@dataclass(frozen=True)
class Example:
    """A question as it is searched for, with an attempt of each strategy by its name.

    Wordings of one thing share `about`: they are kept together when the head is judged by questions that it
    did not see. `signs` are what the strategies told of it before anybody spoke. `answerable` is False where
    a right answer is a refusal.
    """

    text: str
    attempts: Mapping[str, Attempt]
    part: Literal["open", "held-out"] = "open"
    about: str = ""
    signs: Mapping[str, float] = field(default_factory=dict)
    answerable: bool = True


class Learnt(Sequence[Example]):
    """Examples that may be learned from. HeldOutRead if one of them is held out; TooFew if they teach
    nothing.
    """

    def __init__(self, examples: Iterable[Example], held_out: frozenset[str] = frozenset()) -> None:
        """`held_out` are the bare wordings that are held out anywhere."""
        self._examples = tuple(examples)
        self.held_out = held_out
        for example in self._examples:
            if example.part == "held-out" or bare(example.text) in held_out:
                raise HeldOutRead(f"the question {example.text!r} is held out and must not be learned from")
        if len(self) < LEAST:
            raise TooFew(f"a router learns from at least {LEAST} open questions, not from {len(self)}")
        if not self.strategies:
            raise TooFew("a router learns from strategies that were asked the same questions, at least one")

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | Sequence[Example]:
        return self._examples[index]

    def __len__(self) -> int:
        return len(self._examples)

    def __iter__(self) -> Iterator[Example]:
        return iter(self._examples)

    @property
    def strategies(self) -> tuple[str, ...]:
        """Those that were asked every question, in the order of the first one."""
        if not self._examples:
            return ()
        return tuple(
            name
            for name in self._examples[0].attempts
            if all(name in example.attempts for example in self._examples)
        )

    @property
    def hash(self) -> str:
        """Of the content, whatever the order of the examples."""
        lines = sorted(json.dumps(asdict(example), sort_keys=True) for example in self._examples)
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()
