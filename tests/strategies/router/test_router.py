"""The router: who answers, why, and what happens when it cannot know."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from strategies.base import Question, Strategy, Turn
from strategies.errors import Misconfigured, NoAnswer, Unavailable
from strategies.events import Decision, Token, collect
from strategies.router import Router
from strategies.router.head import file_of
from strategies.router.strategy import RouterOptions, budget_file
from strategies.testing import Scripted, StrategyContract, kit, said
from tests.strategies.router.world import NAMED, House, about_rockets, examples

ABOUT_A_KETTLE = Question("boil spout lid")
ABOUT_A_PARCEL = Question("shipping customs courier")
ABOUT_A_ROCKET = Question("rocket orbit payload")
STRANGE = Question("wherefore art thou")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def answered(router: Router, question: Question) -> tuple[str, Decision]:
    answer = collect(router.stream(question))
    return answer.text, answer.decisions[0]


class TestRouter(StrategyContract):
    @pytest.fixture
    def question(self) -> Question:
        return ABOUT_A_KETTLE

    @pytest.fixture
    def strategy(self, house: House) -> Strategy:
        router = house.router()
        house.trains(router)
        return router


class TestUntrained(StrategyContract):
    @pytest.fixture
    def strategy(self, house: House) -> Strategy:
        return house.router()


def test_each_question_is_answered_by_whoever_knows_about_it(house: House) -> None:
    router = house.router()
    house.trains(router)
    assert answered(router, ABOUT_A_KETTLE)[0] == "says the model"
    assert answered(router, ABOUT_A_PARCEL)[0] == "say the manuals"


def test_it_says_why_and_by_what(house: House) -> None:
    router = house.router(budget=60)
    house.trains(router)
    _, decision = answered(router, ABOUT_A_PARCEL)
    assert (decision.by, decision.what) == (NAMED, "chose 'manuals'")
    assert "'model' with" in decision.why
    assert "within 60 ms on average" in decision.why
    assert decision.detail["likely"]["manuals"] > decision.detail["likely"]["model"]
    assert decision.detail["fallback"] == "model", "the best single one that the budget allows"


def test_a_question_mark_tells_nothing(house: House) -> None:
    router = house.router()
    house.trains(router)
    typed = [answered(router, Question(text))[1].detail for text in ("boil spout lid", "boil spout lid ?!")]
    assert typed[0] == typed[1]


def test_a_follow_up_is_judged_by_what_it_leans_on(house: House) -> None:
    router = house.router()
    house.trains(router)
    follow_up = Question("And that?", (Turn("customer", ABOUT_A_KETTLE.text),))
    assert answered(router, follow_up)[0] == "says the model"


def test_a_question_unlike_any_that_it_learned_from_goes_to_the_best_single_strategy(house: House) -> None:
    router = house.router()
    house.trains(router)
    text, decision = answered(router, STRANGE)
    assert text == "say the manuals"
    assert "unlike any" in decision.why


def test_the_less_it_may_spend_the_more_the_cheap_one_answers(house: House) -> None:
    shares = []
    for budget in (100, 60, 30, 10):
        router = house.router(budget=budget)
        house.trains(router)
        plan = router.look().plan
        assert plan is not None
        assert plan.spend <= budget
        shares.append(plan.shares[0])
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_a_budget_that_nothing_fits_into_leaves_the_cheapest_and_says_so(house: House) -> None:
    router = house.router(budget=1)
    house.trains(router)
    plan = router.look().plan
    assert plan is not None
    assert not plan.within
    assert answered(router, ABOUT_A_PARCEL)[0] == "says the model"


def test_untrained_it_is_the_first_strategy_and_says_so(house: House) -> None:
    text, decision = answered(house.router(), ABOUT_A_PARCEL)
    assert text == "says the model"
    assert "never trained" in decision.why


def test_a_file_that_cannot_be_read_is_told_and_falls_back(house: House) -> None:
    router = house.router()
    house.trains(router)
    file_of(house.data, NAMED).write_bytes(b"x" * 100)
    text, decision = answered(router, ABOUT_A_PARCEL)
    assert text == "says the model"
    assert "train the router again" in decision.why


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda house: house.standing.update(model="m2"), "another 'model' answers"),
        (lambda house: setattr(house, "version", "2"), "the documents have changed"),
    ],
    ids=["another adapter", "another index"],
)
def test_stale_it_falls_back_to_the_best_single_strategy_and_says_so(
    house: House, change: Callable[[House], None], told: str
) -> None:
    router = house.router()
    house.trains(router)
    assert answered(router, ABOUT_A_KETTLE)[0] == "says the model"
    change(house)
    text, decision = answered(router, ABOUT_A_KETTLE)
    assert text == "say the manuals"
    assert "stale" in decision.why
    assert told in decision.why


def test_it_never_trains_by_itself(house: House) -> None:
    router = house.router()
    house.trains(router)
    before = file_of(house.data, NAMED).read_bytes()
    house.version = "2"
    for _ in range(3):
        answered(router, ABOUT_A_KETTLE)
    assert file_of(house.data, NAMED).read_bytes() == before
    house.version = "1"
    assert answered(router, ABOUT_A_KETTLE)[0] == "says the model"


def test_a_head_that_learned_about_others_is_not_used(house: House) -> None:
    router = house.router()
    house.trains(router)
    doors = kit(strategies={**house.strategies, "third": Scripted(Token("x"))}, data=house.data, named=NAMED)
    other = Router(RouterOptions(of=["third", "model"]), doors)
    text, decision = answered(other, ABOUT_A_KETTLE)
    assert text == "x"
    assert "learned to choose among 'model' and 'manuals'" in decision.why


def test_what_nobody_answers_is_refused_with_the_reason(house: House) -> None:
    router = house.router(refuse=0.05)
    house.trains(router, [*examples(), *about_rockets()])
    with pytest.raises(NoAnswer, match="nobody answers this, with likelihood") as refused:
        said(router, ABOUT_A_ROCKET)
    (decision,) = refused.value.events
    assert isinstance(decision, Decision)
    assert (decision.by, decision.what) == (NAMED, "abstained")
    assert decision.detail["nobody"] > 0.5
    assert answered(router, ABOUT_A_KETTLE)[0] == "says the model"
    assert answered(router, ABOUT_A_PARCEL)[0] == "say the manuals"


def test_unless_it_may_refuse_it_lets_somebody_speak(house: House) -> None:
    router = house.router()
    house.trains(router, [*examples(), *about_rockets()])
    assert answered(router, ABOUT_A_ROCKET)[0]


def test_one_strategy_alone_can_be_kept_from_what_it_cannot_answer(house: House) -> None:
    router = house.router("manuals", refuse=0.05)
    taught = [*examples(), *about_rockets()]
    alone = [replace(each, attempts={"manuals": each.attempts["manuals"]}) for each in taught]
    house.trains(router, alone)
    with pytest.raises(NoAnswer):
        said(router, ABOUT_A_ROCKET)
    assert answered(router, ABOUT_A_PARCEL)[0] == "say the manuals"


def test_one_strategy_that_may_refuse_nothing_is_no_router() -> None:
    with pytest.raises(ValueError, match="set refuse"):
        RouterOptions(of=["manuals"])


@pytest.mark.parametrize(
    ("question", "refuse", "version", "vouched"),
    [
        pytest.param(ABOUT_A_PARCEL, 0.05, "1", True, id="what it has learned to tell"),
        pytest.param(STRANGE, 0.05, "1", False, id="unlike any that it learned from"),
        pytest.param(ABOUT_A_PARCEL, 0.0, "1", False, id="it refuses nothing itself"),
        pytest.param(ABOUT_A_PARCEL, 0.05, "2", False, id="stale"),
    ],
)
def test_who_answers_is_told_that_the_question_was_looked_at(
    house: House, question: Question, refuse: float, version: str, vouched: bool
) -> None:
    manuals = Scripted(Token("say the manuals"))
    house.strategies = {**house.strategies, "manuals": manuals}
    router = house.router(refuse=refuse)
    house.trains(router, [*examples(), *about_rockets()])
    house.version = version
    assert collect(router.stream(question)).text == "say the manuals"
    assert [each.vouched for each in manuals.asked] == [vouched]


def test_stale_it_refuses_nothing_itself(house: House) -> None:
    router = house.router(refuse=0.05)
    house.trains(router, [*examples(), *about_rockets()])
    house.version = "2"
    assert answered(router, ABOUT_A_ROCKET)[0] == "say the manuals"


def test_training_and_the_budget_take_effect_while_it_runs(house: House) -> None:
    router = house.router()
    router.warm_up()
    assert "never trained" in answered(router, ABOUT_A_PARCEL)[1].why
    house.trains(router)
    assert answered(router, ABOUT_A_PARCEL)[0] == "say the manuals"
    budget_file(file_of(house.data, NAMED)).write_text(json.dumps({"budget": 10}))
    assert answered(router, ABOUT_A_PARCEL)[0] == "says the model"


def test_the_same_examples_make_the_same_head(house: House) -> None:
    router = house.router()
    one, other = house.trains(router), house.trains(router, examples())
    assert (one.learned_from, one.weights.tolist()) == (other.learned_from, other.weights.tolist())


def test_what_was_chosen_has_the_last_word_when_it_abstains(house: House) -> None:
    manuals = Scripted(Token("say the manuals"))
    house.strategies = {"model": Scripted(NoAnswer("not sure")), "manuals": manuals}
    router = house.router()
    house.trains(router)
    with pytest.raises(NoAnswer, match="not sure"):
        said(router, ABOUT_A_KETTLE)
    assert manuals.asked == []


def test_one_that_is_down_is_replaced_by_the_one_to_fall_back_to(house: House) -> None:
    house.strategies = {
        "model": Scripted(Unavailable("no server"), warms=Unavailable("no server")),
        "manuals": Scripted(Token("say the manuals")),
    }
    router = house.router()
    house.trains(router)
    router.warm_up()
    answer = collect(router.stream(ABOUT_A_KETTLE))
    assert answer.text == "say the manuals"
    assert [decision.what for decision in answer.decisions] == ["chose 'model'", "fell back to 'manuals'"]


def test_one_that_breaks_after_the_first_word_is_not_replaced(house: House) -> None:
    house.strategies = {
        "model": Scripted(Token("It "), Unavailable("gone")),
        "manuals": Scripted(Token("say the manuals")),
    }
    router = house.router()
    house.trains(router)
    with pytest.raises(Unavailable, match="gone"):
        said(router, ABOUT_A_KETTLE)


def test_all_down_cannot_be_switched_on(house: House) -> None:
    house.strategies = {name: Scripted(warms=Unavailable("down")) for name in ("model", "manuals")}
    with pytest.raises(Unavailable, match="'model' is unavailable"):
        house.router().warm_up()


def test_a_broken_one_is_never_hidden(house: House) -> None:
    house.strategies = {
        "model": Scripted(Misconfigured("no such folder")),
        "manuals": Scripted(Token("say the manuals")),
    }
    router = house.router()
    house.trains(router)
    with pytest.raises(Misconfigured):
        said(router, ABOUT_A_KETTLE)
