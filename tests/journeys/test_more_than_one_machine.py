"""Kotae grown out of one machine: the lines of docs/operating.md, and behind them PostgreSQL, a Chroma server
and Redis; two servers and a worker that know of each other by these alone.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from strategies.testing import eventually
from tests import servers
from tests.people import TOKEN

ROOT = Path(__file__).parents[2]
LINE = re.compile(r"`(\[(\w+)\] url = )\"[^\"]+\"`")
MANUAL = "# Kettle\n\n## Filling\nThe kettle holds {} litres. Fill it to the upper mark.\n"
QUESTION = "How many litres does the kettle hold?"


@dataclass(frozen=True)
class Machine:
    address: str
    said: dict[str, str]

    def admin(self, email: str, password: str) -> httpx.Client:
        client = httpx.Client(base_url=self.address, follow_redirects=True, timeout=60)
        form = {"csrf_token": token(client, "/console/sign-in"), "email": email, "password": password}
        assert client.post("/console/sign-in", data=form).url.path == "/console/strategy"
        return client

    def answer(self, question: str) -> str:
        """What a new customer is answered here."""
        with httpx.Client(base_url=self.address, timeout=60) as client:
            begun = client.post("/api/conversations", json={"language": "en"}).json()
            speaks = {"Authorization": f"Bearer {begun['token']}"}
            lines = client.post("/api/messages", json={"text": question}, headers=speaks).text.splitlines()
            said = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
            return "".join(one["text"] for one in said if set(one) == {"text"})


def token(client: httpx.Client, page: str) -> str:
    found = TOKEN.search(client.get(page).text)
    assert found
    return found[1]


@contextmanager
def process(folder: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    place = ["--data", str(folder / "data"), "--config", str(folder / "kotae.toml")]
    command = [sys.executable, "-m", "web.cli", *place, *words]
    with (
        (folder / f"{words[0]}.log").open("a") as log,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True) as running,
    ):
        try:
            yield running
        finally:
            running.send_signal(signal.SIGTERM)
            running.communicate(timeout=60)


@contextmanager
def machine(folder: Path) -> Iterator[Machine]:
    with process(folder, "serve", "--port", "0", "--json") as running:
        assert running.stdout
        said = json.loads(running.stdout.readline())
        yield Machine(said["address"], said)


def ready(one: Machine) -> bool:
    try:
        return httpx.get(f"{one.address}/healthz").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.server
def test_two_servers_and_a_worker_are_one_kotae(postgresql: str, redis: str, tmp_path: Path) -> None:
    with ExitStack() as running:
        engines = {
            "store": postgresql,
            "jobs": redis,
            "limits": redis,
            "vectors": running.enter_context(servers.chroma(tmp_path / "chroma")),
        }
        lines = LINE.findall((ROOT / "docs/operating.md").read_text("utf-8"))
        assert {section for _, section in lines} == set(engines)
        config = [f'{line}"{engines[section]}"'.replace("] ", "]\n") for line, section in lines]
        config.append("client_questions_per_minute = 10000")  # of the last of them
        (tmp_path / "kotae.toml").write_text("\n".join(config))

        one = running.enter_context(machine(tmp_path))
        other = running.enter_context(machine(tmp_path))
        running.enter_context(process(tmp_path, "worker"))
        assert eventually(lambda: ready(one) and ready(other))
        here = running.enter_context(closing(one.admin(one.said["email"], one.said["password"])))
        there = running.enter_context(closing(other.admin(one.said["email"], one.said["password"])))

        def uploads(litres: str) -> None:
            files = {"files": ("kettle.md", MANUAL.format(litres).encode())}
            form = {"csrf_token": token(here, "/console/documents")}
            assert here.post("/console/documents", data=form, files=files).status_code == 200

        uploads("1.7")
        assert eventually(lambda: "1.7 litres" in other.answer(QUESTION))
        uploads("2.5")
        assert eventually(lambda: "2.5 litres" in other.answer(QUESTION))
        assert "1.7" not in one.answer(QUESTION)

        chooses = {"csrf_token": token(there, "/console/strategy"), "name": "echo"}
        assert there.post("/console/strategy", data=chooses).status_code == 200
        assert eventually(lambda: one.answer("Are you there?") == "Are you there?")
        there.post("/console/strategy/back", data={"csrf_token": chooses["csrf_token"]})
        assert eventually(lambda: "2.5 litres" in one.answer(QUESTION))

        assert QUESTION in here.get("/console/conversations", params={"q": "litres"}).text
        document = re.search(r"/console/documents/([0-9a-f]{32})", there.get("/console/documents").text)
        assert document
        gone = {"csrf_token": token(there, "/console/documents")}
        there.post(f"/console/documents/{document[1]}/remove", data=gone)
        assert eventually(lambda: "litres" not in one.answer(QUESTION) + other.answer(QUESTION))
