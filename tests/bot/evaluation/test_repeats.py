"""Whether an answer cache would be right on an operator's own questions."""

from __future__ import annotations

from bot.evaluation.repeats import measure
from bot.evaluation.values import AskedQuestion
from strategies.base import Turn
from strategies.testing import WordVectors

WARRANTY = AskedQuestion("w", "How long is the warranty of the kettle?", "en", facts=(("30 months",),))
COLOURS = AskedQuestion("c", "Which colours does the lamp come in?", "en", facts=(("black",), ("white",)))
OTHERS = [
    AskedQuestion(f"o{n}", f"What does part {n} of the {thing} weigh?", "en", facts=((f"{n} kg",),))
    for n, thing in enumerate(("arm", "lid", "foot", "hood", "cord", "plug") * 14, start=1)
]


def again(asked: AskedQuestion, text: str, **told: object) -> AskedQuestion:
    return AskedQuestion(f"{asked.id}/again", text, "en", **{"facts": asked.facts, **told})  # type: ignore[arg-type]


def test_the_same_question_in_other_clothes_is_answered_again_and_rightly() -> None:
    found = measure(
        [WARRANTY, COLOURS, again(WARRANTY, "hi, how long is the warranty of the kettle")], WordVectors()
    )
    assert (found.asked, found.again, found.wrong) == (3, 1, ())


def test_who_keeps_the_answer_to_another_question_is_named_with_it() -> None:
    changed = again(WARRANTY, "How long is the warranty of the kettle", facts=(("24 months",),))
    nobody = again(COLOURS, "which colours does the lamp come in?", answerable=False, facts=())
    found = measure([WARRANTY, COLOURS, changed, nobody], WordVectors())
    assert found.wrong == ((changed.text, WARRANTY.text), (nobody.text, COLOURS.text))
    assert not found.passes


def test_it_passes_where_enough_were_asked_and_hardly_one_was_wrong() -> None:
    assert measure(OTHERS, WordVectors()).passes
    few = measure(OTHERS[:5], WordVectors())
    assert (few.false.value, few.passes) == (0, False), "five right answers promise nothing"
    assert not measure([], WordVectors()).passes


def test_what_no_cache_looks_up_and_what_nobody_knows_is_not_asked() -> None:
    follow_up = AskedQuestion(
        "f", "And the lid?", "en", (Turn("customer", "How heavy is it?"),), (("1 kg",),)
    )
    unsaid = AskedQuestion("u", "What about the lid?", "en")
    assert measure([follow_up, unsaid], WordVectors()).asked == 0
