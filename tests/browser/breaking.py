"""A line to Kotae that breaks: a relay that cuts an answer after as many bytes as it is told."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

SILENCE = 0.2  # seconds before it breaks: a browser forgets what it has not read by then


class Line:
    """What is between a browser and Kotae. `breaks` holds how far each of the next answers comes."""

    def __init__(self, address: str) -> None:
        where = urlsplit(address)
        self._to = (where.hostname, where.port)
        self.breaks: list[int] = []
        self.cuts = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def carry(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listening.accept()
                threading.Thread(target=self._carry, args=(near,), daemon=True).start()

    def close(self) -> None:
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _carry(self, near: socket.socket) -> None:
        with suppress(OSError), near, socket.create_connection(self._to) as far:
            request = self._request(near)
            is_answer = b"/api/messages" in request.split(b"\r\n", 1)[0] and b"/followups" not in request
            left = self.breaks.pop(0) if is_answer and self.breaks else None
            far.sendall(request)
            while piece := far.recv(16384 if left is None else min(left, 16384)):
                near.sendall(piece)
                if left is not None and (left := left - len(piece)) <= 0:
                    self.cuts += 1
                    time.sleep(SILENCE)
                    return

    @staticmethod
    def _request(near: socket.socket) -> bytes:
        """One request, asked to close its connection behind the answer."""
        got = b""
        while b"\r\n\r\n" not in got:
            got += near.recv(16384)
        head, body = got.split(b"\r\n\r\n", 1)
        lines = [line for line in head.split(b"\r\n") if not line.lower().startswith(b"connection:")]
        for line in lines:
            if line.lower().startswith(b"content-length:"):
                while len(body) < int(line.split(b":")[1]):
                    body += near.recv(16384)
        return b"\r\n".join([*lines, b"Connection: close", b"", b""]) + body


@contextmanager
def breaking(address: str) -> Iterator[Line]:
    """A relay in front of an address."""
    line = Line(address)
    threading.Thread(target=line.carry, daemon=True).start()
    try:
        yield line
    finally:
        line.close()
