"""What came of a run: each answer judged, the strategies compared, and whether one may take over.

    Run ─▶ questions, answers ─▶ verdicts ─▶ comparison ─▶ decision ─▶ make live, or a reason why not

The gate stands before *Make live*: who does not keep to the operator's rules, or was measured as something
that it no longer is, needs a reason to be made live all the same, and the audit keeps it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bot.access.audit import Audit
from bot.answering.switch import Change, Switch
from bot.evaluation.decision import SEVERITY, Decision, Reason, Rules, decide
from bot.evaluation.desk import TRUSTED, DesksManner
from bot.evaluation.judging import Preferences
from bot.evaluation.manner import FEWEST
from bot.evaluation.metrics import Verdict, judge_all
from bot.evaluation.report import report
from bot.evaluation.runs import Evaluations, Run
from bot.evaluation.sentences import CONDITIONS, MANNER
from bot.evaluation.statistics import Comparison, compare
from bot.evaluation.values import Answered, AskedQuestion
from strategies.base import Embedder

KEPT = 8  # results in memory
REASON_CHARACTERS = 500
NO_MANNER = DesksManner({})


class Gated(Exception):
    """The rules are against it, and no reason was given to do it all the same."""

    def __init__(self, decision: Decision) -> None:
        said = " ".join(reason.say() for reason in decision.against)
        super().__init__(f"{decision.candidate!r} was not made live ({decision.outcome}): {said}")
        self.decision = decision


@dataclass(frozen=True)
class Result:
    """A run with all that was answered, judged."""

    run: Run
    questions: tuple[AskedQuestion, ...]
    answers: Mapping[str, Mapping[str, Answered]]
    verdicts: Mapping[str, Sequence[Verdict]]
    manner: DesksManner = NO_MANNER  # by which they were judged

    @cached_property
    def comparison(self) -> Comparison:
        return compare(self.verdicts)

    @cached_property
    def by_question(self) -> Mapping[str, Mapping[str, Verdict]]:
        """The verdicts by strategy and question."""
        return {name: {one.question_id: one for one in each} for name, each in self.verdicts.items()}


def told(run: Run, language: str) -> list[tuple[str, str]]:
    """Under which conditions it was measured, in words."""
    known, words = run.conditions, CONDITIONS.get(language, CONDITIONS["en"])
    prices = (words["price"].format(name=name, **price) for name, price in known.get("prices", {}).items())
    values = {
        "set": f"{run.set_name} ({words['version'].format(n=run.set_version)})",
        "live": known.get("live", ""),
        "caches": words["cold"],
        "cores": str(known.get("cores", "")),
        "index": known.get("index_version", ""),
        "release": known.get("release", ""),
        "prices": "; ".join(prices),
    }
    return [(words[f"about.{name}"], value) for name, value in values.items() if value]


def of_manner(result: Result, language: str) -> list[str]:
    """By what the desk's manner was judged, in a sentence a language; or why it was not."""
    words = MANNER.get(language, MANNER["en"])
    told = [
        words[one.unknown or "told"].format(
            language=words.get(f"language.{one.language}", one.language),
            n=one.answers,
            least=FEWEST,
            accuracy=f"{100 * one.accuracy:.0f}",
            recognised=f"{100 * one.recognised:.0f}",
            trusted=f"{100 * TRUSTED:.0f}",
        )
        for one in result.manner.learned
    ]
    return told or [words["none"].format(least=FEWEST)]


def page(
    result: Result,
    decisions: Sequence[Decision],
    language: str = "en",
    preferences: Sequence[Preferences] = (),
) -> str:
    """The whole of it as a page to print, with what its reader must know."""
    return report(
        result.comparison,
        result.verdicts,
        title=result.run.set_name,
        when=result.run.created_at,
        language=language,
        decisions=decisions,
        questions=result.questions,
        answers=[one for each in result.answers.values() for one in each.values()],
        about=told(result.run, language),
        manner=of_manner(result, language),
        preferences=preferences,
    )


class Results:
    """The results of this installation's runs, and the gate. `conditions` tells how strategies stand now."""

    def __init__(
        self,
        evaluations: Evaluations,
        switch: Switch,
        audit: Audit,
        *,
        rules: Rules,
        conditions: Callable[[Sequence[str]], Mapping[str, Any]],
        embedder: Embedder | None = None,
        manner: Callable[[], DesksManner] = lambda: NO_MANNER,
    ) -> None:
        self.rules = rules
        self._evaluations = evaluations
        self._switch = switch
        self._audit = audit
        self._conditions = conditions
        self._embedder = embedder
        self._manner = manner
        self._known: dict[tuple[object, ...], Result] = {}
        self._judging = threading.Lock()

    def of(self, run_id: str) -> Result:
        """All that is known so far. Raises UnknownRun."""
        run, manner = self._evaluations.run(run_id), self._manner()
        key = (run.id, run.kept, run.job.state, id(manner))
        with self._judging:  # two readers of one page do not judge it twice
            if key not in self._known:
                while len(self._known) >= KEPT:
                    del self._known[next(iter(self._known))]
                self._known[key] = self._judged(run, manner)
            return self._known[key]

    def decision(self, result: Result, candidate: str) -> Decision:
        """May the candidate take the place of the strategy that answers now?"""
        live = self._switch.name()
        verdicts = result.verdicts
        found = decide(verdicts.get(candidate, ()), verdicts.get(live, ()), self.rules)
        reasons = (*self._obstacles(result, candidate, live), *found.reasons)
        outcome = max((reason.outcome for reason in reasons), key=lambda one: SEVERITY[one])
        ordered = sorted(reasons, key=lambda reason: -SEVERITY[reason.outcome])
        return Decision(candidate, live, outcome, tuple(ordered))

    def make_live(self, run_id: str, candidate: str, *, by: str, reason: str = "") -> Change:
        """Let the candidate answer from now on. Raises Gated, or StrategyError if it cannot warm."""
        decision = self.decision(self.of(run_id), candidate)
        reason = reason.strip()[:REASON_CHARACTERS]
        if decision.outcome != "promote" and not reason:
            raise Gated(decision)
        change = self._switch.use(candidate, by, note=f"evaluation {run_id[:8]}")
        noted: dict[str, Any] = {"run": run_id, "outcome": decision.outcome, "before": decision.live}
        if decision.outcome == "promote":
            self._audit.note(by, "make live", candidate, **noted)
        else:
            noted["against"] = [each.say() for each in decision.against]
            self._audit.note(by, "make live despite the rules", candidate, why=reason, **noted)
        return change

    def _judged(self, run: Run, manner: DesksManner) -> Result:
        questions, answers = self._evaluations.questions(run), self._evaluations.answers(run)
        given = [one for each in answers.values() for one in each.values()]
        verdicts = judge_all(questions, given, embedder=self._embedder, manner=manner)
        by_name = {name: verdicts.get(name, []) for name in run.strategies}
        return Result(run, questions, answers, by_name, manner)

    def _obstacles(self, result: Result, candidate: str, live: str) -> list[Reason]:
        """Why figures cannot speak for the candidate, however good they are."""
        run, now = result.run, self._conditions(result.run.strategies)
        asked = [name for name in (candidate, live) if name in run.strategies]
        return [*_standing(result, candidate, live), *_changed(run.conditions, now, asked)]


def _standing(result: Result, candidate: str, live: str) -> Iterator[Reason]:
    run = result.run
    if candidate == live:
        yield Reason("live_already", "hold", {"name": live})
    elif live not in run.strategies:
        yield Reason("live_not_asked", "hold", {"name": live})
    if run.job.state != "done":
        yield Reason("unfinished", "hold", {"left": run.wanted - run.kept})


def _changed(then: Mapping[str, Any], now: Mapping[str, Any], asked: Iterable[str]) -> Iterator[Reason]:
    """What was measured under other conditions than those of today."""
    if not then:  # nothing was measured yet
        return
    for name in asked:
        if then["standing"].get(name) != now["standing"][name]:
            yield Reason("changed", "hold", {"name": name})
    if then["index_version"] != now["index_version"]:
        versions = {"then": then["index_version"], "now": now["index_version"]}
        yield Reason("other_index", "hold", versions)
