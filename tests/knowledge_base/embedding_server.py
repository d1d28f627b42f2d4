"""A small OpenAI-compatible embedding server that does as a test says. Its vectors are HashEmbedder's."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from knowledge_base.testing import HashEmbedder
from tests.loopback import served

Vectors = list[list[Any]]


@dataclass
class Fault:
    """How one request goes wrong."""

    status: int = 200
    error: str = ""  # the body of a status that is not 200
    raw: str = ""  # sent as it is
    spoilt: Callable[[Vectors], Vectors] | None = None
    break_off: bool = False  # in the middle of the answer
    silent: bool = False  # nothing comes for as long as the test takes


@dataclass
class EmbeddingServer:
    url: str
    dimension: int = 64
    revision: str = "1"  # of the model behind the name
    key: str = ""
    most: int = 32  # texts that it takes in one request
    down: Fault | None = None  # every request goes wrong so
    faults: list[Fault] = field(default_factory=list)  # the next requests go wrong so
    asked: list[dict[str, Any]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def texts(self) -> list[str]:
        return [text for asked in self.asked for text in asked["input"]]

    def forget(self) -> None:
        """What it was asked until now."""
        self.asked = []


@contextmanager
def embedding_server(**known: Any) -> Iterator[EmbeddingServer]:
    over = threading.Event()
    with served(_Handler, over) as http:
        http.told = EmbeddingServer(f"http://127.0.0.1:{http.server_port}/v1", over=over, **known)
        yield http.told


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Quiet."""

    def do_POST(self) -> None:
        server: EmbeddingServer = self.server.told  # type: ignore[attr-defined]
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        server.asked.append(asked)
        if fault := server.faults.pop(0) if server.faults else server.down:
            return self._wrong(fault, server, asked["input"])
        if server.key and self.headers.get("Authorization") != f"Bearer {server.key}":
            return self._whole(401, {"error": {"message": "bad key"}})
        if len(asked["input"]) > server.most:
            return self._whole(
                422, {"error": {"message": f"batch size {len(asked['input'])} > {server.most}"}}
            )
        return self._whole(200, answer(vectors(server, asked["input"])))

    def _wrong(self, fault: Fault, server: EmbeddingServer, texts: list[str]) -> None:
        if fault.silent:
            server.over.wait()
        elif fault.status != 200:
            self._whole(fault.status, {"error": {"message": fault.error}})
        elif fault.raw:
            self._send(200, fault.raw.encode())
        elif fault.spoilt:
            self._whole(200, answer(fault.spoilt(vectors(server, texts))))
        elif fault.break_off:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", "10000")
            self.end_headers()
            self.wfile.write(b'{"object": "list", "data": [')
            self.close_connection = True

    def _whole(self, status: int, told: Any) -> None:
        self._send(status, json.dumps(told).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("retry-after-ms", "1")
        self.end_headers()
        self.wfile.write(body)


def vectors(server: EmbeddingServer, texts: list[str]) -> Vectors:
    return [*map(list, HashEmbedder(server.dimension, server.revision).embed_documents(texts))]


def answer(found: Vectors) -> dict[str, Any]:
    data = [{"object": "embedding", "index": at, "embedding": row} for at, row in enumerate(found)]
    return {"object": "list", "data": data, "model": "hash", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
