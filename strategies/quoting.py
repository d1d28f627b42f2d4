"""How well a sentence answers a question, and how sure it is that any does: the evidence behind `quotes`.

No language model. A sentence is a candidate with a row of evidence: how near its meaning is to the
question's, which of the question's telling words, or of words akin to them, it and its headings hold, where
the search put its passage, whether it has a number when one is asked for. Two logistic regressions turn
evidence into odds: one that a sentence holds the answer, one that the documents do at all. Where the first
passages were read together with the question (`strategies.cross_encoder`), two more know what was seen there.
`python -m benchmarks.calibrate` fits them, on questions that no published figure is measured with.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from knowledge_base.passages import Passage
from knowledge_base.words import GRAMMATICAL, kindred, terms
from strategies.cross_encoder.reading import NEVER, Reading, language, shipped
from strategies.cross_encoder.windows import text_of
from strategies.rows import column_heads, is_row
from strategies.wording import in_japanese

Floats = NDArray[np.float64]

FITTED = Path(__file__).with_name("quoting.json")
OF_A_SENTENCE = (
    "meaning",  # cosine of question and sentence
    "words",  # weighed share of the question's telling words in the sentence
    "words and headings",  # … in the sentence or the headings above it
    "place",  # 1 / rank of its passage
    "score",  # its passage's share of the best search score
    "behind the best passage",  # search score of its passage, less the best one's
    "in the first passage",
    "in the first two",
    "behind the nearest",  # cosine, less that of its passage's nearest sentence
    "behind the fullest",  # words and headings, less the most of its passage
    "number asked and there",
    "same number",  # a number of the question stands in it
    "meaning before",  # cosine of the sentence before
    "behind the nearest of all",  # cosine, less that of the nearest sentence of any passage
    "length",  # log of its letters
    "words, headings and column heads",  # … in the sentence, above it, or at the head of its table's columns
    "kindred words",  # … in the sentence, the same or akin to them
    "kindred words and headings",
)
OF_THE_QUESTION = (
    "best sentence",  # log odds of the best sentence
    "ahead of the rest",  # … above the mean of the next four
    "meaning",  # largest cosine of a sentence
    "passage meaning",  # largest cosine of a passage
    "words",  # weighed share of telling words in the best sentence and its headings
    "passage words",  # largest such share of a passage
    "words anywhere",  # … in all the passages together
    "missing word",  # weight of the heaviest telling word that is nowhere, as a share of the heaviest
    "unknown words",  # share of telling words that no passage has
    "telling words",  # log of how many there are
    "search score",  # of the best passage
    "search margin",  # its lead over the next one
    "strength",  # largest BM25 of a passage, as a share of the most possible
    "order",  # largest share of neighbouring words that stand side by side
    "Japanese",
)
OF_A_READ_SENTENCE = (
    "odds",  # log odds by the evidence above
    "read",  # … by who read it beside the question
    "passage read",  # … that its passage answers
)
OF_A_READING = (
    "answers",  # largest log odds that a passage answers
    "answers next",  # … of another one
    "best passage answers",  # … of the one that the best sentence is from
    "sentence answers",  # largest log odds that a sentence does
    "best sentence answers",  # … of the sentence that is best by all evidence
    "any answers",  # log of the passages' summed odds
)
ALL_EVIDENCE = (*OF_THE_QUESTION, *OF_A_READING)
THOROUGHLY = (*ALL_EVIDENCE, *(f"thoroughly: {name}" for name in OF_A_READING))
ASKS_FOR_A_NUMBER = re.compile(
    r"\bhow (?:many|much|long|far|often|big|large|tall|heavy|hot|old|wide|fast|loud|high|deep|soon|late)\b"
    r"|\b(?:price|cost|temperature|weight|capacity|voltage|wattage|percentage)\b|\bwhen\b"
    r"|何[^か故]|いくら|いくつ|どのくらい|どれくらい|いつ",
    re.IGNORECASE,
)
DIGIT = re.compile(r"\d")

BESIDE = 2  # sentences on each side of one that is read
UNREAD = 3.0  # by how much less likely one is taken to answer that was not read than the least of those read

Kindred = Mapping[str, Mapping[str, float]]  # of a question's word, words akin to it, and how near each is


@dataclass(frozen=True)
class Asked:
    """A question as the evidence sees it. `weight` are its telling words, the rarer the heavier."""

    text: str
    vector: NDArray[np.float32]  # (dimension,), unit
    weight: Mapping[str, float]

    @cached_property
    def number(self) -> bool:
        """Whether the answer is a number."""
        return bool(ASKS_FOR_A_NUMBER.search(self.text))

    @cached_property
    def numbers(self) -> frozenset[str]:
        """The numbers it names itself."""
        return frozenset(word for word in self.weight if DIGIT.match(word))

    @cached_property
    def whole(self) -> float:
        return sum(self.weight.values())

    def share(self, words: Collection[str]) -> float:
        """How much of what the question says these words say too, 0 to 1."""
        said = sum(weight for word, weight in self.weight.items() if word in words)
        return said / self.whole if self.whole else 0.0

    def kindred(self, words: Iterable[str]) -> Kindred:
        """Which of these words are akin to words of the question, and how near."""
        known = list(words)
        return {word: akin for word in self.weight if (akin := kindred(word, known))}

    def share_akin(self, words: Collection[str], kindred: Kindred) -> float:
        """How much of what else it says is said by words that are akin, by as much as they are."""
        if not kindred:
            return 0.0
        said = sum(
            self.weight[word] * max((near for other, near in akin.items() if other in words), default=0.0)
            for word, akin in kindred.items()
            if word not in words
        )
        return said / self.whole if self.whole else 0.0


@dataclass(frozen=True)
class Candidate:
    """A sentence that may answer: the `place`-th of its passage, text[start:end]."""

    passage: Passage
    place: int
    start: int
    end: int
    odds: float  # log odds that it holds the answer

    @property
    def text(self) -> str:
        return self.passage.text[self.start : self.end]


@dataclass(frozen=True)
class Regression:
    """A logistic regression over named evidence."""

    weights: Floats  # (evidence,)
    bias: float
    middle: Floats
    spread: Floats

    @classmethod
    def of(cls, fitted: Mapping[str, Any], names: Sequence[str]) -> Regression:
        """From the file; evidence that was not fitted counts nothing."""
        rows = [fitted["evidence"].get(name, {"weight": 0, "middle": 0, "spread": 1}) for name in names]
        columns = (np.array([row[key] for row in rows], float) for key in ("weight", "middle", "spread"))
        weights, middle, spread = columns
        return cls(weights, float(fitted["bias"]), middle, spread)

    def odds(self, evidence: Floats) -> Floats:
        """Log odds of rows of evidence, (rows, evidence) or (evidence,)."""
        found: Floats = ((evidence - self.middle) / self.spread) @ self.weights + self.bias
        return found


@dataclass(frozen=True)
class Judging:
    """Two regressions, and from which likelihood on to answer."""

    sentence: Regression
    answerable: Regression
    enough: float


@dataclass(frozen=True)
class Step(Judging):
    """… and the likelihoods `between` which it has not seen enough."""

    between: tuple[float, float]

    def unsure(self, likely: float, enough: float = 0.0) -> bool:
        """Whether more should be read; also where it takes more than usual to be `enough`."""
        least, most = self.between
        return least <= likely < max(most, enough)


@dataclass(frozen=True)
class Steps:
    """By what to judge after reading: the likeliest passage alone; where that leaves it unsure, `several`;
    and where those do, the same by who sees more, None where there is nobody.
    """

    first: Step
    several: Step
    thorough: Judging | None


@dataclass(frozen=True)
class Fitted(Judging):
    """What calibration found. `read` goes on from there where passages were read, by the language of the
    question.
    """

    read: Mapping[str, Steps]


@lru_cache(maxsize=1)
def fitted() -> Fitted:
    """The calibration that ships."""
    content = json.loads(FITTED.read_text("utf-8"))
    return Fitted(
        *_judging(content, OF_A_SENTENCE, OF_THE_QUESTION),
        {name: _steps(these) for name, these in content["read"].items()},
    )


def _steps(content: Mapping[str, Any]) -> Steps:
    first, several = (
        Step(*_judging(content[name], OF_A_READ_SENTENCE, ALL_EVIDENCE), _between(content[name]))
        for name in ("first", "several")
    )
    thorough = content.get("thorough")
    return Steps(
        first,
        several,
        Judging(*_judging(thorough, OF_A_READ_SENTENCE, THOROUGHLY)) if thorough else None,
    )


def _between(content: Mapping[str, Any]) -> tuple[float, float]:
    least, most = content.get("unsure", (0.0, 0.0))
    return float(least), float(most)


def _judging(
    content: Mapping[str, Any], of_a_sentence: Sequence[str], of_the_question: Sequence[str]
) -> tuple[Regression, Regression, float]:
    return (
        Regression.of(content["sentence"], of_a_sentence),
        Regression.of(content["answerable"], of_the_question),
        float(content["enough"]),
    )


def candidates(
    asked: Asked, passages: Sequence[Passage], vectors: Sequence[Any], regression: Regression
) -> list[Candidate]:
    """Every sentence of the passages with its odds, best first. `vectors` are (sentences, dimension) each."""
    rows, where = evidence(asked, passages, vectors)
    if not where:
        return []
    odds = regression.odds(rows)
    found = [
        Candidate(passage, place, start, end, float(likely))
        for (passage, place, start, end), likely in zip(where, odds, strict=True)
    ]
    return sorted(found, key=lambda candidate: -candidate.odds)


def evidence(
    asked: Asked, passages: Sequence[Passage], vectors: Sequence[Any]
) -> tuple[Floats, list[tuple[Passage, int, int, int]]]:
    """The rows OF_A_SENTENCE, (sentences, evidence), and which sentence each is."""
    rows: list[list[float]] = []
    where: list[tuple[Passage, int, int, int]] = []
    best = max((passage.score for passage in passages), default=0.0)
    akin = asked.kindred(frozenset().union(*(headings(p) | words(p.text) for p in passages)))
    cosines = [nearness(asked, *each) for each in zip(passages, vectors, strict=True)]
    nearest = max((float(near.max()) for near in cosines if len(near)), default=0.0)
    for rank, (passage, near) in enumerate(zip(passages, cosines, strict=True), start=1):
        spans = passage.sentences[: len(near)]
        if not spans:
            continue
        above = headings(passage)
        texts = [passage.text[start:end] for start, end in spans]
        shares = [asked.share(words(text) | above) for text in texts]
        for place, text in enumerate(texts):
            inside = words(text)
            share, columns = asked.share(inside), heads(passage, spans[place])
            rows.append(
                [
                    float(near[place]),
                    share,
                    shares[place],
                    1 / rank,
                    passage.score / (best or 1.0),
                    passage.score - best,
                    float(rank == 1),
                    float(rank <= 2),
                    float(near[place] - near.max()),
                    shares[place] - max(shares),
                    float(asked.number and bool(DIGIT.search(text))),
                    float(not asked.numbers.isdisjoint(inside)),
                    float(near[max(0, place - 1)]),
                    float(near[place]) - nearest,
                    math.log1p(len(text)),
                    asked.share(inside | above | columns) if columns else shares[place],
                    share + asked.share_akin(inside, akin),
                    shares[place] + asked.share_akin(inside | above, akin),
                ]
            )
        where += [(passage, place, start, end) for place, (start, end) in enumerate(spans)]
    return np.array(rows, float).reshape(len(rows), len(OF_A_SENTENCE)), where


def nearness(asked: Asked, passage: Passage, vectors: Any) -> NDArray[np.float32]:
    """The cosine of the question and each sentence of the passage, (sentences,)."""
    if not len(vectors):
        return np.zeros(0, np.float32)
    return np.asarray(vectors, np.float32)[: len(passage.sentences)] @ asked.vector


def certainty(
    asked: Asked, found: Sequence[Candidate], passages: Sequence[Passage], vectors: Sequence[Any]
) -> Floats:
    """The row OF_THE_QUESTION, (evidence,). `found` are the candidates, best first, at least one."""
    odds = [candidate.odds for candidate in found[:5]]
    near = [float((np.asarray(rows, np.float32) @ asked.vector).max()) for rows in vectors if len(rows)]
    inside = [headings(passage) | words(passage.text) for passage in passages]
    anywhere = frozenset().union(*inside)
    best = found[0]
    heaviest = max(asked.weight.values(), default=1.0)
    missing = [weight for word, weight in asked.weight.items() if word not in anywhere]
    return np.array(
        [
            odds[0],
            odds[0] - (sum(odds[1:]) / len(odds[1:]) if odds[1:] else odds[0]),
            max(near, default=0.0),
            max((passage.dense or 0.0 for passage in passages), default=0.0),
            asked.share(words(best.text) | headings(best.passage)),
            max(map(asked.share, inside), default=0.0),
            asked.share(anywhere),
            max(missing, default=0.0) / heaviest,
            len(missing) / len(asked.weight) if asked.weight else 1.0,
            math.log1p(len(asked.weight)),
            max((passage.score for passage in passages), default=0.0),
            passages[0].evidence.get("margin", 0.0) if passages else 0.0,
            max((passage.evidence.get("strength", 0.0) for passage in passages), default=0.0),
            max((passage.evidence.get("order", 0.0) for passage in passages), default=0.0),
            float(in_japanese(asked.text)),
        ],
        float,
    )


@dataclass(frozen=True)
class Seen:
    """What it shows to read sentences of a passage together with the question; `first` is the place of the
    first of them.
    """

    first: int
    reading: Reading

    def sentence(self, place: int) -> float | None:
        """Log odds that the sentence there answers; None of one that was not read."""
        at = place - self.first
        odds = self.reading.sentences[at] if 0 <= at < len(self.reading.sentences) else NEVER
        return odds if odds > NEVER else None


def worth_reading(found: Sequence[Candidate], count: int) -> list[Candidate]:
    """The best sentence of each of so many passages, best first."""
    best: dict[str, Candidate] = {}
    for candidate in found:
        best.setdefault(candidate.passage.id, candidate)
    return list(best.values())[:count]


def look(asked: str, these: Sequence[Candidate], *, thorough: bool = False) -> dict[str, Seen]:
    """Each of these sentences read in its place among its neighbours, by passage; nothing where the question
    is in a script that is not read. `thorough` is who reads what the usual one is unsure of.
    """
    if not these or language(asked) is None:
        return {}
    firsts = [max(0, each.place - BESIDE) for each in these]
    texts = [
        text_of(each.passage, first, each.place + BESIDE + 1)
        for each, first in zip(these, firsts, strict=True)
    ]
    readings = zip(these, firsts, shipped().read(asked, texts, thorough=thorough), strict=True)
    return {each.passage.id: Seen(first, reading) for each, first, reading in readings}


def looked_again(
    found: Sequence[Candidate], seen: Mapping[str, Seen], regression: Regression
) -> list[Candidate]:
    """The candidates with their odds after reading, best first; those that were not read keep theirs."""
    again = []
    for each in found:
        row = of_a_read_sentence(each, seen)
        again.append(replace(each, odds=float(regression.odds(row))) if row is not None else each)
    return sorted(again, key=lambda candidate: -candidate.odds)


def of_a_read_sentence(candidate: Candidate, seen: Mapping[str, Seen]) -> Floats | None:
    """The row OF_A_READ_SENTENCE, (evidence,); None of one that was not read."""
    there = seen.get(candidate.passage.id)
    odds = there.sentence(candidate.place) if there else None
    if there is None or odds is None:
        return None
    return np.array([candidate.odds, odds, there.reading.answers], float)


def of_what_was_seen(seen: Mapping[str, Seen], best: Candidate) -> Floats:
    """The row OF_A_READING, (evidence,), of at least one passage; that of `best` is among them."""
    readings = [each.reading for each in seen.values()]
    answers = [reading.answers for reading in readings]
    least = min(answers) - UNREAD
    at_best = seen[best.passage.id].sentence(best.place)
    return np.array(
        [
            max(answers),
            sorted(answers)[-2] if len(answers) > 1 else least,
            answers[0],
            max(max(reading.sentences, default=least) for reading in readings),
            least if at_best is None else at_best,
            float(np.logaddexp.reduce(answers)),
        ],
        float,
    )


def likelihood(odds: float) -> float:
    """Odds as a share between 0 and 1."""
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, odds))))


def headings(passage: Passage) -> frozenset[str]:
    """The telling words above a passage."""
    return words(passage.path)


def heads(passage: Passage, sentence: tuple[int, int]) -> frozenset[str]:
    """The telling words at the head of the columns, where the sentence is a row of a table."""
    start, end = sentence
    if not is_row(passage.text[start:end]):
        return frozenset()
    return words(" ".join(column_heads(passage.text, end)))


@lru_cache(maxsize=20_000)
def words(text: str) -> frozenset[str]:
    """The telling words of a text, as the lexical index knows them."""
    return frozenset(terms(text)) - GRAMMATICAL
