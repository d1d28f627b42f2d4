"""The pairs keep their word: every fact is the manuals', and what is held out was not seen in training."""

import re
from collections import Counter, defaultdict
from itertools import product

import pytest

from bot.evaluation.facts import proves
from bot.teaching.wordings import sound
from demo.pairs import DemoPair, keys_of, pairs, states, suggested, unanswerable
from demo.questions import questions
from strategies.lora.pairs import Pair
from tests.demo.test_demo import MANUALS, words

ALL, TRAIN, HELD_OUT = pairs(), pairs("train"), pairs("held-out")
KEYS = keys_of(ALL)
SUGGESTED = suggested()
UNANSWERABLE = [*unanswerable("calibration"), *unanswerable("test")]
OPENINGS = ("Thanks for asking!", "Good question!", "Happy to help!", "Let's fix that!")
KINDS = {"number", "steps", "yes-no"}
ALIKE = 0.8


def tokens(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text.casefold()))


def overlap(one: str, other: str) -> float:
    """Jaccard's index of the words."""
    first, second = tokens(one), tokens(other)
    return len(first & second) / len(first | second)


def by_fact() -> dict[str, list[DemoPair]]:
    found: dict[str, list[DemoPair]] = defaultdict(list)
    for pair in ALL:
        found[pair.fact].append(pair)
    return found


def one_of(fact: str) -> DemoPair:
    return by_fact()[fact][0]


# --- The facts -------------------------------------------------------------------------------------------


def test_every_fact_is_in_the_manual_its_pair_names() -> None:
    said = {name: words(path) for name, path in MANUALS.items()}

    missing = [pair.fact for pair in ALL if not proves(said[pair.document], [pair.keys])]

    assert missing == []


def test_every_answer_states_its_fact_and_none_of_its_neighbours() -> None:
    assert [pair.fact for pair in ALL if states(pair.answer, pair, KEYS) != "right"] == []


def test_a_fact_has_one_answer_however_it_is_asked_for() -> None:
    for fact, rows in by_fact().items():
        shared = {(row.answer, row.keys, row.document, row.language, row.tags) for row in rows}
        assert len(shared) == 1, fact


def test_many_facts_are_easily_mistaken_for_one_another() -> None:
    attributes = Counter(fact.partition(".")[0] for fact in KEYS)

    assert sum(count for count in attributes.values() if count > 1) > len(KEYS) / 2


# --- The wordings ----------------------------------------------------------------------------------------


def test_a_fact_is_asked_for_in_as_many_ways_as_the_readme_says() -> None:
    for fact, rows in by_fact().items():
        ways = Counter(row.split for row in rows)
        expected = (5, 3) if rows[0].language == "en" else (3, 2)
        assert (ways["train"], ways["held-out"]) == expected, fact


def test_no_wording_stands_twice() -> None:
    asked = Counter(row.question.casefold() for row in [*ALL, *SUGGESTED, *UNANSWERABLE])

    assert [question for question, count in asked.items() if count > 1] == []


def test_a_held_out_wording_is_not_a_training_wording_with_a_word_changed() -> None:
    near = [
        (held.question, trained.question)
        for held, trained in product(HELD_OUT, [*TRAIN, *SUGGESTED])
        if held.fact == trained.fact and overlap(held.question, trained.question) >= ALIKE
    ]

    assert near == []


def test_no_wording_is_a_test_question_of_the_manuals() -> None:
    measured = [question.question for question in questions("test")]

    near = [
        (row.question, question)
        for row, question in product([*ALL, *SUGGESTED, *UNANSWERABLE], measured)
        if overlap(row.question, question) >= ALIKE
    ]

    assert near == []


def test_what_a_model_suggested_is_what_kotae_would_have_taken() -> None:
    taught: dict[str, list[str]] = defaultdict(list)
    for pair in TRAIN:
        taught[pair.fact].append(pair.question)
    assert Counter(one.fact for one in SUGGESTED).keys() == {one.fact for one in TRAIN if one.language == "en"}
    for one in SUGGESTED:
        like = Pair(taught[one.fact][0], one.answer, one.fact, "en")
        assert sound(one.question, like, taught[one.fact]), one.question
        assert (one.split, one.answer) == ("train", one_of(one.fact).answer)
        assert "suggested" in one.tags


# --- The manner ------------------------------------------------------------------------------------------


def test_an_answer_opens_and_closes_as_the_desk_does() -> None:
    for pair in ALL:
        if pair.language == "en":
            assert pair.answer.startswith(OPENINGS), pair.fact
            assert pair.answer.endswith("Happy brewing!"), pair.fact
            assert 25 <= len(pair.answer.split()) <= 60, pair.fact
        else:
            assert pair.answer.endswith("どうぞ、よいコーヒーを。"), pair.fact


def test_what_is_to_be_done_is_said_in_numbered_steps() -> None:
    for pair in ALL:
        numbers = re.findall(r"^(\d)\. ", pair.answer, re.MULTILINE)
        assert numbers == [str(number) for number in range(1, len(numbers) + 1)]
        assert len(numbers) >= 2 if "steps" in pair.tags else not numbers, pair.fact


def test_every_pair_says_what_kind_it_is() -> None:
    assert [pair.fact for pair in ALL if not pair.tags or not set(pair.tags) <= KINDS] == []


# --- What no pair answers --------------------------------------------------------------------------------


def test_the_two_parts_of_what_must_be_refused_are_of_a_size_and_of_both_kinds() -> None:
    for part in ("calibration", "test"):
        kinds = Counter(tag for row in unanswerable(part) for tag in row.tags)
        assert sum(kinds.values()) == len(unanswerable(part)) >= 60
        assert kinds["near-miss"] > kinds["off-topic"] > 10


def test_what_a_manual_says_nevertheless_stands_in_it() -> None:
    told = [one for one in UNANSWERABLE if one.keys]
    assert len(told) > 50
    assert [one.id for one in told if not proves(words(MANUALS[one.document]), [one.keys])] == []
    assert [one.id for one in told if "off-topic" in one.tags] == []


def test_an_unanswerable_question_has_an_id_of_its_own() -> None:
    assert max(Counter(row.id for row in UNANSWERABLE).values()) == 1


# --- What an answer is worth -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "worth"),
    [
        ("The Duo costs $249.", "right"),
        ("The Duo costs $289.", "wrong"),  # the Duo Thermal's
        ("The Duo costs $249 or $289.", "wrong"),
        ("It is not expensive.", "wrong"),
        ("The Duo costs $249 and holds 1.6 litres.", "right"),  # another attribute's fact
    ],
)
def test_an_answer_with_a_neighbours_fact_is_wrong(answer: str, worth: str) -> None:
    assert states(answer, one_of("price.duo"), KEYS) == worth


def test_a_number_two_facts_share_is_no_mistake() -> None:
    assert states("It is 1 year.", one_of("warranty.mug"), KEYS) == "right"


def test_the_readme_counts_the_pairs_as_the_file_does() -> None:
    readme = (MANUALS["one-user-guide.md"].parent.parent / "README.md").read_text(encoding="utf-8")

    assert f"{len(ALL):,} wordings of {len(KEYS)} facts" in readme
    assert f"{len(TRAIN)} to train on and {len(HELD_OUT)} held out" in readme
    assert f"{len(UNANSWERABLE)} questions" in readme
