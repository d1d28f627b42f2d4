"""A customer whose connection breaks goes on where they were: nothing is lost, repeated, or asked twice."""

from __future__ import annotations

import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from apiflask import APIFlask

from bot.conversations.writings import Partial
from bot.kotae import Kotae
from knowledge_base.line import Line, moment
from strategies.base import Question
from strategies.errors import NoAnswer, Unavailable
from strategies.events import Citation, Event, Token
from tests.browser.sites import served
from tests.people import Customer, Frame, frames
from tests.web.conftest import PASSAGE, cites, never_ends
from web import sse
from web.chat.running import Running
from web.chat.wire import awaited

WORDS = "Fill the tank 🫖 to MAX, press 「抽出」 for 3.5 seconds,\nand wait until the light is amber. "


def long_answer(question: Question) -> Iterator[Event]:
    """Some hundred letters with sources between them, in a hurry or slowly."""
    for n, letter in enumerate(WORDS * 4):
        yield Token(letter)
        if n % 60 == 59:
            yield Citation(1, PASSAGE, "The kettle boils at 100 °C.")
        if n % 7 == 0:
            time.sleep(0.001)


@dataclass
class Reader:
    """A customer at the end of a line that breaks: reads with a raw socket, byte by byte."""

    address: str
    token: str
    question_id: str = field(default_factory=lambda: uuid4().hex)
    text: str = ""
    citations: list[dict[str, Any]] = field(default_factory=list)
    starts: int = 0
    last: str = ""  # the id of the last event that came whole
    end: dict[str, Any] | None = None
    cuts: int = 0

    def reads(self, question: str, breaks: Iterator[int]) -> Reader:
        """Ask, and come back each time the line broke, until the end."""
        for _ in range(2000):
            self._connect(question, next(breaks, None))
            if self.end is not None:
                return self
        raise AssertionError("the end never came")

    def _connect(self, question: str, cut_after: int | None) -> None:
        asks = not self.last
        body = json.dumps({"text": question, "id": self.question_id}).encode() if asks else b""
        way = "POST /api/messages" if asks else f"GET /api/messages/{self.question_id}/answer"
        head = [
            f"{way} HTTP/1.1",
            f"Authorization: Bearer {self.token}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Host: kotae.example",
            "Connection: close",
            *([f"Last-Event-ID: {self.last}"] if self.last else []),
        ]
        where = urlsplit(self.address)
        with socket.create_connection((where.hostname, where.port), timeout=20) as line:
            line.sendall("\r\n".join([*head, "", ""]).encode() + body)
            received = b""
            while cut_after is None or len(received) < cut_after:
                piece = line.recv(64 if cut_after is None else min(64, cut_after - len(received)))
                if not piece:
                    break
                received += piece
            else:
                self.cuts += 1
        self._take(received)

    def _take(self, received: bytes) -> None:
        head, _, body = received.partition(b"\r\n\r\n")
        if b"text/event-stream" not in head:
            return  # it broke before the answer began, or the turn is just being claimed: ask again
        whole, _, _half = unchunked(body).rpartition(b"\n\n")
        for event in frames(whole.decode()):
            self._hear(event)

    def _hear(self, event: Frame) -> None:
        self.last = event.id
        match event.name:
            case "start":
                self.starts += 1
            case "token":
                self.text += event.data["text"]
            case "citation":
                self.citations.append(event.data)
            case "end":
                self.end = event.data


def unchunked(body: bytes) -> bytes:
    """What came of a chunked body, the last chunk perhaps in part."""
    came = b""
    while b"\r\n" in body:
        size, _, body = body.partition(b"\r\n")
        length = int(size, 16)
        came += body[:length]
        body = body[length + 2 :]
    return came


def somewhere(seed: int, most: int = 9000) -> Iterator[int]:
    """Places to break a line, in bytes, more often near its beginning."""
    dice = random.Random(seed)
    while True:
        yield dice.choice([dice.randint(1, 400), dice.randint(1, most)])


def stored(customer: Customer) -> list[dict[str, Any]]:
    return customer.reads_again()


def test_a_hundred_broken_connections_lose_and_repeat_nothing(app: APIFlask, speaks) -> None:
    """Broken at random places, in the head, inside an event, inside a letter: the text is the stored text."""
    speaks(long_answer)
    cuts = 0
    with served(app) as address:
        for seed in range(100):
            customer = Customer(app)
            reader = Reader(address, customer.token).reads("How?", somewhere(seed))
            question, answer = stored(customer)
            assert (question["text"], question["id"]) == ("How?", reader.question_id)
            assert reader.text == answer["text"] == reader.end["text"] == WORDS * 4, seed
            assert reader.citations == answer["citations"] == reader.end["citations"], seed
            assert reader.starts <= 1
            cuts += reader.cuts
            if cuts >= 100:
                break
    assert cuts >= 100


def test_what_was_answered_meanwhile_is_read_out_of_the_record(customer: Customer, speaks) -> None:
    speaks(cites)
    reply = customer.asks("When does it boil?", id="a" * 32)
    for n, frame in enumerate(reply.frames):
        rest = customer.reads_on("a" * 32, after=frame.id)
        assert "".join(part.data["text"] for part in rest if part.name == "token") == "".join(
            part.data["text"] for part in reply.frames[n + 1 :] if part.name == "token"
        )
        assert [part.data for part in rest if part.name == "citation"] == [
            part.data for part in reply.frames[n + 1 :] if part.name == "citation"
        ]
        assert rest[-1].data == reply.end


def test_a_question_sent_twice_is_kept_once_and_answered_once(customer: Customer, speaks) -> None:
    speaker = speaks(cites)
    first, second = (customer.asks("When does it boil?", id="b" * 32) for _ in range(2))
    assert second.text == first.text
    assert second.id == first.id
    assert [message["role"] for message in customer.reads_again()] == ["customer", "bot"]
    assert speaker.closed.is_set()


def test_a_question_tried_again_is_answered_anew_and_kept_once(customer: Customer, speaks) -> None:
    def breaks(_question: Question) -> Iterator[Event]:
        raise Unavailable("the server is down")
        yield

    speaks(breaks)
    assert customer.asks("When does it boil?", id="c" * 32).named("error")
    heard: list[Question] = []

    def works(question: Question) -> Iterator[Event]:
        heard.append(question)
        yield Token("At 100 °C.")

    speaks(works)
    assert customer.asks("When does it boil?", id="c" * 32, again=True).text == "At 100 °C."
    assert heard[0].history == ()
    assert [message["role"] for message in customer.reads_again()] == ["customer", "bot", "bot"]
    assert customer.asks("When does it boil?", id="c" * 32).text == "At 100 °C."


def test_a_question_asked_in_other_words_takes_the_place_of_the_first(
    customer: Customer, kotae: Kotae, speaks
) -> None:
    heard: list[Question] = []

    def listens(question: Question) -> Iterator[Event]:
        heard.append(question)
        yield Token(f"You asked {question.text}")

    speaks(listens)
    customer.asks("Is it red?", id="1" * 32)
    customer.asks("How havy is it?", id="2" * 32)
    customer.asks("How heavy is it?", id="3" * 32, replaces="2" * 32)
    assert [turn.text for turn in heard[-1].history] == ["Is it red?", "You asked Is it red?"]
    assert [message["id"] for message in customer.reads_again() if message["role"] == "customer"] == [
        "1" * 32,
        "3" * 32,
    ]
    (conversation,) = kotae.conversations.page()
    kept = kotae.conversations.get(conversation.id).messages
    assert [message.replaced for message in kept] == [False, False, True, True, False, False]


def test_two_tabs_read_one_answer(customer: Customer, speaks) -> None:
    speaks(never_ends)
    first = customer.starts_to_read("Tell me everything.", id="d" * 32)
    start = next(first)
    next(first)
    second = customer.starts_to_read_on("d" * 32)
    assert next(second).data == start.data
    customer.stops(start.data["message"])
    ends = [[frame for frame in reading if frame.name == "end"] for reading in (first, second)]
    assert ends[0] == ends[1]
    assert ends[0][0].data["text"] == customer.reads_again()[-1]["text"]


def test_nobody_reads_another_customers_answer(
    customer: Customer, another_customer: Customer, speaks
) -> None:
    speaks(cites)
    customer.asks("When does it boil?", id="e" * 32)
    response = another_customer.client.get(
        f"/api/messages/{'e' * 32}/answer", headers=another_customer.headers
    )
    assert response.status_code == 404
    assert another_customer.asks("Mine?", id="e" * 32).status == 200
    assert [message["id"] == "e" * 32 for message in another_customer.reads_again()] == [False, False]


@pytest.mark.parametrize("fault", [NoAnswer("nothing near"), Unavailable("down")])
def test_what_was_said_instead_of_an_answer_is_read_again_too(
    customer: Customer, speaks, fault: Exception
) -> None:
    def fails(_question: Question) -> Iterator[Event]:
        raise fault
        yield

    speaks(fails)
    reply = customer.asks("Who won?", id="f" * 32)
    again = customer.reads_on("f" * 32)
    assert [(frame.name, frame.data) for frame in again if frame.name != "token"] == [
        (frame.name, frame.data) for frame in reply.frames if frame.name != "token"
    ]


def test_an_answer_goes_on_while_its_customer_is_away(customer: Customer, app: APIFlask, speaks) -> None:
    app.extensions["running"] = Running(patience=10)
    more = threading.Event()

    def waits(_question: Question) -> Iterator[Event]:
        yield Token("Early. ")
        assert more.wait(60)
        yield Token("Late.")

    speaks(waits)
    reading = customer.starts_to_read("How long?", id="9" * 32)
    *_, heard = [next(reading), next(reading)]
    reading.close()
    more.set()
    rest = customer.reads_on("9" * 32, after=heard.id)
    assert [frame.data.get("text") for frame in rest] == ["Late.", "Early. Late."]


def test_who_asked_first_is_served_first_wherever_there_is_a_line() -> None:
    """Also where the first one comes to it last, as after a search that the second could do without."""
    line, served, second_waits = Line(1), list[str](), threading.Event()

    class Wants:
        def __init__(self, name: str, wait_for: threading.Event | None = None) -> None:
            self._name, self._before = name, wait_for

        def __iter__(self) -> Wants:
            return self

        def __next__(self) -> Any:
            assert self._before is None or self._before.wait(30)
            with line.place():
                served.append(self._name)
            raise StopIteration

        def close(self) -> None:
            pass

    running = Running(patience=10)
    with line.place():
        writings = [
            running.begin("c", "first", Wants("first", second_waits)),
            running.begin("c", "second", Wants("second")),
        ]
        for count in (2, 3):
            deadline = time.monotonic() + 30
            while line.wanted < count and time.monotonic() < deadline:
                time.sleep(0.001)
            assert line.wanted == count
            second_waits.set()
    for writing in writings:
        list(writing.read())
    assert served == ["first", "second"]


def test_a_question_is_taken_in_when_it_is_its_turn_and_answered_as_one_that_came_when_it_was_asked(
    customer: Customer, kotae: Kotae, speaks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a crowd that asks takes the cores from the one that waits for its answers."""
    line, came_at = Line(1), list[float]()

    def tells_when(_question: Question) -> Iterator[Event]:
        came_at.append(moment())
        yield Token("Here.")

    assert customer.token  # the conversation is open
    speaks(tells_when)
    monkeypatch.setattr("bot.kotae.CORES", line)
    asks = threading.Thread(target=customer.asks, args=("How long?",))
    with line.place():
        asks.start()
        deadline = time.monotonic() + 30
        while line.wanted < 2 and time.monotonic() < deadline:
            time.sleep(0.001)
        assert line.wanted == 2
        (begun,) = kotae.conversations.page()
        assert not kotae.conversations.get(begun.id).messages
        released = time.monotonic()
    asks.join()
    assert len(kotae.conversations.get(begun.id).messages) == 2
    assert came_at[0] < released


def test_a_silent_answer_keeps_its_connection_and_a_stop_does_not_wait_for_it() -> None:
    gate, over = threading.Event(), threading.Event()

    class Silent:
        closed = threading.Event()

        def __iter__(self) -> Silent:
            return self

        def __next__(self) -> Any:
            gate.wait(60)
            over.set()
            raise StopIteration

        def close(self) -> None:
            self.closed.set()

    running = Running(patience=10)
    writing = running.begin("c", "q", Silent())
    reading = writing.read(every=0.02)
    assert next(reading).startswith(":")
    writing.stop()
    (end,) = [frame for text in reading for frame in frames(text)]
    assert (end.name, end.data["partial"]) == ("end", True)
    assert not over.is_set()
    gate.set()
    assert Silent.closed.wait(30)


def test_an_answer_that_another_process_writes_is_waited_for(
    customer: Customer, kotae: Kotae, speaks
) -> None:
    speaks(cites)
    reply = customer.asks("When does it boil?", id="7" * 32)
    (conversation,) = kotae.conversations.page()
    answer = kotae.conversations.answer_to(conversation.id, "7" * 32)
    looks = iter([None, None, answer])
    waits: list[float] = []
    told = [
        frame for text in awaited(lambda: next(looks), Partial, None, waits.append) for frame in frames(text)
    ]
    assert len(waits) == 2
    assert told[0].data == {"message": reply.id}
    assert told[-1].data == reply.end


def test_an_answer_that_nobody_writes_any_longer_is_not_waited_for() -> None:
    """Whoever wrote it was killed."""
    goes_on = iter([True, True, False])
    heard = list(awaited(lambda: None, Partial, None, lambda _: None, lambda: next(goes_on)))
    assert heard == [sse.KEEP_ALIVE] * 2


def test_a_question_that_is_being_answered_elsewhere_is_not_asked_again(
    customer: Customer, kotae: Kotae
) -> None:
    assert customer.token
    (conversation,) = kotae.conversations.page()
    begun = kotae.conversations.begin_turn(
        conversation.id, "When?", "en", turns=4, seconds=60, question_id="6" * 32
    )
    assert begun == ()
    assert kotae.conversations.being_answered(conversation.id, "6" * 32)
    assert not kotae.conversations.being_answered(conversation.id, "5" * 32)


@pytest.mark.parametrize("nonsense", ["", "7", "a.b.c", "1.2.3.4", "-1.0.0", "１.0.0", "9" * 40 + ".0.0"])
def test_an_event_id_that_is_none_of_ours_reads_from_the_beginning(
    customer: Customer, speaks, nonsense: str
) -> None:
    speaks(cites)
    customer.asks("When does it boil?", id="8" * 32)
    assert customer.reads_on("8" * 32, after=nonsense.encode().decode("latin-1"))[0].name == "start"
