"""What an evaluation is made of: a question with what a right answer holds, and what a strategy answered.

AskedQuestion ─▶ (a turn, as a customer's) ─▶ Answered ─▶ metrics ─▶ statistics ─▶ decision
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from bot.conversations.record import Shown
from strategies.base import Turn

Part = Literal["open", "held-out"]  # held-out questions are never read by training or calibration
Fact = tuple[str, ...]  # alternatives: any one of them proves the fact


@dataclass(frozen=True)
class AskedQuestion:
    """A question of a set. `answerable` is False where a right answer is a refusal.

    All of `facts` belong in a right answer; `wrong` are statements that make an answer wrong (another
    model's price). `sources` are file names of documents that answer it, any of which is right. `reference`
    is an answer in somebody's words, for comparisons by words; `""` when nobody wrote one.
    """

    id: str
    text: str
    language: str = ""
    history: tuple[Turn, ...] = ()
    facts: tuple[Fact, ...] = ()
    wrong: tuple[Fact, ...] = ()
    sources: tuple[str, ...] = ()
    reference: str = ""
    answerable: bool = True
    tags: tuple[str, ...] = ()
    part: Part = "open"


@dataclass(frozen=True)
class Found:
    """A passage that was retrieved, in the order in which the strategy read it."""

    source: str
    document: str
    text: str
    rank: int
    score: float = 0.0


@dataclass(frozen=True)
class Answered:
    """What one strategy answered to one question: everything a message records.

    `text` is `""` where it abstained; `error` says why there is no answer where it failed. Tokens and
    milliseconds as in `bot.conversations.record.Message`. `cost` is in the operator's currency, by the price
    list at the time of asking.
    """

    question_id: str
    strategy: str
    text: str = ""
    abstained: bool = False
    error: str = ""
    citations: tuple[Shown, ...] = ()
    passages: tuple[Found, ...] = ()
    prompt_tokens: int = 0
    passage_tokens: int = 0
    completion_tokens: int = 0
    ms_first: float | None = None
    ms: float = 0.0
    cost: float = 0.0
    model: str = ""
    adapter: str = ""
    prompt_version: str = ""
    index_version: str = ""
    decisions: tuple[dict[str, Any], ...] = field(default=())
