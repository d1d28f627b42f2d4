"""What an answer is worth: right, wrong, made up, refused, and how it reads."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from bot.evaluation.manner import Manner
from bot.evaluation.metrics import BY_NAME, METRICS, judge, judge_all, rouge_l, token_f1
from bot.evaluation.values import AskedQuestion
from strategies.base import Turn
from tests.bot.evaluation.answers import TANK, WEATHER, citation, judged, passage, said, silent


def value(name: str, verdict: object) -> float | None:
    return BY_NAME[name].of(verdict)  # type: ignore[arg-type]


def test_an_answer_with_the_fact_and_nothing_wrong_is_right() -> None:
    verdict = judged(TANK, "It holds 0.8 l, enough for two cups.")

    assert verdict.right
    assert (value("facts", verdict), value("wrong", verdict), value("all_facts", verdict)) == (1, 0, 1)


def test_an_answer_with_the_fact_and_another_models_is_wrong() -> None:
    verdict = judged(TANK, "It holds 0.8 l, or 1.6 litres.")

    assert verdict.wrong == ("1.6 litres",)
    assert value("facts", verdict) == 1
    assert not verdict.right


def test_a_number_in_the_place_of_the_fact_is_wrong_although_no_list_has_it() -> None:
    verdict = judged(replace(TANK, wrong=()), "It holds 2.2 litres.")

    assert verdict.wrong == ("2.2 litre",)


def test_a_wrong_answer_to_a_question_without_one_is_wrong_by_the_list_only() -> None:
    question = replace(WEATHER, wrong=(("sunny",),))

    assert judged(question, "It will be sunny.").wrong == ("sunny",)
    assert judged(question, "It costs $5.").wrong == ()


def test_who_does_not_answer_says_no_fact_and_no_wrong_one() -> None:
    verdict = judge(TANK, silent(TANK))

    assert (value("facts", verdict), value("wrong", verdict), value("false_refusals", verdict)) == (0, 0, 1)
    assert value("refused", verdict) is None
    assert value("manner", verdict) is None


def test_a_refusal_is_right_where_there_is_no_answer() -> None:
    assert judge(WEATHER, silent(WEATHER)).right
    assert value("refused", judge(WEATHER, silent(WEATHER))) == 1
    assert value("refused", judged(WEATHER, "Sunny.")) == 0
    assert value("false_refusals", judged(WEATHER, "Sunny.")) is None


def test_a_failure_is_neither_an_answer_nor_a_refusal() -> None:
    broken = judge(WEATHER, said(WEATHER, "It will", error="Unavailable: gone"))

    assert (broken.failed, broken.refused, broken.answered, broken.right) == (True, False, False, False)
    assert value("facts", judge(TANK, said(TANK, "", error="gone"))) == 0
    assert judge(TANK, said(TANK, "  ")).failed


def test_what_was_in_no_passage_is_made_up() -> None:
    read = (passage("The tank of the lamp holds 0.8 litres."),)

    assert judge(TANK, said(TANK, "It holds 0.8 litres.", passages=read)).unsupported == ()
    assert judge(TANK, said(TANK, "It holds 0.8 litres and glows 9 hours.", passages=read)).unsupported == (
        "9",
    )


def test_without_anything_read_nobody_can_tell_what_is_made_up() -> None:
    question = replace(TANK, reference="")

    assert judged(question, "It holds 0.8 litres.").unsupported is None
    assert value("unsupported", judged(question, "It holds 0.8 litres.")) is None


def test_what_the_customer_said_before_is_not_made_up() -> None:
    question = AskedQuestion("q", "and in white?", history=(Turn("customer", "I want the Barista for $599"),))
    verdict = judge(question, said(question, "Yes, the Barista is white.", passages=(passage("white"),)))

    assert verdict.unsupported == ()


def test_citations_are_precise_when_they_come_from_a_right_document() -> None:
    verdict = judge(
        TANK,
        said(
            TANK,
            "It holds 0.8 litres.",
            citations=(citation("holds 0.8 litres"), citation("holds tea", "kettle.md")),
            passages=(passage("holds 0.8 litres"),),
        ),
    )

    assert verdict.citation_precision == 0.5
    assert verdict.citation_recall == 1.0


def test_a_fact_that_was_read_and_is_cited_nowhere_is_missing_from_the_citations() -> None:
    read = (passage("holds 0.8 litres"),)

    assert judge(TANK, said(TANK, "It holds 0.8 litres.", passages=read)).citation_recall == 0.0
    assert judged(TANK, "It holds 0.8 litres.").citation_recall is None  # nothing was read


def test_an_answer_is_grounded_as_far_as_its_words_stand_in_what_it_cites() -> None:
    read = (passage("The tank of the lamp holds 0.8 litres."),)
    whole = judge(TANK, said(TANK, "The tank of the lamp holds 0.8 litres.", passages=read))
    half = judge(TANK, said(TANK, "The tank of the lamp holds 9 sweet green frogs.", passages=read))

    assert whole.grounded == 1.0
    assert half.grounded is not None
    assert 0.3 < half.grounded < 0.7


def test_the_right_document_is_looked_for_in_the_order_in_which_passages_were_read() -> None:
    found = (passage("a", "b.md", 2), passage("c", "a.md", 1), passage("d", "lamp.md", 3))
    verdict = judge(TANK, silent(TANK, passages=found))

    assert verdict.retrieved is not None
    assert (verdict.retrieved.hit_1, verdict.retrieved.hit_5) == (0.0, 1.0)
    assert verdict.retrieved.reciprocal == pytest.approx(1 / 3)


def test_words_shared_with_the_reference_are_counted_as_reading_comprehension_does() -> None:
    assert token_f1("the tank holds two litres", "The tank holds 2 litres!") == 1.0
    assert token_f1("tank", "the tank holds tea") == pytest.approx(2 * (1 / 1) * (1 / 4) / (1 / 1 + 1 / 4))
    assert token_f1("frogs", "tank") == 0.0


def test_rouge_l_follows_the_order_and_cuts_japanese_into_words() -> None:
    assert rouge_l("police killed the gunman", "police kill the gunman") == 1.0  # endings fall away
    # Of the ROUGE paper (Lin 2004): three of four words in order, against two.
    assert rouge_l("police the gunman", "police kill the gunman") > rouge_l(
        "the gunman kill police", "police kill the gunman"
    )
    assert rouge_l("保証期間は3か月です", "部品の保証期間は3か月です") == pytest.approx(0.89, abs=0.06)
    assert rouge_l("保証期間は3か月です", "返品は送料がかかります") == 0.0


def test_the_index_s_embedder_compares_meanings() -> None:
    class Toy:
        def embed_query(self, text: str) -> list[float]:
            raise AssertionError

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return [[1.0, 0.0] if "tank" in text else [0.6, 0.8] for text in texts]

    close = judge(TANK, said(TANK, "The tank"), embedder=Toy())
    far = judge(TANK, said(TANK, "A frog"), embedder=Toy())

    assert close.similarity == pytest.approx(1.0)
    assert far.similarity == pytest.approx(0.6)


def test_manner_is_judged_where_a_desk_is_known() -> None:
    greets = Manner({"first thanks": 4.0}, -2.0, 1.0)

    assert value("manner", judge(TANK, said(TANK, "Thanks! 0.8 l"), manner=greets)) == 1
    assert value("manner", judge(TANK, said(TANK, "0.8 l"), manner=greets)) == 0
    assert value("manner", judged(TANK, "Thanks! 0.8 l")) is None


def test_a_prompt_is_as_long_as_its_passages_make_it() -> None:
    assert value("prompt_tokens", judged(TANK, "0.8 l", prompt_tokens=200, passage_tokens=700)) == 900


def test_verdicts_come_by_strategy_in_the_order_of_the_questions() -> None:
    answers = [silent(WEATHER, "b"), said(TANK, "0.8 l", "b"), said(TANK, "0.8 l", "a")]
    stranger = said(AskedQuestion("gone", "?"), "hm", "a")

    found = judge_all([TANK, WEATHER], [*answers, stranger])

    assert {name: [one.question_id for one in each] for name, each in found.items()} == {
        "b": ["tank", "weather"],
        "a": ["tank"],
    }


def test_every_metric_is_told_in_both_languages_and_takes_any_verdict() -> None:
    verdicts = [
        judged(TANK, "0.8 l"),
        judge(TANK, silent(TANK)),
        judge(WEATHER, said(WEATHER, "", error="x")),
    ]
    for metric in METRICS:
        assert metric.title.keys() == metric.about.keys() == {"en", "ja"}
        assert all(one is None or math.isfinite(one) for one in metric.values(verdicts)), metric.name
    assert len(BY_NAME) == len(METRICS)
