"""What a server asks of those who fetch by themselves: its robots.txt, read by Protego.

https://www.rfc-editor.org/rfc/rfc9309: without one everything may be fetched; when it cannot be had because
the server fails, nothing.
"""

from __future__ import annotations

from protego import Protego

from knowledge_base.errors import NotFetched, TooLarge
from knowledge_base.fetching.addresses import origin
from knowledge_base.fetching.fetcher import AGENT, Fetcher

AT_MOST = 512 * 1024
LONGEST_PAUSE = 10.0  # a server may ask for more between two pages, and does not get it


class Robots:
    """The rules of the servers that one look meets, each fetched once."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self._rules: dict[str, Protego] = {}

    def judge(self, url: str) -> None:
        """Raises NotFetched when the server does not want the page fetched."""
        if not self._of(url).can_fetch(url, AGENT):
            raise NotFetched(f"the robots.txt of {origin(url)} asks that {url!r} not be fetched")

    def pause(self, url: str, otherwise: float) -> float:
        """Seconds between two pages of this server."""
        asked = self._of(url).crawl_delay(AGENT)
        return otherwise if asked is None else min(max(asked, otherwise), LONGEST_PAUSE)

    def _of(self, url: str) -> Protego:
        server = origin(url)
        if server not in self._rules:
            self._rules[server] = Protego.parse(self._text(server))
        return self._rules[server]

    def _text(self, server: str) -> str:
        try:
            found = self._fetcher.fetch(f"{server}/robots.txt", at_most=AT_MOST)
        except TooLarge:
            raise NotFetched(f"the robots.txt of {server} is too long to be read") from None
        except NotFetched:  # it has none
            return ""
        return found.body.decode("utf-8", "replace")
