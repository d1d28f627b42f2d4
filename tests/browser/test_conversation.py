"""A conversation that lasts: broken lines, reloads, second tabs, changed questions, a person, and its end."""

from __future__ import annotations

import random
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from threading import Event

import pytest
from playwright.sync_api import expect

from bot.kotae import Kotae
from strategies.events import Citation, Token
from tests.browser.breaking import breaking
from tests.browser.conftest import Visit
from tests.browser.stage import Stage, cites
from tests.browser.test_chat import newest, wait_until
from tests.browser.visitor import Visitor
from tests.manual import manual
from tests.people import PASSWORD

LONG = "Fill the tank 🫖 to **MAX**, press 「抽出」 for `3.5` seconds, and wait until the light is amber.\n\n"


@pytest.mark.timeout(400)
def test_a_line_that_breaks_again_and_again_loses_and_repeats_nothing(
    a_visitor: Visit, stage: Stage, address: str, house: Kotae
) -> None:
    dice = random.Random(7)
    with breaking(address) as line:
        visitor = a_visitor()
        visitor.visits(f"{line.address}/shop?language=en").opens_the_chat()
        for _ in range(3):
            line.breaks = [dice.randint(1, 2500) for _ in range(8)]
            stage.says(*[part for _ in range(6) for part in (LONG, cites("a", "a"))])
            answer = visitor.asks("How?")
            expect(answer.locator(".feedback")).to_be_visible(timeout=90_000)  # eight times they come back
            kept = newest(house).messages[-1].text
            assert kept == LONG * 6
            expect(answer.locator(".said p")).to_have_count(6)
            answer.get_by_role("button", name="Copy this answer").click()
            assert answer.locator(".cite").count() == 6
        assert line.cuts >= 12
    assert [message.role for message in newest(house).messages] == ["customer", "bot"] * 3
    visitor.complaints.clear()


def test_a_reload_in_the_middle_of_an_answer_goes_on_with_it(visitor: Visitor, stage: Stage) -> None:
    more = Event()
    stage.says("First. ", more, "Last.")
    expect(visitor.asks("How long?").locator(".said")).to_have_text("First.")
    visitor.page.reload()
    visitor.opens_the_chat()
    expect(visitor.last.locator(".said")).to_have_text("First.")
    expect(visitor.frame.get_by_role("button", name="Stop answering")).to_be_visible()
    more.set()
    expect(visitor.last.locator(".said")).to_have_text("First. Last.")
    expect(visitor.messages).to_have_count(3)


def test_two_tabs_show_the_same_chat(visitor: Visitor, stage: Stage) -> None:
    expect(visitor.asks("Hello").locator(".feedback")).to_be_visible()
    other = Visitor(visitor.page.context.new_page(), visitor.kotae).visits().opens_the_chat()
    expect(other.messages).to_have_count(3)
    more = Event()
    stage.says("First. ", more, "Last.")
    visitor.asks("How long?")
    expect(other.last.locator(".said")).to_have_text("First.")
    more.set()
    for tab in (visitor, other):
        expect(tab.last.locator(".said")).to_have_text("First. Last.")
        expect(tab.messages).to_have_count(5)
    visitor.frame.get_by_role("button", name="Start a new chat").click()
    expect(other.messages).to_have_count(1)


def test_a_chat_that_begins_in_one_tab_is_in_the_other_too(visitor: Visitor) -> None:
    other = Visitor(visitor.page.context.new_page(), visitor.kotae).visits().opens_the_chat()
    expect(visitor.asks("Hello").locator(".feedback")).to_be_visible()
    expect(other.messages).to_have_count(3)


def test_the_last_question_can_be_asked_in_other_words(visitor: Visitor, stage: Stage, house: Kotae) -> None:
    expect(visitor.asks("Is it red?").locator(".feedback")).to_be_visible()
    expect(visitor.asks("How havy is it?").locator(".feedback")).to_be_visible()
    edit = visitor.frame.get_by_role("button", name="Change this question")
    expect(edit).to_have_count(1)
    edit.click()
    expect(visitor.box).to_have_value("How havy is it?")
    visitor.frame.get_by_role("button", name="Leave it").click()
    expect(visitor.box).to_have_value("")
    edit.click()
    visitor.box.fill("How heavy is it?")
    visitor.box.press("Enter")
    expect(visitor.frame.locator(".customer .said")).to_have_text(["Is it red?", "How heavy is it?"])
    expect(visitor.last.locator(".said")).to_have_text("How heavy is it?")
    assert [turn.text for turn in stage.asked[-1].history] == ["Is it red?", "Is it red?"]
    assert [message.replaced for message in newest(house).messages] == [False] * 2 + [True] * 2 + [False] * 2


def test_an_answer_is_copied_as_it_was_written(a_visitor: Visit, stage: Stage) -> None:
    visitor = a_visitor(permissions=["clipboard-read", "clipboard-write"]).visits().opens_the_chat()
    stage.says("Hold **Brew**.\n\n- one\n- two")
    answer = visitor.asks("What now?")
    answer.get_by_role("button", name="Copy this answer").click()
    expect(answer.get_by_text("Copied.")).to_be_visible()
    assert visitor.page.evaluate("navigator.clipboard.readText()") == "Hold **Brew**.\n\n- one\n- two"


def test_an_answer_that_was_stopped_can_be_tried_again(visitor: Visitor, stage: Stage) -> None:
    stage.says("Half of", Event())
    answer = visitor.asks("And the rest?")
    expect(answer.locator(".said")).to_have_text("Half of")
    visitor.frame.get_by_role("button", name="Stop answering").click()
    expect(answer.get_by_text("Stopped here.")).to_be_visible()
    stage.clear()
    stage.says("All of it.")
    wait_until(lambda: visitor.page.title() != "")
    answer.get_by_role("button", name="Try again").click()
    expect(visitor.last.locator(".said")).to_have_text("All of it.")
    expect(visitor.frame.locator(".message.customer")).to_have_count(1)


def test_a_source_opens_in_its_document_and_what_stands_beside_it_can_be_asked(
    visitor: Visitor, stage: Stage, house: Kotae
) -> None:
    document = house.library.receive(BytesIO(manual("Aroma Duo").encode()), "aroma-duo.md").document
    house.library.ingest(document.id)
    descaling, *_ = house.library.passages(document.id)
    quote = "boil it, and wait for twenty minutes"
    stage.says(Token("Boil it."), Citation(1, descaling, quote))
    answer = visitor.asks("How do I descale it?")
    answer.locator("summary").click()
    answer.get_by_role("button", name="Show it in the document").click()
    page = visitor.frame.get_by_role("dialog", name="Aroma Duo")
    expect(page).to_contain_text("the number K-17")
    expect(page.locator("mark").first).to_be_in_viewport()
    assert "".join(page.locator("mark").all_text_contents()) == quote
    visitor.page.keyboard.press("Escape")
    expect(page).to_be_hidden()
    expect(visitor.panel).to_be_visible()
    beside = answer.get_by_role("button", name="Replacing the lid")
    expect(beside).to_be_visible()
    beside.click()
    expect(visitor.frame.locator(".customer .said").last).to_have_text("Replacing the lid")
    house.library.remove(document.id)


def test_the_end_asks_how_it_was_and_begins_anew(visitor: Visitor, house: Kotae, tmp_path: Path) -> None:
    expect(visitor.asks("Is this right?").locator(".feedback")).to_be_visible()
    more = visitor.frame.get_by_role("button", name="More")
    more.click()
    with visitor.page.expect_download() as saved:
        visitor.frame.get_by_role("button", name="Save this chat").click()
    assert saved.value.suggested_filename == "chat.txt"
    saved.value.save_as(tmp_path / "chat.txt")
    assert "Is this right?" in (tmp_path / "chat.txt").read_text("utf-8")

    more.click()
    visitor.frame.get_by_role("button", name="End this chat").click()
    visitor.frame.get_by_label("4: Good").check()
    visitor.last.get_by_label("In your own words").fill("Quick.")
    visitor.last.get_by_role("button", name="End this chat").click()
    expect(visitor.messages).to_have_count(1)
    expect(visitor.box).to_be_focused()
    ended = newest(house)
    assert (ended.stars, ended.stars_why) == (4, "Quick.")
    assert ended.ended_at is not None


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_customer_has_the_chat_sent_to_them(
    a_visitor: Visit, house: Kotae, mails: None, language: str
) -> None:
    visitor = a_visitor(language, width=360, height=740).visits().opens_the_chat()
    expect(visitor.asks("5").locator(".feedback")).to_be_visible()
    visitor.frame.locator("#more").click()
    visitor.frame.locator("#letter").click()
    address = visitor.frame.locator("[name=email]")
    expect(address).to_be_focused()
    address.fill("ada@localhost")
    address.press("Enter")
    expect(visitor.last.get_by_role("alert")).not_to_be_empty()  # no such address can be written to
    visitor.complaints.clear()  # the browser's own word on a 400
    address.fill("ada@example.com")
    address.press("Enter")
    said = house.settings.say("transcript_sent", language).replace("{email}", "ada@example.com")
    expect(visitor.frame.locator(".note")).to_have_text(said)
    expect(visitor.box).to_be_focused()
    assert said in visitor.frame.get_by_role("log").inner_text()
    (letter, *_) = house.deliveries.page()
    assert (letter.event, letter.target) == ("transcript", "ada@example.com")


@pytest.fixture
def anna(house: Kotae) -> Iterator[str]:
    """Somebody of the desk, who is there; her id."""
    desk = next((user for user in house.users.list() if user.email == "desk@example.com"), None)
    desk = desk or house.users.add("desk@example.com", PASSWORD, "operator")
    house.presence.announce(desk.id, available=True, name="Anna")
    house.presence.seen(desk.id)
    yield desk.id
    house.presence.announce(desk.id, available=False, name="Anna")


def test_a_customer_talks_to_a_person_and_back(visitor: Visitor, house: Kotae, anna: str) -> None:
    visitor.frame.get_by_role("button", name="More").click()
    visitor.frame.get_by_role("button", name="Talk to a person").click()
    standing = visitor.frame.locator("#standing")
    expect(standing).to_contain_text("One moment, please")
    visitor.box.fill("My order is lost")
    visitor.box.press("Enter")
    expect(visitor.frame.locator(".customer .said")).to_have_text("My order is lost")
    expect(visitor.frame.locator(".message.bot")).to_have_count(1)  # the greeting: the bot is silent

    conversation = newest(house).id
    house.handoffs.take(conversation, anna)
    expect(standing).to_contain_text("Anna is with you now.")
    house.handoffs.reply(conversation, anna, "It left **today**.")
    said = visitor.frame.locator(".message.operator")
    expect(said.locator(".said")).to_have_text("It left today.")
    expect(said.locator(".who")).to_have_text("Anna")
    assert "It left today." in visitor.frame.get_by_role("log").inner_text()

    visitor.page.reload()
    visitor.opens_the_chat()
    expect(visitor.frame.locator(".message.operator .said")).to_have_text("It left today.")
    visitor.frame.get_by_role("button", name="Back to the assistant").click()
    expect(visitor.asks("Hello?").locator(".said")).to_have_text("Hello?")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_where_nobody_is_there_an_address_is_left(a_visitor: Visit, house: Kotae, language: str) -> None:
    visitor = a_visitor(language, width=360, height=740).visits().opens_the_chat()
    expect(visitor.asks("5").locator(".feedback")).to_be_visible()
    visitor.frame.locator("#more").click()
    visitor.frame.locator("#person").click()
    address = visitor.frame.locator("#address")
    address.fill("mika@example.com")
    address.press("Enter")
    expect(visitor.frame.locator("#standing [role=status]")).to_contain_text("mika@example.com")
    expect(visitor.frame.locator("#email")).to_be_hidden()
    assert visitor.frame.locator("html").evaluate("it => it.scrollWidth - it.clientWidth") == 0
