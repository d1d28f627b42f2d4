"""A conversation as plain text: what the desk is sent, and what a customer takes along.

Customers wrote their words as they stand; what was said to them is Markdown, and read here without its marks.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from bot.conversations.conversation import Conversation
from bot.conversations.markdown import unmarked
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
    return spoken((one for one in conversation.messages if not one.replaced), language, links=links)


def spoken(messages: Iterable[Message], language: str, *, links: bool = True) -> str:
    """Each message under who said it and when (UTC); an answer that was shown as a notice is that notice."""
    speakers = SPEAKERS.get(language, SPEAKERS["en"])
    said = [
        f"{speakers[message.role]} · {message.at:%Y-%m-%d %H:%M} UTC\n{words}"
        for message in messages
        if (words := _words(message, SOURCES.get(language, SOURCES["en"]), links))
    ]
    return "\n\n".join(said) + "\n"


def _words(message: Message, sources: str, links: bool) -> str:
    """What was said, and on which documents it rests."""
    said = message.text if message.role == "customer" else unmarked(message.text)
    if not links and message.role != "operator":
        said = _without_links(said, message)
    rests_on = ", ".join(dict.fromkeys(shown.document for shown in message.citations))
    parts = (said.strip(), message.notice.strip(), rests_on and f"{sources}: {rests_on}")
    return "\n\n".join(part for part in parts if part)


def _without_links(said: str, message: Message) -> str:
    """Those that stand in the passages behind an answer stay."""
    known = "\n".join(text for shown in message.citations for text in (shown.text, unmarked(shown.text)))
    return LINK.sub(lambda link: link[0] if link[0] in known else LEFT_OUT, said)
