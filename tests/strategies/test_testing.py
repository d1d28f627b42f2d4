"""The contract's tests catch strategies that break it: a test that cannot fail proves nothing."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from strategies.base import Question
from strategies.errors import NoAnswer, Unavailable
from strategies.events import Citation, Decision, Event, Token
from strategies.testing import MemorySearch, Scripted, StrategyContract, kit, said
from tests.strategies.passages import DESCALE, EVERYTHING, WARRANTY

ASKED = Question("How long is the warranty?", passages=(WARRANTY,))


class Breaking:
    """A strategy that streams whatever it is told."""

    def __init__(self, stream: Callable[[Question], Iterator[Event]]) -> None:
        self.stream = stream

    def warm_up(self) -> None: ...


def ends_without_a_word(question: Question) -> Iterator[Event]:
    yield Decision("x", "thought about it")


def speaks_emptily(question: Question) -> Iterator[Event]:
    yield Token("a")
    yield Token("")


def cites_what_was_not_given(question: Question) -> Iterator[Event]:
    yield Token("a")
    yield Citation(1, DESCALE, "Use 15 g")


def quotes_what_is_not_there(question: Question) -> Iterator[Event]:
    yield Token("a")
    yield Citation(1, WARRANTY, "for ever")


def counts_from_two(question: Question) -> Iterator[Event]:
    yield Token("a")
    yield Citation(2, WARRANTY, "24 months")


def abstains_after_speaking(question: Question) -> Iterator[Event]:
    yield Token("Well")
    raise NoAnswer("on second thought")


def crashes_when_empty(question: Question) -> Iterator[Event]:
    yield Token(question.text.split()[0])


def remembers() -> Callable[[Question], Iterator[Event]]:
    heard: list[str] = []

    def stream(question: Question) -> Iterator[Event]:
        heard.append(question.text)
        yield Token(f"{len(heard)} questions so far")

    return stream


def leaves_a_thread(question: Question) -> Iterator[Event]:
    threading.Thread(target=threading.Event().wait, args=(60,), daemon=True).start()
    yield Token("a")
    yield Token("b")


class Impatient(StrategyContract):
    patience = 0.1


CONTRACT = Impatient()


@pytest.mark.parametrize(
    ("stream", "test"),
    [
        (ends_without_a_word, CONTRACT.test_it_answers_the_question_it_is_given),
        (speaks_emptily, CONTRACT.test_it_streams_events_of_the_contract),
        (cites_what_was_not_given, CONTRACT.test_it_cites_passages_that_say_what_it_quotes),
        (quotes_what_is_not_there, CONTRACT.test_it_cites_passages_that_say_what_it_quotes),
        (counts_from_two, CONTRACT.test_it_cites_passages_that_say_what_it_quotes),
        (remembers(), CONTRACT.test_it_forgets_one_question_when_it_hears_the_next),
        (remembers(), CONTRACT.test_it_answers_many_at_once_as_it_answers_one),
        (leaves_a_thread, CONTRACT.test_it_can_be_left_after_the_first_token),
    ],
)
def test_a_strategy_that_breaks_a_promise_is_caught(
    stream: Callable[[Question], Iterator[Event]], test: Callable[[Breaking, Question], None]
) -> None:
    with pytest.raises(AssertionError):
        test(Breaking(stream), ASKED)


def test_a_strategy_that_crashes_on_an_odd_question_is_caught() -> None:
    with pytest.raises(IndexError):
        CONTRACT.test_it_survives_an_odd_question(Breaking(crashes_when_empty), ASKED, "")
    with pytest.raises(AssertionError, match="after it had begun"):
        CONTRACT.test_it_survives_an_odd_question(Breaking(abstains_after_speaking), ASKED, "hm?")


def test_a_script_says_what_it_is_told_and_remembers_what_it_was_asked() -> None:
    script = Scripted(Token("Hold "), Unavailable("gone"))
    stream = script.stream(ASKED)
    assert next(stream) == Token("Hold ")
    with pytest.raises(Unavailable, match="gone"):
        next(stream)
    assert script.asked == [ASKED]
    assert script.closed == 0


def test_the_search_of_the_kit_finds_by_words_and_says_how_well() -> None:
    found = MemorySearch(EVERYTHING)("free shipping from 40 euros", k=2)
    assert [(passage.id, passage.rank) for passage in found] == [("shipping", 1)]
    assert found[0].dense is not None
    assert found[0].dense > 0.3


def test_the_kit_has_a_unit_vector_for_each_sentence(tmp_path: Path) -> None:
    rows = kit(EVERYTHING, data=tmp_path).sentences([WARRANTY])[0]
    assert rows.shape[0] == len(WARRANTY.sentences)
    assert float(rows[0] @ rows[0]) == pytest.approx(1, abs=1e-5)


def test_a_stream_that_is_said_is_a_list() -> None:
    assert said(Scripted(Token("a")), ASKED) == [Token("a")]
