"""Routers as operators know them: trained from an evaluation, given a budget, and how they stand.

    a finished evaluation ─▶ its open questions with a verdict for each strategy ─▶ head ─▶ data/routers/

Learning is a job, and what is learned is one file, replaced at the end: work that was cut off leaves what was
there, and begins anew.

A router is trained when somebody says so, or where its options name a question set to learn from
(`bot.answering.relearning`), and only from answers that were given under the conditions that still hold: the
same strategies, adapters and documents. Held-out questions never come here: `Evaluations.for_training` leaves
them out, and `Learnt` refuses them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.access.audit import Audit
from bot.evaluation.metrics import judge
from bot.evaluation.runs import Evaluations, Run, UnknownRun
from bot.evaluation.sets import OpenQuestions, UnknownSet
from bot.evaluation.values import Answered, AskedQuestion
from bot.jobs import AlreadyRunning, Job, Jobs, Progress, WorkFailed
from knowledge_base.database import now
from knowledge_base.durable import replace_file
from strategies.base import Embedder, Question
from strategies.errors import StrategyError
from strategies.followups import standalone
from strategies.registry import Strategies
from strategies.router import Attempt, Example, Learnt, Router, TooFew
from strategies.router.examples import Spend
from strategies.router.fitting import fit
from strategies.router.head import Conditions, Head, file_of, save
from strategies.router.plan import Foretold, Plan, Single, curve, knowing, reliability, singles
from strategies.router.strategy import Routing, budget_file

KIND = "router"
LEARN = "learn router"  # the kind of its jobs
RECENT = 200  # jobs that are looked through for those of a router
TOGETHER = 64  # questions that are embedded at once

Tell = Callable[[str, float], None]


class RouterRefused(ValueError):
    """It cannot be done so; the message says why, and what to do."""


@dataclass(frozen=True)
class Standing:
    """A router as it stands. `curve` is what each budget buys, `singles` are its strategies alone, `knowing`
    is how often one would be right who always chose rightly, `reliability` is how true it was what the head
    foretold; all are empty before it is trained.
    """

    name: str
    of: tuple[str, ...]
    spend: Spend
    routing: Routing
    curve: tuple[Plan, ...] = ()
    singles: tuple[Single, ...] = ()
    knowing: float = 0.0
    questions: int = 0
    reliability: tuple[Foretold, ...] = ()
    refuses: bool = False  # whether it may refuse by itself what nobody answers
    learns_from: str = ""  # the question set from which it learns by itself


def unseen(_step: str, _share: float) -> None:
    """Progress that nobody looks at."""


class Routers:
    """The configured routers."""

    def __init__(
        self,
        data: Path,
        strategies: Strategies,
        evaluations: Evaluations,
        embedder: Embedder,
        audit: Audit,
        jobs: Jobs,
    ) -> None:
        self._data = data
        self._jobs = jobs
        self._strategies = strategies
        self._evaluations = evaluations
        self._embedder = embedder
        self._audit = audit

    def names(self) -> list[str]:
        """In the order of the file."""
        return [name for name in self._strategies.names() if self._kind(name) == KIND]

    def standing(self, name: str) -> Standing:
        """How it stands just now."""
        router = self._router(name)
        routing = router.look()
        spend = router.options.spend
        known = Standing(
            name,
            tuple(router.options.of),
            spend,
            routing,
            refuses=bool(router.options.refuse),
            learns_from=router.options.learn_from,
        )
        if (head := routing.head) is None:
            return known
        return replace(
            known,
            curve=tuple(curve(head, routing.tried, spend)),
            singles=tuple(singles(head, spend)),
            knowing=knowing(head, refuses=routing.refusing is not None),
            questions=len(head.evidence.right),
            reliability=tuple(reliability(head)),
        )

    def fitting_runs(self, name: str, set_name: str = "") -> list[Run]:
        """The finished evaluations that asked all of its strategies, newest first."""
        of = set(self._router(name).options.of)
        runs = self._evaluations.runs(200, set_name)
        return [run for run in runs if run.job.state == "done" and of <= set(run.strategies)]

    def learns_from(self, name: str) -> str:
        """The question set from which it learns by itself; `""` where it does not."""
        return self._router(name).options.learn_from

    def conditions(self, name: str) -> Conditions:
        """Under which its strategies answer now."""
        return self._router(name).conditions()

    def knows(self, name: str, set_name: str, version: int) -> bool:
        """Whether what it learned still holds, and is not from an earlier version of this set."""
        routing = self._router(name).look()
        if routing.head is None or routing.fault:
            return False
        source = routing.head.source
        return source.startswith(source_of(set_name, version)) or not source.startswith(source_of(set_name))

    def begin(self, name: str, *, by: str, run_id: str = "", set_name: str = "") -> Job:
        """`train` as a job. What cannot be learned from is refused now, as `train` would."""
        run = self._meant(name, run_id, set_name)
        self._fit_to_learn_from(self._router(name), run)
        try:
            job = self._jobs.enqueue(LEARN, router=name, run=run.id, by=by)
        except AlreadyRunning as fault:
            raise RouterRefused(
                f"a router is learning already ({fault.job.state}); wait until it has"
            ) from fault
        return job

    def job(self, name: str) -> Job | None:
        """The newest learning of this router."""
        found = self._jobs.list(kind=LEARN, limit=RECENT)
        return next((job for job in found if job.arguments["router"] == name), None)

    def cancel(self, name: str, by: str) -> None:
        """It learns no further, and what it knew stays."""
        job = self.job(name)
        if job is not None and job.state in ("queued", "running"):
            self._jobs.cancel(job.id)
            self._audit.note(by, "cancel router training", name)

    def work(self, arguments: Mapping[str, Any], progress: Progress) -> None:
        """What the worker does; the evaluation may be gone meanwhile."""
        try:
            self.train(arguments["router"], by=arguments["by"], run_id=arguments["run"], tell=progress)
        except (RouterRefused, UnknownRun, UnknownSet) as refused:
            raise WorkFailed(str(refused)) from refused

    def train(
        self, name: str, *, by: str, run_id: str = "", set_name: str = "", tell: Tell = unseen
    ) -> Standing:
        """Learn from an evaluation, or from the newest of a set, and let it choose by that from now on.

        Raises RouterRefused, UnknownRun or UnknownSet.
        """
        router = self._router(name)
        run = self._meant(name, run_id, set_name)
        tell("reading the answers", 0.0)
        head = self._learned(router, run, tell)
        tell("keeping it", 0.95)
        save(head, file_of(self._data, name))
        self._audit.note(by, "train router", name, run=run.id, learned_from=head.learned_from)
        return self.standing(name)

    def spend(self, name: str, budget: float | None, *, by: str) -> Standing:
        """From now on an answer may spend so much on average; None is as much as is best."""
        self._router(name)
        if budget is not None and not 0 <= budget < float("inf"):
            raise RouterRefused(f"a budget is a number from 0 on, {budget!r} is none")
        file = budget_file(file_of(self._data, name))
        file.parent.mkdir(parents=True, exist_ok=True)
        told = {"budget": budget, "by": by, "at": now().isoformat()}
        replace_file(file, f"{json.dumps(told)}\n".encode())
        self._audit.note(by, "router budget", name, budget=budget)
        return self.standing(name)

    # ---- inside ----

    def _kind(self, name: str) -> str:
        try:
            return self._strategies.uses(name)
        except StrategyError:
            return ""

    def _router(self, name: str) -> Router:
        if name not in self.names():
            known = ", ".join(self.names()) or "none; add one to kotae.toml (docs/combinations.md)"
            raise RouterRefused(f"there is no router {name!r}; configured: {known}")
        router = self._strategies.get(name)
        assert isinstance(router, Router)
        return router

    def _newest(self, name: str, set_name: str) -> Run:
        if found := self.fitting_runs(name, set_name):
            return found[0]
        of = ", ".join(self._router(name).options.of)
        raise RouterRefused(
            f"no finished evaluation of {set_name!r} asked all of {of}; evaluate them on that set first"
        )

    def _meant(self, name: str, run_id: str, set_name: str) -> Run:
        self._router(name)
        return self._evaluations.run(run_id) if run_id else self._newest(name, set_name)

    def _fit_to_learn_from(self, router: Router, run: Run) -> None:
        if run.job.state != "done":
            raise RouterRefused(f"the evaluation is {run.job.state}; wait until it is done, or resume it")
        if missing := [name for name in router.options.of if name not in run.strategies]:
            raise RouterRefused(
                f"the evaluation did not ask {', '.join(missing)}, which this router chooses among, too"
            )

    def _learned(self, router: Router, run: Run, tell: Tell) -> Head:
        self._fit_to_learn_from(router, run)
        questions, answers = self._evaluations.for_training(run)
        conditions = router.conditions()
        if fault := changed(run, answers, router.options.of, conditions):
            raise RouterRefused(f"{fault} since the evaluation; evaluate again, and learn from that")
        examples: list[Example] = []
        for example in examples_of(questions, answers, router.options.of, router.signs):
            tell("looking at the questions", 0.5 * len(examples) / len(questions))
            examples.append(example)
        try:
            learnt = Learnt(examples, questions.held_out)
        except TooFew as few:
            raise RouterRefused(str(few)) from few
        source = f"{source_of(run.set_name, run.set_version)}{run.created_at:%Y-%m-%d %H:%M}"

        def embed(texts: list[str]) -> list[list[float]]:
            found: list[list[float]] = []
            for start in range(0, len(texts), TOGETHER):
                tell("embedding the questions", 0.5 + 0.2 * start / len(texts))
                found += self._embedder.embed_questions(texts[start : start + TOGETHER])
            tell("learning", 0.7)
            return found

        return fit(learnt, embed, conditions, now(), source)


def source_of(set_name: str, version: int | None = None) -> str:
    """How that begins which names where a head is from: with the set, and its version."""
    return f"{set_name}, version " + ("" if version is None else f"{version}, ")


def others_answered(run: Run, at_present: Conditions) -> list[str]:
    """The strategies that are no longer who they were when the evaluation asked."""
    was = run.conditions.get("standing", {})
    return [name for name, standing in at_present.strategies.items() if was.get(name) != standing]


def changed(
    run: Run, answers: Mapping[str, Mapping[str, Answered]], of: Sequence[str], at_present: Conditions
) -> str:
    """What is no longer as it was when the evaluation asked; `""` when all is."""
    if others := others_answered(run, at_present):
        return f"another {' and '.join(map(repr, others))} answers"
    indexes = {answer.index_version for name in of for answer in answers[name].values()}
    return "the documents have changed" if indexes - {at_present.index} else ""


def examples_of(
    questions: OpenQuestions,
    answers: Mapping[str, Mapping[str, Answered]],
    of: Sequence[str],
    signs: Callable[[Question], Mapping[str, float]] = lambda _question: {},
) -> Iterator[Example]:
    """Each question with how every strategy did, and what they tell of it beforehand. One at which a strategy
    failed, or that it was not asked, teaches nothing of what it knows.
    """
    for question in questions:
        given = {name: answers[name].get(question.id) for name in of}
        if all(answer is not None and not answer.error for answer in given.values()):
            attempts = {name: attempt(question, answer) for name, answer in given.items() if answer}
            asked = standalone(Question(question.text, question.history)).query
            about = " ".join("|".join(fact) for fact in question.facts)
            told = signs(Question(asked, language=question.language, query=asked))
            yield Example(asked, attempts, about=about or asked, signs=told, answerable=question.answerable)


def attempt(question: AskedQuestion, answer: Answered) -> Attempt:
    return Attempt(
        judge(question, answer).right, answer.cost, answer.ms, answer.prompt_tokens + answer.passage_tokens
    )
