"""The desk's pairs of a question and its answer: brought, looked through, mended, taken away again.

Nothing personal is kept: what is taken out, and how often, is told before and noted in the audit. The same
pair twice is one. Which pairs are held out is decided when they come, written down, and only ever changes in
one direction: an admin may hold a taught pair out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, BinaryIO, Literal, cast, get_args
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot.access import audit
from bot.store import claim, reading, writing
from bot.store.tables import PairRow
from knowledge_base.database import now
from knowledge_base.embedding import Embedder
from knowledge_base.limits import Limits
from strategies.lora.pairs import (
    BadPairs,
    Fault,
    Format,
    Pair,
    Part,
    Reading,
    Report,
    check,
    name_facts,
    pair_of,
    read_lines,
    split,
    write,
)
from strategies.lora.pairs.redaction import redact
from strategies.lora.pairs.room import Room, room_of

Progress = Callable[[str, float], None]
DEFAULTS = Limits()

Use = Literal["training", "documents", "both"]
USES = get_args(Use)
BY_ITSELF = re.compile("[0-9a-f]{12}")  # a fact that nobody named: `Pair.about`


@dataclass(frozen=True)
class Kept:
    """A pair that is kept. `withdrawn` says why it is not taught any longer, "" while it is."""

    id: str
    pair: Pair
    by: str
    created_at: datetime
    updated_at: datetime
    withdrawn: str = ""
    use: Use = "training"

    @classmethod
    def of(cls, row: PairRow) -> Kept:
        use = cast("Use", row.use)
        return cls(row.id, _pair(row), row.by, row.created_at, row.updated_at, row.withdrawn, use)

    @property
    def fact(self) -> str:
        """What somebody has called its fact; "" where it is named by itself, which says nothing to people."""
        return "" if BY_ITSELF.fullmatch(self.pair.fact) else self.pair.fact


@dataclass(frozen=True)
class Page:
    pairs: tuple[Kept, ...]
    total: int


@dataclass(frozen=True)
class Preview:
    """What a file would bring. The report counts the desk as it would then be; its findings name lines of the
    file, and its pairs are those of the file as they would be kept.
    """

    name: str
    reading: Reading
    report: Report
    new: int
    known: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            **self.report.as_dict(),
            "file": self.name,
            "read": len(self.reading.pairs),
            "new": self.new,
            "known": self.known,
            "faults": [asdict(fault) for fault in self.reading.faults],
            "notes": [asdict(note) for note in self.reading.notes],
        }


@dataclass(frozen=True)
class Imported:
    preview: Preview
    added: int
    changed: int  # known pairs that got new labels


@dataclass(frozen=True)
class Counts:
    pairs: int
    facts: int
    languages: Mapping[str, int]
    tags: Mapping[str, int]
    splits: Mapping[str, int]
    withdrawn: int


class UnknownPair(LookupError):
    """There is no such pair."""


class PairRefused(ValueError):
    """The pair cannot be kept so; the message says why."""


class Pairs:
    """`documents` gives the ids of the documents by the names of their files, for pairs that name one; `room`
    says how long an answer the base can give.
    """

    def __init__(
        self,
        engine: sa.Engine,
        embedder: Embedder,
        documents: Callable[[], Mapping[str, str]] = dict,
        limits: Limits = DEFAULTS,
        room: Callable[[], Room | None] = room_of,
    ) -> None:
        self._engine = engine
        self._embedder = embedder
        self._documents = documents
        self._limits = limits
        self._room = room

    # ---- bringing and taking ----

    def preview(
        self,
        stream: BinaryIO,
        name: str,
        *,
        keep: Collection[str] = (),
        progress: Progress = lambda _step, _share: None,
    ) -> Preview:
        """What is in a file, and what is wrong with it; nothing is kept. BadPairs when it cannot be read."""
        reading = read_lines(stream, name, self._limits)
        stored = [kept.pair for kept in self.kept()]
        self._check_room(len(stored) + len(reading.pairs))
        report = check(
            self._placed(reading.pairs),
            self._embedder,
            known=stored,
            lines=reading.lines,
            room=self._room(),
            keep=keep,
            progress=progress,
        )
        keys = {pair.key for pair in stored}
        known = sum(pair.key in keys for pair in report.pairs)
        return Preview(name, reading, report, new=len(report.pairs) - known, known=known)

    def import_(
        self,
        stream: BinaryIO,
        name: str,
        *,
        by: str,
        keep: Collection[str] = (),
        despite_faults: bool = False,
        progress: Progress = lambda _step, _share: None,
    ) -> Imported:
        """Keep what a file brings, personal data taken out. BadPairs, and nothing kept, if a line is faulty;
        `despite_faults` keeps the others.
        """
        return self.keep(
            self.preview(stream, name, keep=keep, progress=progress), by=by, despite_faults=despite_faults
        )

    def keep(self, preview: Preview, *, by: str, despite_faults: bool = False) -> Imported:
        """Keep what was previewed."""
        if preview.reading.faults and not despite_faults:
            raise BadPairs(preview.reading.faults)
        try:
            return self._keep(preview, by)
        except sa.exc.IntegrityError:  # another import brought the same pair meanwhile: now it is known
            return self._keep(preview, by)

    def _keep(self, preview: Preview, by: str) -> Imported:
        added = changed = 0
        with writing(self._engine) as session:
            rows = {row.key: row for row in session.scalars(sa.select(PairRow))}
            for pair in preview.report.pairs:
                row = rows.get(pair.key)
                if row is None:
                    rows[pair.key] = _add(session, pair, by)
                    added += 1
                else:
                    changed += _label(row, pair)
            _part(session)
            told = {"added": added, "changed": changed, "faults": len(preview.reading.faults)}
            audit.note(
                session, by, "import pairs", preview.name, **told, redacted=dict(preview.report.redacted)
            )
        return Imported(preview, added, changed)

    def export(self, stream: BinaryIO, format: Format, **chosen: Any) -> int:  # noqa: A002
        """Write the pairs that `list` would show, and say how many."""
        pairs = [kept.pair for kept in self.list(**chosen, limit=None).pairs]
        write(pairs, stream, format)
        return len(pairs)

    # ---- looking through ----

    def list(
        self,
        text: str = "",
        *,
        tag: str = "",
        language: str = "",
        split: str = "",
        fact: str = "",
        document: str = "",
        withdrawn: bool | None = None,
        limit: int | None = 50,
        offset: int = 0,
    ) -> Page:
        """In the order in which they came; every word of `text` stands in the question or the answer."""
        wanted = [
            sa.or_(
                *(column.icontains(word, autoescape=True) for column in (PairRow.question, PairRow.answer))
            )
            for word in text.split()
        ]
        for column, value in (
            (PairRow.language, language),
            (PairRow.split, split),
            (PairRow.fact, fact),
            (PairRow.document, document),
        ):
            if value:
                wanted.append(column == value)
        if tag:
            wanted.append(PairRow.tags.contains(f";{tag};", autoescape=True))
        if withdrawn is not None:
            wanted.append((PairRow.withdrawn != "") == withdrawn)
        rows = sa.select(PairRow).where(*wanted).order_by(PairRow.position).limit(limit).offset(offset)
        with reading(self._engine) as session:
            total = session.scalar(sa.select(sa.func.count()).select_from(PairRow).where(*wanted))
            return Page(tuple(map(Kept.of, session.scalars(rows))), total or 0)

    def get(self, pair_id: str) -> Kept:
        with reading(self._engine) as session:
            return Kept.of(_found(session, pair_id))

    def kept(self) -> Sequence[Kept]:
        """All of them, in the order in which they came."""
        with reading(self._engine) as session:
            return [Kept.of(row) for row in session.scalars(sa.select(PairRow).order_by(PairRow.position))]

    def wordings(self, facts: Collection[str]) -> Mapping[str, int]:
        """How many pairs ask for each of these facts."""
        counted = (
            sa.select(PairRow.fact, sa.func.count()).where(PairRow.fact.in_(facts)).group_by(PairRow.fact)
        )
        with reading(self._engine) as session:
            return dict(session.execute(counted).all())

    def all(self) -> Sequence[Pair]:
        """What a training is given: all that is not withdrawn, each with its part."""
        return [kept.pair for kept in self.kept() if not kept.withdrawn and kept.use != "documents"]

    def answering(self) -> Sequence[Kept]:
        """The pairs that are used as documents."""
        return [kept for kept in self.kept() if not kept.withdrawn and kept.use != "training"]

    def use_as(self, pair_id: str, use: Use, *, by: str) -> Kept:
        """What a pair is for: to be taught, to be found like a document, or both."""
        if use not in USES:
            raise PairRefused(f"a pair is used as {', '.join(USES)}; {use!r} is none of these")
        with writing(self._engine) as session:
            row = _found(session, pair_id)
            row.use, row.updated_at = use, now()
            audit.note(session, by, "use pair", pair_id, use=use)
            return Kept.of(row)

    def with_marks(self, pairs: Iterable[Pair]) -> Sequence[Pair]:
        """Pairs that come from elsewhere: what is held out here is held out there, by its wording, or because
        nothing of its fact is taught.
        """
        held_out = split(kept.pair for kept in self.kept()).held_out
        return [replace(pair, split="held-out") if held_out.holds(pair) else pair for pair in pairs]

    def check(self, progress: Progress = lambda _step, _share: None) -> tuple[Report, Sequence[str]]:
        """The report on all that is taught, and the ids of the pairs in the places that it names."""
        kept = [one for one in self.kept() if not one.withdrawn]
        pairs = [one.pair for one in kept]
        report = check(pairs, self._embedder, room=self._room(), redacting=False, progress=progress)
        return report, [one.id for one in kept]

    def counts(self) -> Counts:
        kept = self.kept()
        pairs = [one.pair for one in kept]
        return Counts(
            pairs=len(pairs),
            facts=len({pair.about for pair in pairs}),
            languages=dict(Counter(pair.language for pair in pairs).most_common()),
            tags=dict(Counter(tag for pair in pairs for tag in pair.tags).most_common()),
            splits=dict(Counter(pair.split for pair in pairs).most_common()),
            withdrawn=sum(bool(one.withdrawn) for one in kept),
        )

    # ---- one by one ----

    def add(self, entry: Mapping[str, Any], *, by: str, keep: Collection[str] = ()) -> Kept:
        """A pair from a form's fields. BadPairs when it is none, PairRefused when it is there already."""
        self._check_room(self.list(limit=1).total + 1)
        pair, redacted = self._read(entry, keep)
        with writing(self._engine) as session:
            row = _add(session, self._with_fact(session, pair), by)
            claim(session, _known(pair))
            _part(session)
            audit.note(session, by, "add pair", row.id, redacted=redacted)
            return Kept.of(row)

    def edit(self, pair_id: str, entry: Mapping[str, Any], *, by: str, keep: Collection[str] = ()) -> Kept:
        """Change some fields. What is held out cannot be made to be taught."""
        with writing(self._engine) as session:
            row = _found(session, pair_id)
            before = _pair(row)
            values = {**asdict(before), **entry}
            pair, redacted = self._read(values, keep)
            if before.split == "held-out" != pair.split:
                raise PairRefused(
                    "this pair is held out and stays so: a model that was taught it proves nothing"
                )
            _write(row, self._with_fact(session, pair), by)
            claim(session, _known(pair))
            _part(session)
            audit.note(session, by, "edit pair", pair_id, redacted=redacted)
            return Kept.of(row)

    def add_wordings(self, of: Mapping[str, Collection[str]], *, tag: str, by: str) -> Sequence[Kept]:
        """More wordings of pairs, by their ids, with their answers. They are taught, not held out; what asks
        as a pair does already is left out. BadPairs, and nothing kept, when one is no question.
        """
        stored = {one.id: one.pair for one in self.kept()}
        if unknown := of.keys() - stored.keys():
            raise UnknownPair(f"there is no pair {min(unknown)!r}")
        known, new, taken = {pair.wording for pair in stored.values()}, list[Pair](), Counter[str]()
        for pair_id, questions in of.items():
            like = stored[pair_id]
            for question in questions:
                tags = tuple(dict.fromkeys((*like.tags, tag)))
                other = replace(like, question=question, tags=tags, split="train")
                pair, redacted = self._read(asdict(other), ())
                if pair.wording not in known:
                    known.add(pair.wording)
                    new.append(pair)
                    taken.update(redacted)
        self._check_room(len(stored) + len(new))
        with writing(self._engine) as session:
            rows = [_add(session, pair, by) for pair in new]
            claim(session, PairRefused("one of these questions is there already with this answer"))
            _part(session)
            audit.note(session, by, "add wordings", added=len(rows), redacted=dict(taken))
            return [Kept.of(row) for row in rows]

    def remove(self, pair_id: str, *, by: str) -> None:
        with writing(self._engine) as session:
            session.delete(_found(session, pair_id))
            audit.note(session, by, "remove pair", pair_id)

    # ---- documents that go ----

    def withdraw(self, document_id: str, why: str) -> int:
        """Teach nothing more that was drawn from this document, and say how many pairs that are."""
        drawn = sa.update(PairRow).where(PairRow.document == document_id, PairRow.withdrawn == "")
        with writing(self._engine) as session:
            done = session.execute(drawn.values(withdrawn=why, updated_at=now()).returning(PairRow.id)).all()
            return len(done)

    def restore(self, pair_id: str, *, by: str) -> Kept:
        """An admin has looked: the pair holds without its document, and is taught again."""
        with writing(self._engine) as session:
            row = _found(session, pair_id)
            row.withdrawn, row.document, row.updated_at = "", "", now()
            audit.note(session, by, "restore pair", pair_id)
            return Kept.of(row)

    # ---- inside ----

    def _read(self, entry: Mapping[str, Any], keep: Collection[str]) -> tuple[Pair, Mapping[str, int]]:
        """The pair in a form's fields, and how much was taken out of it."""
        [pair] = self._placed([pair_of(entry)])
        question, answer = redact(pair.question, keep=keep), redact(pair.answer, keep=keep)
        taken = Counter(str(found.kind) for found in (*question.found, *answer.found))
        return replace(pair, question=question.text, answer=answer.text), dict(taken)

    def _placed(self, pairs: Sequence[Pair]) -> Sequence[Pair]:
        """The pairs with the ids of the documents that they name by their files."""
        ids = self._documents() if any(pair.document for pair in pairs) else {}
        return [replace(pair, document=ids.get(pair.document, pair.document)) for pair in pairs]

    def _with_fact(self, session: Session, pair: Pair) -> Pair:
        """A pair whose fact nobody named joins one that is answered so."""
        if pair.fact:
            return pair
        others = [_pair(row) for row in session.scalars(sa.select(PairRow))]
        return name_facts([*others, pair], self._embedder)[-1]

    def _check_room(self, pairs: int) -> None:
        if pairs > self._limits.rows:
            raise BadPairs(
                [Fault(0, f"that would be {pairs:,} pairs; at most {self._limits.rows:,} are kept")]
            )


def _part(session: Session) -> None:
    """Give every pair that has none its part; what was decided stays."""
    session.flush()
    rows = list(session.scalars(sa.select(PairRow).order_by(PairRow.position)))
    parts = split(map(_pair, rows))
    held_out = parts.held_out.wordings
    for row in rows:
        part: Part = "held-out" if _pair(row).wording in held_out else "train"
        if row.split != part:
            row.split = part
    session.flush()


def _known(pair: Pair) -> PairRefused:
    return PairRefused(f"the question {pair.question!r} is there already with this answer")


def _found(session: Session, pair_id: str) -> PairRow:
    row = session.scalar(sa.select(PairRow).where(PairRow.id == pair_id))
    if row is None:
        raise UnknownPair(f"there is no pair {pair_id!r}")
    return row


def _add(session: Session, pair: Pair, by: str) -> PairRow:
    row = PairRow(id=uuid4().hex, withdrawn="", use="training", created_at=now())
    _write(row, pair, by)
    session.add(row)
    return row


def _write(row: PairRow, pair: Pair, by: str) -> None:
    row.key, row.question, row.answer, row.fact = pair.key, pair.question, pair.answer, pair.fact
    row.language, row.tags, row.document, row.split = pair.language, _tags(pair), pair.document, pair.split
    row.by, row.updated_at = by, now()


def _label(row: PairRow, pair: Pair) -> bool:
    """What a file says of a pair that is there: labels it gives replace the old ones, held out stays."""
    before = _pair(row)
    given = {
        name: getattr(pair, name) for name in ("fact", "language", "tags", "document") if getattr(pair, name)
    }
    if pair.split == "held-out":
        given["split"] = "held-out"
    after = replace(before, **given)
    if after == before:
        return False
    _write(row, after, row.by)
    return True


def _tags(pair: Pair) -> str:
    return f";{';'.join(pair.tags)};" if pair.tags else ""


def _pair(row: PairRow) -> Pair:
    return Pair(
        question=row.question,
        answer=row.answer,
        fact=row.fact,
        language=row.language,
        tags=tuple(filter(None, row.tags.split(";"))),
        document=row.document,
        split=cast("Part", row.split),
    )
