"""The gate: who may answer customers, who may not, and why."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from string import Formatter
from typing import Any

import pytest

from bot.evaluation.decision import Decision, Rules, decide
from bot.evaluation.metrics import Verdict, judge_all
from bot.evaluation.sentences import CONDITIONS, MANNER, REASONS, REPORT
from bot.evaluation.values import Answered, AskedQuestion
from tests.bot.evaluation.answers import desk, right, said, silent

DESK = desk(prices=40, others=60, foreign=30)
Says = Callable[[AskedQuestion], Answered]


def verdicts(says: Says, questions: Sequence[AskedQuestion] = DESK) -> list[Verdict]:
    (found,) = judge_all(questions, [says(question) for question in questions]).values()
    return found


def live(question: AskedQuestion) -> Answered:
    """Right but for every tenth question, which it refuses."""
    refuses = question.answerable and number(question) % 10 == 9
    return silent(question, "live") if refuses else right(question)


def number(question: AskedQuestion) -> int:
    return int(question.id.split("-")[1])


def candidate(question: AskedQuestion, **more: Any) -> Answered:
    return replace(right(question), strategy="candidate", **more)


def decided(says: Says, rules: Rules | None = None) -> Decision:
    return decide(verdicts(says), verdicts(live), rules)


def rules_against(decision: Decision) -> set[str]:
    return {reason.rule for reason in decision.against}


def test_who_is_better_in_everything_is_promoted_with_what_was_measured() -> None:
    decision = decided(candidate)

    assert (decision.candidate, decision.live, decision.outcome) == ("candidate", "live", "promote")
    assert {"questions", "facts", "wrong", "refused", "false_refusals", "tag"} == {
        reason.rule for reason in decision.reasons
    }
    assert "+10.0 points against the live strategy" in " ".join(each.say() for each in decision.reasons)


def test_the_live_strategy_itself_would_be_promoted_again_but_for_the_refusals_it_makes() -> None:
    rules = Rules(false_refusals_at_most=0.2)

    assert decided(live, rules).outcome == "promote"
    assert rules_against(decided(live)) == {"false_refusals"}


def test_an_adapter_that_was_damaged_is_refused() -> None:
    """Every second number that it says is another one."""

    def damaged(question: AskedQuestion) -> Answered:
        answer = candidate(question)
        broken = answer.text.translate(str.maketrans("123456789", "234567891"))
        return replace(answer, text=broken) if number(question) % 2 else answer

    decision = decided(damaged)

    assert decision.outcome == "reject"
    assert {"facts", "wrong", "tag"} <= rules_against(decision)
    assert decision.reasons[0].outcome == "reject"


def test_an_adapter_that_babbles_is_refused() -> None:
    decision = decided(lambda question: said(question, "the the lamp is and the", "candidate"))

    assert decision.outcome == "reject"
    assert {"facts", "refused"} <= rules_against(decision)


def test_an_adapter_that_does_nothing_is_refused() -> None:
    decision = decided(lambda question: silent(question, "candidate"))

    assert decision.outcome == "reject"
    assert {"facts", "false_refusals", "tag"} <= rules_against(decision)


def test_who_is_better_on_average_and_wrong_on_prices_is_refused() -> None:
    """Far more facts than the live strategy, which knows half of the times; one price in four is wrong."""

    def knows_half(question: AskedQuestion) -> Answered:
        lost = question.id.startswith("time") and number(question) % 2
        return silent(question, "live") if lost else right(question)

    def sells_wrong(question: AskedQuestion) -> Answered:
        if question.id.startswith("price") and number(question) % 4 == 0:
            return said(question, "Thanks for asking! It is $1.", "candidate")
        return candidate(question)

    decision = decide(verdicts(sells_wrong), verdicts(knows_half), Rules(false_refusals_at_most=0.5))

    facts = next(reason for reason in decision.reasons if reason.rule == "facts")
    assert facts.outcome == "promote"  # better on average, for certain
    assert decision.outcome == "reject"
    assert rules_against(decision) == {"wrong", "tag", "tag_wrong"}
    assert any("“prices”: −25.0 points" in reason.say() for reason in decision.against)


def test_who_forgot_the_prices_is_refused_although_nothing_wrong_is_said() -> None:
    def knows_no_price(question: AskedQuestion) -> Answered:
        return silent(question, "candidate") if "prices" in question.tags else candidate(question)

    decision = decided(knows_no_price, Rules(facts_margin=1, false_refusals_at_most=None))

    assert decision.outcome == "reject"
    assert [reason.figures["tag"] for reason in decision.against] == ["prices"]


def test_only_the_tags_that_were_named_are_looked_at() -> None:
    def knows_no_price(question: AskedQuestion) -> Answered:
        return silent(question, "candidate") if "prices" in question.tags else candidate(question)

    lenient = Rules(facts_margin=1, false_refusals_at_most=None, tags=("times",))

    assert decided(knows_no_price, lenient).outcome == "promote"


def test_a_single_wrong_fact_more_is_one_too_many_unless_the_operator_allows_it() -> None:
    def once_wrong(question: AskedQuestion) -> Answered:
        return said(question, "It is $3.", "candidate") if question.id == "price-9" else candidate(question)

    decision = decided(once_wrong)

    assert decision.outcome == "reject"
    assert {"wrong", "tag_wrong"} == rules_against(decision)
    assert "“3 dollar”" in decision.reasons[0].say()
    assert decided(once_wrong, Rules(wrong_more=1)).outcome == "promote"


def test_too_few_questions_hold_and_say_how_many_would_tell() -> None:
    few = desk(prices=8, others=10, foreign=10)

    def one_less(question: AskedQuestion) -> Answered:
        return silent(question, "candidate") if question.id == "time-1" else candidate(question)

    rules = Rules(false_refusals_at_most=0.5, tag_margin=0.5)
    decision = decide(verdicts(one_less, few), verdicts(right, few), rules)

    assert decision.outcome == "hold"
    assert rules_against(decision) == {"questions", "facts"}
    assert "about 139 would show" in " ".join(reason.say() for reason in decision.against)


def test_a_set_without_gold_facts_promotes_nobody() -> None:
    bare = [replace(question, facts=()) for question in DESK]

    def agrees(question: AskedQuestion) -> Answered:
        return said(question, "Yes.", "x") if question.answerable else silent(question, "x")

    decision = decide(verdicts(agrees, bare), verdicts(agrees, bare))

    assert decision.outcome == "hold"
    assert rules_against(decision) == {"facts_unknown"}


def test_two_that_were_asked_different_questions_cannot_be_compared() -> None:
    decision = decide(verdicts(candidate, DESK[:50]), verdicts(live, DESK[60:]))

    assert decision.outcome == "hold"
    assert rules_against(decision) == {"questions", "facts_unknown"}


@pytest.mark.parametrize(
    ("rules", "rule"),
    [
        (Rules(p95_ms_at_most=200), "ms_p95"),
        (Rules(cost_at_most=0.001), "cost"),
    ],
)
def test_who_is_too_slow_or_too_dear_is_refused(rules: Rules, rule: str) -> None:
    def dear(question: AskedQuestion) -> Answered:
        return candidate(question, ms=900.0 + len(question.text), cost=0.01)

    def cheap(question: AskedQuestion) -> Answered:
        return candidate(question, ms=90.0 + len(question.text), cost=0.0001)

    assert rules_against(decided(dear, rules)) == {rule}
    assert decided(dear, rules).outcome == "reject"
    assert decided(cheap, rules).outcome == "promote"


def test_who_is_just_over_a_bound_is_held_and_who_is_far_over_it_is_refused() -> None:
    def refuses(share: float) -> Says:
        def says(question: AskedQuestion) -> Answered:
            speaks = not question.answerable and number(question) >= 30 * share
            return said(question, "Maybe.", "candidate") if speaks else candidate(question)

        return says

    assert decided(refuses(0.9)).outcome == "promote"
    assert decided(refuses(0.7)).outcome == "hold"
    assert decided(refuses(0.2)).outcome == "reject"


def test_several_wordings_of_a_fact_are_not_so_many_questions() -> None:
    """Two facts are lost, each asked in ten wordings: certain by questions, not by facts."""

    def lost(question: AskedQuestion) -> Answered:
        n = int(question.id.split("-")[1])
        return (
            silent(question, "candidate")
            if question.id.startswith("price") and n < 20
            else candidate(question)
        )

    rules = Rules(false_refusals_at_most=None)
    groups = {question.id: question.id[:-1] for question in DESK}

    def facts(**more: Any) -> str:
        decision = decide(verdicts(lost), verdicts(right), rules, **more)
        return next(reason.outcome for reason in decision.reasons if reason.rule == "facts")

    assert facts() == "reject"
    assert facts(groups=groups) == "hold"


def test_every_reason_is_a_sentence_in_both_languages() -> None:
    assert REASONS["en"].keys() == REASONS["ja"].keys()
    for says in (candidate, lambda question: said(question, "It is $2.", "candidate")):
        for reason in decided(says).reasons:
            assert reason.say("ja") != reason.say("en")
            assert "{" not in reason.say("ja") + reason.say("en")
    assert decided(candidate).reasons[0].say("de") == decided(candidate).reasons[0].say("en")


def test_what_is_there_once_is_spoken_of_as_one() -> None:
    for sentence in (one for words in (REASONS, REPORT, MANNER, CONDITIONS) for one in words["en"].values()):
        told = sentence.format_map({name: 1 for _, name, _, _ in Formatter().parse(sentence) if name})
        assert not re.search(r"(?<!least )\b1 (questions|strategies|cores|are|were)\b", told), told
