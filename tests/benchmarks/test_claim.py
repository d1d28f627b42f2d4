"""What the claim rests on: questions that nothing was learned from, and numbers that really changed."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import pytest

from benchmarks.claim_questions import changed, changes, foreign, known, raised, some, untaught, update
from benchmarks.desk import for_training
from benchmarks.libraries import DEMO, kotae_of
from bot.evaluation.facts import holds, proves
from demo.pairs import pairs


def test_nothing_that_is_asked_was_taught_or_chosen_by() -> None:
    taught = {pair.question for pair in for_training(japanese=True)}

    assert taught.isdisjoint(one.text for one in [*known(), *untaught(), *foreign()])


def test_what_no_pair_tells_is_in_no_answer_of_the_desk_from_the_same_manual() -> None:
    for one in untaught():
        answers = [pair.answer for pair in pairs() if pair.document in one.sources]
        assert not any(holds(answer, fact) for answer in answers for fact in one.facts), one.id


def test_another_models_fact_is_wrong_and_the_right_one_never_is() -> None:
    for one in known():
        assert not set(one.facts[0]) & {key for keys in one.wrong for key in keys}
        assert proves(one.reference, one.facts)
    prices = next(one for one in known() if one.id.startswith("price.one"))
    assert ("$249",) in prices.wrong


def test_nobody_answers_what_is_foreign() -> None:
    assert all(not one.answerable and not one.facts for one in foreign())
    assert len({one.id for one in foreign()}) == len(foreign())


@pytest.mark.parametrize(
    ("key", "higher"),
    [
        ("$149", "$164"),
        ("$8", "$9"),
        ("0.8 litres", "0.9 litres"),
        ("$6.90", "$7.59"),
        ("2 to 12 seconds", "3 to 12 seconds"),
        ("99 days", "109 days"),
    ],
)
def test_a_number_rises_by_a_tenth(key: str, higher: str) -> None:
    assert raised(key) == higher


def test_a_few_questions_come_from_all_over() -> None:
    asked = known()

    assert some(asked, 0) == asked
    few = some(asked, 10)
    assert len(few) <= 10
    assert few[-1] in asked[-20:]


def test_after_the_change_the_manuals_say_the_new_number_and_nowhere_the_old_one(tmp_path: Path) -> None:
    names = ("one-user-guide.md", "mug-guide.md", "shipping-and-delivery.html")
    with kotae_of({name: (DEMO / name).read_bytes() for name in names}) as kotae:
        made = changes(kotae)
        assert {one.document for one in made} == set(names)
        update(kotae, made)
        said = "\n".join(
            passage.text
            for document in kotae.library.documents()
            for passage in kotae.library.passages(document.id)
        )
        for question in changed(made):
            assert holds(said, question.facts[0]), question.id
            assert not holds(said, question.wrong[0]), question.id


def test_a_number_that_another_manual_has_too_is_not_changed() -> None:
    """There would be two truths."""
    names = ("one-user-guide.md", "mug-guide.md")
    documents = {name: (DEMO / name).read_bytes() for name in names}
    with kotae_of(documents) as kotae:
        assert "price.one" in {one.fact for one in changes(kotae)}
        late = kotae.library.receive(BytesIO(b"# Offers\n\nThe Ostrelle One costs $149.\n"), "offers.md")
        kotae.library.ingest(late.document.id)
        assert "price.one" not in {one.fact for one in changes(kotae)}
