"""An answer cache is rehearsed on a question set before it answers anybody: how often would it be wrong?

    begin ─▶ a job "rehearse" ─┐
  rehearse ──────────────────┴▶ `repeats.measure` with the cache's own options ─▶ one row for cache and set

No strategy is asked: what a right answer holds is known. A rehearsal holds as long as the questions, the
cache's likeness and the embedding are those that it was made with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from bot.access.audit import Audit
from bot.evaluation.repeats import Repeats, Walk, measure
from bot.evaluation.sets import QuestionSet, QuestionSets, UnknownSet
from bot.evaluation.values import AskedQuestion
from bot.jobs import Job, Jobs, Progress
from bot.store import reading, writing
from bot.store.tables import QuestionSetRow, RehearsalRow
from knowledge_base.database import now
from knowledge_base.embedding import Embedder
from strategies.cache import CachedOptions
from strategies.errors import StrategyError
from strategies.registry import Strategies

KIND = "rehearse"
CACHED = "cached"  # the kind of strategy
RECENT = 200  # jobs that are looked through for those of a cache


@dataclass(frozen=True)
class Rehearsal:
    """What came of one. `found.wrong` names questions by their ids. `holds`: nothing has changed since."""

    set_id: str
    set_name: str
    set_version: int
    alike: float
    at: datetime
    found: Repeats
    holds: bool


class RehearsalRefused(ValueError):
    """It cannot be rehearsed so; the message says why."""


class Rehearsals:
    """The answer caches that are configured. `configured` tells the strategies' options as they are now."""

    def __init__(
        self,
        engine: sa.Engine,
        jobs: Jobs,
        audit: Audit,
        sets: QuestionSets,
        embedder: Embedder,
        strategies: Strategies,
        configured: Callable[[], Mapping[str, Mapping[str, Any]]],
    ) -> None:
        self._engine = engine
        self._jobs = jobs
        self._audit = audit
        self._sets = sets
        self._embedder = embedder
        self._strategies = strategies
        self._configured = configured

    def names(self) -> list[str]:
        """The caches, in the order of the file."""
        return [name for name in self._strategies.names() if self._is_cache(name)]

    def begin(self, name: str, set_name: str, *, by: str) -> Job:
        """Ask it a set, as a job. Raises UnknownSet or RehearsalRefused."""
        asked = self._wanted(name, set_name, by)
        return self._jobs.enqueue(KIND, strategy=name, set=asked.id)

    def rehearse(self, name: str, set_name: str, *, by: str, walk: Walk = iter) -> Repeats:
        """Ask it a set, here and now; raises as `begin` does."""
        return self._measure(name, self._wanted(name, set_name, by), walk)

    def job(self, name: str) -> Job | None:
        """The newest work on this cache."""
        found = self._jobs.list(kind=KIND, limit=RECENT)
        return next((job for job in found if job.arguments["strategy"] == name), None)

    def of(self, name: str) -> Sequence[Rehearsal]:
        """The newest with each set, the newest first."""
        rows = (
            sa.select(RehearsalRow, QuestionSetRow)
            .join(QuestionSetRow, QuestionSetRow.id == RehearsalRow.set_id)
            .where(RehearsalRow.strategy == name)
            .order_by(RehearsalRow.at.desc())
        )
        with reading(self._engine) as session:
            return [self._rehearsal(row, asked) for row, asked in session.execute(rows)]

    def work(self, arguments: Mapping[str, Any], progress: Progress) -> None:
        """What the worker does; cache and set may be gone meanwhile."""
        name = arguments["strategy"]
        try:
            asked = self._sets.get(arguments["set"])
        except UnknownSet:
            return
        if name not in self.names():
            return

        def walk(questions: Sequence[AskedQuestion]) -> Iterator[AskedQuestion]:
            for number, question in enumerate(questions):
                progress("asking", number / len(questions))
                yield question

        self._measure(name, asked, walk)

    # ---- inside ----

    def _wanted(self, name: str, set_name: str, by: str) -> QuestionSet:
        if name not in self.names():
            raise RehearsalRefused(f"{name!r} keeps no answers; strategies that use {CACHED!r} do")
        asked = self._sets.get(set_name)
        self._audit.note(by, "rehearse cache", name, set=asked.name)
        return asked

    def _measure(self, name: str, asked: QuestionSet, walk: Walk) -> Repeats:
        alike = self._alike(name)
        found = measure(asked.questions, self._embedder, alike=alike, walk=walk)
        self._keep(name, asked, alike, found)
        return found

    def _is_cache(self, name: str) -> bool:
        try:
            return self._strategies.uses(name) == CACHED
        except StrategyError:
            return False

    def _alike(self, name: str) -> float:
        """From which likeness on it takes two questions for the same, as it is configured now."""
        fallback = CachedOptions.model_fields["alike"].default
        return float(self._configured().get(name, {}).get("alike", fallback))

    def _keep(self, name: str, asked: QuestionSet, alike: float, found: Repeats) -> None:
        ids = {question.text: question.id for question in reversed(asked.questions)}
        with writing(self._engine) as session:
            if session.get(QuestionSetRow, asked.id, with_for_update=True) is None:  # one after the other
                return
            mine = RehearsalRow.strategy == name, RehearsalRow.set_id == asked.id
            session.execute(sa.delete(RehearsalRow).where(*mine))
            session.add(
                RehearsalRow(
                    strategy=name,
                    set_id=asked.id,
                    set_version=asked.version,
                    alike=alike,
                    embedding=self._embedder.identity,
                    asked=found.asked,
                    again=found.again,
                    wrong=[{"asked": ids[asks], "answered": ids[before]} for asks, before in found.wrong],
                    at=now(),
                )
            )

    def _rehearsal(self, row: RehearsalRow, asked: QuestionSetRow) -> Rehearsal:
        made_with = row.set_version, row.alike, row.embedding
        return Rehearsal(
            row.set_id,
            asked.name,
            row.set_version,
            row.alike,
            row.at,
            Repeats(row.asked, row.again, tuple((one["asked"], one["answered"]) for one in row.wrong)),
            holds=made_with == (asked.version, self._alike(row.strategy), self._embedder.identity),
        )
