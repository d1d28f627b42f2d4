"""Canned answers: one small page to write them, kept in order by their names."""

from __future__ import annotations

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from bot.handoff.canned import BadName, CannedRefused, NameTaken, NoText
from web.auth import requires
from web.current import kotae
from web.operator import bp
from web.sentences import told


@bp.get("/canned")
@requires("operator")
def canned() -> ResponseReturnValue:
    return render_template("console/canned.html", canned=kotae().canned.all(), form={})


@bp.post("/canned")
@requires("operator")
def save_canned() -> ResponseReturnValue:
    form = request.form
    name = form.get("name", "")
    try:
        kotae().canned.save(name, form.get("text", ""), current_user.email, form.get("id", ""))
    except CannedRefused as refused:
        flash(_sentence(refused, name), "danger")
        return render_template("console/canned.html", canned=kotae().canned.all(), form=form), 400
    flash(_("Saved. Type /%(name)s in a reply.", name=name.strip().removeprefix("/")), "success")
    return redirect(url_for("operator.canned"))


@bp.post("/canned/<canned_id>/remove")
@requires("operator")
def remove_canned(canned_id: str) -> ResponseReturnValue:
    kotae().canned.remove(canned_id)
    flash(_("Removed."), "success")
    return redirect(url_for("operator.canned"))


def _sentence(refused: CannedRefused, name: str) -> str:
    match refused:
        case BadName():
            return str(_("A name is one word of letters, digits, - and _, up to 64."))
        case NameTaken():
            return str(_("There is a canned answer %(name)s already.", name=name))
        case NoText():
            return str(_("Write what it says."))
    return told(refused)
