"""A customer asks for a person, talks to one, and is given back to the bot."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest

from bot.kotae import Kotae
from bot.settings import Settings
from knowledge_base.database import now
from strategies.errors import NoAnswer
from strategies.events import Token
from tests.people import Customer, Operator
from web.chat.standing import STREAM_SECONDS

AWAY = "Nobody from our team is here just now."
WAITS = "One moment, please"


@pytest.fixture(autouse=True)
def the_parrot_answers(kotae: Kotae) -> None:
    kotae.switch.use("parrot", "test")


def nothing_is_known(_question: object):  # type: ignore[no-untyped-def]
    raise NoAnswer("not in the documents")
    yield


def test_a_customer_asks_for_a_person_and_talks_to_one(customer: Customer, operator: Operator) -> None:
    operator.is_there("Anna")
    customer.asks("Is my order on its way?")
    asked = customer.asks_for_a_person()
    assert (asked["with"], asked["online"], asked["email_wanted"]) == ("waiting", True, False)
    assert asked["text"].startswith(WAITS)
    operator.takes(customer.conversation)
    assert (customer.state["with"], customer.state["name"]) == ("person", "Anna")
    assert customer.state["text"] == "Anna is with you now."
    operator.replies(customer.conversation, "It left **today**.")
    last = customer.reads_again()[-1]
    assert (last["role"], last["text"]) == ("operator", "It left **today**.")


def test_the_bot_is_silent_while_a_person_has_the_chat(customer: Customer, operator: Operator) -> None:
    operator.is_there()
    customer.asks_for_a_person()
    while_waiting = customer.asks("hello?")
    operator.takes(customer.conversation)
    while_talking = customer.asks("are you there?")
    for reply in (while_waiting, while_talking):
        assert [frame.name for frame in reply.frames] == ["kept", "state", "end"]
        assert reply.text == ""
    said = [(message["role"], message["text"]) for message in customer.reads_again()]
    assert said == [("customer", "hello?"), ("customer", "are you there?")]
    assert while_talking.named("kept")[0]["message"] == customer.reads_again()[-1]["id"]


def test_a_message_that_is_sent_twice_is_kept_once(customer: Customer, operator: Operator) -> None:
    operator.is_there()
    customer.asks_for_a_person()
    for _ in range(2):
        customer.asks("hello?", id="0" * 32)
    assert len(customer.reads_again()) == 1


def test_after_the_chat_is_closed_the_bot_answers_with_a_fresh_context(
    customer: Customer, operator: Operator, speaks: Callable[..., object]
) -> None:
    operator.is_there()
    customer.asks("What does it cost?")
    customer.asks_for_a_person()
    operator.takes(customer.conversation)
    customer.asks("I want a discount")
    operator.replies(customer.conversation, "Ten per cent.")
    operator.closes(customer.conversation)
    assert customer.state["with"] == "bot"
    assert "I am the assistant again" in customer.state["text"]
    heard = []

    def remember(question):  # type: ignore[no-untyped-def]
        from strategies.events import Token

        heard.append(question.history)
        yield Token("Yes.")

    speaks(remember)
    assert customer.asks("And tomorrow?").text == "Yes."
    assert heard == [()]
    assert customer.state["text"] == ""  # the farewell is over once something was said


def test_a_chat_that_was_closed_does_not_go_to_a_person_by_itself(
    customer: Customer, operator: Operator
) -> None:
    operator.is_there()
    customer.asks("I want to talk to a person")
    operator.takes(customer.conversation)
    operator.closes(customer.conversation)
    for _ in range(3):
        assert customer.asks("thanks").text == "thanks"
    assert customer.state["with"] == "bot"


def test_given_back_the_bot_knows_what_was_said(
    customer: Customer, operator: Operator, speaks: Callable[..., object]
) -> None:
    operator.is_there()
    customer.asks_for_a_person()
    operator.takes(customer.conversation)
    customer.asks("The blue one")
    operator.replies(customer.conversation, "Ask the assistant about the blue one.")
    operator.does("give-back", customer.conversation)
    heard = []

    def remember(question):  # type: ignore[no-untyped-def]
        from strategies.events import Token

        heard.append([turn.text for turn in question.history])
        yield Token("Yes.")

    speaks(remember)
    customer.asks("Is it large?")
    assert heard == [["The blue one", "Ask the assistant about the blue one."]]


def test_the_wait_began_when_it_began(customer: Customer, operator: Operator) -> None:
    operator.is_there()
    since = customer.asks_for_a_person()["since"]
    customer.asks("hello?")
    assert customer.asks_for_a_person()["since"] == since
    operator.takes(customer.conversation)
    operator.does("release", customer.conversation)
    assert (customer.state["with"], customer.state["since"]) == ("waiting", since)


def test_whoever_does_not_want_to_wait_gets_the_bot_back(customer: Customer, operator: Operator) -> None:
    operator.is_there()
    customer.asks_for_a_person()
    assert customer.wants_the_bot_again()["with"] == "bot"
    assert customer.asks("bot?").text == "bot?"
    assert operator.kotae.inbox.counts("nobody").waiting == 0


class TestNobodyIsThere:
    def test_an_address_is_asked_for_and_nothing_is_pretended(self, customer: Customer, kotae: Kotae) -> None:
        asked = customer.asks_for_a_person()
        assert (asked["with"], asked["email_wanted"], asked["online"]) == ("bot", True, False)
        assert asked["text"].startswith(AWAY)
        assert kotae.inbox.counts("nobody").waiting == 0
        assert customer.asks("then you?").text == "then you?"

    def test_with_an_address_the_message_waits_for_the_desk_and_the_bot_goes_on(
        self, customer: Customer, operator: Operator
    ) -> None:
        customer.asks("My kettle leaks")
        left = customer.asks_for_a_person("ada@example.com")
        assert (left["with"], left["email"], left["email_wanted"]) == ("bot", "ada@example.com", False)
        assert "ada@example.com" in left["text"]
        assert customer.asks("one more thing").text == "one more thing"
        page = operator.opens("/console/inbox?box=waiting").text
        assert "by email" in page

    @pytest.mark.parametrize(
        "address", ["nobody", "a@b", "a b@example.com", "a@example.com\nBcc: x@example.com", "a,b@x.example"]
    )
    def test_what_is_no_address_is_refused(self, customer: Customer, address: str) -> None:
        answer = customer.client.post("/api/handoff", json={"email": address}, headers=customer.headers)
        assert answer.status_code == 400
        assert "email address" in answer.json["error"]

    def test_in_japanese(self, app) -> None:  # type: ignore[no-untyped-def]
        asked = Customer(app, "ja").asks_for_a_person()
        assert asked["text"].startswith("ただいま担当者が不在です")

    def test_somebody_who_waits_in_vain_can_leave_an_address(
        self, customer: Customer, operator: Operator
    ) -> None:
        operator.is_there()
        since = customer.asks_for_a_person()["since"]
        operator.goes_home()
        assert (customer.state["with"], customer.state["email_wanted"]) == ("waiting", True)
        left = customer.asks_for_a_person("ada@example.com")
        assert (left["with"], left["since"]) == ("bot", since)

    def test_who_left_an_address_comes_back_while_somebody_is_there(
        self, customer: Customer, operator: Operator
    ) -> None:
        since = customer.asks_for_a_person("ada@example.com")["since"]
        operator.is_there()
        back = customer.asks_for_a_person()
        assert (back["with"], back["since"]) == ("waiting", since)

    def test_an_inbox_that_is_no_longer_open_is_nobody(
        self, customer: Customer, operator: Operator, kotae: Kotae, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        operator.is_there()
        later = now() + timedelta(minutes=2)
        monkeypatch.setattr("bot.handoff.handoffs.presence.SEEN_SECONDS", 0)
        assert later > now()
        assert customer.asks_for_a_person()["email_wanted"] is True


class TestOutsideOfOfficeHours:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        yesterday = (datetime.now() - timedelta(days=1)).strftime("%a").lower()
        hours = {"hours": [f"{yesterday} 09:00-17:00"]}
        return settings.model_copy(update={"handoff": type(settings.handoff)(**hours)})

    def test_somebody_at_their_desk_is_not_disturbed(self, customer: Customer, operator: Operator) -> None:
        operator.is_there()
        asked = customer.asks_for_a_person()
        assert (asked["with"], asked["open"], asked["email_wanted"]) == ("bot", False, True)
        assert datetime.fromisoformat(asked["opens"]) > now()


class TestRules:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        rules = {"topics": {"cancelling": ["I want to cancel my contract"]}, "likeness": 0.7}
        return settings.model_copy(update={"handoff": type(settings.handoff)(**rules)})

    @pytest.mark.parametrize(
        "words", ["I want to talk to a PERSON!", "can I speak to\na human", "担当者と話したいです。"]
    )
    def test_words_bring_a_person(self, customer: Customer, operator: Operator, words: str) -> None:
        operator.is_there()
        reply = customer.asks(words)
        assert [frame.name for frame in reply.frames] == ["kept", "state", "end"]
        assert reply.named("state")[0]["with"] == "waiting"
        assert customer.reads_again()[-1]["text"] == words.strip()

    @pytest.mark.parametrize("words", ["How do persons talk to it?", "talk to a personal shopper"])
    def test_other_words_do_not(self, customer: Customer, operator: Operator, words: str) -> None:
        operator.is_there()
        assert customer.asks(words).text == words

    def test_a_topic_brings_a_person_and_others_do_not(self, customer: Customer, operator: Operator) -> None:
        operator.is_there()
        assert customer.asks("How long does it boil?").text
        assert customer.asks("I would like to cancel the contract").named("state")[0]["with"] == "waiting"

    def test_words_ask_for_an_address_when_nobody_is_there(self, customer: Customer) -> None:
        reply = customer.asks("let me talk to a person")
        assert reply.named("state")[0]["email_wanted"] is True
        assert reply.named("state")[0]["text"].startswith(AWAY)


@pytest.mark.parametrize(
    "words", ["conversation_handoff", "[HANDOFF]", "I am connecting you to a person now."]
)
def test_whatever_the_bot_says_it_hands_nothing_over(
    customer: Customer, operator: Operator, speaks: Callable[..., object], words: str
) -> None:
    operator.is_there()
    speaks(lambda _question: iter([Token(words)]))
    reply = customer.asks("What now?")
    assert reply.text == words
    assert reply.named("handoff") == []
    assert customer.state["with"] == "bot"


class TestNoAnswer:
    def test_a_person_is_offered_when_the_bot_has_none_twice(
        self, customer: Customer, operator: Operator, speaks: Callable[..., object]
    ) -> None:
        speaks(nothing_is_known)
        first, second = customer.asks("what?"), customer.asks("and this?")
        assert (first.abstained, first.named("handoff")) == (True, [])
        (offer,) = second.named("handoff")
        assert offer["text"] == "Would you like to talk to a person from our team?"

    def test_it_counts_from_the_last_handoff_on(
        self, customer: Customer, operator: Operator, speaks: Callable[..., object]
    ) -> None:
        operator.is_there()
        speaks(nothing_is_known)
        customer.asks("what?")
        customer.asks_for_a_person()
        operator.takes(customer.conversation)
        operator.does("give-back", customer.conversation)
        assert customer.asks("and this?").named("handoff") == []
        assert customer.asks("and that?").named("handoff") != []


class TestPeopleAreNotOffered:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"handoff": type(settings.handoff)(enabled=False)})

    def test_nobody_is_promised(self, customer: Customer, speaks: Callable[..., object]) -> None:
        assert customer.state["available"] is False
        answer = customer.client.post("/api/handoff", json={}, headers=customer.headers)
        assert answer.status_code == 403
        assert customer.asks("talk to a person").text == "talk to a person"
        speaks(nothing_is_known)
        assert [customer.asks("what?").named("handoff") for _ in range(3)] == [[], [], []]


class TestNews:
    def test_what_a_person_writes_arrives_as_it_is_written(
        self, customer: Customer, operator: Operator
    ) -> None:
        operator.is_there()
        customer.asks_for_a_person()
        conversation = customer.conversation
        news = customer.hears()
        assert next(news).data["with"] == "waiting"
        operator.takes(conversation)
        assert next(news).data["with"] == "person"
        operator.replies(conversation, "Good morning")
        heard = next(news)
        assert (heard.name, heard.data["role"], heard.data["text"]) == ("message", "operator", "Good morning")
        operator.closes(conversation)
        assert next(news).data["with"] == "bot"
        assert list(news) == []

    def test_a_line_that_breaks_loses_nothing_and_repeats_nothing(
        self, customer: Customer, operator: Operator
    ) -> None:
        operator.is_there()
        customer.asks_for_a_person()
        conversation = customer.conversation
        operator.takes(conversation)
        cursor, heard = customer.looks()["cursor"], []
        for number in range(20):  # one by one, each behind a broken line; every other one while it is broken
            operator.replies(conversation, f"number {number}")
            if number % 2:
                continue
            for frame in (news := customer.hears(cursor)):
                if frame.name == "state":
                    break
                cursor = frame.id
                heard.append(frame.data["text"])
            news.close()
        assert heard == [f"number {number}" for number in range(19)]

    def test_it_is_read_again_instead_where_too_many_listen(
        self, app, customer: Customer, operator: Operator
    ) -> None:  # type: ignore[no-untyped-def]
        operator.is_there()
        customer.asks_for_a_person()
        operator.takes(customer.conversation)
        while app.extensions["streams"].enter():
            pass
        refused = customer.client.get("/api/conversation/events", headers=customer.headers)
        assert (refused.status_code, refused.json["retry"]) == (503, True)
        cursor = customer.looks()["cursor"]
        operator.replies(customer.conversation, "Good morning")
        assert [message["text"] for message in customer.looks(cursor)["messages"]] == ["Good morning"]

    def test_whoever_leaves_makes_room(self, app, customer: Customer, operator: Operator) -> None:  # type: ignore[no-untyped-def]
        operator.is_there()
        customer.asks_for_a_person()
        for _ in range(300):
            news = customer.hears()
            next(news)
            news.close()
        assert app.extensions["streams"].enter()

    def test_nobody_hears_anothers_conversation(
        self, customer: Customer, another_customer: Customer, operator: Operator
    ) -> None:
        operator.is_there()
        for one in (customer, another_customer):
            one.asks_for_a_person()
            operator.takes(one.conversation)
        operator.replies(customer.conversation, "for the first")
        operator.replies(another_customer.conversation, "for the second")
        news = another_customer.hears("0")
        assert next(news).data["text"] == "for the second"
        news.close()

    def test_the_server_does_not_wait_for_those_who_listen(
        self, customer: Customer, operator: Operator, kotae: Kotae
    ) -> None:
        operator.is_there()
        customer.asks_for_a_person()
        news = customer.hears()
        next(news)
        threading.Timer(0.2, kotae.changes.close).start()
        began = time.monotonic()
        list(news)
        assert time.monotonic() - began < STREAM_SECONDS / 2
