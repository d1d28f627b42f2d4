"""The real server, in a process of its own: it answers at once, streams to many, and stops gracefully."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from web.cli import main

CONFIG = """
[chat]
strategy = "parrot"
[strategies.parrot]
use = "echo"
[limits]
client_questions_per_minute = 1000
"""


@dataclass
class Server:
    process: subprocess.Popen[str]
    address: str
    data: Path
    said: dict[str, str]

    def open_conversation(self, client: httpx.Client) -> dict[str, str]:
        opened = client.post(f"{self.address}/api/conversations", json={})
        assert opened.status_code == 201, opened.text
        return {"Authorization": f"Bearer {opened.json()['token']}"}


def command(data: Path, *words: str) -> list[str]:
    place = ["--data", str(data), "--config", str(data.parent / "kotae.toml")]
    return [sys.executable, "-m", "web.cli", *place, *words]


def kotae(data: Path, *words: str, **more: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(data, *words), capture_output=True, text=True, timeout=150, **more)  # type: ignore[call-overload]


def refused(data: Path, *words: str) -> str:
    """What is said where a command ends before anything is loaded or forked; this process can be told it."""
    place = ["--data", str(data), "--config", str(data.parent / "kotae.toml")]
    done = CliRunner().invoke(main, [*place, *words], catch_exceptions=False)
    assert done.exit_code == 2, done.output
    return done.stderr


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    (folder / "kotae.toml").write_text(CONFIG)
    with subprocess.Popen(
        command(folder / "data", "serve", "--port", "0", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        running = Server(process, said["address"], folder / "data", said)
        wait_until_ready(running)
        yield running
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 0


def wait_until_ready(server: Server, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if httpx.get(f"{server.address}/healthz").status_code == 200:
                return
        except httpx.TransportError:
            assert server.process.poll() is None, server.process.stderr.read()
        time.sleep(0.1)
    pytest.fail("the server was not ready in time")


def read(server: Server, text: str) -> list[str]:
    """The names of the events of one answer, as a browser on a connection of its own reads them."""
    with httpx.Client(timeout=60) as client:
        headers = server.open_conversation(client)
        with client.stream(
            "POST", f"{server.address}/api/messages", json={"text": text}, headers=headers
        ) as response:
            assert response.status_code == 200
            return [
                line.removeprefix("event: ") for line in response.iter_lines() if line.startswith("event: ")
            ]


def test_the_first_start_makes_an_admin_and_prints_the_password_once(server: Server) -> None:
    assert server.said["email"] == "admin@localhost"
    with httpx.Client(base_url=server.address, follow_redirects=True, timeout=30) as client:
        page = client.get("/console/sign-in").text
        token = page.split('name="csrf-token" content="', 1)[1].split('"', 1)[0]
        form = {"email": server.said["email"], "password": server.said["password"], "csrf_token": token}
        assert client.post("/console/sign-in", data=form).url.path == "/console/strategy"
    assert server.said["password"] not in "".join(
        path.read_text(errors="ignore") for path in server.data.iterdir() if path.is_file()
    )


def test_a_hundred_customers_stream_at_once(server: Server) -> None:
    with ThreadPoolExecutor(100) as pool:
        answers = list(pool.map(lambda n: read(server, f"one two three {n}"), range(100)))
    assert answers == [["start", "token", "token", "token", "token", "end"]] * 100


def test_a_question_of_ten_megabytes_is_refused_while_it_is_still_being_sent(server: Server) -> None:
    with httpx.Client(timeout=60) as client:
        headers = server.open_conversation(client)
        response = client.post(
            f"{server.address}/api/messages", json={"text": "a" * 10_000_000}, headers=headers
        )
    assert (response.status_code, response.json()["error"]) == (413, "This is too large.")


def test_a_body_of_unknown_length_is_refused_at_its_limit(server: Server) -> None:
    pieces = (b"a" * 65536 for _ in range(100))
    with httpx.Client(timeout=60) as client:
        headers = {**server.open_conversation(client), "Content-Type": "application/json"}
        response = client.post(f"{server.address}/api/messages", content=pieces, headers=headers)
    assert response.status_code in (400, 413)


def test_documents_added_beside_a_running_server_are_ingested_by_it(server: Server, tmp_path: Path) -> None:
    (tmp_path / "filter.md").write_text("# Filter\n\nChange the water filter every 60 days.\n")
    done = kotae(server.data, "documents", "add", str(tmp_path), "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    (added,) = json.loads(done.stdout)["documents"]
    assert added["state"] == "live"


def test_a_second_server_on_the_same_port_says_so_before_anything_else(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "kotae.toml").write_text(CONFIG)
    port = server.address.rsplit(":", 1)[1]
    said = refused(tmp_path / "data", "serve", "--port", port)
    assert said.startswith(f"Error: 127.0.0.1:{port} cannot be used: another program listens there.")
    assert not (tmp_path / "data").exists()


def test_a_second_process_on_the_same_data_directory_says_so(server: Server) -> None:
    done = kotae(server.data, "serve", "--port", "0")
    assert done.returncode == 2, done.stdout + done.stderr
    others = [refused(server.data, *words) for words in (["search", "filter"], ["ask", "filter?"])]
    for said in (done.stderr, *others):
        assert said.startswith("Error: the data directory ")
        assert "is in use by process" in said
        assert "Traceback" not in said


def test_a_port_that_this_user_may_not_open_and_an_address_that_is_not_ours_are_sentences(
    tmp_path: Path,
) -> None:
    (tmp_path / "kotae.toml").write_text(CONFIG)
    said = refused(tmp_path / "data", "serve", "--host", "203.0.113.7", "--port", "0")
    assert "this machine has no such address" in said


def test_more_processes_without_a_chroma_server_are_refused(tmp_path: Path) -> None:
    (tmp_path / "kotae.toml").write_text(CONFIG)
    said = refused(tmp_path / "data", "serve", "--processes", "2")
    assert "more than one process needs a Chroma server" in said


def test_a_customer_who_leaves_is_noticed_and_what_they_read_is_kept(server: Server) -> None:
    """The connection is cut behind the first event; the answer has thousands of words."""
    with httpx.Client(timeout=60) as client:
        headers = server.open_conversation(client)
        with client.stream(
            "POST", f"{server.address}/api/messages", json={"text": "word " * 399}, headers=headers
        ) as response:
            next(response.iter_lines())
        end = time.monotonic() + 30
        while time.monotonic() < end:
            messages = client.get(f"{server.address}/api/conversation", headers=headers).json()["messages"]
            if len(messages) == 2:
                break
            time.sleep(0.1)
    assert messages[1]["role"] == "bot"


def test_a_stream_that_is_being_read_when_the_server_is_stopped_is_finished(tmp_path: Path) -> None:
    """SIGTERM lets answers end; only then the process does."""
    (tmp_path / "kotae.toml").write_text(CONFIG)
    with subprocess.Popen(
        command(tmp_path / "data", "serve", "--port", "0", "--json"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        running = Server(process, said["address"], tmp_path / "data", said)
        wait_until_ready(running)
        with httpx.Client(timeout=60) as client:
            headers = running.open_conversation(client)
            with client.stream(
                "POST", f"{running.address}/api/messages", json={"text": "word " * 399}, headers=headers
            ) as response:
                lines = response.iter_lines()
                next(lines)
                process.send_signal(signal.SIGTERM)
                assert "event: end" in list(lines)
        process.communicate(timeout=60)
    assert process.returncode == 0
    with pytest.raises(httpx.TransportError), httpx.Client() as client:
        client.get(f"{running.address}/healthz")


def test_what_cannot_warm_up_ends_the_server_with_a_sentence(tmp_path: Path) -> None:
    """A model is configured, and what loads it is not installed."""
    (tmp_path / "kotae.toml").write_text('[embedding]\nmodel = "/nowhere/model"\n' + CONFIG)
    (tmp_path / "langchain_huggingface.py").write_text("raise ImportError")
    done = kotae(tmp_path / "data", "serve", "--port", "0", env={**os.environ, "PYTHONPATH": str(tmp_path)})
    assert done.returncode == 2
    assert "Kotae cannot start: the embedding model '/nowhere/model' needs " in done.stderr
    assert "Traceback" not in done.stderr
