"""What is wrong with pairs, told before a minute is spent on training.

conflict    one question with answers that disagree                                   error
long        longer than what is read or said at once                                        error
empty       nothing asked, or nothing answered                                        error
near        questions that mean nearly the same, answered differently                 warning
language    asked in one language and answered in another, or not as labelled         warning
facts       facts with a single wording; too few pairs to teach anything              warning
duplicate   the same pair again: it counts once                                       note
alike       two wordings that are hardly two                                          note
personal    personal data, taken out                                                  note

An error should be mended before training. What a note tells of is done already, in `Report.pairs`.

Nearness by the embedder alone calls "the Kettle" and "the Kettle S" the same question (cosine .99; wordings
of one question hardly reach .93). So words have a say: numbers, codes and names that differ keep two
questions apart.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from knowledge_base.embedding import Embedder
from knowledge_base.readers.language import UNKNOWN, language_of
from strategies.evidence import content, numbers
from strategies.lora.pairs.redaction import Found, redact
from strategies.lora.pairs.room import Room
from strategies.lora.pairs.splits import split
from strategies.lora.pairs.values import Pair
from strategies.wording import TURNING, bare, telling

Kind = Literal["conflict", "long", "empty", "near", "language", "facts", "duplicate", "alike", "personal"]
Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)  # the gravest first
Progress = Callable[[str, float], None]

SAME_QUESTION = 0.93  # cosine
SAME_WORDING = 0.95
SAME_ANSWER = 0.97
AGREEING = 0.8  # of two answers to one question, with the same numbers
FAMILIAR = 0.5  # below, the embedder knows the script too little for its cosine to count alone
ENOUGH = 20  # pairs
MOST_NEAR = 100  # findings of one kind by meaning; more help nobody
QUOTED = 60  # characters of a question in a sentence
ROWS = 1024  # compared at once
READ_AT_ONCE = 256  # texts


@dataclass(frozen=True)
class Finding:
    """One thing to know. `places` are positions among the pairs that were checked, `lines` their lines."""

    kind: Kind
    severity: Severity
    sentence: str
    places: tuple[int, ...] = ()
    lines: tuple[int, ...] = ()


@dataclass(frozen=True)
class Report:
    """What the check found, and the pairs as they should be kept: redacted, each once, their facts named.

    `facts`, `languages` and `parts` (how many would be taught and held out) count the known pairs, too.
    """

    findings: tuple[Finding, ...]
    pairs: tuple[Pair, ...] = field(repr=False)
    checked: int
    facts: int
    languages: Mapping[str, int]
    redacted: Mapping[str, int]
    parts: Mapping[str, int]

    @property
    def sound(self) -> bool:
        """Nothing has to be mended."""
        return not any(finding.severity == "error" for finding in self.findings)

    def of(self, kind: Kind) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.kind == kind)

    def as_dict(self) -> dict[str, Any]:
        """All but the pairs, for JSON."""
        told = {name: getattr(self, name) for name in ("checked", "facts", "languages", "redacted", "parts")}
        return {
            "sound": self.sound,
            **told,
            "kept": len(self.pairs),
            "findings": [asdict(finding) for finding in self.findings],
        }


def check(
    pairs: Iterable[Pair],
    embedder: Embedder,
    *,
    known: Iterable[Pair] = (),
    lines: Sequence[int] = (),
    room: Room | None = None,
    redacting: bool = True,
    keep: Collection[str] = (),
    progress: Progress = lambda _step, _share: None,
) -> Report:
    """Look at the pairs, also beside those that are `known` already.

    `room` is what the base has for an answer; where it is not known, the embedder's stands in. `keep` is what
    is not personal although it looks so: the desk's own address. `lines` are those of the file that the pairs
    came from.
    """
    given = list(pairs)
    progress("redacting", 0.0)
    cleaned, taken = _redacted(given, keep) if redacting else (given, {})
    both = [*cleaned, *known]
    progress("reading", 0.1)
    texts = [text for pair in both for text in (pair.question, pair.answer)]
    vectors = _vectors(texts, embedder, lambda share: progress("reading", 0.1 + 0.7 * share))
    questions, answers = vectors[::2], vectors[1::2]
    progress("comparing", 0.8)
    sight = _Sight(both, questions, answers, embedder)
    named = _named(both, lambda places: answers[list(places)])
    whole = _each_once(named)
    found = [
        *_empty(cleaned),
        *_conflicts(sight),
        *_long(cleaned, embedder, room or Room(embedder.count, embedder.limit)),
        *_near(sight),
        *_languages(cleaned),
        *_duplicates(cleaned),
        *_alike(sight),
        *_personal(taken),
        *_facts(whole),
    ]
    parted = split(whole)
    progress("comparing", 1.0)
    return Report(
        findings=tuple(_told(found, len(given), lines)),
        pairs=tuple(_each_once(named[: len(given)])),
        checked=len(given),
        facts=len({pair.about for pair in whole}),
        languages=dict(Counter(language(pair) for pair in whole).most_common()),
        redacted=dict(Counter(one.kind for each in taken.values() for one in each)),
        parts={
            "train": len(parted.train),
            "held-out paraphrases": len(parted.held_out_paraphrases),
            "held-out facts": len(parted.held_out_facts),
        },
    )


def _told(found: Iterable[Finding], given: int, lines: Sequence[int]) -> Iterator[Finding]:
    """The gravest first, without those about known pairs alone."""
    for finding in sorted(found, key=lambda one: SEVERITIES.index(one.severity)):
        places = tuple(place for place in finding.places if place < given)
        if places or not finding.places:
            yield replace(
                finding, places=places, lines=tuple(lines[place] for place in places) if lines else ()
            )


def language(pair: Pair) -> str:
    """As labelled, else as it looks; `und` when it does not."""
    return pair.language or language_of(f"{pair.question}\n{pair.answer}")


def name_facts(pairs: Iterable[Pair], embedder: Embedder) -> list[Pair]:
    """Every pair with the id of its fact: pairs whose answers say the same are about one."""
    pairs = list(pairs)
    return _named(pairs, lambda places: _vectors([pairs[place].answer for place in places], embedder))


# ---- what is compared ----

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class _Sight:
    """The pairs, with their texts as vectors."""

    pairs: Sequence[Pair]
    questions: Floats  # (pairs, dimension)
    answers: Floats
    embedder: Embedder

    def near_questions(self, cosine: float) -> Iterator[tuple[int, int]]:
        """The positions of two questions that mean nearly the same."""
        for one, other in _near_rows(self.questions, cosine):
            asked = self.pairs[one].question, self.pairs[other].question
            if numbers(content(asked[0])) == numbers(content(asked[1])) and self._readable(*asked):
                yield one, other

    def agree(self, one: int, other: int) -> bool:
        """Whether two answers say the same."""
        first, second = self.pairs[one].answer, self.pairs[other].answer
        if telling(first) == telling(second):
            return True
        if numbers(content(first)) != numbers(content(second)):
            return False
        a, b = self.pairs[one].fact, self.pairs[other].fact
        turned = (telling(first) ^ telling(second)) & TURNING
        near = float(self.answers[one] @ self.answers[other]) >= AGREEING
        return bool(a and a == b) or (near and not turned)

    def _readable(self, one: str, other: str) -> bool:
        """Of a script that the embedder hardly knows, all texts are near: there the words decide."""
        if min(self.embedder.familiarity(one), self.embedder.familiarity(other)) >= FAMILIAR:
            return True
        return telling(one) == telling(other)


def _vectors(
    texts: Sequence[str], embedder: Embedder, progress: Callable[[float], None] = lambda _share: None
) -> Floats:
    """One row for each text; a text that comes again is read once."""
    unique = list(dict.fromkeys(texts))
    rows: dict[str, list[float]] = {}
    for start in range(0, len(unique), READ_AT_ONCE):
        some = unique[start : start + READ_AT_ONCE]
        rows.update(zip(some, embedder.embed_documents(some), strict=True))
        progress(len(rows) / len(unique))
    return np.array([rows[text] for text in texts], np.float32)


def _near_rows(vectors: Floats, cosine: float) -> Iterator[tuple[int, int]]:
    for start in range(0, len(vectors), ROWS):
        block = vectors[start : start + ROWS] @ vectors[start:].T
        for one, other in np.argwhere(block >= cosine):
            if one < other:
                yield start + int(one), start + int(other)


def _redacted(pairs: Sequence[Pair], keep: Collection[str]) -> tuple[list[Pair], dict[int, list[Found]]]:
    cleaned: list[Pair] = []
    taken: dict[int, list[Found]] = {}
    for place, pair in enumerate(pairs):
        question, answer = redact(pair.question, keep=keep), redact(pair.answer, keep=keep)
        cleaned.append(replace(pair, question=question.text, answer=answer.text))
        if found := [*question.found, *answer.found]:
            taken[place] = found
    return cleaned, taken


def _named(pairs: Sequence[Pair], answers: Callable[[Sequence[int]], Floats]) -> list[Pair]:
    """A pair without a fact joins the one whose answer it has: in the same words, and the same in meaning.

    `answers` gives the vectors of some pairs' answers, by their places.
    """
    own = {pair.key: pair.fact for pair in reversed(pairs) if pair.fact}
    facts = {pair.subject: pair.fact for pair in reversed(pairs) if pair.fact}
    first = {pair.subject: place for place, pair in reversed(list(enumerate(pairs)))}
    alike: dict[frozenset[str], list[int]] = defaultdict(list)
    for place in sorted(first.values()):
        alike[telling(pairs[place].answer)].append(place)
    for words, places in alike.items():
        if len(words) < 2 or len(places) < 2:
            continue
        for here, there in _near_rows(answers(places), SAME_ANSWER):
            one, other = pairs[places[here]], pairs[places[there]]
            fact = facts.get(one.subject) or facts.get(other.subject) or one.about
            facts.setdefault(one.subject, fact)
            facts.setdefault(other.subject, fact)
    return [
        replace(pair, fact=pair.fact or own.get(pair.key) or facts.get(pair.subject) or pair.about)
        for pair in pairs
    ]


def _answer(pair: Pair) -> str:
    return bare(pair.answer)


def _each_once(pairs: Iterable[Pair]) -> list[Pair]:
    """The first of equal pairs; held out if any of them is."""
    kept: dict[str, Pair] = {}
    for pair in pairs:
        first = kept.setdefault(pair.key, pair)
        if pair.split == "held-out" != first.split:
            kept[pair.key] = replace(first, split="held-out")
    return list(kept.values())


# ---- what is found ----


def _empty(pairs: Sequence[Pair]) -> Iterator[Finding]:
    for place, pair in enumerate(pairs):
        if not pair.question.strip():
            yield Finding("empty", "error", f"nothing is asked for the answer {_said(pair.answer)}", (place,))
        if not pair.answer.strip():
            yield Finding("empty", "error", f"{_said(pair.question)} has no answer", (place,))


def _conflicts(sight: _Sight) -> Iterator[Finding]:
    for places in _together(sight.pairs, lambda pair: pair.wording):
        answers = {_answer(sight.pairs[place]): place for place in reversed(places)}
        ways: list[int] = []
        for place in sorted(answers.values()):
            if not any(sight.agree(place, way) for way in ways):
                ways.append(place)
        if len(ways) > 1:
            question = _said(sight.pairs[places[0]].question)
            told = f"{question} is answered in {len(ways)} ways that disagree: keep one"
            yield Finding("conflict", "error", told, tuple(places))


def _near(sight: _Sight) -> Iterator[Finding]:
    """Not where somebody named two facts, nor where each answer speaks of what sets its question apart."""
    told = 0
    for one, other in sight.near_questions(SAME_QUESTION):
        here, there = sight.pairs[one], sight.pairs[other]
        if here.wording == there.wording or (here.fact and there.fact) or sight.agree(one, other):
            continue
        own, others = telling(here.question), telling(there.question)
        apart = own - others <= telling(here.answer) and others - own <= telling(there.answer)
        if apart and own != others:
            continue
        sentence = (
            f"{_said(here.question)} and {_said(there.question)} mean nearly the same "
            "and are answered differently: is each answer right?"
        )
        yield Finding("near", "warning", sentence, (one, other))
        told += 1
        if told == MOST_NEAR:
            return


def _long(pairs: Sequence[Pair], embedder: Embedder, room: Room) -> Iterator[Finding]:
    for place, pair in enumerate(pairs):
        for what, tokens, longest in (
            ("question", embedder.count(pair.question), embedder.limit),
            ("answer", room.count(pair.answer), room.longest),
        ):
            if tokens > longest:
                told = f"has {tokens} tokens, and there is room for {longest}"
                yield Finding("long", "error", f"the {what} of {_said(pair.question)} {told}", (place,))


def _languages(pairs: Sequence[Pair]) -> Iterator[Finding]:
    for place, pair in enumerate(pairs):
        asked, answered = language_of(pair.question), language_of(pair.answer)
        if UNKNOWN not in (asked, answered) and asked != answered:
            told = f"{_said(pair.question)} is asked in {asked!r} and answered in {answered!r}"
            yield Finding("language", "warning", told, (place,))
        elif pair.language and answered != UNKNOWN and pair.language != answered:
            told = f"{_said(pair.question)} is labelled {pair.language!r} and answered in {answered!r}"
            yield Finding("language", "warning", told, (place,))


def _duplicates(pairs: Sequence[Pair]) -> Iterator[Finding]:
    for places in _together(pairs, lambda pair: pair.key):
        told = (
            f"{_said(pairs[places[0]].question)} is there {len(places)} times with one answer: it counts once"
        )
        yield Finding("duplicate", "note", told, tuple(places))


def _alike(sight: _Sight) -> Iterator[Finding]:
    told = 0
    for one, other in sight.near_questions(SAME_WORDING):
        here, there = sight.pairs[one], sight.pairs[other]
        if here.key == there.key or not sight.agree(one, other):
            continue
        if telling(here.question) == telling(there.question):
            sentence = f"{_said(here.question)} and {_said(there.question)} are hardly two wordings"
            yield Finding("alike", "note", sentence, (one, other))
            told += 1
        if told == MOST_NEAR:
            return


def _personal(taken: Mapping[int, Sequence[Found]]) -> Iterator[Finding]:
    places: dict[Found, list[int]] = defaultdict(list)
    for place, found in taken.items():
        for one in dict.fromkeys(found):
            places[one].append(place)
    for one, where in places.items():
        told = f"{one.kind} {one.masked} is taken out of {_times(len(where), 'pair')}"
        yield Finding("personal", "note", f"{told}; keep it if it is the desk's own", tuple(where))


def _facts(pairs: Sequence[Pair]) -> Iterator[Finding]:
    if len(pairs) < ENOUGH:
        told = f"{len(pairs)} of the {ENOUGH} pairs that a model needs at least to learn a desk's manner"
        yield Finding("facts", "warning", told)
    wordings = Counter(pair.about for pair in pairs)
    if alone := sum(count == 1 for count in wordings.values()):
        told = (
            f"facts with a single wording: {alone} of {len(wordings)}; "
            "a question in other words is understood better when each has three or more"
        )
        yield Finding("facts", "warning", told)


def _together(pairs: Sequence[Pair], what: Callable[[Pair], str]) -> Iterator[list[int]]:
    """The positions of the pairs that have something in common."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, pair in enumerate(pairs):
        places[what(pair)].append(place)
    yield from (found for found in places.values() if len(found) > 1)


def _times(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _said(text: str) -> str:
    text = " ".join(text.split())
    return f"“{text}”" if len(text) <= QUOTED else f"“{text[:QUOTED].rstrip()}…”"
