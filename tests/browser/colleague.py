"""Somebody at the console with a browser."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, field

from playwright.sync_api import Dialog, FilePayload, Locator, Page, expect

JAPANESE = re.compile("[ぁ-んァ-ヶ一-龠]")
SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
OUTSIDE = """
main => [...main.querySelectorAll("*")]
  .filter((it) => it.checkVisibility() && !it.closest(".visually-hidden, thead, pre, .said table"))
  .filter((it) => it.getBoundingClientRect().right > innerWidth)
  .map((it) => it.outerHTML.slice(0, 80))
"""
DROP = """
([form, files]) => {
  const carried = new DataTransfer();
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  for (const [name, content] of files) carried.items.add(new File([bytes(content)], name));
  for (const kind of ["dragenter", "dragover", "drop"]) {
    form.dispatchEvent(new DragEvent(kind, { dataTransfer: carried, bubbles: true, cancelable: true }));
  }
}
"""


@dataclass
class Colleague:
    """Somebody signed in to the console."""

    page: Page
    kotae: str
    complaints: list[str] = field(default_factory=list)  # of the browser's console

    def opens(self, path: str) -> Colleague:
        self.page.goto(f"{self.kotae}/console/{path}")
        return self

    def chooses(self, *files: tuple[str, str]) -> Colleague:
        """Files by the file dialog."""
        self.page.locator("#files").set_input_files(
            [FilePayload(name=name, mimeType="", buffer=text.encode()) for name, text in files]
        )
        return self

    def drops(self, *files: tuple[str, str]) -> Colleague:
        """Files out of the desktop."""
        carried = [[name, base64.b64encode(text.encode()).decode()] for name, text in files]
        form = self.page.locator("#upload").element_handle()
        self.page.evaluate(DROP, [form, carried])
        return self

    def document(self, source: str) -> Locator:
        """The row of a document in the library."""
        return self.page.get_by_role("row").filter(has_text=source)

    def presses(self, button: str, within: Locator | None = None) -> Colleague:
        (within or self.page.get_by_role("main")).get_by_role("button", name=button).click()
        return self

    def answers_with(self, yes: bool) -> list[str]:
        """The next question of the browser; what it said is in the list as soon as it was put."""
        questions: list[str] = []

        def answer(dialog: Dialog) -> None:
            questions.append(dialog.message)
            dialog.accept() if yes else dialog.dismiss()

        self.page.once("dialog", answer)
        return questions

    def is_told(self, sentence: str) -> None:
        expect(self.page.get_by_role("alert").filter(has_text=sentence)).to_be_visible()


Arrive = Callable[..., Colleague]
