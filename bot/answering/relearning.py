"""Routers that learn by themselves, each from the question set that its options name.

    what was learned holds no longer ─▶ a quiet minute ─▶ its strategies are evaluated ─▶ it learns from that

Both are jobs like any other: seen, cancelled, in the audit log. What failed or was cancelled is not begun
again until something has changed once more.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from bot.access.audit import ITSELF
from bot.answering.routing import LEARN, Routers, others_answered
from bot.evaluation.runs import Chosen, EvaluationRefused, Evaluations, Run
from bot.evaluation.sets import QuestionSets
from bot.jobs import Task
from knowledge_base.errors import KnowledgeError
from strategies.errors import StrategyError
from strategies.router.head import Conditions


@dataclass(frozen=True)
class Now:
    """What a router would learn from, and under which conditions."""

    set_name: str
    set_version: int
    conditions: Conditions

    def were(self, run: Run) -> bool:
        """Whether a finished evaluation asked these questions under these conditions."""
        return (
            run.job.state == "done"
            and run.set_version == self.set_version
            and run.conditions.get("index_version") == self.conditions.index
            and not others_answered(run, self.conditions)
        )


class Relearning:
    """Asked every minute what to begin."""

    def __init__(self, routers: Routers, evaluations: Evaluations, sets: QuestionSets) -> None:
        self._routers = routers
        self._evaluations = evaluations
        self._sets = sets
        self._seen: dict[str, Now | None] = {}  # a minute ago
        self._begun: dict[str, Now] = {}  # an evaluation of ours

    def due(self) -> list[Task]:
        """The learning of those whose evaluation is done. An evaluation that is wanted is begun."""
        return [
            task
            for name in self._routers.names()
            if (set_name := self._routers.learns_from(name))
            for task in self._next(name, set_name)
        ]

    def _next(self, name: str, set_name: str) -> Iterator[Task]:
        at_present = self._now(name, set_name)
        before, self._seen[name] = self._seen.get(name), at_present
        if at_present is None or at_present != before:
            return
        if self._routers.knows(name, set_name, at_present.set_version):
            return
        runs = self._routers.fitting_runs(name, set_name)
        if run := next((run for run in runs if at_present.were(run)), None):
            job = self._routers.job(name)
            if job is None or job.arguments["run"] != run.id:
                self._forget(at_present, [other for other in runs if other.id != run.id])
                yield LEARN, {"router": name, "run": run.id, "by": ITSELF}
        elif self._begun.get(name) != at_present:
            self._evaluate(name, at_present)

    def _now(self, name: str, set_name: str) -> Now | None:
        """None while there is no such set, or a strategy cannot be looked at."""
        if not (version := self._sets.version(set_name)):
            return None
        try:
            return Now(set_name, version, self._routers.conditions(name))
        except (StrategyError, KnowledgeError):
            return None

    def _evaluate(self, name: str, at_present: Now) -> None:
        """Unless another evaluation is under way; then in a minute."""
        of, open_ones = list(at_present.conditions.strategies), Chosen(part="open")
        try:
            self._evaluations.start(at_present.set_name, of, by=ITSELF, chosen=open_ones)
        except EvaluationRefused:
            return
        self._begun[name] = at_present

    def _forget(self, at_present: Now, runs: list[Run]) -> None:
        """Those that were begun here before, for this router."""
        for run in runs:
            if run.by == ITSELF and set(run.strategies) == set(at_present.conditions.strategies):
                self._evaluations.remove(run.id, by=ITSELF)
