"""Operators at work in a browser: from the overview to a better answer, from an option to its old value."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import expect

from bot.kotae import Kotae
from tests.browser.colleague import JAPANESE, OUTSIDE, SIDEWAYS, Arrive, Colleague
from tests.browser.sites import served
from tests.people import Customer

QUESTION = "Do you ship to Norway?"


@pytest.fixture
def address(app: Flask, kotae: Kotae) -> Iterator[str]:
    """Where this installation is reached."""
    with served(app) as origin:
        yield origin


@pytest.fixture
def unanswered(app: Flask, kotae: Kotae) -> str:
    """Two customers asked the same in other words, and nobody knew; a third was answered."""
    asked = [Customer(app).asks(question).id for question in (QUESTION, "Do you deliver to Norway")]
    kotae.switch.use("parrot", by="olga")
    thanked = Customer(app)
    thanked.rates(thanked.asks("Is it blue?").id, "up")
    kotae.switch.use("manuals", by="olga")
    return asked[0]


def test_an_operator_goes_from_the_overview_to_a_candidate_and_looks_what_another_strategy_says(
    operator: Colleague, kotae: Kotae, unanswered: str
) -> None:
    page = operator.opens("overview").page
    expect(page.get_by_role("heading", name="How far conversations came")).to_be_visible()
    expect(page.locator(".bars").first).to_contain_text("33.3%")
    page.get_by_role("link", name="Unanswered questions").click()
    expect(page.locator("ol > li")).to_have_count(1)
    expect(page.locator("ol > li")).to_contain_text("asked 2 times")
    page.get_by_role("link", name="Answer it").click()
    page.get_by_label("The right answer").fill("Yes, within five days.")
    page.get_by_role("button", name="Propose the pair").click()
    operator.is_told("The right answer is kept")
    expect(page.get_by_role("main")).to_contain_text("waits for an admin")
    (candidate,) = kotae.candidates.list().candidates
    assert candidate.answer == "Yes, within five days."
    answer = page.locator(f"[id='{candidate.message_id}']")
    answer.get_by_label("Answer again with").select_option("parrot")
    answer.get_by_role("button", name="Answer again").click()
    expect(page.get_by_role("region", name=re.compile("Answered again"))).to_contain_text("Norway")
    page.get_by_role("link", name="Conversation", exact=True).click()
    expect(page).to_have_url(re.compile(f"#{candidate.message_id}$"))


def test_an_operator_changes_an_option_reads_the_difference_and_takes_it_back(
    operator: Colleague, kotae: Kotae
) -> None:
    page = operator.opens("strategy").page
    page.get_by_role("link", name="Change options: manuals").click()
    page.get_by_label("k", exact=True).fill("99")
    page.get_by_role("button", name="Try it").click()
    expect(page.get_by_label("k", exact=True)).to_be_focused()  # the browser knows the bound of the schema
    page.get_by_label("k", exact=True).fill("9")
    page.get_by_role("button", name="Try it").click()
    operator.is_told("manuals answers so")
    expect(page.locator("del")).to_have_text("as in the file")
    expect(page.locator("ins")).to_have_text("9")
    page.get_by_role("button", name="Back to this").click()
    operator.is_told("manuals answers so")
    assert "k" not in kotae.configured()["manuals"]
    operator.opens("strategy")
    page.get_by_label("% of conversations: parrot").fill("25")
    page.get_by_role("button", name="Share so").click()
    operator.is_told("The traffic is shared so")
    expect(page.get_by_role("region", name="parrot")).to_contain_text("answers 25 %")


def test_an_operator_at_a_telephone_reads_japanese_and_nothing_stands_outside(
    signed_in: Arrive, kotae: Kotae, unanswered: str
) -> None:
    admin = signed_in("admin", language="ja", width=360, height=740)
    conversation = kotae.archive.asked(unanswered, 6).answer.conversation_id
    for path in (
        "overview",
        "overview/unanswered",
        "conversations?abstained=1",
        f"answers/{unanswered}/correct",
        f"conversations/{conversation}/erase",
        "strategy/manuals",
        "keys",
        "audit",
    ):
        page = admin.opens(path).page
        assert page.evaluate(SIDEWAYS) == 0, path
        outside = page.locator("main").evaluate(OUTSIDE)
        assert [one for one in outside if path != "overview"] == [], path  # its table is scrolled
        labels = page.locator("h1:not(.text-break), h2:not(.text-break), main button").all_text_contents()
        assert [label for label in labels if label.strip(" ×\n") and not JAPANESE.search(label)] == [], path
