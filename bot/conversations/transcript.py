"""A conversation as plain text: what the desk is sent, and what a customer takes along."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from bot.conversations.conversation import Conversation
from bot.conversations.record import Message

SPEAKERS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {"customer": "Customer", "bot": "Assistant", "operator": "Our team"},
    "ja": {"customer": "お客様", "bot": "自動応答", "operator": "担当者"},
}


def text(conversation: Conversation, language: str) -> str:
    """The whole of it."""
    return spoken((said for said in conversation.messages if not said.replaced), language)


def spoken(messages: Iterable[Message], language: str) -> str:
    """Each message under who said it and when (UTC); an answer that was shown as a notice is that notice."""
    speakers = SPEAKERS.get(language, SPEAKERS["en"])
    said = [
        f"{speakers[message.role]} · {message.at:%Y-%m-%d %H:%M} UTC\n{_words(message)}"
        for message in messages
        if _words(message)
    ]
    return "\n\n".join(said) + "\n"


def _words(message: Message) -> str:
    return "\n\n".join(part for part in (message.text.strip(), message.notice.strip()) if part)
