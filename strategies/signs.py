"""What strategies tell of a question before anybody speaks, and never a reason to fail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from knowledge_base.errors import KnowledgeError
from strategies.base import Question, Strategy, Telling
from strategies.errors import StrategyError


def signs_of(strategy: Strategy, question: Question) -> Mapping[str, float]:
    """What it tells; nothing of one that cannot, or not just now."""
    if not isinstance(strategy, Telling):
        return {}
    try:
        return strategy.signs(question)
    except (StrategyError, KnowledgeError):
        return {}


def signs_of_all(strategies: Iterable[tuple[str, Strategy]], question: Question) -> dict[str, float]:
    """What each tells, under its name."""
    return {
        f"{name}: {sign}": value
        for name, strategy in strategies
        for sign, value in signs_of(strategy, question).items()
    }
