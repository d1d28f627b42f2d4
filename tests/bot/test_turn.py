"""A turn: what was streamed is what is kept, and a customer reads the operator's words whatever breaks."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversations.conversation import Record
from bot.conversations.turn import Ended, Failed, Handoff, Reply, Started, TurnEvent, reply
from bot.settings import Settings
from knowledge_base.errors import Unavailable as EngineUnavailable
from knowledge_base.passages import Passage
from strategies.base import Question, Strategy
from strategies.errors import Misconfigured, NoAnswer, Unavailable
from strategies.events import Answer, Citation, Decision, Token, Usage, collect
from tests.bot.speakers import Says

PASSAGE = Passage("p1", "d1", "Kettle guide", "kettle.md", "It holds two litres.")
DECISION = Decision("rag", "searched", detail={"best": 0.2})
say = Settings().say


class Turn:
    """A turn with its record, on a clock that moves a second with every look."""

    def __init__(self, strategy: Strategy, question: Question | None = None, seconds: float = 1000) -> None:
        self.kept: list[Record] = []
        self.time = 0.0
        self.reply = Reply(
            reply(
                ("manuals", strategy),
                question or Question("How much?", language="en"),
                say=say,
                keep=self.kept.append,
                index_version="7",
                seconds=seconds,
                clock=self.clock,
            )
        )

    def clock(self) -> float:
        self.time += 1
        return self.time

    def __iter__(self) -> Iterator[TurnEvent]:
        return self.reply

    @property
    def record(self) -> Record:
        [record] = self.kept
        return record


def test_an_answer_is_streamed_as_it_comes_and_kept_as_it_was_streamed() -> None:
    said = (
        Token("Two "),
        DECISION,
        Token("litres."),
        Citation(1, PASSAGE, "two litres"),
        Usage(5, 6, 7, "m", "a", "p"),
    )
    turn = Turn(Says(*said))
    started, *streamed, ended = turn

    assert isinstance(started, Started)
    assert started.strategy == "manuals"
    assert tuple(streamed) == said
    assert turn.record == Record(
        started.message_id, collect(said), "en", "manuals", "7", ms_first=2000, ms=turn.record.ms
    )
    assert ended == Ended(
        started.message_id, turn.record.answer, False, False, 2000, turn.record.ms, "manuals", ""
    )


def test_the_answer_is_kept_before_the_customer_reads_that_it_ended() -> None:
    turn = Turn(Says(Token("Yes.")))
    for event in turn:
        assert bool(turn.kept) == isinstance(event, Ended)


def test_a_customer_who_leaves_part_way_leaves_a_partial_answer() -> None:
    strategy = Says(Token("One, "), Token("two, "), Token("three."))
    turn = Turn(strategy)
    next(turn.reply), next(turn.reply)
    turn.reply.close()

    assert strategy.closed.is_set()
    assert turn.record.answer.text == "One, "
    assert turn.record.partial
    assert turn.record.error == "the customer left"


def test_a_reply_that_nobody_reads_is_kept_too() -> None:
    turn = Turn(Says(Token("Hello")))
    del turn.reply
    gc.collect()
    assert turn.record.partial
    assert turn.record.answer == Answer()


@pytest.mark.parametrize(
    "fault",
    [Unavailable("http://10.0.0.7 is down"), EngineUnavailable("chroma 10.0.0.7"), KeyError("10.0.0.7")],
)
def test_a_fault_before_the_first_word_is_told_in_the_operators_words(fault: Exception) -> None:
    turn = Turn(Says(Usage(prompt_tokens=9), fault), Question("いくら", language="ja"))
    _, _, failed, ended = turn

    assert failed == Failed(say("failed", "ja"), retry=True)
    assert isinstance(ended, Ended)
    assert "10.0.0.7" in ended.error
    assert "10.0.0.7" in turn.record.error
    assert turn.record.notice == say("failed", "ja")
    assert turn.record.answer.usage.prompt_tokens == 9
    assert not turn.record.partial


def test_a_fault_in_the_middle_keeps_what_was_said() -> None:
    turn = Turn(Says(Token("Hold the "), Unavailable("gone")))
    *_, failed, ended = turn
    assert isinstance(failed, Failed)
    assert isinstance(ended, Ended)
    assert ended.partial
    assert ended.answer.text == turn.record.answer.text == "Hold the "


def test_trying_again_does_not_help_with_what_only_an_operator_can_change() -> None:
    *_, failed, _ = Turn(Says(Misconfigured("no key")))
    assert failed == Failed(say("failed", "en"), retry=False)


def test_an_unforeseen_fault_leaves_its_traceback_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    list(Turn(Says(ZeroDivisionError("oops"))))
    list(Turn(Says(Unavailable("down"))))
    assert [bool(record.exc_info) for record in caplog.records] == [True, False]


@pytest.mark.parametrize("said", [(), (Usage(completion_tokens=3),), (Token(" "), Token("\n"))])
def test_an_answer_without_a_word_is_an_error_with_a_sentence_of_its_own(
    said: tuple[Token | Usage, ...],
) -> None:
    turn = Turn(Says(*said))
    *_, failed, _ = turn
    assert failed == Failed(say("empty", "en"), retry=True)
    assert "returned no text" in turn.record.error


def test_a_strategy_that_has_nothing_to_say_offers_a_person() -> None:
    spent = Usage(prompt_tokens=40)
    turn = Turn(Says(NoAnswer("too far", (DECISION, spent))), Question("？", language="ja"))
    _, decision, usage, token, handoff, ended = turn

    assert (decision, usage) == (DECISION, spent)
    assert token == Token(say("no_answer", "ja"))
    assert handoff == Handoff("no_answer", say("handoff", "ja"))
    assert isinstance(ended, Ended)
    assert (ended.abstained, ended.partial, ended.error) == (True, False, "")
    assert turn.record.handoff == "no_answer"
    assert turn.record.notice == say("handoff", "ja")
    assert turn.record.answer == Answer(say("no_answer", "ja"), (), spent, (DECISION,))


def test_a_customer_who_leaves_at_the_offer_was_still_refused() -> None:
    turn = Turn(Says(NoAnswer("too far")))
    next(turn.reply), next(turn.reply)
    turn.reply.close()
    assert turn.record.abstained
    assert not turn.record.partial


def test_nothing_to_say_after_something_was_said_is_a_broken_answer() -> None:
    turn = Turn(Says(Token("Well, "), NoAnswer("changed my mind")))
    *_, failed, ended = turn
    assert isinstance(failed, Failed)
    assert isinstance(ended, Ended)
    assert (ended.partial, ended.abstained) == (True, False)


def test_an_answer_that_takes_too_long_is_cut_off() -> None:
    strategy = Says(*map(Token, "abcdefghij"))
    turn = Turn(strategy, seconds=5)
    *_, failed, ended = turn
    assert isinstance(failed, Failed)
    assert isinstance(ended, Ended)
    assert 0 < len(ended.answer.text) < 10
    assert ended.partial
    assert strategy.closed.is_set()
    assert "longer than 5 s" in turn.record.error


def test_a_store_that_cannot_keep_the_answer_does_not_take_it_from_the_customer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    refused: list[str] = []

    def full(record: Record) -> None:
        refused.append(record.message_id)
        raise EngineUnavailable("the disk is full")

    with caplog.at_level(logging.ERROR):
        *_, token, ended = reply(("echo", Says(Token("Yes."))), Question("?"), say=say, keep=full)
    assert token == Token("Yes.")
    assert isinstance(ended, Ended)
    assert f"message {refused[0]}" in caplog.text
    assert "Yes." not in caplog.text  # nobody's words are in the log: erasing would not find them there


@given(st.lists(st.text(st.characters(codec=None), min_size=1)))
def test_what_a_model_says_can_always_be_sent_and_stored(words: list[str]) -> None:
    turn = Turn(Says(*map(Token, words)))
    streamed = "".join(event.text for event in turn if isinstance(event, Token))
    streamed.encode("utf-8")
    assert "\0" not in streamed
    assert turn.record.answer.text == streamed
