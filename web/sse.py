"""Server-sent events as they are written, so that they survive proxies and silence."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from flask import Response

KEEP_ALIVE_SECONDS: Final = 5.0
KEEP_ALIVE: Final = ": keep-alive\n\n"


def frame(name: str, data: Mapping[str, Any], position: str = "") -> str:
    """One event in the wire format, in ASCII: no letter of an answer is a line's end to any reader.

    `position` is what a reader who lost the connection comes back with, as Last-Event-ID.
    """
    before = f"id: {position}\n" if position else ""
    return f"{before}event: {name}\ndata: {json.dumps(data)}\n\n"


def stream(frames: Iterable[str]) -> Response:
    """A response that no proxy should buffer or keep."""
    response = Response(frames, mimetype="text/event-stream")
    response.headers["Cache-Control"] = "no-cache"
    response.headers["X-Accel-Buffering"] = "no"
    return response
