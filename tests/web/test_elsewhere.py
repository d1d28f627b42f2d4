"""Several processes serve one installation: a customer reads at one of them what another writes.

Two applications on one database stand for them; neither has anything of the other's memory.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa
from apiflask import APIFlask

from bot.conversations.writings import Writings
from bot.kotae import Kotae
from bot.store import reading
from bot.store.tables import ConversationRow, WritingRow
from knowledge_base.database import now, open_engine
from strategies.base import Question
from strategies.events import Citation, Event, Token
from strategies.testing import eventually
from tests.people import Customer, Frame
from tests.web.conftest import PASSAGE, never_ends
from web.app import create_app

QUESTION = "7" * 32


@pytest.fixture
def app(kotae: Kotae) -> Iterator[APIFlask]:
    """Where it is written."""
    kotae.writings = Writings(kotae.engine)
    app = create_app(kotae)
    yield app
    app.extensions["running"].close()


@pytest.fixture
def elsewhere(kotae: Kotae, app: APIFlask) -> Iterator[Customer]:
    """The same customer at another process."""
    engine = open_engine(str(kotae.engine.url))
    other = create_app(kotae)
    running = other.extensions["running"]
    kotae.writings = Writings(engine)
    customer = Customer(other)
    yield customer
    running.close()
    engine.dispose()


class Slowly:
    """Says a word whenever it is let."""

    def __init__(self) -> None:
        self.let = threading.Semaphore(0)

    def __call__(self, _question: Question) -> Iterator[Event]:
        for word in ("It ", "boils ", "at 100 °C."):
            assert self.let.acquire(timeout=30)
            yield Token(word)
            if word == "boils ":
                yield Citation(1, PASSAGE, "The kettle boils at 100 °C.")
        assert self.let.acquire(timeout=30)


def same_customer(customer: Customer, elsewhere: Customer) -> Customer:
    elsewhere._token = customer.token
    return elsewhere


def rows(kotae: Kotae) -> int:
    with reading(kotae.engine) as session:
        return session.scalar(sa.select(sa.func.count()).select_from(WritingRow)) or 0


def test_an_answer_streams_where_it_is_not_written_and_leaves_nothing_behind(
    customer: Customer, elsewhere: Customer, kotae: Kotae, speaks
) -> None:
    slowly = Slowly()
    speaks(slowly)
    here = customer.starts_to_read("When does it boil?", id=QUESTION)
    start = next(here)
    slowly.let.release()
    next(here)
    there = same_customer(customer, elsewhere).starts_to_read_on(QUESTION)
    told: list[Frame] = [next(there), next(there)]
    assert [(frame.name, frame.data) for frame in told] == [
        ("start", start.data),
        ("token", {"text": "It "}),
    ]
    slowly.let.release()
    told.append(next(there))
    told.append(next(there))
    assert [frame.name for frame in told[2:]] == ["token", "citation"]
    assert told[3].data["at"] == len("It boils ")
    slowly.let.release(2)
    rest, over = list(here), list(there)
    assert over[-1].data == rest[-1].data
    assert "".join(f.data["text"] for f in [*told, *over] if f.name == "token") == "It boils at 100 °C."
    assert [frame.name for frame in [*told, *over]].count("citation") == 1
    eventually(lambda: rows(kotae) == 0)


def test_a_line_that_comes_back_at_another_process_goes_on_where_it_was(
    customer: Customer, elsewhere: Customer, speaks
) -> None:
    slowly = Slowly()
    speaks(slowly)
    here = customer.starts_to_read("When does it boil?", id=QUESTION)
    slowly.let.release(2)
    *_, last = [next(here) for _ in range(3)]
    here.close()
    there = same_customer(customer, elsewhere).starts_to_read_on(QUESTION, after=last.id)
    assert next(there).name == "citation"
    slowly.let.release(2)
    rest = list(there)
    assert [frame.data["text"] for frame in rest] == ["at 100 °C.", "It boils at 100 °C."]


def test_a_customer_stops_at_one_process_what_another_writes(
    customer: Customer, elsewhere: Customer, kotae: Kotae, speaks
) -> None:
    speaks(never_ends)
    here = customer.starts_to_read("Tell me everything.", id=QUESTION)
    answer = next(here).data["message"]
    assert same_customer(customer, elsewhere).stops(answer).json == {"done": True}
    *_, end = here
    assert (end.name, end.data["partial"]) == ("end", True)
    assert elsewhere.stops(answer).json == {"done": False}
    eventually(lambda: rows(kotae) == 0)


def test_an_answer_that_nobody_reads_elsewhere_costs_no_row(
    customer: Customer, kotae: Kotae, speaks, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = threading.Event()
    wishes = Writings.wishes

    def wished(self: Writings, conversations: list[str]) -> object:
        try:
            return wishes(self, conversations)
        finally:
            looked.set()

    monkeypatch.setattr(Writings, "wishes", wished)
    slowly = Slowly()
    speaks(slowly)
    here = customer.starts_to_read("When does it boil?", id=QUESTION)
    next(here)
    assert looked.wait(30)
    assert rows(kotae) == 0
    slowly.let.release(4)
    assert list(here)[-1].name == "end"


def test_who_is_answered_by_a_process_that_is_killed_may_ask_again_after_seconds(
    customer: Customer, kotae: Kotae, speaks
) -> None:
    slowly = Slowly()
    speaks(slowly)
    here = customer.starts_to_read("When does it boil?", id=QUESTION)
    next(here)

    def promised() -> float:
        with reading(kotae.engine) as session:
            until = session.scalar(sa.select(ConversationRow.answering_until))
        assert until
        return (until - now()).total_seconds()

    assert eventually(lambda: promised() <= 20)
    slowly.let.release(4)
    assert list(here)[-1].name == "end"


def test_where_one_process_serves_nobody_looks(kotae: Kotae) -> None:
    kotae.writings = None
    assert create_app(kotae).extensions["running"]._elsewhere is None


def test_what_a_crash_left_behind_goes(
    customer: Customer, kotae: Kotae, monkeypatch: pytest.MonkeyPatch
) -> None:
    writings = Writings(kotae.engine)
    writings.want(customer.conversation, QUESTION)
    writings.tidy()
    assert rows(kotae) == 1
    monkeypatch.setattr("bot.conversations.writings.LEFT_BEHIND", timedelta(days=-1))
    writings.tidy()
    assert rows(kotae) == 0
