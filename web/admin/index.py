"""The index as a page: what answers, what is being built beside it, pause, switch over, back."""

from __future__ import annotations

from flask import flash, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from knowledge_base.catalogue import Document
from web.admin import bp
from web.admin.documents import reindexing, under_way
from web.auth import requires
from web.current import kotae

BACK = "index back"  # the kind of job


@bp.get("/documents/index")
@requires("admin")
def index() -> ResponseReturnValue:
    return render_template("console/index.html", **standing())


@bp.get("/documents/index/live")
@requires("admin")
def live_index() -> ResponseReturnValue:
    return render_template("console/index_now.html", **standing())


@bp.post("/documents/index/pause")
@requires("admin")
def pause_index() -> ResponseReturnValue:
    """What was built stays; a job in hand ends at its next step."""
    kotae().library.hold()
    for job in reindexing():
        kotae().jobs.cancel(job.id)
    return _done("pause index", _("The new index is paused. What answers now goes on answering."))


@bp.post("/documents/index/go-on")
@requires("admin")
def go_on_with_index() -> ResponseReturnValue:
    kotae().library.go_on()
    kotae().jobs.enqueue("reindex")
    return _done(
        "go on with index", _("The new index is built on. Kotae turns to it as soon as it is complete.")
    )


@bp.post("/documents/index/back")
@requires("admin")
def index_back() -> ResponseReturnValue:
    kotae().jobs.enqueue(BACK)
    return _done("index back", _("What came since is prepared for the earlier index; then it answers again."))


@bp.post("/documents/index/let-go")
@requires("admin")
def let_index_go() -> ResponseReturnValue:
    kotae().library.let_go()
    return _done("let index go", _("The index that does not answer was given up, and its space is free."))


def standing() -> dict[str, object]:
    library = kotae().library
    last = next(iter(kotae().jobs.list(kind=BACK, limit=1)), None)
    return {
        "status": library.status(),
        "job": next(iter([*reindexing(), *under_way(BACK)]), None),
        "fault": last.error if last and last.state == "failed" else "",
        "lost": [document for document in library.documents() if is_lost(document)],
    }


def is_lost(document: Document) -> bool:
    """It failed, and nothing of it answers."""
    return document.state == "failed" and document.live_version is None


def _done(what: str, sentence: str) -> ResponseReturnValue:
    kotae().audit.note(current_user.email, what)
    flash(sentence, "success")
    return redirect(url_for("admin.index"))
