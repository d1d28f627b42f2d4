"""What the cross-encoder learns from: whether a text settles a question, and which sentence does.

A desk is a file of `desks/`: help pages of an invented company, in English or in Japanese, with questions
that one sentence of a section answers and questions that sound as if it did. Kotae's demo and its subjects
are not among them; four of its wordings are, by chance, asked of other companies.

    ## Halden Networks, home routers
    # Halden R2 › Wi-Fi
    1 The R2 has two radios.
    2 Range indoors | 35 m
    ? how far does it carry = 2
    ? Can it be scheduled to go off at night? = -
"""

from __future__ import annotations

import json
import math
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from strategies.cross_encoder.windows import Text
from strategies.evidence import content
from strategies.wording import in_japanese

DESKS = Path(__file__).with_name("desks")
OPENS_YES_OR_NO = re.compile(r"(?:is|are|does|do|can|will|may|has|have|did|must|should)\b", re.IGNORECASE)
KEYWORDS = 4  # words of a question that is no sentence, at most
ASKS_FOR = re.compile("何|いく[つら]|いつ|どこ|どの|どれ|どう|どち|どん|誰|だれ|なぜ|なん|教え")
IN_KANA = re.compile("[ぁ-ん]{2}")
SENTENCE = re.compile(r"(\d+) (.+)")
ENDS = re.compile(r"(?<=[.!?])\s+(?=[A-Z\"(])")
ENDS_IN_JAPANESE = re.compile(r"(?<=[。！？])\s*(?=\S)|\n+")
NEAREST = 3  # sentences that are most like a question, of which one is shown that does not answer
RUN = (2, 5)  # sentences that are shown together
BESIDE = (0.6, 0.5)  # how often a question is shown elsewhere, one without an answer and one with
FAMILIES = frozenset("opqrstuv")  # the hands that wrote desks with families of products
PUBLIC_WEIGHT = 0.7


class BadDesk(Exception):
    """A line of a desk cannot be read; the message names it."""


@dataclass(frozen=True)
class Asked:
    """A question, and the sentences that answer it, counted from 0; none when nothing in the desk does."""

    question: str
    evidence: tuple[int, ...]


@dataclass(frozen=True)
class Section:
    headings: str
    sentences: tuple[str, ...]
    asked: tuple[Asked, ...]


@dataclass(frozen=True)
class Desk:
    name: str  # of its file
    sections: tuple[Section, ...]

    @property
    def held_out(self) -> bool:
        """Whether it is kept for measuring: the fifth of most hands that wrote desks."""
        return self.name.partition("-")[2].startswith("05")

    @property
    def family(self) -> bool:
        """Whether its products are siblings, of which a fact is told of some only."""
        return self.name.partition("-")[0] in FAMILIES


# Of a question, the sentences of its desk by how near they are to it: (section, place) each, nearest first.
Near = Callable[[str], Sequence[tuple[int, int]]]


@dataclass(frozen=True)
class Lesson:
    """A question with a text, and which of its sentences answer; `weight` is what it counts."""

    question: str
    text: Text
    evidence: tuple[int, ...] = ()
    weight: float = 1.0


# --- Desks ---------------------------------------------------------------------------------------------


def desks(folder: Path) -> list[Desk]:
    """All of a language. Raises BadDesk."""
    return [Desk(path.stem, tuple(sections(path))) for path in sorted(folder.glob("*.txt"))]


def sections(path: Path) -> Iterator[Section]:
    headings, sentences, asked = "", list[str](), list[Asked]()
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        text = line.strip()
        if text.startswith("# "):
            if sentences:
                yield Section(headings, tuple(sentences), tuple(asked))
            headings, sentences, asked = text[2:].strip(), [], []
        elif text.startswith("? "):
            asked.append(_asked(text[2:], len(sentences), f"{path.name}:{number}"))
        elif found := SENTENCE.fullmatch(text):
            sentences.append(found[2])
        elif text and not text.startswith("## "):
            raise BadDesk(f"{path.name}:{number}: neither heading, sentence nor question: {text[:60]!r}")
    if sentences:
        yield Section(headings, tuple(sentences), tuple(asked))


def _asked(text: str, sentences: int, where: str) -> Asked:
    question, _, evidence = text.rpartition(" = ")
    numbers = () if evidence.strip() == "-" else evidence.split(",")
    if not question or not all(each.strip().isdigit() and 1 <= int(each) <= sentences for each in numbers):
        raise BadDesk(f"{where}: {text[-20:]!r} does not name sentences that are there")
    return Asked(question.strip(), tuple(sorted(int(each) - 1 for each in numbers)))


# --- Lessons -------------------------------------------------------------------------------------------


def own(desk: Desk, near: Near, chance: random.Random) -> Iterator[Lesson]:
    """Each question with sentences of its own section: those that answer, or those that are nearest to it."""
    for number, section in enumerate(desk.sections):
        for asked in section.asked:
            places = asked.evidence or [at for of, at in near(asked.question) if of == number][:NEAREST]
            yield around(asked, section, chance.choice(places), chance)


def beside(desk: Desk, near: Near, chance: random.Random) -> Iterator[Lesson]:
    """Some questions with sentences that are near to them and do not answer, in whichever section."""
    for number, section in enumerate(desk.sections):
        for asked in section.asked:
            if chance.random() < BESIDE[bool(asked.evidence)]:
                others = [
                    (of, at)
                    for of, at in near(asked.question)
                    if of != number or (asked.evidence and at not in asked.evidence)
                ]
                of, at = chance.choice(others[:NEAREST])
                elsewhere = replace(asked, evidence=asked.evidence if of == number else ())
                yield around(elsewhere, desk.sections[of], at, chance)


def around(asked: Asked, section: Section, place: int, chance: random.Random) -> Lesson:
    """A few sentences with that one among them, and which of them answer: none where only a part of what
    answers is there.
    """
    count = len(section.sentences)
    size = min(chance.randint(*RUN), count)
    first = chance.randint(max(0, place - size + 1), min(place, count - size))
    run = Text(section.headings, section.sentences[first : first + size])
    there = tuple(each - first for each in asked.evidence if first <= each < first + size)
    return Lesson(asked.question, run, there if len(there) == len(asked.evidence) else ())


def elsewhere(desks: Sequence[Desk], count: int, chance: random.Random) -> Iterator[Lesson]:
    """Questions of one desk with sentences of another."""
    for _ in range(count):
        here, there = chance.choice(desks), chance.choice(desks)
        if here is not there:
            asked = chance.choice(chance.choice(here.sections).asked)
            yield anywhere(asked.question, there, chance)


def off_topic(
    questions: Sequence[str], desks: Sequence[Desk], count: int, chance: random.Random
) -> Iterator[Lesson]:
    """Questions about anything with sentences of desks."""
    for _ in range(count if questions else 0):
        yield anywhere(chance.choice(questions), chance.choice(desks), chance)


def anywhere(question: str, desk: Desk, chance: random.Random) -> Lesson:
    section = chance.choice(desk.sections)
    return around(Asked(question, ()), section, chance.randrange(len(section.sentences)), chance)


def evened(lessons: Sequence[Lesson]) -> list[Lesson]:
    """Questions of sections weighed so that their manner tells nothing of whether they are answered: whoever
    writes near misses asks more often whether something is so, and seldom in keywords.
    """
    answered = Counter(manner(one.question) for one in lessons if one.evidence)
    others = Counter(manner(one.question) for one in lessons if not one.evidence)
    share = {
        each: (others[each] / max(1, others.total())) / (answered[each] / answered.total())
        for each in answered
    }

    def weight(lesson: Lesson) -> float:
        found = share.get(manner(lesson.question)) or 1.0
        return math.sqrt(found if lesson.evidence else 1 / found)

    return [replace(one, weight=one.weight * weight(one)) for one in lessons]


def manner(question: str) -> str:
    if in_japanese(question):
        if not IN_KANA.search(question):
            return "keywords"
        return "other" if ASKS_FOR.search(question) else "yes or no"
    if OPENS_YES_OR_NO.match(question):
        return "yes or no"
    return "keywords" if len(question.split()) <= KEYWORDS else "other"


def varied(lesson: Lesson, chance: random.Random) -> Lesson:
    """As it may come: rows of a table read out, headings missing."""
    sentences = tuple(
        each.replace(" | ", ": ", 1) if " | " in each and chance.random() < 0.4 else each
        for each in lesson.text.sentences
    )
    headings = lesson.text.headings if chance.random() < 0.9 else ""
    return replace(lesson, text=Text(headings, sentences))


# --- Public questions ----------------------------------------------------------------------------------


def squad(data: Path, chance: random.Random) -> list[Lesson]:
    """SQuAD 2.0's development set by sentences; nothing where the public data is not there."""
    return [
        replace(around(asked, section, place, chance), weight=PUBLIC_WEIGHT)
        for row in _rows(data / "squad_dev" / "dev-2.0.jsonl")
        for asked, section, place in _about_an_article(row, ENDS)
    ]


def jaquad(data: Path, chance: random.Random) -> list[Lesson]:
    """JaQuAD's training set by sentences, half of the questions with others of their article than those that
    answer.
    """
    found = []
    for row in _rows(data / "jaquad" / "train.jsonl"):
        for asked, section, answering in _about_an_article(row, ENDS_IN_JAPANESE):
            others = [at for at in range(len(section.sentences)) if at != answering]
            place = chance.choice(others) if others and chance.random() < 0.5 else answering
            found.append(replace(around(asked, section, place, chance), weight=PUBLIC_WEIGHT))
    return found


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    yield from map(json.loads, file.read_text("utf-8").splitlines() if file.exists() else ())


def _about_an_article(row: Mapping[str, Any], ends: re.Pattern[str]) -> Iterator[tuple[Asked, Section, int]]:
    """With the sentence in which the answer begins, or the one that shares most words with the question."""
    question, context, answers = row["question"], row["context"], row["answers"]
    sentences = [each for each in ends.split(context) if each.strip()]
    section = Section(row["title"].replace("_", " "), tuple(each.strip() for each in sentences), ())
    if not answers:
        words = content(question)
        place = max(range(len(sentences)), key=lambda at: len(words & content(sentences[at])))
        yield Asked(question, ()), section, place
        return
    end = 0
    for place, sentence in enumerate(sentences):
        end = context.index(sentence, end) + len(sentence)
        if answers[0]["answer_start"] < end:
            yield Asked(question, (place,)), section, place
            return


def about_anything(data: Path) -> list[str]:
    """What is asked of an assistant that is no support desk (Dolly without a text, CLINC)."""
    dolly, clinc = data / "dolly15k" / "dolly.jsonl", data / "clinc_oos" / "data_full.json"
    found: list[str] = []
    if dolly.exists():
        rows = map(json.loads, dolly.read_text("utf-8").splitlines())
        asked = (row["instruction"] for row in rows if not row.get("context"))
        found += [each for each in asked if 15 < len(each) < 150]
    if clinc.exists():
        intents = json.loads(clinc.read_text("utf-8"))
        found += [each for part in ("train", "oos_train") for each, *_ in intents[part]][::3]
    return found
