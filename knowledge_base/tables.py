"""The tables of the knowledge base. They live in the same database as those of the bot.

    documents ─┬─ document_versions    what was uploaded: the file's hash and size, and what reading it told
               ├─ document_builds      one version prepared for one edition: cut, then embedded
               ├─ passages             of one version in one edition
               │    └─ passage_embeddings    the vectors, from which a lost ChromaDB is refilled
               ├─ document_tags        words by which an admin groups documents
               ├─ earlier_versions     what a document said before: the passages of versions that ended
               └─ passage_edits        what an admin changed about its passages, known by their text
    watches ──── watched_pages         addresses that are looked at again, and what was found there last
    editions       an embedding identity: model, revision, dimension and passage rules
    library        a single row: the edition that answers, and the index version

A passage answers when its document is neither retired nor being removed, its version is the document's
`live_version`, and its edition is the library's.
"""

import sqlalchemy as sa

from knowledge_base.database import Moment

# Constraints carry a name, so that a later revision can change them on every database.
metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _document() -> sa.ForeignKey:
    return sa.ForeignKey("documents.id", ondelete="CASCADE")


documents = sa.Table(
    "documents",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("name", sa.Text, unique=True),  # what an upload is recognised by; NULL once it is being removed
    sa.Column("content", sa.String(64), unique=True),  # the newest hash; NULL for a copy of another's content
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("step", sa.String(16), nullable=False),
    sa.Column("retired", sa.Boolean, nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("progress", sa.Float, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),  # the newest
    sa.Column("live_version", sa.Integer),  # the one that answers
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
)

versions = sa.Table(
    "document_versions",
    metadata,
    sa.Column("document_id", _document(), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("language", sa.String(16), nullable=False),
    sa.Column("notes", sa.JSON, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
)

builds = sa.Table(
    "document_builds",
    metadata,
    sa.Column("document_id", _document(), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("edition", sa.String(16), primary_key=True),
    sa.Column("passages", sa.Integer, nullable=False),
    sa.Column("embedded", sa.Boolean, nullable=False),
)

passages = sa.Table(
    "passages",
    metadata,
    sa.Column("id", sa.String(96), primary_key=True),
    sa.Column("document_id", _document(), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("edition", sa.String(16), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("context", sa.Text, nullable=False),
    sa.Column("headings", sa.JSON, nullable=False),
    sa.Column("page", sa.Integer),
    sa.Column("tokens", sa.Integer, nullable=False),
    sa.Column("sentences", sa.JSON, nullable=False),  # [start, end] offsets into the text
    sa.Index("passages_in_order", "document_id", "version", "edition", "position"),
)

embeddings = sa.Table(
    "passage_embeddings",
    metadata,
    sa.Column("passage_id", sa.ForeignKey("passages.id", ondelete="CASCADE"), primary_key=True),
    sa.Column(
        "vector", sa.LargeBinary, nullable=False
    ),  # float32, so that ChromaDB is refilled with the same
    sa.Column("sentences", sa.LargeBinary, nullable=False),  # float16, one row a sentence
)

tags = sa.Table(
    "document_tags",
    metadata,
    sa.Column("document_id", _document(), primary_key=True),
    sa.Column("tag", sa.String(64), primary_key=True),
)

earlier = sa.Table(
    "earlier_versions",
    metadata,
    sa.Column("document_id", _document(), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("passages", sa.JSON, nullable=False),  # id, headings, page and text of each, in order
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("ended_at", Moment, nullable=False),
)

edits = sa.Table(
    "passage_edits",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("document_id", _document(), nullable=False, index=True),
    sa.Column("number", sa.Integer, nullable=False),  # the order in which they are made again
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("headings", sa.JSON, nullable=False),  # of the first passage it changes
    sa.Column("before", sa.JSON, nullable=False),  # the texts it changes, one after the other
    sa.Column("after", sa.JSON, nullable=False),  # the texts that stand there instead, or a question
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),  # the one that it was last tried on
    sa.Column("places", sa.JSON, nullable=False),  # the positions it has come to there; none: not found
    sa.Column("why", sa.Text, nullable=False),  # a sentence, when it found no place
    sa.UniqueConstraint("document_id", "number"),
)

watches = sa.Table(
    "watches",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("url", sa.Text, nullable=False, unique=True),
    sa.Column("kind", sa.String(16), nullable=False),  # page or sitemap, "" until it was looked at
    sa.Column("below", sa.Text, nullable=False),  # of a sitemap, only what begins with this
    sa.Column("every", sa.Integer, nullable=False),  # seconds; 0: only when an admin asks
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("by", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("looked_at", Moment),
    sa.Column("due_at", Moment),
)

watched_pages = sa.Table(
    "watched_pages",
    metadata,
    sa.Column("watch_id", sa.ForeignKey("watches.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("url", sa.Text, primary_key=True),
    sa.Column("document_id", sa.ForeignKey("documents.id", ondelete="SET NULL"), index=True),
    sa.Column("etag", sa.Text, nullable=False),
    sa.Column("modified", sa.Text, nullable=False),  # the server's own Last-Modified
    sa.Column("hash", sa.String(64), nullable=False),  # of the bytes
    sa.Column("words", sa.String(64), nullable=False),  # of what is read of them
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("error", sa.Text, nullable=False),
    sa.Column("looked_at", Moment),
    sa.Column("changed_at", Moment),
)

editions = sa.Table(
    "editions",
    metadata,
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("identity", sa.Text, nullable=False),
    sa.Column("rules", sa.Text, nullable=False),
)

library = sa.Table(
    "library",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),  # always 1
    sa.Column("name", sa.String(12), nullable=False),  # tells our collections from others' on a shared server
    sa.Column("edition", sa.ForeignKey("editions.name")),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("previous", sa.String(16)),  # the edition that answered before, while it can be gone back to
    sa.Column("held", sa.Boolean, nullable=False, server_default=sa.false()),  # no other edition is built
)

ALIVE = sa.and_(documents.c.retired.is_(False), documents.c.step != "removing")
"""The documents that may answer, once a version of theirs is live."""

ANSWERING = sa.and_(
    ALIVE,
    passages.c.document_id == documents.c.id,
    passages.c.version == documents.c.live_version,
    passages.c.edition == sa.select(library.c.edition).scalar_subquery(),
)
"""The passages that a search may return."""
