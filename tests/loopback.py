"""A server of a test's own on the loopback, for as long as a `with` block lasts."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Quiet(ThreadingHTTPServer):
    """Its handlers find what the test told in `told`."""

    daemon_threads = True
    told: Any = None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is what such tests are about."""


@contextmanager
def served(handler: type[BaseHTTPRequestHandler], over: threading.Event) -> Iterator[Quiet]:
    """`over` is set before it closes, so that nothing in a handler lasts longer than the test."""
    http = Quiet(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield http
    finally:
        over.set()
        http.shutdown()
        http.server_close()
        thread.join()
