"""The answers of a comparison side by side, with their differences marked, and one question whole."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from markupsafe import Markup

from bot.conversations.markdown import rendered
from bot.evaluation.metrics import Verdict
from bot.evaluation.opinions import Thought
from bot.evaluation.plot import plainly
from bot.evaluation.results import Result
from bot.evaluation.runs import Run
from bot.evaluation.values import Answered, AskedQuestion
from web.auth import requires
from web.current import kotae
from web.markdown import compared
from web.numbers import whole
from web.operator import bp
from web.operator.compare import known
from web.operator.quotes import quotes

PAGE = 15  # questions


@dataclass(frozen=True)
class Side:
    """What one strategy answered; `said` is how it is shown, beside another with the differences marked."""

    name: str
    answer: Answered
    verdict: Verdict
    said: Markup = field(default_factory=Markup)


@dataclass(frozen=True)
class Pair:
    """A question with both answers, and what models think of the two."""

    question: AskedQuestion
    sides: tuple[Side, ...]
    thoughts: Sequence[Thought] = ()

    def prefers(self, at: int) -> bool:
        """Whether some model prefers this side's answer."""
        return any(thought.preferred == self.sides[at].name for thought in self.thoughts)


@dataclass(frozen=True)
class Wanted:
    """Which answers a reader wants to see, of which two strategies."""

    one: str
    other: str
    show: str
    tag: str
    query: str
    page: int

    @property
    def names(self) -> tuple[str, ...]:
        return (self.one, self.other) if self.other else (self.one,)


Takes = Callable[[Pair], bool]

WHICH: Mapping[str, tuple[object, Takes]] = {
    "": (_l("all answers"), bool),
    "first": (
        _l("the first right, the second not"),
        lambda pair: right(pair.sides[0]) > right(pair.sides[-1]),
    ),
    "second": (
        _l("the second right, the first not"),
        lambda pair: right(pair.sides[0]) < right(pair.sides[-1]),
    ),
    "neither": (_l("neither right"), lambda pair: not any(map(right, pair.sides))),
    "wrong": (_l("something wrong was said"), lambda pair: any(side.verdict.wrong for side in pair.sides)),
    "differ": (
        _l("answers differ"),
        lambda pair: pair.sides[0].answer.text != pair.sides[-1].answer.text,
    ),
    "failed": (_l("failed"), lambda pair: any(side.verdict.failed for side in pair.sides)),
}
OF_MODELS: Mapping[str, tuple[object, Takes]] = {
    "prefers-first": (_l("a model prefers the first"), lambda pair: pair.prefers(0)),
    "prefers-second": (_l("a model prefers the second"), lambda pair: pair.prefers(-1)),
    "prefers-wrong": (
        _l("a model prefers what is not right"),
        lambda pair: any(pair.prefers(at) and not right(side) for at, side in enumerate(pair.sides)),
    ),
}


def right(side: Side) -> bool:
    return side.verdict.right


@bp.get("/compare/<run_id>/answers")
@requires("operator")
def comparison_answers(run_id: str) -> ResponseReturnValue:
    run = known(run_id)
    result = kotae().results.of(run_id)
    thoughts = kotae().opinions.thoughts(run_id)
    which = {**WHICH, **(OF_MODELS if thoughts else {})}
    wanted = asked_for(run, which)
    found = list(pairs(result, wanted, thoughts))
    start = (wanted.page - 1) * PAGE
    return render_template(
        "console/comparison_answers.html",
        run=run,
        wanted=wanted,
        which={name: label for name, (label, _takes) in which.items()},
        tags=list(result.comparison.tags),
        found=len(found),
        total=len(result.questions),
        pairs=[replace(pair, sides=side_by_side(pair.sides)) for pair in found[start : start + PAGE]],
        more=len(found) > start + PAGE,
    )


@bp.get("/compare/<run_id>/answers/<path:question_id>")
@requires("operator")
def comparison_question(run_id: str, question_id: str) -> ResponseReturnValue:
    run = known(run_id)
    result = kotae().results.of(run_id)
    question = next((one for one in result.questions if one.id == question_id), None)
    if question is None:
        abort(404)
    sides = [alone(side) for name in run.strategies if (side := side_of(result, name, question.id))]
    thoughts = kotae().opinions.thoughts(run_id).get(question.id, [])
    return render_template(
        "console/comparison_question.html",
        run=run,
        question=question,
        sides=sides,
        thoughts=thoughts,
        plainly=plainly,
        quotes=quotes,
    )


def asked_for(run: Run, known_ones: Collection[str]) -> Wanted:
    """The reader's choice, out of what there is."""
    live = kotae().switch.name()
    others = [name for name in run.strategies if name != live]
    default = live if live in run.strategies else run.strategies[0]
    one = request.args.get("one", "")
    one = one if one in run.strategies else others[0] if others else default
    other = request.args.get("other", "")
    other = (
        other
        if other in run.strategies and other != one
        else next((name for name in (default, *run.strategies) if name != one), "")
    )
    which = request.args.get("show", "")
    return Wanted(
        one,
        other,
        which if which in known_ones else "",
        request.args.get("tag", ""),
        request.args.get("q", "").strip()[:200],
        max(request.args.get("page", 1, type=whole), 1),
    )


def pairs(result: Result, wanted: Wanted, thoughts: Mapping[str, Sequence[Thought]]) -> Iterator[Pair]:
    """What the reader asked for, in the order of the set."""
    takes = {**WHICH, **OF_MODELS}[wanted.show][1]
    for question in result.questions:
        if wanted.tag and wanted.tag not in question.tags:
            continue
        sides = [side for name in wanted.names if (side := side_of(result, name, question.id)) is not None]
        if len(sides) < len(wanted.names) or (wanted.query and not said(wanted.query, question, sides)):
            continue
        of_both = [one for one in thoughts.get(question.id, ()) if {one.a, one.b} == set(wanted.names)]
        if takes(pair := Pair(question, tuple(sides), of_both)):
            yield pair


def said(query: str, question: AskedQuestion, sides: Sequence[Side]) -> bool:
    text = "\n".join((question.id, question.text, *(side.answer.text for side in sides))).casefold()
    return all(word in text for word in query.casefold().split())


def side_of(result: Result, name: str, question_id: str) -> Side | None:
    answer, verdict = result.answers[name].get(question_id), result.by_question[name].get(question_id)
    if answer is None or verdict is None:
        return None
    return Side(name, answer, verdict)


def side_by_side(sides: Sequence[Side]) -> tuple[Side, ...]:
    """With their differences marked, where both said something."""
    if len(sides) < 2:
        return tuple(map(alone, sides))
    one, other = sides
    first, second = compared(one.answer.text, other.answer.text)
    return replace(one, said=first), replace(other, said=second)


def alone(side: Side) -> Side:
    return replace(side, said=rendered(side.answer.text))
