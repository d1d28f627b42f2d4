"""The people of the tests. They speak HTTP through Flask's test client, as a browser would for them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from flask import Flask
from werkzeug.test import TestResponse

from bot.kotae import Kotae

PASSWORD = "correct horse battery"
TOKEN = re.compile(r'name="csrf-token" content="([^"]+)"')


@dataclass(frozen=True)
class Frame:
    """One server-sent event."""

    name: str
    data: dict[str, Any]
    id: str = ""


def frames(text: str) -> list[Frame]:
    """Events out of a finished stream; comments are left out."""
    found = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if lines:
            found.append(Frame(lines["event"], json.loads(lines["data"]), lines.get("id", "")))
    return found


@dataclass(frozen=True)
class Reply:
    """What a customer got for a question: an answer, or the sentence why not."""

    status: int
    frames: tuple[Frame, ...] = ()
    error: str = ""

    def named(self, name: str) -> list[dict[str, Any]]:
        return [frame.data for frame in self.frames if frame.name == name]

    @property
    def end(self) -> dict[str, Any]:
        (end,) = self.named("end")
        return end

    @property
    def id(self) -> str:
        return str(self.named("start")[0]["message"])

    @property
    def text(self) -> str:
        """What was streamed, token by token."""
        return "".join(token["text"] for token in self.named("token"))

    @property
    def citations(self) -> list[dict[str, Any]]:
        return list(self.end["citations"])

    @property
    def abstained(self) -> bool:
        return bool(self.end["abstained"])


class Customer:
    """Somebody with the widget open. The conversation begins with the first thing they do."""

    def __init__(self, app: Flask, language: str = "en") -> None:
        self.client = app.test_client()
        self.language = language
        self._token = ""

    @property
    def token(self) -> str:
        if not self._token:
            opened = self.client.post("/api/conversations", json={"language": self.language})
            assert opened.status_code == 201, opened.text
            self._token = opened.json["token"]
        return self._token

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Accept-Language": self.language}

    def asks(self, text: str, **more: Any) -> Reply:
        response = self.client.post("/api/messages", json={"text": text, **more}, headers=self.headers)
        if response.mimetype != "text/event-stream":
            return Reply(response.status_code, error=response.json["error"])
        return Reply(response.status_code, tuple(frames(response.text)))

    def starts_to_read(self, text: str, **more: Any) -> Iterator[Frame]:
        """The answer event by event; closing the iterator is leaving the page."""
        body = {"text": text, **more}
        return self._reads(self.client.post("/api/messages", json=body, headers=self.headers, buffered=False))

    def starts_to_read_on(self, question_id: str, after: str = "") -> Iterator[Frame]:
        """The answer to a question that was asked before, in another tab or on a line that broke."""
        headers = {**self.headers, **({"Last-Event-ID": after} if after else {})}
        return self._reads(
            self.client.get(f"/api/messages/{question_id}/answer", headers=headers, buffered=False)
        )

    def reads_on(self, question_id: str, after: str = "") -> list[Frame]:
        return list(self.starts_to_read_on(question_id, after))

    def _reads(self, response: TestResponse) -> Iterator[Frame]:
        try:
            for piece in response.iter_encoded():
                yield from frames(piece.decode())
        finally:
            response.close()

    def stops(self, message_id: str) -> TestResponse:
        return self.client.post(f"/api/messages/{message_id}/stop", headers=self.headers)

    def rates(self, message_id: str, value: str | None, **more: str) -> TestResponse:
        return self.client.post(
            f"/api/messages/{message_id}/feedback", json={"value": value, **more}, headers=self.headers
        )

    def asks_for_a_person(self, email: str = "") -> dict[str, Any]:
        """Who has the chat then."""
        response = self.client.post("/api/handoff", json={"email": email}, headers=self.headers)
        assert response.status_code == 200, response.text
        return dict(response.json)

    def wants_the_bot_again(self) -> dict[str, Any]:
        response = self.client.delete("/api/handoff", headers=self.headers)
        assert response.status_code == 200, response.text
        return dict(response.json)

    def hears(self, after: str = "") -> Iterator[Frame]:
        """What people write, as they write it; closing the iterator is losing the connection."""
        headers = {**self.headers, **({"Last-Event-ID": after} if after else {})}
        return self._reads(self.client.get("/api/conversation/events", headers=headers, buffered=False))

    def looks(self, after: str = "") -> dict[str, Any]:
        """The conversation with who has it."""
        response = self.client.get(f"/api/conversation?after={after}", headers=self.headers)
        assert response.status_code == 200, response.text
        return dict(response.json)

    @property
    def state(self) -> dict[str, Any]:
        return dict(self.looks()["state"])

    @property
    def conversation(self) -> str:
        return str(self.looks()["conversation"])

    def reads_again(self) -> list[dict[str, Any]]:
        response = self.client.get("/api/conversation", headers=self.headers)
        assert response.status_code == 200, response.text
        return list(response.json["messages"])


class Colleague:
    """Somebody who signs in to the console."""

    role = "operator"
    _token = ""

    def __init__(self, app: Flask, kotae: Kotae, name: str = "") -> None:
        self.kotae = kotae
        self.client = app.test_client()
        self.email = f"{name or self.role}@example.com"
        kotae.users.add(self.email, PASSWORD, self.role)  # type: ignore[arg-type]
        signed_in = self.signs_in()
        assert signed_in.status_code == 302, signed_in.text

    def signs_in(self, password: str = PASSWORD) -> TestResponse:
        return self.sends("/console/sign-in", email=self.email, password=password)

    def opens(self, path: str) -> TestResponse:
        return self.client.get(path, headers={"Accept": "text/html"})

    def csrf(self) -> str:
        """That of the page they came by; one session has one."""
        if not self._token:
            found = TOKEN.search(self.client.get("/console/sign-in", follow_redirects=True).text)
            assert found, "the page carries no CSRF token"
            self._token = found[1]
        return self._token

    def sends(self, path: str, **fields: Any) -> TestResponse:
        """A form of the console, with its CSRF token."""
        return self.client.post(
            path, data={"csrf_token": self.csrf(), **fields}, headers={"Accept": "text/html"}
        )


class Operator(Colleague):
    def switches_to(self, name: str) -> TestResponse:
        return self.sends("/console/strategy", name=name)

    def goes_back(self) -> TestResponse:
        return self.sends("/console/strategy/back")

    def is_there(self, name: str = "") -> Operator:
        """Customers may be sent to them."""
        self.sends("/console/inbox/presence", available="on", name=name)
        return self

    def goes_home(self) -> None:
        self.sends("/console/inbox/presence")

    def does(self, what: str, conversation: str, **fields: str) -> TestResponse:
        """Something in a chat, as the page's script sends it."""
        return self.client.post(
            f"/console/inbox/{conversation}/{what}",
            data={"csrf_token": self.csrf(), **fields},
            headers={"Accept": "application/json"},
        )

    def takes(self, conversation: str) -> TestResponse:
        return self.does("take", conversation)

    def replies(self, conversation: str, text: str) -> TestResponse:
        return self.does("reply", conversation, text=text)

    def closes(self, conversation: str, outcome: str = "resolved") -> TestResponse:
        return self.does("close", conversation, outcome=outcome)


class Admin(Operator):
    role = "admin"

    def uploads(self, *files: Path | tuple[str, bytes]) -> TestResponse:
        """Files, or names with contents. The queue is worked off before this returns, as the worker would."""
        parts = [
            (BytesIO(f.read_bytes()), f.name) if isinstance(f, Path) else (BytesIO(f[1]), f[0]) for f in files
        ]
        response = self.sends("/console/documents", files=parts)
        self.kotae.jobs.drain()
        return response
