"""Operators at work in a browser, in sittings: one thing after the other, as somebody does them in a morning;
in English at a desk, in Japanese at a telephone.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import expect

from bot.kotae import Kotae
from tests.browser.colleague import Arrive, Colleague
from tests.browser.points import shows
from tests.browser.sites import served
from tests.people import Customer

MANUALS = {
    "filter.md": "# Water filter\n\nChange the water filter of the kettle every 60 days.\n",
    "フィルター.md": "# 浄水フィルター\n\nケトルの浄水フィルターは60日ごとに交換してください。\n",
}
NAMES = ("manuals", "parrot", "English")
FOLDED = 992  # pixels: below it filters are folded


@dataclass(frozen=True)
class Words:
    """What customers ask and operators write."""

    filter: str
    vain: str
    again: str  # in other words
    colour: str
    right: str
    view: str
    norway: str = "Norway"
    every: str = "every 60 days"


WORDS = {
    "en": Words(
        "How often must I change the water filter?",
        "Do you ship to Norway?",
        "Do you deliver to Norway",
        "Is it blue?",
        "Yes, within five days.",
        "Unanswered",
    ),
    "ja": Words(
        "浄水フィルターは何日ごとに交換しますか？",
        "ノルウェーに送れますか？",
        "ノルウェーへ送れますか",
        "青いですか？",
        "はい、5日以内に届きます。",
        "未回答",
        "ノルウェー",
        "60日ごとに交換",
    ),
}


@pytest.fixture
def words(language: str) -> Words:
    return WORDS[language]


@pytest.fixture
def address(app: Flask, kotae: Kotae) -> Iterator[str]:
    """Where this installation is reached."""
    with served(app) as origin:
        yield origin


@pytest.fixture
def manuals(kotae: Kotae) -> None:
    for name, text in MANUALS.items():
        kotae.library.ingest(kotae.library.receive(BytesIO(text.encode()), name).document.id)


@pytest.fixture
def unanswered(app: Flask, kotae: Kotae, language: str, words: Words) -> None:
    """Two customers asked the same in other words, and nobody knew; a third was answered."""
    for question in (words.vain, words.again):
        Customer(app, language).asks(question)
    kotae.switch.use("parrot", by="olga")
    thanked = Customer(app, language)
    thanked.rates(thanked.asks(words.colour).id, "up")
    kotae.switch.use("manuals", by="olga")


@shows(
    "reads how far conversations came, and takes the table along",
    "looks at one strategy, language and span of days",
    "makes a pair of an unanswered question",
)
def test_an_operator_goes_from_the_overview_to_the_right_answer_of_what_nobody_knew(
    signed_in: Arrive, kotae: Kotae, unanswered: None, words: Words, language: str, width: int, tmp_path: Path
) -> None:
    operator = signed_in("operator", language=language, width=width)
    page = operator.opens("overview").page
    expect(page.locator(".bars").first).to_contain_text("33.3%")
    expect(page.get_by_role("heading", name=operator.reads("How far conversations came"))).to_be_visible()
    operator.looks_whole(*NAMES)
    assert lines_of(operator, tmp_path)["language", language]["conversations"] == "3"

    operator.labelled("Strategy").select_option("parrot")
    operator.labelled("Language").select_option(language)
    operator.presses("Show")
    expect(page.locator(".tile").first).to_have_text("1")
    expect(page.locator(".bars").first).not_to_contain_text("33.3%")
    alone = lines_of(operator, tmp_path)
    assert (alone["all", ""]["conversations"], alone["all", ""]["liked"]) == ("1", "1")
    assert ("strategy", "manuals") not in alone
    operator.labelled("Last day").fill("2020-01-02")
    operator.labelled("First day").fill("2020-01-01")
    operator.presses("Show")
    expect(page.locator(".bars")).to_have_count(0)
    operator.looks_whole(*NAMES)

    expect(page.get_by_text(operator.reads("Nothing of it in these days."))).to_be_visible()
    operator.opens("overview").follows("Unanswered questions")
    expect(page.locator("ol > li")).to_have_count(1)
    operator.looks_whole(*NAMES)
    operator.follows("Answer it")
    operator.looks_whole(*NAMES)
    operator.labelled("The right answer").fill(words.right)
    operator.presses("Propose the pair")
    operator.is_told("The right answer is kept as a candidate; an admin decides whether it becomes a pair.")
    expect(page.get_by_text(operator.reads("waits for an admin"))).to_be_visible()
    (candidate,) = kotae.candidates.list().candidates
    assert candidate.answer == words.right
    assert kotae.archive.asked(candidate.message_id, 0).question in (words.vain, words.again)


def lines_of(operator: Colleague, folder: Path) -> dict[tuple[str, str], dict[str, str]]:
    """The overview's table out of its file."""
    with operator.page.expect_download() as saved:
        operator.follows("All of it as CSV")
    saved.value.save_as(folder / "overview.csv")
    return {(line["by"], line["key"]): line for line in read_csv(folder / "overview.csv")}


@shows(
    "finds a conversation by its words and filters",
    "keeps a view",
    "reads how an answer came about",
    "asks again with another strategy",
    "reports an answer with the right one",
    "takes conversations along as a file",
)
def test_an_operator_looks_through_conversations_and_says_what_would_have_been_right(
    manuals: None,
    signed_in: Arrive,
    app: Flask,
    kotae: Kotae,
    words: Words,
    language: str,
    width: int,
    tmp_path: Path,
) -> None:
    customer = Customer(app, language)
    customer.rates(customer.asks(words.filter).id, "down", reason="incomplete", comment="…?")
    Customer(app, language).asks(words.vain)
    operator = signed_in("operator", language=language, width=width)

    # 1) by words and filters; the filter is kept, and found again
    page = operator.opens("conversations").page
    rows = page.locator("tbody tr")
    expect(rows).to_have_count(2)
    operator.labelled("Words said by anybody").fill(words.norway)
    page.keyboard.press("Enter")
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text(words.vain)
    operator.labelled("Words said by anybody").fill("")
    if width < FOLDED:
        page.get_by_text(operator.reads("Filters"), exact=True).click()
    operator.labelled("abstained").check()
    operator.presses("Search")
    expect(rows).to_contain_text(words.vain)
    operator.labelled("Name of the view").fill(words.view)
    operator.presses("Keep this view")
    operator.is_told("The view %(name)s is kept.", name=words.view)
    operator.looks_whole(*NAMES)
    operator.opens("conversations")
    expect(rows).to_have_count(2)
    page.get_by_role("link", name=words.view, exact=True).click()
    expect(operator.labelled("abstained")).to_be_checked()
    expect(rows).to_have_count(1)

    # 2) how an answer came about
    page.goto(f"{operator.kotae}/console/conversations?rated=up")
    operator.labelled("Rated").select_option("down")
    operator.presses("Search")
    expect(rows.first).to_contain_text(operator.reads("not helpful"))
    page.get_by_role("link", name=words.filter).click()
    answer = page.locator("li.card").nth(1)
    expect(answer).to_contain_text(words.every)
    expect(answer).to_contain_text(operator.reads("Something is missing"))
    expect(answer.get_by_text(operator.reads("Index version"))).to_be_hidden()
    answer.get_by_text(operator.reads("How this answer came about")).click()
    for part in ("First token", "Index version", "Decisions", "Sources", "fused", "meaning", "words"):
        expect(answer.get_by_text(operator.reads(part), exact=True).first).to_be_visible()
    expect(answer.locator("q").first).to_contain_text(words.every)
    expect(answer.locator("tbody:not(:has(tr))")).to_have_count(0)  # no table of nothing
    operator.looks_whole(*NAMES)

    # 3) another strategy beside it
    answer.get_by_label(operator.reads("Answer again with")).select_option("parrot")
    operator.presses("Answer again", answer)
    beside = page.locator("section.card")
    expect(beside.nth(0)).to_contain_text(words.every)
    expect(beside.nth(1)).to_contain_text(words.filter)
    operator.looks_whole(*NAMES)

    # 4) what would have been right
    operator.follows("Report, and say what is right")
    operator.labelled("What is wrong with the answer").select_option("incomplete")
    operator.labelled("The right answer").fill(words.right)
    operator.looks_whole(*NAMES)
    operator.presses("Propose the pair")
    expect(answer).to_contain_text(operator.reads("Right would be"))
    (candidate,) = kotae.candidates.list().candidates
    assert (candidate.question, candidate.answer, candidate.why) == (words.filter, words.right, "incomplete")

    # 5) all of it as a file
    operator.opens("conversations")
    for form, read in (("jsonl", read_jsonl), ("csv", read_csv)):
        operator.labelled("Format").select_option(form)
        with page.expect_download() as saved:
            operator.presses("Export these")
        saved.value.save_as(tmp_path / form)
        line = next(line for line in read(tmp_path / form) if words.filter in str(line))
        for told in (words.every, words.right, "down"):
            assert told in str(line), form


def read_jsonl(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def read_csv(path: Path) -> list[dict[str, str]]:
    """As a spreadsheet does: without the mark at its beginning it would take it for another encoding."""
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@shows("erases a customer")
def test_an_admin_erases_a_customer_and_nothing_of_them_is_left(
    signed_in: Arrive, app: Flask, kotae: Kotae, words: Words, language: str, width: int
) -> None:
    customer = Customer(app, language)
    answer = customer.asks(words.vain)
    kotae.candidates.add(words.vain, words.right, by="olga", message_id=answer.id, language=language)
    Customer(app, language).asks(words.colour)
    admin = signed_in("admin", language=language, width=width)
    page = admin.opens("conversations").page
    page.get_by_role("link", name=words.vain).click()
    admin.follows("Erase …")
    admin.looks_whole(*NAMES)
    admin.presses("Erase")
    sure = admin.labelled("I am sure; it cannot be undone.")
    expect(sure).to_be_focused()  # nothing goes without it
    sure.check()
    admin.presses("Erase")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.get_by_role("main")).not_to_contain_text(words.norway)
    admin.looks_whole(*NAMES)
    assert kotae.candidates.list().candidates == ()


@shows(
    "compares the cards of the strategies and switches",
    "changes an option, reads the difference and goes back",
)
def test_an_operator_reads_the_cards_switches_changes_an_option_and_takes_both_back(
    signed_in: Arrive, app: Flask, kotae: Kotae, words: Words, language: str, width: int
) -> None:
    customer = Customer(app, language)
    customer.rates(customer.asks(words.vain).id, "down")
    operator = signed_in("operator", language=language, width=width)
    page = operator.opens("strategy").page
    cards = page.locator("section.card")
    speaking = cards.filter(has_text=operator.reads("answers now"))
    expect(speaking.get_by_role("heading")).to_have_text("manuals")
    expect(speaking).to_contain_text("n = 1")
    expect(cards.filter(has_text="parrot")).to_contain_text(
        operator.reads("It has answered no customer in %(n)s days.", n=30)
    )
    operator.looks_whole(*NAMES)
    operator.presses("Let it answer", cards.filter(has_text="parrot"))
    operator.is_told("%(name)s answers from the next question on.", name="parrot")
    expect(speaking.get_by_role("heading")).to_have_text("parrot")
    assert Customer(app, language).asks(words.colour).text == words.colour
    operator.looks_whole(*NAMES)
    page.get_by_role("button", name=operator.reads("Back to %(name)s", name="manuals")).click()
    expect(speaking.get_by_role("heading")).to_have_text("manuals")
    expect(page.locator("table").last.locator("tbody tr").nth(1)).to_contain_text("operator@example.com")

    page.get_by_role("link", name=f"{operator.reads('Change options')}: manuals").click()
    bound = page.locator("#k")
    bound.fill("99")
    operator.presses("Try it, then let it hold")
    expect(bound).to_be_focused()  # the browser knows the bound of the schema
    bound.fill("9")
    operator.presses("Try it, then let it hold")
    operator.is_told("%(name)s answers so from the next question on.", name="manuals")
    expect(page.locator("del")).to_have_text(operator.reads("as in the file"))
    expect(page.locator("ins")).to_have_text("9")
    operator.looks_whole(*NAMES)
    operator.presses("Back to this")
    operator.is_told("%(name)s answers so from the next question on.", name="manuals")
    assert "k" not in kotae.configured()["manuals"]


@shows("gives a strategy a share of the conversations", "lets a strategy answer in the shadow")
def test_an_operator_gives_a_strategy_a_share_and_hears_another_in_the_shadow(
    signed_in: Arrive, app: Flask, kotae: Kotae, words: Words, language: str, width: int
) -> None:
    operator = signed_in("operator", language=language, width=width)
    page = operator.opens("strategy").page
    page.locator("[name=share-parrot]").fill("100")
    page.locator("[name=shadow-manuals]").fill("100")
    operator.presses("Share so")
    operator.is_told("The traffic is shared so from the next question on.")
    cards = page.locator("section.card")
    expect(cards.filter(has_text="parrot")).to_contain_text(operator.reads("answers %(n)s %%", n=100))
    expect(cards.filter(has_text="manuals")).to_contain_text(operator.reads("in the shadow: %(n)s %%", n=100))
    operator.looks_whole(*NAMES)

    customer = Customer(app, language)
    for asked in (words.vain, words.colour):  # it stays with whom it began
        assert customer.asks(asked).text == asked
    assert kotae.shadows.wait(30)
    operator.opens(f"conversations/{customer.conversation}")
    shadow = (
        page.locator("details")
        .filter(has_text=operator.reads("In the shadow: %(name)s", name="manuals"))
        .last
    )
    expect(shadow).to_contain_text(operator.reads("abstained"))
    shadow.locator("summary").click()
    expect(shadow.locator(".said")).to_have_text(operator.reads("It found nothing to answer with."))
    operator.looks_whole(*NAMES)
    operator.opens("strategy").presses("Undo the last change")
    expect(cards.filter(has_text="parrot")).not_to_contain_text("100 %")
    assert kotae.switch.chosen().shares == {}
