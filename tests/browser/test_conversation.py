"""A conversation that lasts: broken lines, reloads, second tabs, changed questions, a person, and its end."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from threading import Event

import pytest
from playwright.sync_api import Route, expect

from bot.handoff.rules import Rules
from bot.kotae import Kotae
from bot.settings import Handoff
from knowledge_base.passages import Passage
from strategies.events import Citation, Token
from tests.browser.breaking import breaking
from tests.browser.conftest import Visit
from tests.browser.points import shows
from tests.browser.stage import Stage, cites
from tests.browser.test_chat import newest
from tests.browser.visitor import Visitor
from tests.browser.windows import holds_first, until
from tests.manual import manual
from tests.people import PASSWORD

MANUAL = """# 電気ケトル

## 湯あかの取り方
水とクエン酸をひとさじ入れ、沸騰させて20分待ちます。そのあと水を捨て、きれいな水でもう一度沸かして捨てます。白くて硬い湯あかが残る
ときは、もう一度繰り返してください。水の硬い地域では月に一度、それ以外の地域では年に二度で十分です。酢は匂いが何週間も残るため、使わ
ないでください。湯あかが多いケトルは音が大きく、沸くのが遅く、電気も余計に使います。湯あかのランプは、三回続けてきれいに沸くと自然に
消えますので、ボタンを押す必要はありません。

## ふたの交換
部品番号K-17の新しいふたを当店で注文し、カチッと音がするまで押し込みます。蝶番には二本のピンがあり、二本の指でつまんで古いふたを持ち
上げます。小型モデルのふたは部品番号がK-12で、合いません。ふたの内側のパッキンは一体で、別売りはしていません。ふたが閉まらないと、
ケトルは自動で切れません。古いふたはプラスチックとして捨ててください。ピンが折れたときは持ち手ごと交換になり、修理に一週間ほどかかります。
"""
STORED = """() => {
  for (const key of Object.keys(localStorage)) dispatchEvent(new StorageEvent("storage", { key }));
}"""  # as if another tab had stored what it knows once more
LONG = "Fill the tank 🫖 to **MAX**, press 「抽出」 for `3.5` seconds, and wait until the light is amber.\n\n"


@shows("loses the line in the middle of an answer")
@pytest.mark.timeout(400)
def test_a_line_that_breaks_again_and_again_loses_and_repeats_nothing(
    a_visitor: Visit, stage: Stage, address: str, house: Kotae, language: str, width: int
) -> None:
    dice = random.Random(width)
    with breaking(address) as line:
        visitor = a_visitor(language, width)
        visitor.visits(f"{line.address}/shop?language={language}").opens_the_chat()
        line.breaks = [dice.randint(1, 2500) for _ in range(10)]
        stage.says(*[part for _ in range(6) for part in (LONG, cites("a", "a"))])
        answer = visitor.asks("1?")
        expect(answer.locator(".feedback")).to_be_visible(timeout=90_000)  # ten times they come back
        assert newest(house).messages[-1].text == LONG * 6
        expect(answer.locator(".said p")).to_have_count(6)
        expect(answer.locator(".cite")).to_have_count(6)
        assert line.cuts >= 5
    assert [message.role for message in newest(house).messages] == ["customer", "bot"]
    visitor.is_at_ease()
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


@shows("has the chat in two tabs")
def test_two_tabs_show_the_same_chat(visitor: Visitor, stage: Stage, language: str) -> None:
    expect(visitor.asks("1").locator(".feedback")).to_be_visible()
    other = Visitor(visitor.page.context.new_page(), visitor.kotae, language).visits().opens_the_chat()
    expect(other.messages).to_have_count(3)
    first, last = {"en": ("First. ", "Last."), "ja": ("まず。", "最後に。")}[language]
    more = Event()
    stage.says(first, more, last)
    visitor.asks("2?")
    expect(other.last.locator(".said")).to_have_text(first.strip())
    more.set()
    for tab in (visitor, other):
        expect(tab.last.locator(".said")).to_have_text(first + last)
        expect(tab.messages).to_have_count(5)
    other.is_at_ease()
    visitor.button("Start a new chat").click()
    expect(other.messages).to_have_count(1)


def test_a_chat_that_begins_in_one_tab_is_in_the_other_too(visitor: Visitor) -> None:
    other = Visitor(visitor.page.context.new_page(), visitor.kotae).visits().opens_the_chat()
    expect(visitor.asks("Hello").locator(".feedback")).to_be_visible()
    expect(other.messages).to_have_count(3)


def test_what_an_older_look_brings_late_is_not_shown(visitor: Visitor, stage: Stage) -> None:
    """Another tab looks twice, and what it asked for before there was an answer comes last."""
    other = Visitor(visitor.page.context.new_page(), visitor.kotae).visits().opens_the_chat()
    looks: list[Route] = []
    other.page.route("**/api/conversation", lambda route: looks.append(route))
    more = Event()
    stage.says("First. ", more, "Last.")
    answer = visitor.asks("Hello")
    expect(answer).to_contain_text("First.")  # so the question is kept
    until(other.page, lambda: len(looks) >= 1)
    before = looks[0].fetch()
    assert [message["role"] for message in before.json()["messages"]] == ["customer"]
    more.set()
    expect(answer.locator(".feedback")).to_be_visible()
    known = len(looks)
    other.frame.locator("body").evaluate(STORED)
    until(other.page, lambda: len(looks) > known)
    for look in looks[1:]:
        look.continue_()
    expect(other.last.locator(".said")).to_have_text("First. Last.")
    looks[0].fulfill(response=before)
    other.page.unroute("**/api/conversation")
    expect(visitor.asks("And?").locator(".feedback")).to_be_visible()
    expect(other.messages).to_have_count(5)


def test_a_tab_that_still_reads_an_answer_does_not_miss_the_next_question(
    visitor: Visitor, stage: Stage
) -> None:
    other = Visitor(visitor.page.context.new_page(), visitor.kotae).visits().opens_the_chat()
    reads = holds_first(other.page, "**/messages/*/answer")
    more = Event()
    stage.says("One. ", more, "All.")
    first = visitor.asks("1?")
    until(other.page, lambda: len(reads) == 1)
    more.set()
    expect(first.locator(".feedback")).to_be_visible()
    expect(visitor.asks("2?").locator(".feedback")).to_be_visible()
    expect(other.messages).to_have_count(3)
    reads[0].continue_()
    expect(other.frame.locator(".said")).to_have_text([re.compile("."), "1?", "One. All.", "2?", "2?"])


def test_whoever_asks_and_wants_a_person_at_once_has_one_conversation(visitor: Visitor, house: Kotae) -> None:
    before = {each.id for each in house.conversations.page()}
    held = holds_first(visitor.page, "**/api/conversations")
    visitor.box.fill("Hello")
    visitor.box.press("Enter")
    visitor.chooses("Talk to a person")
    until(visitor.page, lambda: len(held) == 1)
    held[0].continue_()
    expect(visitor.frame.locator("#address")).to_be_visible()
    expect(visitor.last.locator(".said")).to_have_text("Hello")
    expect(visitor.last.locator(".feedback")).to_be_visible()
    assert len({each.id for each in house.conversations.page()} - before) == 1


@shows("asks the last question in other words")
def test_the_last_question_can_be_asked_in_other_words(
    visitor: Visitor, stage: Stage, house: Kotae, language: str
) -> None:
    first, wrong, right = {
        "en": ("Is it red?", "How havy is it?", "How heavy is it?"),
        "ja": ("赤いですか。", "重差は？", "重さは？"),
    }[language]
    expect(visitor.asks(first).locator(".feedback")).to_be_visible()
    expect(visitor.asks(wrong).locator(".feedback")).to_be_visible()
    edit = visitor.button("Change this question")
    expect(edit).to_have_count(1)
    edit.click()
    expect(visitor.box).to_have_value(wrong)
    visitor.is_at_ease()
    visitor.button("Leave it").click()
    expect(visitor.box).to_have_value("")
    edit.click()
    visitor.box.fill(right)
    visitor.box.press("Enter")
    expect(visitor.frame.locator(".customer .said")).to_have_text([first, right])
    expect(visitor.last.locator(".said")).to_have_text(right)
    expect(visitor.last.locator(".feedback")).to_be_visible()
    assert [turn.text for turn in stage.asked[-1].history] == [first, first]
    assert [message.replaced for message in newest(house).messages] == [False] * 2 + [True] * 2 + [False] * 2


@shows("stops an answer", "tries again", "copies an answer")
def test_an_answer_that_was_stopped_can_be_tried_again_and_is_copied_as_it_was_written(
    a_visitor: Visit, stage: Stage, house: Kotae, language: str, width: int
) -> None:
    clipboard = ["clipboard-read", "clipboard-write"]
    visitor = a_visitor(language, width, permissions=clipboard).visits().opens_the_chat()
    half, whole = {
        "en": ("Half of", "All **of** it.\n\n- one\n- two"),
        "ja": ("半分だけ", "**全部**です。\n\n- 一つ\n- 二つ"),
    }[language]
    stage.says(half, Event())
    answer = visitor.asks("1 + 1 = ?")
    expect(answer.locator(".said")).to_have_text(half)
    visitor.button("Stop answering").click()
    expect(answer.get_by_text(visitor.word("Stopped here."))).to_be_visible()
    stage.clear()
    until(visitor.page, lambda: len(newest(house).messages) == 2)  # the half of it is kept
    stage.says(whole)
    visitor.button("Try again", answer).click()
    expect(visitor.last.locator("li")).to_have_count(2)
    expect(visitor.frame.locator(".message.customer")).to_have_count(1)
    visitor.button("Copy this answer", visitor.last).click()
    expect(visitor.last.get_by_text(visitor.word("Copied."))).to_be_visible()
    assert visitor.page.evaluate("navigator.clipboard.readText()") == whole
    visitor.is_at_ease()


@shows("opens a source at the quoted words", "goes on with a question that is suggested")
def test_a_source_opens_in_its_document_and_what_stands_beside_it_can_be_asked(
    visitor: Visitor, stage: Stage, a_manual: Passage, language: str
) -> None:
    quote, elsewhere, heading = {
        "en": ("boil it, and wait for twenty minutes", "the number K-17", "Replacing the lid"),
        "ja": ("沸騰させて20分待ちます", "部品番号K-17", "ふたの交換"),
    }[language]
    stage.says(Token(quote), Citation(1, a_manual, quote))
    answer = visitor.asks({"en": "How do I descale it?", "ja": "湯あかの取り方は？"}[language])
    answer.locator("summary").click()
    visitor.button("Show it in the document", answer).click()
    page = visitor.frame.get_by_role("dialog", name=a_manual.title)
    expect(page).to_contain_text(elsewhere)
    expect(page.locator("mark").first).to_be_in_viewport()
    assert "".join(page.locator("mark").all_text_contents()) == quote
    visitor.is_at_ease()
    visitor.page.keyboard.press("Escape")
    expect(page).to_be_hidden()
    expect(visitor.panel).to_be_visible()
    answer.get_by_role("button", name=heading).click()
    expect(visitor.frame.locator(".customer .said").last).to_have_text(heading)


def test_of_two_sources_the_one_that_was_asked_for_last_is_shown_and_a_missing_one_is_told(
    visitor: Visitor, stage: Stage
) -> None:
    stage.says("One. ", cites("a b", "a", title="First"), "Two.", cites("c d", "c", number=2, title="Second"))
    answer = visitor.asks("Where?")
    expect(answer.locator(".feedback")).to_be_visible()
    late = holds_first(visitor.page, "**/sources/1")
    opens = answer.get_by_role("button", name="Show it in the document")
    for source in answer.locator("summary").all():
        source.click()
    for at in (0, 1):
        opens.nth(at).click()
    second = visitor.frame.get_by_role("dialog", name="Second")
    expect(second).to_be_visible()
    until(visitor.page, lambda: len(late) == 1)
    with visitor.page.expect_request_finished(lambda request: request.url.endswith("/sources/1")):
        late[0].continue_()
    expect(second).to_be_visible()
    visitor.page.keyboard.press("Escape")
    expect(visitor.frame.get_by_role("dialog")).to_have_count(0)
    visitor.page.unroute("**/sources/1")
    visitor.page.route(
        "**/sources/1", lambda route: route.fulfill(status=503, json={"error": "Not now.", "retry": True})
    )
    opens.nth(0).click()
    expect(visitor.last.locator(".failed")).to_have_text("Not now.")
    visitor.complaints.clear()


@shows("downloads the chat", "ends the chat and says how it was")
def test_the_end_asks_how_it_was_and_begins_anew(
    visitor: Visitor, house: Kotae, tmp_path: Path, language: str
) -> None:
    asked = {"en": "Is this right?", "ja": "これで合っていますか。"}[language]
    why = {"en": "Quick.", "ja": "早かった。"}[language]
    expect(visitor.asks(asked).locator(".feedback")).to_be_visible()
    with visitor.page.expect_download() as saved:
        visitor.chooses("Save this chat")
    assert saved.value.suggested_filename == "chat.txt"
    saved.value.save_as(tmp_path / "chat.txt")
    assert asked in (tmp_path / "chat.txt").read_text("utf-8")

    visitor.chooses("End this chat")
    expect(visitor.last.get_by_text(house.settings.say("ended", language))).to_be_visible()
    visitor.is_at_ease()
    visitor.frame.get_by_label(f"4: {visitor.word('Good')}", exact=True).check()
    visitor.last.get_by_label(visitor.word("In your own words (optional)")).fill(why)
    visitor.button("End this chat", visitor.last).click()
    expect(visitor.messages).to_have_count(1)
    expect(visitor.box).to_be_focused()
    ended = newest(house)
    assert (ended.stars, ended.stars_why) == (4, why)
    assert ended.ended_at is not None


@shows("has the chat sent")
def test_a_customer_has_the_chat_sent_to_them(
    mails: None, visitor: Visitor, house: Kotae, language: str
) -> None:
    expect(visitor.asks("5").locator(".feedback")).to_be_visible()
    visitor.chooses("Email this chat")
    address = visitor.frame.locator("[name=email]")
    expect(address).to_be_focused()
    address.fill("ada@localhost")
    address.press("Enter")
    expect(visitor.last.get_by_role("alert")).not_to_be_empty()  # no such address can be written to
    visitor.is_at_ease()
    visitor.complaints.clear()  # the browser's own word on a 400
    address.fill("ada@example.com")
    address.press("Enter")
    said = house.settings.say("transcript_sent", language).replace("{email}", "ada@example.com")
    expect(visitor.frame.locator(".note")).to_have_text(said)
    expect(visitor.box).to_be_focused()
    expect(visitor.frame.get_by_role("log")).to_contain_text(said)
    (letter, *_) = house.deliveries.page()
    assert (letter.event, letter.target) == ("transcript", "ada@example.com")


@pytest.fixture
def a_manual(house: Kotae, language: str) -> Iterator[Passage]:
    """Its passage about descaling, out of a document that is in the library."""
    text, name = {"en": (manual("Aroma Duo"), "aroma-duo.md"), "ja": (MANUAL, "kettle.md")}[language]
    document = house.library.receive(BytesIO(text.encode()), name).document
    house.library.ingest(document.id)
    yield house.library.passages(document.id)[0]
    house.library.remove(document.id)


@pytest.fixture
def the_angry_get_a_person(house: Kotae, monkeypatch: pytest.MonkeyPatch) -> None:
    """As an operator switches it on by `[handoff] upset`."""
    rules = Rules(Handoff(upset=("en", "ja")), house.library.embedder.embed_query)
    monkeypatch.setattr(house, "_rules", rules)


@pytest.fixture
def anna(house: Kotae) -> Iterator[str]:
    """Somebody of the desk, who is there; her id."""
    desk = next((user for user in house.users.list() if user.email == "desk@example.com"), None)
    desk = desk or house.users.add("desk@example.com", PASSWORD, "operator")
    house.presence.announce(desk.id, available=True, name="Anna")
    house.presence.seen(desk.id)
    yield desk.id
    house.presence.announce(desk.id, available=False, name="Anna")


@shows("asks for a person and comes back to the bot")
def test_a_customer_talks_to_a_person_and_back(
    visitor: Visitor, house: Kotae, anna: str, language: str
) -> None:
    lost, left = {
        "en": ("My order is lost", "It left **today**."),
        "ja": ("注文した品が届きません", "本日**発送**しました。"),
    }[language]
    visitor.chooses("Talk to a person")
    standing = visitor.frame.locator("#standing")
    expect(standing).to_contain_text(house.settings.say("handoff_waiting", language))
    visitor.box.fill(lost)
    visitor.box.press("Enter")
    expect(visitor.frame.locator(".customer .said")).to_have_text(lost)
    expect(visitor.frame.locator(".message.bot")).to_have_count(1)  # the greeting: the bot is silent

    conversation = newest(house).id
    house.handoffs.take(conversation, anna)
    house.handoffs.reply(conversation, anna, left)
    said = visitor.frame.locator(".message.operator")
    expect(said.locator(".said")).to_have_text(left.replace("*", ""))
    expect(said.locator(".who")).to_have_text("Anna")
    expect(standing).to_contain_text(house.settings.say("handoff_person", language).format(name="Anna"))
    expect(visitor.frame.get_by_role("log")).to_contain_text(left.replace("*", ""))
    visitor.is_at_ease()

    visitor.page.reload()
    visitor.opens_the_chat()
    expect(said.locator(".said")).to_have_text(left.replace("*", ""))
    back = visitor.button("Back to the assistant")
    back.click()
    expect(back).to_be_hidden()
    expect(visitor.asks("1?").locator(".said")).to_have_text("1?")
    visitor.page.reload()
    visitor.opens_the_chat()
    expect(said.locator(".who")).to_have_text("Anna")  # also when she is gone


def test_what_an_older_look_says_of_who_has_the_chat_does_not_undo_the_news(
    visitor: Visitor, house: Kotae, anna: str
) -> None:
    visitor.chooses("Talk to a person")
    standing = visitor.frame.locator("#standing")
    expect(standing).to_contain_text(house.settings.say("handoff_waiting", "en"))
    other = Visitor(visitor.page.context.new_page(), visitor.kotae).visits().opens_the_chat()
    looks = holds_first(visitor.page, "**/api/conversation")
    other.box.fill("Is anybody there?")
    other.box.press("Enter")
    until(visitor.page, lambda: len(looks) == 1)
    before = looks[0].fetch()
    assert before.json()["state"]["with"] == "waiting"
    house.handoffs.take(newest(house).id, anna)
    has_it = house.settings.say("handoff_person", "en").format(name="Anna")
    expect(standing).to_contain_text(has_it)
    with visitor.page.expect_request_finished(lambda request: request.url.endswith("/api/conversation")):
        looks[0].fulfill(response=before)
    expect(visitor.frame.locator(".customer .said")).to_have_text("Is anybody there?")
    expect(standing).to_contain_text(has_it)


@shows("leaves an address where nobody is there")
def test_where_nobody_is_there_an_address_is_left(visitor: Visitor, house: Kotae, language: str) -> None:
    expect(visitor.asks("5").locator(".feedback")).to_be_visible()
    visitor.chooses("Talk to a person")
    standing = visitor.frame.locator("#standing [role=status]")
    expect(standing).to_have_text(house.settings.say("handoff_away", language))
    address = visitor.frame.get_by_label(visitor.word("Your email address"))
    expect(address).to_be_focused()
    visitor.is_at_ease()
    address.fill("mika@example.com")
    address.press("Enter")
    left = house.settings.say("handoff_left", language).replace("{email}", "mika@example.com")
    expect(standing).to_have_text(left)
    expect(address).to_be_hidden()


@shows("is offered a person by a rule")
def test_an_upset_customer_is_offered_a_person_beside_the_answer_and_gets_one_who_is_there(
    visitor: Visitor,
    house: Kotae,
    the_angry_get_a_person: None,
    request: pytest.FixtureRequest,
    language: str,
) -> None:
    angry = {"en": "This is ridiculous, I am furious!", "ja": "いい加減にしてください。"}[language]
    answer = visitor.asks(angry)
    expect(answer.locator(".said")).to_have_text(angry)
    expect(answer.locator(".handoff p")).to_have_text(house.settings.say("handoff", language))
    offer = visitor.button("Talk to a person", answer)
    expect(offer).to_be_visible()
    visitor.is_at_ease()
    request.getfixturevalue("anna")
    visitor.box.fill(angry)
    visitor.box.press("Enter")
    standing = visitor.frame.locator("#standing")
    expect(standing).to_contain_text(house.settings.say("handoff_waiting", language))
    expect(offer).to_be_hidden()  # it was taken
    visitor.button("Stop waiting").click()
    expect(standing).to_be_hidden()
    expect(offer).to_be_visible()
