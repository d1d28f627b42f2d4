"""Questions for a set out of what customers asked: their words without personal data, and what led there.

A set keeps in which conversation a question was asked, so that it is forgotten with its customer; nothing
that is exported says so.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.conversations.conversation import Conversation
from bot.conversations.record import Message
from bot.evaluation.values import AskedQuestion
from strategies.base import Turn
from strategies.lora.pairs.redaction import redact


def grown(conversation: Conversation, message_id: str, turns: int) -> AskedQuestion | None:
    """The customer's question of this id, or the one that the answer of this id is to; None if there is none.
    `turns` is how many earlier messages a strategy is given.
    """
    said = [one for one in conversation.messages if one.text]
    at = next((place for place, one in enumerate(said) if one.id == message_id), -1)
    while at >= 0 and said[at].role != "customer":
        at -= 1
    if at < 0:
        return None
    asked = said[at]
    return AskedQuestion(
        id="",
        text=redact(asked.text).text,
        language=asked.language or conversation.language,
        history=tuple(map(_turn, before(said, at, turns))),
    )


def before(said: Sequence[Message], at: int, turns: int) -> Sequence[Message]:
    return said[max(at - turns, 0) : at]


def _turn(message: Message) -> Turn:
    return Turn(message.role, redact(message.text).text)
