"""Questions a customer could ask the demo's bot, and what proves an answer right.

A fact is a list of alternatives; an answer proves it by holding any one of them (`bot.evaluation.facts`).
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bot.evaluation.values import Fact

HERE = Path(__file__).parent / "questions"


@dataclass(frozen=True)
class Said:
    """One earlier turn of the conversation that a follow-up continues."""

    role: Literal["customer", "bot"]
    text: str


@dataclass(frozen=True)
class DemoQuestion:
    id: str
    question: str
    language: Literal["en", "ja"]
    facts: tuple[Fact, ...]
    sources: tuple[str, ...]
    answerable: bool
    tags: tuple[str, ...]
    history: tuple[Said, ...]


def questions(which: Literal["test", "calibration", "others"]) -> list[DemoQuestion]:
    """The rows of one set, in the order of the file."""
    lines = (HERE / f"{which}.jsonl").read_text(encoding="utf-8").splitlines()
    return [_question(json.loads(line)) for line in lines]


def _question(row: dict[str, Any]) -> DemoQuestion:
    return DemoQuestion(
        **{
            **row,
            "facts": tuple(tuple(fact) for fact in row["facts"]),
            "sources": tuple(row["sources"]),
            "tags": tuple(row["tags"]),
            "history": tuple(Said(**turn) for turn in row["history"]),
        }
    )
