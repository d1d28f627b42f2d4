"""What was said is found by its words, in English and Japanese, as long as it is kept."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from bot.conversations.conversation import Conversations, Record
from bot.store import words, writing
from bot.store.migrate import upgrade
from bot.store.tables import ConversationRow, MessageRow
from knowledge_base.database import open_engine
from strategies.events import Answer

SAID = {
    "kettle": "The Wi-Fi of my kettles shows E-204; firmware v2.3.1, order KT-48213, ann@example.com",
    "返品": "返品送料は誰が払いますか。ケトルの電話サポートはありますか？",
    "crème": "Crème brûlée needs 1,200 watts of re-charging",
}


@pytest.fixture
def conversations(engine: sa.Engine) -> Conversations:
    return said(Conversations(engine))


def said(conversations: Conversations) -> Conversations:
    for text in SAID.values():
        conversation = conversations.start()
        conversations.begin_turn(conversation.id, text, "en", turns=4, seconds=60)
    return conversations


def openings(conversations: Conversations, query: str) -> set[str]:
    return {one.opening for one in conversations.page(query)}


QUERIES = [
    ("kettle", "kettle"),
    ("KETTLE's", "kettle"),
    ("kett", "kettle"),
    ("wifi", "kettle"),
    ("wi-fi", "kettle"),
    ("e204 firmware", "kettle"),
    ("E-20", "kettle"),
    ("2.3", "kettle"),
    ("48213", "kettle"),
    ("ann@example.com", "kettle"),
    ("返品", "返品"),
    ("送料", "返品"),
    ("品送", "返品"),  # any letters that stand side by side
    ("料は誰が", "返品"),
    ("話", "返品"),
    ("ｹﾄﾙ 電話", "返品"),
    ("ケトル、返品？", "返品"),
    ("creme brulee", "crème"),
    ("1200", "crème"),
    ("recharge", "crème"),
]


@pytest.mark.parametrize(("query", "which"), QUERIES)
def test_a_conversation_is_found_by_any_of_its_words(
    conversations: Conversations, query: str, which: str
) -> None:
    assert openings(conversations, query) == {SAID[which]}


@pytest.mark.parametrize("query", ["kettle 返品", "送返", "giraffe", "？！", '" NEAR(zz) *', "電料"])
def test_what_nobody_said_finds_nothing(conversations: Conversations, query: str) -> None:
    assert openings(conversations, query) == set()


def test_a_query_of_blanks_asks_for_everything(conversations: Conversations) -> None:
    assert len(conversations.page("  　")) == len(SAID)


def test_a_page_shows_where_the_words_were_said(conversations: Conversations) -> None:
    conversation = conversations.start()
    conversations.begin_turn(conversation.id, "Is it blue?", "en", turns=4, seconds=60)
    answer = Answer("It is. " * 20 + "The zeppelin is blue as well. " + "Look. " * 40)
    conversations.end_turn(conversation.id, Record("m1", answer, "en", "manuals"))
    [found] = conversations.page("zeppelin")
    assert found.said.startswith("…")
    assert "The zeppelin is blue as well." in found.said
    assert found.said.endswith("…")
    [found] = conversations.page("blue")
    assert found.said == ""  # it stands in the first question


def test_words_that_were_changed_or_deleted_find_nothing(
    engine: sa.Engine, conversations: Conversations
) -> None:
    [kettle] = conversations.page("kettle")
    [returned] = conversations.page("返品")
    with writing(engine) as session:
        row = session.scalars(sa.select(MessageRow).where(MessageRow.conversation_id == kettle.id)).one()
        row.text = "lamp"
        session.execute(sa.delete(ConversationRow).where(ConversationRow.id == returned.id))
    assert [one.id for one in conversations.page("lamp")] == [kettle.id]
    assert openings(conversations, "kettle") == openings(conversations, "返品") == set()
    assert _indexed(engine) == 2


def test_what_was_said_before_there_was_an_index_is_found_after_the_upgrade(
    engine: sa.Engine, conversations: Conversations
) -> None:
    with writing(engine) as session:
        session.execute(sa.text("DROP TABLE message_words"))
        words.create(session.connection())
    assert openings(conversations, "kettle") == set()
    with writing(engine) as session:
        words.rebuild(session.connection())
    assert openings(conversations, "kettle") == {SAID["kettle"]}
    assert _indexed(engine) == len(SAID)


@pytest.mark.server
def test_on_postgresql_the_same_is_found(postgresql: str) -> None:
    engine = open_engine(postgresql)
    try:
        upgrade(engine)
        conversations = said(Conversations(engine))
        for query, which in QUERIES:
            assert openings(conversations, query) == {SAID[which]}, query
        for query in ("kettle 返品", "送返", "？！", "' | zz"):
            assert openings(conversations, query) == set(), query
        [kettle] = conversations.page("kettle")
        with writing(engine) as session:
            session.execute(sa.delete(ConversationRow).where(ConversationRow.id == kettle.id))
            words.rebuild(session.connection())
        assert _indexed(engine) == len(SAID) - 1
    finally:
        engine.dispose()


def _indexed(engine: sa.Engine) -> int:
    with engine.connect() as connection:
        return int(connection.scalar(sa.text("SELECT count(*) FROM message_words")) or 0)
