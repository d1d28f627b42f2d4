"""The overview counts what customers, operators and strategies did."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.access.audit import Audit
from bot.answering.shelf import Shelf
from bot.conversations.archive import Archive, Wanted
from bot.conversations.conversation import Conversations
from bot.conversations.erasure import Erasure
from bot.conversations.feedback import Feedback
from bot.conversations.record import Record
from bot.conversations.retention import Retention
from bot.reports.overview import Days, Traffic
from bot.reports.unanswered import UnansweredQuestions
from bot.settings import Price
from bot.store import writing
from bot.store.migrate import upgrade
from bot.store.tables import ConversationRow, HandoffRow, MessageRow
from bot.teaching.candidates import Candidates
from bot.teaching.pairs import Pairs
from knowledge_base.database import now, open_engine
from knowledge_base.testing import HashEmbedder
from strategies.events import Answer, Usage

DAYS = Days.back(7)


class Desk:
    """Writes down conversations as they would have happened."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine = engine
        self.conversations = Conversations(engine)
        self.said = 0

    def asks(
        self,
        strategy: str = "manuals",
        *,
        conversation: str = "",
        language: str = "en",
        ms: float = 100,
        usage: Usage | None = None,
        abstained: bool = False,
        error: str = "",
    ) -> tuple[str, str]:
        """Somebody asks and is answered: the ids of the conversation and the answer."""
        conversation = conversation or self.conversations.start(language=language).id
        history = self.conversations.begin_turn(
            conversation, "How long is the warranty?", language, turns=6, seconds=60
        )
        assert history is not None
        self.said += 1
        record = Record(
            f"m{self.said}",
            Answer("" if error else "Two years.", usage=usage or Usage()),
            language,
            strategy,
            abstained=abstained,
            error=error,
            ms_first=ms / 2,
            ms=ms,
        )
        self.conversations.end_turn(conversation, record)
        return conversation, record.message_id

    def hands_over(self, conversation: str, outcome: str, days_ago: float = 0) -> None:
        """A person took it and closed it so."""
        moment = now() - timedelta(days=days_ago)
        with writing(self.engine) as session:
            session.add(
                HandoffRow(
                    id=f"h-{conversation[:20]}",
                    conversation_id=conversation,
                    state="closed",
                    reason="asked",
                    asked_at=moment,
                    asked_after=0,
                    closed_at=moment,
                    outcome=outcome,
                    updated_at=moment,
                )
            )

    def moves(self, conversation: str, days_ago: float) -> None:
        """All of it happened some days earlier."""
        moment = now() - timedelta(days=days_ago)
        with writing(self.engine) as session:
            session.execute(
                sa.update(ConversationRow)
                .where(ConversationRow.id == conversation)
                .values(started_at=moment, updated_at=moment)
            )
            session.execute(
                sa.update(MessageRow).where(MessageRow.conversation_id == conversation).values(at=moment)
            )


@pytest.fixture
def desk(engine: sa.Engine) -> Desk:
    return Desk(engine)


def test_a_conversation_is_counted_as_far_as_it_came(engine: sa.Engine, desk: Desk) -> None:
    desk.asks()
    nobody_knew, _ = desk.asks(abstained=True)
    broken, _ = desk.asks(error="Unavailable: gone")
    resolved, _ = desk.asks()
    desk.hands_over(nobody_knew, "unresolved")
    desk.hands_over(resolved, "resolved")
    desk.conversations.start()  # a widget that was opened, and nothing said
    total = Traffic(engine, {}).overview(DAYS).total
    assert (total.conversations, total.answered, total.handed_over, total.resolved, total.reopened) == (
        4,
        2,
        2,
        1,
        0,
    )
    assert (total.answers, total.abstained, total.failed) == (4, 1, 1)
    assert broken


def test_who_writes_again_within_seven_days_reopens_and_later_does_not(engine: sa.Engine, desk: Desk) -> None:
    soon, _ = desk.asks()
    late, _ = desk.asks()
    for conversation, days in ((soon, 6.9), (late, 7.1)):
        desk.moves(conversation, days)
        desk.hands_over(conversation, "resolved", days_ago=days)
        desk.asks(conversation=conversation)
    total = Traffic(engine, {}).overview(Days.back(10)).total
    assert (total.resolved, total.reopened) == (2, 1)


def test_a_customer_who_ends_after_an_answer_resolved_it_themselves(engine: sa.Engine, desk: Desk) -> None:
    helped, _ = desk.asks()
    left_alone, _ = desk.asks(abstained=True)
    for conversation in (helped, left_alone):
        desk.conversations.end(conversation, 5)
    total = Traffic(engine, {}).overview(DAYS).total
    assert (total.conversations, total.resolved) == (2, 1)


def test_it_is_told_by_strategy_language_and_day(engine: sa.Engine, desk: Desk) -> None:
    desk.asks("manuals")
    desk.asks("manuals", language="ja")
    older, _ = desk.asks("model", language="ja")
    desk.moves(older, 2)
    told = Traffic(engine, {}).overview(DAYS)
    assert [(line.key, line.answers, line.conversations) for line in told.lines["strategy"]] == [
        ("manuals", 2, 2),
        ("model", 1, 1),
    ]
    assert {line.key: line.answers for line in told.lines["language"]} == {"ja": 2, "en": 1}
    by_day = {line.key: line.answers for line in told.lines["day"]}
    today = now().date()
    assert len(by_day) == 7
    assert by_day[today.isoformat()] == 2
    assert by_day[(today - timedelta(days=2)).isoformat()] == 1
    assert told.traffic[today] == {"manuals": 2}


def test_satisfaction_is_likes_of_what_was_rated(engine: sa.Engine, desk: Desk) -> None:
    feedback = Feedback(engine)
    for value in ("up", "up", "down", None):
        _, answer = desk.asks()
        if value:
            feedback.give(answer, value)  # type: ignore[arg-type]
    total = Traffic(engine, {}).overview(DAYS).total
    assert (total.rated, total.liked, total.answers) == (3, 2, 4)
    assert total.liking == pytest.approx(2 / 3)


def test_waits_are_told_by_nearest_rank(engine: sa.Engine, desk: Desk) -> None:
    for ms in range(100, 2100, 100):  # 20 answers
        desk.asks(ms=ms)
    total = Traffic(engine, {}).overview(DAYS).total
    assert (total.end_p50, total.end_p95) == (1000, 1900)
    assert (total.first_p50, total.first_p95) == (500, 950)


def test_tokens_cost_what_the_price_list_says_and_unknown_prices_are_not_guessed(
    engine: sa.Engine, desk: Desk
) -> None:
    usage = Usage(prompt_tokens=1_000_000, passage_tokens=1_000_000, completion_tokens=500_000, model="m")
    desk.asks("priced", usage=usage)
    desk.asks("by-model", usage=usage)
    desk.asks("unknown", usage=Usage(prompt_tokens=5, model="x"))
    desk.asks("quotes")
    prices = {"priced": Price(prompt=1, completion=4), "m": Price(prompt=0.5, completion=2)}
    lines = Traffic(engine, prices).strategies(DAYS)
    assert lines["priced"].cost == pytest.approx(4.0)
    assert lines["by-model"].cost == pytest.approx(2.0)
    assert lines["unknown"].cost is None
    assert lines["quotes"].cost == 0  # it spent nothing
    assert lines["priced"].passage_tokens == 1_000_000


def test_what_lies_outside_the_days_is_not_counted(engine: sa.Engine, desk: Desk) -> None:
    old, _ = desk.asks()
    desk.moves(old, 30)
    total = Traffic(engine, {}).overview(DAYS).total
    assert (total.conversations, total.answers, total.cost) == (0, 0, None)


@pytest.mark.server
def test_on_postgresql_the_same_is_counted(postgresql: str) -> None:
    engine = open_engine(postgresql)
    try:
        upgrade(engine)
        desk = Desk(engine)
        soon, _ = desk.asks(ms=100, usage=Usage(prompt_tokens=1_000_000, model="m"))
        desk.moves(soon, 2)
        desk.hands_over(soon, "resolved", days_ago=2)
        _, answer = desk.asks(conversation=soon, ms=300)
        desk.asks("model", language="ja", abstained=True, ms=200)
        Feedback(engine).give(answer, "up")
        told = Traffic(engine, {"m": Price(prompt=2)}).overview(DAYS)
        total = told.total
        assert (total.conversations, total.answered, total.resolved, total.reopened) == (2, 1, 1, 1)
        assert (total.answers, total.abstained, total.liked) == (3, 1, 1)
        assert (total.end_p50, total.end_p95, total.cost) == (200, 300, 2.0)
        assert [line.answers for line in told.lines["day"]][-3:] == [1, 0, 2]
        assert {line.key: line.conversations for line in told.lines["strategy"]} == {"manuals": 1, "model": 1}
        assert Traffic(engine, {}).shadows(DAYS) == {}

        candidates = Candidates(engine, Pairs(engine, HashEmbedder()))
        candidates.add("Why?", "Because.", by="olga", message_id=answer)
        archive = Archive(engine, desk.conversations, candidates)
        wanted = Wanted(text="warranty", rated="up", handed_over=True, first=DAYS.first.isoformat())
        lines = [json.loads(line) for line in archive.exported(wanted, "jsonl")]
        assert [line["correction"] and line["correction"]["answer"] for line in lines] == [None, "Because."]
        archive.save_view("liked", wanted, by="olga")
        assert [view.wanted for view in archive.views()] == [wanted]
        assert len(UnansweredQuestions(engine, HashEmbedder()).list(DAYS)) == 1

        assert Retention(engine, 1).run().messages == 2
        erasure = Erasure(engine, Shelf(Path("nowhere"), Audit(engine)))
        assert erasure.of_the_same_customer(soon) == [soon]
        assert erasure.erase([soon], by="ada").messages == 4
    finally:
        engine.dispose()
