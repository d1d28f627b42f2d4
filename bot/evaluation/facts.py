"""Facts in texts: whether an answer holds one, states another in its place, or says what nobody read.

Letter case, line breaks, emphasis marks, the width of a letter and the kind of dash do not matter. A number
must stand alone: "30 minutes" is not proved by "130 minutes" nor by "2.30 minutes".
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

from bot.evaluation.values import Fact
from knowledge_base.words import terms
from strategies.evidence import content, is_number, numbers, written
from strategies.lora.trust.grounding import EVERYWHERE, NAME

_EMPHASIS = re.compile(r"[*`]")
_DASHES = re.compile("[\u2010-\u2015\u2212\u301c~]")  # Japanese ranges use a wave

CODE = re.compile(r"(?<![\w-])[A-Za-z]{1,4}-?\d[\w-]*")  # E04, OS-3107, v2
STEP = re.compile(r"^\s*\d{1,2}[.)]\s+", re.MULTILINE)  # the number of a step says nothing
UNITS = {
    "second": "second seconds sec secs s 秒 秒間",
    "minute": "minute minutes min mins 分 分間",
    "hour": "hour hours hr hrs h 時間",
    "day": "day days 日 日間 日以内",
    "week": "week weeks 週 週間",
    "month": "month months か月 カ月 ヶ月 ヵ月 か月間",
    "year": "year years 年 年間",
    "millimetre": "mm millimetres millimeters ミリ",
    "centimetre": "cm centimetres centimeters センチ",
    "metre": "m metres meters メートル",
    "millilitre": "ml millilitres milliliters ミリリットル",
    "litre": "l litre litres liter liters リットル",
    "gram": "g gram grams グラム",
    "kilogram": "kg kilogram kilograms キロ",
    "degree": "°c ℃ degrees 度",
    "percent": "% percent パーセント",
    "watt": "w watt watts ワット",
    "gigahertz": "ghz",
    "dollar": "$ dollars usd",
    "yen": "¥ yen 円 jpy",
    "euro": "€ euros eur",
}
_UNIT = {name: unit for unit, names in UNITS.items() for name in names.split()}
_COUNT = r"\d[\d,]*(?:\.\d+)?|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
_BEHIND = "|".join(sorted(map(re.escape, _UNIT), key=len, reverse=True))
_MEASURE = re.compile(
    rf"(?P<money>[$¥€])\s?(?P<paid>\d[\d,]*(?:\.\d+)?)"
    rf"|(?<![a-z\d.,])(?P<count>{_COUNT})[\s-]?(?P<unit>{_BEHIND})(?![a-z])"
)

Measure = tuple[str, str]  # a number and its unit: ("30", "minute")


def proves(text: str, facts: Iterable[Fact | Sequence[str]]) -> bool:
    """Whether every fact is in the text; True when there is no fact to prove."""
    said = _plain(text)
    return all(_holds(said, fact) for fact in facts)


def holds(text: str, fact: Fact | Sequence[str]) -> bool:
    """Whether the text has one of the fact's alternatives."""
    return _holds(_plain(text), fact)


def found(text: str, facts: Sequence[Fact]) -> float:
    """The share of the facts that the text holds; of no facts, all."""
    said = _plain(text)
    return sum(_holds(said, fact) for fact in facts) / len(facts) if facts else 1.0


def measures(text: str) -> frozenset[Measure]:
    """The numbers of a text that have a unit."""
    return frozenset(
        (_number(match["paid"] or match["count"]), _UNIT[match["money"] or match["unit"]])
        for match in _MEASURE.finditer(_plain(text))
    )


def in_its_place(answer: str, fact: Fact, known: str = "") -> frozenset[Measure]:
    """What an answer says instead of a fact that it lacks: other numbers of the fact's units. What `known`
    says (the question) is repeated, not stated.
    """
    if holds(answer, fact):
        return frozenset()
    wanted = {unit for alternative in fact for _, unit in measures(alternative)}
    return frozenset(said for said in measures(answer) - measures(known) if said[1] in wanted)


def specifics(text: str) -> frozenset[str]:
    """What can be looked up: numbers, codes and names. A sentence's first word may be any word."""
    text = STEP.sub("", text)
    named = {name.casefold() for name in (*NAME.findall(text), *CODE.findall(text))}
    counted = {written(word) for word in terms(text) if is_number(word)}
    return frozenset(counted | {name for name in named if not is_number(name)} - EVERYWHERE)


def unread(answer: str, known: Sequence[str]) -> tuple[str, ...]:
    """Numbers, codes and names of an answer that no known text has, and numbers that have another unit
    there.
    """
    together = "\n".join(known)
    words, letters = content(together), together.casefold()
    foreign = {
        one
        for one in specifics(answer)
        if (one not in words if is_number(one) else one not in letters and not content(one) <= words)
    }
    there = measures(together)
    elsewhere = {number: {unit for other, unit in there if other == number} for number, _ in there}
    otherwise = {
        f"{number} {unit}"
        for number, unit in measures(answer) - there
        if number not in foreign and elsewhere.get(number)
    }
    return tuple(sorted(foreign | otherwise))


def _holds(said: str, fact: Fact | Sequence[str]) -> bool:
    return any(_pattern(alternative).search(said) for alternative in fact)


def _number(digits: str) -> str:
    digits = digits.replace(",", "")
    if digits == "one":
        return "1"
    return next(iter(numbers(content(digits))), digits)


def _plain(text: str) -> str:
    text = _DASHES.sub("-", unicodedata.normalize("NFKC", text).casefold())
    return " ".join(_EMPHASIS.sub("", text).split())


@lru_cache(maxsize=5_000)
def _pattern(alternative: str) -> re.Pattern[str]:
    plain = _plain(alternative)
    body = "".join(_letter(c) for c in plain)
    before = r"(?<!\d)(?<!\d[.,])" if plain[:1].isdigit() else ""
    after = r"(?![.,]?\d)" if plain[-1:].isdigit() else ""
    return re.compile(before + body + after)


def _letter(letter: str) -> str:
    """A PDF breaks a line of Japanese anywhere; a Western line breaks only at its spaces."""
    if letter == " ":
        return r"\s*"
    return re.escape(letter) + (r"\s?" if ord(letter) > 0x2FFF else "")
