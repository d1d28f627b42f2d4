"""Answers in the documents' own words: the sentences that answer the question, each with its citation.

No language model: what to say is chosen by the evidence of `strategies.quoting`, and it abstains when that
evidence is not enough. The first passages are read together with the question (`strategies.cross_encoder`),
where that is in a script which whoever reads them knows. What it says is a substring of a passage, but for a
table row, which is read out with its column heads.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from knowledge_base.line import CORES
from knowledge_base.passages import Passage
from strategies.base import Embedder, Kit, Options, Question, Weigh, alike, unknown
from strategies.codes import codes, untold
from strategies.cross_encoder.reading import language, shipped
from strategies.errors import NoAnswer
from strategies.events import Citation, Decision, Event, Token
from strategies.quoting import (
    ALL_EVIDENCE,
    Asked,
    Candidate,
    Floats,
    Judging,
    Seen,
    Steps,
    candidates,
    certainty,
    fitted,
    likelihood,
    look,
    looked_again,
    of_what_was_seen,
    words,
    worth_reading,
)
from strategies.rows import is_row, read_out

ALIKE = 0.8  # two sentences that share so much of their words say the same
LEADING = 2  # of the best sentences, how many bring the one that follows: a fault its remedy


class QuotesOptions(Options):
    """What an operator may set."""

    sentences: int = Field(default=8, ge=1, le=12, description="How many sentences an answer has at most.")
    share: float = Field(
        default=0.07,
        gt=0,
        le=1,
        description="How likely a further sentence must be, as a share of the best one's likelihood.",
    )
    enough: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="From which likelihood on it answers; unset: as calibrated. Higher refuses more.",
    )
    read: int = Field(
        default=2,
        ge=0,
        le=8,
        description="How many passages are read together with the question at most, to see whether they "
        "answer it: the likeliest, and the others where that one leaves it unsure. Each takes some "
        "milliseconds; 0 judges by words and vectors alone.",
    )
    read_again: bool = Field(
        default=True,
        description="Whether a larger reader looks at those passages too, where the usual one is unsure: one "
        "question in three, some thirty milliseconds. English only, and not in a crowd.",
    )


class Quotes:
    """Quotes the sentences that answer the question; needs no language model."""

    Options: ClassVar[type[Options]] = QuotesOptions

    def __init__(
        self,
        options: QuotesOptions,
        embedder: Embedder,
        sentences: Callable[[Sequence[Passage]], Sequence[Any]],
        weigh: Weigh = alike,
        named: str = "quotes",
        languages: Callable[[], Collection[str]] = unknown,
    ) -> None:
        self._options = options
        self._embedder = embedder
        self._sentences = sentences
        self._weigh = weigh
        self._named = named
        self._languages = languages

    @classmethod
    def make(cls, options: QuotesOptions, kit: Kit) -> Quotes:
        return cls(options, kit.embedder, kit.sentences, kit.weigh, kit.named, kit.languages)

    def warm_up(self) -> None:
        """The embedder is the index's, and warm."""
        fitted()
        if self._options.read:
            japanese = "ja" in self._languages()
            shipped().warm_up(thorough=self._options.read_again, japanese=japanese)

    def stream(self, question: Question) -> Iterator[Event]:
        if not question.passages:
            raise NoAnswer("nothing was found to quote")
        judged = self._judged(question)
        if not judged:
            raise NoAnswer("what was found holds no sentence to quote")
        sure, enough = likelihood(judged.odds), self._least(judged)
        detail = {
            "likelihood": round(sure, 4),
            "enough": round(enough, 4),
            "sentences": len(judged.found),
            "read": judged.read,
            "read again": judged.again,
            **({"hurried": True} if judged.hurried else {}),
        }
        if judged.untold:
            decided = Decision(self._named, "abstained", "a code that is not there", detail)
            like = judged.untold.upper()
            raise NoAnswer(f"the documents have codes like {like}, and not that one", (decided,))
        if not question.vouched and sure < enough:
            decided = Decision(self._named, "abstained", "the evidence is not enough", detail)
            raise NoAnswer(f"the documents answer with likelihood {sure:.2f}, below {enough:.2f}", (decided,))
        chosen = choose(judged.found, self._options.sentences, self._options.share)
        yield Decision(self._named, f"quoted {len(chosen)} of {len(judged.found)} sentences", "", detail)
        yield from told(chosen)

    def signs(self, question: Question) -> Mapping[str, float]:
        """The evidence that the passages answer, what follows from it, and how much would be quoted."""
        judged = self._judged(question, sparing=False)
        if not judged:
            return {}
        quoted = len(choose(judged.found, self._options.sentences, self._options.share))
        return {"odds": judged.odds, "sentences": float(quoted), **judged.evidence}

    def _judged(self, question: Question, *, sparing: bool = True) -> Judged | None:
        """None where there is no sentence. A question that was taken to lean on what was said before may
        stand alone after all.
        """
        judged = self._by(question.query or question.text, question.passages, sparing=sparing)
        if judged and question.query not in ("", question.text) and not self._enough(judged):
            alone = self._by(question.text, question.passages, sparing=sparing)
            return max(filter(None, (judged, alone)), key=lambda one: (not one.untold, one.odds))
        return judged

    def _by(self, text: str, passages: Sequence[Passage], *, sparing: bool) -> Judged | None:
        vector = np.asarray(self._embedder.embed_query(text), np.float32)
        asked = Asked(text, vector, self._weigh(text))
        vectors = self._sentences(passages)
        with CORES.place():
            return judge(asked, passages, vectors, self._options, sparing=sparing)

    def _enough(self, judged: Judged) -> bool:
        return not judged.untold and likelihood(judged.odds) >= self._least(judged)

    def _least(self, judged: Judged) -> float:
        """The likelihood from which on it answers."""
        return judged.enough if self._options.enough is None else self._options.enough


@dataclass(frozen=True)
class Judged:
    """What there is to quote, best first, and how sure it is that it answers."""

    found: Sequence[Candidate]
    odds: float
    enough: float  # likelihood from which on to answer, as calibrated
    evidence: Mapping[str, float]
    read: int  # passages
    again: int  # … of which so many again, thoroughly
    hurried: bool  # whether they would have been, had fewer asked at once
    untold: str  # a code that is asked about and stands in none of them, though others like it do; or ""


@dataclass(frozen=True)
class Looked:
    """The candidates, best first, the evidence that they answer, and by what both are judged."""

    found: Sequence[Candidate]
    row: Floats
    by: Judging
    read: int = 0
    again: int = 0
    hurried: bool = False

    @property
    def odds(self) -> float:
        return float(self.by.answerable.odds(self.row))

    def and_seen(self, seen: Mapping[str, Seen], by: Judging) -> Looked:
        """… with what is seen in some of the passages."""
        row = np.concatenate([self.row, of_what_was_seen(seen, self.found[0])])
        return Looked(looked_again(self.found, seen, by.sentence), row, by, read=len(seen))


def judge(
    asked: Asked,
    passages: Sequence[Passage],
    vectors: Sequence[Any],
    options: QuotesOptions,
    *,
    sparing: bool = True,
) -> Judged | None:
    """All evidence together, with as many passages read as the options allow, `sparing` no more of them than
    it takes to be sure; None where they have no sentence.
    """
    found = candidates(asked, passages, vectors, fitted().sentence)
    if not found:
        return None
    looked = Looked(found, certainty(asked, found, passages, vectors), fitted())
    who = language(asked.text)
    if options.read and who:
        looked = after_reading(asked.text, looked, fitted().read[who], options, sparing=sparing)
    told_of = (code for one in passages for code in codes(" ".join([one.title, *one.headings, one.text])))
    return Judged(
        looked.found,
        looked.odds,
        looked.by.enough,
        # without what reading shows, if nothing was read
        dict(zip(ALL_EVIDENCE, map(float, looked.row), strict=False)),
        looked.read,
        looked.again,
        looked.hurried,
        untold(asked.text, told_of),
    )


def after_reading(
    asked: str, before: Looked, steps: Steps, options: QuotesOptions, *, sparing: bool
) -> Looked:
    """Step by step, as far as it takes to be sure."""
    read, enough = options.read, options.enough or 0.0
    seen: dict[str, Seen] = {}
    looked = before
    first = [(steps.first, 1)] if sparing and read > 1 else []
    for step, count in (*first, (steps.several, read)):
        seen |= look(asked, worth_reading(before.found, count)[len(seen) :])
        looked = before.and_seen(seen, step)
        if not step.unsure(likelihood(looked.odds), enough):
            return looked
    if not (options.read_again and steps.thorough):
        return looked
    if shipped().crowded:
        return replace(looked, hurried=True)
    twice = look(asked, worth_reading(looked.found, read), thorough=True)
    return replace(looked.and_seen(twice, steps.thorough), read=looked.read, again=len(twice))


def choose(found: Sequence[Candidate], most: int, share: float) -> list[Candidate]:
    """The best sentence, and up to `most` that are nearly as likely and say something else, best first. What
    follows the very best in their passage comes with them.
    """
    chosen: list[Candidate] = []
    here = {(candidate.passage.id, candidate.place): candidate for candidate in found}
    least = share * likelihood(found[0].odds)
    leading = 0
    for candidate in found:
        if len(chosen) >= most or likelihood(candidate.odds) < least:
            break
        if candidate in chosen or any(says_the_same(candidate.text, other.text) for other in chosen):
            continue
        following = here.get((candidate.passage.id, candidate.place + 1)) if leading < LEADING else None
        leading += 1
        chosen.append(candidate)
        if following and following not in chosen and goes_on(candidate, following):
            chosen.append(following)
    return chosen[:most]


def goes_on(sentence: Candidate, following: Candidate) -> bool:
    """Whether what follows may belong to a sentence; the next row of a table is about something else."""
    return not is_row(sentence.text) and not is_row(following.text)


def says_the_same(one: str, other: str) -> bool:
    """Whether the two share nearly all of their telling words."""
    a, b = words(one), words(other)
    return len(a & b) >= ALIKE * max(1, min(len(a), len(b))) and len(a | b) <= len(a & b) / ALIKE + 1


def paragraphs(chosen: Sequence[Candidate]) -> list[list[Candidate]]:
    """By passage, the best one first; inside a passage in its own order, neighbours together."""
    order = list(dict.fromkeys(candidate.passage.id for candidate in chosen))
    inside = sorted(chosen, key=lambda each: (order.index(each.passage.id), each.place))
    runs = groupby(enumerate(inside), key=lambda each: (each[1].passage.id, each[1].place - each[0]))
    return [[candidate for _, candidate in run] for _, run in runs]


def told(chosen: Sequence[Candidate]) -> Iterator[Event]:
    """Each sentence with its citation; passages are numbered by first use."""
    numbers: dict[str, int] = {}
    before = ""
    for paragraph in paragraphs(chosen):
        for position, sentence in enumerate(paragraph):
            if position:
                before = between(sentence.passage.text[paragraph[position - 1].end : sentence.start])
            yield Token(before + readable(sentence))
            number = numbers.setdefault(sentence.passage.id, len(numbers) + 1)
            yield Citation(number, sentence.passage, sentence.text)
        before = "\n\n"


def between(text: str) -> str:
    """What stands between two sentences, such as a blank; the head of a table is read out with its rows."""
    return "\n".join(line for line in text.split("\n") if not is_row(line))


def readable(sentence: Candidate) -> str:
    """The quote as it is read: table rows with their column heads, the rest as it stands."""
    return read_out(sentence.passage.text, sentence.start, sentence.end)
