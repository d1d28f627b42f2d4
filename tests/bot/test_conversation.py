"""A conversation is kept as it was shown, and found again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from bot.conversations.conversation import Conversation, Conversations, Record, Shown, UnknownConversation
from bot.conversations.feedback import Feedback, UnknownMessage
from bot.store import writing
from bot.store.tables import ConversationRow
from knowledge_base.database import now
from knowledge_base.passages import Passage
from strategies.base import Turn
from strategies.events import Answer, Cited, Decision, Usage

PASSAGE = Passage(
    id="d1.2.7",
    document_id="d1",
    version=2,
    title="Kettle guide",
    source="kettle.pdf",
    text="It holds two litres. It is blue.",
    headings=("Kettle", "Size"),
    page=4,
)


@pytest.fixture
def conversations(engine: sa.Engine) -> Conversations:
    return Conversations(engine)


@pytest.fixture
def feedback(engine: sa.Engine) -> Feedback:
    return Feedback(engine)


def turn(
    conversations: Conversations,
    conversation: Conversation,
    question: str,
    said: str = "",
    message_id: str = "",
    **told: Any,
) -> tuple[Turn, ...] | None:
    """A question with its answer; what the strategy was given as history."""
    history = conversations.begin_turn(conversation.id, question, "en", turns=4, seconds=60)
    told = {"answer": Answer(said), "language": "en", "strategy": "manuals", **told}
    conversations.end_turn(conversation.id, Record(message_id or f"to {question}"[:32], **told))
    return history


def test_a_new_conversation_is_empty_and_its_id_cannot_be_guessed(conversations: Conversations) -> None:
    one, other = conversations.start("https://shop.example", "ja"), conversations.start()
    assert conversations.get(one.id) == one
    assert (one.site, one.language, one.channel, one.messages) == ("https://shop.example", "ja", "web", ())
    assert len({one.id, other.id}) == 2
    assert len(one.id) == 32
    assert one.started_at.utcoffset() == timedelta(0)


def test_an_unknown_conversation_is_an_error_everywhere(conversations: Conversations) -> None:
    for look in (conversations.get, conversations.opening, conversations.resolve):
        with pytest.raises(UnknownConversation, match="there is no conversation 'x'"):
            look("x")


def test_a_message_records_everything_about_its_answer(conversations: Conversations) -> None:
    conversation = conversations.start()
    answer = Answer(
        "Two litres.",
        (Cited(1, PASSAGE, "It holds two litres.", at=11),),
        Usage(10, 20, 3, "tiny-lm", "sha256:ab", "rag-2", estimated=True),
        (
            Decision(
                "rag",
                "searched",
                "as always",
                {"best": np.float32(0.5), "worst": float("nan"), "ids": (1, 2), "of": object, "odd": "\0"},
            ),
        ),
    )
    turn(
        conversations,
        conversation,
        "How much?",
        message_id="m1",
        answer=answer,
        index_version="12",
        notice="Shall I call somebody?",
        handoff="no_answer",
        abstained=True,
        partial=True,
        error="Unavailable: gone",
        ms_first=20.5,
        ms=100.25,
    )
    question, said = conversations.get(conversation.id).messages

    assert (question.role, question.text, question.language) == ("customer", "How much?", "en")
    assert (said.role, said.text, said.id, said.conversation_id) == (
        "bot",
        "Two litres.",
        "m1",
        conversation.id,
    )
    assert (said.strategy, said.model, said.adapter) == ("manuals", "tiny-lm", "sha256:ab")
    assert (said.prompt_version, said.index_version) == ("rag-2", "12")
    assert (said.prompt_tokens, said.passage_tokens, said.completion_tokens) == (10, 20, 3)
    assert said.tokens_estimated
    assert (said.ms_first, said.ms) == (20.5, 100.25)
    assert (said.abstained, said.partial, said.handoff) == (True, True, "no_answer")
    assert (said.notice, said.error) == ("Shall I call somebody?", "Unavailable: gone")
    [decision] = said.decisions
    assert decision == {
        "by": "rag",
        "what": "searched",
        "why": "as always",
        "detail": {"best": 0.5, "worst": "nan", "ids": [1, 2], "of": "<class 'object'>", "odd": "\ufffd"},
    }
    assert said.citations == (
        Shown(
            number=1,
            document="Kettle guide",
            source="kettle.pdf",
            page=4,
            headings=("Kettle", "Size"),
            quote="It holds two litres.",
            text="It holds two litres. It is blue.",
            at=11,
            document_id="d1",
            passage_id="d1.2.7",
            version=2,
        ),
    )
    assert said.rating is None


def test_the_history_is_what_was_said_before_and_not_what_broke(conversations: Conversations) -> None:
    mine, theirs = conversations.start(), conversations.start()
    turn(conversations, theirs, "Somebody else's", "question")
    assert turn(conversations, mine, "one", "1") == ()
    assert turn(conversations, mine, "two", "", error="Unavailable: gone") == (
        Turn("customer", "one"),
        Turn("bot", "1"),
    )
    assert turn(conversations, mine, "three", "3") == (
        Turn("customer", "one"),
        Turn("bot", "1"),
        Turn("customer", "two"),
    )
    history = turn(conversations, mine, "four", "4")
    assert history == (
        Turn("bot", "1"),
        Turn("customer", "two"),
        Turn("customer", "three"),
        Turn("bot", "3"),
    ), "the last four things said"


def test_after_a_resolution_the_history_starts_afresh(conversations: Conversations) -> None:
    conversation = conversations.start()
    turn(conversations, conversation, "old", "matter")
    conversations.resolve(conversation.id)
    assert turn(conversations, conversation, "new", "matter") == ()
    assert turn(conversations, conversation, "and?") == (Turn("customer", "new"), Turn("bot", "matter"))
    assert conversations.get(conversation.id).resolved_at is not None


def test_one_question_at_a_time_in_a_conversation(conversations: Conversations) -> None:
    conversation = conversations.start()

    def ask() -> tuple[Turn, ...] | None:
        return conversations.begin_turn(conversation.id, "?", "en", turns=4, seconds=60)

    assert ask() == ()
    assert ask() is None
    conversations.end_turn(conversation.id, Record("m1", Answer("!"), "en", "manuals"))
    assert ask() is not None


def test_a_crash_in_the_middle_does_not_lock_a_conversation_for_ever(
    conversations: Conversations, engine: sa.Engine
) -> None:
    conversation = conversations.start()
    conversations.begin_turn(conversation.id, "?", "en", turns=4, seconds=60)
    with writing(engine) as session:
        session.execute(sa.update(ConversationRow).values(answering_until=now() - timedelta(seconds=1)))
    assert conversations.begin_turn(conversation.id, "??", "en", turns=4, seconds=60) == (
        Turn("customer", "?"),
    )


def test_the_page_of_conversations_tells_what_each_was_about(
    conversations: Conversations, feedback: Feedback
) -> None:
    first, second, empty = (conversations.start() for _ in range(3))
    turn(conversations, first, "Where is my kettle?", "Here.", "m1")
    turn(conversations, first, "And the lid?", "There.", "m2", strategy="model")
    turn(conversations, second, "色は？", "青です。", "m3")
    feedback.give("m1", "up")
    feedback.give("m2", "down")

    page = conversations.page()
    assert [told.id for told in page] == [second.id, first.id, empty.id]
    assert (page[1].opening, page[1].count) == ("Where is my kettle?", 4)
    assert (page[1].strategies, page[1].ups, page[1].downs) == (("manuals", "model"), 1, 1)
    assert (page[2].opening, page[2].count, page[2].strategies) == ("", 0, ())
    whole = conversations.get(first.id)
    assert (whole.opening, whole.count, whole.ups, whole.downs) == ("Where is my kettle?", 4, 1, 1)
    assert whole.strategies == page[1].strategies


@pytest.mark.parametrize(
    ("query", "strategy", "found"),
    [
        ("KETTLE", "", ["a"]),
        ("青", "", ["b"]),
        ("100%", "", ["c"]),
        ("_", "", []),
        ("", "model", ["c"]),
        ("色", "model", []),
    ],
)
def test_conversations_are_found_by_their_words_and_by_who_answered(
    conversations: Conversations, query: str, strategy: str, found: list[str]
) -> None:
    ids = {}
    for name, question, answer, speaker in (
        ("a", "Where is my kettle?", "Here.", "manuals"),
        ("b", "色は？", "青です。", "manuals"),
        ("c", "Is it 100% steel?", "Yes.", "model"),
    ):
        conversation = conversations.start()
        ids[conversation.id] = name
        turn(conversations, conversation, question, answer, name, strategy=speaker)
    assert [ids[told.id] for told in conversations.page(query, strategy)] == found


def test_pages_follow_each_other_without_gaps(conversations: Conversations) -> None:
    started = [conversations.start().id for _ in range(5)]
    first = conversations.page(limit=2)
    second = conversations.page(limit=2, before=first[-1].id)
    third = conversations.page(limit=2, before=second[-1].id)
    assert [told.id for page in (first, second, third) for told in page] == started[::-1]


def test_the_last_word_of_a_customer_counts_and_can_be_taken_back(
    conversations: Conversations, feedback: Feedback
) -> None:
    conversation = conversations.start()
    turn(conversations, conversation, "?", "!", "m1")

    def rating() -> Any:
        return conversations.get(conversation.id).messages[1].rating

    feedback.give("m1", "up")
    given = feedback.give("m1", "down", "wrong\0 colour", "It is " + "blue " * 1000)
    assert rating() == given
    assert (rating().value, rating().reason, len(rating().comment)) == ("down", "wrong colour", 2000)
    feedback.give("m1", None)
    assert rating() is None
    assert feedback.give("m1", None) is None


def test_thumbs_that_arrive_at_once_at_many_processes_are_one(on_either: Callable[[], sa.Engine]) -> None:
    engines = [on_either() for _ in range(6)]
    conversations, gate = Conversations(engines[0]), threading.Barrier(6)

    def gives(engine: sa.Engine, message_id: str) -> Any:
        gate.wait()
        return Feedback(engine).give(message_id, "up")

    with ThreadPoolExecutor(6) as processes:
        for n in range(5):
            conversation = conversations.start()
            turn(conversations, conversation, "?", "!", f"m{n}")
            given = list(processes.map(gives, engines, [f"m{n}"] * 6))
            assert conversations.get(conversation.id).messages[1].rating in given


def test_only_answers_can_be_rated(conversations: Conversations, feedback: Feedback) -> None:
    conversation = conversations.start()
    turn(conversations, conversation, "?", "!")
    question = conversations.get(conversation.id).messages[0]
    for message_id in (question.id, "unknown"):
        with pytest.raises(UnknownMessage):
            feedback.give(message_id, "up")
