"""A small OpenAI-compatible server that does as a test says: answers, stalls, breaks off, talks nonsense."""

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.loopback import served


@dataclass
class Reply:
    """One answer: pieces of text, and numbers as pauses in seconds between them."""

    pieces: Sequence[str | float] = ("Hello", " there.")
    status: int = 200
    error: str = ""  # the body of a status that is not 200
    finish: str | None = "stop"  # None: the stream ends without saying why
    break_off: bool = False  # the connection drops in the middle of a chunk
    raw: str = ""  # sent as it is, instead of events
    silent: float = 0  # seconds before the headers
    keep_alive: float = 0  # comments are sent for so many seconds before the first piece
    usage: dict[str, int] | None = None
    endless: bool = False


@dataclass
class ModelServer:
    url: str
    replies: list[Reply] = field(default_factory=list)  # taken in order; the last one stays
    asked: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    left: threading.Event = field(
        default_factory=threading.Event
    )  # a client went away while we were speaking
    over: threading.Event = field(default_factory=threading.Event)  # no pause lasts longer than the test

    def next(self) -> Reply:
        return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@contextmanager
def model_server(*replies: Reply) -> Iterator[ModelServer]:
    """A server on the loopback. The greeting of warm_up takes no reply: it is always answered."""
    over = threading.Event()
    with served(_Handler, over) as http:
        http.told = ModelServer(
            f"http://127.0.0.1:{http.server_port}/v1", list(replies or [Reply()]), over=over
        )
        yield http.told


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet."""

    def do_POST(self) -> None:
        server: ModelServer = self.server.told  # type: ignore[attr-defined]
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        greeting = body.get("max_tokens") == 1
        reply = (
            Reply(["OK"])
            if greeting and server.replies[0].status == 200 and not server.replies[0].raw
            else server.next()
        )
        if not greeting:
            server.asked.append(body)
            server.keys.append(self.headers.get("Authorization", ""))
        try:
            self._answer(reply)
        except OSError:
            server.left.set()

    def _answer(self, reply: Reply) -> None:
        over = self.server.told.over  # type: ignore[attr-defined]
        over.wait(reply.silent)
        if reply.status != 200:
            return self._whole(reply.status, json.dumps({"error": {"message": reply.error, "type": "x"}}))
        if reply.raw:
            return self._whole(200, reply.raw)
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self._comments(reply.keep_alive, over)
        while True:
            for piece in reply.pieces:
                if isinstance(piece, float):
                    over.wait(piece)
                else:
                    self._event(
                        {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
                    )
            if not reply.endless:
                break
        if reply.break_off:
            self.wfile.write(b"ff\r\ndata: {")
            self.close_connection = True
            return None
        if reply.finish:
            self._event({"choices": [{"index": 0, "delta": {}, "finish_reason": reply.finish}]})
        if reply.usage:
            self._event({"choices": [], "usage": reply.usage})
        self._chunk(b"data: [DONE]\n\n")
        self.wfile.write(b"0\r\n\r\n")
        return None

    def _comments(self, seconds: float, over: threading.Event) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until and not over.is_set():
            self._chunk(b": still here\n\n")
            over.wait(0.05)

    def _event(self, data: dict[str, Any]) -> None:
        event = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "scripted", **data}
        self._chunk(f"data: {json.dumps(event)}\n\n".encode())

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _whole(self, status: int, body: str) -> None:
        data = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if status != 200 else "text/html")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
