"""What a model thinks of a comparison's answers, two strategies at a time, as a job.

    ask ─▶ a job "opinions" ─▶ each question: the model reads both answers, in both orders ─▶ kept at once

An opinion that is kept is not asked for again: work that was killed, cancelled or failed goes on behind it.
Nothing here takes part in a decision; whoever shows it shows it apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import sqlalchemy as sa

from bot.access.audit import Audit
from bot.evaluation.helper import Helpers
from bot.evaluation.judging import Choice, Opinion, Preferences, count, prefer
from bot.evaluation.runs import Chosen, EvaluationRefused, Evaluations, Run, UnknownRun
from bot.evaluation.values import Answered, AskedQuestion
from bot.jobs import AlreadyRunning, Job, Jobs, Progress, WorkFailed
from bot.store import reading, writing
from bot.store.tables import EvaluationRunRow, OpinionRow
from strategies.errors import StrategyError

KIND = "opinions"
RECENT = 200  # jobs that are looked through for those of a run


@dataclass(frozen=True)
class Pair:
    """A question with both answers."""

    question: AskedQuestion
    a: Answered
    b: Answered


@dataclass(frozen=True)
class Thought:
    """What a model thinks of two strategies' answers to one question."""

    judge: str
    a: str
    b: str
    choice: Choice
    turned: bool

    @property
    def preferred(self) -> str:
        """Whose answer it is; "" of a draw, and of what could not be understood."""
        return {"a": self.a, "b": self.b}.get(self.choice, "")


class Opinions:
    """What models think of the answers of this installation's runs."""

    def __init__(
        self, engine: sa.Engine, jobs: Jobs, audit: Audit, evaluations: Evaluations, helpers: Helpers
    ) -> None:
        self._engine = engine
        self._jobs = jobs
        self._audit = audit
        self._evaluations = evaluations
        self._helpers = helpers

    def ask(
        self, run_id: str, a: str, b: str, *, by: str, strategy: str = "", most: int | None = None
    ) -> Job:
        """Have a model read the answers of two strategies, to all questions or to so many, evenly.

        `strategy` is the `llm` strategy whose model it is; "" is the configured one. Raises UnknownRun,
        EvaluationRefused, or StrategyError where there is no model.
        """
        run = self._evaluations.run(run_id)
        if unknown := [name for name in (a, b) if name not in run.strategies]:
            raise EvaluationRefused(f"{unknown[0]!r} was not asked; who was: {', '.join(run.strategies)}")
        if a == b:
            raise EvaluationRefused("choose two different strategies")
        a, b = sorted((a, b), key=run.strategies.index)  # the other way round it is the same pair
        if not self._pairs(run, a, b, most):
            raise EvaluationRefused(f"there is no question that both {a!r} and {b!r} have answered")
        judge = self._helpers.get(strategy).name
        try:
            job = self._jobs.enqueue(KIND, run=run.id, a=a, b=b, strategy=strategy, most=most)
        except AlreadyRunning as fault:
            raise EvaluationRefused(
                f"a model is {fault.job.state} to read other answers; wait until it has, or cancel it"
            ) from fault
        self._audit.note(by, "ask a model's opinion", run.set_name, run=run.id, a=a, b=b, model=judge)
        return job

    def cancel(self, run_id: str, by: str) -> None:
        """Stop at the next question; the opinions so far are kept."""
        job = self.job(run_id)
        if job is not None and job.state in ("queued", "running"):
            self._jobs.cancel(job.id)
            self._audit.note(by, "cancel a model's opinion", run_id)

    def job(self, run_id: str) -> Job | None:
        """The newest work on this run."""
        found = self._jobs.list(kind=KIND, limit=RECENT)
        return next((job for job in found if job.arguments["run"] == run_id), None)

    def of(self, run_id: str) -> list[Preferences]:
        """What was found so far, by model and pair."""
        rows = sa.select(OpinionRow).where(OpinionRow.run_id == run_id).order_by(OpinionRow.position)
        piles: dict[tuple[str, str, str], list[Opinion]] = {}
        with reading(self._engine) as session:
            for row in session.scalars(rows):
                piles.setdefault((row.a, row.b, row.judge), []).append(_opinion(row))
        return [count(pile, *named) for named, pile in piles.items()]

    def thoughts(self, run_id: str) -> dict[str, list[Thought]]:
        """What was found so far, by question."""
        rows = sa.select(OpinionRow).where(OpinionRow.run_id == run_id).order_by(OpinionRow.position)
        found: dict[str, list[Thought]] = {}
        with reading(self._engine) as session:
            for row in session.scalars(rows):
                thought = Thought(row.judge, row.a, row.b, cast("Choice", row.choice), row.turned)
                found.setdefault(row.question_id, []).append(thought)
        return found

    # ---- the job ----

    def work(self, arguments: Mapping[str, Any], progress: Progress) -> None:
        """What the worker does; it may have done a part of it before, and the run may be gone meanwhile."""
        a, b = arguments["a"], arguments["b"]
        try:
            run = self._evaluations.run(arguments["run"])
            helper = self._helpers.get(arguments["strategy"])
        except UnknownRun:
            return
        except StrategyError as fault:
            raise WorkFailed(str(fault)) from fault
        pairs = self._pairs(run, a, b, arguments["most"])
        done = self._done(run, a, b, helper.name)
        for number, pair in enumerate(pairs):
            progress("reading answers", number / len(pairs))
            if pair.question.id in done:
                continue
            try:
                opinion = prefer(pair.question, pair.a, pair.b, helper)
            except StrategyError as fault:
                raise WorkFailed(f"{helper.name!r} could not be asked: {fault}") from fault
            self._keep(run, a, b, helper.name, opinion)

    def _pairs(self, run: Run, a: str, b: str, most: int | None) -> list[Pair]:
        """What both have answered; an answer that failed is none."""
        ours, theirs = (self._evaluations.answers(run)[name] for name in (a, b))
        asked = [
            question
            for question in self._evaluations.questions(run)
            if all(question.id in each and not each[question.id].error for each in (ours, theirs))
        ]
        return [
            Pair(question, ours[question.id], theirs[question.id])
            for question in Chosen(None, most).of(asked)
        ]

    def _done(self, run: Run, a: str, b: str, judge: str) -> set[str]:
        rows = sa.select(OpinionRow.question_id).where(*_between(run.id, judge, a, b))
        with reading(self._engine) as session:
            return set(session.scalars(rows))

    def _keep(self, run: Run, a: str, b: str, judge: str, opinion: Opinion) -> None:
        with writing(self._engine) as session:
            if session.get(EvaluationRunRow, run.id) is not None:
                session.add(OpinionRow(run_id=run.id, judge=judge, a=a, b=b, **asdict(opinion)))


def _between(run_id: str, judge: str, a: str, b: str) -> Sequence[sa.ColumnElement[bool]]:
    return (OpinionRow.run_id == run_id, OpinionRow.judge == judge, OpinionRow.a == a, OpinionRow.b == b)


def _opinion(row: OpinionRow) -> Opinion:
    return Opinion(
        row.question_id,
        cast("Choice", row.choice),
        row.turned,
        row.prompt_tokens,
        row.completion_tokens,
        row.cost,
    )
