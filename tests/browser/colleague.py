"""Somebody at the console with a browser."""

from __future__ import annotations

import base64
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from gettext import NullTranslations
from pathlib import Path

from babel.support import Translations
from playwright.sync_api import Dialog, FilePayload, Locator, Page, expect

import web

JAPANESE = re.compile("[ぁ-んァ-ヶ一-龠]")
SIDEWAYS = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
OUTSIDE = """
main => [...main.querySelectorAll("*")]
  .filter((it) => it.checkVisibility())
  .filter((it) => !it.closest(".visually-hidden, thead, pre, .said table, .table-responsive"))
  .filter((it) => it.getBoundingClientRect().right > innerWidth)
  .map((it) => it.outerHTML.slice(0, 80))
"""
LABELS = """
main => [...main.querySelectorAll("h1, h2, thead th, label, button, summary, dt, .badge, .alert")]
  .filter((it) => it.checkVisibility() && !it.closest(".text-break, [data-name]"))
  .map((it) => it.cloneNode(true))
  .map((it) => { it.querySelectorAll("code, kbd, select").forEach((own) => own.remove()); return it; })
  .map((it) => it.textContent.trim())
  .filter((text) => /\\p{L}/u.test(text))
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
    language: str = "en"

    def reads(self, english: str, **values: object) -> str:
        """What the console says there in the language of whoever reads it."""
        told = catalogue(self.language).gettext(english) % values
        assert self.language == "en" or JAPANESE.search(told), f"not in {self.language}: {english}"
        return told

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
        name = self.reads(button)
        (within or self.page.get_by_role("main")).get_by_role("button", name=name).click()
        return self

    def follows(self, link: str, within: Locator | None = None) -> Colleague:
        name = self.reads(link)
        (within or self.page.get_by_role("main")).get_by_role("link", name=name, exact=True).click()
        return self

    def labelled(self, label: str, within: Locator | None = None) -> Locator:
        """What is written or chosen under that label."""
        return (within or self.page.get_by_role("main")).get_by_label(self.reads(label), exact=True)

    def answers_with(self, yes: bool) -> list[str]:
        """The next question of the browser; what it said is in the list as soon as it was put."""
        questions: list[str] = []

        def answer(dialog: Dialog) -> None:
            questions.append(dialog.message)
            dialog.accept() if yes else dialog.dismiss()

        self.page.once("dialog", answer)
        return questions

    def is_told(self, sentence: str, **values: object) -> None:
        told = self.reads(sentence, **values)
        expect(self.page.get_by_role("alert").filter(has_text=told)).to_be_visible()

    def looks_whole(self, *names: str) -> None:
        """Nothing stands outside of the page, and all but names is in the reader's language."""
        main = self.page.locator("main")
        self.page.wait_for_load_state()  # a click is over when its page begins, which has nothing on it yet
        assert self.page.evaluate(SIDEWAYS) == 0, self.page.url
        outside = main.evaluate(OUTSIDE)
        assert outside == [], (outside, self.page.url)
        if self.language == "ja":
            foreign = [label for label in main.evaluate(LABELS) if not JAPANESE.search(label)]
            unknown = [label for label in foreign if label not in names]
            assert unknown == [], (unknown, self.page.url)


@functools.cache
def catalogue(language: str) -> NullTranslations:
    """The console's sentences."""
    return Translations.load(Path(web.__file__).parent / "translations", [language])


Arrive = Callable[..., Colleague]
