"""Reads what searches of one index version will want before anybody asks for it, while it is little: else for
some hundreds of questions each meets passages and words that none has met before.

In the background and a piece at a time: between two pieces others have their turn.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import sqlalchemy as sa

from knowledge_base.answering import Answering
from knowledge_base.database import reading
from knowledge_base.errors import KnowledgeError
from knowledge_base.lexical import Remembered

FEW = 1500  # passages: half a second's work, and 20 MB
AT_ONCE = 50  # passages, or words: some milliseconds' work
PAUSE_SECONDS = 0.005

Piece = Callable[[sa.Connection], object]

log = logging.getLogger(__name__)


class Ahead:
    """`current` tells of a connection whether it sees the version that is read."""

    def __init__(
        self,
        engine: sa.Engine,
        current: Callable[[sa.Connection], bool],
        answering: Answering,
        words: Remembered,
    ) -> None:
        self._engine = engine
        self._current = current
        self._answering = answering
        self._words = words
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._read, name="reading ahead", daemon=True)
        self._thread.start()

    def stop(self, *, wait: bool = True) -> None:
        """After the piece in hand."""
        self._stopping.set()
        if wait:
            self._thread.join()

    def _read(self) -> None:
        try:
            self._in_pieces()
        except (KnowledgeError, sa.exc.SQLAlchemyError) as error:  # who asks will meet it, and be told
            log.debug("no further read ahead: %s", error)

    def _in_pieces(self) -> None:
        passages: list[str] = []
        words: list[str] = []

        def look(connection: sa.Connection) -> None:
            if len(found := self._answering.ids(connection, FEW + 1)) <= FEW:
                passages.extend(found)
                words.extend(self._words.known(connection))

        def work() -> Iterator[Piece]:
            yield look
            yield from (partial(self._passages, ids=some) for some in pieces(passages))
            yield from (partial(self._words.ahead, words=some) for some in pieces(words))

        for piece in work():
            with reading(self._engine) as connection:
                if not self._current(connection):
                    return
                piece(connection)
            if self._stopping.wait(PAUSE_SECONDS):
                return

    def _passages(self, connection: sa.Connection, ids: Sequence[str]) -> None:
        self._answering.load(connection, ids)
        self._answering.sentences(connection, ids)
        self._words.words(connection, ids)


def pieces(items: Sequence[str]) -> Iterator[Sequence[str]]:
    return (items[start : start + AT_ONCE] for start in range(0, len(items), AT_ONCE))
