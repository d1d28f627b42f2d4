"""What a model thinks of a comparison's answers, as a part of its page: asked for here, and shown apart."""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from bot.evaluation.metrics import BY_NAME
from bot.evaluation.plot import plainly
from bot.evaluation.report import show
from bot.evaluation.runs import EvaluationRefused, Run, UnknownRun
from strategies.errors import StrategyError
from web.auth import requires
from web.current import kotae
from web.numbers import whole
from web.operator import bp
from web.sentences import told

STEPS = {
    "": _l("Waiting"),
    "reading answers": _l("reading answers"),
}


@bp.get("/compare/<run_id>/opinions")
@requires("operator")
def live_opinions(run_id: str) -> ResponseReturnValue:
    return render_template("console/opinions.html", **parts(known(run_id)))


@bp.post("/compare/<run_id>/opinions")
@requires("operator")
def ask_opinions(run_id: str) -> ResponseReturnValue:
    run, most = known(run_id), request.form.get("most", type=whole)
    try:
        kotae().opinions.ask(
            run.id,
            request.form.get("a", ""),
            request.form.get("b", ""),
            by=current_user.email,
            strategy=request.form.get("strategy", ""),
            most=most if most and most > 0 else None,
        )
    except (EvaluationRefused, StrategyError) as refused:
        flash(_("No model was asked: %(why)s.", why=told(refused)), "danger")
    else:
        flash(_("A model reads the answers."), "success")
    return redirect(url_for("operator.comparison", run_id=run.id, _anchor="opinions"))


@bp.post("/compare/<run_id>/opinions/cancel")
@requires("operator")
def cancel_opinions(run_id: str) -> ResponseReturnValue:
    kotae().opinions.cancel(known(run_id).id, by=current_user.email)
    flash(_("It is being cancelled; the opinions so far are kept."), "success")
    return redirect(url_for("operator.comparison", run_id=run_id, _anchor="opinions"))


def parts(run: Run) -> dict[str, object]:
    """What the part of the page shows."""
    share = BY_NAME["refused"]  # any metric that is a share: how it is written
    return {
        "run": run,
        "opinions": kotae().opinions.of(run.id),
        "job": kotae().opinions.job(run.id),
        "steps": STEPS,
        "plainly": plainly,
        "share": lambda value: show(value, share),
    }


def judges() -> list[tuple[str, str]]:
    """The models that can be asked, each with how the form names it: the configured one first."""
    helpers = kotae().helpers
    found = [("", helpers.model())] if helpers.configured.configured else []
    named = [name for name in helpers.names() if name != helpers.configured.strategy]
    return [*found, *((name, f"{name} ({helpers.model(name)})") for name in named)]


def known(run_id: str) -> Run:
    try:
        return kotae().evaluations.run(run_id)
    except UnknownRun:
        abort(404)
