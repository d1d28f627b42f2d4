"""One question to one strategy, by the way of a customer's turn, and all that a message would record.

    AskedQuestion ─▶ Kotae.try_out ─▶ events ─▶ Answered

Nothing is kept of it elsewhere. Caches are cold: what was remembered of recent questions is forgotten before
each, so that a strategy is as slow as for the first customer who asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Protocol

from bot.conversations.limits import Refused
from bot.conversations.record import Shown, told
from bot.conversations.turn import Ended, Reply
from bot.evaluation.values import Answered, AskedQuestion, Found
from bot.settings import Price
from knowledge_base.passages import Passage
from strategies.base import Turn
from strategies.errors import StrategyError
from strategies.events import Decision, Usage

MILLION = 1_000_000


class TryOut(Protocol):
    """`Kotae.try_out`."""

    def __call__(
        self, text: str, *, strategy: str | None, history: Sequence[Turn], language: str
    ) -> Reply: ...


@dataclass(frozen=True)
class Asking:
    """The doors to the house that are needed to ask. `passages` gives those that answer, by their ids."""

    try_out: TryOut
    passages: Callable[[Sequence[str]], Mapping[str, Passage]]
    version: Callable[[], str]
    forget: Callable[[], None]
    prices: Mapping[str, Price]

    def __call__(self, question: AskedQuestion, strategy: str) -> Answered:
        """The answer; what went wrong is its `error`. StrategyError if the strategy cannot warm."""
        self.forget()
        index_version = self.version()
        try:
            reply = self.try_out(
                question.text,
                strategy=strategy,
                history=question.history,
                language=question.language or "en",
            )
        except Refused as refused:
            return Answered(question.id, strategy, error=str(refused), index_version=index_version)
        with closing(reply):
            events = list(reply)
        ended = events[-1]
        assert isinstance(ended, Ended), "nobody left part way through"
        usages = [event for event in events if isinstance(event, Usage)]
        return self._answered(question, ended, cost_of(usages, strategy, self.prices), index_version)

    def _answered(self, question: AskedQuestion, ended: Ended, cost: float, index_version: str) -> Answered:
        answer, usage = ended.answer, ended.answer.usage
        return Answered(
            question_id=question.id,
            strategy=ended.strategy,
            text="" if ended.abstained else answer.text,
            abstained=ended.abstained,
            error=ended.error,
            citations=tuple(map(Shown.of, answer.citations)),
            passages=self._found(answer.decisions),
            prompt_tokens=usage.prompt_tokens,
            passage_tokens=usage.passage_tokens,
            completion_tokens=usage.completion_tokens,
            ms_first=ended.ms_first,
            ms=ended.ms,
            cost=cost,
            model=usage.model,
            adapter=usage.adapter,
            prompt_version=usage.prompt_version,
            index_version=index_version,
            decisions=tuple(map(told, answer.decisions)),
        )

    def _found(self, decisions: Sequence[Decision]) -> tuple[Found, ...]:
        """What the last search found: of several that were passed over, the one that was answered from."""
        searched = [hits for one in decisions if (hits := hits_of(one))]
        hits = searched[-1] if searched else []
        known = self.passages([hit["id"] for hit in hits])
        return tuple(
            Found(passage.source, passage.title, passage.text, rank, float(hit.get("score") or 0.0))
            for rank, hit in enumerate(hits, start=1)
            if (passage := known.get(hit["id"])) is not None
        )


def hits_of(decision: Decision) -> list[Mapping[str, Any]]:
    """The passages that a decision tells of, as `rag` tells them; a stranger's may tell other things."""
    hits = decision.detail.get("passages")
    if not isinstance(hits, list):
        return []
    return [hit for hit in hits if isinstance(hit, Mapping) and isinstance(hit.get("id"), str)]


def cost_of(usages: Sequence[Usage], strategy: str, prices: Mapping[str, Price]) -> float:
    """What an answer cost: at the price of the strategy, or else of each model that had a part in it."""
    whole = prices.get(strategy)
    return sum(_cost(usage, whole or prices.get(usage.model) or Price()) for usage in usages)


def _cost(usage: Usage, price: Price) -> float:
    read = usage.prompt_tokens + usage.passage_tokens
    return (read * price.prompt + usage.completion_tokens * price.completion) / MILLION


def ready(strategies: Sequence[str], warm: Callable[[str], object]) -> None:
    """Load them all before the first is measured. StrategyError names the one that cannot."""
    for name in strategies:
        try:
            warm(name)
        except StrategyError as fault:
            raise type(fault)(f"{name!r} cannot be asked: {fault}") from fault
