"""Server-sent events that survive proxies, silence and people who leave.

A turn is pulled one event at a time on a thread of its own. While it is silent, a comment keeps the
connection open, and writing it is how we notice that the customer has left. Nothing is read ahead of the
customer: when they leave or press stop, the turn is closed behind the event they received last.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, Final, Protocol, TypeVar

from flask import Response

KEEP_ALIVE_SECONDS = 5.0
KEEP_ALIVE: Final = ": keep-alive\n\n"

Event = TypeVar("Event")
Event_co = TypeVar("Event_co", covariant=True)


class Events(Protocol[Event_co]):
    """An iterator that is told when nobody listens any more."""

    def __iter__(self) -> Iterator[Event_co]: ...
    def __next__(self) -> Event_co: ...
    def close(self) -> None: ...


class Silence:
    """Yielded in place of an event while there is none."""


SILENCE: Final = Silence()
_END: Final = object()


class Stop:
    """Pressed by a customer, from another request than the one that streams."""

    def __init__(self) -> None:
        self.pressed: Future[None] = Future()

    def press(self) -> None:
        if not self.pressed.done():
            self.pressed.set_result(None)


def attend(
    events: Events[Event], stop: Stop, every: float = KEEP_ALIVE_SECONDS
) -> Generator[Event | Silence, None, None]:
    """The events as they come, `SILENCE` each `every` seconds without one; ends when `stop` is pressed."""
    thread = ThreadPoolExecutor(1, thread_name_prefix="kotae-turn")
    try:
        while not stop.pressed.done():
            step: Future[Any] = thread.submit(next, events, _END)
            while not step.done():
                wait((step, stop.pressed), timeout=every, return_when=FIRST_COMPLETED)
                if stop.pressed.done():
                    return
                if not step.done():
                    yield SILENCE
            event = step.result()
            if event is _END:
                return
            yield event
    finally:  # behind the running step: a generator cannot be closed while it works
        closing = thread.submit(events.close)
        thread.shutdown(wait=False)
        if stop.pressed.done():  # who stopped may ask again at once, so let the turn be over by then
            wait((closing,), timeout=1)


def frame(name: str, data: Mapping[str, Any]) -> str:
    """One event in the wire format, in ASCII: no letter of an answer is a line's end to any reader."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


def stream(frames: Iterable[str]) -> Response:
    """A response that no proxy should buffer or keep."""
    response = Response(frames, mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"
    return response
