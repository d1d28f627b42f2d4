"""What can be counted of an installation, for a program that collects it: answers by strategy, work that
waits, customers who wait, engines.

Answers are counted on from where the last look ended, so a look costs what is new; an answer counts once it
is some seconds old, when whoever wrote before it has kept theirs, too. Nothing that anybody said is in it.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

import sqlalchemy as sa

from bot.store import reading
from bot.store.tables import HandoffRow, JobRow, MessageRow
from knowledge_base.database import now

SETTLED: Final = timedelta(seconds=5)
OUTCOME: Final = sa.case(
    (MessageRow.error != "", "failed"), (MessageRow.abstained, "abstained"), else_="answered"
)
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Measure:
    """`samples` by their labels."""

    name: str
    about: str
    kind: Literal["counter", "gauge"]
    samples: Mapping[Labels, float]


class Measures:
    def __init__(self, engine: sa.Engine, engines: Callable[[], Mapping[str, bool]]) -> None:
        self._engine = engine
        self._engines = engines
        self._lock = threading.Lock()
        self._last = 0
        self._answers: dict[Labels, float] = defaultdict(float)
        self._seconds: dict[Labels, float] = defaultdict(float)

    def read(self) -> Iterator[Measure]:
        """Raises Unavailable where the store does not answer."""
        answering: dict[Labels, float] = {
            (("engine", name),): float(answers) for name, answers in self._engines().items()
        }
        yield Measure("kotae_engine_up", "Whether an engine answers.", "gauge", answering)
        with self._lock:
            self._count_on()
            answers, seconds = dict(self._answers), dict(self._seconds)
        yield Measure("kotae_answers_total", "Answers that were kept.", "counter", answers)
        yield Measure("kotae_answer_seconds_total", "How long they took.", "counter", seconds)
        with reading(self._engine) as session:
            unfinished = sa.select(JobRow.kind, JobRow.state, sa.func.count()).where(JobRow.state != "done")
            jobs: dict[Labels, float] = {
                (("kind", kind), ("state", state)): float(count)
                for kind, state, count in session.execute(unfinished.group_by(JobRow.kind, JobRow.state))
            }
            asked = sa.select(sa.func.count()).where(HandoffRow.state == "waiting")
            waiting = float(session.scalar(asked) or 0)
        yield Measure("kotae_jobs", "Work that is not done, by what became of it.", "gauge", jobs)
        yield Measure("kotae_customers_waiting", "Who waits for a person.", "gauge", {(): waiting})

    def _count_on(self) -> None:
        settled = (MessageRow.position > self._last, MessageRow.at < now() - SETTLED)
        outcome = OUTCOME.label("outcome")
        new = (
            sa.select(MessageRow.strategy, outcome, sa.func.count(), sa.func.sum(MessageRow.ms))
            .where(*settled, MessageRow.role == "bot", MessageRow.strategy != "")
            .group_by(MessageRow.strategy, outcome)
        )
        with reading(self._engine) as session:
            last = session.scalar(sa.select(sa.func.max(MessageRow.position)).where(*settled))
            for strategy, became, count, ms in session.execute(new):
                labels = (("strategy", strategy), ("outcome", became))
                self._answers[labels] += count
                self._seconds[labels] += (ms or 0.0) / 1000
        self._last = last or self._last
