"""Whether a candidate may answer customers: the operator's rules, each with what was measured.

    promote   every rule is kept
    hold      no rule is broken for certain, and not every one is kept for certain: ask more questions
    reject    a rule is broken

It never rests on one figure: who is better on average and wrong about prices does not pass.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from bot.evaluation.metrics import BY_NAME, Metric, Verdict
from bot.evaluation.sentences import REASONS, Language
from bot.evaluation.statistics import Difference, Figure, difference, figure, paired, tags

Outcome = Literal["promote", "hold", "reject"]
SEVERITY: Mapping[str, int] = {"promote": 0, "hold": 1, "reject": 2}


class Rules(BaseModel):
    """What a candidate must keep to. Shares are between 0 and 1; a rule that is None is not asked for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    facts_margin: float = Field(
        0.02,
        ge=0,
        le=1,
        description="By how much fewer gold facts than the live strategy's are still as good.",
    )
    wrong_more: int = Field(
        0,
        ge=0,
        description="How many more questions than with the live strategy may be told something wrong.",
    )
    refused_at_least: float | None = Field(
        0.8, ge=0, le=1, description="The share of the questions without an answer that must be refused."
    )
    false_refusals_at_most: float | None = Field(
        0.05, ge=0, le=1, description="The share of the answerable questions that may be refused."
    )
    p95_ms_at_most: float | None = Field(
        None, gt=0, description="In how many milliseconds nineteen of twenty answers must be whole."
    )
    cost_at_most: float | None = Field(
        None, ge=0, description="What an answer may cost on average, by the price list."
    )
    tag_margin: float = Field(0.05, ge=0, le=1, description="By how much a single tag's gold facts may fall.")
    tags: tuple[str, ...] = Field(
        (), description="The tags that are looked at one by one; none named: all of them."
    )
    questions_at_least: int = Field(
        30, ge=1, description="Below so many answerable questions nothing is promoted."
    )


Told = Mapping[str, str | int | float]


@dataclass(frozen=True)
class Reason:
    """A rule and how it stands. `figures` fill the sentence that says so."""

    rule: str
    outcome: Outcome
    figures: Told

    def say(self, language: Language = "en") -> str:
        """The sentence, in English where there is none in the language."""
        sentences = REASONS.get(language, REASONS["en"])
        return sentences[f"{self.rule}.{self.outcome}"].format(**self.figures)


@dataclass(frozen=True)
class Decision:
    """What follows, with every rule's reason, the gravest first."""

    candidate: str
    live: str
    outcome: Outcome
    reasons: tuple[Reason, ...]

    @property
    def against(self) -> tuple[Reason, ...]:
        return tuple(reason for reason in self.reasons if reason.outcome != "promote")


def decide(
    candidate: Sequence[Verdict],
    live: Sequence[Verdict],
    rules: Rules | None = None,
    *,
    groups: Mapping[str, Hashable] | None = None,
) -> Decision:
    """May the candidate take the live strategy's place? Both are compared on the questions that both were
    asked.
    """
    rules = rules or Rules()
    asked = {one.question_id for one in live} & {one.question_id for one in candidate}
    ours = [one for one in candidate if one.question_id in asked]
    theirs = [one for one in live if one.question_id in asked]
    reasons = sorted(_reasons(ours, theirs, rules, groups), key=lambda reason: -SEVERITY[reason.outcome])
    outcome = max((reason.outcome for reason in reasons), key=lambda one: SEVERITY[one])
    return Decision(_name(candidate), _name(live), outcome, tuple(reasons))


def _name(verdicts: Sequence[Verdict]) -> str:
    return verdicts[0].strategy if verdicts else ""


def _reasons(
    ours: Sequence[Verdict],
    theirs: Sequence[Verdict],
    rules: Rules,
    groups: Mapping[str, Hashable] | None,
) -> Iterator[Reason]:
    yield _enough(ours, rules)
    yield _facts(ours, theirs, rules, groups)
    yield _wrong(ours, theirs, rules)
    if rules.refused_at_least is not None:
        yield from _at_least("refused", ours, rules.refused_at_least, groups)
    if rules.false_refusals_at_most is not None:
        yield from _at_most("false_refusals", ours, rules.false_refusals_at_most, groups)
    if rules.p95_ms_at_most is not None:
        yield from _at_most("ms_p95", ours, rules.p95_ms_at_most, groups)
    if rules.cost_at_most is not None:
        yield from _at_most("cost", ours, rules.cost_at_most, groups)
    for tag in rules.tags or tags({"ours": ours}):
        yield from _of_tag(tag, ours, theirs, rules, groups)


def _enough(ours: Sequence[Verdict], rules: Rules) -> Reason:
    n = sum(one.answerable for one in ours)
    return Reason(
        "questions",
        "promote" if n >= rules.questions_at_least else "hold",
        {"n": n, "least": rules.questions_at_least},
    )


def _facts(
    ours: Sequence[Verdict],
    theirs: Sequence[Verdict],
    rules: Rules,
    groups: Mapping[str, Hashable] | None,
) -> Reason:
    """Not worse by more than the margin, and the interval says so too."""
    apart = _difference(ours, theirs, BY_NAME["facts"], groups)
    figures: Told = {**_told(apart), "margin": f"{100 * rules.facts_margin:.1f}"}
    if not apart.n:
        return Reason("facts_unknown", "hold", figures)
    if apart.low >= -rules.facts_margin or (apart.value == 0 and apart.low == 0):
        return Reason("facts", "promote", figures)
    return Reason("facts", "reject" if apart.high < -rules.facts_margin else "hold", figures)


def _wrong(ours: Sequence[Verdict], theirs: Sequence[Verdict], rules: Rules) -> Reason:
    """Counted, not averaged: each is a customer who was told something wrong."""
    mine, others = (sum(bool(one.wrong) for one in each) for each in (ours, theirs))
    figures: Told = {
        "mine": mine,
        "live": others,
        "more": rules.wrong_more,
        "example": _first_wrong(ours, theirs),
    }
    return Reason("wrong", "promote" if mine <= others + rules.wrong_more else "reject", figures)


def _first_wrong(ours: Sequence[Verdict], theirs: Sequence[Verdict]) -> str:
    """What only the candidate says wrong, as an example."""
    right = {one.question_id for one in theirs if not one.wrong}
    said = next((one.wrong[0] for one in ours if one.wrong and one.question_id in right), "")
    return said or next((one.wrong[0] for one in ours if one.wrong), "")


def _at_least(
    name: str, ours: Sequence[Verdict], least: float, groups: Mapping[str, Hashable] | None
) -> Iterator[Reason]:
    yield from _bounded(name, ours, least, groups, lambda value: value >= least)


def _at_most(
    name: str, ours: Sequence[Verdict], most: float, groups: Mapping[str, Hashable] | None
) -> Iterator[Reason]:
    yield from _bounded(name, ours, most, groups, lambda value: value <= most)


def _bounded(
    name: str,
    ours: Sequence[Verdict],
    bound: float,
    groups: Mapping[str, Hashable] | None,
    keeps: Callable[[float], bool],
) -> Iterator[Reason]:
    """A figure of the candidate's own against a bound: kept, broken for certain, or between the two."""
    metric = BY_NAME[name]
    belong = None if groups is None else [groups.get(one.question_id, one.question_id) for one in ours]
    shares = metric.unit == "share"
    found: Figure = figure(metric.values(ours), metric.statistic, groups=belong, shares=shares)
    if not found.n:
        return
    show = _percent if shares else _plain
    figures: Told = {
        "value": show(found.value),
        "low": show(found.low),
        "high": show(found.high),
        "bound": show(bound),
        "n": found.n,
    }
    if keeps(found.value):
        yield Reason(name, "promote", figures)
    else:
        certain = not (keeps(found.low) or keeps(found.high))
        yield Reason(name, "reject" if certain else "hold", figures)


def _of_tag(
    tag: str,
    ours: Sequence[Verdict],
    theirs: Sequence[Verdict],
    rules: Rules,
    groups: Mapping[str, Hashable] | None,
) -> Iterator[Reason]:
    """No part of the questions may pay for the others."""
    mine = [one for one in ours if tag in one.tags]
    others = [one for one in theirs if tag in one.tags]
    apart = _difference(mine, others, BY_NAME["facts"], groups)
    if apart.n:
        figures: Told = {**_told(apart), "tag": tag, "margin": f"{100 * rules.tag_margin:.1f}"}
        if apart.value >= -rules.tag_margin:
            yield Reason("tag", "promote", figures)
        else:
            yield Reason("tag", "reject" if apart.high < 0 else "hold", figures)
    wrong, before = (sum(bool(one.wrong) for one in each) for each in (mine, others))
    if wrong > before + rules.wrong_more:
        said = _first_wrong(mine, others)
        yield Reason("tag_wrong", "reject", {"tag": tag, "mine": wrong, "live": before, "example": said})


def _difference(
    ours: Sequence[Verdict],
    theirs: Sequence[Verdict],
    metric: Metric,
    groups: Mapping[str, Hashable] | None,
) -> Difference:
    one, other, asked = paired(ours, theirs, metric)
    belong = None if groups is None else [groups.get(each, each) for each in asked]
    return difference(one, other, metric.statistic, groups=belong, named=(metric.name, "", ""))


def _told(apart: Difference) -> Told:
    needed = "–" if apart.needed is None else f"{apart.needed:,}"
    return {
        "value": _points(apart.value),
        "low": _points(apart.low),
        "high": _points(apart.high),
        "n": apart.n,
        "needed": needed,
    }


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _points(value: float) -> str:
    return "–" if math.isnan(value) else f"{100 * value:+.1f}".replace("-", "−")


def _plain(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 10 else f"{value:.4g}"
