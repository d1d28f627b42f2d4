"""The world outside, on the loopback: a mail server and a receiver of webhooks, both real."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from standardwebhooks import Webhook

from tests.servers import free_port

NOTHING = 204  # has no body
SECRET = "whsec_" + base64.b64encode(b"a secret of thirty-two bytes ....").decode()


@dataclass
class PostOffice:
    """What arrived; the next letters are refused with the words in `refuses`."""

    port: int = 0
    letters: list[EmailMessage] = field(default_factory=list)
    refuses: list[str] = field(default_factory=list)

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.refuses:
            return self.refuses.pop(0)
        assert isinstance(envelope.content, bytes)
        self.letters.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        return "250 OK"


@contextmanager
def post_office() -> Iterator[PostOffice]:
    office = PostOffice(port=free_port())
    controller = Controller(office, hostname="127.0.0.1", port=office.port)
    controller.start()
    try:
        yield office
    finally:
        controller.stop()


@dataclass
class Receiver:
    """Takes webhooks as its author's library checks them; answers with `statuses` first, and what it `says`
    then, later with 204.
    """

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    says: str = ""
    events: list[dict[str, Any]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)

    def take(self, body: bytes, headers: dict[str, str]) -> int:
        self.ids.append(headers["webhook-id"])
        if self.statuses:
            return self.statuses.pop(0)
        Webhook(SECRET).verify(body, headers)
        self.events.append(json.loads(body))
        return NOTHING


@contextmanager
def receiver() -> Iterator[Receiver]:
    it = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = it.take(body, {name.lower(): value for name, value in self.headers.items()})
            self.send_response(status)
            self.end_headers()
            if status != NOTHING:
                self.wfile.write(it.says.encode())

        def log_message(self, *_: object) -> None:
            """Quietly."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    it.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield it
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
