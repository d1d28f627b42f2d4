"""What `make claim` asks: what the desk answered, what only the manuals tell, what has changed since, and
what nobody answers.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from io import BytesIO

from benchmarks import reading
from benchmarks.desk import never_shown
from benchmarks.libraries import DEMO
from bot.evaluation import facts
from bot.evaluation.values import AskedQuestion
from bot.evaluation.values import Part as EvaluationPart
from bot.kotae import Kotae
from demo.pairs import DemoPair, Part, Unanswerable, keys_of, pairs, unanswerable
from demo.questions import DemoQuestion, questions
from strategies.base import Turn

EDITABLE = (".md", ".html", ".txt", ".csv")  # manuals that are changed as text
KEYS = keys_of(pairs())


def known(only: Callable[[DemoPair], bool] = lambda _pair: True) -> list[AskedQuestion]:
    """Wordings that were held out and chose nothing. A near fact (another model's price) is wrong."""
    asked = [pair for pair in never_shown() if pair.language == "en" and only(pair)]
    return [
        AskedQuestion(
            f"{pair.fact}/{n}",
            pair.question,
            "en",
            facts=(pair.keys,),
            wrong=rivals(pair),
            sources=(pair.document,),
            reference=pair.answer,
            tags=("known", pair.attribute),
            part="held-out",
        )
        for n, pair in enumerate(asked)
    ]


def rivals(pair: DemoPair) -> tuple[tuple[str, ...], ...]:
    """The facts that it is easily mistaken for."""
    return tuple(
        dict.fromkeys(
            (key,)
            for fact, keys in KEYS.items()
            if fact.partition(".")[0] == pair.attribute
            for key in keys
            if key not in pair.keys
        )
    )


def untaught() -> list[AskedQuestion]:
    """What no pair tells and a manual does: of the demo's test questions, and of the pairs' near misses."""
    taught = [pair for pair in pairs("train") if pair.language == "en"]
    asked = [told_by_a_manual(one, "untaught", "held-out") for one in near_misses("test") if one.keys]
    asked += [
        of_the_demo(one, "held-out", "untaught")
        for one in questions("test")
        if one.answerable and one.language == "en"
    ]
    return [one for one in asked if not any(reading.says(pair, one) for pair in taught)]


def told_by_a_manual(one: Unanswerable, tag: str, part: EvaluationPart) -> AskedQuestion:
    return AskedQuestion(
        one.id,
        one.question,
        one.language,
        facts=(one.keys,),
        sources=(one.document,),
        tags=(tag, *one.tags),
        part=part,
    )


def near_misses(part: Part) -> list[Unanswerable]:
    """English questions that no pair answers."""
    return [one for one in unanswerable(part) if one.language == "en"]


def of_the_demo(one: DemoQuestion, part: EvaluationPart, *tags: str) -> AskedQuestion:
    return AskedQuestion(
        one.id,
        one.question,
        one.language,
        history=tuple(Turn(said.role, said.text) for said in one.history),
        facts=one.facts,
        sources=one.sources,
        answerable=one.answerable,
        tags=(*tags, *one.tags),
        part=part,
    )


def foreign() -> list[AskedQuestion]:
    """Near misses and other things, of the pairs' test and the manuals', that neither answer."""
    asked = [(one.id, one.question, one.tags) for one in near_misses("test") if not one.keys]
    asked += [
        (one.id, one.question, one.tags)
        for one in questions("test")
        if not one.answerable and one.language == "en" and not one.history
    ]
    return [
        AskedQuestion(name, text, "en", answerable=False, tags=("foreign", *tags), part="held-out")
        for name, text, tags in asked
    ]


def some(asked: Sequence[AskedQuestion], limit: int) -> list[AskedQuestion]:
    return list(asked[:: max(1, -(-len(asked) // limit))]) if limit else list(asked)


# ---- what has changed since ----


@dataclass(frozen=True)
class Change:
    """A fact's number that a new version of its manual says differently."""

    fact: str
    document: str
    old: str
    new: str


def changes(kotae: Kotae) -> list[Change]:
    """One number of each fact that stands once in its manual, and in no other English one."""
    said = {
        document.source: "\n".join(passage.text for passage in kotae.library.passages(document.id))
        for document in kotae.library.documents()
        if document.language == "en"
    }
    first = {pair.fact: pair for pair in pairs() if pair.language == "en" and "number" in pair.tags}
    found = []
    for fact, pair in first.items():
        if pair.document not in said or not pair.document.endswith(EDITABLE):
            continue
        text = (DEMO / pair.document).read_text("utf-8")
        old = next((key for key in pair.keys if text.count(key) == 1 and re.search(r"\d", key)), "")
        elsewhere = any(
            facts.holds(other, pair.keys) for name, other in said.items() if name != pair.document
        )
        if old and not elsewhere and (new := raised(old)) and new not in text:
            found.append(Change(fact, pair.document, old, new))
    return found


def raised(key: str) -> str:
    """The same with its number a tenth higher: $149 becomes $164, and 0.8 litres 0.9 litres."""

    def higher(digits: re.Match[str]) -> str:
        whole, dot, behind = digits[0].partition(".")
        number = int(whole + behind)
        more = str(number + max(1, round(number / 10))).zfill(len(behind) + 1)
        point = len(more) - len(behind)
        return more[:point] + dot + more[point:]

    return re.sub(r"\d+(?:\.\d+)?", higher, key, count=1)


def update(kotae: Kotae, made: Sequence[Change]) -> None:
    """The new versions of the manuals, uploaded as an admin would."""
    for name in sorted({one.document for one in made}):
        text = (DEMO / name).read_text("utf-8")
        for one in made:
            if one.document == name:
                text = text.replace(one.old, one.new)
        received = kotae.library.receive(BytesIO(text.encode()), name)
        kotae.library.ingest(received.document.id)


def changed(made: Sequence[Change]) -> list[AskedQuestion]:
    """What is right now, and what was right when the adapter was trained."""
    new = {one.fact: one for one in made}
    asked = known(lambda pair: pair.fact in new)
    return [
        replace(
            one,
            facts=((new[fact_of(one)].new,),),
            wrong=(KEYS[fact_of(one)],),
            reference="",
            tags=("changed",),
            id=f"changed/{one.id}",
        )
        for one in asked
    ]


def fact_of(question: AskedQuestion) -> str:
    return question.id.removeprefix("changed/").partition("/")[0]
