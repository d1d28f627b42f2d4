"""Servers on the loopback: Kotae itself, and the sites of other people that carry its widget."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from flask import Flask, Response
from werkzeug.serving import make_server

from bot.kotae import Kotae


@contextmanager
def served(app: Flask, host: str = "127.0.0.1") -> Iterator[str]:
    """The origin under which the application answers."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, name="site", daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Site:
    """Somebody else's site. Each test puts the pages on it that it needs."""

    def __init__(self) -> None:
        self.app = Flask("site")
        self.app.add_url_rule("/", "page", self._page)
        self.origin = ""
        self.html = ""
        self.policy = ""

    @property
    def near(self) -> str:
        """The same under Kotae's own host name: only there does this browser let a frame keep anything.

        (Playwright switches off the partitioned storage that frames of other sites have elsewhere.)
        """
        return self.origin.replace("localhost", "127.0.0.1")

    def shows(self, body: str, *, policy: str = "", language: str = "en") -> str:
        """Put a page there; returns its address."""
        self.html = (
            f'<!doctype html><html lang="{language}"><head><title>A shop</title>'
            '<link rel="icon" href="data:,"><meta name="viewport" content="width=device-width"></head>'
            f"<body>{body}</body></html>"
        )
        self.policy = policy
        return f"{self.origin}/"

    def _page(self) -> Response:
        response = Response(self.html)
        if self.policy:
            response.headers["Content-Security-Policy"] = self.policy
        return response


@contextmanager
def at_work(app: Flask, kotae: Kotae) -> Iterator[str]:
    """Where an installation is reached whose jobs are worked off beside it, as in the real server."""
    kotae.jobs.start()
    with served(app) as origin:
        yield origin
    kotae.jobs.stop()
