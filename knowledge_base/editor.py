"""Changing the passages of a document by hand: rewrite, split, merge, silence, and say what one answers.

    an edit ──one transaction──▶ noted, and the same file as a new version that waits ──ingest──▶ live

So an edit is made, killed, resumed and searched exactly like an upload, and until it is live what was there
answers. Only passages that are new are embedded.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from uuid import uuid4

import sqlalchemy as sa

from knowledge_base import answering, readers
from knowledge_base.catalogue import Catalogue
from knowledge_base.chunking import cut
from knowledge_base.database import now, reading
from knowledge_base.edits import Edit, Edited, Kind, Remaking, edited, of_document, plain
from knowledge_base.embedding import Embedder
from knowledge_base.errors import Conflict, NotFound
from knowledge_base.files import Files
from knowledge_base.limits import Limits
from knowledge_base.passages import Cut, Passage
from knowledge_base.tables import edits

LONGEST_QUESTION = 300
MOST_QUESTIONS = 10  # of one passage
READINGS_KEPT = 8


@dataclass(frozen=True)
class Original:
    """A passage as the document has it, and the positions of those that it has become."""

    cut: Cut
    becomes: tuple[int, ...]
    silent: bool = False  # it does not answer, by an edit


class Editor:
    def __init__(
        self,
        engine: sa.Engine,
        catalogue: Catalogue,
        files: Files,
        embedder: Embedder,
        limits: Limits,
        product: str,
    ) -> None:
        self._engine = engine
        self._catalogue = catalogue
        self._files = files
        self._embedder = embedder
        self._limits = limits
        self._product = product
        self._readings: OrderedDict[tuple[str, int], tuple[Sequence[Cut], str]] = OrderedDict()
        self._reading = threading.Lock()

    # looking

    def edits(self, document_id: str) -> list[Edit]:
        """In the order in which they are made."""
        with reading(self._engine) as connection:
            return of_document(connection, document_id)

    def unplaced(self) -> dict[str, int]:
        """How many edits of each document wait for an admin, because their text is gone."""
        query = sa.select(edits.c.document_id, sa.func.count()).where(edits.c.why != "")
        with reading(self._engine) as connection:
            return {row[0]: row[1] for row in connection.execute(query.group_by(edits.c.document_id))}

    def originals(self, document_id: str) -> list[Original]:
        """The document as it was read, passage by passage, in the version that answers."""
        document = self._catalogue.document(document_id)
        version = document.live_version or document.version
        cuts, made = self._remade(document_id, version, document.source)
        becomes: dict[int, list[int]] = {each.position: [] for each in cuts}
        silent: set[int] = set()
        position = 0
        for one in made.standing:
            for origin in one.origins:
                if one.answers:
                    becomes[origin].append(position)
                else:
                    silent.add(origin)
            position += one.answers
        return [Original(each, tuple(becomes[each.position]), each.position in silent) for each in cuts]

    def questions(self, document_id: str) -> dict[int, tuple[str, ...]]:
        """The questions that an admin gave each passage of the version that answers, by position."""
        document = self._catalogue.document(document_id)
        _, made = self._remade(document_id, document.live_version or document.version, document.source)
        answering_ = [one for one in made.standing if one.answers]
        return {position: one.questions for position, one in enumerate(answering_) if one.questions}

    # changing

    def rewrite(self, document_id: str, passage_id: str, text: str, *, by: str = "") -> None:
        """Raises NotFound when the passage is not there (any longer), Conflict when it cannot be so."""
        passage, text = self._passage(document_id, passage_id), text.replace("\r\n", "\n").strip()
        if not text:
            raise Conflict("a passage cannot be empty; silence it instead")
        if plain(text) != plain(passage.text):
            self._check_fits(document_id, passage, [text])
            self._change(document_id, "rewrite", [passage], [text], by)

    def split(self, document_id: str, passage_id: str, at: int, *, by: str = "") -> None:
        """Cut before the character `at`."""
        passage = self._passage(document_id, passage_id)
        parts = [passage.text[:at].strip(), passage.text[at:].strip()]
        if not all(parts):
            raise Conflict("both parts need some text; choose another place to split at")
        self._change(document_id, "split", [passage], parts, by)

    def merge(self, document_id: str, passage_id: str, *, by: str = "") -> None:
        """Join the passage and the one after it."""
        passages = answering.passages_of(self._engine, document_id)
        passage = self._passage(document_id, passage_id)
        following = [each for each in passages if each.position == passage.position + 1]
        if not following:
            raise Conflict("there is no passage after this one")
        text = f"{passage.text}\n\n{following[0].text}"
        self._check_fits(document_id, passage, [text])
        self._change(document_id, "merge", [passage, following[0]], [text], by)

    def silence(self, document_id: str, passage_id: str, *, by: str = "") -> None:
        """Let it not answer; it is kept."""
        if len(answering.passages_of(self._engine, document_id)) == 1:
            raise Conflict("it is the only passage that answers; retire the document instead")
        self._change(document_id, "disable", [self._passage(document_id, passage_id)], [], by)

    def answers(self, document_id: str, passage_id: str, question: str, *, by: str = "") -> None:
        """Let it be found by this question, too."""
        passage, question = self._passage(document_id, passage_id), " ".join(question.split())
        if not question or len(question) > LONGEST_QUESTION:
            raise Conflict(f"a question of 1 to {LONGEST_QUESTION} letters is needed")
        known = self.questions(document_id).get(passage.position, ())
        if question in known:
            return
        if len(known) >= MOST_QUESTIONS:
            raise Conflict(f"a passage takes {MOST_QUESTIONS} questions at most; split it")
        self._check_fits(document_id, passage, [passage.text], [*known, question])
        self._change(document_id, "question", [passage], [question], by)

    def take_back(self, document_id: str, edit_id: str, *, by: str = "") -> None:
        """As if the edit had never been made. Those that were made on what it made wait for review then."""
        self._known(document_id, edit_id)

        def make(connection: sa.Connection) -> None:
            connection.execute(sa.delete(edits).where(edits.c.id == edit_id))

        self._note(document_id, by, make)

    def place(self, document_id: str, edit_id: str, passage_id: str, *, by: str = "") -> None:
        """Make an edit that found no place on this passage instead."""
        edit, passage = self._known(document_id, edit_id), self._passage(document_id, passage_id)
        if len(edit.before) > 1:
            raise Conflict("an edit that joined passages is made anew, on the passages that are there now")
        if edit.kind == "split":
            raise Conflict("a split is made anew, on the passage that is there now")

        def make(connection: sa.Connection) -> None:
            there = {"before": [passage.text], "headings": list(passage.headings)}
            values = {**there, "number": _next(connection, document_id), "version": 0, "why": "", "by": by}
            connection.execute(sa.update(edits).where(edits.c.id == edit_id).values(**values, places=[]))

        self._note(document_id, by, make)

    # parts

    def _change(
        self, document_id: str, kind: Kind, there: Sequence[Passage], after: Sequence[str], by: str
    ) -> None:
        before = [passage.text for passage in there]
        self._check_free(document_id, before)

        def make(connection: sa.Connection) -> None:
            if kind == "rewrite" and _rewritten_again(connection, document_id, before[0], after[0], by):
                return
            connection.execute(
                sa.insert(edits).values(
                    id=uuid4().hex,
                    document_id=document_id,
                    number=_next(connection, document_id),
                    kind=kind,
                    headings=list(there[0].headings),
                    before=before,
                    after=list(after),
                    by=by,
                    created_at=now(),
                    version=0,
                    places=[],
                    why="",
                )
            )

        self._note(document_id, by, make)

    def _note(self, document_id: str, by: str, make: Callable[[sa.Connection], None]) -> None:
        self._catalogue.change(document_id, by, make, partial(self._files.again, document_id))

    def _passage(self, document_id: str, passage_id: str) -> Passage:
        for passage in answering.passages_of(self._engine, document_id):
            if passage.id == passage_id:
                return passage
        self._catalogue.document(document_id)
        raise NotFound("the passage has changed meanwhile; look at it again")

    def _known(self, document_id: str, edit_id: str) -> Edit:
        for edit in self.edits(document_id):
            if edit.id == edit_id:
                return edit
        raise NotFound("the edit was taken back meanwhile")

    def _check_free(self, document_id: str, before: Sequence[str]) -> None:
        """Unless an edit that is not live yet changes the same text."""
        document = self._catalogue.document(document_id)
        version = document.live_version or document.version
        _, made = self._remade(document_id, version, document.source, waiting=True)
        if not {plain(text) for text in before} <= {plain(each.text) for each in made.cuts}:
            raise Conflict("this passage is being changed already; look again in a moment")

    def _check_fits(
        self, document_id: str, passage: Passage, texts: Sequence[str], questions: Sequence[str] | None = None
    ) -> None:
        remaking = Remaking(self._embedder.count, self._embedder.limit, passage.language)
        if questions is None:
            questions = self.questions(document_id).get(passage.position, ())
        if not all(remaking.fits(text, questions) for text in texts):
            raise Conflict(
                f"with that the passage is longer than the {remaking.limit} tokens that the embedding model "
                "reads; split it first"
            )

    def _remade(
        self, document_id: str, version: int, source: str, *, waiting: bool = False
    ) -> tuple[Sequence[Cut], Edited]:
        """With the edits that this version has, or also with those that only a later one will."""
        cuts, language = self._read(document_id, version, source)
        remaking = Remaking(self._embedder.count, self._embedder.limit, language)
        known = [edit for edit in self.edits(document_id) if waiting or 0 < edit.version <= version]
        return cuts, edited(cuts, known, remaking)

    def _read(self, document_id: str, version: int, source: str) -> tuple[Sequence[Cut], str]:
        """The file read and cut; reading takes a moment, so the last ones are remembered."""
        key = document_id, version
        with self._reading:
            if key in self._readings:
                self._readings.move_to_end(key)
                return self._readings[key]
        read = readers.read(self._files.path(document_id, version), source, self._limits)
        count, limit = self._embedder.count, self._embedder.limit
        found = tuple(cut(read, count=count, product=self._product, limit=limit)), read.language
        with self._reading:
            self._readings[key] = found
            while len(self._readings) > READINGS_KEPT:
                self._readings.popitem(last=False)
        return found


def _next(connection: sa.Connection, document_id: str) -> int:
    last = sa.select(sa.func.max(edits.c.number)).where(edits.c.document_id == document_id)
    return (connection.scalar(last) or 0) + 1


def _rewritten_again(connection: sa.Connection, document_id: str, before: str, after: str, by: str) -> bool:
    """A passage that was rewritten and is rewritten again has one edit, unless others were made between."""
    known = of_document(connection, document_id)
    earlier = next((one for one in known if one.kind == "rewrite" and one.after == (before,)), None)
    if earlier is None or any(plain(before) in map(plain, one.before) for one in known):
        return False
    if plain(earlier.before[0]) == plain(after):
        connection.execute(sa.delete(edits).where(edits.c.id == earlier.id))
    else:
        again = {"after": [after], "by": by, "version": 0, "places": [], "why": "", "created_at": now()}
        connection.execute(sa.update(edits).where(edits.c.id == earlier.id).values(**again))
    return True
