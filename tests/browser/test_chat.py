"""A customer asks in the widget, reads, stops, rates, comes back."""

from __future__ import annotations

from threading import Event

import pytest
from playwright.sync_api import Route, expect

from bot.conversations.conversation import Conversation
from bot.conversations.limits import Pace
from bot.kotae import Kotae
from strategies.errors import NoAnswer, Unavailable
from strategies.events import Token
from tests.browser.conftest import QUESTION_CHARACTERS, Visit
from tests.browser.points import shows
from tests.browser.stage import Stage, cites
from tests.browser.visitor import Visitor
from tests.browser.windows import holds_first, until

QUOTE = {
    "en": "Hold **Brew** for 3 seconds until the light is amber.",
    "ja": "**「抽出」**を3秒間、ランプが点くまで押します。",
}
PASSAGE = {
    "en": f"Fill the tank to **MAX**. {QUOTE['en']} Then wait.",
    "ja": f"タンクを**MAX**まで満たします。{QUOTE['ja']}そのまま待ちます。",
}


def comes_back_slowly(visitor: Visitor) -> list[Route]:
    """The page is loaded anew, and what was said before is not there until it is let go."""
    slow = holds_first(visitor.page, "**/api/conversation")
    visitor.page.reload()
    visitor.opens_the_chat()
    return slow


def newest(house: Kotae) -> Conversation:
    """The conversation that was begun last, as the operator reads it."""
    begun = max(house.conversations.page(), key=lambda conversation: conversation.started_at)
    return house.conversations.get(begun.id)


@shows("opens the chat and reads an answer while it is written", "opens a source at the quoted words")
def test_a_customer_reads_an_answer_while_it_is_written_and_then_the_words_it_rests_on(
    visitor: Visitor, stage: Stage, language: str
) -> None:
    begins = {"en": "Hold **Brew** for ", "ja": "**「抽出」**を"}[language]
    ends = {"en": "3 seconds.", "ja": "3秒押します。"}[language]
    headings = {"en": ("Care", "Descaling"), "ja": ("お手入れ", "湯あか取り")}[language]
    title = {"en": "Aroma One guide", "ja": "取扱説明書"}[language]
    more = Event()
    cited = cites(PASSAGE[language], QUOTE[language], title=title, headings=headings, page=14)
    stage.says(begins, more, ends, cited, "\n\n…")
    answer = visitor.asks({"en": "How do I descale it?", "ja": "お手入れの方法は？"}[language])
    expect(answer.locator(".said")).to_have_text(begins.replace("*", "").strip())
    expect(answer.locator(".said strong")).to_have_text({"en": "Brew", "ja": "「抽出」"}[language])
    expect(visitor.button("Stop answering")).to_be_visible()

    more.set()
    expect(answer.locator(".said p").first).to_have_text(f"{begins}{ends}1".replace("*", ""))
    expect(visitor.button("Send")).to_be_visible()
    source = answer.locator(".sources li")
    expect(source.locator(".title")).to_have_text(title)
    path = " › ".join((*headings, visitor.word("page {page}", page=14)))
    expect(source.locator(".path")).to_have_text(path)
    expect(source.locator(".passage")).to_be_hidden()

    visitor.button("Source {number}: {title}", answer, number=1, title=title).click()
    expect(source.locator(".passage")).to_have_text(PASSAGE[language].replace("*", ""))
    assert "".join(source.locator("mark").all_text_contents()) == QUOTE[language].replace("*", "")
    expect(source.locator("summary")).to_be_focused()


def test_a_citation_stands_behind_its_words_whatever_is_written_around_them(
    visitor: Visitor, stage: Stage
) -> None:
    stage.says(
        "😀 One **two.**", cites("a", "a"),
        "\n\n| Model | Tank |\n|---|---|\n| One | 1.2 l |", cites("b", "b", number=2),
        "\n\n- first\n- second\n", cites("c", "c", number=3),
        "\n重要な**「答え」**", cites("a", "a"), "です。",
    )  # fmt: skip
    answer = visitor.asks("Where do they stand?")
    said = answer.locator(".said")
    for reads in ("as it was streamed", "as it is read again"):
        expect(said.locator("> p").first, reads).to_have_text("😀 One two.1")
        expect(said.locator("td").last).to_have_text("1.2 l 2")
        expect(said.locator("li").nth(1)).to_contain_text("second3")
        expect(said.locator("strong").last).to_have_text("「答え」")
        expect(answer.locator(".cite")).to_have_text(["1", "2", "3", "1"])
        expect(answer.locator(".sources li")).to_have_count(3)
        visitor.page.reload()
        visitor.opens_the_chat()


def test_stop_keeps_what_was_said(visitor: Visitor, stage: Stage, house: Kotae) -> None:
    stage.says("This was said.", Event(), " This never.")
    answer = visitor.asks("Tell me everything")
    expect(answer.locator(".said")).to_have_text("This was said.")
    visitor.frame.get_by_role("button", name="Stop answering").click()
    expect(answer.get_by_text("Stopped here.")).to_be_visible()
    expect(visitor.box).to_be_focused()

    stage.clear()  # only now does the actor notice
    until(visitor.page, lambda: len(newest(house).messages) == 2)
    visitor.page.reload()
    visitor.opens_the_chat()
    expect(visitor.last.locator(".said")).to_have_text("This was said.")
    expect(visitor.last.get_by_text("Stopped here.")).to_be_visible()


@shows("presses a thumb, with a reason and words")
def test_a_thumb_down_with_a_reason_and_words_reaches_the_operator(
    visitor: Visitor, house: Kotae, language: str
) -> None:
    words = {"en": "Which colour?", "ja": "色は何色ですか。"}[language]
    answer = visitor.asks("1 + 1 = ?")
    visitor.button("This did not help", answer).click()
    expect(answer.get_by_text(visitor.word("What was wrong?"))).to_be_visible()
    visitor.is_at_ease()
    answer.get_by_label(visitor.word("Something is missing")).check()
    answer.get_by_label(visitor.word("In your own words (optional)")).fill(words)
    visitor.button("Send", answer).click()
    expect(answer.get_by_text(visitor.word("Thank you."))).to_be_visible()
    expect(answer.get_by_text(visitor.word("What was wrong?"))).to_have_count(0)

    rating = newest(house).messages[-1].rating
    assert rating is not None
    assert (rating.value, rating.reason, rating.comment) == ("down", "incomplete", words)


def test_a_thumb_pressed_twice_is_taken_back_and_one_that_is_kept_is_there_after_a_reload(
    visitor: Visitor,
) -> None:
    answer = visitor.asks("Is this right?")
    up = answer.get_by_role("button", name="This helped")
    up.click()
    expect(answer.get_by_text("Thank you.")).to_be_visible()
    up.click()
    expect(up).to_have_attribute("aria-pressed", "false")
    expect(answer.get_by_text("Thank you.")).to_have_count(0)  # it is kept, and so will the next be
    up.click()
    expect(answer.get_by_text("Thank you.")).to_be_visible()
    visitor.page.reload()
    visitor.opens_the_chat()
    expect(visitor.last.get_by_role("button", name="This helped")).to_have_attribute("aria-pressed", "true")


def test_thumbs_are_kept_in_the_order_in_which_they_were_pressed(
    visitor: Visitor, stage: Stage, house: Kotae
) -> None:
    visitor.page.route("**/followups", lambda route: route.fulfill(json={"questions": ["And then?"]}))
    stage.says("Yes.", cites("Yes.", "Yes."))
    answer = visitor.asks("Is this right?")
    expect(visitor.button("And then?", answer)).to_be_visible()
    held = holds_first(visitor.page, "**/feedback")
    for thumb in ("This helped", "This did not help"):
        visitor.button(thumb, answer).click()
    answer.get_by_label("In your own words (optional)").fill("Which colour?")
    visitor.button("Send", answer).click()
    until(visitor.page, lambda: len(held) == 1)
    held[0].continue_()
    expect(answer.get_by_text("Thank you.")).to_be_visible()
    expect(answer.get_by_text("What was wrong?")).to_have_count(0)
    rating = newest(house).messages[-1].rating
    assert rating is not None
    assert (rating.value, rating.comment) == ("down", "Which colour?")
    expect(visitor.button("And then?", answer)).to_be_visible()  # what may be asked next stays


def test_a_thumb_that_was_not_kept_says_so(visitor: Visitor) -> None:
    answer = visitor.asks("Is this right?")
    expect(answer.locator(".feedback")).to_be_visible()
    visitor.page.route(
        "**/feedback", lambda route: route.fulfill(status=503, json={"error": "no", "retry": True})
    )
    answer.get_by_role("button", name="This helped").click()
    expect(answer.get_by_text("This could not be saved.")).to_be_visible()
    expect(answer.get_by_role("button", name="This helped")).to_have_attribute("aria-pressed", "false")
    visitor.complaints.clear()


def test_markup_in_a_question_an_answer_a_title_or_a_passage_is_text(visitor: Visitor, stage: Stage) -> None:
    evil = "<img src=x onerror=\"document.title='broken'\"><script>document.title='broken'</script>"
    stage.says(
        f"It says {evil} [press](javascript:alert(1)).",
        cites(f"Before {evil} after", evil, title=evil, headings=(evil,)),
    )
    answer = visitor.asks(evil)
    expect(visitor.messages.nth(1).locator(".said")).to_have_text(evil)
    expect(answer.locator(".said")).to_contain_text(evil)
    expect(answer.locator(".title")).to_have_text(evil)
    answer.locator("summary").click()
    expect(answer.locator(".passage")).to_have_text(f"Before {evil} after")
    expect(answer.locator("img, script, a")).to_have_count(0)
    visitor.page.reload()
    visitor.opens_the_chat()
    expect(visitor.last.locator(".said")).to_contain_text(evil)
    expect(visitor.frame.locator(".messages :is(img, script, a)")).to_have_count(0)
    assert visitor.frame.locator("html").evaluate("html => html.ownerDocument.title") != "broken"


@shows("finds the chat after a reload")
def test_the_chat_survives_a_reload_and_a_new_one_begins_empty(
    visitor: Visitor, stage: Stage, language: str
) -> None:
    asked, answered = {
        "en": ("Does it have a battery?", "It has a battery."),
        "ja": ("電池はありますか。", "電池があります。"),
    }[language]
    stage.says(answered)
    visitor.asks(asked)
    expect(visitor.last.locator(".said")).to_have_text(answered)
    visitor.page.reload()
    visitor.opens_the_chat()
    expect(visitor.messages.locator(".said").nth(1)).to_have_text(asked)
    expect(visitor.last.locator(".said")).to_have_text(answered)

    visitor.asks("2")
    expect(visitor.last.locator(".feedback")).to_be_visible()
    assert [turn.text for turn in stage.asked[-1].history] == [asked, answered]

    visitor.button("Start a new chat").click()
    expect(visitor.messages).to_have_count(1)
    visitor.asks("3")
    expect(visitor.last.locator(".feedback")).to_be_visible()
    assert stage.asked[-1].history == ()


def test_an_answer_that_comes_late_is_dropped(visitor: Visitor, stage: Stage) -> None:
    late, more = Event(), Event()
    stage.says("Early. ", late, "Late.")
    answer = visitor.asks("The first question")
    expect(answer.locator(".said")).to_have_text("Early.")
    visitor.frame.get_by_role("button", name="Start a new chat").click()
    stage.says("The second ", more, "answer.")
    visitor.asks("The second question")
    late.set()
    expect(visitor.last.locator(".said")).to_have_text("The second")
    expect(visitor.frame.get_by_role("button", name="Stop answering")).to_be_visible()
    more.set()
    expect(visitor.last.locator(".said")).to_have_text("The second answer.")
    expect(visitor.last.locator(".feedback")).to_be_visible()
    expect(visitor.frame.get_by_text("Late.")).to_have_count(0)
    expect(visitor.messages).to_have_count(3)


def test_a_question_asked_before_the_earlier_messages_are_there_stands_behind_them(
    visitor: Visitor, stage: Stage
) -> None:
    visitor.asks("The first question")
    expect(visitor.last.locator(".feedback")).to_be_visible()
    slow = comes_back_slowly(visitor)
    visitor.box.fill("The second question")
    visitor.box.press("Enter")
    until(visitor.page, lambda: len(slow) == 1)
    slow[0].continue_()
    expect(visitor.frame.locator(".customer .said")).to_have_text(
        ["The first question", "The second question"]
    )
    expect(visitor.last.locator(".said")).to_have_text("The second question")


def test_a_question_asked_while_the_page_learns_of_an_unfinished_answer_waits_in_the_box(
    visitor: Visitor, stage: Stage
) -> None:
    more = Event()
    stage.says("First. ", more, "Last.")
    expect(visitor.asks("The first question").locator(".said")).to_have_text("First.")
    slow = comes_back_slowly(visitor)
    visitor.box.fill("The second question")
    visitor.box.press("Enter")
    expect(visitor.box).to_be_empty()
    until(visitor.page, lambda: len(slow) == 1)
    slow[0].continue_()
    expect(visitor.box).to_have_value("The second question")
    more.set()
    expect(visitor.last.locator(".said")).to_have_text("First. Last.")
    expect(visitor.last.locator(".feedback")).to_be_visible()
    visitor.box.press("Enter")
    expect(visitor.last.locator(".said")).to_have_text("The second question")


def test_an_offered_question_that_is_pressed_twice_is_asked_once(
    visitor: Visitor, stage: Stage, house: Kotae
) -> None:
    (starter,) = house.settings.widget.questions("en")
    expect(visitor.asks("Hello").locator(".feedback")).to_be_visible()
    slow = comes_back_slowly(visitor)
    for _ in range(2):
        visitor.frame.get_by_role("button", name=starter).click()
    until(visitor.page, lambda: len(slow) == 1)
    slow[0].continue_()
    expect(visitor.frame.locator(".customer .said")).to_have_text(["Hello", starter])
    expect(visitor.last.locator(".feedback")).to_be_visible()
    expect(visitor.box).to_have_value(starter)
    assert [question.text for question in stage.asked] == ["Hello", starter]


def test_an_answer_goes_on_while_the_chat_is_closed(visitor: Visitor, stage: Stage) -> None:
    more = Event()
    stage.says("First. ", more, "Last.")
    answer = visitor.asks("How long?")
    expect(answer.locator(".said")).to_have_text("First.")
    visitor.page.keyboard.press("Escape")
    expect(visitor.panel).to_be_hidden()
    more.set()
    visitor.launcher.click()
    expect(visitor.last.locator(".said")).to_have_text("First. Last.")


def test_when_an_answer_fails_the_customer_can_try_again(visitor: Visitor, stage: Stage) -> None:
    stage.says(Unavailable("the model server at 10.0.0.7 is down"))
    stage.says("Now it works.")
    answer = visitor.asks("Does it work?")
    expect(answer.locator(".failed")).to_be_visible()
    assert "10.0.0.7" not in visitor.frame.locator("body").inner_text()
    answer.get_by_role("button", name="Try again").click()
    expect(visitor.last.locator(".said")).to_have_text("Now it works.")
    expect(visitor.frame.locator(".failed:visible")).to_have_count(0)
    expect(visitor.frame.locator(".message.customer")).to_have_count(1)


def test_sources_without_an_answer_are_no_answer(visitor: Visitor, stage: Stage, house: Kotae) -> None:
    stage.says(cites("Hold Brew.", "Hold Brew."))
    answer = visitor.asks("What now?")
    expect(answer.locator(".failed")).to_have_text(house.settings.say("empty", "en"))
    expect(answer.get_by_role("button", name="Try again")).to_be_visible()
    expect(answer.locator(".sources")).to_be_hidden()
    expect(answer.locator(".feedback")).to_be_hidden()


def test_what_was_said_before_an_answer_broke_off_stays(visitor: Visitor, stage: Stage) -> None:
    stage.says("The half of it", Unavailable("gone"))
    answer = visitor.asks("And the other half?")
    expect(answer.locator(".failed")).to_be_visible()
    expect(answer.locator(".said")).to_have_text("The half of it")


def test_a_connection_that_stays_lost_is_said_and_can_be_tried_again(a_visitor: Visit, stage: Stage) -> None:
    visitor = a_visitor(alone=True)
    visitor.page.clock.install()
    visitor.visits().opens_the_chat()
    visitor.page.route("**/api/messages", lambda route: route.abort())
    answer = visitor.asks("Are you there?")
    expect(answer.get_by_text("Reconnecting…")).to_be_visible()
    lost = answer.get_by_text("The connection was lost. Please try again.")
    until(visitor.page, lambda: visitor.page.clock.fast_forward(9_000) or lost.is_visible())
    visitor.page.unroute("**/api/messages")
    stage.says("Here again.")
    answer.get_by_role("button", name="Try again").click()
    expect(visitor.last.locator(".said")).to_have_text("Here again.")
    visitor.complaints.clear()


@shows("is told about a limit")
def test_a_limit_is_said_in_the_operators_words(
    visitor: Visitor, house: Kotae, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setattr(house, "_pace", Pace(conversation=1, client=1000))
    expect(visitor.asks("1?").locator(".feedback")).to_be_visible()
    answer = visitor.asks("2?")
    expect(answer.locator(".failed")).to_have_text(house.settings.say("too_many", language))
    assert answer.inner_text().count("429") == 0
    monkeypatch.undo()
    visitor.button("Try again", answer).click()
    expect(visitor.last.locator(".said")).to_have_text("2?")
    visitor.complaints.clear()  # the browser's own word on a 429


def test_a_conversation_that_is_gone_is_begun_anew_without_a_word(visitor: Visitor, stage: Stage) -> None:
    visitor.asks("Hello")
    expect(visitor.last.locator(".feedback")).to_be_visible()
    visitor.frame.locator("body").evaluate(
        "() => { for (const key of Object.keys(localStorage)) localStorage[key] = 'nonsense' }"
    )
    visitor.page.reload()
    visitor.opens_the_chat()
    expect(visitor.messages).to_have_count(1)
    stage.says("Welcome.")
    visitor.asks("Hello?")
    expect(visitor.last.locator(".said")).to_have_text("Welcome.")
    visitor.complaints.clear()


@shows("is offered a person when nothing is found twice")
def test_a_person_is_offered_in_the_operators_words_when_nothing_is_found_twice(
    visitor: Visitor, stage: Stage, house: Kotae, language: str
) -> None:
    offered = visitor.button("Talk to a person", visitor.frame.locator(".handoff"))
    for question, offers in (("1?", 0), ("2?", 1)):
        stage.says(NoAnswer("nothing was found"))
        answer = visitor.asks(question)
        expect(answer.locator(".said")).to_have_text(house.settings.say("no_answer", language))
        expect(answer.locator(".feedback")).to_be_visible()
        expect(offered).to_have_count(offers)
    expect(answer.locator(".handoff p")).to_have_text(house.settings.say("handoff", language))
    expect(answer.locator(".failed")).to_be_hidden()


def test_a_question_that_is_too_long_is_counted_and_not_sent(visitor: Visitor, stage: Stage) -> None:
    send = visitor.frame.get_by_role("button", name="Send")
    visitor.box.fill("x" * 10)
    expect(visitor.frame.locator("#counter")).to_be_empty()
    visitor.box.fill("😀" * QUESTION_CHARACTERS)
    expect(visitor.frame.locator("#counter")).to_have_text("200 of 200 characters")
    expect(send).to_be_enabled()
    visitor.box.fill("x" * (QUESTION_CHARACTERS + 1))
    expect(visitor.frame.locator("#counter")).to_have_text(
        "201 of 200 characters: please shorten your question."
    )
    expect(send).to_be_disabled()
    visitor.box.press("Enter")
    assert stage.asked == []
    assert len(visitor.box.input_value()) == QUESTION_CHARACTERS + 1


@shows("is told about being offline")
def test_offline_is_said_and_nothing_typed_is_lost(visitor: Visitor, house: Kotae, language: str) -> None:
    question = {"en": "Do you ship to Oslo?", "ja": "オスロにも届きますか。"}[language]
    said = visitor.frame.get_by_text(house.settings.say("offline", language))
    visitor.box.fill(question)
    visitor.page.context.set_offline(True)
    expect(said).to_be_visible()
    visitor.is_at_ease()
    visitor.box.press("Enter")
    expect(visitor.box).to_have_value(question)
    visitor.page.context.set_offline(False)
    expect(said).to_be_hidden()
    visitor.box.press("Enter")
    expect(visitor.last.locator(".said")).to_have_text(question)


def test_shift_and_enter_breaks_the_line(visitor: Visitor, stage: Stage) -> None:
    visitor.box.press_sequentially("one")
    visitor.box.press("Shift+Enter")
    visitor.box.press_sequentially("two")
    visitor.box.press("Enter")
    expect(visitor.last.locator(".feedback")).to_be_visible()
    assert stage.asked[0].text == "one\ntwo"


def test_enter_that_ends_a_japanese_conversion_sends_nothing(a_visitor: Visit, stage: Stage) -> None:
    visitor = a_visitor("ja").visits().opens_the_chat()
    visitor.box.fill("おていれ")
    for composing in ({"isComposing": True}, {"keyCode": 229}):
        visitor.box.dispatch_event(
            "keydown", {"key": "Enter", "bubbles": True, "cancelable": True, **composing}
        )
    expect(visitor.box).to_have_value("おていれ")
    assert stage.asked == []
    visitor.box.press("Enter")
    expect(visitor.last.locator(".feedback")).to_be_visible()


def test_tokens_are_never_half_drawn(visitor: Visitor, stage: Stage) -> None:
    gate = Event()
    stage.says(
        Token("Press **Brew"), gate, Token("**.\n\n| Model | Tank |"), Token("\n|---|---|\n| One | 1 l |")
    )
    answer = visitor.asks("What do I press?")
    expect(answer.locator(".said strong")).to_have_text("Brew")
    expect(answer.locator(".said")).to_have_text("Press Brew")
    answer.locator(".said > p").first.evaluate("p => { p.dataset.first = 'yes' }")
    gate.set()
    expect(answer.locator("td").last).to_have_text("1 l")
    expect(answer.locator(".feedback")).to_be_visible()


def test_whoever_reads_further_up_stays_there_and_comes_back_with_a_press(
    visitor: Visitor, stage: Stage
) -> None:
    more = Event()
    stage.says("Line.\n\n" * 40, more, "The end.")
    said = visitor.asks("Everything, please").locator(".said")
    expect(said.locator("p")).to_have_count(40)
    newest = visitor.button("Newest")
    expect(newest).to_be_hidden()
    visitor.frame.locator("#scroll").evaluate("it => { it.scrollTop = 0 }")
    expect(newest).to_be_visible()
    more.set()
    expect(said.locator("p").last).to_have_text("The end.")
    assert visitor.frame.locator("#scroll").evaluate("it => it.scrollTop") == 0
    newest.click()
    expect(said.locator("p").last).to_be_in_viewport()
    expect(newest).to_be_hidden()
    expect(visitor.box).to_be_focused()


def test_a_number_stays_on_the_line_of_its_words(a_visitor: Visit, stage: Stage) -> None:
    visitor = a_visitor(width=360, height=740).visits().opens_the_chat()
    stage.says(*[line for n in range(60) for line in (f"{'word' * (n % 4 + 1)}. ", cites("a", "a"))])
    answer = visitor.asks("Where do lines break?")
    expect(answer.locator(".feedback")).to_be_visible()
    starts = """(cites) => cites.filter((cite) => {
      const word = document.createRange();
      word.selectNode(cite.previousSibling);
      return word.getBoundingClientRect().bottom < cite.getBoundingClientRect().top;
    }).length"""
    assert answer.locator(".cite").evaluate_all(starts) == 0
