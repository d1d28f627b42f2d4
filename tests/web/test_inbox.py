"""The desk's inbox: who waits, whose chat is whose, what is said, and what colleagues see."""

from __future__ import annotations

import re
from contextlib import closing

import pytest

from bot.kotae import Kotae
from bot.settings import Settings
from tests.people import Admin, Customer, Operator
from web.app import create_app


@pytest.fixture(autouse=True)
def the_parrot_answers(kotae: Kotae) -> None:
    kotae.switch.use("parrot", "test")


@pytest.fixture
def waiting(customer: Customer, operator: Operator) -> str:
    """The conversation of a customer who waits for a person."""
    operator.is_there("Anna")
    customer.asks("My kettle leaks")
    customer.asks_for_a_person()
    return customer.conversation


def chat(operator: Operator, conversation: str) -> str:
    """The chat as the page's script fetches it."""
    return operator.opens(f"/console/inbox/{conversation}/chat").text


def box(operator: Operator, name: str) -> str:
    return operator.opens(f"/console/inbox/list?box={name}").text


def test_an_empty_inbox_says_what_will_appear_in_it(operator: Operator) -> None:
    assert "Who asks for a person appears here" in operator.opens("/console/inbox").text
    assert "Take one from those who wait" in box(operator, "mine")
    assert "Nobody has asked yet" in box(operator, "all")


def test_who_waits_is_in_the_inbox_until_somebody_takes_them(operator: Operator, waiting: str) -> None:
    assert "My kettle leaks" in box(operator, "waiting")
    operator.takes(waiting)
    assert "My kettle leaks" not in box(operator, "waiting")
    assert "My kettle leaks" in box(operator, "mine")
    assert "My kettle leaks" in box(operator, "all")


def test_who_waits_longest_comes_first(operator: Operator, app) -> None:  # type: ignore[no-untyped-def]
    operator.is_there()
    for number in (1, 2, 3):
        one = Customer(app)
        one.asks(f"question {number}")
        one.asks_for_a_person()
    assert re.findall(r"question \d", box(operator, "waiting")) == ["question 1", "question 2", "question 3"]


def test_two_operators_cannot_take_the_same_chat(
    operator: Operator, another_operator: Operator, waiting: str, customer: Customer
) -> None:
    another_operator.is_there()
    assert operator.takes(waiting).status_code == 200
    refused = another_operator.takes(waiting)
    assert (refused.status_code, refused.json["error"]) == (
        409,
        "operator@example.com was quicker and has this chat.",
    )
    assert another_operator.replies(waiting, "me, too").status_code == 409
    assert [message["role"] for message in customer.reads_again()] == ["customer", "bot"]
    assert "operator@example.com has this chat" in chat(another_operator, waiting)


def test_a_colleague_who_went_home_does_not_keep_a_chat(
    operator: Operator, another_operator: Operator, waiting: str
) -> None:
    operator.takes(waiting)
    operator.goes_home()
    assert another_operator.takes(waiting).status_code == 200
    assert operator.replies(waiting, "still me?").status_code == 409


def test_two_operators_on_one_chat_see_each_other(
    operator: Operator, another_operator: Operator, waiting: str
) -> None:
    operator.does("looking", waiting)
    another_operator.does("looking", waiting, typing="1")
    assert "colleague@example.com writes" in chat(operator, waiting)
    assert "operator@example.com looks at it" in chat(another_operator, waiting)
    assert "colleague@example.com writes" in box(operator, "waiting")
    another_operator.does("looking", waiting, typing="0")
    assert "colleague@example.com looks at it" in chat(operator, waiting)


def test_the_customer_sees_that_somebody_writes(operator: Operator, customer: Customer, waiting: str) -> None:
    operator.takes(waiting)
    operator.does("looking", waiting, typing="1")
    assert customer.state["typing"] is True
    operator.replies(waiting, "Hello")
    assert customer.state["typing"] is False


def test_a_note_is_for_colleagues_alone(
    operator: Operator, another_operator: Operator, customer: Customer, waiting: str, kotae: Kotae
) -> None:
    operator.does("note", waiting, text="Careful: was angry <b>yesterday</b>")
    page = chat(another_operator, waiting)
    assert "Careful: was angry &lt;b&gt;yesterday" in page
    assert "operator@example.com" in page
    assert "angry" not in str(customer.looks())
    assert "angry" not in customer.client.get("/api/conversation/transcript", headers=customer.headers).text
    news = customer.hears("0")
    assert all("angry" not in str(next(news)) for _ in range(3))
    news.close()
    operator.takes(waiting)
    operator.does("give-back", waiting)
    assert "angry" not in customer.asks("what was noted?").text


def test_a_reply_is_markdown_and_safe(operator: Operator, waiting: str) -> None:
    operator.takes(waiting)
    operator.replies(waiting, "**Hold** <script>alert(1)</script>")
    page = chat(operator, waiting)
    assert "<strong>Hold</strong>" in page
    assert "<script>alert" not in page


def test_an_empty_reply_is_none(operator: Operator, customer: Customer, waiting: str) -> None:
    operator.takes(waiting)
    operator.replies(waiting, "   ")
    assert [message["role"] for message in customer.reads_again()] == ["customer", "bot"]


def test_what_is_new_is_counted_until_it_is_read(
    operator: Operator, customer: Customer, waiting: str
) -> None:
    operator.takes(waiting)
    operator.opens(f"/console/inbox/{waiting}")
    assert "1 new" not in box(operator, "mine")
    customer.asks("hello?")
    assert "1 new" in box(operator, "mine")
    operator.does("looking", waiting, read_to=customer.looks()["cursor"])
    assert "1 new" not in box(operator, "mine")


def test_an_outcome_is_kept_with_who_chose_it(operator: Operator, waiting: str) -> None:
    operator.takes(waiting)
    assert operator.does("close", waiting, outcome="perfect").status_code == 409
    operator.closes(waiting, "unresolved")
    page = chat(operator, waiting)
    assert "Not resolved (operator@example.com)" in page
    assert "The bot has this chat" in page


def test_an_operator_steps_into_a_chat_that_the_bot_has(operator: Operator, customer: Customer) -> None:
    customer.asks("Is anybody there?")
    assert "Is anybody there?" in box(operator, "all")
    operator.takes(customer.conversation)
    operator.replies(customer.conversation, "Yes, I am.")
    assert customer.state["with"] == "person"
    assert customer.asks("good").text == ""


def test_a_colleague_is_let_in(
    operator: Operator, another_operator: Operator, customer: Customer, waiting: str
) -> None:
    operator.takes(waiting)
    operator.does("release", waiting)
    assert customer.state["with"] == "waiting"
    assert another_operator.takes(waiting).status_code == 200


def test_a_strategy_drafts_an_answer_with_its_sources(admin: Admin, customer: Customer, kotae: Kotae) -> None:
    admin.uploads(("leaks.md", b"# Leaks\n\nIf the kettle leaks, tighten the ring under its lid.\n"))
    admin.is_there()
    customer.asks("My kettle leaks, what do I do?")
    customer.asks_for_a_person()
    before = customer.reads_again()
    page = admin.does("draft", customer.conversation, strategy="manuals").text
    assert "tighten the ring" in page
    assert "Leaks" in page
    assert "Draft of manuals" in page
    assert customer.reads_again() == before  # nobody was told


def test_a_draft_that_cannot_be_made_says_why(operator: Operator, waiting: str) -> None:
    assert "nobody" in operator.does("draft", waiting, strategy="nobody").text


def test_canned_answers_are_written_and_offered_in_a_reply(operator: Operator, waiting: str) -> None:
    assert "There is none yet" in operator.opens("/console/canned").text
    operator.sends("/console/canned", name="/hours", text="We are here from *nine* to five.")
    page = operator.opens("/console/canned").text
    assert "We are here from *nine* to five." in page
    operator.takes(waiting)
    assert 'data-name="hours"' in operator.opens(f"/console/inbox/{waiting}").text


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [("two words", "x", "one word"), ("hours", "x", "hours already"), ("empty", " ", "Write what it says")],
)
def test_a_canned_answer_that_is_refused_says_why_and_keeps_what_was_typed(
    operator: Operator, name: str, text: str, told: str
) -> None:
    operator.sends("/console/canned", name="hours", text="From nine to five.")
    answer = operator.sends("/console/canned", name=name, text=text)
    assert answer.status_code == 400
    assert told in answer.text
    assert f'value="{name}"' in answer.text


def test_a_canned_answer_is_changed_and_removed(operator: Operator, kotae: Kotae) -> None:
    operator.sends("/console/canned", name="hours", text="From nine to five.")
    (one,) = kotae.canned.all()
    operator.sends("/console/canned", id=one.id, name="opening", text="From eight to four.")
    (one,) = kotae.canned.all()
    assert (one.name, one.text) == ("opening", "From eight to four.")
    operator.sends(f"/console/canned/{one.id}/remove")
    assert kotae.canned.all() == []


def test_everything_works_without_script(operator: Operator, customer: Customer, waiting: str) -> None:
    answer = operator.sends(f"/console/inbox/{waiting}/take")
    assert answer.status_code == 302
    operator.sends(f"/console/inbox/{waiting}/reply", text="Hello")
    assert customer.reads_again()[-1]["text"] == "Hello"
    page = operator.opens(f"/console/inbox/{waiting}").text
    assert 'id="reply" class="mb-3" data-quiet data-clears>' in page
    operator.sends(f"/console/inbox/{waiting}/close", outcome="resolved")
    assert "The chat is closed." in operator.opens("/console/inbox").text


def test_the_inbox_hears_of_changes_and_is_somebody_who_is_there(
    operator: Operator, customer: Customer, waiting: str, kotae: Kotae
) -> None:
    response = operator.client.get(f"/console/inbox/events?open={waiting}", buffered=False)
    pieces = response.iter_encoded()
    customer.asks("hello?")
    assert any(b"event: changed" in next(pieces) for _ in range(3))
    (looker,) = kotae.presence.lookers([waiting])[waiting]
    assert looker.email == operator.email
    response.close()
    assert kotae.presence.lookers([waiting]) == {}  # who closes the page no longer looks


def test_whoever_loads_a_chat_anew_still_looks_at_it_when_the_page_before_is_gone(
    operator: Operator, kotae: Kotae, waiting: str
) -> None:
    pages = [
        operator.client.get(f"/console/inbox/events?open={waiting}", buffered=False)
        for _ in ("before", "anew")
    ]
    heard = [iter(page.response) for page in pages]
    for page in heard:
        next(page)
    pages[0].close()
    assert kotae.presence.lookers([waiting])
    pages[1].close()
    assert kotae.presence.lookers([waiting]) == {}


def test_whoever_loads_a_chat_anew_at_another_server_still_looks_at_it(
    operator: Operator, settings: Settings, kotae: Kotae, waiting: str
) -> None:
    with closing(Kotae.open(settings)) as elsewhere:
        other = create_app(elsewhere)
        same_browser = other.test_client()
        cookie = operator.client.get_cookie(other.config["SESSION_COOKIE_NAME"])
        assert cookie
        same_browser.set_cookie(cookie.key, cookie.value)
        before, anew = (
            client.get(f"/console/inbox/events?open={waiting}", buffered=False)
            for client in (operator.client, same_browser)
        )
        pages = [iter(page.response) for page in (before, anew)]
        assert all(map(next, pages))
        before.close()
        assert [one.email for one in kotae.presence.lookers([waiting])[waiting]] == [operator.email]
        anew.close()
        assert kotae.presence.lookers([waiting]) == {}
        other.extensions["running"].close()


def test_an_empty_inbox_says_whether_customers_are_sent_to_anybody(operator: Operator) -> None:
    asked_for = "Nobody is available: customers are asked for an address."
    assert asked_for in box(operator, "waiting")
    operator.is_there()
    assert asked_for not in box(operator, "waiting")


def test_a_stranger_reads_nothing(app, waiting: str) -> None:  # type: ignore[no-untyped-def]
    chat = f"inbox/{waiting}"
    for path in ("inbox", chat, f"{chat}/chat", "inbox/list", "inbox/events", "canned"):
        answer = app.test_client().get(f"/console/{path}", headers={"Accept": "text/html"})
        assert answer.status_code == 302, path
        assert "/console/sign-in" in answer.headers["Location"]


def test_an_unknown_chat_is_a_page_that_says_so(operator: Operator) -> None:
    for path in ("nothing", "nothing/chat", "events?open=nothing"):
        assert operator.opens(f"/console/inbox/{path}").status_code == 404, path
    assert operator.takes("nothing").status_code == 404


def test_the_inbox_speaks_japanese(operator: Operator, waiting: str) -> None:
    page = operator.opens(f"/console/inbox/{waiting}?language=ja").text
    assert "受信箱" in page
    assert "引き受ける" in page
