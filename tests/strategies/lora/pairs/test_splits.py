"""Held-out questions stay held out, whatever somebody tries."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from strategies.lora.pairs import HeldOut, HeldOutRead, Pair, Split, Taught, read, split, write
from strategies.lora.pairs.augment import augment
from strategies.lora.pairs.raft import examples


def desk(facts: int = 40, wordings: int = 6) -> list[Pair]:
    return [
        Pair(f"Wording {wording} about part {fact}?", f"Part {fact} is fine.", fact=f"part.{fact}")
        for fact in range(facts)
        for wording in range(wordings)
    ]


def questions(pairs: Taught | tuple[Pair, ...]) -> set[str]:
    return {pair.question for pair in pairs}


def test_some_wordings_and_some_facts_are_held_out() -> None:
    parts = split(desk())
    assert len(parts.train) + len(parts.held_out_paraphrases) + len(parts.held_out_facts) == 240
    assert 24 <= len(parts.held_out_paraphrases) <= 60
    assert 1 <= len({pair.fact for pair in parts.held_out_facts}) <= 9


def test_nothing_of_a_held_out_fact_is_taught_and_every_held_out_wording_has_a_fact_that_is() -> None:
    parts = split(desk())
    taught = {pair.fact for pair in parts.train}
    assert taught.isdisjoint(pair.fact for pair in parts.held_out_facts)
    assert taught.issuperset(pair.fact for pair in parts.held_out_paraphrases)


def test_the_order_of_the_pairs_makes_no_difference_and_another_seed_does() -> None:
    assert questions(split(desk()).train) == questions(split(desk()[::-1]).train)
    assert questions(split(desk()).train) != questions(split(desk(), seed=1).train)


def test_without_names_pairs_of_one_answer_are_one_fact() -> None:
    unnamed = [replace(pair, fact="") for pair in desk()]
    parts = split(unnamed)
    assert {pair.answer for pair in parts.train}.isdisjoint(pair.answer for pair in parts.held_out_facts)


def test_a_fact_with_a_single_wording_is_taught_or_held_out_as_a_fact() -> None:
    parts = split(desk(100, wordings=1))
    assert parts.held_out_paraphrases == ()
    assert len(parts.train) > 80


@given(some.sets(some.integers(0, 300), min_size=1, max_size=30), some.integers(0, 3))
def test_a_pair_that_is_added_moves_no_other(more: set[int], seed: int) -> None:
    before = split(desk(), seed)
    added = [Pair(f"New {number}?", f"Part {number} is fine.", fact=f"part.{number}") for number in more]
    after = split([*added, *before.marked], seed)
    assert questions(before.train) <= questions(after.train)
    assert questions(before.held_out_paraphrases + before.held_out_facts) <= questions(
        after.held_out_paraphrases + after.held_out_facts
    )


@given(some.sets(some.integers(0, 60), min_size=1, max_size=30))
def test_also_without_marks_a_taught_fact_keeps_its_held_out_wordings(more: set[int]) -> None:
    before = split(desk())
    added = [Pair(f"New {number}?", f"Part {number} is fine.", fact=f"part.{number}") for number in more]
    assert questions(before.train) <= questions(split([*desk(), *added]).train)


def test_a_mark_outlives_a_file_and_another_seed() -> None:
    before = split(desk())
    kept = io.BytesIO()
    write(before.marked, kept, "openai")
    again = split(read(io.BytesIO(kept.getvalue()), "pairs.jsonl"), seed=7)
    assert questions(again.train) == questions(before.train)
    assert questions(again.held_out_facts) == questions(before.held_out_facts)


def test_what_somebody_marked_as_held_out_is_held_out_in_every_spelling_of_it() -> None:
    pairs = [
        Pair("How hot is it?", "95 °C.", split="held-out"),
        Pair("how hot IS it", "95 °C.", split="train"),
        Pair("What is its temperature?", "95 °C."),
    ]
    parts = split(pairs)
    assert questions(parts.train) == {"What is its temperature?"}
    assert len(parts.held_out_paraphrases) == 2


# ---- somebody tries ----

TAUGHT = Pair("What is its temperature?", "95 °C.", fact="heat")
SECRET = Pair("How hot is it?", "95 °C.", fact="heat", split="held-out")
UNTOLD = Pair("How heavy is it?", "1 kg.", fact="weight", split="held-out")


@pytest.fixture
def parts() -> Split:
    return split([TAUGHT, SECRET, UNTOLD], facts=0)


@pytest.mark.parametrize(
    "smuggled",
    [
        SECRET,
        replace(SECRET, split="train"),
        replace(SECRET, split="", question="HOW HOT is it ?!"),
        replace(SECRET, split="", fact="", answer="Very."),
        Pair("What does it weigh?", "1 kg.", fact="weight"),
        replace(UNTOLD, split=""),
    ],
)
def test_a_held_out_pair_cannot_be_smuggled_in(parts: Split, smuggled: Pair) -> None:
    with pytest.raises(HeldOutRead):
        Taught([*parts.train, smuggled], parts.held_out)
    with pytest.raises(HeldOutRead):
        replace(parts, train=Taught([*parts.train, smuggled], HeldOut()))
    assert smuggled not in parts.train.with_more([smuggled])


def test_nobody_takes_a_held_out_pair_for_an_example(parts: Split) -> None:
    with pytest.raises(HeldOutRead):
        examples([*parts.train, *parts.held_out_paraphrases])


def test_another_wording_that_happens_to_be_a_held_out_one_is_left_out() -> None:
    heavy = Pair("How heavy is the kettle?", "1 kg.", fact="weight", split="train")
    secret = Pair("Heavy kettle!", "1 kg.", fact="weight", split="held-out")
    made = [augment(split(pairs, facts=0).train, ways=("terse",)) for pairs in ([heavy], [heavy, secret])]
    assert [questions(each) for each in made] == [{heavy.question, "heavy kettle"}, {heavy.question}]


def test_a_part_of_what_is_taught_is_guarded_as_well(parts: Split) -> None:
    assert parts.train[:1].held_out == parts.held_out
    assert parts.train[0].question == TAUGHT.question
