"""Windows of the browser that stay open from one test to the next: to open one takes longer than most tests
spend in it. Whoever comes finds nothing of those who were there before.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, Frame, Page, Route, ViewportSize

# Pages of the console look again and again for what is new. Here they wait a fifth of the time between.
HURRIES = """
if (location.pathname.startsWith("/console/")) {
  const later = window.setTimeout;
  window.setTimeout = (then, milliseconds = 0, ...given) => later(then, milliseconds / 5, ...given);
}
"""


class Windows:
    """`options` are those of a browser context; only who has the same gets a window again."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._free: dict[str, list[Page]] = {}

    def open(self, size: ViewportSize, **options: Any) -> Window:
        free = self._free.setdefault(repr(sorted(options.items())), [])
        if free:
            page = free.pop()
            page.set_viewport_size(size)
        else:
            context = self._browser.new_context(viewport=size, **options)
            context.add_init_script(HURRIES)
            page = context.new_page()
        return Window(page, free)

    def close(self) -> None:
        """Those that nobody sits at: what they have loaded is loaded anew then."""
        for free in self._free.values():
            while free:
                free.pop().context.close()


class Window:
    """One that somebody sits at."""

    def __init__(self, page: Page, free: list[Page]) -> None:
        self.page = page
        self._free = free
        self._origins: set[str] = set()
        page.on("framenavigated", self._shows)

    def leave(self) -> None:
        """Its next one finds it empty: no page, nothing in the way of a request, nothing kept."""
        page, context = self.page, self.page.context
        page.remove_listener("framenavigated", self._shows)
        page.goto("about:blank")
        page.unroute_all(behavior="ignoreErrors")
        for other in context.pages:
            if other is not page:
                other.close()
        context.clear_cookies()
        browser = context.new_cdp_session(page)
        for origin in self._origins:
            browser.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "all"})
        browser.detach()
        self._free.append(page)

    def close(self) -> None:
        """Nobody sits at it again: after something that cannot be put back."""
        self.page.context.close()

    def _shows(self, frame: Frame) -> None:
        address = urlsplit(frame.url)
        if address.netloc:
            self._origins.add(f"{address.scheme}://{address.netloc}")


def holds_first(page: Page, address: str) -> list[Route]:
    """The first request for the address, which waits until it is let go; the others go on."""
    held: list[Route] = []
    page.route(address, lambda route: route.continue_() if held else held.append(route))
    return held


def until(page: Page, happened: Callable[[], bool], seconds: float = 60) -> None:
    """Wait for something that no locator shows; what the browser does meanwhile is heard."""
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it never happened"
        page.wait_for_timeout(20)
