"""An answer that was given once is given again, to the same question, for as long as it holds."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from strategies.base import Question, Strategy, Turn
from strategies.cache import Cached, CachedOptions
from strategies.errors import NoAnswer, Unavailable
from strategies.events import Citation, Decision, Event, Token, Usage, collect
from strategies.streams import stream_of
from strategies.testing import Scripted, StrategyContract, kit, said
from tests.strategies.passages import WARRANTY

ASKED = Question("How long is the warranty?", language="en")
AGAIN = Question("how long is the warranty, please", language="en")
ANSWER: tuple[Event, ...] = (
    Decision("rag", "found 6 passages"),
    Token("24 months."),
    Citation(1, WARRANTY, "The warranty lasts 24 months from the day of purchase."),
    Token(" Bye."),
    Usage(100, 900, 8, model="big", adapter="a1", prompt_version="p1"),
)


@dataclass
class House:
    """What changes around a cache: the documents, who answers, and the time."""

    version: str = "1"
    standing: str = "a"
    time: datetime = field(default_factory=lambda: datetime(2026, 11, 28, tzinfo=UTC))

    def caches(self, inner: Strategy, **options: float) -> Cached:
        doors = kit(
            strategies={"inner": inner},
            named="quick",
            version=lambda: self.version,
            standing=lambda name: f"{name} {self.standing}",
        )
        return Cached(CachedOptions(inner="inner", **options), doors, clock=lambda: self.time)  # type: ignore[arg-type]


@pytest.fixture
def house() -> House:
    return House()


class TestCached(StrategyContract):
    @pytest.fixture
    def question(self) -> Question:
        return ASKED

    @pytest.fixture
    def strategy(self, house: House) -> Strategy:
        """One that knows the question already: the contract asks for the same answer twice."""
        cached = house.caches(Scripted(*ANSWER))
        said(cached, ASKED)
        return cached


def test_the_same_question_is_answered_by_what_was_said_before_with_its_sources(house: House) -> None:
    inner = Scripted(*ANSWER)
    cached = house.caches(inner)
    first, second = collect(cached.stream(ASKED)), collect(cached.stream(AGAIN))
    assert len(inner.asked) == 1
    assert (second.text, second.citations) == (first.text, first.citations)
    assert second.decisions[0].what == "answered as before"
    assert ASKED.text in second.decisions[0].why
    assert second.decisions[1:] == first.decisions


def test_an_answer_from_the_cache_names_who_spoke_and_costs_nothing(house: House) -> None:
    cached = house.caches(Scripted(*ANSWER))
    said(cached, ASKED)
    answer = collect(cached.stream(AGAIN))
    assert answer.usage == Usage(model="big", adapter="a1", prompt_version="p1")
    assert answer.decisions[0].detail["saved_tokens"] == 1008


def test_a_question_about_another_thing_is_asked_however_alike_it_is(house: House) -> None:
    inner = Scripted(*ANSWER)
    cached = house.caches(inner, alike=0)
    said(cached, Question("How much is the Duo?"))
    said(cached, Question("How much is the One?"))
    assert len(inner.asked) == 2


def test_words_alone_do_not_make_it_the_same_question(house: House) -> None:
    inner = Scripted(*ANSWER)
    cached = house.caches(inner, alike=0.99)
    said(cached, Question("How long is the warranty?"))
    said(cached, Question("How long is the guarantee?"))
    assert len(inner.asked) == 2


def changes_nothing(_house: House) -> None: ...


def documents_change(house: House) -> None:
    house.version = "2"


def another_adapter_speaks(house: House) -> None:
    house.standing = "b"


def a_day_passes(house: House) -> None:
    house.time += timedelta(hours=25)


@pytest.mark.parametrize(
    ("happens", "asked"),
    [(changes_nothing, 1), (documents_change, 2), (another_adapter_speaks, 2), (a_day_passes, 2)],
)
def test_it_holds_until_something_changes(house: House, happens: Callable[[House], None], asked: int) -> None:
    inner = Scripted(*ANSWER)
    cached = house.caches(inner)
    said(cached, ASKED)
    happens(house)
    said(cached, AGAIN)
    assert len(inner.asked) == asked


def test_what_came_back_after_a_change_does_not_bring_the_old_answer_back(house: House) -> None:
    inner = Scripted(*ANSWER)
    cached = house.caches(inner)
    said(cached, ASKED)
    house.version = "2"
    said(cached, Question("another thing altogether"))
    house.version = "1"
    said(cached, AGAIN)
    assert len(inner.asked) == 3


def test_an_answer_during_which_the_documents_changed_is_not_kept(house: House) -> None:
    inner = Scripted(*ANSWER)
    cached = house.caches(inner)
    with closing(stream_of(cached, ASKED)) as stream:
        next(stream)
        house.version = "2"
        list(stream)
    said(cached, AGAIN)
    assert len(inner.asked) == 2


@pytest.mark.parametrize(
    "changed",
    [
        replace(AGAIN, language="ja"),
        replace(AGAIN, history=(Turn("customer", "I have a Duo."),)),
        replace(AGAIN, passages=(WARRANTY,)),
    ],
    ids=["in another language", "within a conversation", "with passages to read"],
)
def test_a_question_that_is_only_worded_alike_is_asked(house: House, changed: Question) -> None:
    inner = Scripted(*ANSWER)
    cached = house.caches(inner)
    said(cached, ASKED)
    said(cached, changed)
    assert len(inner.asked) == 2


def test_what_was_said_within_a_conversation_is_nobody_elses_answer(house: House) -> None:
    inner = Scripted(*ANSWER)
    cached = house.caches(inner)
    said(cached, replace(ASKED, history=(Turn("customer", "I have a Duo."),)))
    said(cached, AGAIN)
    assert len(inner.asked) == 2


@pytest.mark.parametrize("error", [NoAnswer("nothing"), Unavailable("gone")])
@pytest.mark.parametrize("before", [(), (Token("It "),)], ids=["at once", "part way"])
def test_neither_abstention_nor_failure_is_kept(
    house: House, error: Exception, before: tuple[Event, ...]
) -> None:
    inner = Scripted(*before, error)
    cached = house.caches(inner)
    for _ in range(2):
        with pytest.raises(type(error)):
            said(cached, ASKED)
    assert len(inner.asked) == 2


@pytest.mark.parametrize("what", ["the answer was cut off", "the answer was stopped", "stopped"])
def test_an_answer_that_ended_too_early_is_not_kept(house: House, what: str) -> None:
    inner = Scripted(Token("It lasts"), Decision("model", what))
    cached = house.caches(inner)
    said(cached, ASKED)
    said(cached, ASKED)
    assert len(inner.asked) == 2


def test_an_answer_that_its_customer_left_is_not_kept(house: House) -> None:
    inner = Scripted(*ANSWER)
    cached = house.caches(inner)
    with closing(stream_of(cached, ASKED)) as stream:
        next(event for event in stream if isinstance(event, Token))
    assert inner.closed == 1
    said(cached, ASKED)
    assert len(inner.asked) == 2


def test_it_keeps_so_many_answers_and_lets_the_longest_unused_go(house: House) -> None:
    inner = Scripted(*ANSWER)
    cached = house.caches(inner, most=2)
    for text in ("red kettle", "blue mug", "red kettle", "green scale"):
        said(cached, Question(text))
    assert len(cached) == 2
    asked = len(inner.asked)
    said(cached, Question("red kettle"))
    assert len(inner.asked) == asked
    said(cached, Question("blue mug"))
    assert len(inner.asked) == asked + 1


def test_many_customers_may_ask_while_the_documents_change(house: House) -> None:
    cached = house.caches(Scripted(*ANSWER))

    def ask(number: int) -> str:
        house.version = str(number // 10)
        return collect(cached.stream(Question(f"question about part {number % 5}"))).text

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(100))) == {"24 months. Bye."}
