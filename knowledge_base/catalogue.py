"""The record of what the library holds: which documents, how far each has come, and which of them answer.

Each method is one transaction, and what is live changes in one: a new version takes the place of the old,
with its lexical entries and the index version, or not at all. The vectors are there before, and those of
passages that are not live are passed over by the search.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import uuid4

import sqlalchemy as sa

from knowledge_base import lexical
from knowledge_base.database import insert_new, now, reading, writing
from knowledge_base.errors import Conflict, KnowledgeError, NotFound, Unavailable
from knowledge_base.passages import Reading
from knowledge_base.tables import (
    ANSWERING,
    builds,
    documents,
    earlier,
    library,
    metadata,
    passages,
    tags,
    versions,
    watched_pages,
)

__all__ = ["Catalogue", "Document", "Received", "State", "Superseded", "create", "metadata"]

State = Literal["received", "read", "cut", "embedded", "live", "failed", "retired", "removing"]
UNFINISHED = ("received", "read", "cut", "embedded")
VERSIONS_KEPT = 10  # of what a document said before
TRIES = 5  # when uploads of the same file meet


@dataclass(frozen=True)
class Document:
    """A document as an admin sees it: its newest version, and how far that one has come.

    An older version answers until the newest is live. `progress` runs from 0 to 1; `error` says why a
    step failed.
    """

    id: str
    title: str
    source: str  # the file's name, fit to be shown
    state: State
    error: str
    progress: float
    version: int
    hash: str
    size: int
    kind: str
    language: str
    passages: int
    by: str
    created_at: datetime
    updated_at: datetime
    notes: tuple[str, ...] = ()
    live_version: int | None = None  # the one that answers


@dataclass(frozen=True)
class Received:
    """What became of an upload.

    It is `unchanged` also when the same content is here under another name: `document` is then that one.
    Whatever the outcome, a document whose state is `received` waits to be ingested.
    """

    document: Document
    outcome: Literal["new", "unchanged", "new version"]


class Superseded(KnowledgeError):  # named like the errors of knowledge_base.errors
    """A newer version of the document arrived; the work on this one has no more use."""


class Catalogue:
    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    # what is there

    def documents(self) -> list[Document]:
        """The newest first."""
        with reading(self._engine) as connection:
            order = documents.c.created_at.desc(), documents.c.id
            return [_document(row) for row in connection.execute(_ROWS.order_by(*order))]

    def document(self, document_id: str) -> Document:
        with reading(self._engine) as connection:
            return _one(connection, document_id)

    def ids_at(self, steps: Sequence[str]) -> list[str]:
        """The documents that stand at one of the steps, the longest waiting first."""
        with reading(self._engine) as connection:
            query = sa.select(documents.c.id).where(documents.c.step.in_(steps))
            return list(connection.scalars(query.order_by(documents.c.updated_at)))

    def oldest_versions(self) -> dict[str, int]:
        """Per document; versions before it are gone."""
        query = sa.select(versions.c.document_id, sa.func.min(versions.c.number))
        with reading(self._engine) as connection:
            rows = connection.execute(query.group_by(versions.c.document_id))
            return {row[0]: row[1] for row in rows}

    def index_version(self) -> int:
        with reading(self._engine) as connection:
            return connection.scalar(sa.select(library.c.version)) or 0

    def tags(self) -> dict[str, tuple[str, ...]]:
        """Of each document that has some, in order."""
        found: dict[str, tuple[str, ...]] = {}
        with reading(self._engine) as connection:
            for document_id, tag in connection.execute(sa.select(tags).order_by(tags.c.tag)):
                found[document_id] = (*found.get(document_id, ()), tag)
        return found

    # an upload

    def receive(
        self,
        source: str,
        digest: str,
        size: int,
        by: str,
        keep: Callable[[str, int], None],
        *,
        wake: bool = True,
    ) -> Received:
        """Record a file; `keep` moves it to its place, and is called only when it is new. `wake` lets a
        retired document answer again, as whoever uploads it wants.

        Two uploads at once meet at a unique column (or, in SQLite, at the write lock): the second finds
        the first's row.
        """
        for _ in range(TRIES):
            try:
                with writing(self._engine) as connection:
                    return _receive(connection, source, digest, size, by, keep, wake=wake)
            except sa.exc.IntegrityError:
                continue
        raise Unavailable(f"{source!r} is being uploaded many times at once; try again in a moment")

    def languages(self) -> frozenset[str]:
        """Those in which documents are live."""
        these = versions.c.document_id == documents.c.id
        live = sa.and_(these, versions.c.number == documents.c.live_version, ~documents.c.retired)
        with reading(self._engine) as connection:
            found = connection.scalars(sa.select(versions.c.language).join(documents, live).distinct())
            return frozenset(found)

    # the steps

    def told(self, document_id: str, version: int, read: Reading) -> None:
        """Reading it told its title, kind and language."""
        with writing(self._engine) as connection:
            present(connection, document_id)
            describe(connection, document_id, version, read)
            move_on(connection, document_id, version, "read")

    def go_live(self, document_id: str, version: int, edition: str) -> bool:
        """Let this version answer instead of the one before; False while another edition is the library's."""
        with writing(self._engine) as connection:
            newest(connection, document_id, version)
            if connection.scalar(sa.select(library.c.edition)) != edition:
                return False
            make_live(connection, document_id, version)
            publish(connection, document_id)
            bump(connection)
            return True

    def fail(self, document_id: str, version: int, why: str) -> None:
        with writing(self._engine) as connection:
            connection.execute(
                _change(document_id)
                .where(documents.c.version == version, documents.c.step != "removing")
                .values(step="failed", error=why, updated_at=now())
            )

    # what an admin decides

    def change(
        self,
        document_id: str,
        by: str,
        make: Callable[[sa.Connection], None],
        keep: Callable[[int, int], None],
    ) -> None:
        """Note a change of the document's passages, and let the same file wait to be ingested again as a new
        version; until that is live, the passages answer as they are. `keep` keeps the file for it too.
        """
        with writing(self._engine) as connection:
            present(connection, document_id)
            row = connection.execute(
                sa.select(documents, versions.c.hash, versions.c.size, versions.c.title)
                .join(versions, _NEWEST)
                .where(documents.c.id == document_id)
            ).one()
            if row.step == "failed":
                raise Conflict("the newest version of the document could not be read; put that right first")
            if row.retired:
                raise Conflict("the document is retired; bring it back first")
            make(connection)
            version = row.version + 1
            _new_version(connection, row, version, row.content)
            _insert_version(connection, document_id, version, row.title, row.hash, row.size, by)
            keep(row.version, version)

    def retire(self, document_id: str) -> None:
        with writing(self._engine) as connection:
            present(connection, document_id)
            connection.execute(_change(document_id).values(retired=True, updated_at=now()))
            lexical.remove(connection, document_id)
            bump(connection)

    def restore(self, document_id: str) -> None:
        with writing(self._engine) as connection:
            present(connection, document_id)
            _restore(connection, document_id)

    def retry(self, document_id: str) -> None:
        with writing(self._engine) as connection:
            present(connection, document_id)
            _retry(connection, document_id)

    def tag(self, document_id: str, these: Collection[str]) -> None:
        """The document's tags from here on."""
        with writing(self._engine) as connection:
            present(connection, document_id)
            connection.execute(sa.delete(tags).where(tags.c.document_id == document_id))
            insert_new(connection, tags, [{"document_id": document_id, "tag": tag} for tag in these])
            bump(connection)  # what is found by them is another

    def removing(self, document_id: str) -> None:
        """From here on it does not answer, and its name is free for another document."""
        with writing(self._engine) as connection:
            if not connection.scalar(sa.select(documents.c.id).where(documents.c.id == document_id)):
                raise NotFound(f"there is no document {document_id!r}")
            connection.execute(
                _change(document_id).values(step="removing", name=None, content=None, updated_at=now())
            )
            connection.execute(  # or the next look at its page would bring it back
                sa.update(watched_pages)
                .where(watched_pages.c.document_id == document_id)
                .values(state="left out", document_id=None, etag="", modified="", hash="", words="")
            )
            lexical.remove(connection, document_id)
            bump(connection)

    def forget_earlier(self, document_id: str) -> None:
        """What earlier versions said, which is only kept to be compared with."""
        with writing(self._engine) as connection:
            connection.execute(sa.delete(earlier).where(earlier.c.document_id == document_id))

    def forget(self, document_id: str) -> None:
        """The last step of a removal: the rows, with everything that hangs on them."""
        with writing(self._engine) as connection:
            connection.execute(sa.delete(documents).where(documents.c.id == document_id))


def create(engine: sa.Engine) -> None:
    """All tables at once, for tests; an installation gets them by Alembic revisions."""
    with writing(engine) as connection:
        metadata.create_all(connection)
        lexical.create(connection)


# Parts of a transaction. What the catalogue and the editions share has no underscore.


def present(connection: sa.Connection, document_id: str) -> int:
    """The newest version of a document that is not being removed; holds its row until the transaction
    ends.
    """
    query = sa.select(documents.c.version).where(
        documents.c.id == document_id, documents.c.step != "removing"
    )
    version: int | None = connection.scalar(query.with_for_update())
    if version is None:
        raise NotFound(f"there is no document {document_id!r}; it may have been removed")
    return version


def newest(connection: sa.Connection, document_id: str, version: int) -> None:
    if present(connection, document_id) != version:
        raise Superseded(f"version {version} of document {document_id!r} has been replaced by a newer one")


def describe(connection: sa.Connection, document_id: str, version: int, read: Reading) -> None:
    connection.execute(
        sa.update(versions)
        .where(versions.c.document_id == document_id, versions.c.number == version)
        .values(title=read.title, kind=read.kind, language=read.language, notes=list(read.notes))
    )


def move_on(
    connection: sa.Connection, document_id: str, version: int, step: State, progress: float = 0.0
) -> None:
    """Note the step, if this is the version that the document's state speaks of."""
    connection.execute(
        _change(document_id)
        .where(documents.c.version == version, documents.c.step.in_((*UNFINISHED, "failed")))
        .values(step=step, error="", progress=progress, updated_at=now())
    )


def make_live(connection: sa.Connection, document_id: str, version: int) -> None:
    """Point to the version, and drop what older ones left. The newest is then done with all its steps."""
    remember(connection, document_id, version)
    connection.execute(_change(document_id).values(live_version=version, updated_at=now()))
    connection.execute(
        _change(document_id).where(documents.c.version == version).values(step="live", error="", progress=1.0)
    )
    for table, number in (
        (passages, passages.c.version),
        (builds, builds.c.version),
        (versions, versions.c.number),
    ):
        connection.execute(sa.delete(table).where(table.c.document_id == document_id, number < version))


def remember(connection: sa.Connection, document_id: str, version: int) -> None:
    """Keep what the versions before this one said, for whoever compares; they never answer."""
    mine = versions.c.document_id == document_id, versions.c.number < version
    for row in connection.execute(sa.select(versions).where(*mine)).all():
        said = _said(connection, document_id, row.number)
        if said:
            kept = {name: getattr(row, name) for name in ("hash", "size", "by", "title", "created_at")}
            owner = {"document_id": document_id, "number": row.number}
            insert_new(connection, earlier, [{**owner, **kept, "passages": said, "ended_at": now()}])
    oldest = sa.select(earlier.c.number).where(earlier.c.document_id == document_id)
    kept_numbers = oldest.order_by(earlier.c.number.desc()).limit(VERSIONS_KEPT)
    connection.execute(
        sa.delete(earlier).where(earlier.c.document_id == document_id, earlier.c.number.not_in(kept_numbers))
    )


def _said(connection: sa.Connection, document_id: str, version: int) -> list[dict[str, Any]]:
    """The passages of a version in order, in one edition."""
    part = passages.c.document_id == document_id, passages.c.version == version
    edition = connection.scalar(sa.select(passages.c.edition).where(*part).limit(1))
    rows = connection.execute(
        sa.select(passages).where(*part, passages.c.edition == edition).order_by(passages.c.position)
    )
    return [{"id": row.id, "headings": row.headings, "page": row.page, "text": row.text} for row in rows]


def publish(connection: sa.Connection, document_id: str) -> None:
    """Make the lexical entries of a document those of its passages that answer."""
    lexical.remove(connection, document_id)
    columns = passages.c.id, passages.c.context, passages.c.text
    for row in connection.execute(sa.select(*columns).where(ANSWERING, documents.c.id == document_id)).all():
        lexical.add(connection, row.id, document_id, row.context, row.text)


def bump(connection: sa.Connection) -> None:
    """What is live has changed: the next index version."""
    ensure_library(connection)
    connection.execute(sa.update(library).values(version=library.c.version + 1))


def ensure_library(connection: sa.Connection) -> None:
    insert_new(connection, library, [{"id": 1, "name": uuid4().hex[:12], "edition": None, "version": 0}])


def _receive(
    connection: sa.Connection,
    source: str,
    digest: str,
    size: int,
    by: str,
    keep: Callable[[str, int], None],
    *,
    wake: bool,
) -> Received:
    known = connection.execute(
        sa.select(documents, versions.c.hash)
        .join(versions, _NEWEST)
        .where(documents.c.step != "removing")
        .where(sa.or_(documents.c.name == source, versions.c.hash == digest))
    ).all()
    same_name = next((row for row in known if row.name == source), None)
    same_content = next((row for row in known if row.hash == digest), None)
    if same_name is not None and same_name.hash != digest:
        version = same_name.version + 1
        content = digest if same_content is None else None
        _new_version(connection, same_name, version, content)
        outcome: Literal["new", "new version"] = "new version"
        document_id = str(same_name.id)
    elif known:
        found = same_name or known[0]
        if wake or not found.retired:
            _wanted_again(connection, found)
        return Received(_one(connection, found.id), "unchanged")
    else:
        document_id, version, outcome = uuid4().hex, 1, "new"
        _new_document(connection, document_id, source, digest)
    _insert_version(connection, document_id, version, source, digest, size, by)
    keep(document_id, version)
    return Received(_one(connection, document_id), outcome)


def _new_document(connection: sa.Connection, document_id: str, source: str, digest: str) -> None:
    at = now()
    connection.execute(
        sa.insert(documents).values(
            id=document_id,
            name=source,
            content=digest,
            source=source,
            step="received",
            retired=False,
            error="",
            progress=0.0,
            version=1,
            created_at=at,
            updated_at=at,
        )
    )


def _new_version(connection: sa.Connection, row: Any, version: int, content: str | None) -> None:
    """The old one keeps answering; but that of a retired document does not begin to answer again."""
    connection.execute(
        _change(row.id).values(
            version=version,
            content=content,
            step="received",
            error="",
            progress=0.0,
            retired=False,
            live_version=None if row.retired else row.live_version,
            updated_at=now(),
        )
    )


def _insert_version(
    connection: sa.Connection, document_id: str, version: int, source: str, digest: str, size: int, by: str
) -> None:
    connection.execute(
        sa.insert(versions).values(
            document_id=document_id,
            number=version,
            hash=digest,
            size=size,
            by=by,
            title=source,
            kind="",
            language="",
            notes=[],
            created_at=now(),
        )
    )


def _wanted_again(connection: sa.Connection, row: Any) -> None:
    """Whoever uploads what was retired, or what failed, wants it to answer."""
    if row.retired:
        _restore(connection, row.id)
    if row.step == "failed":
        _retry(connection, row.id)


def _restore(connection: sa.Connection, document_id: str) -> None:
    connection.execute(_change(document_id).values(retired=False, updated_at=now()))
    publish(connection, document_id)
    bump(connection)


def _retry(connection: sa.Connection, document_id: str) -> None:
    connection.execute(
        _change(document_id)
        .where(documents.c.step == "failed")
        .values(step="received", error="", progress=0.0, updated_at=now())
    )


def _change(document_id: str) -> sa.Update:
    return sa.update(documents).where(documents.c.id == document_id)


_NEWEST = sa.and_(versions.c.document_id == documents.c.id, versions.c.number == documents.c.version)
_COUNT = (
    sa.select(sa.func.coalesce(sa.func.max(builds.c.passages), 0))
    .where(builds.c.document_id == documents.c.id, builds.c.version == documents.c.version)
    .scalar_subquery()
)
_ROWS = sa.select(
    documents,
    _COUNT.label("passages"),
    *(versions.c[name] for name in ("hash", "size", "by", "title", "kind", "language", "notes")),
).join(versions, _NEWEST)


def _one(connection: sa.Connection, document_id: str) -> Document:
    row = connection.execute(_ROWS.where(documents.c.id == document_id)).one_or_none()
    if row is None:
        raise NotFound(f"there is no document {document_id!r}; it may have been removed")
    return _document(row)


def _document(row: Any) -> Document:
    return Document(
        id=row.id,
        title=row.title,
        source=row.source,
        state=_state(row.step, row.retired),
        error=row.error,
        progress=row.progress,
        version=row.version,
        hash=row.hash,
        size=row.size,
        kind=row.kind,
        language=row.language,
        passages=row.passages,
        by=row.by,
        created_at=row.created_at,
        updated_at=row.updated_at,
        notes=tuple(row.notes),
        live_version=row.live_version,
    )


def _state(step: State, retired: bool) -> State:
    return "retired" if retired and step != "removing" else step
