"""A customer in the widget and the desk in its inbox, each in a browser of their own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import expect

from bot.kotae import Kotae
from tests.browser.colleague import OUTSIDE, SIDEWAYS, Arrive, Colleague
from tests.browser.conftest import Visit
from tests.browser.sites import served
from tests.browser.visitor import Visitor
from tests.people import Customer


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
    operator.page.locator("#available").check()
    operator.page.locator("#called").fill("Anna")
    assert operator.page.evaluate(SIDEWAYS) == 0
    operator.page.locator(".inbox-me button").click()
    expect(operator.page.locator(".inbox-on")).to_be_visible()
    return operator


def asks_for_a_person(visitor: Visitor) -> None:
    visitor.frame.locator("#more").click()
    visitor.frame.locator("#person").click()


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_customer_talks_to_a_person_and_then_to_the_bot_again(
    a_visitor: Visit, signed_in: Arrive, kotae: Kotae, language: str
) -> None:
    operator = becomes_available(signed_in("operator", language=language))
    visitor = a_visitor(language).visits().opens_the_chat()
    expect(visitor.asks("Is it blue?")).to_contain_text("Is it blue?")
    asks_for_a_person(visitor)
    standing = visitor.frame.locator("#standing")
    expect(standing).to_contain_text(kotae.settings.say("handoff_waiting", language))

    operator.page.get_by_role("link", name="Is it blue?").click()  # it appeared by itself
    operator.page.wait_for_url("**/inbox/*")  # with its script: without, a form would lead to a page anew
    operator.page.wait_for_load_state()
    operator.page.locator("button[accesskey=t]").click()
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
    lines = operator.page.locator("#lines")
    expect(lines.get_by_text("All of it?")).to_have_count(1)  # the parrot is silent
    operator.page.locator("form[action*='/close'] button").click()
    expect(standing).to_contain_text(kotae.settings.say("handoff_closed", language))
    expect(visitor.asks("And now?")).to_contain_text("And now?")
    expect(lines.get_by_text("And now?")).to_have_count(2)  # asked, and said back


@pytest.mark.parametrize("width", [360, 1280])
def test_two_operators_see_each_other_and_only_one_gets_the_chat(
    app: Flask, kotae: Kotae, signed_in: Arrive, width: int
) -> None:
    first = becomes_available(signed_in("operator", width=width))
    second = becomes_available(signed_in("admin"))
    customer = Customer(app)
    customer.asks("Is it blue?")
    customer.asks_for_a_person()
    for one in (first, second):
        one.opens(f"inbox/{customer.conversation}")
        expect(one.page.locator("button[accesskey=t]")).to_be_visible()
    expect(first.page.locator(".inbox-others")).to_contain_text("admin@example.com")
    second.page.evaluate("look = () => {}")  # their page has not heard yet when they press
    first.page.locator("button[accesskey=t]").click()
    expect(first.page.locator("#reply")).to_be_visible()
    second.page.locator("button[accesskey=t]").click()
    expect(second.page.locator("#fault")).to_contain_text("operator@example.com was quicker")
    (refused,) = second.complaints
    assert "409" in refused
    second.complaints.clear()
    second.page.reload()
    first.page.locator("#say").press_sequentially("It is")
    expect(second.page.locator(".inbox-others")).to_contain_text("operator@example.com writes")
    second.page.locator("#note").fill("Say that it is blue")
    second.page.locator("#note").press("Enter")
    expect(first.page.locator(".inbox-note")).to_contain_text("Say that it is blue")
    expect(first.page.locator("#say")).to_have_value("It is")  # what is being written is not taken away
    assert first.page.evaluate(SIDEWAYS) == 0
    assert first.page.locator("main").evaluate(OUTSIDE) == []
