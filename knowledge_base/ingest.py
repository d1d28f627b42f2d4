"""From a file to passages that answer, in steps that are each kept.

    received ──read──▶ read ──cut──▶ cut ──embed──▶ embedded ──ChromaDB──▶ live

A process may be killed anywhere: what a step kept is not done again, and what it had not kept leaves no
trace. Embedding is kept every few passages. The vectors reach ChromaDB last, under ids that are the same
each time, and only then does the version take the place of the one before.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from knowledge_base import readers
from knowledge_base.catalogue import Catalogue, Superseded
from knowledge_base.chunking import cut
from knowledge_base.editions import Edition, Editions, Embedded
from knowledge_base.edits import Remaking, edited
from knowledge_base.embedding import Embedder
from knowledge_base.errors import KnowledgeError, Misconfigured, NotFound, Unavailable, Unreadable
from knowledge_base.files import Files
from knowledge_base.index import Vectors
from knowledge_base.limits import Limits

Progress = Callable[[str, float], None]
AT_ONCE = 64  # passages embedded between two savings: a second or two of work
READ, CUT, EMBEDDED, INDEXED = 0.05, 0.1, 0.9, 0.98  # how far the whole is when a step ends

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Ingest:
    """Prepares documents for one edition."""

    catalogue: Catalogue
    editions: Editions
    files: Files
    embedder: Embedder
    vectors: Vectors
    edition: Edition
    product: str
    limits: Limits

    def run(self, document_id: str, progress: Progress) -> None:
        """Bring the newest version to life, also when a newer one arrives on the way.

        What is wrong with the file is kept with the document. Raises NotFound when the document is
        removed meanwhile, and Unavailable or Misconfigured when an engine fails; another run then goes on
        where this one stopped.
        """
        while True:
            version = self.catalogue.document(document_id).version
            try:
                self._bring_to_life(document_id, version, progress)
            except Superseded:
                continue
            return

    def prepare(self, document_id: str, version: int, progress: Progress) -> None:
        """All but the last step: the version's passages and vectors are in place, and do not answer yet."""
        if not self.editions.built(document_id, version, self.edition.name):
            self._read_and_cut(document_id, version, progress)
        self._embed(document_id, version, progress)
        self._index(document_id, version, progress)

    def remaking(self, language: str) -> Remaking:
        return Remaking(self.embedder.count, self.embedder.limit, language)

    def _bring_to_life(self, document_id: str, version: int, progress: Progress) -> None:
        try:
            self.prepare(document_id, version, progress)
            if self.catalogue.go_live(document_id, version, self.edition.name):
                progress("live", 1.0)
        except (Superseded, NotFound, Unavailable, Misconfigured):
            raise
        except KnowledgeError as error:
            self.catalogue.fail(document_id, version, str(error))

    def _read_and_cut(self, document_id: str, version: int, progress: Progress) -> None:
        name = self.catalogue.document(document_id).source
        with _blaming(name):
            read = readers.read(self.files.path(document_id, version), name, self.limits)
        self.catalogue.told(document_id, version, read)
        progress("read", READ)
        with _blaming(name):
            cuts = cut(read, count=self.embedder.count, product=self.product, limit=self.embedder.limit)
        if not cuts:
            raise Unreadable(f"{name!r} contains no text that could be found")
        made = edited(cuts, self.editions.edits(document_id), self.remaking(read.language))
        if not made.cuts:
            raise Unreadable(f"no passage of {name!r} may answer; take back an edit")
        self.editions.keep_passages(document_id, version, self.edition.name, read, made)
        progress("cut", CUT)

    def _embed(self, document_id: str, version: int, progress: Progress) -> None:
        self.editions.reuse(document_id, version, self.edition.name)
        waiting = self.editions.waiting(document_id, version, self.edition.name)
        for start in range(0, len(waiting), AT_ONCE):
            some = waiting[start : start + AT_ONCE]
            made = self.embedder.embed_passages([one for _, one in some])
            rows = [Embedded(id_, *vectors) for (id_, _), vectors in zip(some, made, strict=True)]
            share = _between(CUT, EMBEDDED, (start + len(some)) / len(waiting))
            self.editions.keep_vectors(document_id, version, rows, share)
            progress("cut", share)
        self.editions.embedded(document_id, version, self.edition.name, EMBEDDED)
        progress("embedded", EMBEDDED)

    def _index(self, document_id: str, version: int, progress: Progress) -> None:
        ids, vectors = self.editions.vectors(document_id, version, self.edition.name)
        self.vectors.add(ids, vectors, document_id)
        progress("embedded", INDEXED)


@contextmanager
def _blaming(name: str) -> Iterator[None]:
    """Whatever a stranger's file brings out in us is the fault of that one file."""
    try:
        yield
    except KnowledgeError:
        raise
    except FileNotFoundError:
        raise Unreadable(f"the file of {name!r} is gone from the data directory; upload it again") from None
    except Exception as error:
        log.exception("reading %r failed", name)
        raise Unreadable(f"{name!r} could not be read ({type(error).__name__}); the log says more") from error


def _between(start: float, end: float, share: float) -> float:
    return start + (end - start) * share
