"""A cascade: who answers when somebody cannot."""

from contextlib import closing

import pytest

from strategies.base import Question, Strategy
from strategies.errors import Misconfigured, NoAnswer, Unavailable
from strategies.events import Citation, Decision, Token, Usage, collect
from strategies.first_of import FirstOf
from strategies.streams import stream_of
from strategies.testing import Scripted, StrategyContract, kit, said
from tests.strategies.passages import DESCALE, WARRANTY

HOLD = (Token("Hold "), Token("the button."))
ASKED = Question("How do I reset it?")


def first_of(**of: Scripted) -> FirstOf:
    return FirstOf(list(of.items()), "best")


class TestFirstOf(StrategyContract):
    @pytest.fixture
    def strategy(self) -> Strategy:
        given = {"both": Scripted(NoAnswer("nothing")), "manuals": Scripted(*HOLD)}
        return FirstOf.make(FirstOf.Options(of=["both", "manuals"]), kit(strategies=given))


@pytest.mark.parametrize("error", [NoAnswer("nothing found"), Unavailable("server down")])
def test_the_next_one_answers_when_one_abstains_or_is_down(error: Exception) -> None:
    answer = collect(first_of(both=Scripted(error), manuals=Scripted(*HOLD)).stream(ASKED))
    assert answer.text == "Hold the button."
    assert [decision.what for decision in answer.decisions] == ["passed over 'both'", "chose 'manuals'"]
    assert str(error) in answer.decisions[0].why


def test_a_strategy_that_ends_without_a_word_is_passed_over() -> None:
    assert (
        collect(first_of(mute=Scripted(), manuals=Scripted(*HOLD)).stream(ASKED)).text == "Hold the button."
    )


def test_a_broken_strategy_is_never_hidden_by_the_next() -> None:
    manuals = Scripted(*HOLD)
    with pytest.raises(Misconfigured, match="no such folder"):
        said(first_of(broken=Scripted(Misconfigured("no such folder")), manuals=manuals), ASKED)
    assert manuals.asked == []


def likely(value: float) -> Decision:
    return Decision("one of them", "is so sure", "", {"likelihood": value})


def surest(**of: Scripted) -> FirstOf:
    return FirstOf(list(of.items()), "best", surest=True)


def test_the_surest_one_answers_and_the_other_is_let_go_with_what_it_cost() -> None:
    product = Scripted(likely(0.6), Usage(14, 0, 8), Token("It is 2 litres."))
    manuals = Scripted(likely(0.9), *HOLD)
    answer = collect(surest(both=product, manuals=manuals).stream(ASKED))
    assert (answer.text, answer.usage) == ("Hold the button.", Usage(14, 0, 8))
    assert [each.what for each in answer.decisions if each.by == "best"] == [
        "passed over 'both'",
        "chose 'manuals'",
    ]
    assert "0.60" in answer.decisions[-1].why
    assert "0.90" in answer.decisions[-1].why
    assert product.closed == 1


def test_of_two_that_are_as_sure_the_first_one_answers() -> None:
    given = surest(both=Scripted(likely(0.7), Token("Two.")), manuals=Scripted(likely(0.7), *HOLD))
    assert collect(given.stream(ASKED)).text == "Two."


def test_whoever_tells_no_likelihood_is_taken_at_its_word() -> None:
    manuals = Scripted(likely(0.9), *HOLD)
    assert collect(surest(model=Scripted(Token("Yes.")), manuals=manuals).stream(ASKED)).text == "Yes."
    assert manuals.asked == []


def test_the_surest_one_may_be_the_only_one_that_answers() -> None:
    given = surest(both=Scripted(NoAnswer("no adapter")), manuals=Scripted(likely(0.4), *HOLD))
    assert collect(given.stream(ASKED)).text == "Hold the button."


def test_a_customer_who_leaves_stops_all_that_have_begun() -> None:
    product, manuals = Scripted(likely(0.6), Token("It ")), Scripted(likely(0.9), *HOLD)
    with closing(stream_of(surest(both=product, manuals=manuals), ASKED)) as stream:
        next(event for event in stream if isinstance(event, Token))
    assert (product.closed, manuals.closed) == (1, 1)


def together(within: float = 0.3, **of: Scripted) -> FirstOf:
    return FirstOf(list(of.items()), "best", surest=True, within=within)


def test_two_that_are_about_as_sure_are_both_heard_the_surer_one_first() -> None:
    product = Scripted(likely(0.6), Usage(14, 0, 8), Token("It is 2 litres."))
    manuals = Scripted(likely(0.7), *HOLD)
    answer = collect(together(both=product, manuals=manuals).stream(ASKED))
    assert answer.text == "Hold the button.\n\nThis may help, too:\n\nIt is 2 litres."
    assert answer.usage == Usage(14, 0, 8)
    chosen, also = (each for each in answer.decisions if each.by == "best")
    assert (chosen.what, also.what) == ("chose 'manuals'", "lets 'both' speak as well")
    assert also.detail == {"manuals": 0.7, "both": 0.6}


def test_who_is_much_surer_is_heard_alone() -> None:
    product = Scripted(likely(0.6), Token("It is 2 litres."))
    answer = collect(together(both=product, manuals=Scripted(likely(0.9), *HOLD)).stream(ASKED))
    assert answer.text == "Hold the button."
    assert product.closed == 1


def test_only_the_surest_two_of_three_are_heard() -> None:
    given = together(
        1.0,
        both=Scripted(likely(0.6), Token("One.")),
        old=Scripted(likely(0.5), Token("Two.")),
        manuals=Scripted(likely(0.7), Token("Three.")),
    )
    assert collect(given.stream(ASKED)).text == "Three.\n\nThis may help, too:\n\nOne."


def test_the_second_one_is_introduced_in_the_customers_language() -> None:
    given = together(both=Scripted(likely(0.6), Token("2 L です。")), manuals=Scripted(likely(0.7), *HOLD))
    told = collect(given.stream(Question("容量は?", language="ja"))).text
    assert "こちらもご参考になるかもしれません。" in told


def test_citations_count_through_both_answers() -> None:
    one = Scripted(likely(0.7), Token("A."), Citation(1, DESCALE, DESCALE.text))
    two = Scripted(
        likely(0.6),
        Token("B."),
        Citation(1, WARRANTY, WARRANTY.text),
        Token("C."),
        Citation(2, DESCALE, DESCALE.text),
    )
    cited = collect(together(one=one, two=two).stream(ASKED)).citations
    assert [(each.number, each.passage) for each in cited] == [(1, DESCALE), (2, WARRANTY), (1, DESCALE)]


def test_what_was_said_stands_when_the_second_one_breaks_off() -> None:
    breaks = Scripted(likely(0.6), Token("It is "), Unavailable("gone"))
    answer = collect(together(both=breaks, manuals=Scripted(likely(0.7), *HOLD)).stream(ASKED))
    assert answer.text.startswith("Hold the button.")
    assert answer.decisions[-1].what == "'both' broke off"


def test_a_customer_who_leaves_during_the_first_answer_stops_both() -> None:
    product, manuals = Scripted(likely(0.6), Token("It ")), Scripted(likely(0.7), *HOLD)
    with closing(stream_of(together(both=product, manuals=manuals), ASKED)) as stream:
        next(event for event in stream if isinstance(event, Token))
    assert (product.closed, manuals.closed) == (1, 1)


def test_how_near_the_second_must_be_says_nothing_where_nobody_asks_who_is_surest() -> None:
    with pytest.raises(ValueError, match="surest = true"):
        FirstOf.Options(of=["both", "manuals"], within=0.2)


def test_it_keeps_to_its_choice_after_the_first_token() -> None:
    manuals = Scripted(*HOLD)
    stream = first_of(both=Scripted(Token("Hold "), Unavailable("gone")), manuals=manuals).stream(ASKED)
    assert [next(stream), next(stream)] == [Decision("best", "chose 'both'"), Token("Hold ")]
    with pytest.raises(Unavailable, match="gone"):
        next(stream)
    assert manuals.asked == []


def test_what_a_failed_attempt_cost_is_counted() -> None:
    tried = Scripted(Usage(10, 5, 1, model="big"), NoAnswer("none", (Usage(0, 0, 2),)))
    usage = collect(
        first_of(both=tried, manuals=Scripted(*HOLD, Usage(1, 1, 1, model="small"))).stream(ASKED)
    ).usage
    assert usage == Usage(11, 6, 4, model="small")


def test_a_failed_attempt_leaves_no_citation_behind() -> None:
    tried = Scripted(Citation(1, DESCALE, DESCALE.text), Unavailable("gone"))
    assert collect(first_of(both=tried, manuals=Scripted(*HOLD)).stream(ASKED)).citations == ()


def test_decisions_of_an_attempt_are_seen_as_they_are_made() -> None:
    found = Decision("rag", "found 6 passages")
    answer = collect(first_of(both=Scripted(found, NoAnswer("none")), manuals=Scripted(*HOLD)).stream(ASKED))
    assert answer.decisions[0] == found


def test_when_all_abstain_it_abstains() -> None:
    with pytest.raises(NoAnswer, match=r"'a' has no answer.*'b' has no answer"):
        said(first_of(a=Scripted(NoAnswer("x")), b=Scripted(NoAnswer("y"))), ASKED)


def test_when_one_was_down_and_nobody_answered_later_may_help() -> None:
    with pytest.raises(Unavailable, match=r"'a' is unavailable.*'b' has no answer"):
        said(first_of(a=Scripted(Unavailable("x")), b=Scripted(NoAnswer("y"))), ASKED)


def test_a_customer_who_leaves_stops_the_one_that_speaks() -> None:
    manuals = Scripted(*HOLD)
    with closing(stream_of(first_of(manuals=manuals), ASKED)) as stream:
        next(event for event in stream if isinstance(event, Token))
    assert manuals.closed == 1


def test_a_server_that_is_down_does_not_keep_the_others_from_being_switched_on() -> None:
    manuals = Scripted(*HOLD)
    first_of(both=Scripted(warms=Unavailable("down")), manuals=manuals).warm_up()
    assert manuals.warmed == 1


def test_all_down_cannot_be_switched_on() -> None:
    with pytest.raises(Unavailable, match="'a' is unavailable"):
        first_of(a=Scripted(warms=Unavailable("down"))).warm_up()


def test_a_broken_one_cannot_be_switched_on() -> None:
    with pytest.raises(Misconfigured):
        first_of(a=Scripted(warms=Misconfigured("no key")), b=Scripted(*HOLD)).warm_up()
