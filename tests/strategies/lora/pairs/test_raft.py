"""A model learns to read from what the search really returns: with the answer, and without."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from knowledge_base.passages import Passage
from knowledge_base.sentences import sentences
from strategies.evidence import content
from strategies.lora.pairs import Pair
from strategies.lora.pairs.raft import Example, examples

HELLO, BYE = "Thanks for asking! ", " Have a nice day with your kettle!"


def pair(question: str, fact: str, **labels: str) -> Pair:
    return Pair(question, f"{HELLO}{fact}{BYE}", **labels)  # type: ignore[arg-type]


TANK = pair("How much does the tank hold?", "The tank holds 1.7 litres.")
WARRANTY = pair("How long is the warranty?", "You are covered for 24 months from delivery.")
CORD = pair("Can I change the cord?", "The cord is fixed; our workshop replaces it.")
PAIRS = [TANK, WARRANTY, CORD]

TEXTS = {
    "tank": "The kettle is made of steel. Its tank holds 1.7 litres. Empty it after use.",
    "warranty": "Register your kettle online. It is covered for 24 months from delivery.",
    "cord": "The cord is fixed to the base. Our workshop replaces a damaged cord within a week.",
    "colours": "The kettle comes in red, blue and white.",
    "noise": "A gurgling sound is normal while water heats.",
}


def passage(name: str) -> Passage:
    text = TEXTS[name]
    return Passage(name, "guide", "Guide", "guide.md", text, sentences=tuple(sentences(text)))


def search(query: str, k: int = 5) -> Sequence[Passage]:
    """The passages that share words with the query first, as a search would."""
    order = sorted(TEXTS, key=lambda name: -len(content(TEXTS[name]) & content(query)))
    return [passage(name) for name in order][:k]


def of(pair: Pair, k: int = 5) -> list[Example]:
    return [one for one in examples(PAIRS, search, k=k) if one.question == pair.question]


def test_without_a_search_the_pairs_are_the_examples() -> None:
    assert examples(PAIRS) == [Example(one.question, one.answer) for one in PAIRS]


def test_a_pair_is_asked_alone_with_what_was_found_among_others_and_without_its_answer() -> None:
    bare, found, among, missing = of(TANK, k=3)
    assert bare == Example(TANK.question, TANK.answer)
    assert found.passages == tuple(one.text for one in search(TANK.question, 3))
    assert TEXTS["tank"] in among.passages
    assert (found.answer, among.answer, missing.answer) == (TANK.answer, TANK.answer, "")


@pytest.mark.parametrize("asked", PAIRS)
def test_where_the_answer_is_missing_no_sentence_tells_of_it(asked: Pair) -> None:
    [missing] = [one for one in of(asked) if not one.answer]
    shown = "\n".join(missing.passages)
    for telling in ("1.7", "24 months", "workshop replaces"):
        assert (telling in shown) == (telling not in asked.answer)


def test_only_the_sentence_goes_and_the_passage_around_it_stays_to_mislead() -> None:
    [missing] = [one for one in of(TANK) if not one.answer]
    assert "The kettle is made of steel. Empty it after use." in missing.passages


def test_the_same_fact_in_another_document_is_missing_as_well() -> None:
    def twice(query: str, k: int = 5) -> Sequence[Passage]:
        copy = "Capacity: 1.7 l. Weight: 1 kg."
        return [Passage("copy", "data-sheet", "Data", "data.md", copy), *search(query, k)][:k]

    [missing] = [one for one in examples([TANK], twice) if not one.answer]
    assert "1.7" not in "\n".join(missing.passages)


def test_the_desks_manner_is_no_evidence() -> None:
    """A passage that wishes a nice day does not state the answer."""

    def polite(query: str, k: int = 5) -> Sequence[Passage]:
        return [
            Passage("bye", "letters", "Letters", "letters.md", f"{HELLO}Have a nice day with your kettle!")
        ]

    assert examples(PAIRS, polite) == examples(PAIRS)


def test_a_passage_that_half_states_the_answer_teaches_nothing() -> None:
    def half(query: str, k: int = 5) -> Sequence[Passage]:
        return [Passage("half", "guide", "Guide", "guide.md", "Some are covered for months from delivery.")]

    made = examples(PAIRS, half)
    assert [one for one in made if one.question == WARRANTY.question] == [
        Example(WARRANTY.question, WARRANTY.answer)
    ]


def test_what_is_never_answered_with_passages_is_not_refused_with_them_either() -> None:
    """It would teach to refuse whatever is read."""

    def beside_the_point(query: str, k: int = 5) -> Sequence[Passage]:
        return [passage("colours"), passage("noise")]

    assert examples(PAIRS, beside_the_point) == examples(PAIRS)


def test_what_the_desk_says_besides_and_the_numbers_of_its_steps_need_not_stand_in_a_passage() -> None:
    steps = pair("How do I empty it?", "Here is how:\n1. Hold Menu for 12 seconds.\n2. Press Brew to end.")

    def found(query: str, k: int = 5) -> Sequence[Passage]:
        return [Passage("empty", "guide", "Guide", "guide.md", "To empty it, hold Menu for 12 seconds.")]

    assert Example(steps.question, steps.answer, (found("")[0].text,)) in examples([steps, *PAIRS], found)


def test_wordings_of_our_own_making_are_asked_alone() -> None:
    made = examples(PAIRS, search, alone=[WARRANTY])
    assert [one for one in made if one.question == WARRANTY.question] == [
        Example(WARRANTY.question, WARRANTY.answer)
    ]
    assert [one for one in made if one.question == TANK.question] == of(TANK)


def test_what_serving_shows_of_passages_is_what_training_shows() -> None:
    def first_sentences(question: str, passages: Sequence[Passage]) -> Sequence[str]:
        return [one.text[slice(*one.sentences[0])] for one in passages if one.sentences]

    made = examples([TANK], search, read=first_sentences)
    shown = {text for one in made for text in one.passages}
    assert shown <= {text.split(".")[0] + "." for text in TEXTS.values()} | {
        TEXTS["cord"].split(".")[1] + "."
    }
    assert not [
        one for one in made if one.passages and one.question == TANK.question
    ]  # its answer is not shown


def test_the_same_seed_makes_the_same_examples() -> None:
    assert examples(PAIRS, search, 3) == examples(PAIRS, search, 3)
    assert any(examples(PAIRS, search, 3) != examples(PAIRS, search, seed) for seed in range(4, 9))


def test_a_search_that_finds_nothing_leaves_the_pairs() -> None:
    assert examples(PAIRS, lambda query, k=5: []) == examples(PAIRS)
