"""Which of two answers people would rather have: one was disliked or corrected, the other is better.

Files are JSON lines as the OpenAI fine-tuning API reads them for preference tuning:

    {"input": {"messages": [{"role": "user", "content": …}]},
     "preferred_output": [{"role": "assistant", "content": …}],
     "non_preferred_output": [{"role": "assistant", "content": …}]}

Part of them is held out by their content alone, and so is what the desk holds out anyway.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, get_args

from strategies.lora.pairs.splits import HeldOut
from strategies.lora.pairs.values import BadPairs, Fault, Pair, digest
from strategies.wording import bare, folded

Source = Literal["correction", "rating", ""]
SOURCES: tuple[str, ...] = get_args(Source)
SHARE = 0.2  # of the wordings, held out


@dataclass(frozen=True)
class Preference:
    """`source` says how it is known: an operator wrote the better answer, or customers rated both."""

    question: str
    chosen: str
    rejected: str
    source: Source = ""

    @property
    def key(self) -> str:
        return digest(folded(self.question), folded(self.chosen), folded(self.rejected))


@dataclass(frozen=True)
class Parted:
    """What is learned, and what is only measured on."""

    learned: tuple[Preference, ...]
    held_out: tuple[Preference, ...]


def parted(preferences: Iterable[Preference], held_out: HeldOut, seed: int = 0) -> Parted:
    """All preferences about one wording are in one part; what must not be taught is never learned."""
    learned: list[Preference] = []
    measured: list[Preference] = []
    for one in preferences:
        withheld = held_out.holds(Pair(one.question, one.chosen)) or _lot(one, seed) < SHARE
        (measured if withheld else learned).append(one)
    return Parted(tuple(learned), tuple(measured))


def preferences_hash(preferences: Iterable[Preference]) -> str:
    """The same preferences in any order have the same hash."""
    return digest(*sorted(one.key for one in preferences))


def read(stream: BinaryIO) -> list[Preference]:
    """Each preference once. BadPairs names every line that is none."""
    found: dict[str, Preference] = {}
    faults = []
    for number, line in enumerate(stream.read().decode("utf-8", "replace").splitlines(), 1):
        if not line.strip():
            continue
        try:
            one = _preference(json.loads(line))
            found.setdefault(one.key, one)
        except (ValueError, KeyError, TypeError, IndexError) as error:
            why = str(error) if type(error) is ValueError else "it is no preference as OpenAI writes them"
            faults.append(Fault(number, why))
    if not faults and not found:
        faults.append(Fault(0, "there is no preference in it"))
    if faults:
        raise BadPairs(faults)
    return list(found.values())


def write(preferences: Iterable[Preference], stream: BinaryIO) -> None:
    for one in preferences:
        stream.write(json.dumps(entry(one), ensure_ascii=False).encode("utf-8", "replace") + b"\n")


def entry(preference: Preference) -> dict[str, Any]:
    return {
        "input": {"messages": [_said("user", preference.question)]},
        "preferred_output": [_said("assistant", preference.chosen)],
        "non_preferred_output": [_said("assistant", preference.rejected)],
    }


def _preference(told: Any) -> Preference:
    """Of a conversation, the last thing that was asked."""
    asked = [one["content"] for one in told["input"]["messages"] if one["role"] == "user"]
    made = Preference(
        asked[-1].strip(),
        told["preferred_output"][-1]["content"].strip(),
        told["non_preferred_output"][-1]["content"].strip(),
    )
    if not (made.question and made.chosen and made.rejected):
        raise ValueError("a question and two answers are needed")
    if folded(made.chosen) == folded(made.rejected):
        raise ValueError("both answers are the same")
    return made


def _said(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}


def _lot(preference: Preference, seed: int) -> float:
    """A number from 0 to 1 that this question always draws."""
    drawn = hashlib.sha256(f"{seed}\npreference\n{bare(preference.question)}".encode()).digest()[:8]
    return int.from_bytes(drawn) / 2**64
