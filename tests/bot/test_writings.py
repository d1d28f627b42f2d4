"""What one process tells others of the answer that it writes, on the database that several of them share."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from bot.conversations.conversation import Conversations
from bot.conversations.writings import Partial, Wish, Writings
from bot.store.migrate import upgrade
from knowledge_base.database import open_engine

CITED = {"number": 1, "at": 3}


def tells_and_stops(engine: sa.Engine) -> None:
    conversations, here, there = Conversations(engine), Writings(engine), Writings(engine)
    conversation = conversations.start().id
    conversations.begin_turn(conversation, "When?", "en", turns=2, seconds=60, question_id="q" * 32)
    assert here.wishes([conversation]) == {}

    look = there.reader(conversation, "q" * 32)
    assert here.wishes([conversation]) == {conversation: Wish("q" * 32)}
    here.tell(conversation, "q" * 32, Partial("a" * 32, "At 7", (CITED,)))
    assert look() == Partial("a" * 32, "At 7", (CITED,))
    assert there.reader(conversation, "r" * 32)() == Partial()  # of another question nothing is known
    assert look() == Partial()

    assert there.stop(conversation, "a" * 32)
    assert here.wishes([conversation])[conversation].stopped == "a" * 32
    here.over(conversation)
    assert here.wishes([conversation]) == {}
    assert look() == Partial()
    assert not there.stop("no conversation", "a" * 32)
    engine.dispose()


def test_what_is_wanted_is_told_and_nothing_stays(engine: sa.Engine) -> None:
    tells_and_stops(engine)


@pytest.mark.server
def test_on_postgresql_the_same_is_told(postgresql: str) -> None:
    engine = open_engine(postgresql)
    upgrade(engine)
    tells_and_stops(engine)
