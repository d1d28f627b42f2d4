"""More wordings of a question: other words around it, the same thing asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from strategies.lora.pairs import HeldOut, Pair, Taught, split
from strategies.lora.pairs.augment import WAYS, Way, augment

LID = Pair("How do I open the lid of the Kettle?", "Press the button.", "lid", "en", ("lid",), split="train")
CODE = Pair("What does E-204 mean on my KT-1200?", "The lid is open.", "e204", split="train")
WARRANTY = Pair("ケトルの保証期間はどのくらいですか？", "2年です。", "warranty", "ja", split="train")


def taught(*pairs: Pair) -> Taught:
    return Taught(pairs, HeldOut())


def added(pairs: Taught, ways: tuple[Way, ...] = WAYS, seed: int = 0, copies: int = 3) -> list[Pair]:
    return list(augment(pairs, seed, ways=ways, copies=copies))[len(pairs) :]


def test_every_question_gets_more_wordings_behind_the_desks_own() -> None:
    pairs = taught(LID, CODE, WARRANTY)
    made = augment(pairs, copies=2)
    assert list(made)[:3] == list(pairs)
    assert len(made) == 9
    assert len({pair.wording for pair in made}) == 9


def test_what_is_answered_and_what_is_known_of_it_stays() -> None:
    assert {(pair.answer, pair.fact, pair.language, pair.tags) for pair in added(taught(LID))} == {
        (LID.answer, LID.fact, LID.language, LID.tags)
    }


def test_a_question_has_the_same_wordings_whatever_stands_beside_it() -> None:
    alone = {pair.question for pair in added(taught(LID))}
    among = {pair.question for pair in added(taught(CODE, LID)) if pair.fact == "lid"}
    assert alone == among
    assert alone != {pair.question for pair in added(taught(LID), seed=1)}


def test_no_copies_is_the_switch() -> None:
    assert augment(taught(LID, CODE), copies=0) == taught(LID, CODE)


@pytest.mark.parametrize(
    ("way", "pair"), [*((way, LID) for way in WAYS), *((way, WARRANTY) for way in WAYS if way != "spelling")]
)
def test_each_way_asks_in_other_words(way: Way, pair: Pair) -> None:
    made = added(taught(pair), (way,))
    assert made
    assert all(one.question != pair.question for one in made)


@pytest.mark.parametrize("seed", range(20))
def test_codes_and_numbers_are_never_misspelt(seed: int) -> None:
    for pair in added(taught(CODE), seed=seed):
        asked = pair.question.lower()
        assert "e-204" in asked
        assert "kt-1200" in asked


@pytest.mark.parametrize("way", ["terse", "drop"])
def test_on_is_not_left_out_where_off_is_another_question(way: Way) -> None:
    for pair in added(taught(Pair("How do I turn it off?", "Hold the bell.")), (way,)):
        assert "off" in pair.question


def test_a_question_that_cannot_be_changed_stays_alone() -> None:
    assert added(taught(Pair("E4?", "The lid is open.")), ("terse", "drop", "spelling")) == []


@pytest.mark.parametrize(("wordings", "made"), [(1, 2), (5, 10), (8, 8), (12, 0), (40, 0)])
def test_where_a_fact_has_many_wordings_fewer_are_made(wordings: int, made: int) -> None:
    numbers = [f"{number:02}" for number in range(wordings)]
    pairs = taught(*(replace(LID, question=f"How do I open the lid of kettle {each}?") for each in numbers))
    assert len(augment(pairs)) == wordings + made


def test_no_wording_is_another_pairs_or_a_held_out_one() -> None:
    lids = [(f"How do I open lid {number}?", f"open lid {number}") for number in range(60)]
    pairs = [Pair(asked, f"Press {number}.") for number, lid in enumerate(lids) for asked in lid]
    parts = split(pairs)
    hidden = {pair.wording for pair in (*parts.held_out_facts, *parts.held_out_paraphrases)}
    terse = {short for pair, short in lids if pair in {one.question for one in parts.train}}
    assert hidden & terse, "which the terse way would say"
    made = augment(parts.train, copies=3, ways=("terse",))
    assert hidden.isdisjoint(pair.wording for pair in made)
    assert len({pair.wording for pair in made}) == len(made)
