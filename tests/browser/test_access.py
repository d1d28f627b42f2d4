"""The widget for everybody: by keyboard, by ear, on a small screen, with little motion."""

from __future__ import annotations

from playwright.sync_api import expect

from bot.kotae import Kotae
from tests.browser.conftest import NARROW, Visit
from tests.browser.points import shows
from tests.browser.stage import Stage, cites
from tests.browser.visitor import Visitor

LARGE_ENOUGH = """
() => [...document.querySelectorAll("button, summary, textarea, .chip")]
  .filter((it) => it.checkVisibility() && !it.classList.contains("cite"))
  .map((it) => ({ name: it.ariaLabel || it.textContent.trim() || it.id, box: it.getBoundingClientRect() }))
  .filter(({ box }) => box.width < 44 || box.height < 44)
  .map(({ name, box }) => `${name}: ${box.width}x${box.height}`)
"""


@shows("does everything by keyboard")
def test_everything_is_reached_by_keyboard_and_the_focus_goes_back_to_the_launcher(
    a_visitor: Visit, stage: Stage, house: Kotae, language: str, width: int
) -> None:
    visitor = a_visitor(language, width).visits()
    keys = visitor.page.keyboard
    next_one = {"en": "And then?", "ja": "そのあとは？"}[language]
    visitor.page.route("**/followups", lambda route: route.fulfill(json={"questions": [next_one]}))
    visitor.launcher.focus()
    keys.press("Enter")
    expect(visitor.box).to_be_focused()
    keys.press("Shift+Tab")
    (starter,) = house.settings.widget.questions(language)
    expect(visitor.frame.get_by_role("button", name=starter)).to_be_focused()
    stage.says("3.", cites("3. 4.", "3."))
    keys.press("Enter")
    expect(visitor.last.locator(".feedback")).to_be_visible()
    expect(visitor.box).to_be_focused()
    suggested = visitor.last.get_by_role("button", name=next_one)
    expect(suggested).to_be_visible()
    keys.press("Shift+Tab")
    expect(suggested).to_be_focused()
    for reached in ("Copy this answer", "This did not help", "This helped"):
        keys.press("Shift+Tab")
        expect(visitor.button(reached, visitor.last)).to_be_focused()
    keys.press("Shift+Tab")
    expect(visitor.last.locator("summary")).to_be_focused()
    keys.press("Enter")
    expect(visitor.last.locator(".passage")).to_be_visible()
    keys.press("Shift+Tab")
    expect(visitor.last.locator(".cite")).to_be_focused()
    keys.press("Shift+Tab")
    expect(visitor.button("Change this question")).to_be_focused()

    visitor.button("More").focus()
    keys.press("Enter")
    keys.press("Tab")
    expect(visitor.button("Talk to a person")).to_be_focused()
    keys.press("Escape")
    expect(visitor.frame.locator("#menu")).to_be_hidden()
    expect(visitor.button("More")).to_be_focused()
    visitor.is_at_ease()
    keys.press("Escape")
    expect(visitor.panel).to_be_hidden()
    expect(visitor.launcher).to_be_focused()
    expect(visitor.launcher).to_have_attribute("aria-expanded", "false")
    keys.press("Shift+Tab")
    expect(visitor.launcher).not_to_be_focused()  # the closed chat holds nobody
    assert visitor.page.evaluate("document.activeElement.closest('main, header, footer') !== null")


def test_a_screen_reader_is_told_sentences_each_once_and_no_signs(visitor: Visitor, stage: Stage) -> None:
    stage.says(
        "Hold **Brew** for 3.5 seconds. ",
        "Then see [the guide](https://example.com).",
        cites("a", "a"),
        "\n- Wait\n",
    )
    visitor.asks("What now?")
    expect(visitor.last.locator(".feedback")).to_be_visible()
    log = visitor.frame.get_by_role("log")
    expect(log.locator("p")).to_have_text(
        [
            "Looking for the answer…",
            "Hold Brew for 3.5 seconds.",
            "Then see the guide.",
            "Wait",
            "Sources: Aroma One guide",
        ]
    )
    expect(log).to_have_attribute("aria-live", "polite")


def test_every_target_is_large_enough_for_a_finger(a_visitor: Visit, stage: Stage) -> None:
    visitor = a_visitor(width=360, height=740).visits().opens_the_chat()
    stage.says("Hold Brew.", cites("Hold Brew.", "Hold Brew."))
    answer = visitor.asks("What now?")
    answer.get_by_role("button", name="This did not help").click()
    expect(answer.get_by_text("What was wrong?")).to_be_visible()
    assert visitor.frame.locator("body").evaluate(LARGE_ENOUGH) == []


@shows("reads tables and code")
def test_however_wide_something_is_that_is_read_the_chat_stays_as_wide_as_it_is(
    visitor: Visitor, stage: Stage, width: int
) -> None:
    columns = [f"| {' | '.join(f'Column{n}' for n in range(12))} |", "|---" * 12 + "|", "| 12345 " * 12 + "|"]
    stage.says(
        f"{'Donaudampfschiff' * 12}\n\n{chr(10).join(columns)}\n\n```\n{'x' * 200}\n```\n",
        cites("a", "a", title="長" * 80),
    )
    answer = visitor.asks("b" * 150)
    expect(answer.locator(".feedback")).to_be_visible()
    visitor.is_at_ease()
    expect(answer.locator("th")).to_have_count(12)
    for wide in (".table", "pre"):
        assert answer.locator(wide).evaluate("it => it.scrollWidth > it.clientWidth")
        assert answer.locator(wide).evaluate("it => (it.scrollLeft = 40) && it.scrollLeft") == 40
        expect(answer.locator(wide)).to_have_attribute("tabindex", "0")  # it scrolls by keyboard, too
    if width < NARROW:
        assert visitor.panel.bounding_box() == {"x": 0, "y": 0, "width": width, "height": 740}
    visitor.button("Close chat").click()
    expect(visitor.panel).to_be_hidden()


def test_on_a_desktop_the_page_around_stays_in_use(a_visitor: Visit) -> None:
    visitor = a_visitor().visits().opens_the_chat()
    box = visitor.panel.bounding_box()
    assert box is not None
    assert 360 <= box["width"] <= 400
    assert box["y"] > 0
    assert box["y"] + box["height"] < 860
    visitor.page.get_by_role("link", name="日本語").click()
    expect(visitor.page.locator("html")).to_have_attribute("lang", "ja")


def test_whoever_wants_little_motion_gets_none(visitor: Visitor) -> None:
    moving = "it => it.getAnimations({ subtree: true }).length"
    assert visitor.frame.locator("html").evaluate(moving) == 0
    assert visitor.panel.evaluate(moving) == 0


def test_the_page_can_open_and_close_the_chat_and_gets_its_focus_back(a_visitor: Visit) -> None:
    visitor = a_visitor().visits()
    link = visitor.page.get_by_role("link", name="English")
    link.focus()
    visitor.page.evaluate("kotae.open()")
    expect(visitor.box).to_be_focused()
    visitor.page.evaluate("kotae.close()")
    expect(visitor.panel).to_be_hidden()
    expect(link).to_be_focused()
