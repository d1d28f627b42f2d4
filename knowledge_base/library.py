"""The face of the knowledge base: documents go in, passages come out.

    receive ──▶ ingest ──▶ search          retire, restore, remove

The catalogue says what is live; ChromaDB and the files follow it, and are put right when they do not:
after a kill in the middle of a removal, after ChromaDB's folder was lost, after the embedding model was
changed.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from knowledge_base import answering, printed
from knowledge_base.catalogue import UNFINISHED, Catalogue, Document, Received, Superseded
from knowledge_base.chunking import RULES
from knowledge_base.editions import Edition, Editions
from knowledge_base.editor import Editor
from knowledge_base.embedding import SHIPPED, Embedder, Model
from knowledge_base.embedding import embedder as embedder_of
from knowledge_base.errors import Conflict, KnowledgeError, Misconfigured, NotFound, Unavailable
from knowledge_base.files import Files
from knowledge_base.history import Version, versions_of
from knowledge_base.index import Chroma, Collections, Server
from knowledge_base.ingest import Ingest, Progress
from knowledge_base.limits import Limits
from knowledge_base.mirror import Mirror
from knowledge_base.ownership import Ownership
from knowledge_base.passages import Passage
from knowledge_base.searching import WORDS_ONLY, Searching

Floats = NDArray[np.float32]
DEFAULTS = Limits()
LONGEST_TAG = 64
THE_SAME = 0.9  # cosine of a text to itself: a server may round otherwise, and another model is far below

log = logging.getLogger(__name__)


def unseen(_step: str, _share: float) -> None:
    """Progress that nobody looks at."""


@dataclass(frozen=True)
class Status:
    """How the library stands. `meaning` is False while questions are only matched by their words."""

    version: str
    edition: str
    meaning: bool
    missing: int  # documents that the edition of the configured embedding still lacks
    documents: int = 0  # that answer
    configured: str = ""  # the identity of the configured embedding
    previous: str = ""  # of the index before, while it can be gone back to
    changing: bool = False  # another index is configured than the one that answers
    held: bool = False  # and it is neither built nor turned to until an admin says so

    @property
    def sentence(self) -> str:
        if self.held:
            return "The index for the configured embedding is held; the earlier one answers."
        if not self.missing:
            return "The index is complete."
        rest = f"Documents still to be prepared for the configured embedding: {self.missing}"
        if self.meaning:
            return f"{rest}; until then the earlier index answers."
        return (
            f"{rest}; until then questions are matched by their words alone, for the earlier model is gone."
        )


class Library:
    """Any number of threads may use one. Opening is light; `warm_up` takes the data directory and loads
    the embedder.
    """

    def __init__(
        self,
        data: Path,
        engine: sa.Engine,
        collections: Collections,
        embedder: Embedder,
        *,
        model: str = SHIPPED,
        product: str = "",
        limits: Limits = DEFAULTS,
        ownership: Ownership | None = None,
        load: Callable[[str], Embedder] = embedder_of,
    ) -> None:
        """`load` gives the embedder of an earlier edition by its model, and raises KnowledgeError when it
        cannot.
        """
        self.embedder = embedder
        self.engine = engine
        self._model = model
        self._product = product
        self.limits = limits
        self._catalogue = Catalogue(engine)
        self._editions = Editions(engine)
        self._files = Files(data / "files")
        self._mirror = Mirror(self._editions, collections, ownership)
        self._searching = Searching(engine, self._mirror, embedder, lambda: self._edition, load)
        self._load = load
        self._earlier: dict[str, Embedder] = {}  # by identity
        self._warming = threading.RLock()
        self._rebuilding = threading.Lock()
        self._documents: dict[str, threading.Lock] = {}
        self._warm = False

    @classmethod
    def open(
        cls,
        data: Path,
        engine: sa.Engine,
        *,
        vectors: Server | None = None,
        embedding: Model | None = None,
        product: str = "",
        limits: Limits = DEFAULTS,
    ) -> Library:
        """`vectors` is a Chroma server; without one, ChromaDB is our own, in `data/chroma`.

        `engine` is one that `knowledge_base.database.open_engine` made, on a database that has our tables.
        """
        model = embedding or Model()
        return cls(
            data,
            engine,
            Chroma(data / "chroma", vectors),
            embedder_of(model),
            model=model.kept,
            product=product,
            limits=limits,
            ownership=None if vectors else Ownership(data),
            load=lambda kept: embedder_of(Model.told(kept, like=model)),
        )

    def warm_up(self) -> None:
        """Ready to search and to ingest: what an earlier process left undone is put right. Twice is once."""
        if self._warm:
            return
        with self._warming:
            if self._warm:
                return
            self._mirror.open()
            self.embedder.warm_up()
            self._refuse_another_model()
            self._editions.adopt(self._edition)
            if not self._other_answers():
                self._editions.hold(False)
            for document_id in self._catalogue.ids_at(("removing",)):
                self._finish_removal(document_id)
            self._mirror.using(self._mirror.match)
            self._files.sweep(self._catalogue.oldest_versions())
            self._warm = True

    def close(self) -> None:
        """Let go of ChromaDB and of the data directory. `warm_up` opens it again."""
        with self._warming:
            self._warm = False
            self._searching.close()
            self._mirror.close()

    # documents

    def receive(self, stream: BinaryIO, name: str, *, by: str = "") -> Received:
        """Take a file in: on disk, recorded, and not read yet. Raises TooLarge, Unreadable when empty,
        Unavailable.
        """
        with self._files.arriving(stream, name, self.limits.upload_bytes) as arrived:
            keep = partial(self._files.keep, arrived)
            return self._catalogue.receive(arrived.name, arrived.hash, arrived.size, by, keep)

    def receive_page(self, body: bytes, url: str, *, by: str = "") -> Received:
        """Take a fetched page in like a file. It is known by its whole address, and leaves a document that
        was retired as it is.
        """
        with self._files.arriving(BytesIO(body), url, self.limits.upload_bytes) as arrived:
            keep = partial(self._files.keep, arrived)
            return self._catalogue.receive(url, arrived.hash, arrived.size, by, keep, wake=False)

    def ingest(self, document_id: str, progress: Progress = unseen) -> Document:
        """Make the newest version of the document answer, from wherever an earlier run stopped.

        What is wrong with the file is in the document that comes back (`state` is `failed`, `error` says
        why). Raises NotFound when the document was removed meanwhile, and Unavailable when trying again
        later may help.
        """
        document = self._catalogue.document(document_id)
        self.warm_up()
        if document.version == document.live_version and not self._changing():
            return document
        with self._lock(document_id):
            edition = self._target()
            try:
                self._mirror.using(lambda: self._ingest(edition).run(document_id, progress))
            except NotFound:
                self._mirror.using(lambda: self._mirror.remove(document_id))
                raise
            self._mirror.using(lambda: self._mirror.tidy(document_id))
            self._files.forget_before(document_id, self._catalogue.oldest_versions().get(document_id, 0))
        if self._changing():
            self.reindex(progress)
        return self._catalogue.document(document_id)

    def documents(self) -> list[Document]:
        return self._catalogue.documents()

    def document(self, document_id: str) -> Document:
        return self._catalogue.document(document_id)

    def pending(self) -> list[str]:
        """The documents whose ingestion was never finished: what a worker takes up again when it starts."""
        return self._catalogue.ids_at(UNFINISHED)

    def passages(self, document_id: str) -> list[Passage]:
        """In order: those that answer, or else those that the newest version was cut into."""
        self._catalogue.document(document_id)
        return answering.passages_of(self.engine, document_id)

    def by_id(self, ids: Sequence[str]) -> dict[str, Passage]:
        """Those of the passages that answer now."""
        return answering.by_id(self.engine, ids)

    def file(self, document_id: str) -> Path:
        """The newest version, as it was uploaded."""
        return self._files.path(document_id, self._catalogue.document(document_id).version)

    def is_printed(self, document_id: str) -> bool:
        """Whether it has pages that `page` shows: whether it is a PDF."""
        document = self._catalogue.document(document_id)
        return printed.is_printed(document.source, self._files.path(document_id, document.version))

    def page(self, document_id: str, number: int, passage: str = "") -> bytes:
        """A picture (PNG) of a page, the lines of a passage marked. Raises NotFound and Unreadable."""
        document = self._catalogue.document(document_id)
        file = self._files.path(document_id, document.version)
        return printed.picture(file, document.source, number, passage, self.limits)

    def retire(self, document_id: str) -> Document:
        """It is kept and does not answer."""
        self._catalogue.retire(document_id)
        return self._catalogue.document(document_id)

    def tags(self) -> dict[str, tuple[str, ...]]:
        """Of each document that has some."""
        return self._catalogue.tags()

    def tag(self, document_id: str, tags: Collection[str]) -> None:
        """Group the document by words of the admin's own; the ones it had are replaced."""
        clean = {" ".join(tag.split()) for tag in tags} - {""}
        if too_long := [tag for tag in clean if len(tag) > LONGEST_TAG]:
            raise Conflict(f"the tag {too_long[0]!r} is longer than {LONGEST_TAG} letters")
        self._catalogue.tag(document_id, clean)

    def versions(self, document_id: str) -> list[Version]:
        """The one that answers and those before it that are kept, the newest first."""
        return versions_of(self.engine, self._catalogue.document(document_id))

    def forget_earlier(self, document_id: str) -> None:
        """What earlier versions said is kept no longer."""
        self._catalogue.forget_earlier(document_id)

    def restore(self, document_id: str) -> Document:
        self._catalogue.restore(document_id)
        return self._catalogue.document(document_id)

    def retry(self, document_id: str) -> Document:
        """A document that failed waits to be ingested again."""
        self._catalogue.retry(document_id)
        return self._catalogue.document(document_id)

    def remove(self, document_id: str) -> None:
        """Nothing of it can be found from the first moment, and nothing of it is kept when this returns.

        A removal that is cut off is finished by the next `warm_up`. Raises InUse, before anything is
        done, when another process has the data directory.
        """
        self._catalogue.document(document_id)
        self._mirror.open()
        self._catalogue.removing(document_id)
        with self._lock(document_id):  # a running ingestion notices, and ends
            self._finish_removal(document_id)

    @cached_property
    def editor(self) -> Editor:
        """Changes passages of documents."""
        return Editor(self.engine, self._catalogue, self._files, self.embedder, self.limits, self._product)

    # searching

    def search(
        self,
        query: str,
        k: int = 5,
        *,
        tags: Collection[str] = (),
        audience: Collection[str] | None = None,
    ) -> list[Passage]:
        """The k passages that fit the query best, best first. What one search sees is of one moment.

        With `tags`, of the documents that have one of them. With an `audience`, also an empty one, without
        those that are for others; None is somebody who may see everything.
        """
        self.warm_up()
        return self._mirror.using(lambda: self._searching.search(query, k, tags, audience))

    def search_for(
        self, audience: Collection[str], tags: Collection[str] = ()
    ) -> Callable[..., list[Passage]]:
        """A search for customers of this audience, as a strategy is given it; none is everybody."""
        return partial(self.search, tags=frozenset(tags), audience=frozenset(audience))

    def languages(self) -> frozenset[str]:
        """Those in which documents are live, as ISO 639-1 codes."""
        return self._catalogue.languages()

    def neighbours(self, passage: Passage, each_side: int = 1) -> list[Passage]:
        """The passages around one in its document, itself among them, in order."""
        return answering.neighbours(self.engine, passage, each_side)

    def sentences(self, passages: Sequence[Passage]) -> list[Floats]:
        """For each passage the vectors of its sentences, (sentences, dimension), comparable with
        `embedder`'s.
        """
        self.warm_up()
        return self._mirror.using(lambda: self._searching.sentences(passages))

    def weigh(self, text: str) -> dict[str, float]:
        """The telling words of a text, each with its weight: the rarer among the passages, the heavier."""
        return self._searching.weigh(text)

    def version(self) -> str:
        """The index version: another one whenever what is live has changed, in whatever process."""
        return str(self._catalogue.index_version())

    def status(self) -> Status:
        """How the library stands; warms it up."""
        self.warm_up()
        now = self._mirror.using(self._searching.now)
        ready, documents = self._editions.prepared(self._edition.name)
        previous = self._editions.previous()
        changing = now.edition.name != self._edition.name
        return Status(
            str(now.version),
            now.edition.identity,
            now.embedder is not WORDS_ONLY,
            documents - ready,
            documents,
            self._edition.identity,
            previous.identity if previous else "",
            changing,
            changing and self._editions.held(),
        )

    def answering(self) -> str:
        """The identity of the embedding whose index answers, "" while there is none; loads nothing."""
        live = self._editions.live()
        return live.identity if live else ""

    def reindex(self, progress: Progress = unseen) -> None:
        """Prepare every document for the configured embedding beside what answers, then turn to it at
        once.

        When nothing changed, make sure that ChromaDB holds what it should. Cut off, it goes on where it
        stopped.
        """
        self.warm_up()
        with self._rebuilding:
            if self._changing():
                self._mirror.using(lambda: self._rebuild(self._edition, progress))
            self._mirror.using(self._mirror.match)
        progress("live", 1.0)

    def hold(self) -> None:
        """Build and turn to nothing else; what answers goes on, and uploads are prepared for it. What was
        built stays.
        """
        self._editions.hold(True)

    def go_on(self) -> None:
        """Let the configured index be built and turned to again, by the next `reindex`."""
        self._editions.hold(False)

    def go_back(self, progress: Progress = unseen) -> None:
        """Let the index before answer again, with all that came since prepared for it, and hold it.

        Raises Conflict when there is none (any longer), Unavailable when its embedding cannot be loaded.
        """
        self.warm_up()
        with self._rebuilding:
            previous = self._editions.previous()
            if previous is None:
                raise Conflict("there is no earlier index to go back to")
            self._embedder_of(previous)
            self._mirror.using(lambda: self._rebuild(previous, progress, back=True))
            self._mirror.using(self._mirror.match)
        progress("live", 1.0)

    def let_go(self) -> None:
        """Give up the index before, and what of another is built; the space is free again."""
        self.warm_up()
        with self._rebuilding:
            self._editions.let_go()
            self._editions.adopt(self._edition)
            self._mirror.using(self._mirror.match)

    @cached_property
    def _edition(self) -> Edition:
        """What the configured embedding and the rules of this release make; perhaps not yet what answers."""
        return Edition(self._model, self.embedder.identity, f"{RULES}; product {self._product!r}")

    def _refuse_another_model(self) -> None:
        """Vectors of two models are never mixed, also where a server gives both the same name."""
        example = None if self.embedder.proven else self._editions.example(self._edition.name)
        if example is None:
            return
        text, kept = example
        made = np.asarray(self.embedder.embed_documents([text])[0], np.float32)
        if float(made @ kept) < THE_SAME:
            raise Misconfigured(
                f"behind {Model.told(self._model).name!r} is another model than the one that made the index; "
                "set embedding.revision to a new word to make it anew"
            )

    # parts of ingesting and removing

    def _lock(self, document_id: str) -> threading.Lock:
        """One thread at a time works on the vectors of a document."""
        return self._documents.setdefault(document_id, threading.Lock())

    def _ingest(self, edition: Edition) -> Ingest:
        return Ingest(
            self._catalogue,
            self._editions,
            self._files,
            self._embedder_of(edition),
            self._mirror.vectors(edition),
            edition,
            self._product,
            self.limits,
        )

    def _finish_removal(self, document_id: str) -> None:
        self._mirror.using(lambda: self._mirror.remove(document_id))
        self._files.forget(document_id)
        self._catalogue.forget(document_id)  # last, for the row is what a killed removal is taken up from

    # changing the edition

    def _target(self) -> Edition:
        """What uploads are prepared for: what is configured, unless that is held."""
        live = self._other_answers()
        return live if live and self._editions.held() else self._edition

    def _other_answers(self) -> Edition | None:
        """The edition that answers, when it is not what is configured."""
        live = self._editions.live()
        return live if live is not None and live.name != self._edition.name else None

    def _changing(self) -> bool:
        return self._other_answers() is not None and not self._editions.held()

    def _embedder_of(self, edition: Edition) -> Embedder:
        if edition.identity == self.embedder.identity:
            return self.embedder
        if edition.identity not in self._earlier:
            try:
                earlier = self._load(edition.model)
                earlier.warm_up()
            except KnowledgeError as error:
                raise Unavailable(f"the embedding of the earlier index cannot be loaded: {error}") from error
            if earlier.identity != edition.identity:
                raise Unavailable(f"the embedding {edition.model!r} of the earlier index is another one now")
            self._earlier[edition.identity] = earlier
        return self._earlier[edition.identity]

    def _rebuild(self, edition: Edition, progress: Progress, *, back: bool = False) -> None:
        """Prepare what the edition lacks and turn to it; left as it is when it is held meanwhile."""
        lost: set[str] = set()
        while True:
            missing = [one for one in self._editions.missing(edition.name) if one[0] not in lost]
            for number, (document_id, version) in enumerate(missing):
                if not back and self._editions.held():
                    return
                within = partial(_within, progress, number, len(missing))
                if not self._prepare(edition, document_id, version, within):
                    lost.add(document_id)
            if not back and self._editions.held():
                return
            if not missing and self._editions.turn_to(edition.name, lost, hold=back):
                return

    def _prepare(self, edition: Edition, document_id: str, version: int, progress: Progress) -> bool:
        """False when the document can no longer be read, by the rules of this release."""
        with self._lock(document_id):
            try:
                self._ingest(edition).prepare(document_id, version, progress)
            except (NotFound, Superseded):
                pass
            except (Unavailable, Misconfigured):
                raise
            except KnowledgeError as error:
                log.warning("document %s is not in the new index: %s", document_id, error)
                self._catalogue.fail(document_id, version, str(error))
                return False
        return True


def _within(progress: Progress, number: int, of: int, step: str, share: float) -> None:
    """The progress of one document as that of the whole."""
    progress(step, (number + share) / of)
