"""Pairs as documents: what the desk answers is found and quoted like a manual, a question above each answer.

All pairs of a language that are used so make one document, kept up to date by a job. A question is the
heading of its passage, so it finds that passage before a manual that mentions the matter. What such a
document said before is not kept: a pair that is gone, perhaps with the customer it came from, is gone.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bot.conversations.question import language_of
from bot.jobs import Progress, Task
from bot.teaching.pairs import Kept, Pairs
from knowledge_base.catalogue import Document
from knowledge_base.library import Library

KIND: Final = "pairs as documents"
NAMES: Final[Mapping[str, str]] = {"ja": "質問と回答 ({language}).csv"}  # read by customers, as a title
ENGLISH: Final = "Questions and answers ({language}).csv"
BY: Final = "pairs"


class PairDocuments:
    """`remove` deletes a document from every answer."""

    def __init__(self, pairs: Pairs, library: Library, remove: Callable[[str], None]) -> None:
        self._pairs = pairs
        self._library = library
        self._remove = remove

    def due(self) -> Sequence[Task]:
        """Whether what the pairs say is not what their documents have."""
        return [(KIND, {})] if self._behind() or self._left() else []

    def work(self, _arguments: Mapping[str, Any], progress: Progress) -> None:
        """Write the documents anew that are behind, and delete those without a pair."""
        for name, content in self._behind().items():
            progress(name, 0.0)
            received = self._library.receive(io.BytesIO(content), name, by=BY)
            self._library.ingest(received.document.id, progress)
        for document in self._mine():
            self._library.forget_earlier(document.id)
        for document in self._left():
            self._remove(document.id)

    def _behind(self) -> dict[str, bytes]:
        known = {document.source: document for document in self._mine()}
        wanted = self._wanted()
        return {name: content for name, content in wanted.items() if not _is(known.get(name), content)}

    def _left(self) -> list[Document]:
        wanted = self._wanted()
        return [one for one in self._mine() if one.source not in wanted and one.state != "removing"]

    def _mine(self) -> list[Document]:
        return [document for document in self._library.documents() if document.by == BY]

    def _wanted(self) -> dict[str, bytes]:
        by_language: dict[str, list[Kept]] = {}
        for kept in self._pairs.answering():
            language = kept.pair.language or language_of(kept.pair.question, "en")
            by_language.setdefault(language, []).append(kept)
        return {name_of(language): _table(kept) for language, kept in by_language.items()}


def name_of(language: str) -> str:
    return NAMES.get(language, ENGLISH).format(language=language)


def _table(kept: Sequence[Kept]) -> bytes:
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    rows.writerow(("question", "answer"))
    rows.writerows((one.pair.question, one.pair.answer) for one in kept)
    return written.getvalue().encode()


def _is(document: Document | None, content: bytes) -> bool:
    """Whether the document has this content; one that was retired or failed is left as it is."""
    if document is None:
        return False
    return document.state == "retired" or document.hash == hashlib.sha256(content).hexdigest()
