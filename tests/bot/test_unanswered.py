"""Questions that got no answer stand together when they mean the same."""

from __future__ import annotations

import pytest

from bot.kotae import Kotae
from bot.reports.overview import Days
from bot.settings import Settings
from tests.people import Customer


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Nothing is in the library, so the manuals abstain."""
    return settings.model_copy(
        update={
            "limits": settings.limits.model_copy(
                update={"client_questions_per_minute": 1000, "questions_per_minute": 1000}
            )
        }
    )


def test_wordings_of_one_question_are_one_group_and_the_most_wanted_comes_first(
    kotae: Kotae, customer: Customer
) -> None:
    for question in (
        "Do you ship to Norway?",
        "Can I pay with bitcoin?",
        "Do you deliver to Norway",
        "返品したい",
        "電源が入りません",
        "返品できますか",
        "Do you ship to Norway?",
    ):
        assert customer.asks(question).abstained
    told = [(len(group.asked), set(group.wordings)) for group in kotae.unanswered.groups(Days.back(1))]
    assert told[0] == (3, {"Do you ship to Norway?", "Do you deliver to Norway"})
    assert (2, {"返品したい", "返品できますか"}) in told
    assert (1, {"電源が入りません"}) in told
    assert (1, {"Can I pay with bitcoin?"}) in told
    assert len(told) == 4


def test_a_question_that_was_answered_is_not_among_them(kotae: Kotae, customer: Customer) -> None:
    kotae.switch.use("parrot", by="olga")
    customer.asks("Do you ship to Norway?")
    assert kotae.unanswered.groups(Days.back(1)) == []
