"""Nothing that axe-core finds stands in anybody's way: the widget and each page of the console, light and
dark, in both languages. What a machine cannot judge is in docs/accessibility.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO

import pytest
from axe_playwright_python.base import AXE_FILE_PATH
from playwright.sync_api import Browser, Frame, Page, expect

from bot.kotae import Kotae
from strategies.errors import NoAnswer
from tests.bot.speakers import suggested
from tests.browser.conftest import Visit
from tests.browser.stage import Stage, cites
from tests.people import PASSWORD

AXE = AXE_FILE_PATH.read_text("utf-8")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
RUN = """
async (only) => {
  const briefly = { resultTypes: ["violations"], iframes: false, selectors: false, preload: false };
  const found = await axe.run(document, { ...briefly, runOnly: only });
  const places = (it) => it.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join(" | ");
  return found.violations.map((it) => `${it.id}: ${it.help}: ${places(it)}`);
}
"""
ALL = {"type": "tag", "values": RULES}
CONTRAST = {"type": "rule", "values": ["color-contrast"]}
DRESSED = "new Promise((shown) => requestAnimationFrame(() => shown()))"
LINKS = "it => it.map(a => new URL(a.href).pathname)"
MOST = 45  # pages of the console; each kind is looked at once
MANUAL = "# Aroma Max\n\n## Cleaning\nRinse the pipe.\n\n| Part | Weeks |\n|---|---|\n| Pipe | 1 |\n"


def violations(shown: Page | Frame, page: Page) -> list[str]:
    """What axe-core has against the page as it is now, light and dark. Everything but the contrast is the
    same in both, and is looked at once.
    """
    found = list(shown.evaluate(RUN, ALL))
    page.emulate_media(color_scheme="dark")
    shown.evaluate(DRESSED)
    found += [f"dark: {told}" for told in shown.evaluate(RUN, CONTRAST)]
    page.emulate_media(color_scheme="light")
    return found


@pytest.fixture(scope="module")
def a_working_house(house: Kotae) -> Iterator[Kotae]:
    """Pages with something on them."""
    document = house.library.receive(BytesIO(MANUAL.encode()), "aroma-max.md").document
    house.library.ingest(document.id)
    pair = b'{"question": "How do I clean it?", "answer": "Rinse the pipe."}\n'
    house.pairs.import_(BytesIO(pair), "pairs.jsonl", by="test")
    suggested(house, "What about dirt?", "Cleaning, please?")
    conversation = house.conversations.start(site="https://shop.example", language="en")
    list(house.ask(conversation.id, "How do I clean it?"))
    if not any(user.email == "axe@example.com" for user in house.users.list()):
        house.users.add("axe@example.com", PASSWORD, "admin")
    yield house
    house.library.remove(document.id)


def kind(path: str) -> str:
    """Pages of one kind have one name, whatever they are about."""
    return re.sub(r"(?<=/)(?=[^/]*\d)[\w.:-]{6,}(?=/|$)", "*", path)


def pages_of(page: Page, address: str) -> Iterator[str]:
    """The console, page by page: whatever its menu and its pages lead to, once of each kind."""
    seen: set[str] = set()
    waiting = ["/console/overview"]
    while waiting and len(seen) < MOST:
        path = waiting.pop(0)
        if kind(path) in seen:
            continue
        seen.add(kind(path))
        response = page.goto(f"{address}{path}", wait_until="domcontentloaded")
        assert response is not None
        assert response.status < 500, path
        if response.status == 200 and page.locator("main#main").count():
            found = page.eval_on_selector_all("a[href^='/console/']:not([download])", LINKS)
            waiting += [each for each in found if "/file" not in each and ".csv" not in each]
            yield path


@pytest.mark.timeout(600)  # some thirty pages, each in two languages
def test_no_page_of_the_console_stands_in_anybodys_way(
    chromium: Browser, address: str, a_working_house: Kotae
) -> None:
    page = chromium.new_context(locale="en", color_scheme="light", reduced_motion="reduce").new_page()
    page.add_init_script(AXE)
    page.goto(f"{address}/console/sign-in")
    found = {"sign-in": violations(page, page)}
    page.fill("[name=email]", "axe@example.com")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda url: "sign-in" not in url)
    for path in pages_of(page, address):
        found[path] = violations(page, page)
        page.goto(f"{address}{path}?language=ja", wait_until="domcontentloaded")
        assert page.evaluate("document.documentElement.lang") == "ja", path
        found[f"{path} (ja)"] = violations(page, page)
        page.context.clear_cookies(name="language")
    page.context.close()
    assert len(found) > 50
    assert {path: told for path, told in found.items() if told} == {}


@pytest.mark.parametrize("language", ["en", "ja"])
def test_nothing_in_the_widget_stands_in_anybodys_way(a_visitor: Visit, stage: Stage, language: str) -> None:
    visitor = a_visitor(language, width=360, height=740, alone=True, color_scheme="light")
    page = visitor.page
    page.add_init_script(AXE)
    visitor.visits()
    found = {"launcher": violations(page, page)}
    visitor.opens_the_chat()
    frame = page.frames[-1]
    found["empty"] = violations(frame, page)
    stage.says(
        "Hold **Brew** for `3` seconds.",
        cites("Fill it. Hold **Brew**. Wait.", "Hold **Brew**.", headings=("Care",), page=3),
        "\n\n| Model | Tank |\n|---|---|\n| One | 1.2 l |\n\n```sh\nmake run\n```\n",
    )
    answer = visitor.asks("How do I descale it?")
    expect(answer.locator(".feedback")).to_be_visible()
    answer.locator("summary").click()
    answer.locator("[data-value=down]").click()
    found["an answer"] = violations(frame, page)
    answer.locator(".open").click()
    expect(visitor.frame.locator("#document")).to_be_visible()
    found["a document"] = violations(frame, page)
    page.keyboard.press("Escape")
    stage.says(NoAnswer("nothing"))
    stage.says(NoAnswer("nothing"))
    visitor.asks("Who won?")
    expect(visitor.last.locator(".feedback")).to_be_visible()
    visitor.asks("And before?")
    expect(visitor.last.locator(".handoff button")).to_be_visible()
    visitor.last.locator(".handoff button").click()
    expect(visitor.frame.locator("#address")).to_be_visible()
    found["a person"] = violations(frame, page)
    visitor.frame.locator("#more").click()
    found["the menu"] = violations(frame, page)
    visitor.frame.locator("#end").click()
    expect(visitor.frame.locator("[name=stars]").first).to_be_focused()
    found["the end"] = violations(frame, page)
    assert {where: told for where, told in found.items() if told} == {}
