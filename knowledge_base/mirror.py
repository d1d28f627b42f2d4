"""ChromaDB as a mirror of the catalogue: opened by its one owner, and made to match again when it does not.

The catalogue keeps every vector. So whatever happens to ChromaDB (its folder removed, a server that comes
back empty, a process killed between two writes) is put right by comparing the two.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TypeVar

from knowledge_base.editions import Edition, Editions
from knowledge_base.errors import Unavailable
from knowledge_base.index import Collections, Hangs, NoVectors, Vectors
from knowledge_base.ownership import Ownership

Result = TypeVar("Result")
AGAIN_SECONDS = 10.0  # until a server that hangs is asked again

log = logging.getLogger(__name__)


class Mirror:
    """`ownership` is that of the data directory, None on a server."""

    def __init__(self, editions: Editions, collections: Collections, ownership: Ownership | None) -> None:
        self._editions = editions
        self._collections = collections
        self._ownership = ownership
        self._opening = threading.RLock()
        self._turns = threading.Lock()
        self._library = ""
        self._open = False
        self._hangs: Hangs | None = None  # from when somebody waited in vain until it is opened again
        self._again_at = 0.0
        self.opened = 0  # how often; vectors that were got at another number are of a closed connection

    def open(self) -> None:
        """Raises InUse when another process owns the data directory. Twice is once."""
        with self._opening:
            if self._open:
                return
            if self._ownership:
                self._ownership.take()
            self._refuse_most()
            with self._remembering():
                self._collections.connect()
            self._hangs = None
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
        """Do it; when ChromaDB was lost or restarted, open it again, refill it, and do it once more.

        While a server hangs, one after the other looks whether it still does, and all others are refused.
        """
        opened, hangs = self.opened, self._hangs
        if hangs:
            self._refuse_most()
        if hangs or self._collections.lost():
            self._reopen(opened, hangs)
        try:
            return work()
        except NoVectors:
            self._reopen(opened, hangs)
            with self._remembering():
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

    def _reopen(self, opened: int, hangs: Hangs | None) -> None:
        with self._opening:
            if self.opened != opened:  # another thread was first
                return
            if self._hangs and self._hangs is not hangs:  # it was, and waited in vain
                raise NoVectors(str(self._hangs))
            log.warning("ChromaDB was lost; it is opened again and refilled from the catalogue")
            with self._remembering():
                self._collections.connect()
                self.opened += 1
                self.match()
            self._hangs = None

    def _refuse_most(self) -> None:
        """While it hangs: all but one every AGAIN_SECONDS."""
        with self._turns:
            if self._hangs and monotonic() < self._again_at:
                raise NoVectors(str(self._hangs))
            self._again_at = monotonic() + AGAIN_SECONDS

    @contextmanager
    def _remembering(self) -> Iterator[None]:
        try:
            yield
        except Hangs as hangs:
            self._hangs, self._again_at = hangs, monotonic() + AGAIN_SECONDS
            raise
        except NoVectors:  # it is gone, which nobody has to wait for
            self._hangs = None
            raise

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
