"""An answer is given again to whoever asks the same, until a document that it rests on changes or is gone."""

from pathlib import Path

import pytest

from bot.kotae import Kotae
from bot.settings import Settings
from tests.people import Admin, Customer, Reply

BEFORE = b"# Warranty\n\nThe kettle is under warranty for 30 months from the day of delivery.\n"
AFTER = b"# Warranty\n\nThe kettle is under warranty for 48 months from the day of delivery.\n"
ASKED = "How long is the kettle under warranty?"
AGAIN = "Hi, how long is the kettle under guarantee please"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    strategies = {
        "manuals": {"use": "rag", "inner": "quotes"},
        "quick": {"use": "cached", "inner": "manuals"},
    }
    return Settings(
        data=tmp_path / "data",
        strategies=strategies,
        chat={"strategy": "quick"},  # type: ignore[arg-type]
    )


def from_the_cache(kotae: Kotae, reply: Reply) -> bool:
    newest = kotae.conversations.page("", "", 1)[0]
    (message,) = [one for one in kotae.conversations.get(newest.id).messages if one.id == reply.id]
    return any(decision["what"] == "answered as before" for decision in message.decisions)


def test_another_customer_reads_the_same_answer_with_its_source(
    kotae: Kotae, admin: Admin, customer: Customer, another_customer: Customer
) -> None:
    admin.uploads(("warranty.md", BEFORE))
    first = customer.asks(ASKED)
    assert not from_the_cache(kotae, first)
    second = another_customer.asks(AGAIN)
    assert from_the_cache(kotae, second)
    assert "30 months" in second.text
    assert second.text == first.text
    assert second.citations == first.citations != []


def test_a_deleted_document_answers_no_more(
    kotae: Kotae, admin: Admin, customer: Customer, another_customer: Customer
) -> None:
    admin.uploads(
        ("warranty.md", BEFORE), ("colours.md", b"# Colours\n\nThe kettle comes in black and green.\n")
    )
    assert "30 months" in customer.asks(ASKED).text
    (warranty,) = [one for one in kotae.library.documents() if one.source == "warranty.md"]
    kotae.remove(warranty.id)
    told = another_customer.asks(ASKED)
    assert not from_the_cache(kotae, told)
    assert "30 months" not in told.text
    assert "warranty.md" not in {cited["source"] for cited in told.citations}


def test_a_document_that_changed_answers_as_it_stands_now(
    kotae: Kotae, admin: Admin, customer: Customer, another_customer: Customer
) -> None:
    admin.uploads(("warranty.md", BEFORE))
    assert "30 months" in customer.asks(ASKED).text
    admin.uploads(("warranty.md", AFTER))
    told = another_customer.asks(ASKED)
    assert not from_the_cache(kotae, told)
    assert "48 months" in told.text


def test_within_a_conversation_each_question_is_answered_afresh(
    kotae: Kotae, admin: Admin, customer: Customer
) -> None:
    admin.uploads(("warranty.md", BEFORE))
    customer.asks(ASKED)
    assert not from_the_cache(kotae, customer.asks(ASKED))
