"""ChromaDB as a mirror of the catalogue: opened by its one owner, and made to match again when it does not.

The catalogue keeps every vector. So whatever happens to ChromaDB (its folder removed, a server that comes
back empty, a process killed between two writes) is put right by comparing the two.
"""

import logging
import threading
from collections.abc import Callable
from typing import TypeVar

from knowledge_base.editions import Edition, Editions
from knowledge_base.errors import Unavailable
from knowledge_base.index import Collections, NoVectors, Vectors
from knowledge_base.ownership import Ownership

Result = TypeVar("Result")

log = logging.getLogger(__name__)


class Mirror:
    """`ownership` is that of the data directory, None on a server."""

    def __init__(self, editions: Editions, collections: Collections, ownership: Ownership | None) -> None:
        self._editions = editions
        self._collections = collections
        self._ownership = ownership
        self._opening = threading.RLock()
        self._library = ""
        self._open = False
        self.opened = 0  # how often; vectors that were got at another number are of a closed connection

    def open(self) -> None:
        """Raises InUse when another process owns the data directory. Twice is once."""
        with self._opening:
            if self._open:
                return
            if self._ownership:
                self._ownership.take()
            self._collections.connect()
            self._library = self._editions.library_name()
            self._open = True
            self.opened += 1

    def close(self) -> None:
        with self._opening:
            self._open = False
            self._collections.close()
            if self._ownership:
                self._ownership.give_back()

    def using(self, work: Callable[[], Result]) -> Result:
        """Do it; when ChromaDB was lost or restarted, open it again, refill it, and do it once more."""
        opened = self.opened
        if self._collections.lost():
            self._reopen(opened)
        try:
            return work()
        except NoVectors:
            self._reopen(opened)
            return work()

    def vectors(self, edition: Edition) -> Vectors:
        return self._collections.open(self._name(edition.name), edition.identity)

    def match(self) -> None:
        """Make ChromaDB hold what the catalogue says: no collection and no vector less or more.

        It is asked for its collections first: one that another process begins meanwhile is none too many.
        """
        ours = {name for name in self._collections.names() if name.startswith(self._name(""))}
        known = self._editions.known()
        for name in ours - {self._name(edition.name) for edition in known}:
            self._collections.drop(name)
        for edition in known:
            self._refill(edition)

    def tidy(self, document_id: str) -> None:
        """Drop what earlier versions of a document left."""
        for edition in self._editions.known():
            vectors = self.vectors(edition)
            wanted = self._editions.ready(edition.name, document_id)
            vectors.discard(sorted(vectors.ids(document_id) - set(wanted)))

    def remove(self, document_id: str) -> None:
        """Every vector of a document, in every edition; nothing is left when this returns."""
        for edition in self._editions.known():
            vectors = self.vectors(edition)
            vectors.remove(document_id)
            if vectors.ids(document_id):
                raise Unavailable(f"ChromaDB still holds passages of document {document_id!r}; try again")

    def _reopen(self, opened: int) -> None:
        with self._opening:
            if self.opened != opened:  # another thread was first
                return
            log.warning("ChromaDB was lost; it is opened again and refilled from the catalogue")
            self._collections.connect()
            self.opened += 1
            self.match()

    def _refill(self, edition: Edition) -> None:
        """What ChromaDB holds is asked first: a document that becomes ready meanwhile is then added twice,
        which is once, and never taken for a leftover.
        """
        vectors = self.vectors(edition)
        there = vectors.ids()
        ready = self._editions.ready(edition.name)
        missing = sorted(set(ready) - there)
        for ids, matrix in self._editions.vectors_of(missing):
            owners = [ready[id_] for id_ in ids]
            for owner in dict.fromkeys(owners):
                mine = [n for n, one in enumerate(owners) if one == owner]
                vectors.add([ids[n] for n in mine], matrix[mine], owner)
        leftover = (there | set(missing)) - set(self._editions.ready(edition.name))
        vectors.discard(sorted(leftover))

    def _name(self, edition: str) -> str:
        return f"kotae-{self._library}-{edition}"
