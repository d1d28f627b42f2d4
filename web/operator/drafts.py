"""Drafted questions as a page: having them drafted, and for each whether it becomes a question of the set."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from bot.evaluation.drafts import MOST, Draft, DraftRefused, UnknownDraft
from bot.evaluation.files import BadQuestions, as_entry, in_turns, in_words
from bot.evaluation.sets import SetRefused
from bot.reports.overview import Days
from web.auth import requires
from web.current import kotae
from web.numbers import whole
from web.operator import bp
from web.operator.question_sets import known as known_set
from web.operator.question_sets import question_fields, typed
from web.sentences import told

PAGE = 25
COUNT = 20  # drafted at once, where nobody says how many
DAYS = 30  # of the unanswered questions, where nobody says how many
STATES = {"queued": _l("Waiting"), "running": _l("Drafting")}


@bp.get("/compare/sets/<set_id>/drafts")
@requires("operator")
def drafts(set_id: str) -> ResponseReturnValue:
    found = known_set(set_id)
    return render_template(
        "console/drafts.html",
        set=found,
        documents=sorted(kotae().library.documents(), key=lambda one: one.title),
        model=kotae().helpers.model(),
        count=COUNT,
        most=MOST,
        days=DAYS,
        **waiting(set_id),
    )


@bp.get("/compare/sets/<set_id>/drafts/now")
@requires("operator")
def live_drafts(set_id: str) -> ResponseReturnValue:
    return render_template("console/drafts_now.html", set=known_set(set_id), **waiting(set_id))


@bp.post("/compare/sets/<set_id>/drafts")
@requires("operator")
def begin_drafts(set_id: str) -> ResponseReturnValue:
    found = known_set(set_id)
    unanswered = request.form.get("origin") == "unanswered"
    days = min(max(request.form.get("days", DAYS, type=whole), 1), 3650)
    document = request.form.get("document", "")
    try:
        kotae().drafts.begin(
            found.id,
            by=current_user.email,
            count=request.form.get("count", COUNT, type=whole),
            documents=[document] if document else (),
            model="no_model" not in request.form,
            days=Days.back(days) if unanswered else None,
        )
    except DraftRefused as refused:
        flash(_("Nothing is drafted: %(why)s.", why=told(refused)), "danger")
    else:
        flash(_("Questions are being drafted. None is asked before somebody has accepted it."), "success")
    return redirect(url_for("operator.drafts", set_id=found.id))


@bp.post("/compare/sets/<set_id>/drafts/cancel")
@requires("operator")
def cancel_drafts(set_id: str) -> ResponseReturnValue:
    kotae().drafts.cancel(known_set(set_id).id)
    flash(_("The drafting is cancelled; the drafts so far stay."), "success")
    return redirect(url_for("operator.drafts", set_id=set_id))


# ---- one draft ----


@bp.get("/compare/drafts/<draft_id>")
@requires("operator")
def draft(draft_id: str) -> ResponseReturnValue:
    shown = known(draft_id)
    return draft_page(shown, as_typed(shown))


@bp.post("/compare/drafts/<draft_id>")
@requires("operator")
def decide_draft(draft_id: str) -> ResponseReturnValue:
    """Accepted as it is, accepted as it was mended in the form, or dropped."""
    shown = known(draft_id)
    mended = typed() if "question" in request.form else None
    try:
        if "drop" in request.form:
            kotae().drafts.drop(draft_id, by=current_user.email)
            flash(_("The draft is dropped."), "success")
        else:
            kotae().drafts.accept(draft_id, by=current_user.email, entry=mended)
            flash(_("The question is in the set."), "success")
    except (BadQuestions, SetRefused) as refused:
        return draft_page(shown, mended or as_typed(shown), told(refused))
    except DraftRefused as refused:
        flash(told(refused), "warning")
    return redirect(url_for("operator.drafts", set_id=shown.set_id))


def draft_page(shown: Draft, entry: dict[str, Any], fault: str = "") -> ResponseReturnValue:
    text = render_template(
        "console/draft.html",
        draft=shown,
        set=known_set(shown.set_id),
        fields=question_fields(None, entry),
        fault=fault,
    )
    return text, 400 if fault else 200


def as_typed(shown: Draft) -> dict[str, Any]:
    """The draft as the form has it."""
    return {**as_entry(shown.question), "history": in_turns(shown.question.history)}


def waiting(set_id: str) -> dict[str, Any]:
    """The drafts that wait, and how far the drafting is."""
    page = max(request.args.get("page", 1, type=whole), 1)
    found = kotae().drafts.list(set_id, limit=PAGE, offset=(page - 1) * PAGE)
    return {
        "drafts": found.drafts,
        "total": found.total,
        "page": page,
        "more": found.total > page * PAGE,
        "job": kotae().drafts.job(set_id),
        "states": STATES,
        "in_words": in_words,
    }


def known(draft_id: str) -> Draft:
    try:
        return kotae().drafts.get(draft_id)
    except UnknownDraft:
        abort(404)
