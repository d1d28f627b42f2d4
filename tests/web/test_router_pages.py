"""The router's page: what it learned, what a budget buys, and the slider that sets it."""

import re
from pathlib import Path

import pytest

from bot.kotae import Kotae
from bot.settings import Settings
from tests.people import Admin, Customer, Operator
from tests.routed import SET, STRATEGIES, evaluated, without_an_answer

ABOUT_A_PARCEL = "when does my blue parcel arrive"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", strategies=STRATEGIES, chat={"strategy": "router"})  # type: ignore[arg-type]


def alerts(page: str) -> list[str]:
    return [
        " ".join(re.sub(r"<[^>]+>", " ", told).split())
        for told in re.findall(r'<div class="alert[^"]*".*?</div>', page, re.DOTALL)
    ]


def test_an_operator_has_a_router_learn_and_the_next_question_is_answered_by_whoever_knows(
    kotae: Kotae, operator: Operator, customer: Customer
) -> None:
    assert customer.asks(ABOUT_A_PARCEL).text.startswith("30 months")
    assert "kettles answers everything" in operator.opens("/console/router").text
    run = evaluated(kotae)
    page = operator.opens("/console/router").text
    assert f'value="{run.id}"' in page
    operator.sends("/console/router/train", router="router", run=run.id)
    page = operator.opens("/console/router").text
    assert "router learns. Until it has, it chooses as before." in page
    assert "data-under-way" in operator.opens("/console/router/router/now").text
    kotae.jobs.drain()
    assert "Show what it knows now" in operator.opens("/console/router/router/now").text
    page = operator.opens("/console/router").text
    assert "Right 94\N{NO-BREAK SPACE}%" in page, "a few are unlike the others"
    kotae.strategies.get("router").look()  # type: ignore[attr-defined]
    assert customer.asks(ABOUT_A_PARCEL).text.startswith("three days")


def test_the_slider_sets_a_budget_that_holds_at_once(kotae: Kotae, operator: Operator) -> None:
    kotae.routers.train("router", by="x", run_id=evaluated(kotae).id)
    operator.sends("/console/router/budget", router="router", budget="12.5")
    assert "Now: 12.5 prompt tokens." in operator.opens("/console/router").text
    operator.sends("/console/router/budget", router="router", budget="12.5", unlimited="1")
    assert "Now: no limit." in operator.opens("/console/router").text


@pytest.mark.parametrize("budget", ["", "much", "-1", "nan", "inf"])
def test_what_is_no_budget_is_refused_in_a_sentence(kotae: Kotae, operator: Operator, budget: str) -> None:
    operator.sends("/console/router/budget", router="router", budget=budget)
    assert "budget is a number" in operator.opens("/console/router").text
    assert kotae.routers.standing("router").routing.budget is None


def test_a_page_says_that_what_was_learned_holds_no_longer(kotae: Kotae, admin: Admin) -> None:
    kotae.routers.train("router", by="x", run_id=evaluated(kotae).id)
    assert alerts(admin.opens("/console/router").text) == []
    admin.uploads(("new.md", b"# News\n\nThe kettle is green.\n"))
    (told,) = alerts(admin.opens("/console/router").text.replace("alert-dismissible", "x"))[-1:]
    assert "holds no longer" in told
    assert "the documents have changed" in told


def test_a_learning_that_fails_says_why_and_changes_nothing(kotae: Kotae, operator: Operator) -> None:
    run = evaluated(kotae)
    operator.sends("/console/router/train", router="router", run=run.id)
    twice = operator.sends("/console/router/train", router="router", run=run.id)
    assert "a router is learning already" in operator.opens(twice.location).text
    kotae.evaluations.remove(run.id, by="x")  # before the worker comes to it
    kotae.jobs.drain()
    told, *_ = alerts(operator.opens("/console/router").text)
    assert "It has not learned: there is no evaluation" in told
    assert kotae.routers.standing("router").routing.head is None


def test_a_learning_is_cancelled(kotae: Kotae, operator: Operator) -> None:
    operator.sends("/console/router/train", router="router", run=evaluated(kotae).id)
    operator.sends("/console/router/cancel", router="router")
    kotae.jobs.drain()
    assert kotae.routers.standing("router").routing.head is None
    assert "The last learning was cancelled." in operator.opens("/console/router").text


def test_an_evaluation_that_is_gone_is_told(operator: Operator) -> None:
    operator.sends("/console/router/train", router="router", run="nowhere")
    assert "there is no evaluation &#39;nowhere&#39;" in operator.opens("/console/router").text


def test_a_customer_has_no_business_there(customer: Customer) -> None:
    assert customer.client.get("/console/router").status_code in (302, 401)


class TestThatRefuses:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        strategies = {**STRATEGIES, "router": {**STRATEGIES["router"], "refuse": 0.05}}
        return Settings(data=tmp_path / "data", strategies=strategies, chat={"strategy": "router"})  # type: ignore[arg-type]

    def test_what_nobody_answers_is_left_to_a_person_once_it_has_learned_so(
        self, kotae: Kotae, operator: Operator, customer: Customer
    ) -> None:
        rocket = "Which rocket carries the pink booster to orbit?"
        assert customer.asks(rocket).text.startswith("30 months")
        kotae.routers.train("router", by="x", run_id=evaluated(kotae, also=without_an_answer()).id)
        page = operator.opens("/console/router").text
        assert re.search(r"What nobody answers it refuses itself: \d+.% of 16 such questions", page)
        assert "refused by the router" in page
        kotae.strategies.get("router").look()  # type: ignore[attr-defined]
        asked = customer.asks(rocket)
        assert "30 months" not in asked.text
        assert asked.abstained
        assert customer.asks(ABOUT_A_PARCEL).text.startswith("three days")

    def test_of_a_set_in_which_everything_has_an_answer_it_learns_to_refuse_nothing(
        self, kotae: Kotae, operator: Operator
    ) -> None:
        kotae.routers.train("router", by="x", run_id=evaluated(kotae).id)
        assert "learned from no question that has no answer" in operator.opens("/console/router").text


class TestWithoutARouter:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return Settings(data=tmp_path / "data", strategies={"manuals": {"use": "echo"}})

    def test_the_page_says_how_to_get_one(self, operator: Operator) -> None:
        page = operator.opens("/console/router").text
        assert "No router is configured" in page
        assert "use = &#34;router&#34;" in page or 'use = "router"' in page


def test_a_question_set_to_learn_from_is_chosen_from_those_that_are_there(
    operator: Operator, kotae: Kotae
) -> None:
    empty = operator.opens("/console/strategy/router").text
    assert re.search(
        r'<select[^>]*name="learn_from"[^>]*>\s*<option value="" selected>–</option>\s*</select>', empty
    )
    evaluated(kotae)
    (name,) = (one.name for one in kotae.question_sets.list())
    assert f'<option value="{name}">{name}</option>' in operator.opens("/console/strategy/router").text


def test_a_router_that_learns_by_itself_says_from_what(operator: Operator, kotae: Kotae) -> None:
    operator.sends(
        "/console/strategy/router",
        of="kettles, parcels",
        spend="tokens",
        margin="0.05",
        refuse="0.05",
        learn_from=SET,
    )
    page = operator.opens("/console/router").text
    assert f"from the question set “{SET}”, and there is none of that name yet" in page
    evaluated(kotae)
    assert f"It learns by itself from the question set “{SET}”" in operator.opens("/console/router").text
