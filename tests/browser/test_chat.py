"""A customer asks in the widget, reads, stops, rates, comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from threading import Event

from playwright.sync_api import Route, expect

from bot.conversations.conversation import Conversation
from bot.kotae import Kotae
from strategies.errors import NoAnswer, Unavailable
from strategies.events import Token
from tests.browser.conftest import QUESTION_CHARACTERS, Visit
from tests.browser.stage import Stage, cites
from tests.browser.visitor import Visitor

PASSAGE = "Fill the tank to **MAX**. Hold **Brew** for 3 seconds until the light is amber. Then wait."
QUOTE = "Hold **Brew** for 3 seconds until the light is amber."


def newest(house: Kotae) -> Conversation:
    """The conversation that was begun last, as the operator reads it."""
    return house.conversations.get(house.conversations.page(limit=1)[0].id)


def wait_until(happened: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


def test_a_customer_reads_an_answer_while_it_is_written_and_then_the_words_it_rests_on(
    visitor: Visitor, stage: Stage
) -> None:
    more = Event()
    stage.says(
        "Hold **Brew** for ",
        more,
        "3 seconds.",
        cites(PASSAGE, QUOTE, headings=("Care", "Descaling"), page=14),
        "\n\nThen wait.",
    )
    answer = visitor.asks("How do I descale it?")
    expect(answer.locator(".said")).to_have_text("Hold Brew for")
    expect(answer.locator(".said strong")).to_have_text("Brew")
    expect(visitor.frame.get_by_role("button", name="Stop answering")).to_be_visible()

    more.set()
    expect(answer.locator(".said p").first).to_have_text("Hold Brew for 3 seconds.1")
    expect(visitor.frame.get_by_role("button", name="Send")).to_be_visible()
    source = answer.locator(".sources li")
    expect(source.locator(".title")).to_have_text("Aroma One guide")
    expect(source.locator(".path")).to_have_text("Care › Descaling › page 14")
    expect(source.locator(".passage")).to_be_hidden()

    answer.get_by_role("button", name="Source 1: Aroma One guide").click()
    expect(source.locator(".passage")).to_have_text(
        "Fill the tank to MAX. Hold Brew for 3 seconds until the light is amber. Then wait."
    )
    assert (
        "".join(source.locator("mark").all_text_contents())
        == "Hold Brew for 3 seconds until the light is amber."
    )
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
    wait_until(lambda: len(newest(house).messages) == 2)
    visitor.page.reload()
    visitor.opens_the_chat()
    expect(visitor.last.locator(".said")).to_have_text("This was said.")
    expect(visitor.last.get_by_text("Stopped here.")).to_be_visible()


def test_a_thumb_down_with_a_reason_and_words_reaches_the_operator(visitor: Visitor, house: Kotae) -> None:
    answer = visitor.asks("Is this right?")
    answer.get_by_role("button", name="This did not help").click()
    answer.get_by_label("Something is missing").check()
    answer.get_by_label("In your own words").fill("Which colour?")
    answer.get_by_role("button", name="Send").click()
    expect(answer.get_by_text("Thank you.")).to_be_visible()
    expect(answer.get_by_text("What was wrong?")).to_have_count(0)

    rating = newest(house).messages[-1].rating
    assert rating is not None
    assert (rating.value, rating.reason, rating.comment) == ("down", "incomplete", "Which colour?")


def test_a_thumb_pressed_twice_is_taken_back_and_one_that_is_kept_is_there_after_a_reload(
    visitor: Visitor,
) -> None:
    answer = visitor.asks("Is this right?")
    up = answer.get_by_role("button", name="This helped")
    up.click()
    expect(answer.get_by_text("Thank you.")).to_be_visible()
    up.click()
    expect(up).to_have_attribute("aria-pressed", "false")
    up.click()
    expect(answer.get_by_text("Thank you.")).to_be_visible()
    visitor.page.reload()
    visitor.opens_the_chat()
    expect(visitor.last.get_by_role("button", name="This helped")).to_have_attribute("aria-pressed", "true")


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


def test_the_chat_survives_a_reload_and_a_new_one_begins_empty(visitor: Visitor, stage: Stage) -> None:
    stage.says("It has a battery.")
    visitor.asks("Does it have a battery?")
    expect(visitor.last.locator(".said")).to_have_text("It has a battery.")
    visitor.page.reload()
    visitor.opens_the_chat()
    expect(visitor.messages.locator(".said").nth(1)).to_have_text("Does it have a battery?")
    expect(visitor.last.locator(".said")).to_have_text("It has a battery.")

    visitor.asks("And a plug?")
    expect(visitor.last.locator(".feedback")).to_be_visible()
    assert [turn.text for turn in stage.asked[-1].history] == ["Does it have a battery?", "It has a battery."]

    visitor.frame.get_by_role("button", name="Start a new chat").click()
    expect(visitor.messages).to_have_count(1)
    visitor.asks("Hello again")
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
    slow: list[Route] = []
    visitor.page.route("**/api/conversation", lambda route: slow.append(route))
    visitor.page.reload()
    visitor.opens_the_chat()
    visitor.box.fill("The second question")
    visitor.box.press("Enter")
    wait_until(lambda: visitor.page.title() != "" and len(slow) == 1)  # asking the page lets events in
    slow[0].continue_()
    expect(visitor.frame.locator(".customer .said")).to_have_text(
        ["The first question", "The second question"]
    )
    expect(visitor.last.locator(".said")).to_have_text("The second question")


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


def test_what_was_said_before_an_answer_broke_off_stays(visitor: Visitor, stage: Stage) -> None:
    stage.says("The half of it", Unavailable("gone"))
    answer = visitor.asks("And the other half?")
    expect(answer.locator(".failed")).to_be_visible()
    expect(answer.locator(".said")).to_have_text("The half of it")


def test_a_connection_that_stays_lost_is_said_and_can_be_tried_again(a_visitor: Visit, stage: Stage) -> None:
    visitor = a_visitor()
    visitor.page.clock.install()
    visitor.visits().opens_the_chat()
    visitor.page.route("**/api/messages", lambda route: route.abort())
    answer = visitor.asks("Are you there?")
    expect(answer.get_by_text("Reconnecting…")).to_be_visible()
    for _ in range(10):
        visitor.page.clock.fast_forward(9_000)
        visitor.page.wait_for_timeout(50)
    expect(answer.get_by_text("The connection was lost. Please try again.")).to_be_visible()
    visitor.page.unroute("**/api/messages")
    stage.says("Here again.")
    answer.get_by_role("button", name="Try again").click()
    expect(visitor.last.locator(".said")).to_have_text("Here again.")
    visitor.complaints.clear()


def test_a_limit_is_said_in_the_operators_words(visitor: Visitor) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=429, body=json.dumps({"error": "One moment: too many at once.", "retry": True}))

    visitor.page.route("**/api/messages", refuse)
    answer = visitor.asks("And? And? And?")
    expect(answer.get_by_text("One moment: too many at once.")).to_be_visible()
    expect(answer.get_by_role("button", name="Try again")).to_be_visible()
    visitor.complaints.clear()


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


def test_a_person_is_offered_in_the_operators_words_when_nothing_is_found_twice(
    visitor: Visitor, stage: Stage, house: Kotae
) -> None:
    for question in ("What is the meaning of life?", "Of mine, then?"):
        stage.says(NoAnswer("nothing was found"))
        answer = visitor.asks(question)
        expect(answer.locator(".said")).to_have_text(house.settings.say("no_answer", "en"))
    expect(answer.locator(".handoff p")).to_have_text(house.settings.say("handoff", "en"))
    expect(answer.locator(".handoff").get_by_role("button", name="Talk to a person")).to_be_visible()
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


def test_offline_is_said_and_nothing_typed_is_lost(visitor: Visitor, stage: Stage) -> None:
    visitor.box.fill("Do you ship to Oslo?")
    visitor.page.context.set_offline(True)
    expect(visitor.frame.get_by_text("You are offline.")).to_be_visible()
    visitor.box.press("Enter")
    expect(visitor.box).to_have_value("Do you ship to Oslo?")
    visitor.page.context.set_offline(False)
    expect(visitor.frame.get_by_text("You are offline.")).to_be_hidden()
    stage.says("Yes.")
    visitor.box.press("Enter")
    expect(visitor.last.locator(".said")).to_have_text("Yes.")


def test_shift_and_enter_breaks_the_line(visitor: Visitor, stage: Stage) -> None:
    visitor.box.press_sequentially("one")
    visitor.box.press("Shift+Enter")
    visitor.box.press_sequentially("two")
    visitor.box.press("Enter")
    expect(visitor.last.locator(".feedback")).to_be_visible()
    assert stage.asked[0].text == "one\ntwo"


def test_a_japanese_customer_is_served_in_japanese(a_visitor: Visit, stage: Stage) -> None:
    visitor = a_visitor("ja").visits().opens_the_chat()
    stage.says(
        "**「抽出」**を10~20秒、または30~40秒押します。",
        cites("抽出を押します。", "抽出を押します。", title="取扱説明書", headings=("お手入れ",), page=3),
    )
    answer = visitor.asks("お手入れの方法は？")
    expect(answer.locator(".said")).to_have_text("「抽出」を10~20秒、または30~40秒押します。1")
    expect(answer.locator(".said strong")).to_have_text("「抽出」")
    expect(answer.locator(".path")).to_have_text("お手入れ › 3 ページ")
    expect(answer.get_by_role("button", name="役に立った")).to_be_visible()
    expect(visitor.box).to_have_attribute("placeholder", "質問を入力…")


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
