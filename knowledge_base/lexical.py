"""Finding passages by their words: by SQLite's FTS5 or a `tsvector` of PostgreSQL, written in the transaction
that writes the catalogue.

    create · add · remove · discard      the caller commits
    copy                                 all of it, to another database
    search                               which passages share words with a question, and how these lie there
    weights                              how telling each word of a text is
    Remembered                           what both have read of one version of the index

Either sees the words of `knowledge_base.words` ready made (`knowledge_base.lexical_sql`). Beside it stand two
small tables: which passage a row of the index is, and in how many passages each word occurs, so that a
question weighs its words without reading the index.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from knowledge_base.database import rows
from knowledge_base.lexical_sql import DIALECTS, Dialect, findable
from knowledge_base.words import GRAMMATICAL
from knowledge_base.words import terms as terms

ROWS = 3000  # FTS5 reads every passage that has one of the words; a question's telling words need no more
LONGEST = (
    400  # words of a question that count; what is longer is a letter, and its beginning says what it is about
)
EVERY = ""  # no word, and so one that every passage has: how many passages there are
KEPT = 20_000  # passages whose words stay in memory, about 3 kB each; and words of questions
ROWS_KEPT = 1_000_000  # of all words of questions, 16 bytes each
QUESTIONS_KEPT = 500
USUAL_LENGTH = 65  # words of a passage and its breadcrumb
LENGTH_COUNTS = 0.4  # BM25's b: passages are cut to size, so a longer one is hardly less to the point
SATURATION = 1.2  # BM25's k1

_VOCABULARY = sa.text("SELECT word, passages FROM passage_vocabulary")
_APPEAR = sa.text(
    "INSERT INTO passage_vocabulary (word, passages) VALUES (:word, 1) "
    "ON CONFLICT (word) DO UPDATE SET passages = passage_vocabulary.passages + 1"
)
_COUNT = sa.text("INSERT INTO passage_vocabulary (word, passages) VALUES (:word, :passages)")
_DISAPPEAR = sa.text("UPDATE passage_vocabulary SET passages = passages - :times WHERE word = :word")
_PLACE = sa.text(
    "INSERT INTO passage_rows (passage_id, document_id) VALUES (:passage, :document) RETURNING row"
)
_FORGET = sa.text("DELETE FROM passage_rows WHERE row IN :rows").bindparams(
    sa.bindparam("rows", expanding=True)
)
_EXTINCT = sa.text("DELETE FROM passage_vocabulary WHERE word = :word AND passages <= 0")


class Match(NamedTuple):
    """How a question's words lie in one passage. Each is 0 to 1, and a rare word counts for more than a
    common one.
    """

    strength: float = 0.0  # BM25, as a share of what a passage of nothing but these words would reach
    coverage: float = 0.0  # of the words that say what the question is about, those that occur
    heading: float = 0.0  # of these, those in the breadcrumb
    order: float = 0.0  # of the pairs of words that stand side by side in the question, those that do so here


@dataclass(frozen=True)
class _Asked:
    """The words of a question, and how telling each is in this index."""

    passages: Mapping[str, int]  # in how many each word occurs
    weight: Mapping[str, float]
    pairs: Mapping[tuple[str, str], float]  # words that stand side by side, with their weight together

    @cached_property
    def telling(self) -> Mapping[str, float]:
        """The words without those of grammar, unless there are no others."""
        chosen = {word: weight for word, weight in self.weight.items() if word not in GRAMMATICAL}
        return chosen or self.weight

    @cached_property
    def each(self) -> Sequence[tuple[str, float, float, Sequence[tuple[str, float]]]]:
        """Each word, its weight, that of a telling one, and the words after it with the pair's weight."""
        followed: dict[str, list[tuple[str, float]]] = {word: [] for word in self.weight}
        for (one, other), both in self.pairs.items():
            followed[one].append((other, both))
        return [
            (word, weight, self.telling.get(word, 0.0), followed[word])
            for word, weight in self.weight.items()
        ]

    @cached_property
    def whole(self) -> float:
        return sum(self.weight.values()) or 1.0

    @cached_property
    def whole_telling(self) -> float:
        return sum(self.telling.values()) or 1.0

    @cached_property
    def whole_pairs(self) -> float:
        return sum(self.pairs.values()) or 1.0


@dataclass(frozen=True, slots=True)
class Worded:
    """The words of a passage. Of the places where a word stands each is a bit: those of the breadcrumb, one
    that is free, those of the text.
    """

    places: Mapping[str, int]
    above: int  # all places of the breadcrumb
    length: int  # words

    @classmethod
    def of(cls, context: Sequence[str], text: Sequence[str]) -> Worded:
        places: dict[str, int] = {}
        for part, start in ((context, 0), (text, len(context) + 1)):
            for place, word in enumerate(part, start):
                word = sys.intern(word)  # one object, however many passages have it
                places[word] = places.get(word, 0) | 1 << place
        return cls(places, (1 << len(context)) - 1, len(context) + len(text))


Scores = tuple[NDArray[np.int64], NDArray[np.float64]]  # rows of the index, and the score of each


class Remembered:
    """What was read at one version of the index, so that later questions need not read it again."""

    def __init__(self) -> None:
        self._asked: dict[str, _Asked] = {}
        self._occur: dict[str, int] = {}
        self._words: dict[str, Worded] = {}
        self._scores: dict[str, Scores] = {}
        self._rows = 0  # in all of these
        self._passages: dict[int, str] = {}  # by row

    def asked(self, connection: sa.Connection, query: str) -> _Asked:
        """Search and strategy ask for the words of the same question."""
        kept = self._asked
        if query not in kept:
            if len(kept) >= QUESTIONS_KEPT:
                kept = self._asked = {}
            kept[query] = _asked(partial(self.occur, connection), query)
        return kept[query]

    def occur(self, connection: sa.Connection, words: Collection[str]) -> dict[str, int]:
        """In how many passages each word is."""
        kept = self._occur
        if unknown := [word for word in words if word not in kept]:
            if len(kept) + len(unknown) > KEPT:
                kept = self._occur = {word: kept[word] for word in words if word in kept}
            sql = _sql(connection)
            found = {word: int(n) for word, n in rows(connection, sql.occur, words=sql.several(unknown))}
            kept.update((word, found.get(word, 0)) for word in unknown)
        return {word: kept[word] for word in words}

    def words(self, connection: sa.Connection, passage_ids: Sequence[str]) -> dict[str, Worded]:
        """Of those passages that are there, by id."""
        kept = self._words
        if unknown := [id_ for id_ in passage_ids if id_ not in kept]:
            if len(kept) + len(unknown) > KEPT:
                kept = self._words = {id_: kept[id_] for id_ in passage_ids if id_ in kept}
            read = connection.execute(_sql(connection).read, {"ids": unknown})
            kept.update((id_, Worded.of(context.split(), text.split())) for id_, context, text in read)
        return {id_: kept[id_] for id_ in passage_ids if id_ in kept}

    def known(self, connection: sa.Connection) -> list[str]:
        """The words that passages have, without those of grammar, and with in how many each is."""
        self._occur.update((word, int(n)) for word, n in rows(connection, _VOCABULARY))
        return [word for word in self._occur if word != EVERY and word not in GRAMMATICAL]

    def ahead(self, connection: sa.Connection, words: Collection[str]) -> None:
        """Read what a search by any of these words will want."""
        passages = self.occur(connection, [EVERY, *words])
        every = passages.pop(EVERY)
        unknown = {
            word: _weight(every, n)
            for word, n in passages.items()
            if word not in self._scores and 0 < n <= ROWS
        }
        if unknown:
            self._scores.update(self._read(connection, unknown))

    def best(self, connection: sa.Connection, weight: Mapping[str, float], k: int) -> list[tuple[str, float]]:
        """The k passages that score most by these words, best first, those that were indexed first before
        others; each word's part in the scores is read once.
        """
        kept = self._scores
        if unknown := {word: its for word, its in weight.items() if word not in kept}:
            if len(kept) + len(unknown) > KEPT or self._rows > ROWS_KEPT:
                kept = self._scores = {word: kept[word] for word in weight if word in kept}
                self._rows = sum(len(where) for where, _ in kept.values())
            kept.update(self._read(connection, unknown))
        having = np.concatenate([kept[word][0] for word in weight])
        if not len(having):  # PostgreSQL does not see the end of a passage of many thousands of words
            return []
        every = np.sort(having)
        every = every[np.concatenate(([True], every[1:] != every[:-1]))]  # `np.unique` takes twice as long
        scores = np.bincount(every.searchsorted(having), np.concatenate([kept[word][1] for word in weight]))
        first = np.argsort(-scores, kind="stable")[:k]
        best = zip(every[first].tolist(), scores[first].tolist(), strict=True)
        return [(self._passages[row], score) for row, score in best]

    def _read(self, connection: sa.Connection, weight: Mapping[str, float]) -> dict[str, Scores]:
        sql = _sql(connection)
        found: dict[str, tuple[list[int], list[float]]] = {word: ([], []) for word in weight}
        for word, row, passage_id, score in rows(connection, sql.search, **sql.wanted(weight)):
            found[word][0].append(row)
            found[word][1].append(score)
            self._passages[row] = passage_id
            self._rows += 1
        return {
            word: (np.array(where, np.int64), np.array(scores, np.float64))
            for word, (where, scores) in found.items()
        }


class Hits(list[tuple[str, float]]):
    """The passages that a search found, each with its score."""

    def __init__(
        self,
        found: list[tuple[str, float]],
        asked: _Asked,
        words: Callable[[Sequence[str]], Mapping[str, Worded]],
    ) -> None:
        super().__init__(found)
        self._asked = asked
        self._words = words

    def matches(self, passage_ids: Sequence[str]) -> dict[str, Match]:
        """How the question's words lie in these passages, by id, also in those that another search found."""
        return {id_: _match(self._asked, worded) for id_, worded in self._words(passage_ids).items()}


def create(connection: sa.Connection) -> None:
    """The tables, unless they are there."""
    for statement in _sql(connection).tables:
        connection.exec_driver_sql(statement)


def add(connection: sa.Connection, passage_id: str, document_id: str, context: str, text: str) -> None:
    """Index one passage; a passage that is there is replaced."""
    discard(connection, [passage_id])
    above, below = findable(terms(context)), findable(terms(text))
    _put(connection, passage_id, document_id, above, below)
    connection.execute(_APPEAR, [{"word": word} for word in sorted({EVERY, *above, *below})])


def copy(source: sa.Connection, target: sa.Connection) -> None:
    """Everything that the source holds, to tables that hold nothing."""
    occur: Counter[str] = Counter()
    for passage_id, document_id, context, text in source.execute(_sql(source).everything):
        above, below = context.split(), text.split()
        _put(target, passage_id, document_id, above, below)
        occur.update({EVERY, *above, *below})
    if occur:
        target.execute(_COUNT, [{"word": word, "passages": occur[word]} for word in sorted(occur)])


def remove(connection: sa.Connection, document_id: str) -> None:
    """Forget every passage of a document."""
    found = connection.execute(
        sa.text("SELECT row FROM passage_rows WHERE document_id = :document"), {"document": document_id}
    )
    _forget(connection, found.scalars().all())


def discard(connection: sa.Connection, passage_ids: Sequence[str]) -> None:
    """Forget these passages."""
    found = connection.execute(
        sa.text("SELECT row FROM passage_rows WHERE passage_id IN :ids").bindparams(
            sa.bindparam("ids", list(passage_ids), expanding=True)
        )
    )
    _forget(connection, found.scalars().all())


def search(connection: sa.Connection, query: str, k: int, remembered: Remembered | None = None) -> Hits:
    """The k passages that share the most telling words with the query, best first, with their BM25 scores."""
    remembered = remembered or Remembered()
    asked = remembered.asked(connection, query)
    words = partial(remembered.words, connection)
    rarest = list(_within(ROWS, sorted(asked.telling, key=asked.passages.__getitem__), asked.passages))
    if not rarest:
        return Hits([], asked, words)
    found = remembered.best(connection, {word: asked.telling[word] for word in rarest}, k)
    return Hits(found, asked, words)


def weights(connection: sa.Connection, text: str, remembered: Remembered | None = None) -> dict[str, float]:
    """The telling words of a text, each with its weight: the rarer among the passages, the heavier."""
    return dict((remembered or Remembered()).asked(connection, text).telling)


def _asked(occur: Callable[[Collection[str]], dict[str, int]], query: str) -> _Asked:
    sequence = terms(query)[:LONGEST]
    passages = occur([EVERY, *dict.fromkeys(sequence)])
    every = passages.pop(EVERY)
    weight = {word: _weight(every, n) for word, n in passages.items()}
    pairs = {(one, other): weight[one] + weight[other] for one, other in pairwise(sequence)}
    return _Asked(passages, weight, pairs)


def _weight(every: int, having: int) -> float:
    """How telling a word is that so many of all passages have."""
    return math.log(1 + (every - having + 0.5) / (having + 0.5))


def _within(rows: int, rarest_first: Iterable[str], passages: Mapping[str, int]) -> Iterable[str]:
    """As many of the words as together occur in so few passages; the rarest one in any case."""
    read = 0
    for word in rarest_first:
        read += passages[word]
        if read > rows and read > passages[word]:
            return
        if passages[word]:
            yield word


def _match(asked: _Asked, worded: Worded) -> Match:
    places, above = worded.places, worded.above
    usual = SATURATION * (1 - LENGTH_COUNTS + LENGTH_COUNTS * worded.length / USUAL_LENGTH)
    strength = coverage = heading = order = 0.0
    for word, weight, telling, followed in asked.each:
        if here := places.get(word):
            n = here.bit_count()
            strength += weight * n / (n + usual)
            coverage += telling
            if here & above:
                heading += telling
            for other, both in followed:
                if here << 1 & places.get(other, 0):
                    order += both
    return Match(
        strength=strength / asked.whole,
        coverage=coverage / asked.whole_telling,
        heading=heading / asked.whole_telling,
        order=order / asked.whole_pairs,
    )


def _forget(connection: sa.Connection, rows: Sequence[int]) -> None:
    if not rows:
        return
    these, sql = {"rows": list(rows)}, _sql(connection)
    lost: Counter[str] = Counter()
    for context, text in connection.execute(sql.lost, these):
        lost.update({EVERY, *context.split(), *text.split()})
    connection.execute(sql.forget, these)
    connection.execute(_FORGET, these)
    if lost:  # in one order, as they are added: two that wait for each other's words would wait for ever
        words = sorted(lost)
        connection.execute(_DISAPPEAR, [{"word": word, "times": lost[word]} for word in words])
        connection.execute(_EXTINCT, [{"word": word} for word in words])


def _put(
    connection: sa.Connection, passage_id: str, document_id: str, above: Sequence[str], below: Sequence[str]
) -> None:
    sql = _sql(connection)
    row = connection.execute(_PLACE, {"passage": passage_id, "document": document_id}).scalar_one()
    words = {"context": " ".join(above), "text": " ".join(below), **sql.kept([*above, *below])}
    connection.execute(sql.add, {"row": row, **words})


def _sql(connection: sa.Connection) -> Dialect:
    return DIALECTS[connection.dialect.name]
