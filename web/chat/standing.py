"""Who has the chat, and what people say in it, as the customer's page receives both."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from bot.conversations.record import Message
from bot.handoff.changes import PEOPLE
from bot.handoff.handoffs import Kept, Standing
from bot.kotae import Kotae
from web import sse

STREAM_SECONDS = 300.0  # then the page comes back: proxies and restarts need not wait for it


def state(standing: Standing) -> dict[str, Any]:
    """The whole of it, as docs/http-api.md tells it."""
    return {
        "with": standing.with_,
        "available": standing.available,
        "open": standing.open,
        "online": standing.online,
        "email_wanted": standing.email_wanted,
        "email": standing.email,
        "name": standing.name,
        "typing": standing.typing,
        "since": standing.since.isoformat() if standing.since else None,
        "opens": standing.opens.isoformat() if standing.opens else None,
        "text": standing.text,
    }


def kept(what: Kept) -> Iterator[str]:
    """The answer to a message that is for a person."""
    yield sse.frame("kept", {"message": what.message_id})
    yield sse.frame("state", state(what.standing))
    nothing = {"message": "", "text": "", "citations": [], "abstained": False, "partial": False}
    yield sse.frame("end", nothing)


def news(
    kotae: Kotae,
    conversation_id: str,
    after: int,
    tell: Callable[[Message], dict[str, Any]],
    *,
    seconds: float = STREAM_SECONDS,
    every: float = sse.KEEP_ALIVE_SECONDS,
) -> Iterator[str]:
    """What is said behind `after`, then how things stand, and both again whenever they change.

    It ends when the bot has the chat, and after `seconds`.
    """
    until = time.monotonic() + seconds
    told: Standing | None = None
    with kotae.changes.listen(conversation_id, PEOPLE) as heard:
        while True:
            standing = kotae.handoffs.standing(
                conversation_id
            )  # before what was said: nothing follows the end
            for message in kotae.conversations.since(conversation_id, after):
                after = message.position
                yield sse.frame("message", {**tell(message), "cursor": str(after)}, str(after))
            if standing != told:
                told = standing
                yield sse.frame("state", state(standing))
            if standing.with_ == "bot" or heard.closed or time.monotonic() >= until:
                return
            if not heard.wait(every):
                yield sse.KEEP_ALIVE
