"""What a document said before, what it is used for, and the words by which it is grouped."""

from __future__ import annotations

from datetime import timedelta

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from bot.reports.uses import Use
from knowledge_base.database import now
from knowledge_base.errors import Conflict, NotFound
from knowledge_base.history import Change, between
from web.admin import bp
from web.admin.documents import STATES, known
from web.auth import requires
from web.current import kotae
from web.sentences import told

STALE = timedelta(days=180)
VIEWS = {"all": _l("All"), "never": _l("Never used"), "stale": _l("Not changed for half a year")}


@bp.get("/documents/<document_id>/versions")
@requires("admin")
def versions(document_id: str) -> ResponseReturnValue:
    shown = known(document_id)
    found = kotae().library.versions(document_id)
    new = request.args.get("new", found[0].number if found else 0, int)
    before = [version.number for version in found if version.number < new]
    old = request.args.get("old", before[0] if before else 0, int)
    changes: tuple[Change, ...] = ()
    fault = ""
    if old:
        try:
            changes = between(found, old, new)
        except NotFound as gone:
            fault = told(gone)
    ended = [change.old.text for change in changes if change.kind != "same" and change.old]
    return render_template(
        "console/versions.html",
        document=shown,
        versions=found,
        old=old,
        new=new,
        changes=changes,
        answers=kotae().uses.of_passages(document_id, ended) if ended else (),
        fault=fault,
    )


@bp.get("/documents/use")
@requires("admin")
def use() -> ResponseReturnValue:
    view = request.args.get("view", "all")
    used, nothing = kotae().uses.by_document(), Use()
    documents = kotae().library.documents()
    rows = [
        (document, used.get(document.id, nothing))
        for document in documents
        if view != "never" or document.id not in used
        if view != "stale" or document.updated_at < now() - STALE
    ]
    rows.sort(key=lambda row: (-row[1].answers, row[0].title.casefold()))
    return render_template(
        "console/use.html",
        rows=rows,
        documents=len(documents),
        view=view if view in VIEWS else "all",
        views=VIEWS,
        states=STATES,
        most=max((each.answers for _document, each in rows), default=0),
    )


@bp.post("/documents/<document_id>/tags")
@requires("admin")
def tag(document_id: str) -> ResponseReturnValue:
    shown = known(document_id)
    tags = request.form.get("tags", "").replace("、", ",").split(",")
    try:
        kotae().library.tag(document_id, tags)
    except Conflict as refused:
        flash(told(refused), "danger")
    else:
        given = list(kotae().library.tags().get(document_id, ()))
        kotae().audit.note(current_user.email, "tag", document_id, source=shown.source, tags=given)
        flash(_("The tags of %(title)s are kept.", title=shown.title), "success")
    return redirect(url_for("admin.document", document_id=document_id))
