"""A customer has the chat sent to an address of theirs, and nobody can write to strangers with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from apiflask import APIFlask
from werkzeug.test import TestResponse

from bot.kotae import Kotae
from bot.settings import Handoff, Mail, Settings
from knowledge_base.database import now
from strategies.base import Question
from strategies.events import Citation, Event, Token
from tests.outside import PostOffice, post_office
from tests.people import Admin, Customer, Operator
from tests.web.conftest import PASSAGE

MINE = "ada@example.com"


@pytest.fixture
def office() -> Iterator[PostOffice]:
    with post_office() as office:
        yield office


@pytest.fixture
def settings(settings: Settings, office: PostOffice) -> Settings:
    mail = Mail(host="127.0.0.1", port=office.port, security="none", sender="bot@example.com")
    return settings.model_copy(update={"mail": mail, "handoff": Handoff(email_to="desk@example.com")})


@pytest.fixture(autouse=True)
def the_parrot_answers(kotae: Kotae) -> None:
    kotae.switch.use("parrot", "test")


def wants(customer: Customer, email: str = MINE) -> TestResponse:
    return customer.client.post(
        "/api/conversation/transcript", json={"email": email}, headers=customer.headers
    )


def test_a_customer_gets_the_chat_and_the_log_has_it(
    customer: Customer, kotae: Kotae, office: PostOffice, admin: Admin
) -> None:
    customer.asks("My kettle leaks")
    answer = wants(customer)
    assert (answer.status_code, answer.json["text"]) == (202, f"We are sending this chat to {MINE}.")
    kotae.jobs.drain()
    (letter,) = office.letters
    assert (letter["To"], letter["Reply-To"]) == (MINE, "desk@example.com")
    assert letter["Subject"] == "Your chat with us"
    text = letter.get_content()
    assert text.startswith("This is a copy of a chat on our website.")
    assert f"Somebody asked us there to send it to {MINE}" in text
    assert text.count("My kettle leaks") == 2  # asked, and said back
    log = admin.opens("/console/deliveries").text
    assert "<code>transcript</code>" in log
    assert MINE in log


def test_it_is_in_the_customers_language(app: APIFlask, kotae: Kotae, office: PostOffice) -> None:
    customer = Customer(app, "ja")
    customer.asks("やかんから水が漏れます。")
    assert MINE in wants(customer).json["text"]
    kotae.jobs.drain()
    assert office.letters[0]["Subject"] == "チャットの内容のお知らせ"
    assert "お客様" in office.letters[0].get_content()


def test_links_that_its_sender_chose_do_not_reach_a_stranger(
    customer: Customer, operator: Operator, kotae: Kotae, office: PostOffice
) -> None:
    customer.asks("Click https://evil.example/now or WWW.evil.example, <b>win</b>")
    operator.takes(customer.conversation)
    operator.replies(customer.conversation, "See https://kettle.example/descaling")
    wants(customer)
    kotae.jobs.drain()
    text = office.letters[0].get_content()
    assert "evil" not in text
    assert "Click […] or […], <b>win</b>" in text
    assert "https://kettle.example/descaling" in text


ANSWER = """## Descaling

Hold **Brew** and *Power* down:

1. Press [the lid](https://kettle.example/lid).
2. Wait:
   - 3 min cold
   - 5 min hot

> Never open it.

| Part | Price |
|---|---|
| Lid | **$4** |

```
E1 = *empty*
```

---

Write to <desk@kettle.example>, 2 \\* 3 &amp; more.
"""
AS_READ = """Descaling

Hold Brew and Power down:

1. Press the lid (https://kettle.example/lid).
2. Wait:
   - 3 min cold
   - 5 min hot

> Never open it.

Part | Price
Lid | $4

E1 = *empty*

---

Write to desk@kettle.example, 2 * 3 & more."""


def test_an_answer_is_read_without_its_marks_and_a_customers_words_are_left_as_they_are(
    customer: Customer, operator: Operator, kotae: Kotae, office: PostOffice
) -> None:
    customer.asks("Is it *this* one?")
    operator.takes(customer.conversation)
    operator.replies(customer.conversation, ANSWER)
    wants(customer)
    kotae.jobs.drain()
    for text in (
        office.letters[-1].get_content(),
        customer.client.get("/api/conversation/transcript", headers=customer.headers).text,
    ):
        assert AS_READ in text.replace("\r\n", "\n")
        assert "Is it *this* one?" in text


@pytest.mark.parametrize(
    "hidden",
    [
        "https\\://evil.example",
        "w&#119;w.evil.example",
        "[kettle](https://evil.example)",
        "<https://evil.example>",
    ],
)
def test_a_link_that_marks_hid_does_not_reach_a_stranger_either(
    customer: Customer, kotae: Kotae, office: PostOffice, speaks, hidden: str
) -> None:
    kotae.switch.use("manuals", "test")
    speaks(lambda _question: iter([Token(f"Look at {hidden} now")]))
    customer.asks("Say so")
    wants(customer)
    kotae.jobs.drain()
    text = office.letters[0].get_content()
    assert "[…]" in text
    assert "evil" not in text


def test_a_letter_is_more_than_what_its_sender_wrote(customer: Customer) -> None:
    assert wants(customer).status_code == 409
    assert wants(customer, "ada").status_code == 400
    assert wants(customer, "ada@example.com\nBcc: all@example.com").status_code == 400


def test_so_many_a_day_out_of_one_conversation(
    customer: Customer, kotae: Kotae, monkeypatch: pytest.MonkeyPatch
) -> None:
    customer.asks("Hello")
    for n in range(3):
        assert wants(customer, f"{n}@example.com").status_code == 202
    refused = wants(customer, "3@example.com")
    assert refused.status_code == 429
    assert refused.json["error"].startswith("This chat has been sent often enough for today.")
    assert len(kotae.deliveries.page()) == 3
    monkeypatch.setattr(kotae.transcripts, "_clock", lambda: now() + timedelta(days=1, minutes=1))
    assert wants(customer).status_code == 202


def test_so_many_a_day_to_one_address(app: APIFlask) -> None:
    told = []
    for n in range(4):
        customer = Customer(app)
        customer.asks("Hello")
        told.append(wants(customer, MINE.upper() if n % 2 else MINE).status_code)
    assert told == [202, 202, 202, 429]


def test_so_many_an_hour_from_one_place(app: APIFlask) -> None:
    app.config["TRANSCRIPTS"] = "2 per hour"
    answers = []
    for n in range(3):
        customer = Customer(app)
        customer.asks("Hello")
        assert wants(customer, "no address").status_code in (400, 429)  # a slip counts for nothing
        answers.append(wants(customer, f"{n}@example.com"))
    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert answers[-1].json["error"].startswith("This chat has been sent often enough for today.")


def test_the_menu_offers_it_where_mail_is_sent(app: APIFlask, kotae: Kotae, customer: Customer) -> None:
    assert "Email this chat" in customer.client.get("/widget/frame").text
    for mail in (Mail(), kotae.settings.mail.model_copy(update={"transcripts": 0})):
        kotae.transcripts._mail = mail
        assert "Email this chat" not in customer.client.get("/widget/frame").text
        assert wants(customer).status_code == 403


def test_a_link_in_a_document_stays(customer: Customer, kotae: Kotae, office: PostOffice, speaks) -> None:
    spare_parts = replace(PASSAGE, text="Spare parts: https://kettle.example/parts")

    def links(_question: Question) -> Iterator[Event]:
        yield Token("At https://kettle.example/parts. Or at https://evil.example/parts.")
        yield Citation(1, spare_parts, spare_parts.text)

    kotae.switch.use("manuals", "test")
    speaks(links)
    customer.asks("Where are spare parts?")
    wants(customer)
    kotae.jobs.drain()
    assert "At https://kettle.example/parts. Or at […]." in office.letters[0].get_content()
