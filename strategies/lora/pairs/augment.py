"""More wordings of a question, made without a model: how people ask it when they are polite, in a hurry, or
bad at typing.

frame      words around the question               "Hi, I have a question: …"   「すみません、…」
terse      only the words that matter              "warranty mill pro"
drop       a little word left out
spelling   one or two slips of the finger; words with a digit are left alone

Deterministic: the same question has the same wordings under the same seed, whatever stands beside it. What
happens to be a held-out question is not taught.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Literal, get_args

from knowledge_base.readers.text import EAST_ASIAN
from strategies.lora.pairs.splits import Taught
from strategies.lora.pairs.values import Pair
from strategies.wording import bare, telling

Way = Literal["frame", "terse", "drop", "spelling"]
WAYS: tuple[Way, ...] = get_args(Way)

COPIES = 2  # of each question …
WORDINGS = 15  # … but no more than so many of a fact in all: where there are others, these are not missed
TRIES = 4  # for each copy: a way may leave a question as it is

ENGLISH_FRAMES = (
    "Hi, {asked}",
    "Hello! {asked}",
    "Quick question: {asked}",
    "{asked} Thanks!",
    "Could you tell me: {asked}",
    "I'd like to know, {asked}",
    "sorry to bother you, {asked}",
    "{asked} I can't find it anywhere.",
    "Good morning, {asked} Thank you.",
    "I have been wondering: {asked}",
)
JAPANESE_FRAMES = (
    "すみません、{asked}",
    "お世話になっております。{asked}",
    "{asked}教えてください。",
    "質問です。{asked}",
    "ちょっと聞きたいのですが、{asked}",
    "{asked}よろしくお願いします。",
    "こんにちは。{asked}",
    "初めて使います。{asked}",
)
JAPANESE_ENDINGS = re.compile(r"(?:のでしょうか|でしょうか|のですか|ですか|か)?[。？?！!]*$")
PARTICLES = re.compile(
    r"(?<=[\u30a0-\u30ff\u4e00-\u9fffA-Za-z0-9])(?:は|が|を|に)(?=[\u3040-\u30ff\u4e00-\u9fffA-Za-z0-9])"
)
WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")


def augment(
    pairs: Taught,
    seed: int = 0,
    *,
    copies: int = COPIES,
    ways: Sequence[Way] = WAYS,
) -> Taught:
    """The pairs, and after them up to `copies` more wordings of each, fewer where a fact has many wordings.
    `copies=0` is the switch.
    """
    taken = {pair.wording for pair in pairs}
    known = Counter(pair.about for pair in pairs)
    more: list[Pair] = []
    for pair in pairs:
        made, wanted = 0, min(copies, round(WORDINGS / known[pair.about] - 1))
        for asked in _wordings(pair.question, seed, copies, ways) if wanted > 0 else ():
            wording = bare(asked)
            if made < wanted and wording not in taken and asked not in pairs.held_out:
                taken.add(wording)
                more.append(replace(pair, question=asked))
                made += 1
    return pairs.with_more(more)


def _wordings(question: str, seed: int, copies: int, ways: Sequence[Way]) -> Iterator[str]:
    """Each way in turn."""
    chance = random.Random(f"{seed}\n{question}")
    turns = list(ways)
    chance.shuffle(turns)
    for turn in range(copies * TRIES if turns else 0):
        yield _CHANGES[turns[turn % len(turns)]](question, chance)


def _framed(question: str, chance: random.Random) -> str:
    if EAST_ASIAN.search(question):
        asked = question if question[-1:] in "。？?！!" else f"{question}。"
        return chance.choice(JAPANESE_FRAMES).format(asked=asked)
    frame = chance.choice(ENGLISH_FRAMES)
    asked = question if frame.startswith("{") else _lowered(question)
    return frame.format(asked=asked)


def _lowered(question: str) -> str:
    """The first letter small, unless it begins a name or a code."""
    first = question.split(maxsplit=1)[0] if question.split() else ""
    return question[:1].lower() + question[1:] if first[1:].islower() and not telling(first) else question


def _terse(question: str, _chance: random.Random) -> str:
    if EAST_ASIAN.search(question):
        return PARTICLES.sub(" ", JAPANESE_ENDINGS.sub("", question))
    kept = [word for word in question.split() if telling(word)]
    return " ".join(word.strip("?!.,;:").lower() for word in kept) if len(kept) > 1 else question


def _dropped(question: str, chance: random.Random) -> str:
    """A word of grammar; any other may be what is asked about."""
    if EAST_ASIAN.search(question):
        found = list(PARTICLES.finditer(question))
        lost = chance.choice(found) if found else None
        return question[: lost.start()] + question[lost.end() :] if lost else question
    words = question.split()
    small = [place for place, word in enumerate(words) if not telling(word)]
    if not small:
        return question
    lost_place = chance.choice(small)
    return " ".join(word for place, word in enumerate(words) if place != lost_place)


def _misspelt(question: str, chance: random.Random) -> str:
    """Not a word with a digit, and the first letter stays."""
    if EAST_ASIAN.search(question):
        return question
    long = [match for match in WORD.finditer(question) if len(match[0]) > 3 and _free(question, match)]
    for match in sorted(
        chance.sample(long, min(len(long), chance.randint(1, 2))), key=lambda one: -one.start()
    ):
        question = question[: match.start()] + _slip(match[0], chance) + question[match.end() :]
    return question


def _free(question: str, match: re.Match[str]) -> bool:
    """Whether the word is no part of a code: KT-1200."""
    around = question[max(0, match.start() - 1) : match.start()] + question[match.end() : match.end() + 1]
    return not re.search(r"[\w\-.@/]", around.rstrip("."))


def _slip(word: str, chance: random.Random) -> str:
    at = chance.randrange(1, len(word) - 1)
    match chance.randrange(3):
        case 0:
            return word[:at] + word[at + 1] + word[at] + word[at + 2 :]
        case 1:
            return word[:at] + word[at + 1 :]
        case _:
            return word[:at] + word[at] + word[at:]


_CHANGES: dict[Way, Callable[[str, random.Random], str]] = {
    "frame": _framed,
    "terse": _terse,
    "drop": _dropped,
    "spelling": _misspelt,
}
