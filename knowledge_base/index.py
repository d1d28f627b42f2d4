"""The vectors of live passages in ChromaDB: in this process, or on a Chroma server.

One collection holds the vectors of one edition (see `knowledge_base.editions`), so a clash of dimensions
cannot happen. What ChromaDB holds can always be made again from the catalogue; it is never the only place
that knows something.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from knowledge_base.errors import Unavailable
from knowledge_base.nearby import FEW, Nearby

if TYPE_CHECKING:
    import httpx

Floats = NDArray[np.float32]
ASKED_SECONDS = 5.0  # with a server, between two bytes of an answer: to what customers wait for,
WRITTEN_SECONDS = 20.0  # and to all else, which may take in or give back a thousand vectors
ASKED = ("/heartbeat", "/collections", "/query")  # whether it is there, and a search in a collection
AT_ONCE = 1000  # vectors in one request: under ChromaDB's own limit, and 2 MB of body for a server


class NoVectors(Unavailable):
    """ChromaDB does not serve; opening it again may help."""


class Hangs(NoVectors):
    """A server takes longer than a customer waits: whoever asks next waits as long."""


class Vectors(Protocol):
    """The vectors of one edition. Adding what is there replaces it; removing what is not there is no
    error.
    """

    def add(self, ids: Sequence[str], vectors: Floats, document_id: str) -> None: ...

    def remove(self, document_id: str) -> None: ...

    def discard(self, ids: Sequence[str]) -> None: ...

    def search(self, vector: Sequence[float], k: int) -> list[tuple[str, float]]:
        """The ids of the k nearest passages with their cosine, best first; passages that are not live
        among them.
        """

    def ids(self, document_id: str = "") -> set[str]:
        """The passages it holds, or those of one document."""


class Collections(Protocol):
    """Whoever holds the collections: ChromaDB, or `knowledge_base.testing.MemoryCollections`."""

    def open(self, name: str, identity: str) -> Vectors:
        """The collection of that name, made when it is not there."""

    def names(self) -> set[str]: ...

    def drop(self, name: str) -> None: ...

    def lost(self) -> bool:
        """Whether what was opened is no longer there, because somebody removed the folder."""

    def connect(self) -> None:
        """Open, or open again after `lost`."""

    def close(self) -> None: ...


@dataclass(frozen=True)
class Server:
    """A Chroma server: its address ("http://host:port"), the token that it or whoever guards it asks for, and
    where in it our vectors are.
    """

    address: str
    token: str = field(default="", repr=False)
    tenant: str = "default_tenant"
    database: str = "default_database"


def knock(server: Server, patience: float) -> None:
    """Raises where it does not answer within so many seconds."""
    import httpx

    alive = f"{server.address.rstrip('/')}/api/v2/heartbeat"
    httpx.get(alive, timeout=patience, headers=_shown(server)).raise_for_status()


def _shown(server: Server) -> dict[str, str]:
    return {"X-Chroma-Token": server.token} if server.token else {}


class Chroma:
    """ChromaDB in `folder`, or on a server when one is given."""

    def __init__(self, folder: Path, server: Server | None = None, patience: float = ASKED_SECONDS) -> None:
        self._folder = folder.absolute()
        self._books = f"{self._folder}/chroma.sqlite3"
        self._at = server
        self._patience = patience
        self._client: Any = None
        self._file = (0, 0)
        self._copies: dict[str, Copy] = {}  # by collection, of a ChromaDB that is ours alone

    def connect(self) -> None:
        self.close()
        with _sentences(self._place):
            self._client = self._client_of(self._at) if self._at else self._embedded()
        self._file = self._identity()
        self._sweep()

    def open(self, name: str, identity: str) -> ChromaVectors:
        with _sentences(self._place):
            collection = self._client.get_or_create_collection(
                name,
                embedding_function=None,
                metadata={"identity": identity},
                configuration={"hnsw": {"space": "cosine"}},
            )
        # What is on a server may be changed by other processes as well.
        copy = None if self._at else self._copies.setdefault(name, Copy())
        return ChromaVectors(collection, self._place, copy)

    def names(self) -> set[str]:
        with _sentences(self._place):
            return {collection.name for collection in self._client.list_collections()}

    def drop(self, name: str) -> None:
        from chromadb.errors import NotFoundError

        self._copies.pop(name, None)
        with _sentences(self._place), suppress(NotFoundError):
            self._client.delete_collection(name)
        self._sweep()

    def lost(self) -> bool:
        return not self._at and self._file != self._identity()

    def close(self) -> None:
        self._copies = {}
        client, self._client = self._client, None
        if client is not None:
            with suppress(Exception):  # a folder that was removed cannot be closed in order
                client.close()
            for part in (client, client._admin_client):  # each leaves its connection to a server open
                session = getattr(part._server, "_session", None)
                if session is not None:
                    session.close()

    def _embedded(self) -> Any:
        import chromadb
        from chromadb.config import Settings

        self._folder.mkdir(parents=True, exist_ok=True)
        return chromadb.PersistentClient(str(self._folder), settings=Settings(anonymized_telemetry=False))

    def _client_of(self, server: Server) -> Any:
        """A client that does not wait for ever, as ChromaDB's own would for a server that hangs."""
        import chromadb
        from chromadb.config import Settings

        knock(server, self._patience)
        headers = _shown(server)
        url = urlsplit(server.address)
        client: Any = chromadb.HttpClient(
            host=url.hostname or "localhost",
            port=url.port or (443 if url.scheme == "https" else 80),
            ssl=url.scheme == "https",
            headers=headers,
            settings=Settings(anonymized_telemetry=False),
            tenant=server.tenant,
            database=server.database,
        )
        session: httpx.Client = client._server._session
        session.timeout = max(self._patience, WRITTEN_SECONDS)
        session.event_hooks = {"request": [self._sooner]}
        return client

    def _sooner(self, request: httpx.Request) -> None:
        if request.url.path.endswith(ASKED):
            request.extensions["timeout"] = dict.fromkeys(request.extensions["timeout"], self._patience)

    def _sweep(self) -> None:
        """Remove the folders of dropped collections, which ChromaDB leaves behind.

        https://github.com/chroma-core/chroma/issues/1245 and 1309. Each is named after a row of `segments`.
        """
        if self._at:
            return
        try:
            books = f"{self._folder.as_uri()}/chroma.sqlite3?mode=ro"
            with closing(sqlite3.connect(books, uri=True)) as own:
                used = {str(id_) for (id_,) in own.execute("SELECT id FROM segments")}
        except sqlite3.Error:  # another release of ChromaDB may keep its books differently
            return
        for path in self._folder.iterdir():
            if path.is_dir() and path.name not in used:
                shutil.rmtree(path, ignore_errors=True)

    def _identity(self) -> tuple[int, int]:
        """Which file ChromaDB's own database is; another or none when the folder was removed under us."""
        try:
            found = os.stat(self._books)  # noqa: PTH116  # before each search: half as long as by a Path
        except OSError:
            return 0, 0
        return found.st_dev, found.st_ino

    @property
    def _place(self) -> str:
        return self._at.address if self._at else str(self._folder)


class Copy:
    """What a collection holds, in memory: read when it is first searched, and left again when it is too much.

    Whoever writes to the collection holds `changing`, so that the copy is never behind.
    """

    def __init__(self) -> None:
        self.nearby: Nearby | None = None
        self.changing = threading.RLock()
        self._too_many = False

    def read(self, collection: Any) -> Nearby | None:
        """The copy; None where a query of ChromaDB's is the better way."""
        if self.nearby is None and not self._too_many:
            with self.changing:
                if self.nearby is None and not self._grown(collection.count()):
                    self.nearby = _read(collection)
        return self.nearby

    def changed(self, collection: Any) -> None:
        """The collection has more or less than before."""
        if self.nearby is None or len(self.nearby) > FEW:
            self.nearby = None
            self._grown(collection.count())

    def _grown(self, count: int) -> bool:
        self._too_many = count > FEW
        return self._too_many


def _read(collection: Any) -> Nearby:
    """All that a collection holds."""
    nearby = Nearby()
    held = collection.get(include=["embeddings", "metadatas"])
    if held["ids"]:
        documents = [str(about["document"]) for about in held["metadatas"]]
        nearby.add(held["ids"], np.asarray(held["embeddings"], np.float32), documents)
    return nearby


class ChromaVectors:
    """`copy` is a collection's that no other process writes to."""

    def __init__(self, collection: Any, place: str, copy: Copy | None = None) -> None:
        self._collection = collection
        self._place = place
        self._copy = copy

    def add(self, ids: Sequence[str], vectors: Floats, document_id: str) -> None:
        with self._changing() as nearby:
            for start in range(0, len(ids), AT_ONCE):
                some, theirs = ids[start : start + AT_ONCE], vectors[start : start + AT_ONCE]
                self._collection.upsert(
                    ids=list(some), embeddings=theirs, metadatas=[{"document": document_id}] * len(some)
                )
                if nearby is not None:
                    nearby.add(some, theirs, [document_id] * len(some))

    def remove(self, document_id: str) -> None:
        with self._changing() as nearby:
            self._collection.delete(where={"document": document_id})
            if nearby is not None:
                nearby.remove(document_id)

    def discard(self, ids: Sequence[str]) -> None:
        with self._changing() as nearby:
            for start in range(0, len(ids), AT_ONCE):
                some = list(ids[start : start + AT_ONCE])
                self._collection.delete(ids=some)
                if nearby is not None:
                    nearby.discard(some)

    def search(self, vector: Sequence[float], k: int) -> list[tuple[str, float]]:
        query = np.asarray(vector, np.float32)
        with _sentences(self._place):
            if self._copy and (nearby := self._copy.read(self._collection)) is not None:
                return nearby.search(query, k)
            found = self._collection.query(query_embeddings=query[None], n_results=k, include=["distances"])
        return [
            (id_, 1.0 - distance)
            for id_, distance in zip(found["ids"][0], found["distances"][0], strict=True)
        ]

    @contextmanager
    def _changing(self) -> Iterator[Nearby | None]:
        """While the collection is changed: its copy, to be changed alike, where there is one."""
        with _sentences(self._place):
            if self._copy is None:
                yield None
                return
            with self._copy.changing:
                try:
                    yield self._copy.nearby
                except Exception:
                    self._copy.nearby = None  # what was changed is not known: it is read again
                    raise
                self._copy.changed(self._collection)

    def ids(self, document_id: str = "") -> set[str]:
        which = {"document": document_id} if document_id else None
        with _sentences(self._place):
            return set(self._collection.get(where=which, include=[])["ids"])


@contextmanager
def _sentences(place: str) -> Iterator[None]:
    """ChromaDB raises what it likes: its own errors, its HTTP library's, plain ValueErrors. All mean it
    does not serve.
    """
    try:
        yield
    except Exception as error:
        import httpx

        what = str(error) or type(error).__name__
        hangs = isinstance(error, httpx.TimeoutException) and error.request.url.path.endswith(ASKED)
        kind = Hangs if hangs else NoVectors
        raise kind(f"ChromaDB at {place!r} does not answer: {what}") from error
