"""`kotae serve`: gunicorn with one process and many threads.

The parent binds the port and forks; the worker opens Kotae after the fork (neither SQLite, ChromaDB nor
OpenVINO survives one), answers at once, and loads in the background. Why gunicorn: docs/decisions/server.md.
"""

from __future__ import annotations

import errno
import gc
import logging
import os
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.workers.gthread import ThreadWorker

from bot.kotae import Kotae
from bot.settings import Settings
from knowledge_base.errors import KnowledgeError, Unavailable
from strategies.errors import StrategyError
from web.app import create_app
from web.chat.running import Running
from web.readiness import Readiness

THREADS = 256  # each open stream holds one, made when needed; see docs/decisions/server.md
PATIENCE_SECONDS = 20  # for streams that are still being read when the server is asked to stop
BACKLOG = 1024

log = logging.getLogger(__name__)


class CannotListenError(Exception):
    """The address cannot be had; the message says why and what to do."""


@dataclass(frozen=True)
class Door:
    """A bound socket. It is bound before anything heavy begins, so that a port in use is known at once."""

    socket: socket.socket
    host: str

    @property
    def port(self) -> int:
        return int(self.socket.getsockname()[1])

    @property
    def address(self) -> str:
        """Where a browser on this machine finds it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self.host, self.host)  # noqa: S104  # read, not bound
        return f"http://{host}:{self.port}"


def listen(host: str, port: int) -> Door:
    """Bind, or say in a sentence why not."""
    try:
        family, *_rest, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.create_server(address, family=family, backlog=BACKLOG)
    except OSError as error:
        raise CannotListenError(f"{host}:{port} cannot be used: {_why(error, port)}") from error
    return Door(bound, f"[{host}]" if ":" in host else host)


def _why(error: OSError, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"another program listens there. Stop it, or choose another port, such as --port {port + 1}."
    if error.errno == errno.EACCES:
        return "this user may not open that port. Choose one above 1023."
    return "this machine has no such address. Try --host 127.0.0.1 or --host 0.0.0.0."


def serve(settings: Settings, door: Door, *, processes: int = 1, ready: Callable[[float], None]) -> int:
    """Serve until told to stop; the exit status. `ready` is called in each worker, with its seconds."""
    try:
        Arbiter(_Application(settings, door, processes, ready)).run()
    except SystemExit as stop:
        failed = stop.code in (Arbiter.WORKER_BOOT_ERROR, Arbiter.APP_LOAD_ERROR)
        return 2 if failed else int(stop.code or 0)
    return 0


class Worker(ThreadWorker):  # type: ignore[misc]
    """Asked to stop, it ends streams that only wait for news; answers are written to their end."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        super().handle_exit(sig, frame)
        if self.app.kotae is not None:  # on a thread: in a signal handler nothing may wait
            threading.Thread(target=self.app.kotae.changes.close).start()


class _Application(BaseApplication):  # type: ignore[misc]
    def __init__(
        self, settings: Settings, door: Door, processes: int, ready: Callable[[float], None]
    ) -> None:
        self.settings = settings
        self.door = door
        self.processes = processes
        self.ready = ready
        self.kotae: Kotae | None = None
        self.running: Running | None = None
        super().__init__()

    def load_config(self) -> None:
        config = {
            "bind": f"fd://{self.door.socket.detach()}",
            "worker_class": f"{__name__}.Worker",
            "workers": self.processes,
            "threads": THREADS,
            "timeout": 120,
            "graceful_timeout": PATIENCE_SECONDS,
            "keepalive": 75,
            "loglevel": "warning",
            "proc_name": "kotae",
            "control_socket_disable": True,
            "worker_exit": self._close,
        }
        for name, value in config.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """In the worker, after the fork."""
        began = time.monotonic()
        kotae = self.kotae = Kotae.open(self.settings)
        readiness = Readiness()

        def warm() -> None:
            _patiently(kotae.warm_up)
            kotae.jobs.start()
            gc.collect()
            gc.freeze()  # what is there now stays: nobody need look through it at each collection
            self.ready(time.monotonic() - began)

        readiness.warm(warm, self._fail)
        app = create_app(kotae, readiness)
        self.running = app.extensions["running"]
        return app

    def _fail(self, error: Exception) -> None:
        """What cannot warm up will not by itself: end the server with the reason, not a list of calls."""
        if not isinstance(error, KnowledgeError | StrategyError):
            log.error("nobody foresaw this", exc_info=error)
        sys.stderr.write(f"Kotae cannot start: {error}\n")
        sys.stderr.flush()
        if self.kotae is not None:
            self.kotae.close()
        os._exit(
            Arbiter.WORKER_BOOT_ERROR
        )  # from a thread; the parent ends the server when it sees this status

    def _close(self, _arbiter: Any, _worker: Any) -> None:
        if self.running is not None:
            self.running.close()
        if self.kotae is not None:
            self.kotae.jobs.stop()
            self.kotae.close()


def _patiently(load: Callable[[], None], pauses: tuple[float, ...] = (1, 2, 4, 8, 15, 30, 60)) -> None:
    """Whatever Kotae relies on may still be starting itself."""
    for pause in pauses:
        try:
            return load()
        except Unavailable as error:
            log.warning("not ready yet: %s; trying again in %d s", error, pause)
            time.sleep(pause)
    return load()
