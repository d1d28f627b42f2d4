"""What is written on the wire stays one event, whatever it holds."""

from __future__ import annotations

import json

from web.sse import frame, stream


def test_a_frame_is_one_line_of_json_whatever_the_text_holds() -> None:
    text = "one\ntwo\r\n\nevent: end\ndata: {} 答え \u2028 \udc80"
    name, data, *rest = frame("token", {"text": text}).split("\n")
    assert name == "event: token"
    assert json.loads(data.removeprefix("data: ")) == {"text": text}
    assert rest == ["", ""]
    assert data.isascii()


def test_a_frame_tells_its_place() -> None:
    assert frame("token", {"text": "a"}, "1.0.0").splitlines()[0] == "id: 1.0.0"


def test_proxies_are_asked_not_to_buffer() -> None:
    headers = stream(["x"]).headers
    assert headers["Content-Type"].startswith("text/event-stream")
    assert headers["Cache-Control"] == "no-cache"
    assert headers["X-Accel-Buffering"] == "no"
