"""Answers from what was found."""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace

import pytest

from knowledge_base.errors import Unavailable as SearchUnavailable
from knowledge_base.passages import Passage
from strategies.base import Question, Strategy, Turn
from strategies.errors import Misconfigured, NoAnswer, Unavailable
from strategies.events import Citation, Decision, Token, Usage, collect
from strategies.rag import Rag
from strategies.streams import stream_of
from strategies.testing import MemorySearch, Scripted, StrategyContract, kit, said
from tests.strategies.passages import DESCALE, EVERYTHING, SHIPPING, WARRANTY, passage

LASTS = (Token("The warranty "), Token("lasts 24 months."))
ASKED = Question("How long is the warranty?", language="en")


class TestRag(StrategyContract):
    @pytest.fixture
    def strategy(self) -> Strategy:
        given = kit(EVERYTHING, {"speaks": Scripted(*LASTS)})
        return Rag.make(Rag.Options(inner="speaks"), given)

    @pytest.fixture
    def question(self) -> Question:
        return ASKED


def test_the_inner_strategy_speaks_from_what_was_found_and_is_cited() -> None:
    inner = Scripted(*LASTS, Usage(1, 2, 3))
    answer = collect(Rag(MemorySearch(EVERYTHING), inner).stream(ASKED))
    assert answer.text == "The warranty lasts 24 months."
    assert [(each.number, each.passage.id) for each in answer.citations] == [(1, "warranty")]
    assert answer.usage == Usage(1, 2, 3)
    assert inner.asked[0].passages[0].id == "warranty"
    assert inner.asked[0].query == ASKED.text


def test_an_operator_sees_what_was_found_and_how_well() -> None:
    decision = said(Rag(MemorySearch(EVERYTHING), Scripted(*LASTS), k=2, named="manuals"), ASKED)[0]
    assert isinstance(decision, Decision)
    assert (decision.by, decision.what) == ("manuals", "found 1 passage")
    assert decision.detail["passages"][0]["id"] == "warranty"
    assert decision.detail["passages"][0]["score"] > 0


def test_where_nothing_is_found_nobody_is_asked() -> None:
    inner = Scripted(*LASTS)
    with pytest.raises(NoAnswer, match="no passage was found"):
        said(Rag(MemorySearch(EVERYTHING), inner), Question("xyzzy plugh"))
    assert inner.asked == []


def test_a_follow_up_is_searched_with_what_it_leans_on() -> None:
    inner = Scripted(*LASTS)
    history = (Turn("customer", "Is shipping free?"), Turn("bot", "From 40 euros."))
    events = said(Rag(MemorySearch(EVERYTHING), inner), Question("And how fast is it?", history))
    assert inner.asked[0].text == "And how fast is it?"
    assert inner.asked[0].query == "Is shipping free?\nAnd how fast is it?"
    assert inner.asked[0].passages[0].id == "shipping"
    assert isinstance(events[0], Decision)
    assert "because it" in events[0].why


def test_a_heading_asks_for_what_stands_below_it_whatever_was_said_before() -> None:
    inner = Scripted(*LASTS)
    history = (Turn("customer", "Is shipping free?"), Turn("bot", "From 40 euros."))
    below = replace(WARRANTY, headings=("Care", "The warranty"))
    rag = Rag(MemorySearch((SHIPPING, below)), inner)
    said(rag, Question("the warranty?", history))
    said(rag, Question("a warranty", history))
    assert [asked.query for asked in inner.asked] == ["the warranty?", "Is shipping free?\na warranty"]


def test_a_search_that_is_down_is_unavailable() -> None:
    def down(query: str, k: int = 5) -> Sequence[Passage]:
        raise SearchUnavailable("ChromaDB does not answer")

    with pytest.raises(Unavailable, match="ChromaDB does not answer"):
        said(Rag(down, Scripted(*LASTS)), ASKED)


def test_a_citation_of_something_that_was_not_found_never_reaches_a_customer() -> None:
    inner = Scripted(
        Token("Free."),
        Citation(5, DESCALE, "Use 15 g"),
        Token(" Yes."),
        Citation(9, WARRANTY, "The warranty"),
    )
    answer = collect(Rag(MemorySearch([WARRANTY, SHIPPING]), inner).stream(Question("warranty and shipping")))
    assert [(each.number, each.passage.id) for each in answer.citations] == [(1, "warranty")]


def test_what_stands_around_a_passage_can_be_told_too() -> None:
    book = [passage(f"Chapter {at} is about topic{at}.", id=f"c{at}", position=at) for at in range(5)]
    inner = Scripted(*LASTS)
    rag = Rag.make(Rag.Options(inner="speaks", neighbours=1, k=1), kit(book, {"speaks": inner}))
    said(rag, Question("topic2"))
    assert [told.id for told in inner.asked[0].passages] == ["c1", "c2", "c3"]
    assert [told.rank for told in inner.asked[0].passages] == [0, 1, 0]


def test_a_customer_who_leaves_stops_the_one_that_speaks() -> None:
    inner = Scripted(*LASTS)
    with closing(stream_of(Rag(MemorySearch(EVERYTHING), inner), ASKED)) as stream:
        next(event for event in stream if isinstance(event, Token))
    assert inner.closed == 1


def test_warming_reaches_the_one_that_speaks() -> None:
    inner = Scripted(*LASTS)
    Rag(MemorySearch([]), inner).warm_up()
    assert inner.warmed == 1


def test_a_strategy_may_be_limited_to_documents_with_a_tag() -> None:
    given = kit(EVERYTHING, {"speaks": Scripted(*LASTS)})
    limited = replace(
        given, search_for=lambda _audience, tags: MemorySearch([WARRANTY] if "dealers" in tags else [])
    )
    answer = collect(Rag.make(Rag.Options(inner="speaks", tags=("dealers",)), limited).stream(ASKED))
    assert [each.passage.id for each in answer.citations] == ["warranty"]
    with pytest.raises(NoAnswer):
        collect(Rag.make(Rag.Options(inner="speaks", tags=("customers",)), limited).stream(ASKED))
    with pytest.raises(Misconfigured, match="no document has tags here"):
        Rag.make(Rag.Options(inner="speaks", tags=("dealers",)), given)
