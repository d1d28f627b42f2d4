"""The router as a page: what it learned, what each budget buys, and the slider that sets it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from bot.answering.routing import RouterRefused, Standing
from bot.evaluation.plot import plainly
from bot.evaluation.runs import UnknownRun
from bot.jobs import Job
from bot.reports.drawing import nice
from strategies.router.plan import Plan, interval
from web.admin.curve import SPACES, Calibration, Pile, Scale, calibration
from web.auth import requires
from web.current import kotae
from web.operator import bp
from web.sentences import told

STATES = {"queued": _l("Waiting"), "running": _l("Learning")}
STEPS = {
    "reading the answers": _l("reading the answers"),
    "looking at the questions": _l("looking at the questions"),
    "embedding the questions": _l("embedding the questions"),
    "learning": _l("learning"),
    "keeping it": _l("keeping it"),
}
UNITS = {"ms": _l("milliseconds"), "cost": _l("of cost"), "tokens": _l("prompt tokens")}


@dataclass(frozen=True)
class Row:
    """A plan in numbers. `dot` is its place in the drawing."""

    spend: float
    right: float
    low: float
    high: float
    shares: tuple[tuple[str, float], ...]
    dot: str


@dataclass(frozen=True)
class Drawn:
    """The curve: labels of the axes from the origin on, and SVG's paths."""

    across: tuple[str, ...]
    up: tuple[str, ...]
    line: str
    singles: str
    chosen: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Shown:
    """A router with all that the page shows of it. `now` is the plan that is followed."""

    standing: Standing
    unit: str
    drawn: Drawn | None
    now: Row | None
    reliability: Calibration | None = None
    job: Job | None = None  # the newest learning


@bp.get("/router")
@requires("operator")
def router() -> ResponseReturnValue:
    routers = kotae().routers
    names = routers.names()
    return render_template(
        "console/router.html",
        routers=[shown(routers.standing(name)) for name in names],
        runs={name: routers.fitting_runs(name)[:20] for name in names},
        having_a_set={name for name in names if kotae().question_sets.version(routers.learns_from(name))},
        spent=spent,
        states=STATES,
        steps=STEPS,
    )


@bp.get("/router/<name>/now")
@requires("operator")
def live_router(name: str) -> ResponseReturnValue:
    """How far its learning is."""
    if name not in kotae().routers.names():
        abort(404)
    job = kotae().routers.job(name)
    seen = request.args.get("seen", "")  # the learning that the page shows already
    return render_template(
        "console/router_now.html", name=name, job=job, seen=seen, states=STATES, steps=STEPS
    )


@bp.post("/router/budget")
@requires("operator")
def set_budget() -> ResponseReturnValue:
    name = request.form.get("router", "")
    budget = None if "unlimited" in request.form else request.form.get("budget", type=float)
    try:
        if budget is None and "unlimited" not in request.form:
            raise RouterRefused(_("A budget is a number."))
        kotae().routers.spend(name, budget, by=current_user.email)
    except RouterRefused as refused:
        flash(told(refused), "danger")
    else:
        flash(_("The budget holds from the next question on."), "success")
    return redirect(url_for("operator.router"))


@bp.post("/router/train")
@requires("operator")
def train_router() -> ResponseReturnValue:
    name = request.form.get("router", "")
    try:
        kotae().routers.begin(name, by=current_user.email, run_id=request.form.get("run", ""))
    except (RouterRefused, UnknownRun) as refused:
        flash(_("%(name)s has not learned: %(why)s.", name=name, why=told(refused)), "danger")
    else:
        flash(_("%(name)s learns. Until it has, it chooses as before.", name=name), "success")
    return redirect(url_for("operator.router"))


@bp.post("/router/cancel")
@requires("operator")
def cancel_router() -> ResponseReturnValue:
    kotae().routers.cancel(request.form.get("router", ""), by=current_user.email)
    flash(_("The learning is cancelled; what was known before stays."), "success")
    return redirect(url_for("operator.router"))


def shown(standing: Standing) -> Shown:
    unit = str(UNITS[standing.spend])
    drawn = draw(standing)
    plan = standing.routing.plan
    now = row(standing, plan, scale(standing)) if plan is not None else None
    piles = (
        Pile(one.likely, one.right, *interval(one.right, one.of), one.of) for one in standing.reliability
    )
    return Shown(standing, unit, drawn, now, calibration(piles), kotae().routers.job(standing.name))


def draw(standing: Standing) -> Drawn | None:
    """None before anything was learned."""
    if not standing.curve:
        return None
    placed = scale(standing)
    steps = list(stairs([(plan.spend, plan.quality) for plan in standing.curve], placed.steps))
    plan = standing.routing.plan
    return Drawn(
        across=tuple(spent(placed.steps * n / SPACES) for n in range(SPACES + 1)),
        up=tuple(f"{25 * n} %" for n in range(SPACES + 1)),
        line=placed.line(steps),
        singles=placed.dots([(one.spend, one.quality) for one in standing.singles]),
        chosen=placed.dots([(plan.spend, plan.quality)]) if plan else "",
        rows=tuple(row(standing, each, placed) for each in standing.curve),
    )


def scale(standing: Standing) -> Scale:
    """From nothing to more than anybody spends, and from never right to always."""
    most = max([plan.spend for plan in standing.curve] + [one.spend for one in standing.singles], default=0.0)
    return Scale(nice(most / SPACES) * SPACES, 1.0)


def stairs(points: Sequence[tuple[float, float]], end: float) -> list[tuple[float, float]]:
    """A budget buys what the next cheaper point buys: level until the next one, then up."""
    found: list[tuple[float, float]] = []
    for spend, quality in points:
        if found:
            found.append((spend, found[-1][1]))
        found.append((spend, quality))
    return [*found, (end, found[-1][1])]


def row(standing: Standing, plan: Plan, placed: Scale) -> Row:
    assert standing.routing.head is not None
    low, high = interval(plan.quality, standing.questions)
    named = zip(standing.routing.head.strategies, plan.shares, strict=True)
    shares = sorted(((name, share) for name, share in named if share), key=lambda one: -one[1])
    if plan.refused:
        shares.append((_("refused by the router"), plan.refused))
    dot = placed.dots([(plan.spend, plan.quality)])
    return Row(plan.spend, plan.quality, low, high, tuple(shares), dot)


def spent(value: float) -> str:
    """A spend as it is read: three digits that count."""
    return f"{value:,.0f}" if value >= 100 else plainly(value)
