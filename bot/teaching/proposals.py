"""Unanswered questions propose themselves: what several customers asked in vain waits among the candidates.

A job looks now and then. A group of questions that mean the same becomes one candidate, without an answer,
with all who asked; who asks the same later is counted with it. What an operator took up by hand, what an
admin decided on, rejected as well, and what a pair answers by now is not proposed again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, cast

import sqlalchemy as sa

from bot.access.audit import ITSELF
from bot.jobs import Progress, Task
from bot.reports.overview import Days
from bot.reports.unanswered import Group, Unanswered, UnansweredQuestions
from bot.store import reading, writing
from bot.store.tables import CandidateQuestionRow, CandidateRow, JobRow
from bot.teaching.candidates import Candidates, State
from bot.teaching.nearby import Nearby
from knowledge_base.database import insert_new, now

KIND: Final = "propose candidates"
EVERY = timedelta(hours=1)
DAYS = 30  # that are looked back
COMPARED = 2000  # candidates, the newest


class Proposals:
    """`times` is in how many conversations a question must have gone unanswered; 0 proposes nothing."""

    def __init__(
        self,
        engine: sa.Engine,
        unanswered: UnansweredQuestions,
        candidates: Candidates,
        nearby: Nearby,
        times: int,
    ) -> None:
        self._engine = engine
        self._unanswered = unanswered
        self._candidates = candidates
        self._nearby = nearby
        self._times = times

    def due(self) -> Sequence[Task]:
        """Whether somebody asked in vain since the last look, which was a while ago."""
        if not self._times:
            return []
        newest = sa.select(sa.func.max(JobRow.created_at)).where(JobRow.kind == KIND)
        with reading(self._engine) as session:
            last = session.scalar(newest)
        if last is not None and now() - last < EVERY:
            return []
        return [(KIND, {})] if self._unanswered.any(last) else []

    def work(self, _arguments: Mapping[str, Any], progress: Progress) -> None:
        """Twice is once: whatever belongs to a candidate already is left with it."""
        groups = self._unanswered.groups(Days.back(DAYS))
        known = self._known(groups)
        for number, group in enumerate(groups):
            progress("looking through unanswered questions", number / len(groups))
            candidate = known[number] or self._proposed(group)
            if candidate:
                self._join(candidate, group.asked)

    def asked(self, candidate_ids: Collection[str]) -> Mapping[str, Group]:
        """Who asked what waits in these candidates, of those that were asked by anybody."""
        rows = sa.select(CandidateQuestionRow.message_id, CandidateQuestionRow.candidate_id).where(
            CandidateQuestionRow.candidate_id.in_(candidate_ids)
        )
        with reading(self._engine) as session:
            belongs = {message_id: candidate_id for message_id, candidate_id in session.execute(rows)}  # noqa: C416 - rows, not pairs
        piles: dict[str, list[Unanswered]] = {}
        for one in self._unanswered.of_messages(list(belongs)):
            piles.setdefault(belongs[one.message_id], []).append(one)
        return {candidate_id: Group.of(pile) for candidate_id, pile in piles.items()}

    def standing(self, groups: Sequence[Group]) -> Sequence[State | None]:
        """What became of the candidate of each group, where there is one."""
        messages = [one.message_id for group in groups for one in group.asked]
        rows = (
            sa.select(CandidateQuestionRow.message_id, CandidateRow.state)
            .join(CandidateRow, CandidateRow.id == CandidateQuestionRow.candidate_id)
            .where(CandidateQuestionRow.message_id.in_(messages))
        )
        with reading(self._engine) as session:
            of = {message_id: cast(State, state) for message_id, state in session.execute(rows)}
        return [
            next((of[one.message_id] for one in group.asked if one.message_id in of), None)
            for group in groups
        ]

    def _known(self, groups: Sequence[Group]) -> Sequence[str]:
        """The candidate of each group, whatever was decided on it; "" where there is none."""
        joined = sa.select(CandidateQuestionRow.message_id, CandidateQuestionRow.candidate_id)
        taken_up = sa.select(CandidateRow.message_id, CandidateRow.id).where(CandidateRow.message_id != "")
        newest = sa.select(CandidateRow).order_by(CandidateRow.position.desc()).limit(COMPARED)
        with reading(self._engine) as session:
            of = {
                message_id: candidate_id
                for rows_of in (taken_up, joined)
                for message_id, candidate_id in session.execute(rows_of)
            }
            rows = [(row.id, row.language, row.question) for row in session.scalars(newest)]
        means = self._unanswered.same_as(
            [(group.newest.language, group.usual) for group in groups],
            [(language, question) for _, language, question in rows],
        )
        return [
            next((of[one.message_id] for one in group.asked if one.message_id in of), "")
            or ("" if place is None else rows[place][0])
            for group, place in zip(groups, means, strict=True)
        ]

    def _proposed(self, group: Group) -> str:
        """A new candidate, or "" for what too few asked, or a pair answers by now."""
        if len({one.conversation_id for one in group.asked}) < self._times:
            return ""
        question = group.usual
        if any(near.same for near in self._nearby.of(question)):
            return ""
        asked = next(one for one in group.asked if one.question == question)
        return self._candidates.add(
            question, by=ITSELF, message_id=asked.message_id, language=asked.language
        ).id

    def _join(self, candidate_id: str, asked: Iterable[Unanswered]) -> None:
        rows = [{"message_id": one.message_id, "candidate_id": candidate_id} for one in asked]
        with writing(self._engine) as session:
            insert_new(session.connection(), CandidateQuestionRow.__table__, rows)  # type: ignore[arg-type]
