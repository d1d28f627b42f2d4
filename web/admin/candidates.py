"""Candidates as a page: what operators corrected and nobody could answer is looked at, and made a pair."""

from __future__ import annotations

from collections.abc import Sequence

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from bot.access.audit import ITSELF
from bot.teaching.candidates import CandidateRefused, UnknownCandidate
from bot.teaching.nearby import Near
from bot.teaching.pairs import PairRefused
from knowledge_base.errors import KnowledgeError
from knowledge_base.passages import Passage
from strategies.lora.pairs import BadPairs
from web.admin import bp
from web.auth import requires
from web.current import kotae
from web.sentences import told

STATES = {"new": _l("To look at"), "accepted": _l("Accepted"), "rejected": _l("Rejected")}
AT_ONCE = 10  # on a page


@bp.get("/pairs/candidates")
@requires("admin")
def candidates() -> ResponseReturnValue:
    state = request.args.get("state", "new")
    state = state if state in STATES else "new"
    offset = max(request.args.get("from", 0, int), 0)
    page = kotae().candidates.list(state, limit=AT_ONCE, offset=offset)  # type: ignore[arg-type]  # one of them
    near = kotae().nearby.of if state == "new" else nothing
    groups = kotae().proposals.asked([one.id for one in page.candidates])
    rows = [
        (one, near(one.question, one.answer), said(one.question, state), groups.get(one.id))
        for one in page.candidates
    ]
    return render_template(
        "console/candidates.html",
        rows=rows,
        total=page.total,
        state=state,
        states=STATES,
        offset=offset,
        at_once=AT_ONCE,
        itself=ITSELF,
        asked=kotae().settings.candidates.asked,
    )


@bp.post("/pairs/candidates")
@requires("admin")
def propose() -> ResponseReturnValue:
    """A candidate by hand, or from an unanswered question elsewhere in the console."""
    form = request.form
    try:
        kotae().candidates.add(
            form.get("question", ""),
            form.get("answer", ""),
            form.get("why", ""),
            by=current_user.email,
            message_id=form.get("message", ""),
        )
    except CandidateRefused as refused:
        flash(told(refused), "danger")
    else:
        flash(_("The candidate waits to be looked at."), "success")
    return redirect(url_for("admin.candidates"))


@bp.post("/pairs/candidates/<candidate_id>/accept")
@requires("admin")
def accept_candidate(candidate_id: str) -> ResponseReturnValue:
    form, by = request.form, current_user.email
    entry = {"question": form.get("question", ""), "answer": form.get("answer", "")}
    try:
        kept = kotae().candidates.accept(candidate_id, by=by, entry=entry)
        kotae().pairs.use_as(kept.id, form.get("use", "training"), by=by)  # type: ignore[arg-type]  # it checks
    except (CandidateRefused, PairRefused, BadPairs, UnknownCandidate) as refused:
        flash(told(refused), "danger")
    else:
        kotae().jobs.tick()
        flash(_("It is a pair now."), "success")
    return redirect(url_for("admin.candidates"))


@bp.post("/pairs/candidates/<candidate_id>/reject")
@requires("admin")
def reject_candidate(candidate_id: str) -> ResponseReturnValue:
    try:
        kotae().candidates.reject(candidate_id, by=current_user.email)
    except (CandidateRefused, UnknownCandidate) as refused:
        flash(told(refused), "danger")
    else:
        flash(_("The candidate was rejected."), "success")
    return redirect(url_for("admin.candidates"))


def nothing(_question: str, _answer: str) -> Sequence[Near]:
    """What is decided on is not compared any more."""
    return ()


def said(question: str, state: str) -> Passage | None:
    """What the documents have on it, for whoever decides."""
    try:
        return next(iter(kotae().library.search(question, 1)), None) if state == "new" else None
    except KnowledgeError:
        return None
