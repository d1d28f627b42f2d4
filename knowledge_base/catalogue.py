"""The record of what the library holds: documents, their versions, their passages, and which of them answer.

One transaction here decides what is live. A passage can be found when its document is neither retired nor being removed,
its version is the document's `live_version`, and its edition is the library's. ChromaDB and the lexical index follow.

    documents ─┬─ versions      what was uploaded: the file's hash and size, and what reading it told
               └─ builds        one version prepared for one edition: cut, then embedded
                    └─ passages ── embeddings      the vectors, from which a lost ChromaDB folder is refilled in seconds
    editions                    an embedding identity: model, revision, dimension and passage rules
    library                     a single row: the edition that answers, and the index version

An id of a passage is its document's, version, edition and position: the same work done twice gives the same ids.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from knowledge_base.database import Moment

State = Literal["received", "read", "cut", "embedded", "live", "failed", "retired", "removing"]
Vector = NDArray[np.float32]

metadata = sa.MetaData()

documents = sa.Table(
    "documents",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column(
        "name", sa.Text, unique=True
    ),  # the identity of an upload; empty once the document is being removed
    sa.Column(
        "content", sa.String(64), unique=True
    ),  # the newest hash; empty for a copy of another document's
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("step", sa.String(16), nullable=False),
    sa.Column("retired", sa.Boolean, nullable=False, default=False),
    sa.Column("error", sa.Text, nullable=False, default=""),
    sa.Column("progress", sa.Float, nullable=False, default=0.0),
    sa.Column("version", sa.Integer, nullable=False),  # the newest
    sa.Column("live_version", sa.Integer),  # the one that answers
    sa.Column("created_at", Moment, nullable=False),
    sa.Column("updated_at", Moment, nullable=False),
)

versions = sa.Table(
    "document_versions",
    metadata,
    sa.Column("document_id", sa.ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("by", sa.Text, nullable=False, default=""),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("kind", sa.String(32), nullable=False, default=""),
    sa.Column("language", sa.String(16), nullable=False, default=""),
    sa.Column("notes", sa.JSON, nullable=False, default=list),
    sa.Column("created_at", Moment, nullable=False),
)

builds = sa.Table(
    "document_builds",
    metadata,
    sa.Column("document_id", sa.ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("edition", sa.String(16), primary_key=True),
    sa.Column("passages", sa.Integer, nullable=False),
    sa.Column("embedded", sa.Boolean, nullable=False, default=False),
)

passages = sa.Table(
    "passages",
    metadata,
    sa.Column("id", sa.String(96), primary_key=True),
    sa.Column("document_id", sa.ForeignKey("documents.id", ondelete="CASCADE"), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("edition", sa.String(16), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("context", sa.Text, nullable=False),
    sa.Column("headings", sa.JSON, nullable=False),
    sa.Column("page", sa.Integer),
    sa.Column("tokens", sa.Integer, nullable=False),
    sa.Column("sentences", sa.JSON, nullable=False),
    sa.Index("passages_in_order", "document_id", "version", "edition", "position"),
)

embeddings = sa.Table(
    "passage_embeddings",
    metadata,
    sa.Column("passage_id", sa.ForeignKey("passages.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False),  # float32
    sa.Column("sentences", sa.LargeBinary, nullable=False),  # float16, one row a sentence
)

editions = sa.Table(
    "editions",
    metadata,
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("identity", sa.Text, nullable=False),
    sa.Column("rules", sa.Text, nullable=False),
    sa.Column("created_at", Moment, nullable=False),
)

library = sa.Table(
    "library",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),  # always 1
    sa.Column("edition", sa.ForeignKey("editions.name")),
    sa.Column("version", sa.Integer, nullable=False),
)


@dataclass(frozen=True)
class Document:
    """A document as an admin sees it: its newest version, and how far that one has come.

    An older version answers until the newest is live. `progress` runs from 0 to 1; `error` says why a step failed.
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
    live_version: int | None = None


@dataclass(frozen=True)
class Received:
    """What became of an upload. `unchanged` also when the same content is here under another name: that document."""

    document: Document
    outcome: Literal["new", "unchanged", "new version"]
