"""Question sets: versions that stay readable, and a part that nothing may learn from."""

from __future__ import annotations

import io
import json

import pytest
import sqlalchemy as sa

from bot.access.audit import Audit
from bot.evaluation.files import BadQuestions
from bot.evaluation.sets import OpenQuestions, QuestionSets, SetRefused, UnknownSet
from bot.evaluation.values import AskedQuestion
from bot.kotae import Kotae
from strategies.lora.pairs import HeldOutRead, Pair, split

Entry = dict[str, object]


@pytest.fixture
def sets(engine: sa.Engine) -> QuestionSets:
    return QuestionSets(engine)


def brings(
    sets: QuestionSets, *entries: dict[str, object], name: str = "lamp", held_out: bool = False
) -> int:
    file = io.BytesIO("\n".join(map(json.dumps, entries)).encode())
    return sets.import_(file, "lamp.jsonl", name, by="ann", held_out=held_out).version


SIZE: Entry = {"id": "size", "question": "How big is the lamp?", "facts": [["12 cm"]]}
PRICE: Entry = {"id": "price", "question": "What does it cost?", "facts": [["20 euros"]]}
RAIN: Entry = {"id": "rain", "question": "Will it rain?", "answerable": False}


def test_each_change_is_a_version_and_earlier_ones_stay_readable(sets: QuestionSets) -> None:
    assert brings(sets, SIZE, PRICE) == 1
    assert brings(sets, {**PRICE, "facts": [["25 euros"]]}, RAIN) == 2
    sets.drop("lamp", "size", by="bob")
    newest = sets.get("lamp")
    assert (newest.version, [one.id for one in newest.questions]) == (3, ["price", "rain"])
    assert [one.id for one in sets.get("lamp", 1).questions] == ["size", "price"]
    assert sets.get("lamp", 1).questions[1].facts == (("20 euros",),)
    assert sets.get("lamp", 2).questions[1].facts == (("25 euros",),)
    assert [(one.number, one.by, one.note) for one in sets.versions("lamp")] == [
        (3, "bob", "took out size"),
        (2, "ann", "imported lamp.jsonl"),
        (1, "ann", "imported lamp.jsonl"),
    ]
    with pytest.raises(UnknownSet, match="has no version 4"):
        sets.get("lamp", 4)


def test_the_same_file_again_makes_no_version(sets: QuestionSets, engine: sa.Engine) -> None:
    brings(sets, SIZE, PRICE)
    file = io.BytesIO(json.dumps(SIZE).encode())
    told = sets.import_(file, "lamp.jsonl", "lamp", by="ann")
    assert (told.version, told.added, told.changed, told.same) == (1, 0, 0, 1)
    assert [entry.what for entry in Audit(engine).page()] == ["import questions"]


def test_a_file_with_a_fault_leaves_nothing(sets: QuestionSets) -> None:
    with pytest.raises(BadQuestions):
        brings(sets, SIZE, {"id": "empty"})
    assert sets.list() == []


def test_a_set_is_counted_for_the_list(sets: QuestionSets) -> None:
    brings(sets, SIZE, PRICE)
    brings(sets, {**RAIN, "part": "held-out"})
    [told] = sets.list()
    assert (told.name, told.version, told.questions, told.held_out, told.answerable) == ("lamp", 2, 3, 1, 2)


def test_questions_are_written_changed_and_refused_in_the_console(sets: QuestionSets) -> None:
    sets.make("lamp", by="ann")
    with pytest.raises(SetRefused, match="already"):
        sets.make("lamp", by="ann")
    asked = sets.add("lamp", {"question": "How bright?", "facts": "400 lumens"}, by="ann")
    with pytest.raises(SetRefused, match="already"):
        sets.add("lamp", {"question": "How bright?"}, by="ann")
    sets.edit("lamp", asked.id, {"question": "How bright is it?", "facts": "500 lumens"}, by="bob")
    changed = sets.question("lamp", asked.id)
    assert (changed.id, changed.text, changed.facts) == (asked.id, "How bright is it?", (("500 lumens",),))
    sets.edit("lamp", asked.id, {"question": "How bright is it?", "facts": "500 lumens"}, by="bob")
    assert sets.get("lamp").version == 2
    with pytest.raises(UnknownSet):
        sets.edit("lamp", "nobody", {"question": "a"}, by="bob")


@pytest.mark.parametrize("name", ["", "  ", "x" * 81])
def test_a_set_needs_a_name(sets: QuestionSets, name: str) -> None:
    with pytest.raises(SetRefused, match="needs a name"):
        sets.make(name, by="ann")


def test_a_set_that_is_removed_is_gone_with_its_versions(sets: QuestionSets, engine: sa.Engine) -> None:
    brings(sets, SIZE, held_out=True)
    brings(sets, PRICE)
    sets.remove("lamp", by="ann")
    assert sets.list() == []
    assert sets.held_out() == frozenset()
    with engine.connect() as connection:
        for table in ("set_questions", "set_versions", "question_sets"):
            assert connection.scalar(sa.text(f"select count(*) from {table}")) == 0


# ---- what nothing may learn from ----


def test_training_is_given_the_open_questions_alone(sets: QuestionSets) -> None:
    brings(sets, SIZE, {**PRICE, "part": "held-out"}, RAIN)
    assert [one.id for one in sets.for_training("lamp")] == ["size", "rain"]


def test_who_hands_a_held_out_question_to_training_is_stopped(sets: QuestionSets) -> None:
    brings(sets, SIZE, {**PRICE, "part": "held-out"})
    with pytest.raises(HeldOutRead, match="What does it cost"):
        OpenQuestions(sets.get("lamp").questions)
    taught = sets.for_training("lamp")
    held = AskedQuestion("other", "what does it COST ?")  # open here, and held out there
    with pytest.raises(HeldOutRead):
        OpenQuestions([*taught, held], taught.held_out)


def test_a_question_held_out_in_one_set_is_held_out_in_all(sets: QuestionSets) -> None:
    brings(sets, SIZE, PRICE, name="open")
    brings(sets, {**SIZE, "question": "HOW BIG is the lamp"}, name="secret", held_out=True)
    assert [one.id for one in sets.for_training("open")] == ["price"]


def test_what_was_held_out_once_stays_so(sets: QuestionSets) -> None:
    brings(sets, SIZE, held_out=True)
    brings(sets, {**SIZE, "part": "open", "facts": [["13 cm"]]})
    assert sets.question("lamp", "size").part == "held-out"
    with pytest.raises(SetRefused, match="stays so"):
        sets.edit("lamp", "size", {"question": "How big is the lamp?", "part": "open"}, by="ann")
    sets.drop("lamp", "size", by="ann")
    sets.add("lamp", {**SIZE, "id": "again"}, by="ann")
    assert list(sets.for_training("lamp")) == []


def test_a_part_of_the_open_questions_is_open_too(sets: QuestionSets) -> None:
    brings(sets, SIZE, PRICE, RAIN)
    questions = sets.for_training("lamp")
    assert isinstance(questions[:2], OpenQuestions)
    assert [one.id for one in questions[:2]] == ["size", "price"]
    assert questions[-1].id == "rain"


def test_an_adapter_is_not_taught_a_pair_whose_question_a_set_holds_out(
    kotae: Kotae, monkeypatch: pytest.MonkeyPatch
) -> None:
    kotae.pairs.add({"question": "How big is the lamp?", "answer": "12 cm."}, by="ann")
    kotae.pairs.add({"question": "Which size has the lamp?", "answer": "12 cm."}, by="ann")
    brings(kotae.question_sets, SIZE, held_out=True)
    handed: list[Pair] = []
    monkeypatch.setattr(
        "strategies.lora.training.work.Work.begin", lambda *_, pairs, **__: handed.extend(pairs)
    )
    kotae.training.start("spring", by="ann")
    assert {pair.question: pair.split for pair in handed}["How big is the lamp?"] == "held-out"
    assert "How big is the lamp?" not in [pair.question for pair in split(handed).train]
