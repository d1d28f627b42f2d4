"""What was told to the outside, with every attempt: letters to the desk, webhooks to its software."""

from __future__ import annotations

import json

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from bot.notices.deliveries import UnknownDelivery, UnknownWebhook
from web.admin import bp
from web.auth import requires
from web.current import kotae
from web.sentences import told

STATES = {"waiting": _l("waiting"), "done": _l("delivered"), "failed": _l("failed")}


@bp.get("/deliveries")
@requires("admin")
def deliveries() -> ResponseReturnValue:
    state = request.args.get("state", "")
    settings = kotae().settings
    return render_template(
        "console/deliveries.html",
        deliveries=kotae().deliveries.page(state=state if state in STATES else ""),
        states=STATES,
        state=state,
        pretty=lambda content: json.dumps(content, indent=2, ensure_ascii=False),
        webhooks=settings.webhooks,
        mail=settings.mail.host,
        desk=settings.handoff.email_to,
    )


@bp.post("/deliveries/ping/<name>")
@requires("admin")
def ping(name: str) -> ResponseReturnValue:
    """A signed word to one receiver, to see what it answers."""
    try:
        answered = kotae().deliveries.ping(name)
    except UnknownWebhook:
        abort(404)
    kotae().audit.note(current_user.email, "ping webhook", name)
    if answered.ok:
        answer = {"name": name, "said": answered.said, "ms": round(answered.ms)}
        flash(_("%(name)s answered %(said)s after %(ms)s ms.", **answer), "success")
    else:
        flash(f"{name}: {told(answered.said)}", "danger")
    return redirect(url_for("admin.deliveries"))


@bp.post("/deliveries/<delivery_id>/again")
@requires("admin")
def deliver_again(delivery_id: str) -> ResponseReturnValue:
    try:
        kotae().deliveries.again(delivery_id)
    except UnknownDelivery:
        abort(404)
    kotae().audit.note(current_user.email, "deliver again", delivery_id)
    flash(_("It is being sent again."), "success")
    return redirect(url_for("admin.deliveries"))
