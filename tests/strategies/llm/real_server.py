"""`transformers serve` in a process of its own: a real OpenAI-compatible server."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from strategies.testing import eventually


@contextmanager
def serving(model: Path) -> Iterator[str]:
    """Its address; what it says goes into a file beside the model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    program = Path(sys.executable).parent / "transformers"
    command = [program, "serve", model, "--host", "127.0.0.1", "--port", str(port)]
    quiet = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    said = model.with_name("said")
    with said.open("wb") as told:
        process = subprocess.Popen(command, env=quiet, stdout=told, stderr=subprocess.STDOUT)
    try:
        assert eventually(lambda: process.poll() is not None or healthy(port), within=150)
        assert process.poll() is None, said.read_text()
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(60)


def healthy(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=10) as response:
            return bool(response.status == 200)
    except OSError:
        time.sleep(0.2)
        return False
