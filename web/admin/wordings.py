"""Suggested wordings as a page: having some suggested, and for each whether it becomes a taught pair."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from bot.teaching.pairs import PairRefused
from bot.teaching.wordings import COUNT, MOST, SuggestionRefused, UnknownSuggestion
from strategies.lora.pairs import BadPairs
from web.admin import bp
from web.auth import requires
from web.current import kotae
from web.numbers import whole
from web.sentences import told

PAGE = 60  # wordings
FAULTS = (SuggestionRefused, UnknownSuggestion, PairRefused, BadPairs)
STATES = {"queued": _l("Waiting"), "running": _l("Suggesting wordings")}


@bp.get("/pairs/wordings")
@requires("admin")
def wordings() -> ResponseReturnValue:
    page = max(request.args.get("page", 1, type=whole), 1)
    found = kotae().wordings.list(limit=PAGE, offset=(page - 1) * PAGE)
    groups = groupby(found.suggestions, key=lambda one: one.like.id)
    facts = [(pile[0].like, pile) for pile in (list(pile) for _id, pile in groups)]
    return render_template(
        "console/wordings.html",
        facts=facts,
        asked=kotae().pairs.wordings({like.pair.fact for like, _pile in facts}),
        page=page,
        more=found.total > page * PAGE,
        taught=kotae().wordings.facts(),
        model=kotae().helpers.model(),
        count=COUNT,
        most=MOST,
        **standing(),
    )


@bp.get("/pairs/wordings/now")
@requires("admin")
def live_wordings() -> ResponseReturnValue:
    return render_template("console/wordings_now.html", **standing())


@bp.post("/pairs/wordings")
@requires("admin")
def begin_wordings() -> ResponseReturnValue:
    try:
        kotae().wordings.begin(by=current_user.email, count=request.form.get("count", COUNT, type=whole))
    except SuggestionRefused as refused:
        flash(_("Nothing is suggested: %(why)s.", why=told(refused)), "danger")
    else:
        flash(_("Wordings are being suggested. None is taught before somebody has accepted it."), "success")
    return redirect(url_for("admin.wordings"))


@bp.post("/pairs/wordings/cancel")
@requires("admin")
def cancel_wordings() -> ResponseReturnValue:
    kotae().wordings.cancel()
    flash(_("No more are suggested; those so far stay."), "success")
    return redirect(url_for("admin.wordings"))


@bp.post("/pairs/wordings/decide")
@requires("admin")
def decide_wordings() -> ResponseReturnValue:
    """What is ticked becomes pairs, in the words of its field; what was shown beside it is dropped."""
    form, by = request.form, current_user.email
    shown, chosen = form.getlist("shown"), form.getlist("keep")
    try:
        kept = kotae().wordings.accept({each: form.get(f"text-{each}", "") for each in chosen}, by=by)
        dropped = kotae().wordings.drop([each for each in shown if each not in chosen], by=by)
    except FAULTS as refused:
        flash(told(refused), "warning")
    else:
        flash(_("Kept as pairs: %(n)s. Dropped: %(m)s.", n=len(kept), m=len(dropped)), "success")
    return redirect(url_for("admin.wordings"))


@bp.post("/pairs/wordings/all")
@requires("admin")
def keep_all_wordings() -> ResponseReturnValue:
    """All but those that may ask for something else."""
    waiting = kotae().wordings.list(limit=None).suggestions
    try:
        kept = kotae().wordings.accept(
            {one.id: "" for one in waiting if not one.nearer}, by=current_user.email
        )
    except FAULTS as refused:
        flash(told(refused), "warning")
    else:
        flash(_("Kept as pairs: %(n)s.", n=len(kept)), "success")
    return redirect(url_for("admin.wordings"))


def standing() -> dict[str, Any]:
    """How many wait, and how far the suggesting is."""
    total, sure = kotae().wordings.waiting()
    return {
        "total": total,
        "sure": sure,
        "job": kotae().wordings.job(),
        "states": STATES,
    }
