"""Servers of other people on the loopback, for tests of what is fetched."""

from __future__ import annotations

import gzip
import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Page:
    """What an address answers. `stream` yields a body that may never end."""

    body: bytes = b""
    status: int = 200
    kind: str = "text/html; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    stream: Callable[[], Iterator[bytes]] | None = None


class Site:
    """A server whose pages a test puts there. It gives an ETag for each, and keeps a record of who asked."""

    def __init__(self) -> None:
        self.pages: dict[str, Page] = {}
        self.asked: list[str] = []
        self.sent: list[str] = []  # those answered with a body
        self.origin = ""

    def shows(self, path: str, text: str, **more: Any) -> str:
        """An HTML page of this text; returns its address."""
        title, _, rest = text.partition("\n")
        html = f"<!doctype html><html><head><title>{title}</title></head><body><main><h1>{title}</h1>{rest}"
        self.pages[path] = Page(f"{html}</main></body></html>".encode(), **more)
        return f"{self.origin}{path}"

    def lists(self, path: str, *addresses: str, kind: str = "urlset", packed: bool = False) -> str:
        """A sitemap."""
        entry = "sitemap" if kind == "sitemapindex" else "url"
        inner = "".join(f"<{entry}><loc>{each}</loc></{entry}>" for each in addresses)
        text = f'<?xml version="1.0"?><{kind} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{inner}</{kind}>'
        body = gzip.compress(text.encode()) if packed else text.encode()
        self.pages[path] = Page(body, kind="application/gzip" if packed else "application/xml")
        return f"{self.origin}{path}"

    def leads(self, path: str, to: str, status: int = 302) -> str:
        self.pages[path] = Page(status=status, headers={"Location": to})
        return f"{self.origin}{path}"


def trickle(pause: float = 0.05) -> Iterator[bytes]:
    """A body that never ends."""
    while True:
        yield b"<p>and so on</p>" * 64
        time.sleep(pause)


@contextmanager
def served(site: Site) -> Iterator[Site]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler(site))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    site.origin = f"http://127.0.0.1:{server.server_port}"
    try:
        yield site
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name is the library's
            site.asked.append(self.path)
            page = site.pages.get(self.path, Page(b"nothing here", status=404))
            etag = '"' + hashlib.sha256(page.body).hexdigest()[:16] + '"'
            known = page.status == 200 and self.headers.get("If-None-Match") == etag
            if not known:
                site.sent.append(self.path)  # before whoever asked goes on
            self.send_response(304 if known else page.status)
            self.send_header("Content-Type", page.kind)
            for name, value in ({"ETag": etag} | page.headers).items():
                if value:
                    self.send_header(name, value)
            if page.stream is None and not known:
                self.send_header("Content-Length", str(len(page.body)))
            self.end_headers()
            if known:
                return
            for piece in page.stream() if page.stream else (page.body,):
                try:
                    self.wfile.write(piece)
                except OSError:
                    return

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    return Handler
