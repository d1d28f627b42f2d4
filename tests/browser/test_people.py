"""A customer in the widget and the desk in its inbox, each in a browser of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO

import pytest
from flask import Flask
from playwright.sync_api import Locator, expect

from bot.handoff import presence
from bot.kotae import Kotae
from tests.browser.colleague import Arrive, Colleague
from tests.browser.conftest import Visit
from tests.browser.points import shows
from tests.browser.sites import served
from tests.browser.visitor import Visitor
from tests.browser.windows import holds_first, until
from tests.people import Customer

NAMES = ("parrot", "English", "operator@example.com", "admin@example.com")
MANUALS = {
    "en": "# Colours\n\nThe kettle comes in black, white and green.\n",
    "ja": "# 色\n\nケトルの色は黒、白、緑の3色です。\n",
}
ASKED = {"en": "Which colours does the kettle come in?", "ja": "ケトルの色は何色ですか？"}
CITED = {"en": "black, white and green", "ja": "黒、白、緑"}


@pytest.fixture
def address(app: Flask, kotae: Kotae) -> Iterator[str]:
    """Where this installation is reached; the parrot answers in it."""
    kotae.switch.use("parrot", "test")
    kotae.canned.save("blue", "It is **blue**.", "test")
    with served(app) as origin:
        yield origin
        kotae.changes.close()  # whoever still listens goes home


def becomes_available(operator: Colleague) -> Colleague:
    operator.opens("inbox").page.locator(".inbox-me summary").click()
    operator.labelled("Customers may be sent to me").check()
    operator.labelled("What customers call you").fill("Anna")
    operator.looks_whole(*NAMES)
    operator.presses("Save")
    expect(operator.page.locator(".inbox-on")).to_be_visible()
    return operator


def asks_for_a_person(visitor: Visitor) -> None:
    visitor.frame.locator("#more").click()
    visitor.frame.locator("#person").click()


def lines(operator: Colleague) -> Locator:
    return operator.page.locator("#lines")


@shows(
    "sees who waits, live, and takes a chat",
    "replies with Markdown and a canned answer",
    "closes a chat with an outcome",
    "asks for a person and comes back to the bot",
)
def test_a_customer_talks_to_a_person_and_then_to_the_bot_again(
    a_visitor: Visit, signed_in: Arrive, kotae: Kotae, language: str, width: int
) -> None:
    operator = becomes_available(signed_in("operator", language=language, width=width))
    visitor = a_visitor(language, width).visits().opens_the_chat()
    expect(visitor.asks("Is it blue?")).to_contain_text("Is it blue?")
    asks_for_a_person(visitor)
    standing = visitor.frame.locator("#standing")
    expect(standing).to_contain_text(kotae.settings.say("handoff_waiting", language))

    operator.page.get_by_role("link", name="Is it blue?").click()  # it appeared by itself
    operator.page.wait_for_url("**/inbox/*")  # with its script: without, a form would lead to a page anew
    operator.page.wait_for_load_state()
    operator.looks_whole(*NAMES)
    operator.presses("Take")
    say = operator.page.locator("#say")
    expect(say).to_be_focused()
    expect(standing).to_contain_text("Anna")
    say.press_sequentially("/bl")
    say.press("Enter")
    expect(say).to_have_value("It is **blue**.")
    say.press("Control+Enter")
    expect(say).to_have_value("")
    expect(visitor.last).to_contain_text("It is blue.")
    expect(visitor.last.locator("strong")).to_have_text("blue")

    visitor.box.fill("All of it?")
    visitor.box.press("Enter")
    expect(lines(operator).get_by_text("All of it?")).to_have_count(1)  # the parrot is silent
    operator.labelled("Outcome").select_option("unresolved")
    operator.presses("Close")
    expect(standing).to_contain_text(kotae.settings.say("handoff_closed", language))
    expect(lines(operator)).to_contain_text(operator.reads("Not resolved"))
    operator.looks_whole(*NAMES)
    expect(visitor.asks("And now?")).to_contain_text("And now?")
    expect(lines(operator).get_by_text("And now?")).to_have_count(2)  # asked, and said back


@shows(
    "sees a colleague at the same chat",
    "has an answer drafted with its sources",
    "writes a note that no customer sees",
    "hands a chat back",
)
def test_two_operators_at_one_chat_see_each_other_and_one_answers_and_gives_it_back(
    app: Flask,
    kotae: Kotae,
    signed_in: Arrive,
    monkeypatch: pytest.MonkeyPatch,
    language: str,
    width: int,
) -> None:
    monkeypatch.setattr(presence, "TYPING_SECONDS", 60)  # as long as this machine needs to show it
    kotae.library.ingest(kotae.library.receive(BytesIO(MANUALS[language].encode()), "colours.md").document.id)
    first = becomes_available(signed_in("operator", language=language, width=width))
    second = becomes_available(signed_in("admin", language=language))
    customer = Customer(app, language)
    customer.asks(ASKED[language])
    customer.asks_for_a_person()

    # 1) both look, one is quicker
    for one in (first, second):
        one.opens(f"inbox/{customer.conversation}")
        expect(one.page.locator("button[accesskey=t]")).to_be_visible()
    others = first.page.locator(".inbox-others")
    expect(others).to_have_text(first.reads("%(who)s looks at it", who="admin@example.com"))
    second.page.route(re.compile("/chat"), lambda _: None)  # their page has not heard yet when they press
    first.presses("Take")
    expect(first.page.locator("#reply")).to_be_visible()
    second.presses("Take")
    quicker = second.reads("%(who)s was quicker and has this chat.", who="operator@example.com")
    expect(second.page.locator("#fault")).to_have_text(quicker)
    until(second.page, lambda: any("409" in complaint for complaint in second.complaints))
    second.complaints.clear()
    second.page.unroute_all(behavior="ignoreErrors")
    second.page.reload()

    # 2) the other one helps
    first.page.locator("#say").press_sequentially("It is")
    writes = second.reads("%(who)s writes …", who="operator@example.com")
    expect(second.page.locator(".inbox-others")).to_contain_text(writes)
    second.labelled("Note, for colleagues alone").fill("Say that it is blue")
    second.presses("Keep")
    expect(first.page.locator(".inbox-note")).to_contain_text("Say that it is blue")
    expect(first.page.locator("#say")).to_have_value("It is")  # what is being written is not taken away
    assert "Say that" not in str(customer.looks())

    # 3) a strategy helps, and the bot goes on
    first.labelled("Suggest an answer").select_option("manuals")
    first.presses("Draft")
    draft = first.page.locator("#draft")
    expect(draft.locator("q").first).to_contain_text(CITED[language])
    first.looks_whole(*NAMES)
    first.presses("Put it into the reply")
    expect(first.page.locator("#say")).to_be_focused()
    first.presses("Send")
    expect(lines(first).locator(".border-success")).to_contain_text("It is")  # behind what was typed
    expect(lines(first).locator(".border-success")).to_contain_text(CITED[language])
    assert CITED[language] in customer.reads_again()[-1]["text"]
    first.presses("Back to the bot")
    expect(lines(first)).to_contain_text(first.reads("Given back to the bot"))
    expect(first.page.locator("#reply")).to_be_hidden()
    assert customer.asks("And now?").text == "And now?"
    first.looks_whole(*NAMES)


def test_what_is_typed_while_a_reply_is_sent_stays_and_the_focus_stays_on_its_chat(
    app: Flask, signed_in: Arrive
) -> None:
    operator = becomes_available(signed_in("operator"))
    customer = Customer(app)
    customer.asks("Is it blue?")
    customer.asks_for_a_person()
    page = operator.opens(f"inbox/{customer.conversation}").page
    operator.presses("Take")
    say = page.locator("#say")
    expect(say).to_be_focused()
    held = holds_first(page, "**/reply*")
    say.fill("It is.")
    say.press("Control+Enter")
    until(page, lambda: len(held) == 1)
    say.press_sequentially(" As the sea.")
    held[0].continue_()
    expect(say).to_have_value("As the sea.")
    expect(lines(operator).locator(".border-success")).to_contain_text("It is.")

    page.get_by_role("link", name="All").click()
    mine = page.locator(f".list-group a[href*='{customer.conversation}']")
    mine.focus()
    another = Customer(app)
    another.asks("Where is the lid?")
    another.asks_for_a_person()
    expect(page.get_by_role("link", name="Where is the lid?")).to_be_visible()
    expect(mine).to_be_focused()


def test_a_button_that_is_pressed_is_not_taken_away_by_what_comes_in(app: Flask, signed_in: Arrive) -> None:
    operator = signed_in("operator")
    customer = Customer(app)
    customer.asks("Is it blue?")
    customer.asks_for_a_person()
    page = operator.opens(f"inbox/{customer.conversation}").page
    page.wait_for_load_state()
    take = page.locator("button[accesskey=t]")
    take.hover()
    page.mouse.down()
    pressed = take.element_handle()
    assert pressed
    customer.asks("All of it?")
    page.evaluate("() => take(chat)")
    assert pressed.evaluate("it => it.isConnected"), "the chat was written anew under the finger"
    page.mouse.up()
    expect(page.locator("#reply")).to_be_visible()
    expect(lines(operator)).to_contain_text("All of it?")
