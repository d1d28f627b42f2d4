"""Handoffs as the desk's and the customer's processes see them: one database, several of everything else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from bot.access.users import Users
from bot.conversations.conversation import Conversations
from bot.handoff.changes import INBOX, Changes, look_into
from bot.handoff.handoffs import BadEmail, Handoffs, NotOffered, NotYours, Taken
from bot.handoff.inbox import Inbox
from bot.handoff.presence import SEEN_SECONDS, Presence
from bot.handoff.rules import Rules
from bot.notices.deliveries import Deliveries
from bot.settings import Handoff, Mail, Settings
from knowledge_base.database import now
from strategies.testing import eventually

SENTENCES = Settings(strategies={"manuals": {"use": "echo"}})


def handoffs_of(engine: sa.Engine, clock: Callable[[], datetime] = now, **rules: object) -> Handoffs:
    nothing = Deliveries(engine, Mail(), {}, (), lambda _: None)
    return Handoffs(engine, Handoff(**rules), SENTENCES.say, nothing, clock)  # type: ignore[arg-type]


@pytest.fixture
def desk(engine: sa.Engine) -> tuple[str, str]:
    """The ids of two operators who are available."""
    users, presence = Users(engine), Presence(engine)
    ids = [users.add(f"{name}@example.com", "long enough", "operator").id for name in ("anna", "ben")]
    for user_id in ids:
        presence.announce(user_id, available=True, name="")
    return ids[0], ids[1]


@pytest.fixture
def conversation(engine: sa.Engine) -> str:
    return Conversations(engine).start().id


def test_of_many_who_take_a_chat_at_once_one_gets_it(
    open_database: Callable[..., sa.Engine], engine: sa.Engine, conversation: str
) -> None:
    users, presence = Users(engine), Presence(engine)
    people = [users.add(f"{n}@example.com", "long enough", "operator").id for n in range(6)]
    for user_id in people:
        presence.announce(user_id, available=True, name="")
    handoffs_of(engine).ask(conversation)
    processes = [handoffs_of(open_database()) for _ in people]
    gate = threading.Barrier(len(people))

    def take(seat: int) -> str:
        gate.wait()
        try:
            processes[seat].take(conversation, people[seat])
        except Taken as taken:
            return taken.holder
        return "mine"

    with ThreadPoolExecutor(len(people)) as pool:
        results = list(pool.map(take, range(len(people))))
    assert results.count("mine") == 1
    holder = f"{results.index('mine')}@example.com"
    assert set(results) == {"mine", holder}


def test_of_many_who_ask_in_one_chat_one_handoff_comes_of_it(
    open_database: Callable[..., sa.Engine], engine: sa.Engine, conversation: str, desk: tuple[str, str]
) -> None:
    processes = [handoffs_of(open_database()) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        states = list(pool.map(lambda one: one.ask(conversation).with_, processes))
    assert states == ["waiting"] * 4
    assert len(handoffs_of(engine).of(conversation)) == 1


def test_a_question_that_races_with_a_handoff_is_not_answered(
    engine: sa.Engine, conversation: str, desk: tuple[str, str]
) -> None:
    handoffs_of(engine).ask(conversation)
    begun = Conversations(engine).begin_turn(conversation, "?", "en", turns=6, seconds=60)
    assert begun is None
    assert Conversations(engine).get(conversation).messages == ()


def test_the_wait_of_a_customer_is_as_long_as_it_was(
    engine: sa.Engine, conversation: str, desk: tuple[str, str]
) -> None:
    anna, ben = desk
    clock = [now()]
    handoffs = handoffs_of(engine, lambda: clock[0])
    since = handoffs.ask(conversation).since
    assert since is not None
    for step in (
        lambda: handoffs.take(conversation, anna),
        lambda: handoffs.release(conversation, anna),
        lambda: handoffs.ask(conversation, email="ada@example.com"),
        lambda: handoffs.ask(conversation),
        lambda: handoffs.take(conversation, ben),
    ):
        clock[0] += timedelta(seconds=5)
        step()
        assert handoffs.standing(conversation).since == since
    (one,) = handoffs.of(conversation)
    assert one.taken_at == since + timedelta(seconds=5)  # when somebody took it first


def test_an_operator_is_online_who_says_so_and_has_the_inbox_open(
    engine: sa.Engine, conversation: str, desk: tuple[str, str]
) -> None:
    presence = Presence(engine)
    assert [each.email for each in presence.online()] == ["anna@example.com", "ben@example.com"]
    presence.announce(desk[0], available=False, name="")
    assert [each.email for each in presence.online()] == ["ben@example.com"]
    later = handoffs_of(engine, lambda: now() + timedelta(seconds=SEEN_SECONDS + 1))
    assert later.ask(conversation).email_wanted


def test_only_who_has_the_chat_speaks_in_it(
    engine: sa.Engine, conversation: str, desk: tuple[str, str]
) -> None:
    handoffs = handoffs_of(engine)
    anna, ben = desk
    with pytest.raises(NotYours):
        handoffs.reply(conversation, anna, "Hello")
    handoffs.ask(conversation)
    handoffs.take(conversation, anna)
    handoffs.reply(conversation, anna, "Hello")
    for act in (
        lambda: handoffs.reply(conversation, ben, "Hello"),
        lambda: handoffs.release(conversation, ben),
        lambda: handoffs.close(conversation, ben, "resolved"),
        lambda: handoffs.give_back(conversation, ben),
    ):
        with pytest.raises(NotYours):
            act()
    (said,) = Conversations(engine).get(conversation).messages
    assert (said.role, said.by, said.text) == ("operator", "anna@example.com", "Hello")


def test_nobody_is_asked_for_where_people_are_not_offered(engine: sa.Engine, conversation: str) -> None:
    handoffs = handoffs_of(engine, enabled=False)
    with pytest.raises(NotOffered):
        handoffs.ask(conversation)
    assert not handoffs.offers(conversation)


def test_no_line_of_a_letter_comes_in_with_an_address(engine: sa.Engine, conversation: str) -> None:
    with pytest.raises(BadEmail):
        handoffs_of(engine).ask(conversation, email="a@example.com\r\nBcc: everybody@example.com")


def test_a_conversation_that_is_deleted_takes_everything_along(
    engine: sa.Engine, conversation: str, desk: tuple[str, str]
) -> None:
    handoffs_of(engine).ask(conversation)
    Inbox(engine).note(conversation, "anna@example.com", "careful")
    Presence(engine).looks(desk[0], conversation)
    with engine.begin() as connection:
        connection.execute(sa.text("DELETE FROM conversations"))
        left = [
            connection.scalar(sa.text(f"SELECT count(*) FROM {table}"))
            for table in ("handoffs", "notes", "looks", "deliveries")
        ]
    assert left == [0, 0, 0, 0]


class TestChanges:
    @pytest.fixture
    def changes(self, engine: sa.Engine) -> Iterator[Changes]:
        changes = Changes(look_into(engine), every=0.02)
        yield changes
        changes.close()

    def test_what_another_process_does_is_heard(
        self,
        changes: Changes,
        open_database: Callable[..., sa.Engine],
        engine: sa.Engine,
        conversation: str,
        desk: tuple[str, str],
    ) -> None:
        elsewhere = open_database()
        handoffs = handoffs_of(elsewhere)
        with changes.listen(conversation) as heard, changes.listen(INBOX) as inbox:
            assert heard.wait(30)  # the first look, which tells everybody
            assert inbox.wait(30)
            for act in (
                lambda: handoffs.ask(conversation),
                lambda: handoffs.take(conversation, desk[0]),
                lambda: handoffs.reply(conversation, desk[0], "Hello"),
                lambda: Presence(elsewhere).looks(desk[0], conversation, typing=True),
                lambda: Inbox(elsewhere).note(conversation, "ben@example.com", "careful"),
                lambda: handoffs.close(conversation, desk[0], "resolved"),
            ):
                act()
                assert heard.wait(30), act
                assert inbox.wait(30), act

    def test_other_conversations_are_not_woken(
        self, changes: Changes, engine: sa.Engine, conversation: str, desk: tuple[str, str]
    ) -> None:
        another = Conversations(engine).start().id
        with changes.listen(another) as heard, changes.listen(conversation) as asked:
            assert heard.wait(30)  # the first look, which tells everybody
            assert asked.wait(30)
            handoffs_of(engine).ask(conversation)
            assert asked.wait(30)
            assert not heard.wait(0.1)

    def test_nobody_looks_while_nobody_listens(self, engine: sa.Engine) -> None:
        looks: list[bool] = []

        def look() -> dict[str, int]:
            looks.append(True)
            return {}

        def nobody_looks() -> bool:
            seen = len(looks)
            time.sleep(0.1)
            return len(looks) == seen

        changes = Changes(look, every=0.01)
        assert nobody_looks()
        assert looks == []
        for _ in range(2):  # and again after everybody has left
            with changes.listen("a"):
                assert eventually(lambda: len(looks) > 1)
            assert eventually(nobody_looks)
            looks.clear()
        changes.close()


class TestRules:
    @pytest.mark.parametrize(
        "text", ["Talk  to a\tperson", "please: TALK TO A PERSON.", "担当者と話したいのですが"]
    )
    def test_words_are_found_however_they_are_written(self, text: str) -> None:
        assert Rules(Handoff(), lambda _: [1.0]).why(text)

    @pytest.mark.parametrize("text", ["talk to a personal trainer", "outtalk to a person's"])
    def test_parts_of_words_are_none(self, text: str) -> None:
        assert Rules(Handoff(words=("talk to a person",)), lambda _: [1.0]).why("talk to a personal") is None
        assert Rules(Handoff(words=("alk to",)), lambda _: [1.0]).why(text) is None

    def test_nothing_is_embedded_without_topics(self) -> None:
        def never(_text: str) -> list[float]:
            raise AssertionError

        assert Rules(Handoff(), never).why("How do I descale it?") is None
