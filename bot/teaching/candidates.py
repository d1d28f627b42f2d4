"""Candidates: pairs that somebody proposes, from an answer that was wrong or a question that nobody answered.

    an operator's correction ─┐
    an unanswered question  ──┴─▶ "new" ─▶ an admin looks ─▶ "accepted": a pair  |  "rejected"

Personal data is taken out before anything is kept. Erasing a customer takes their candidates along, and the
pairs that came of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot.access import audit
from bot.conversations.question import clean, language_of
from bot.store import reading, writing
from bot.store.tables import CandidateQuestionRow, CandidateRow, MessageRow
from bot.teaching.pairs import Kept, Pairs
from knowledge_base.database import now
from strategies.lora.pairs.redaction import redact

State = Literal["new", "accepted", "rejected"]
CHARACTERS = 4000  # of a question or an answer
WHY_CHARACTERS = 500


@dataclass(frozen=True)
class Candidate:
    """A proposed pair. `message_id` is the answer it corrects and `conversation_id` where that was given, ""
    for one that nobody asked; `pair_id` is what it became.
    """

    id: str
    question: str
    answer: str
    why: str
    language: str
    by: str
    message_id: str
    conversation_id: str
    state: State
    created_at: datetime
    pair_id: str = ""
    decided_by: str = ""
    decided_at: datetime | None = None


@dataclass(frozen=True)
class Page:
    candidates: tuple[Candidate, ...]
    total: int


class UnknownCandidate(LookupError):
    """There is no such candidate."""


class CandidateRefused(ValueError):
    """It cannot be kept, or was decided on already; the message says why."""


class Candidates:
    def __init__(self, engine: sa.Engine, pairs: Pairs) -> None:
        self._engine = engine
        self._pairs = pairs

    def add(
        self,
        question: str,
        answer: str = "",
        why: str = "",
        *,
        by: str,
        message_id: str = "",
        language: str = "",
        keep: Collection[str] = (),
    ) -> Candidate:
        """Propose a pair; without an answer it waits for one. The same question and answer waits only once,
        and an answer to one that waits for it becomes that one's.

        CandidateRefused when nothing is asked. Personal data is taken out, except the kinds in `keep`.
        """
        asked, said = redact(clean(question), keep=keep), redact(clean(answer), keep=keep)
        if not asked.text.strip():
            raise CandidateRefused("a candidate needs a question")
        if len(asked.text) > CHARACTERS or len(said.text) > CHARACTERS:
            raise CandidateRefused(f"a question and an answer have {CHARACTERS:,} characters at most")
        taken = Counter(str(found.kind) for found in (*asked.found, *said.found))
        with writing(self._engine) as session:
            same = sa.select(CandidateRow).where(
                CandidateRow.question == asked.text,
                CandidateRow.answer == said.text,
                CandidateRow.state == "new",
            )
            row = session.scalar(same.limit(1))
            if row is None:
                row = _unanswered(session, message_id) if said.text else None
                row = row or CandidateRow(id=uuid4().hex, state="new", pair_id="", decided_by="")
                row.question, row.answer, row.by, row.created_at = asked.text, said.text, by, now()
                row.why = redact(clean(why)).text[:WHY_CHARACTERS]
                row.language = language or language_of(asked.text, "en")
                row.message_id, row.conversation_id = message_id, _conversation_of(session, message_id)
                session.add(row)
                audit.note(session, by, "add candidate", row.id, message=message_id, redacted=dict(taken))
            return _candidate(row)

    def list(self, state: State | None = "new", *, limit: int = 50, offset: int = 0) -> Page:
        """The newest first; `None` is all of them."""
        wanted = [CandidateRow.state == state] if state else []
        rows = (
            sa.select(CandidateRow)
            .where(*wanted)
            .order_by(CandidateRow.position.desc())
            .limit(limit)
            .offset(offset)
        )
        with reading(self._engine) as session:
            total = session.scalar(sa.select(sa.func.count()).select_from(CandidateRow).where(*wanted))
            return Page(tuple(map(_candidate, session.scalars(rows))), total or 0)

    def get(self, candidate_id: str) -> Candidate:
        with reading(self._engine) as session:
            return _candidate(_found(session, candidate_id))

    def of_messages(self, message_ids: Collection[str]) -> Mapping[str, Candidate]:
        """The newest candidate of each of these answers that has one."""
        rows = (
            sa.select(CandidateRow)
            .where(CandidateRow.message_id.in_(message_ids))
            .order_by(CandidateRow.position)
        )
        with reading(self._engine) as session:
            return {row.message_id: _candidate(row) for row in session.scalars(rows)}

    def accept(self, candidate_id: str, *, by: str, entry: Mapping[str, Any] | None = None) -> Kept:
        """Make a pair of it; `entry` are the fields that the admin changed (`question`, `answer`, `tags` …).

        CandidateRefused when it was decided on already, BadPairs or PairRefused when it makes no pair.
        """
        candidate = self._waiting(candidate_id)
        fields = {
            "question": candidate.question,
            "answer": candidate.answer,
            "language": candidate.language,
            **(entry or {}),
        }
        kept = self._pairs.add(fields, by=by)
        self._decide(candidate_id, "accepted", by, kept.id)
        return kept

    def reject(self, candidate_id: str, *, by: str) -> Candidate:
        """It makes no pair; it is kept, so that the same is seen again."""
        self._waiting(candidate_id)
        return self._decide(candidate_id, "rejected", by)

    def _waiting(self, candidate_id: str) -> Candidate:
        candidate = self.get(candidate_id)
        if candidate.state != "new":
            raise CandidateRefused(f"this candidate was {candidate.state} by {candidate.decided_by}")
        return candidate

    def _decide(self, candidate_id: str, state: State, by: str, pair_id: str = "") -> Candidate:
        with writing(self._engine) as session:
            row = _found(session, candidate_id)
            row.state, row.decided_by, row.decided_at, row.pair_id = state, by, now(), pair_id
            audit.note(session, by, f"{state} candidate", candidate_id, pair=pair_id)
            return _candidate(row)


def _unanswered(session: Session, message_id: str) -> CandidateRow | None:
    """The candidate in which the question to this message waits for an answer, with others that mean it."""
    return session.scalar(
        sa.select(CandidateRow)
        .join(CandidateQuestionRow, CandidateQuestionRow.candidate_id == CandidateRow.id)
        .where(
            CandidateQuestionRow.message_id == message_id,
            CandidateRow.state == "new",
            CandidateRow.answer == "",
        )
    )


def _conversation_of(session: Session, message_id: str) -> str:
    if not message_id:
        return ""
    return session.scalar(sa.select(MessageRow.conversation_id).where(MessageRow.id == message_id)) or ""


def _found(session: Session, candidate_id: str) -> CandidateRow:
    row = session.scalar(sa.select(CandidateRow).where(CandidateRow.id == candidate_id))
    if row is None:
        raise UnknownCandidate(f"there is no candidate {candidate_id!r}")
    return row


def _candidate(row: CandidateRow) -> Candidate:
    return Candidate(
        id=row.id,
        question=row.question,
        answer=row.answer,
        why=row.why,
        language=row.language,
        by=row.by,
        message_id=row.message_id,
        conversation_id=row.conversation_id,
        state=cast("State", row.state),
        created_at=row.created_at,
        pair_id=row.pair_id,
        decided_by=row.decided_by,
        decided_at=row.decided_at,
    )
