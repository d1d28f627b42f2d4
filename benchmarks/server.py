"""A real server of our own on the loopback, and customers who ask it as the widget does."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path

import httpx

KOTAE = Path(sys.executable).parent / "kotae"


@dataclass(frozen=True)
class Asked:
    """One answered question; times in seconds from the moment the request was sent."""

    first_token: float | None
    end: float
    error: str


@dataclass(frozen=True)
class Serving:
    """A server that was started; it may still be loading."""

    address: str
    process: subprocess.Popen[bytes]
    log: Path

    def ready(self, seconds: float = 120) -> str:
        """Its address, when it says that it is ready to answer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"the server ended: {self.log.read_text()[-1000:]}")
            try:
                if httpx.get(f"{self.address}/healthz", timeout=2).status_code == 200:
                    return self.address
            except httpx.HTTPError:
                pass
            time.sleep(0.05)
        raise TimeoutError(f"{self.address} was not ready within {seconds:.0f} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(data: Path, **environment: str) -> Iterator[Serving]:
    """Run `kotae serve` on a free port; yield at once, before it is ready."""
    port = free_port()
    command = [str(KOTAE), "--data", str(data), "serve", "--port", str(port)]
    log = (data / "serve.log").open("w+")
    process = subprocess.Popen(
        command, stdout=log, stderr=subprocess.STDOUT, env={**os.environ, **environment}
    )
    try:
        yield Serving(f"http://127.0.0.1:{port}", process, data / "serve.log")
    finally:
        process.terminate()
        process.wait(timeout=30)
        log.close()


def bring_the_demo(data: Path) -> None:
    """`kotae demo`, in this data directory."""
    command = [str(KOTAE), "--data", str(data), "demo"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


# The limits guard a shop against one impatient visitor; here a hundred come from one address.
UNLIMITED = {
    "KOTAE_LIMITS__CLIENT_QUESTIONS_PER_MINUTE": "100000",
    "KOTAE_LIMITS__QUESTIONS_PER_MINUTE": "100000",
}


def new_customer(client: httpx.Client, address: str) -> dict[str, str]:
    """Begin a conversation; the headers that speak for its customer."""
    begun = client.post(f"{address}/api/conversations", json={"language": "en"}).raise_for_status().json()
    return {"Authorization": f"Bearer {begun['token']}"}


class Customer:
    """A connection and a conversation of its own.

    On the standard library's client: a hundred of them share the machine with the server that they measure,
    and one that does more for its caller takes a third of it.
    """

    def __init__(self, address: str) -> None:
        self._connection = HTTPConnection(address.removeprefix("http://"), timeout=120)
        self._headers = {"Content-Type": "application/json"}
        with self._sent("/api/conversations", {"language": "en"}) as answer:
            self._headers["Authorization"] = f"Bearer {json.load(answer)['token']}"

    def close(self) -> None:
        self._connection.close()

    def ask(self, question: str) -> Asked:
        """Ask, and read the stream to its end."""
        began, first, error, ended = time.perf_counter(), None, "", False
        try:
            with self._sent("/api/messages", {"text": question}) as answer:
                if answer.status != 200:
                    error = f"status {answer.status}: {answer.read(200).decode()}"
                kind = b""
                for line in answer:
                    if line.startswith(b"event: "):
                        kind = line[7:].strip()
                    elif line.startswith(b"data: ") and kind == b"token" and first is None:
                        first = time.perf_counter() - began
                    elif line.startswith(b"data: ") and kind == b"error":
                        error = json.loads(line[6:]).get("text", "error")
                    elif line.startswith(b"data: ") and kind == b"end":
                        ended = True
        except (OSError, HTTPException) as broken:
            error = repr(broken)
        return Asked(first, time.perf_counter() - began, error or ("" if ended else "the stream ended early"))

    def _sent(self, path: str, body: dict[str, str]) -> HTTPResponse:
        self._connection.request("POST", path, json.dumps(body), self._headers)
        return self._connection.getresponse()
