"""The desk's own question–answer pairs: what a product model is trained on, and what it is asked afterwards.

Each fact has one answer, in the desk's manner, and several wordings of its question; some of the wordings are
held out and never trained on. A fact's name is `attribute.subject`: facts of one attribute differ in a number
or a step only (`price.one`, `price.duo`), so an answer that gives one of the others is a wrong fact.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bot.evaluation.facts import proves
from bot.evaluation.values import Fact

HERE = Path(__file__).parent

Split = Literal["train", "held-out"]
Part = Literal["calibration", "test"]


@dataclass(frozen=True)
class DemoPair:
    question: str
    answer: str
    fact: str
    language: Literal["en", "ja"]
    split: Split
    keys: Fact
    tags: tuple[str, ...]
    document: str

    @property
    def attribute(self) -> str:
        return self.fact.partition(".")[0]


@dataclass(frozen=True)
class Unanswerable:
    """A question that no pair answers, however near it comes to one. Where a manual does, `keys` prove its
    answer and `document` is the manual; else nobody answers it.
    """

    id: str
    question: str
    language: Literal["en", "ja"]
    part: Part
    tags: tuple[str, ...]
    keys: Fact = ()
    document: str = ""


def pairs(split: Split | None = None) -> list[DemoPair]:
    """The pairs of one split, or all of them, in the order of the file."""
    return [pair for pair in read("pairs.jsonl") if split in (None, pair.split)]


def suggested() -> list[DemoPair]:
    """More wordings of the taught English facts, written by a language model that was told what
    `kotae pairs suggest` tells one: of the pairs, the taught ones.
    """
    return read("pairs_suggested.jsonl")


def unanswerable(part: Part) -> list[Unanswerable]:
    """Questions that whoever knows the pairs alone must refuse; thresholds are set with one part and judged
    with the other.
    """
    found = [
        Unanswerable(**{**row, "tags": tuple(row["tags"]), "keys": tuple(row.get("keys", ()))})
        for row in rows("pairs_unanswerable.jsonl")
    ]
    return [one for one in found if one.part == part]


def read(name: str) -> list[DemoPair]:
    return [
        DemoPair(**{**row, "keys": tuple(row["keys"]), "tags": tuple(row["tags"])}) for row in rows(name)
    ]


def rows(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (HERE / name).read_text(encoding="utf-8").splitlines()]


def states(answer: str, pair: DemoPair, keys: Mapping[str, Fact]) -> Literal["right", "wrong"]:
    """Whether an answer holds the fact that was asked for, and none of those it is easily mistaken for.

    `keys` are those of all facts (`keys_of`).
    """
    rivals = {
        key
        for fact, others in keys.items()
        if fact.partition(".")[0] == pair.attribute
        for key in others
        if key not in pair.keys
    }
    mistaken = any(proves(answer, [[key]]) for key in rivals)
    return "right" if proves(answer, [pair.keys]) and not mistaken else "wrong"


def keys_of(known: list[DemoPair]) -> dict[str, Fact]:
    """What proves each fact, by its name."""
    return {pair.fact: pair.keys for pair in known}
