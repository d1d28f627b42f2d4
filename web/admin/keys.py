"""Keys of programs as a page: made, shown once, revoked."""

from __future__ import annotations

from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from bot.access.keys import SCOPES, KeyRefused, UnknownKey
from web.admin import bp
from web.auth import requires
from web.current import kotae
from web.numbers import whole
from web.sentences import told

DAYS = (30, 90, 365)
FRESH = {"name": "", "days": 90, "per_minute": 60, "scopes": ()}  # what the form begins with
ABOUT = {
    "ask": _l("ask questions"),
    "search": _l("find passages"),
    "documents:read": _l("read the list of documents"),
    "documents:write": _l("bring and delete documents"),
    "pairs:read": _l("read pairs"),
    "pairs:write": _l("add and remove pairs"),
}


@bp.get("/keys")
@requires("admin")
def keys() -> ResponseReturnValue:
    return page()


@bp.post("/keys")
@requires("admin")
def make_key() -> ResponseReturnValue:
    """The secret stands on the page that answers, and nowhere else."""
    form = request.form
    try:
        made, secret = kotae().keys.make(
            form.get("name", ""),
            form.getlist("scopes"),
            by=current_user.email,
            days=number("days", None),
            per_minute=number("per_minute", 60),
        )
    except KeyRefused as refused:
        return page(fault=told(refused)), 400
    return page(made=made.name, secret=secret)


@bp.post("/keys/<key_id>/revoke")
@requires("admin")
def revoke_key(key_id: str) -> ResponseReturnValue:
    try:
        key = kotae().keys.revoke(key_id, by=current_user.email)
    except UnknownKey:
        abort(404)
    flash(_("The key %(name)s opens nothing any longer.", name=key.name), "success")
    return redirect(url_for("admin.keys"))


def page(made: str = "", secret: str = "", fault: str = "") -> str:
    return render_template(
        "console/keys.html",
        keys=kotae().keys.list(),
        scopes={scope: ABOUT[scope] for scope in SCOPES},
        days=DAYS,
        made=made,
        secret=secret,
        fault=fault,
        kept=typed() if fault else FRESH,
    )


def number(name: str, default: int | None) -> Any:
    """What stands there, `default` for nothing, and 0, which is refused, for what is no number."""
    return request.form.get(name, 0, type=whole) if request.form.get(name) else default


def typed() -> dict[str, Any]:
    """What the form said, for whoever has to mend it."""
    form = request.form
    return {
        "name": form.get("name", ""),
        "days": form.get("days", type=whole),
        "per_minute": form.get("per_minute", ""),
        "scopes": form.getlist("scopes"),
    }
