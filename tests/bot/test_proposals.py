"""What customers ask in vain waits among the candidates by itself, once."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa
from apiflask import APIFlask

from bot.kotae import Kotae
from bot.settings import Settings
from bot.store import writing
from bot.store.tables import JobRow
from bot.teaching.candidates import Candidate
from bot.teaching.proposals import KIND
from tests.people import Admin, Customer, Operator


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"limits": settings.limits.model_copy(update={"client_questions_per_minute": 1000})}
    )


@pytest.fixture(autouse=True)
def nothing_in_the_library(kotae: Kotae) -> None:
    """So the manuals abstain."""
    kotae.switch.use("manuals", by="olga")


def asks(app: APIFlask, *questions: str) -> None:
    """Each is another customer's."""
    for question in questions:
        assert Customer(app).asks(question).abstained


def an_hour_later(kotae: Kotae) -> None:
    with writing(kotae.engine) as session:
        for row in session.scalars(sa.select(JobRow).where(JobRow.kind == KIND)):
            row.created_at -= timedelta(hours=2)
    kotae.jobs.tick()
    kotae.jobs.drain()


def waiting(kotae: Kotae) -> list[Candidate]:
    return list(kotae.candidates.list("new").candidates)


def test_a_question_that_several_asked_in_vain_waits_with_its_count_and_its_wordings(
    app: APIFlask, kotae: Kotae, admin: Admin
) -> None:
    asks(app, "Do you ship to Norway?", "Do you deliver to Norway", "Do you ship to Norway?", "Is it blue?")
    asks(app, "返品したい", "返品できますか")
    kotae.jobs.tick()
    kotae.jobs.drain()
    assert {one.question for one in waiting(kotae)} == {"Do you ship to Norway?", "返品できますか"}
    page = admin.opens("/console/pairs/candidates").text
    assert "asked 3 times" in page
    assert "Do you deliver to Norway" in page
    assert "Is it blue?" not in page


def test_one_customer_who_repeats_himself_is_one(kotae: Kotae, customer: Customer) -> None:
    customer.asks("Do you ship to Norway?")
    customer.asks("Do you ship to Norway?")
    an_hour_later(kotae)
    assert waiting(kotae) == []


def test_who_asks_later_is_counted_and_makes_no_second_candidate(app: APIFlask, kotae: Kotae) -> None:
    asks(app, "Do you ship to Norway?", "Do you ship to Norway?")
    an_hour_later(kotae)
    asks(app, "Do you deliver to Norway")
    an_hour_later(kotae)
    [candidate] = waiting(kotae)
    assert len(kotae.proposals.asked([candidate.id])[candidate.id].asked) == 3


def test_an_operators_answer_goes_to_the_candidate_that_waits_for_it(
    app: APIFlask, kotae: Kotae, operator: Operator, customer: Customer
) -> None:
    asks(app, "Do you ship to Norway?")
    in_vain = customer.asks("Do you deliver to Norway")
    an_hour_later(kotae)
    assert "among the candidates" in operator.opens("/console/overview/unanswered").text
    operator.sends(
        f"/console/answers/{in_vain.id}/correct", question="Do you deliver to Norway?", answer="Yes."
    )
    [candidate] = waiting(kotae)
    assert (candidate.answer, candidate.by) == ("Yes.", operator.email)
    assert len(kotae.proposals.asked([candidate.id])[candidate.id].asked) == 2
    kotae.candidates.accept(candidate.id, by="ada")
    assert "a pair by now" in operator.opens("/console/overview/unanswered").text


def test_what_was_rejected_does_not_come_back(app: APIFlask, kotae: Kotae) -> None:
    asks(app, "Do you ship to Norway?", "Do you ship to Norway?")
    an_hour_later(kotae)
    kotae.candidates.reject(waiting(kotae)[0].id, by="ada")
    asks(app, "Do you deliver to Norway", "Do you deliver to Norway")
    an_hour_later(kotae)
    assert waiting(kotae) == []


def test_what_an_operator_took_up_or_a_pair_answers_by_now_is_not_proposed(
    app: APIFlask, kotae: Kotae, customer: Customer
) -> None:
    in_vain = customer.asks("Do you ship to Norway?")
    kotae.candidates.add("Do you ship to Norway?", "Yes.", by="olga", message_id=in_vain.id)
    kotae.pairs.add({"question": "Can I pay with bitcoin?", "answer": "No."}, by="ada")
    asks(app, "Do you deliver to Norway", "Can I pay with bitcoin?", "Can I pay with bitcoin?")
    an_hour_later(kotae)
    assert [one.by for one in waiting(kotae)] == ["olga"]


def test_nobody_looks_again_within_the_hour_or_when_nobody_asked(app: APIFlask, kotae: Kotae) -> None:
    asks(app, "Do you ship to Norway?", "Do you ship to Norway?")
    assert kotae.proposals.due()
    an_hour_later(kotae)
    assert not kotae.proposals.due()


class TestByHandAlone:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return settings.model_copy(update={"candidates": settings.candidates.model_copy(update={"asked": 0})})

    def test_nothing_is_proposed(self, app: APIFlask, kotae: Kotae) -> None:
        asks(app, "Do you ship to Norway?", "Do you ship to Norway?")
        an_hour_later(kotae)
        assert waiting(kotae) == []
