"""A customer with a browser: what they do and what they see in the widget, wherever it is shown."""

from __future__ import annotations

from dataclasses import dataclass, field

from playwright.sync_api import FrameLocator, Locator, Page, expect

OPEN = {"en": "Open chat", "ja": "チャットを開く"}


@dataclass
class Visitor:
    page: Page
    kotae: str  # the origin of the installation
    language: str = "en"
    complaints: list[str] = field(default_factory=list)  # of the browser's console

    def visits(self, address: str = "") -> Visitor:
        self.page.goto(address or f"{self.kotae}/shop?language={self.language}")
        return self

    def opens_the_chat(self) -> Visitor:
        self.launcher.click()
        expect(self.box).to_be_focused()  # the frame has begun to listen
        return self

    def asks(self, text: str) -> Locator:
        """Ask; returns the answer that begins."""
        before = self.messages.count()
        self.box.fill(text)
        self.box.press("Enter")
        answer = self.messages.nth(before + 1)
        answer.wait_for()
        return answer

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
