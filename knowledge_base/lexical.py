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
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import pairwise

import sqlalchemy as sa

from knowledge_base.lexical_sql import DIALECTS, Dialect, findable
from knowledge_base.words import GRAMMATICAL
from knowledge_base.words import terms as terms

ROWS = 3000  # FTS5 reads every passage that has one of the words; a question's telling words need no more
LONGEST = (
    400  # words of a question that count; what is longer is a letter, and its beginning says what it is about
)
EVERY = ""  # no word, and so one that every passage has: how many passages there are
KEPT = 20_000  # passages whose words stay in memory, about 2 kB each; and words of questions
QUESTIONS_KEPT = 500
USUAL_LENGTH = 65  # words of a passage and its breadcrumb
LENGTH_COUNTS = 0.4  # BM25's b: passages are cut to size, so a longer one is hardly less to the point
SATURATION = 1.2  # BM25's k1

_OCCUR = sa.text("SELECT word, passages FROM passage_vocabulary WHERE word IN :words").bindparams(
    sa.bindparam("words", expanding=True)
)
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


@dataclass(frozen=True)
class Match:
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
    def whole(self) -> float:
        return sum(self.weight.values()) or 1.0

    @cached_property
    def whole_telling(self) -> float:
        return sum(self.telling.values()) or 1.0

    @cached_property
    def whole_pairs(self) -> float:
        return sum(self.pairs.values()) or 1.0


Worded = tuple[tuple[str, ...], tuple[str, ...]]  # the words of a passage's breadcrumb, and of its text


class Remembered:
    """What was read at one version of the index, so that later questions need not read it again."""

    def __init__(self) -> None:
        self._asked: dict[str, _Asked] = {}
        self._occur: dict[str, int] = {}
        self._words: dict[str, Worded] = {}

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
            found = {word: int(n) for word, n in connection.execute(_OCCUR, {"words": unknown})}
            kept.update((word, found.get(word, 0)) for word in unknown)
        return {word: kept[word] for word in words}

    def words(self, connection: sa.Connection, passage_ids: Sequence[str]) -> dict[str, Worded]:
        """Of those passages that are there, by id."""
        kept = self._words
        if unknown := [id_ for id_ in passage_ids if id_ not in kept]:
            if len(kept) + len(unknown) > KEPT:
                kept = self._words = {id_: kept[id_] for id_ in passage_ids if id_ in kept}
            read = connection.execute(_sql(connection).read, {"ids": unknown})
            kept.update((id_, (_words(context), _words(text))) for id_, context, text in read)
        return {id_: kept[id_] for id_ in passage_ids if id_ in kept}


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
        return {id_: _match(self._asked, *worded) for id_, worded in self._words(passage_ids).items()}


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
    sql = _sql(connection)
    wanted = sql.wanted({word: asked.telling[word] for word in rarest})
    found = connection.execute(sql.search, {**wanted, "k": k})
    return Hits([(passage_id, float(score)) for passage_id, score in found], asked, words)


def weights(connection: sa.Connection, text: str, remembered: Remembered | None = None) -> dict[str, float]:
    """The telling words of a text, each with its weight: the rarer among the passages, the heavier."""
    return dict((remembered or Remembered()).asked(connection, text).telling)


def _asked(occur: Callable[[Collection[str]], dict[str, int]], query: str) -> _Asked:
    sequence = terms(query)[:LONGEST]
    passages = occur([EVERY, *dict.fromkeys(sequence)])
    every = passages.pop(EVERY)
    weight = {word: math.log(1 + (every - n + 0.5) / (n + 0.5)) for word, n in passages.items()}
    pairs = {(one, other): weight[one] + weight[other] for one, other in pairwise(sequence)}
    return _Asked(passages, weight, pairs)


def _within(rows: int, rarest_first: Iterable[str], passages: Mapping[str, int]) -> Iterable[str]:
    """As many of the words as together occur in so few passages; the rarest one in any case."""
    read = 0
    for word in rarest_first:
        read += passages[word]
        if read > rows and read > passages[word]:
            return
        if passages[word]:
            yield word


def _words(kept: str) -> tuple[str, ...]:
    """One object for each word, however many passages have it."""
    return tuple(map(sys.intern, kept.split()))


def _match(asked: _Asked, context: Sequence[str], text: Sequence[str]) -> Match:
    weight, telling = asked.weight, asked.telling
    count, beside = _seen(weight, context, text)
    if not count:
        return Match()
    length = (len(context) + len(text)) / USUAL_LENGTH
    usual = SATURATION * (1 - LENGTH_COUNTS + LENGTH_COUNTS * length)
    return Match(
        strength=sum(weight[word] * n / (n + usual) for word, n in count.items()) / asked.whole,
        coverage=sum(telling[word] for word in count if word in telling) / asked.whole_telling,
        heading=sum(telling[word] for word in telling.keys() & context) / asked.whole_telling,
        order=sum(asked.pairs[pair] for pair in beside if pair in asked.pairs) / asked.whole_pairs,
    )


def _seen(
    asked: Container[str], context: Sequence[str], text: Sequence[str]
) -> tuple[dict[str, int], set[tuple[str, str]]]:
    """How often each of the words asked for is there, and which of them stand next to each other."""
    count: dict[str, int] = {}
    beside = set()
    for part in (context, text):
        before = ""
        for word in part:
            if word not in asked:
                before = ""
                continue
            count[word] = count.get(word, 0) + 1
            if before:
                beside.add((before, word))
            before = word
    return count, beside


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
