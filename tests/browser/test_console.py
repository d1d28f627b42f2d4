"""Operators and admins at the console, in a browser; what the browser complains of fails the test."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask import Flask
from playwright.sync_api import Route, expect

from bot.kotae import Kotae
from tests.browser.colleague import JAPANESE, OUTSIDE, SIDEWAYS, Arrive, Colleague
from tests.browser.conftest import Visit
from tests.browser.sites import at_work
from tests.browser.windows import until
from tests.people import PASSWORD, Customer

FILTER = "# Water filter\n\nChange the water filter of the kettle every 60 days. A filter costs 9.50 euros.\n"
DESCALING = "# Descaling\n\nDescale the kettle every month with two spoons of citric acid, then rinse it.\n"
BROKEN = "%PDF-1.7 and nothing more"
PAGES = ("strategy", "conversations", "search", "documents")


@pytest.fixture
def address(app: Flask, kotae: Kotae) -> Iterator[str]:
    """Where this installation is reached; uploads are worked off beside it, as in the real server."""
    with at_work(app, kotae) as origin:
        yield origin


@pytest.fixture
def two_manuals(kotae: Kotae, tmp_path: Path) -> None:
    """Documents that were there before anybody came."""
    for name, text in (("filter.md", FILTER), ("descaling.md", DESCALING)):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        with path.open("rb") as file:
            kotae.library.ingest(kotae.library.receive(file, name).document.id)


# Documents


def test_a_retired_document_answers_nothing_until_it_is_brought_back(
    two_manuals: None, admin: Colleague
) -> None:
    admin.opens("documents").page.get_by_role("link", name="Water filter").click()
    passage = admin.page.get_by_text("Change the water filter of the kettle every 60 days.")
    expect(passage).to_be_visible()
    document = admin.page.url
    question = "search?q=How+often+do+I+change+the+water+filter%3F"
    for press, state, found in (("Retire", "Retired", 0), ("Bring back", "Live", 1)):
        admin.page.goto(document)
        admin.presses(press)
        expect(admin.page.locator("[data-state]")).to_have_text(state)
        expect(admin.opens(question).page.get_by_text("every 60 days")).to_have_count(found)


def test_a_document_is_deleted_only_after_a_yes_and_disappears_by_itself(
    two_manuals: None, admin: Colleague, kotae: Kotae
) -> None:
    admin.opens("documents")
    question = admin.answers_with(False)
    admin.presses("Delete", admin.document("filter.md"))
    assert question == ["Delete “Water filter”? Nothing will be answered from it any more."]
    assert len(kotae.library.documents()) == 2
    for source in ("filter.md", "descaling.md"):
        admin.answers_with(True)
        admin.presses("Delete", admin.document(source))
        admin.is_told("is being deleted, from every answer too.")
        expect(admin.document(source)).to_have_count(0)
    expect(admin.page.get_by_text("There is no document yet.")).to_be_visible()
    assert kotae.library.documents() == []


def test_a_row_that_comes_to_rest_keeps_the_focus_of_the_keyboard(
    two_manuals: None, admin: Colleague
) -> None:
    admin.opens("documents").document("filter.md").get_by_role("link").focus()
    admin.page.evaluate("document.activeElement.closest('tr').toggleAttribute('data-under-way', true)")
    expect(admin.document("filter.md")).not_to_have_attribute("data-under-way", "")
    expect(admin.document("filter.md").get_by_role("link")).to_be_focused()


def test_a_button_of_the_library_is_not_taken_away_while_it_is_pressed(
    two_manuals: None, admin: Colleague
) -> None:
    page = admin.opens("documents").page
    row = admin.document("filter.md")
    row.get_by_role("button", name="Delete").hover()
    page.mouse.down()
    pressed = row.element_handle()
    assert pressed
    pressed.evaluate("row => row.toggleAttribute('data-under-way', true)")  # at each look it is to be new
    for _ in range(2):
        with page.expect_response("**/console/documents"):
            pass
    assert pressed.evaluate("row => row.isConnected")
    question = admin.answers_with(False)
    page.mouse.up()
    expect(row).not_to_have_attribute("data-under-way", "")
    assert question == ["Delete “Water filter”? Nothing will be answered from it any more."]


# Forms


def test_what_cannot_be_undone_is_asked_about_before_the_page_is_all_there(
    two_manuals: None, admin: Colleague, kotae: Kotae
) -> None:
    admin.page.route("**/bootstrap*.js", lambda _: None)  # the page's own scripts wait behind it
    admin.page.goto(f"{admin.kotae}/console/documents", wait_until="commit")
    question = admin.answers_with(False)
    admin.presses("Delete", admin.document("filter.md"))
    assert question == ["Delete “Water filter”? Nothing will be answered from it any more."]
    assert len(kotae.library.documents()) == 2
    admin.page.unroute_all(behavior="ignoreErrors")
    admin.opens("documents")


def test_a_form_that_is_sent_twice_arrives_once(admin: Colleague, kotae: Kotae) -> None:
    page = admin.opens("keys").page
    admin.labelled("Name").fill("Stock")
    page.locator("[name=scopes][value=search]").check()
    posts: list[Route] = []
    page.route("**/console/keys", lambda route: posts.append(route))
    make = page.get_by_role("button", name="Make a key").bounding_box()
    assert make
    page.mouse.click(make["x"] + 9, make["y"] + 9)
    until(page, lambda: len(posts) == 1)
    page.mouse.click(make["x"] + 9, make["y"] + 9)
    posts[0].continue_()
    expect(page.locator("code.user-select-all")).to_be_visible()
    assert [key.name for key in kotae.keys.list()] == ["Stock"]


# The switch


def test_an_operator_reads_why_somebody_else_speaks_than_was_chosen(
    operator: Colleague, kotae: Kotae
) -> None:
    expect(operator.opens("strategy").page.get_by_role("status")).to_have_count(0)
    kotae.switch.status = "'best' was chosen and cannot speak here: the model server does not answer"
    operator.opens("strategy")
    expect(operator.page.get_by_role("status")).to_have_text(kotae.switch.status)


# Search


def test_search_shows_both_scores_the_fused_order_and_what_a_strategy_says(
    two_manuals: None, operator: Colleague
) -> None:
    page = operator.opens("search").page
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("How often should I descale the kettle?")
    page.keyboard.press("Enter")
    first = page.locator("li.card").first
    expect(first).to_contain_text("1. Descaling")
    for score in (r"fused 0\.\d{4}", r"meaning 0\.\d{3}", r"words \d+\.\d\d"):
        expect(first.get_by_text(re.compile(f"^{score}$"))).to_be_visible()
    page.wait_for_load_state()
    fused = [float(text.split()[1]) for text in page.get_by_text(re.compile("^fused")).all_text_contents()]
    assert fused == sorted(fused, reverse=True)
    expect(page.get_by_text("Answer of")).to_have_count(0)

    page.get_by_label("Answer with").select_option("manuals")
    operator.presses("Search")
    answer = page.get_by_role("region", name="Answer of manuals")
    expect(answer).to_contain_text("Descale the kettle every month with two spoons of citric acid")
    expect(answer.get_by_role("listitem").first).to_contain_text("Descaling")


def test_moments_are_told_in_the_readers_time_zone(signed_in: Arrive, app: Flask, kotae: Kotae) -> None:
    Customer(app).asks("Anybody there?")
    at = kotae.conversations.page()[0].updated_at
    hours = []
    for zone in ("Asia/Tokyo", "America/New_York"):
        page = signed_in(timezone_id=zone).opens("conversations").page
        told = (page.locator("tbody time").text_content() or "").replace("\u202f", " ")
        assert told == at.astimezone(ZoneInfo(zone)).strftime("%b %-d, %Y, %-I:%M %p")
        hours.append(told)
    assert hours[0] != hours[1]


# Everybody


@pytest.mark.parametrize("language", ["en", "ja"])
def test_no_page_of_the_console_is_wider_than_a_small_screen(
    signed_in: Arrive, two_manuals: None, app: Flask, kotae: Kotae, language: str
) -> None:
    long = "Donaudampfschifffahrtsgesellschaftskapitänsmütze" * 3
    customer = Customer(app, language)
    customer.rates(customer.asks(f"{long}? https://example.com/{long}").id, "up")
    admin = signed_in("admin", language=language, width=360, height=740)
    admin.opens("documents").chooses((f"{long}.pdf", BROKEN))
    expect(
        admin.document(long).get_by_role("button", name="Retry" if language == "en" else "再試行")
    ).to_be_visible()
    kotae.switch.use("parrot", "x" * 80 + "@example.com")
    kotae.switch.status = long
    (conversation,) = kotae.conversations.page()
    document = kotae.library.documents()[0]
    for path in (
        *PAGES,
        f"conversations/{conversation.id}",
        f"documents/{document.id}",
        f"search?q={long}&strategy=parrot",
        "search?q=How+often+should+I+descale%3F&strategy=manuals",
    ):
        admin.opens(path)
        for summary in admin.page.locator("summary").all():
            summary.evaluate("summary => { summary.parentElement.open = true }")
        assert admin.page.evaluate(SIDEWAYS) == 0, path
        assert admin.page.locator("main").evaluate(OUTSIDE) == [], path


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_a_japanese_admin_reads_japanese_on_every_page(
    signed_in: Arrive, two_manuals: None, app: Flask, kotae: Kotae, colours: str
) -> None:
    Customer(app, "ja").asks("フィルターはいつ交換しますか？")
    admin = signed_in("admin", language="ja", color_scheme=colours)
    (conversation,) = kotae.conversations.page()
    pages = (*PAGES, f"conversations/{conversation.id}", f"documents/{kotae.library.documents()[0].id}")
    for path in pages:
        page = admin.opens(path).page
        expect(page.locator("html")).to_have_attribute("lang", "ja")
        expect(page.locator("html")).to_have_attribute("data-bs-theme", colours)
        expect(page.locator("header")).to_contain_text("サインアウト")
        labels = page.locator(
            "h1:not(.text-break), th, details dt, label, button, .badge"
        ).all_text_contents()
        assert [label for label in labels if label.strip() and not JAPANESE.search(label)] == [], path


def test_the_language_is_chosen_in_the_menu_and_kept(operator: Colleague) -> None:
    operator.opens("conversations?q=filter")
    operator.page.get_by_role("link", name="日本語").click()
    expect(operator.page.get_by_role("heading", name="会話")).to_be_visible()
    expect(operator.page.get_by_role("searchbox")).to_have_value("filter")
    operator.opens("strategy")
    expect(operator.page.get_by_role("heading", name="今の回答方式")).to_be_visible()


def test_an_operator_is_not_shown_the_way_to_the_library(operator: Colleague, admin: Colleague) -> None:
    everybodys = ["Overview", "Inbox", "Conversations", "Strategy", "Compare"]
    links = operator.opens("strategy").page.locator("header .nav-link")
    expect(links).to_have_text([*everybodys, "Search"])
    headings = ["Library", "Product model", "Settings"]
    expect(admin.opens("strategy").page.locator("header .nav-link")).to_have_text([*everybodys, *headings])
    admin.page.get_by_role("button", name="Library").click()
    library = admin.page.locator("header .dropdown-menu.show .dropdown-item")
    expect(library).to_have_text(["Documents", "Search", "Pairs"])
    library.first.click()
    expect(admin.page.get_by_role("heading", name="Documents")).to_be_visible()
    expect(admin.page.get_by_role("button", name="Library")).to_have_class(re.compile("active"))


def test_menu_and_forms_work_by_keyboard_alone(two_manuals: None, a_visitor: Visit, kotae: Kotae) -> None:
    kotae.users.add("operator@example.com", PASSWORD, "operator")
    visitor = a_visitor(width=360, height=740)
    page, keys = visitor.page, visitor.page.keyboard
    operator = Colleague(page, visitor.kotae, visitor.complaints).opens("sign-in")
    expect(page.locator("[name=email]")).to_be_focused()
    for text, key in (("operator@example.com", "Tab"), (PASSWORD, "Enter")):
        keys.type(text)
        keys.press(key)
    page.wait_for_url("**/console/strategy")
    keys.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    for _ in range(2):
        keys.press("Tab")
    menu = page.get_by_role("button", name="Menu")
    expect(menu).to_be_focused()
    keys.press("Enter")
    expect(menu).to_have_attribute("aria-expanded", "true")
    expect(page.get_by_role("link", name="Search")).to_be_visible()
    for _ in range(6):  # behind five pages
        keys.press("Tab")
    expect(page.get_by_role("link", name="Search")).to_be_focused()
    keys.press("Enter")
    expect(page.get_by_role("heading", name="What does a question find?")).to_be_visible()
    expect(page.get_by_role("searchbox")).to_be_focused()
    keys.type("How often should I descale the kettle?")
    for key in ("Tab", "ArrowUp", "Tab", "ArrowDown", "Tab", "Enter"):  # one more passage, the first strategy
        keys.press(key)
    expect(page.get_by_role("region", name="Answer of manuals")).to_contain_text("every month")
    expect(page.get_by_label("Passages")).to_have_value("11")
    operator.opens("strategy")
    page.get_by_role("button", name="Let it answer: parrot").press("Enter")
    operator.is_told("parrot answers from the next question on.")


def test_from_an_upload_to_a_cited_answer_to_the_operators_record(
    admin: Colleague, operator: Colleague, a_visitor: Visit
) -> None:
    customer = a_visitor().visits().opens_the_chat()
    question = "How often must I change the water filter of the kettle?"
    expect(customer.asks(question)).to_contain_text("I could not find an answer")

    admin.opens("documents").drops(("filter.md", FILTER))
    expect(admin.document("filter.md").locator("[data-state]")).to_have_text("Live")

    answer = customer.asks(question)
    expect(answer.locator(".said")).to_contain_text("Change the water filter of the kettle every 60 days.")
    source = answer.locator(".sources li")
    expect(source.locator(".title")).to_have_text("Water filter")
    with customer.page.expect_response("**/feedback"):
        answer.get_by_role("button", name="This helped").click()

    page = operator.opens("conversations").page
    expect(page.get_by_role("row").nth(1)).to_contain_text("helpful 1")
    page.get_by_role("link", name=question).click()
    expect(page.locator("li.card:has(details)")).to_have_count(2)
    first, second = page.locator("li.card:has(details)").all()
    expect(first).to_contain_text("abstained")
    second.get_by_text("How this answer came about").click()
    expect(second).to_contain_text("filter.md")
    page.wait_for_load_state()
    quotes = second.locator("q").all_text_contents()
    assert any("every 60 days" in quote for quote in quotes)
    assert not any(quote in other for quote in quotes for other in quotes if other is not quote)
