"""What the cross-encoder learns from."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from demo.questions import questions
from strategies.cross_encoder import lessons
from strategies.cross_encoder.lessons import BadDesk, Desk, Lesson, Section
from strategies.cross_encoder.windows import Text

DESK = """## Halden Networks, home routers
# Halden R2 › Wi-Fi
1 The R2 has two radios.
2 Range indoors | 35 m
3 The lamp blinks when it updates.
4 It restarts by itself at night.

? how far does it carry = 2
? why is it blinking, and when does it restart = 4, 3
? Can it be scheduled to go off at night? = -
# Halden R2 › Warranty
1 It lasts two years.
? how long is it guaranteed = 1
"""


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    (tmp_path / "a-01_routers.txt").write_text(DESK, "utf-8")
    (found,) = lessons.desks(tmp_path)
    return found


def test_a_desk_is_read_as_it_is_written(desk: Desk) -> None:
    wifi, warranty = desk.sections
    assert wifi.headings == "Halden R2 › Wi-Fi"
    assert wifi.sentences[1] == "Range indoors | 35 m"
    assert [asked.evidence for asked in wifi.asked] == [(1,), (2, 3), ()]
    assert warranty.asked[0].question == "how long is it guaranteed"


@pytest.mark.parametrize(
    ("line", "named"),
    [("how far = 2", "neither heading"), ("? how far = 9", "does not name"), ("? how far", "does not name")],
)
def test_a_line_that_cannot_be_read_is_named(tmp_path: Path, line: str, named: str) -> None:
    (tmp_path / "bad.txt").write_text(f"{DESK}{line}\n", "utf-8")
    with pytest.raises(BadDesk, match=rf"bad\.txt:14: .*{named}"):
        lessons.desks(tmp_path)


def test_lessons_say_where_the_answer_stands_however_they_are_cut(desk: Desk) -> None:
    wanted = {asked.question: asked for section in desk.sections for asked in section.asked}
    everywhere = [(of, at) for of, each in enumerate(desk.sections) for at in range(len(each.sentences))]

    def near(_question: str) -> list[tuple[int, int]]:
        return everywhere

    for seed in range(40):
        chance = random.Random(seed)
        made = [*lessons.own(desk, near, chance), *lessons.beside(desk, near, chance)]
        assert {lesson.question for lesson in made} == set(wanted)
        for lesson in made:
            said = [lesson.text.sentences[place] for place in lesson.evidence]
            section = next(s for s in desk.sections if wanted[lesson.question] in s.asked)
            answers = [section.sentences[place] for place in wanted[lesson.question].evidence]
            assert said in ([], answers)
            if not said and answers:
                assert not set(answers) <= set(lesson.text.sentences)


def test_tables_are_among_them_read_out_or_not() -> None:
    lesson = Lesson("How far?", Text("Wi-Fi", ("Range | 35 m",)), (0,))
    made = {lessons.varied(lesson, random.Random(seed)) for seed in range(60)}
    assert {one.text.sentences[0] for one in made} == {"Range | 35 m", "Range: 35 m"}
    assert {one.text.headings for one in made} == {"Wi-Fi", ""}


def test_how_a_question_is_put_tells_nothing_either() -> None:
    text = Text("Lamp", ("It is red.",))
    asked = [("Is it red?", (0,))] * 1 + [("What colour has it got?", (0,))] * 3
    asked += [("Is it green?", ())] * 3 + [("How heavy is it really?", ())] * 1
    made = lessons.evened([Lesson(question, text, evidence) for question, evidence in asked])
    for manner in ("yes or no", "other"):
        of = [one for one in made if lessons.manner(one.question) == manner]
        answered = sum(one.weight for one in of if one.evidence)
        assert answered == pytest.approx(sum(one.weight for one in of) / 2)


def test_public_questions_are_left_out_where_they_are_not_there(tmp_path: Path) -> None:
    assert lessons.squad(tmp_path, random.Random(1)) == []
    assert lessons.jaquad(tmp_path, random.Random(1)) == []
    assert lessons.about_anything(tmp_path) == []


def test_a_public_question_is_answered_by_the_sentence_in_which_its_answer_begins(tmp_path: Path) -> None:
    context = "It rained. The bridge opened in 1932. It is long."
    rows = [
        {"question": "When?", "title": "A_bridge", "context": context,
         "answers": [{"text": "1932", "answer_start": context.index("1932")}]},
        {"question": "Who?", "title": "A_bridge", "context": context, "answers": []},
    ]  # fmt: skip
    (tmp_path / "squad_dev").mkdir()
    lines = "".join(f"{json.dumps(row)}\n" for row in rows)
    (tmp_path / "squad_dev" / "dev-2.0.jsonl").write_text(lines, "utf-8")
    when, who = lessons.squad(tmp_path, random.Random(1))
    assert (when.evidence, who.evidence) == ((1,), ())
    assert when.text.headings == "A bridge"


def test_a_japanese_question_is_shown_its_sentence_or_others_of_the_article(tmp_path: Path) -> None:
    context = "雨が降った。橋は1932年に開通した。\n長さは503メートルである。" + "風が強い。" * 5
    row = {"question": "橋はいつ開通した?", "title": "橋", "context": context,
           "answers": [{"text": "1932年", "answer_start": context.index("1932年")}]}  # fmt: skip
    (tmp_path / "jaquad").mkdir()
    (tmp_path / "jaquad" / "train.jsonl").write_text(json.dumps(row), "utf-8")
    found = [lessons.jaquad(tmp_path, random.Random(seed))[0] for seed in range(40)]
    for one in found:
        said = [one.text.sentences[place] for place in one.evidence]
        assert said == (["橋は1932年に開通した。"] if "1932年" in "".join(one.text.sentences) else [])
    assert any(one.evidence for one in found)
    assert any(not one.evidence for one in found)


def test_the_manner_of_a_question_is_seen_in_both_languages() -> None:
    assert [
        lessons.manner(asked) for asked in ("Is it new?", "battery life", "How long does it last now?")
    ] == [
        "yes or no",
        "keywords",
        "other",
    ]
    asked = ("保証はありますか", "保証期間 電池", "保証は何年ですか")
    assert len({lessons.manner(each) for each in asked}) == 3


@pytest.mark.parametrize("language", ["english", "japanese"])
def test_the_desks_that_ship_can_be_read_and_some_are_held_out(language: str) -> None:
    desks = lessons.desks(lessons.DESKS / language)
    assert len(desks) > 100
    assert 4 <= sum(desk.held_out for desk in desks) < len(desks) / 8
    assert all(section.sentences and section.asked for desk in desks for section in desk.sections)


def test_nothing_of_the_demo_is_among_what_it_learned_from() -> None:
    asked = {asked.question.lower() for section in every_section() for asked in section.asked}
    ours = {one.question.lower() for part in ("test", "calibration", "others") for one in questions(part)}
    # By chance, of 60,000 and 1,500; each is asked of another company.
    assert asked & ours <= {
        "can i pay in instalments?",
        "what does engraving cost?",
        "how many recovery codes are there?",
        "how long does a warranty repair take?",
    }
    assert not any("ostrelle" in " ".join(section.sentences).lower() for section in every_section())


def every_section() -> list[Section]:
    folders = (lessons.DESKS / language for language in ("english", "japanese"))
    return [section for folder in folders for desk in lessons.desks(folder) for section in desk.sections]
