"""A stream survives silence, and ends when the customer leaves or presses stop."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator, Iterator
from itertools import count

import pytest

from web.sse import SILENCE, Stop, attend, frame, stream


class Turn:
    """A turn that counts what was taken from it, and knows whether and where it was closed."""

    def __init__(self, *events: object, pause: float = 0.0) -> None:
        self.said = events or count()
        self.pause = pause
        self.taken = 0
        self.closed = threading.Event()
        self.threads: set[str] = set()

    def events(self) -> Generator[object, None, None]:
        try:
            for event in self.said:
                time.sleep(self.pause)
                self.taken += 1
                self.threads.add(threading.current_thread().name)
                yield event
        finally:
            self.threads.add(threading.current_thread().name)
            self.closed.set()


def test_events_come_in_their_order_and_the_turn_is_closed_behind_them() -> None:
    turn = Turn("a", "b", "c")
    assert list(attend(turn.events(), Stop())) == ["a", "b", "c"]
    assert turn.closed.wait(1)


def test_a_silent_turn_keeps_the_connection_alive() -> None:
    turn = Turn("slow", pause=0.25)
    heard = list(attend(turn.events(), Stop(), every=0.05))
    assert heard[0] is SILENCE
    assert heard[-1] == "slow"
    assert set(heard) == {SILENCE, "slow"}


def test_nothing_is_read_ahead_of_the_customer() -> None:
    turn = Turn()
    attended = attend(turn.events(), Stop())
    assert [next(attended), next(attended)] == [0, 1]
    time.sleep(0.05)
    assert turn.taken == 2
    attended.close()


def test_a_customer_who_leaves_closes_the_turn() -> None:
    turn = Turn()
    attended = attend(turn.events(), Stop())
    next(attended)
    attended.close()
    assert turn.closed.wait(1)
    assert turn.taken == 1


def test_a_turn_that_is_at_work_when_its_customer_leaves_is_closed_behind_its_next_event() -> None:
    turn = Turn(pause=0.2)
    attended = attend(turn.events(), Stop(), every=0.05)
    assert next(attended) is SILENCE
    attended.close()
    assert turn.closed.wait(1)
    assert turn.taken == 1


def test_a_turn_runs_and_is_closed_on_one_thread_that_is_not_the_readers() -> None:
    turn = Turn("a", "b")
    list(attend(turn.events(), Stop()))
    assert turn.closed.wait(1)
    assert len(turn.threads) == 1
    assert threading.current_thread().name not in turn.threads


def test_stop_ends_the_stream_soon_even_while_the_turn_is_silent() -> None:
    stop = Stop()
    turn = Turn("never heard", pause=2.5)
    threading.Timer(0.05, stop.press).start()
    began = time.monotonic()
    assert list(attend(turn.events(), stop, every=10)) == []
    assert time.monotonic() - began < 1.5
    assert turn.closed.wait(4)


def test_an_error_of_the_turn_reaches_the_reader() -> None:
    def broken() -> Iterator[str]:
        yield "half"
        raise TimeoutError(
            "the model took too long"
        )  # what `wait` would raise itself, were it used carelessly

    heard = []
    with pytest.raises(TimeoutError, match="took too long"):
        heard.extend(attend(broken(), Stop()))  # type: ignore[arg-type]


def test_a_frame_is_one_line_of_json_whatever_the_text_holds() -> None:
    text = "one\ntwo\r\n\nevent: end\ndata: {} 答え \u2028 \udc80"
    name, data, *rest = frame("token", {"text": text}).split("\n")
    assert name == "event: token"
    assert json.loads(data.removeprefix("data: ")) == {"text": text}
    assert rest == ["", ""]
    assert data.isascii()


def test_proxies_are_asked_not_to_buffer() -> None:
    headers = stream(["x"]).headers
    assert headers["Content-Type"].startswith("text/event-stream")
    assert headers["Cache-Control"] == "no-cache"
    assert headers["X-Accel-Buffering"] == "no"
