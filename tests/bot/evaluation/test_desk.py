"""How the desk speaks, learned of its own pairs; and said plainly where too little of it is known."""

from __future__ import annotations

import random
from collections.abc import Sequence
from io import BytesIO

import pytest

from bot.evaluation.desk import Desk, hidden
from bot.evaluation.manner import FEWEST
from bot.kotae import Kotae
from strategies.lora.pairs import Pair
from tests.bot.evaluation.test_manner import ANSWERS, PROSE, THINGS, WATERS

JAPANESE = "お問い合わせありがとうございます。容量は1リットルです。またのご利用をお待ちしております。"


def pairs(answers: Sequence[str], **more: str) -> list[Pair]:
    return [Pair(f"Question {n}?", answer, **more) for n, answer in enumerate(answers)]  # type: ignore[arg-type]


@pytest.fixture
def prose(kotae: Kotae) -> Kotae:
    """An installation whose only document speaks as documents do."""
    text = "# Lamps\n\n" + "\n\n".join(PROSE)
    kotae.library.ingest(kotae.library.receive(BytesIO(text.encode()), "lamps.md").document.id)
    return kotae


def test_a_desk_that_has_answered_enough_is_heard_in_its_own_language(prose: Kotae) -> None:
    known = Desk(lambda: pairs(ANSWERS, language="en"), prose.library).manner()
    [learned] = known.learned
    assert (learned.language, learned.answers, learned.unknown) == ("en", len(set(ANSWERS)), "")
    assert learned.accuracy >= 0.8
    assert (known.likeness("Thanks for asking! It holds salt water. Happy reading!") or 0) > 0.5
    assert (known.likeness("The ring is delivered with a cable.") or 1) < 0.5
    assert known.likeness(JAPANESE) is None, "nobody has heard it speak Japanese"


def test_too_few_answers_are_said_to_be_too_few(prose: Kotae) -> None:
    known = Desk(lambda: pairs(ANSWERS[:5] * 9, language="en"), prose.library).manner()
    [learned] = known.learned
    assert (learned.answers, learned.unknown) == (5, "few")
    assert FEWEST > 5
    assert known.likeness(ANSWERS[0]) is None


def test_a_manner_that_cannot_be_told_from_the_documents_is_not_believed(prose: Kotae) -> None:
    chance = random.Random(5)
    words = [*WATERS.split(), *THINGS.split()]
    muttered = [". ".join(chance.choices(words, k=5)) + "." for _ in range(40)]  # no beginning and no end
    known = Desk(lambda: pairs(muttered, language="en"), prose.library).manner()
    [learned] = known.learned
    assert learned.unknown == "unsure"
    assert known.likeness(muttered[0]) is None


def test_pairs_that_are_held_out_are_not_read(prose: Kotae) -> None:
    desk = Desk(lambda: pairs(ANSWERS, language="en", split="held-out"), prose.library)
    assert desk.manner().learned == ()


def test_it_is_learned_once_and_anew_when_the_pairs_change(prose: Kotae) -> None:
    taught = pairs(ANSWERS, language="en")
    desk = Desk(lambda: taught, prose.library)
    first = desk.manner()
    assert desk.manner() is first
    taught.pop()
    assert desk.manner() is not first


def test_names_are_no_manner() -> None:
    names = hidden(["The red Ostrelle is here, and so is 12.", "Buy the Barista."])
    assert names is not None
    assert names.sub("it", "The Barista and the Ostrelle") == "The it and the it"
    assert hidden(["nothing here"]) is None
