"""Compare as a page: runs with how far they are, and of one run who answers better, where, and at what price.

From here a strategy is made live, if the operator's rules are for it; against them only with a reason.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_login import current_user
from markupsafe import Markup

from bot.evaluation.decision import Decision
from bot.evaluation.metrics import BY_NAME, METRICS, Metric
from bot.evaluation.plot import NARROW, WIDTH
from bot.evaluation.report import OF_TAGS, PRICES, compared, plots, show
from bot.evaluation.results import REASON_CHARACTERS, Gated, Result, of_manner, told
from bot.evaluation.results import page as printable
from bot.evaluation.runs import Chosen, EvaluationRefused, Run, UnknownRun
from bot.evaluation.sentences import REPORT
from bot.evaluation.sets import UnknownSet
from bot.evaluation.statistics import Figure
from bot.evaluation.values import Part
from strategies.errors import StrategyError
from web import languages, sentences
from web.auth import requires
from web.current import kotae
from web.numbers import whole
from web.operator import bp
from web.operator.opinions import judges, parts

RUNS = 20
STATES = {
    "queued": _l("Waiting"),
    "running": _l("Asking"),
    "done": _l("Done"),
    "failed": _l("Failed"),
    "cancelled": _l("Cancelled"),
}
COLOURS = {"done": "success", "failed": "danger", "cancelled": "secondary"}
STEPS = {
    "warming up": _l("warming up"),
    "asking": _l("asking"),
    "waiting to try again": _l("waiting to try again"),
}
OUTCOMES = {
    "promote": ("success", _l("may be made live")),
    "hold": ("warning", _l("not certain yet")),
    "reject": ("danger", _l("breaks a rule")),
}
PARTS = {"": _l("all questions"), "held-out": _l("held out only"), "open": _l("open only")}
STYLE = re.compile(r"<style>(.*?)</style>", re.DOTALL)


@dataclass(frozen=True)
class Shown:
    """A run as the page shows it."""

    run: Run

    @property
    def label(self) -> str:
        return str(STATES[self.run.job.state])

    @property
    def colour(self) -> str:
        return COLOURS.get(self.run.job.state, "primary")

    @property
    def share(self) -> float:
        return self.run.kept / self.run.wanted

    @property
    def told(self) -> str:
        """How far it is, in a line."""
        step = STEPS.get(self.run.job.step, self.run.job.step)
        counted = ngettext(
            "%(n)s of %(num)s answer", "%(n)s of %(num)s answers", self.run.wanted, n=self.run.kept
        )
        return f"{step} · {counted}" if step else str(counted)


@dataclass(frozen=True)
class Cell:
    """A strategy's figure. `best` is "alone", "among" others that cannot be told apart, or ""."""

    name: str
    value: str
    interval: str = ""
    best: str = ""


@dataclass(frozen=True)
class Line:
    title: str
    about: str
    cells: tuple[Cell, ...]


# ---- runs ----


@bp.get("/compare")
@requires("operator")
def compare() -> ResponseReturnValue:
    return page({})


def page(asked: Mapping[str, object], status: int = 200) -> ResponseReturnValue:
    live = kotae().switch.name()
    found = list(map(Shown, kotae().evaluations.runs(RUNS)))
    text = render_template(
        "console/compare.html",
        sets=kotae().question_sets.list(),
        names=kotae().strategies.names(),
        live=live,
        asked={"set": request.args.get("set", ""), "strategies": [live], "part": "", "limit": "", **asked},
        parts=PARTS,
        now=[one for one in found if not one.run.ended],
        past=[one for one in found if one.run.ended],
    )
    return text, status


@bp.get("/compare/now")
@requires("operator")
def live_compare() -> ResponseReturnValue:
    found = list(map(Shown, kotae().evaluations.runs(RUNS)))
    return render_template(
        "console/compare_runs.html",
        now=[one for one in found if not one.run.ended],
        past=[one for one in found if one.run.ended],
    )


@bp.post("/compare")
@requires("operator")
def start_comparison() -> ResponseReturnValue:
    part, limit = request.form.get("part", ""), request.form.get("limit", type=whole)
    asked = {
        "set": request.form.get("set", ""),
        "strategies": request.form.getlist("strategies"),
        "part": part,
        "limit": limit or "",
    }
    wanted: Part | None = "held-out" if part == "held-out" else "open" if part == "open" else None
    chosen = Chosen(wanted, limit if limit and limit > 0 else None)
    try:
        run = kotae().evaluations.start(
            str(asked["set"]), request.form.getlist("strategies"), by=current_user.email, chosen=chosen
        )
    except UnknownSet:
        flash(_("Choose a question set."), "danger")
        return page(asked, 400)
    except EvaluationRefused as refused:
        flash(_("Nothing was asked: %(why)s.", why=sentences.told(refused)), "danger")
        return page(asked, 409)
    flash(_("The questions are being asked."), "success")
    return redirect(url_for("operator.comparison", run_id=run.id))


@bp.post("/compare/<run_id>/cancel")
@requires("operator")
def cancel_comparison(run_id: str) -> ResponseReturnValue:
    known(run_id)
    kotae().evaluations.cancel(run_id, by=current_user.email)
    flash(_("It is being cancelled; the answers so far are kept."), "success")
    return redirect(url_for("operator.comparison", run_id=run_id))


@bp.post("/compare/<run_id>/resume")
@requires("operator")
def resume_comparison(run_id: str) -> ResponseReturnValue:
    run = known(run_id)
    if not run.resumable:
        flash(_("There is nothing to go on with."), "warning")
        return redirect(url_for("operator.comparison", run_id=run_id))
    try:
        kotae().evaluations.resume(run_id, by=current_user.email)
    except EvaluationRefused as refused:
        flash(_("Nothing was asked: %(why)s.", why=sentences.told(refused)), "danger")
    else:
        flash(_("Only what has no answer yet is asked."), "success")
    return redirect(url_for("operator.comparison", run_id=run_id))


@bp.post("/compare/<run_id>/remove")
@requires("operator")
def remove_comparison(run_id: str) -> ResponseReturnValue:
    known(run_id)
    kotae().evaluations.remove(run_id, by=current_user.email)
    flash(_("The comparison is deleted with its answers."), "success")
    return redirect(url_for("operator.compare"))


# ---- one run ----


@bp.get("/compare/<run_id>")
@requires("operator")
def comparison(run_id: str) -> ResponseReturnValue:
    run = known(run_id)
    result = kotae().results.of(run_id) if run.ended and run.kept else None
    return comparison_page(run, result)


def comparison_page(
    run: Run, result: Result | None, reason: str = "", status: int = 200
) -> ResponseReturnValue:
    words = REPORT[languages.current()]
    live = kotae().switch.name()
    text = render_template(
        "console/comparison.html",
        shown=Shown(run),
        result=result,
        live=live,
        words=words,
        groups=list(groups(result)) if result else [],
        drawings=[(words[which], *map(Markup, drawn)) for which, *drawn in drawings(result)],
        decisions=decided(result) if result else [],
        outcomes=OUTCOMES,
        asks_why=reason,
        most=REASON_CHARACTERS,
        ahead=ahead(result) if result else {},
        by_tag=list(by_tag(result)) if result else [],
        failed=failed(result) if result else [],
        conditions=told(run, languages.current()),
        differences=list(apart(result)) if result else [],
        manner=of_manner(result, languages.current()) if result else [],
        judges=judges() if result else [],
        pair=two_of(run, live),
        **parts(run),
    )
    return text, status


@bp.get("/compare/<run_id>/now")
@requires("operator")
def live_comparison(run_id: str) -> ResponseReturnValue:
    return render_template("console/comparison_now.html", shown=Shown(known(run_id)))


@bp.post("/compare/<run_id>/live")
@requires("operator")
def make_live(run_id: str) -> ResponseReturnValue:
    run, name = known(run_id), request.form.get("name", "")
    if name not in run.strategies:
        abort(404)
    try:
        change = kotae().results.make_live(
            run_id, name, by=current_user.email, reason=request.form.get("reason", "")
        )
    except Gated:
        why = _("the rules are against it. Say why it shall be all the same")
        flash(_("%(name)s was not made live: %(why)s.", name=name, why=why), "danger")
        return comparison_page(run, kotae().results.of(run_id), reason=name, status=409)
    except StrategyError as refused:
        flash(_("%(name)s was not made live: %(why)s.", name=name, why=sentences.told(refused)), "danger")
    else:
        flash(_("%(name)s answers from the next question on.", name=change.name), "success")
    return redirect(url_for("operator.comparison", run_id=run_id))


@bp.get("/compare/<run_id>/report")
@requires("operator")
def comparison_report(run_id: str) -> ResponseReturnValue:
    """The page to print. It brings its own style, which the policy allows by its hash."""
    run = known(run_id)
    result = kotae().results.of(run_id)
    live = kotae().switch.name()
    asked = live in run.strategies
    decisions = [kotae().results.decision(result, name) for name in run.strategies if asked and name != live]
    text = printable(result, decisions, languages.current(), kotae().opinions.of(run.id))
    response = Response(text, mimetype="text/html")
    response.headers["Content-Security-Policy"] = (
        f"default-src 'none'; style-src {hashes(text)}; frame-ancestors 'none'"
    )
    if "save" in request.args:
        response.headers["Content-Disposition"] = f"attachment; filename=comparison-{run_id[:8]}.html"
    return response


def hashes(text: str) -> str:
    digests = (hashlib.sha256(style.encode()).digest() for style in STYLE.findall(text))
    return " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)


# ---- parts ----


def known(run_id: str) -> Run:
    try:
        return kotae().evaluations.run(run_id)
    except UnknownRun:
        abort(404)


def groups(result: Result) -> Iterator[tuple[str, list[Line]]]:
    """The metrics that were measured, by what belongs together."""
    words = REPORT[languages.current()]
    kept: dict[str, list[Line]] = {}
    for metric in METRICS:
        figures = result.comparison.figures[metric.name]
        if any(one.n and (one.value or metric.unit == "share") for one in figures.values()):
            kept.setdefault(metric.part, []).append(line(metric, figures, result))
    for part, lines in kept.items():
        yield words[f"part.{part}"], lines


def line(metric: Metric, figures: Mapping[str, Figure], result: Result, *, marks: bool = True) -> Line:
    language = languages.current()
    there = [name for name, one in figures.items() if one.n]
    best = result.comparison.best(metric) if marks and len(there) > 1 else ()
    mark = "" if len(best) == len(there) else "alone" if len(best) == 1 else "among"
    return Line(
        metric.title[language],
        metric.about[language],
        tuple(
            cell(name, figures[name], metric, mark if name in best else "") for name in result.run.strategies
        ),
    )


def cell(name: str, figure: Figure, metric: Metric, best: str) -> Cell:
    if not figure.n:
        return Cell(name, "–")
    known = figure.low == figure.low
    low, high = (show(value, metric).replace(" ", "\u00a0") for value in (figure.low, figure.high))
    interval = f"{low} – {high}" if known else ""  # it breaks between the two alone
    return Cell(name, show(figure.value, metric), interval, best)


def decided(result: Result) -> list[Decision]:
    """Of each that was asked and does not answer customers now: may it?"""
    live = kotae().switch.name()
    return [kotae().results.decision(result, name) for name in result.run.strategies if name != live]


@dataclass(frozen=True)
class Apart:
    """Two strategies by one metric: whether they differ, how sure that is, how many questions it takes."""

    title: str
    pair: str
    value: str
    interval: str
    test: str
    n: int
    p: str
    needed: str
    differ: bool


def apart(result: Result) -> Iterator[Apart]:
    """What was answered, two by two; nothing of what came out the same at every question."""
    for metric, each in compared(result.comparison):
        if each.test == "none":
            continue
        low, high = (show(value, metric, signed=True) for value in (each.low, each.high))
        yield Apart(
            metric.title[languages.current()],
            f"{each.a} − {each.b}",
            show(each.value, metric, signed=True),
            f"{low} – {high}",
            each.test,
            each.n,
            "< .001" if each.adjusted < 0.001 else f"{each.adjusted:.3f}",
            f"{each.needed:,}" if each.needed else "–",
            not each.equal,
        )


def two_of(run: Run, live: str) -> tuple[str, ...]:
    """Whom a reader wants to see side by side first: a candidate, and the one that answers now."""
    others = [name for name in run.strategies if name != live]
    return (*others[:1], live) if live in run.strategies else tuple(others[:2])


def drawings(result: Result | None) -> list[tuple[str, str, str]]:
    """Quality against what it costs, where it costs anything, and against how long it takes; for a wide page
    and for a telephone's.
    """
    if result is None:
        return []
    figures = result.comparison.figures
    spent = any(one.value > 0 for name in PRICES for one in figures[name].values())
    wide, narrow = (plots(result.comparison, languages.current(), width) for width in (WIDTH, NARROW))
    return [
        (which, drawn, small)
        for (which, drawn), (_which, small) in zip(wide, narrow, strict=True)
        if drawn and (spent or which != "plot.cost")
    ]


def by_tag(result: Result) -> Iterator[tuple[str, Line]]:
    """What matters most, tag by tag: an average can hide a part that got worse."""
    for tag, figures in result.comparison.tags.items():
        for name in OF_TAGS:
            if any(one.n for one in figures[name].values()):
                yield tag, line(BY_NAME[name], figures[name], result, marks=False)


def ahead(result: Result) -> dict[str, dict[str, int]]:
    """How many questions the first answered rightly and the second did not."""
    right = {
        name: {each for each, verdict in verdicts.items() if verdict.right}
        for name, verdicts in result.by_question.items()
    }
    asked = {name: set(verdicts) for name, verdicts in result.by_question.items()}
    return {
        one: {other: len((right[one] & asked[other]) - right[other]) for other in right if other != one}
        for one in right
    }


def failed(result: Result) -> list[tuple[str, int, str]]:
    """Strategies with answers that failed: how many, and the first reason."""
    found = []
    for name, answers in result.answers.items():
        errors = [answer.error for answer in answers.values() if answer.error]
        if errors:
            found.append((name, len(errors), errors[0]))
    return found
