"""Evaluation runs: strategies × the questions of a set, asked as customers ask, each answer kept at once.

    start ─▶ a row and a job "evaluate" ─▶ warm up ─▶ ask, keep; ask, keep … ─▶ done

An answer that is kept is not asked again: a run that was killed, cancelled or failed goes on behind it. All
strategies take turns at each question, so that a slow minute of the machine is a slow minute for all of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version as release_of
from typing import Any, cast
from uuid import uuid4

import sqlalchemy as sa

from bot.access.audit import Audit
from bot.conversations.record import Shown
from bot.evaluation.sets import OpenQuestions, QuestionSets, UnknownSet
from bot.evaluation.values import Answered, AskedQuestion, Found, Part
from bot.jobs import AlreadyRunning, Job, Jobs, Progress, UnknownJob, WorkFailed
from bot.store import reading, writing
from bot.store.tables import EvaluationAnswerRow, EvaluationRunRow, QuestionSetRow
from knowledge_base.database import now
from strategies.errors import StrategyError

KIND = "evaluate"
GREETING = AskedQuestion("", "Are you there?")  # each strategy answers it before the first is measured

Ask = Callable[[AskedQuestion, str], Answered]


class UnknownRun(UnknownJob):
    """There is no such run."""


class EvaluationRefused(ValueError):
    """A run cannot be started so; the message says why."""


@dataclass(frozen=True)
class Chosen:
    """Which of a set's questions are asked: of one part, and no more than so many, evenly over the set."""

    part: Part | None = None
    limit: int | None = None

    def of(self, questions: Sequence[AskedQuestion]) -> tuple[AskedQuestion, ...]:
        wanted = [one for one in questions if self.part is None or one.part == self.part]
        if self.limit is None or self.limit >= len(wanted):
            return tuple(wanted)
        return tuple(wanted[n * len(wanted) // self.limit] for n in range(self.limit))


@dataclass(frozen=True)
class Run:
    """A run as it stands. `conditions` are those under which it was measured."""

    id: str
    job: Job
    set_id: str
    set_name: str
    set_version: int
    strategies: tuple[str, ...]
    chosen: Chosen
    conditions: Mapping[str, Any]
    by: str
    created_at: datetime
    asked: int  # questions, of each strategy
    kept: int  # answers so far

    @property
    def wanted(self) -> int:
        """How many answers it has when it is done."""
        return self.asked * len(self.strategies)

    @property
    def ended(self) -> bool:
        return self.job.state not in ("queued", "running")

    @property
    def resumable(self) -> bool:
        return self.job.state in ("failed", "cancelled")


class Evaluations:
    """The runs of this installation."""

    def __init__(
        self,
        engine: sa.Engine,
        jobs: Jobs,
        audit: Audit,
        sets: QuestionSets,
        *,
        ask: Ask,
        warm: Callable[[str], object],
        strategies: Callable[[], Sequence[str]],
        conditions: Callable[[Sequence[str]], Mapping[str, Any]] = lambda _strategies: {},
    ) -> None:
        """`ask` puts a question to a strategy, `warm` loads it, `strategies` are those that may be asked, and
        `conditions` tells of these strategies what a reader of the figures should know.
        """
        self._engine = engine
        self._jobs = jobs
        self._audit = audit
        self._sets = sets
        self._ask = ask
        self._warm = warm
        self._strategies = strategies
        self._conditions = conditions

    # ---- starting, stopping ----

    def start(
        self,
        set_name: str,
        strategies: Sequence[str],
        *,
        by: str,
        chosen: Chosen | None = None,
        version: int | None = None,
    ) -> Run:
        """Ask these strategies the questions of a set, as a job. Raises EvaluationRefused or UnknownSet."""
        chosen = chosen or Chosen()
        asked = self._sets.get(set_name, version)
        strategies = self._checked(strategies)
        count = len(chosen.of(asked.questions))
        if not count:
            raise EvaluationRefused(f"{asked.name!r} has no question to be asked" + _part(chosen))
        row = EvaluationRunRow(
            id=uuid4().hex,
            job_id="",
            set_id=asked.id,
            set_version=asked.version,
            strategies=list(strategies),
            chosen={**asdict(chosen), "asked": count},
            conditions={},
            by=by,
            created_at=now(),
        )
        run_id = row.id
        with writing(self._engine) as session:
            session.add(row)
        self._hand_over(run_id)
        self._audit.note(by, "evaluate", asked.name, run=run_id, strategies=list(strategies))
        return self.run(run_id)

    def cancel(self, run_id: str, by: str) -> Run:
        """Stop at the next question; the answers so far are kept."""
        run = self.run(run_id)
        self._jobs.cancel(run.job.id)
        self._audit.note(by, "cancel evaluation", run.set_name, run=run_id)
        return self.run(run_id)

    def resume(self, run_id: str, by: str) -> Run:
        """Go on with a run that failed or was cancelled: only what has no answer yet is asked."""
        run = self.run(run_id)
        with one_at_a_time():
            self._jobs.reopen(run.job.id)
        self._audit.note(by, "resume evaluation", run.set_name, run=run_id)
        return self.run(run_id)

    def remove(self, run_id: str, by: str) -> None:
        """Delete a run with its answers; one that is under way is cancelled."""
        run = self.run(run_id)
        self._jobs.cancel(run.job.id)
        with writing(self._engine) as session:
            session.execute(sa.delete(EvaluationRunRow).where(EvaluationRunRow.id == run_id))
        self._audit.note(by, "remove evaluation", run.set_name, run=run_id)

    # ---- reading ----

    def runs(self, limit: int = 50, set_name: str = "") -> list[Run]:
        """The newest first."""
        rows = _RUNS.where(EvaluationRunRow.job_id != "")
        rows = rows.order_by(EvaluationRunRow.created_at.desc()).limit(limit)
        if set_name:
            rows = rows.where(EvaluationRunRow.set_id == self._sets.get(set_name).id)
        with reading(self._engine) as session:
            found = session.execute(rows).all()
        return [_run(row, name, kept or 0, self._jobs.get(row.job_id)) for row, name, kept in found]

    def run(self, run_id: str) -> Run:
        """Raises UnknownRun."""
        with reading(self._engine) as session:
            found = session.execute(_RUNS.where(EvaluationRunRow.id == run_id)).one_or_none()
        if found is None:
            raise UnknownRun(f"there is no evaluation {run_id!r}")
        row, name, kept = found
        job = self._jobs.get(row.job_id) if row.job_id else self._job_of(run_id)
        return _run(row, name, kept or 0, job)

    def questions(self, run: Run) -> tuple[AskedQuestion, ...]:
        """What is asked in a run, in its order."""
        return run.chosen.of(self._sets.get(run.set_id, run.set_version).questions)

    def answers(self, run: Run) -> dict[str, dict[str, Answered]]:
        """By strategy, and then by the question's id."""
        found: dict[str, dict[str, Answered]] = {name: {} for name in run.strategies}
        rows = sa.select(EvaluationAnswerRow).where(EvaluationAnswerRow.run_id == run.id)
        with reading(self._engine) as session:
            for row in session.scalars(rows.order_by(EvaluationAnswerRow.position)):
                found[row.strategy][row.question_id] = from_json(row.content)
        return found

    def for_training(self, run: Run) -> tuple[OpenQuestions, dict[str, dict[str, Answered]]]:
        """What may be learned from a run: its open questions, and the answers to them alone."""
        questions = self._sets.open_ones(self.questions(run))
        ids = {question.id for question in questions}
        return questions, {
            strategy: {each: answer for each, answer in answers.items() if each in ids}
            for strategy, answers in self.answers(run).items()
        }

    # ---- the job ----

    def work(self, arguments: Mapping[str, Any], progress: Progress) -> None:
        """What the worker does; it may have done a part of it before, and the run may be gone meanwhile."""
        try:
            run = self.run(arguments["run"])
            questions = self.questions(run)
        except (UnknownRun, UnknownSet):
            return
        progress("warming up", 0.0)
        self._begin(run)
        todo = list(self._unanswered(run, questions))
        for number, (question, strategy) in enumerate(todo, start=run.wanted - len(todo)):
            progress("asking", number / run.wanted)
            self._keep(run, self._ask(question, strategy))

    def _begin(self, run: Run) -> None:
        """All strategies loaded and spoken to once, and the conditions written down."""
        for name in run.strategies:
            try:
                self._warm(name)
                self._ask(GREETING, name)
            except StrategyError as fault:
                raise WorkFailed(f"{name!r} cannot be asked: {fault}") from fault
        told = {"release": release_of("kotae"), "cores": os.cpu_count(), **self._conditions(run.strategies)}
        with writing(self._engine) as session:
            row = session.get(EvaluationRunRow, run.id)
            if row is not None and not row.conditions:
                row.conditions = told

    def _unanswered(
        self, run: Run, questions: Sequence[AskedQuestion]
    ) -> Iterator[tuple[AskedQuestion, str]]:
        """What has no answer yet, or one that failed. Each question begins with another strategy."""
        done = {
            (strategy, each)
            for strategy, answers in self.answers(run).items()
            for each, answer in answers.items()
            if not answer.error
        }
        for number, question in enumerate(questions):
            turn = number % len(run.strategies)
            for strategy in (*run.strategies[turn:], *run.strategies[:turn]):
                if (strategy, question.id) not in done:
                    yield question, strategy

    def _keep(self, run: Run, answered: Answered) -> None:
        ours = sa.delete(EvaluationAnswerRow).where(
            EvaluationAnswerRow.run_id == run.id,
            EvaluationAnswerRow.strategy == answered.strategy,
            EvaluationAnswerRow.question_id == answered.question_id,
        )
        with writing(self._engine) as session:
            session.execute(ours)  # one that failed before
            if session.get(EvaluationRunRow, run.id) is not None:
                session.add(_row(run.id, answered))

    def _hand_over(self, run_id: str) -> None:
        """To the queue; a run that is refused there leaves no row."""
        mine = EvaluationRunRow.id == run_id
        try:
            with one_at_a_time():
                job = self._jobs.enqueue(KIND, run=run_id)
        except EvaluationRefused:
            with writing(self._engine) as session:
                session.execute(sa.delete(EvaluationRunRow).where(mine))
            raise
        with writing(self._engine) as session:
            session.execute(sa.update(EvaluationRunRow).where(mine).values(job_id=job.id))

    def _job_of(self, run_id: str) -> Job:
        """The job of a run that a worker has taken up before its row was told."""
        for job in self._jobs.list(kind=KIND):
            if job.arguments["run"] == run_id:
                return job
        raise UnknownRun(f"the evaluation {run_id!r} was never handed over")

    def _checked(self, names: Iterable[str]) -> tuple[str, ...]:
        wanted, known = tuple(dict.fromkeys(names)), self._strategies()
        if not wanted:
            raise EvaluationRefused("choose at least one strategy to be asked")
        if unknown := [name for name in wanted if name not in known]:
            raise EvaluationRefused(
                f"there is no strategy {', '.join(map(repr, unknown))}; configured: {', '.join(known)}"
            )
        return wanted


_KEPT = (
    sa.select(sa.func.count())
    .where(EvaluationAnswerRow.run_id == EvaluationRunRow.id)
    .correlate(EvaluationRunRow)
    .scalar_subquery()
)
_RUNS = sa.select(EvaluationRunRow, QuestionSetRow.name, _KEPT).join(
    QuestionSetRow, QuestionSetRow.id == EvaluationRunRow.set_id
)


def _run(row: EvaluationRunRow, set_name: str, kept: int, job: Job) -> Run:
    return Run(
        id=row.id,
        job=job,
        set_id=row.set_id,
        set_name=set_name,
        set_version=row.set_version,
        strategies=tuple(row.strategies),
        chosen=Chosen(row.chosen["part"], row.chosen["limit"]),
        asked=row.chosen["asked"],
        conditions=row.conditions,
        by=row.by,
        created_at=row.created_at,
        kept=kept,
    )


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two runs at once would measure each other."""
    try:
        yield
    except AlreadyRunning as fault:
        raise EvaluationRefused(
            f"an evaluation is {fault.job.state} already; wait until it has ended, or cancel it"
        ) from fault


def _part(chosen: Chosen) -> str:
    return f" of the part {chosen.part!r}" if chosen.part else ""


def _row(run_id: str, answered: Answered) -> EvaluationAnswerRow:
    return EvaluationAnswerRow(
        run_id=run_id,
        strategy=answered.strategy,
        question_id=answered.question_id,
        content=asdict(answered),
    )


def from_json(content: Mapping[str, Any]) -> Answered:
    """An answer as it was kept."""
    shown = (Shown(**{**one, "headings": tuple(one["headings"])}) for one in content["citations"])
    found = (Found(**one) for one in content["passages"])
    decisions = cast("Sequence[dict[str, Any]]", content["decisions"])
    return Answered(
        **{
            **content,
            "citations": tuple(shown),
            "passages": tuple(found),
            "decisions": tuple(decisions),
        }
    )
