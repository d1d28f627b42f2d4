"""A customer with a browser: what they do and what they see in the widget, wherever it is shown."""

from __future__ import annotations

import gettext
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Error, FrameLocator, Locator, Page, expect

import web
from tests.browser.colleague import SIDEWAYS

OPEN = {"en": "Open chat", "ja": "チャットを開く"}
CLOSE = {"en": "Close chat", "ja": "チャットを閉じる"}
OUTSIDE = """
body => [...body.querySelectorAll("*")]
  .filter((it) => it.checkVisibility() && !it.closest(".unseen, .sprite, .table, pre"))
  .map((it) => ({ it, box: it.getBoundingClientRect() }))
  .filter(({ box }) => box.right > innerWidth + 0.5 || box.left < -0.5)
  .map(({ it }) => it.outerHTML.slice(0, 80))
"""
FOREIGN = """
body => {
  const theirs = ".said, .passage, .title, .path, .who, .pages, #document-title, .next .asks, #announcer";
  const own = [...body.querySelectorAll("*")].filter((it) => it.checkVisibility() && !it.closest(theirs));
  const texts = own.flatMap((it) => [
    ...[...it.childNodes].filter((node) => node.nodeType === Node.TEXT_NODE).map((node) => node.data.trim()),
    ...["aria-label", "title", "placeholder"].map((name) => it.getAttribute(name) ?? ""),
  ]);
  return texts.filter((text) => /[a-z]{2}/i.test(text) && !/[\u3040-\u30ff\u4e00-\u9fff]/.test(text));
}
"""


@dataclass
class Visitor:
    page: Page
    kotae: str  # the origin of the installation
    language: str = "en"
    complaints: list[str] = field(default_factory=list)  # of the browser's console

    def hears_the_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def hears_an_error(self, error: Error) -> None:
        self.complaints.append(str(error))

    def visits(self, address: str = "") -> Visitor:
        self.page.goto(address or f"{self.kotae}/shop?language={self.language}")
        return self

    def opens_the_chat(self) -> Visitor:
        self.launcher.click()
        expect(self.box).to_be_focused()  # the frame has begun to listen
        return self

    def asks(self, text: str) -> Locator:
        """Ask; returns the answer that begins."""
        self.messages.first.wait_for()  # the greeting
        self.frame.locator("#send").wait_for()  # no answer is being written
        before = self.messages.count()
        self.box.fill(text)
        self.box.press("Enter")
        answer = self.messages.nth(before + 1)
        answer.wait_for()
        return answer

    def chooses(self, item: str) -> Visitor:
        """One of the menu."""
        self.button("More").click()
        self.button(item, self.frame.locator("#menu")).click()
        return self

    def word(self, text: str, **values: object) -> str:
        """What the widget says for it in the customer's language."""
        return _words(self.language).gettext(text).format(**values)

    def button(self, name: str, within: Locator | None = None, **values: object) -> Locator:
        """By its English name, whatever the language is."""
        return (within or self.frame).get_by_role("button", name=self.word(name, **values), exact=True)

    def is_at_ease(self) -> None:
        """Nothing sticks out sideways, and all that the chat says of itself is in the customer's language."""
        body = self.frame.locator("body")
        assert self.page.evaluate(SIDEWAYS) == 0
        assert body.evaluate(f"it => ({SIDEWAYS})()") == 0
        assert self.frame.locator("#scroll").evaluate("it => it.scrollWidth - it.clientWidth") == 0
        outside = body.evaluate(OUTSIDE)
        assert outside == [], outside
        foreign = body.evaluate(FOREIGN) if self.language == "ja" else []
        assert foreign == [], foreign

    @property
    def launcher(self) -> Locator:
        return self.page.get_by_role("button", name=OPEN[self.language])

    @property
    def panel(self) -> Locator:
        return self.page.locator("dialog")

    @property
    def frame(self) -> FrameLocator:
        return self.page.frame_locator("iframe")

    @property
    def box(self) -> Locator:
        return self.frame.locator("#question")

    @property
    def messages(self) -> Locator:
        return self.frame.locator(".message")

    @property
    def last(self) -> Locator:
        return self.messages.last


@cache
def _words(language: str) -> gettext.NullTranslations:
    return gettext.translation(
        "messages", Path(web.__file__).parent / "translations", [language], fallback=language == "en"
    )
