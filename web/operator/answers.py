"""One answer, looked at again: what another strategy says to the question, and what would have been right."""

from __future__ import annotations

from collections.abc import Sequence

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from bot.conversations.archive import Asked
from bot.conversations.feedback import UnknownMessage
from bot.conversations.limits import Refused
from bot.conversations.turn import Ended, Failed
from bot.teaching.candidates import CandidateRefused
from strategies.base import Turn
from strategies.errors import StrategyError
from web.auth import requires
from web.current import kotae
from web.operator import bp
from web.operator.quotes import quotes
from web.sentences import told

REASONS = {
    "wrong": _l("It is not correct"),
    "incomplete": _l("Something is missing"),
    "missing": _l("The documents do not say it"),
    "source": _l("The source does not fit"),
    "tone": _l("Not how we speak"),
    "other": _l("Something else"),
}


@bp.post("/answers/<message_id>/again")
@requires("operator")
def again(message_id: str) -> ResponseReturnValue:
    """Another strategy, side by side with what was said; nothing is kept."""
    asked = known(message_id)
    strategy = request.form.get("strategy", "")
    ended, fault = answered_again(asked, strategy)
    return render_template(
        "console/again.html",
        asked=asked,
        strategy=strategy,
        names=kotae().strategies.names(),
        ended=ended,
        fault=fault,
        quotes=quotes,
    )


@bp.get("/answers/<message_id>/correct")
@requires("operator")
def correct(message_id: str) -> ResponseReturnValue:
    asked = known(message_id)
    return correction(asked, asked.question, "", "")


@bp.post("/answers/<message_id>/correct")
@requires("operator")
def keep_correction(message_id: str) -> ResponseReturnValue:
    asked = known(message_id)
    question, answer = request.form.get("question", ""), request.form.get("answer", "")
    reason = request.form.get("reason", "")
    if not answer.strip():
        return correction(asked, question, answer, reason, _("Write the right answer."))
    try:
        kotae().candidates.add(
            question, answer, reason, by=current_user.email, message_id=message_id, language=""
        )
    except CandidateRefused as refused:
        return correction(asked, question, answer, reason, told(refused))
    flash(
        _("The right answer is kept as a candidate; an admin decides whether it becomes a pair."), "success"
    )
    return redirect(
        url_for("operator.conversation", conversation_id=asked.answer.conversation_id, _anchor=message_id)
    )


def correction(asked: Asked, question: str, answer: str, reason: str, fault: str = "") -> ResponseReturnValue:
    text = render_template(
        "console/correct.html",
        asked=asked,
        question=question,
        typed=answer,
        reason=reason,
        reasons=REASONS,
        fault=fault,
    )
    return text, 400 if fault else 200


def answered_again(asked: Asked, strategy: str) -> tuple[Ended | None, str]:
    """What a strategy says to the same question with the same history, or why it says nothing."""
    if not asked.question:
        return None, _("The question's words have had their time; it cannot be asked again.")
    history: Sequence[Turn] = asked.history
    failed = ""
    try:
        turn = kotae().try_out(
            asked.question,
            strategy=strategy,
            history=history,
            language=asked.answer.language or "en",
            audience=kotae().conversations.opening(asked.answer.conversation_id).audience,
        )
        for event in turn:
            if isinstance(event, Failed):
                failed = event.text
            elif isinstance(event, Ended):
                return event, event.error or failed
    except (StrategyError, Refused) as refused:
        return None, told(refused)
    return None, failed or _("No answer came.")


def known(message_id: str) -> Asked:
    try:
        return kotae().archive.asked(message_id, kotae().settings.limits.history_turns)
    except UnknownMessage:
        abort(404)
