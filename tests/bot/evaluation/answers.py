"""Questions and answers of an invented desk, for tests of the evaluation."""

from __future__ import annotations

from typing import Any

from bot.conversations.record import Shown
from bot.evaluation.metrics import Verdict, judge
from bot.evaluation.values import Answered, AskedQuestion, Found

TANK = AskedQuestion(
    "tank",
    "How much does the lamp's tank hold?",
    "en",
    facts=(("0.8 litres", "0.8 l"),),
    wrong=(("1.6 litres",),),
    sources=("lamp.md",),
    reference="The tank of the lamp holds 0.8 litres.",
    tags=("number",),
)
WEATHER = AskedQuestion("weather", "Will it rain?", "en", answerable=False, tags=("off-topic",))


def said(question: AskedQuestion, text: str, strategy: str = "one", **more: Any) -> Answered:
    return Answered(question.id, strategy, text, **more)


def silent(question: AskedQuestion, strategy: str = "one", **more: Any) -> Answered:
    return Answered(question.id, strategy, abstained=True, **more)


def passage(text: str, source: str = "lamp.md", rank: int = 1) -> Found:
    return Found(source, source, text, rank)


def citation(text: str, source: str = "lamp.md") -> Shown:
    return Shown(1, source, source, None, (), text, text, 0, "d", "p", 1)


def judged(question: AskedQuestion, text: str, **more: Any) -> Verdict:
    return judge(question, said(question, text, **more))


def desk(prices: int = 20, others: int = 20, foreign: int = 10) -> list[AskedQuestion]:
    """Questions about prices and durations, each with its own number, and some without an answer."""
    priced = [
        AskedQuestion(
            f"price-{n}",
            f"What does part number {n} cost?",
            "en",
            facts=((f"${101 + n}",),),
            tags=("prices",),
        )
        for n in range(prices)
    ]
    timed = [
        AskedQuestion(
            f"time-{n}",
            f"How long does program {n} take?",
            "en",
            facts=((f"{31 + n} minutes",),),
            tags=("times",),
        )
        for n in range(others)
    ]
    unknown = [
        AskedQuestion(f"foreign-{n}", f"Who won match {n}?", "en", answerable=False, tags=("off-topic",))
        for n in range(foreign)
    ]
    return [*priced, *timed, *unknown]


def right(question: AskedQuestion, strategy: str = "live", **more: Any) -> Answered:
    """What a good strategy says; nothing where there is no answer."""
    if not question.answerable:
        return silent(question, strategy, **more)
    return said(question, f"Thanks for asking! It is {question.facts[0][0]}.", strategy, **more)
