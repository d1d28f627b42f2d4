"""Fetching one page: to the address that was judged, for so long and no longer, and so much and no more.

Each redirect is an address like the first, and is judged like it. The last answer is a page's content, or
`unchanged` when the server says that what we have is still right.
"""

from __future__ import annotations

import ssl
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from time import monotonic
from typing import Any

import httpcore
import httpx

from knowledge_base.errors import NotFetched, TooLarge, Unavailable
from knowledge_base.fetching.addresses import Gate, normalised
from knowledge_base.limits import MEBIBYTE, Limits

AGENT = "Kotae"
REDIRECTS = 5
SILENCE_SECONDS = 10.0  # between two bytes
MOVED = (301, 302, 303, 307, 308)
NOT_NOW = (408, 425, 429, 500, 502, 503, 504)
PICTURES = ("image/", "video/", "audio/", "font/")
PIECE = 256 * 1024

Judge = Callable[[str], None]


@dataclass(frozen=True)
class Fetched:
    """What an address gave. `etag` and `modified` are for asking again."""

    url: str  # behind all redirects
    body: bytes = field(repr=False)
    kind: str = ""  # as the server calls it
    etag: str = ""
    modified: str = ""
    unchanged: bool = False


@dataclass(frozen=True)
class Answer:
    """One answer of a server, before it is known whether it is the last."""

    status: int
    headers: dict[str, str]
    body: bytes = b""


@dataclass(frozen=True)
class Fetcher:
    gate: Gate = field(default_factory=Gate)
    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], float] = monotonic

    def fetch(
        self,
        url: str,
        *,
        etag: str = "",
        modified: str = "",
        judge: Judge = lambda _url: None,
        at_most: int = 0,
    ) -> Fetched:
        """The page at `url`. `judge` raises NotFetched for an address that must not be asked.

        Raises NotFetched, Gone, TooLarge, and Unavailable when asking later may help.
        """
        deadline = self.clock() + self.limits.page_seconds
        limit = at_most or self.limits.page_bytes
        there = normalised(url)
        for _ in range(REDIRECTS + 1):
            judge(there)
            answer = self._ask(there, _wanted(etag, modified), deadline, limit)
            if answer.status not in MOVED:
                return _fetched(there, answer)
            there = _moved(there, answer)
        raise NotFetched(f"{url!r} leads from one address to the next, more than {REDIRECTS} times")

    def _ask(self, url: str, headers: dict[str, str], deadline: float, limit: int) -> Answer:
        parsed = httpx.URL(url)
        backend = Pinned(self.gate.address(parsed), url, deadline, self.clock)
        with (
            _sentences(url),
            httpcore.ConnectionPool(ssl_context=self._trust, network_backend=backend) as pool,
            pool.stream(
                "GET",
                url,
                headers=list(headers.items()),
                extensions={"timeout": dict.fromkeys(TIMES, SILENCE_SECONDS)},
            ) as response,
        ):
            told = {name.decode().lower(): value.decode("latin-1") for name, value in response.headers}
            if response.status != 200:
                return Answer(response.status, told)
            _refuse_by_name(url, told, limit)
            pieces = _unpacked(response.iter_stream(), told.get("content-encoding", ""), url)
            return Answer(200, told, _within(pieces, limit, url))

    @cached_property
    def _trust(self) -> ssl.SSLContext:
        return httpcore.default_ssl_context()


class Gone(NotFetched):
    """The server says that there is no such page (any longer)."""


TIMES = ("connect", "read", "write", "pool")


class Pinned(httpcore.NetworkBackend):
    """Connects to the address that was judged, whatever the name means by now; nothing lasts beyond the
    deadline.
    """

    def __init__(self, address: str, url: str, deadline: float, clock: Callable[[], float]) -> None:
        self._address = address
        self._url = url
        self._deadline = deadline
        self._clock = clock
        self._system = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002  # what it means was judged before
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        stream = self._system.connect_tcp(
            self._address, port, self.left(timeout), local_address, socket_options
        )
        return Timed(stream, self.left)

    def left(self, timeout: float | None) -> float:
        left = self._deadline - self._clock()
        if left <= 0:
            raise Unavailable(f"{self._url!r} takes too long to answer")
        return min(left, timeout or left)


class Timed(httpcore.NetworkStream):
    """A connection whose every step ends when the whole must."""

    def __init__(self, stream: httpcore.NetworkStream, left: Callable[[float | None], float]) -> None:
        self._stream = stream
        self._left = left

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return Timed(self._stream.start_tls(ssl_context, server_hostname, self._left(timeout)), self._left)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _wanted(etag: str, modified: str) -> dict[str, str]:
    asked = {
        "User-Agent": AGENT,
        "Accept": "text/html, */*;q=0.5",
        "Accept-Encoding": "gzip",
    }
    if etag:
        asked["If-None-Match"] = etag
    if modified:
        asked["If-Modified-Since"] = modified
    return asked


def _fetched(url: str, answer: Answer) -> Fetched:
    told = answer.headers
    if answer.status == 304:
        return Fetched(url, b"", unchanged=True)
    if answer.status in (404, 410):
        raise Gone(f"there is no page at {url!r} (the server says {answer.status})")
    if answer.status in NOT_NOW:
        raise Unavailable(f"the server of {url!r} does not answer just now ({answer.status})")
    if answer.status != 200:
        raise NotFetched(f"the server does not give out {url!r} ({answer.status})")
    kind = told.get("content-type", "").partition(";")[0].strip().lower()
    return Fetched(url, answer.body, kind, told.get("etag", ""), told.get("last-modified", ""))


def _moved(url: str, answer: Answer) -> str:
    there = answer.headers.get("location", "")
    if not there:
        raise NotFetched(f"{url!r} has moved and does not say where to")
    try:
        target = normalised(str(httpx.URL(url).join(there)))
    except (httpx.InvalidURL, ValueError) as error:
        raise NotFetched(f"{url!r} has moved to {there[:200]!r}, which is no address") from error
    if url.startswith("https:") and target.startswith("http:"):
        raise NotFetched(f"{url!r} leads to {target!r}, which is not encrypted; it is not followed")
    return target


def _refuse_by_name(url: str, told: dict[str, str], limit: int) -> None:
    """What the server says of it may be enough not to begin."""
    kind = told.get("content-type", "").lower()
    if kind.startswith(PICTURES):
        raise NotFetched(f"{url!r} is no document ({kind.partition(';')[0]}); text in pictures is not read")
    size = told.get("content-length", "")
    if size.isdigit() and int(size) > limit:
        raise TooLarge(_too_large(url, limit))


def _within(pieces: Iterable[bytes], limit: int, url: str) -> bytes:
    body = bytearray()
    for piece in pieces:
        body += piece
        if len(body) > limit:
            raise TooLarge(_too_large(url, limit))
    return bytes(body)


def _unpacked(pieces: Iterable[bytes], encoding: str, url: str) -> Iterator[bytes]:
    """As it was before it was compressed, never much at once: a few bytes may unpack to gigabytes."""
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        yield from pieces
        return
    if encoding not in ("gzip", "x-gzip"):
        raise NotFetched(f"{url!r} is sent packed as {encoding!r}, which was not asked for")
    packed = zlib.decompressobj(wbits=31)
    try:
        for piece in pieces:
            rest = piece
            while rest and not packed.eof:
                yield packed.decompress(rest, PIECE)
                rest = packed.unconsumed_tail
    except zlib.error as error:
        raise Unavailable(f"what {url!r} sends cannot be unpacked") from error


def _too_large(url: str, limit: int) -> str:
    size = f"{limit // MEBIBYTE} MB" if limit >= MEBIBYTE else f"{limit} bytes"
    return f"{url!r} is larger than the {size} that are accepted of a page"


@contextmanager
def _sentences(url: str) -> Iterator[None]:
    try:
        yield
    except (httpcore.ConnectTimeout, httpcore.ReadTimeout, httpcore.WriteTimeout) as error:
        raise Unavailable(f"{url!r} takes too long to answer") from error
    except (
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.UnsupportedProtocol,
        ssl.SSLError,
    ) as error:
        raise Unavailable(f"{url!r} does not answer: {error or type(error).__name__}") from error
