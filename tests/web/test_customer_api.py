"""A customer asks, reads, reads again, rates and stops, and never sees what is not theirs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from apiflask import APIFlask

from bot.kotae import Kotae
from strategies.base import Question
from strategies.errors import Misconfigured, NoAnswer, Unavailable
from strategies.events import Decision, Event, Token, Usage
from tests.people import Customer
from tests.web.conftest import PASSAGE, cites, never_ends
from web.chat.running import Running


def eventually(look: Callable[[], Any], seconds: float = 30) -> Any:
    """What `look` finds, which another thread is about to bring."""
    end = time.monotonic() + seconds
    while (found := look()) is None and time.monotonic() < end:
        time.sleep(0.01)
    assert found is not None
    return found


def test_a_conversation_opens_with_a_greeting_in_the_customers_language(app: APIFlask) -> None:
    client = app.test_client()
    english = client.post("/api/conversations", json={"site": "https://shop.example", "language": "en"})
    japanese = client.post("/api/conversations", json={}, headers={"Accept-Language": "ja,en;q=0.5"})
    assert english.status_code == japanese.status_code == 201
    assert english.json["greeting"].startswith("Hello")
    assert japanese.json["language"] == "ja"
    assert "こんにちは" in japanese.json["greeting"]
    assert english.json["limits"] == {"question_characters": 2000}


def test_a_language_we_do_not_speak_is_answered_in_one_that_we_do(app: APIFlask) -> None:
    opened = app.test_client().post("/api/conversations", json={"language": "tlh"})
    assert opened.json["language"] == "en"


def test_an_answer_is_streamed_with_its_sources_and_ends_with_the_whole(customer: Customer, speaks) -> None:
    speaks(cites)
    reply = customer.asks("When does it boil?")
    assert [frame.name for frame in reply.frames] == ["start", "token", "citation", "token", "end"]
    assert reply.text == reply.end["text"] == "It boils at 100 °C. Enjoy."
    assert reply.end["message"] == reply.id
    (source,) = reply.citations
    assert source == {
        "number": 1,
        "document": "Kettle guide",
        "source": "kettle.md",
        "page": 3,
        "headings": ["Use", "Boiling"],
        "quote": "The kettle boils at 100 °C.",
        "text": PASSAGE.text,
        "at": len("It boils at 100 °C."),
    }
    assert reply.named("citation") == [source]


def test_what_is_read_again_is_what_was_streamed(customer: Customer, speaks) -> None:
    speaks(cites)
    reply = customer.asks("When does it boil?")
    question, answer = customer.reads_again()
    assert (question["role"], question["text"]) == ("customer", "When does it boil?")
    assert (answer["role"], answer["id"], answer["text"]) == ("bot", reply.id, reply.text)
    assert answer["citations"] == reply.citations
    assert (answer["abstained"], answer["partial"], answer["feedback"]) == (False, False, None)


def test_how_an_answer_was_made_is_not_told_to_customers(customer: Customer, speaks) -> None:
    def tells(_question: Question) -> Iterator[Event]:
        yield Decision(by="router", what="chose the cheap one", why="secret margin")
        yield Usage(prompt_tokens=81_234_567, model="model-of-the-house")
        yield Token("Yes.")

    speaks(tells)
    reply = customer.asks("Is it in stock?")
    seen = str(reply.frames) + str(customer.reads_again())
    assert [frame.name for frame in reply.frames] == ["start", "token", "end"]
    for inside in ("secret margin", "model-of-the-house", "81234567", "scripted"):
        assert inside not in seen


def test_a_second_refusal_offers_a_person(customer: Customer, speaks) -> None:
    def silent(_question: Question) -> Iterator[Event]:
        raise NoAnswer("evidence 0.11 is below 0.4")
        yield

    speaks(silent)
    first = customer.asks("Who won the cup?")
    assert first.abstained
    assert first.named("handoff") == []
    reply = customer.asks("And the year before?")
    assert reply.abstained
    (offer,) = reply.named("handoff")
    assert offer == {"reason": "no_answer", "text": "Would you like to talk to a person from our team?"}
    assert "evidence" not in str(reply.frames)
    answer = customer.reads_again()[-1]
    assert (answer["handoff"], answer["notice"]) == (True, offer["text"])


@pytest.mark.parametrize(
    ("fault", "retry"),
    [
        (Unavailable("http://10.0.0.7:8000 refused the connection"), True),
        (Misconfigured("adapter '/srv/adapters/x' is missing"), False),
        (RuntimeError("KeyError in line 12 of /srv/kotae/strategies/llm.py"), True),
    ],
)
def test_a_strategy_that_breaks_shows_a_customer_nothing_of_our_insides(
    customer: Customer, speaks, fault: Exception, retry: bool
) -> None:
    def breaks(_question: Question) -> Iterator[Event]:
        yield Token("It weighs ")
        raise fault

    speaks(breaks)
    reply = customer.asks("How heavy is it?")
    (error,) = reply.named("error")
    assert error == {
        "text": "Something went wrong on our side. Please try again in a moment.",
        "retry": retry,
    }
    assert reply.end["partial"]
    assert reply.text == "It weighs "
    assert not any(inside in str(reply.frames) for inside in ("10.0.0.7", "/srv", "KeyError"))


def test_an_answer_whose_customer_does_not_come_back_ends_and_what_was_said_is_kept(
    customer: Customer, app: APIFlask, speaks
) -> None:
    app.extensions["running"] = Running(patience=0.2)
    speaker = speaks(never_ends)
    reading = customer.starts_to_read("Tell me everything.")
    read = [next(reading) for _ in range(4)]
    reading.close()
    assert speaker.closed.wait(30)
    answer = eventually(lambda: dict(enumerate(customer.reads_again())).get(1))
    assert answer["partial"]
    assert answer["text"].startswith("and " * sum(frame.name == "token" for frame in read))


def test_the_stop_button_ends_the_answer_and_the_next_question_is_taken(customer: Customer, speaks) -> None:
    speaker = speaks(never_ends)
    reading = customer.starts_to_read("Tell me everything.")
    start = next(reading)
    next(reading)
    assert customer.stops(start.data["message"]).json == {"done": True}
    rest = list(reading)
    assert rest[-1].name == "end"
    assert rest[-1].data["partial"]
    assert speaker.closed.is_set()
    speaks(cites)
    assert customer.asks("And the boiling point?").status == 200


def test_nobody_stops_another_customers_answer(
    customer: Customer, another_customer: Customer, speaks
) -> None:
    speaks(never_ends)
    reading = customer.starts_to_read("Tell me everything.")
    start = next(reading)
    assert another_customer.stops(start.data["message"]).json == {"done": False}
    assert next(reading).name == "token"
    reading.close()


def test_a_customer_never_sees_another_customers_conversation(
    customer: Customer, another_customer: Customer, speaks
) -> None:
    speaks(cites)
    customer.asks("My order number is 4711-4711-4711, where is it?")
    another_customer.asks("Hello")
    assert "4711-4711-4711" not in str(another_customer.reads_again())


def test_a_thumb_is_kept_changed_and_taken_back(customer: Customer, speaks) -> None:
    speaks(cites)
    reply = customer.asks("When does it boil?")
    assert customer.rates(reply.id, "down", reason="wrong", comment="It is 98 °C up here").status_code == 200
    assert customer.reads_again()[-1]["feedback"] == "down"
    customer.rates(reply.id, "up")
    assert customer.reads_again()[-1]["feedback"] == "up"
    customer.rates(reply.id, None)
    assert customer.reads_again()[-1]["feedback"] is None


def test_only_answers_of_ones_own_conversation_can_be_rated(
    customer: Customer, another_customer: Customer, speaks
) -> None:
    speaks(cites)
    reply = customer.asks("When does it boil?")
    question_id = customer.reads_again()[0]["id"]
    assert another_customer.rates(reply.id, "down").status_code == 404
    assert customer.rates(question_id, "down").status_code == 404
    assert customer.rates("no-such-message", "down").status_code == 404
    assert customer.reads_again()[-1]["feedback"] is None


def test_a_question_while_the_last_answer_is_being_written_is_asked_to_wait(
    customer: Customer, speaks
) -> None:
    speaks(never_ends)
    reading = customer.starts_to_read("Tell me everything.")
    next(reading)
    reply = customer.asks("Hello?")
    assert (reply.status, reply.error) == (
        409,
        "I am still answering your last question. One moment, please.",
    )
    reading.close()


def test_the_page_may_be_asked_from_any_thread_after_the_view_has_returned(
    customer: Customer, speaks
) -> None:
    """The stream runs behind the request: nothing in it may reach for Flask's request."""
    speaks(cites)
    response = customer.client.post(
        "/api/messages", json={"text": "When?"}, headers=customer.headers, buffered=False
    )
    assert response.headers["X-Accel-Buffering"] == "no"
    assert response.headers["Cache-Control"] == "no-cache"
    assert response.mimetype == "text/event-stream"
    assert "event: end" in response.text


def test_what_is_said_is_recorded_for_the_operator(customer: Customer, kotae: Kotae, speaks) -> None:
    speaks(cites)
    customer.asks("When does it boil?")
    (conversation,) = kotae.conversations.page()
    assert conversation.opening == "When does it boil?"
    assert conversation.strategies == ("scripted",)
