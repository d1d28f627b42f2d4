"""A conversation as plain text: what the desk is sent, and what a customer takes along."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from bot.conversations.conversation import Conversation
from bot.conversations.record import Message

SPEAKERS: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {"customer": "Customer", "bot": "Assistant", "operator": "Our team"},
    "ja": {"customer": "お客様", "bot": "自動応答", "operator": "担当者"},
}


SOURCES: Final = {"en": "Sources", "ja": "出典"}
LINK = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]*://|\bwww\.)[^\s<>()\[\]「」]*[^\s<>()\[\]「」.,;:!?。、]", re.IGNORECASE
)
LEFT_OUT: Final = "[…]"


def text(conversation: Conversation, language: str, *, links: bool = True) -> str:
    """The whole of it. Without `links`, those that its customer wrote, or had the bot say, are left out."""
    said = (message for message in conversation.messages if not message.replaced)
    return spoken(said if links else map(_without_links, said), language)


def spoken(messages: Iterable[Message], language: str) -> str:
    """Each message under who said it and when (UTC); an answer that was shown as a notice is that notice."""
    speakers = SPEAKERS.get(language, SPEAKERS["en"])
    said = [
        f"{speakers[message.role]} · {message.at:%Y-%m-%d %H:%M} UTC\n{words}"
        for message in messages
        if (words := _words(message, SOURCES.get(language, SOURCES["en"])))
    ]
    return "\n\n".join(said) + "\n"


def _without_links(message: Message) -> Message:
    """What the desk wrote stays as it is, and so do links that stand in the passages behind an answer."""
    if message.role == "operator":
        return message
    known = " ".join(shown.text for shown in message.citations)
    return replace(
        message, text=LINK.sub(lambda link: link[0] if link[0] in known else LEFT_OUT, message.text)
    )


def _words(message: Message, sources: str) -> str:
    """What was said, and on which documents it rests."""
    rests_on = ", ".join(dict.fromkeys(shown.document for shown in message.citations))
    parts = (message.text.strip(), message.notice.strip(), rests_on and f"{sources}: {rests_on}")
    return "\n\n".join(part for part in parts if part)
