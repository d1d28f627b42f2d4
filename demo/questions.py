"""Questions a customer could ask the demo's bot, and what proves an answer right.

A fact is a list of alternatives; an answer proves it by holding any one of them. Letter case, line breaks,
emphasis marks, the width of a letter and the kind of dash do not matter. A number must stand alone: "30
minutes" is not proved by "130 minutes" nor by "2.30 minutes".
"""

import json
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

HERE = Path(__file__).parent / "questions"
Fact = tuple[str, ...]

_EMPHASIS = re.compile(r"[*`]")
_DASHES = re.compile("[\u2010-\u2015\u2212\u301c~]")  # Japanese ranges use a wave


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


def questions(which: Literal["test", "calibration"]) -> list[DemoQuestion]:
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


def proves(answer: str, facts: Sequence[Sequence[str]]) -> bool:
    """Whether every fact is in the answer; True when there is no fact to prove."""
    said = _plain(answer)
    return all(any(_pattern(alternative).search(said) for alternative in fact) for fact in facts)


def _plain(text: str) -> str:
    text = _DASHES.sub("-", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(_EMPHASIS.sub("", text).split())


def _pattern(alternative: str) -> re.Pattern[str]:
    plain = _plain(alternative)
    body = "".join(_letter(c) for c in plain)
    before = r"(?<!\d)(?<!\d[.,])" if plain[:1].isdigit() else ""
    after = r"(?![.,]?\d)" if plain[-1:].isdigit() else ""
    return re.compile(before + body + after)


def _letter(letter: str) -> str:
    """A PDF breaks a line of Japanese anywhere; a Western line breaks only at its spaces."""
    if letter == " ":
        return r"\s*"
    return re.escape(letter) + (r"\s?" if ord(letter) > 0x2FFF else "")
