"""An angry message goes to a person, where its language is switched on, and the desk sees by which words."""

from __future__ import annotations

import pytest

from bot.settings import Handoff, Settings
from tests.people import Customer, Operator


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "handoff": Handoff(upset=("en",)),
            "chat": settings.chat.model_copy(update={"strategy": "parrot"}),
        }
    )


def test_an_upset_customer_waits_for_a_person_and_the_desk_sees_why(
    customer: Customer, operator: Operator
) -> None:
    operator.is_there()
    assert customer.asks("The kettle is broken, it leaks and does not work.").text
    reply = customer.asks("This is ridiculous, I am fed up with you!")
    assert reply.named("state")[0]["with"] == "waiting"
    chat = customer.conversation
    assert "The customer is upset: fed up, ridiculous" in operator.opens(f"/console/inbox/{chat}").text
    assert (
        "The customer is upset: fed up, ridiculous" in operator.opens(f"/console/conversations/{chat}").text
    )
    assert "upset" in operator.opens("/console/inbox/list").text


def test_where_nobody_is_there_the_bot_answers_and_a_person_is_offered(
    customer: Customer, operator: Operator
) -> None:
    reply = customer.asks("This is ridiculous! How do I descale it?")
    assert reply.text == "This is ridiculous! How do I descale it?"
    (offer,) = reply.named("handoff")
    assert offer == {"reason": "upset", "text": "Would you like to talk to a person from our team?"}
    assert customer.state["with"] == "bot"
    assert "a person was offered" in operator.opens(f"/console/conversations/{customer.conversation}").text


def test_a_language_that_is_not_switched_on_is_the_bots(customer: Customer, operator: Operator) -> None:
    operator.is_there()
    assert customer.asks("ふざけないでください。").text
