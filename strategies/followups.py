"""A follow-up made to stand alone, so that it can be searched for: "And in white?" means nothing without the
turn before.

No language model: a question leans on the conversation when it points back ("it", "that", それ), when it
opens like a continuation ("and …", "what about …", では…), or when it has hardly a word of its own. Then the
customer's turns it leans on are put in front of it. `docs/decisions/strategies.md` has the measurements.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from knowledge_base.words import terms
from strategies.base import Question
from strategies.evidence import content

IDLE = frozenset(terms("know want tell like need get one ones thing ok okay work long often happen about"))
REACH = 3  # customer turns that are looked back on, at most
FEW = 2  # words of its own; with so few a question is about what was spoken of
ENOUGH = 6  # with so many it names what it is about, whatever pronouns are in it

CONTINUES = re.compile(
    r"\s*(?:and|or|but|also|then|so|what about|how about|what if|same|ok(?:ay)?,? (?:and|but|so|what))\b"
    r"|\s*(?:では|じゃあ?|それ(?:では|なら|じゃ|で)|あと|ちなみに|また|でも|だと)",
    re.IGNORECASE,
)
POINTS_BACK = re.compile(
    r"\b(?:it|its|they|them|their|theirs|that|this|those|these|there|he|she|him|her"
    r"|(?:the )?(?:other|another|same|former|latter|first|second|cheaper|bigger|smaller|new|old)(?: ones?)"
    r"|(?:which|that|this|in|an?) ones?|instead|otherwise|(?<!\d )else)\b"
    r"|それ|その|これ|この|あれ|そこ|そちら|そっち|ほか|他の|他に|別の|同じ|以外",
    re.IGNORECASE,
)
# "Is it possible to …", "it says", "the one that …": these point at nothing said before.
EXPLETIVE = re.compile(
    r"\b(?:is|was|would|will) it (?:\w+ ){0,2}"
    r"(?:possible|okay|ok|safe|necessary|normal|true|allowed|better|worth|too late)\b"
    r"|\b(?:is|are|was) there\b|\bthere (?:is|are|was)\b"
    r"|\b(?:so|such|now|given|know|think|sure|says?|means?) that\b"
    r"|\bthis (?:morning|week|month|year|evening)\b|\bthat (?:i|you|we|my|the|is|are|has|have|was|can)\b",
    re.IGNORECASE,
)
ELLIPSIS = re.compile(r"(?:は|の場合(?:は)?|なら|だったら|も|とか|のほうは|の方は)[?？。]?\s*$")


@dataclass(frozen=True)
class Standalone:
    """What to search for, and why it is not the question as it stands (`""` when it is)."""

    query: str
    why: str = ""


def standalone(question: Question) -> Standalone:
    """The question with what it leans on."""
    before = [turn.text for turn in question.history if turn.role == "customer" and turn.text.strip()]
    why = leans(question.text)
    if not before or not why:
        return Standalone(question.text)
    return Standalone("\n".join([*context(before), question.text]), why)


def context(before: Sequence[str]) -> list[str]:
    """The customer turns that a follow-up needs: back to the last one that stands by itself."""
    needed: list[str] = []
    for text in reversed(before[-REACH:]):
        needed.insert(0, text)
        if not leans(text):
            break
    return needed


def leans(text: str) -> str:
    """Why this question cannot be understood without the turn before; `""` when it can."""
    own = len(content(text) - IDLE)
    if CONTINUES.match(text) and own <= ENOUGH:
        return "it continues what was said before"
    if own <= ENOUGH and POINTS_BACK.search(EXPLETIVE.sub(" ", text)):
        return "it points back at what was said before"
    if ELLIPSIS.search(text) and own <= ENOUGH:
        return "it leaves out what it asks"
    if own <= FEW:
        return "it has hardly a word of its own"
    return ""
