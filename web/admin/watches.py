"""Watched addresses as a page: which pages and sitemaps are looked at, and how the last look went."""

from __future__ import annotations

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from bot import looking
from knowledge_base.errors import NotFetched, NotFound
from knowledge_base.watches import Watch
from web.admin import bp
from web.admin.documents import INTERVALS, under_way
from web.auth import requires
from web.current import kotae
from web.sentences import told

STATES = {
    "waiting": _l("Waiting"),
    "looked": _l("Up to date"),
    "failed": _l("Failed"),
}
PAGE_STATES = {
    "waiting": _l("Waiting"),
    "read": _l("Read"),
    "failed": _l("Failed"),
    "gone": _l("Gone"),
    "unlisted": _l("No longer listed"),
    "left out": _l("Left out"),
}
WORTH_A_LOOK = ("failed", "gone", "unlisted", "left out", "waiting", "read")  # the order in which pages stand


@bp.get("/documents/watched")
@requires("admin")
def watches() -> ResponseReturnValue:
    return render_template("console/watches.html", intervals=INTERVALS, **overview())


@bp.get("/documents/watched/live")
@requires("admin")
def live_watches() -> ResponseReturnValue:
    return render_template("console/watches_now.html", **overview())


@bp.post("/documents/watched")
@requires("admin")
def watch() -> ResponseReturnValue:
    url, every = request.form.get("url", ""), request.form.get("every", 0, int)
    try:
        added = kotae().watches.add(
            url, every=every, below=request.form.get("below", "").strip(), by=current_user.email
        )
    except NotFetched as refused:
        flash(told(refused), "danger")
        return redirect(url_for("admin.watches"))
    kotae().audit.note(current_user.email, "watch", added.id, url=added.url, every=every)
    looking.hand_over(kotae().jobs)
    flash(
        _("%(url)s is being fetched. What can be read of it answers from then on.", url=added.url), "success"
    )
    return redirect(url_for("admin.watches"))


@bp.get("/documents/watched/<watch_id>")
@requires("admin")
def watched(watch_id: str) -> ResponseReturnValue:
    shown = known(watch_id)
    pages = sorted(
        kotae().watches.pages(watch_id), key=lambda page: (WORTH_A_LOOK.index(page.state), page.url)
    )
    titles = {document.id: document.title for document in kotae().library.documents()}
    return render_template(
        "console/watch.html",
        watch=shown,
        pages=pages,
        titles=titles,
        states=STATES,
        page_states=PAGE_STATES,
        intervals=INTERVALS,
    )


@bp.post("/documents/watched/<watch_id>/look")
@requires("admin")
def look(watch_id: str) -> ResponseReturnValue:
    shown = known(watch_id)
    looking.look_now(kotae().watches, kotae().jobs, watch_id)
    flash(_("%(url)s is being looked at.", url=shown.url), "success")
    return redirect(url_for("admin.watches"))


@bp.post("/documents/watched/<watch_id>/include")
@requires("admin")
def include(watch_id: str) -> ResponseReturnValue:
    known(watch_id)
    url = request.form.get("url", "")
    kotae().watches.include(watch_id, url)
    looking.hand_over(kotae().jobs)
    kotae().audit.note(current_user.email, "include page", watch_id, url=url)
    flash(_("%(url)s is being fetched again.", url=url), "success")
    return redirect(url_for("admin.watched", watch_id=watch_id))


@bp.post("/documents/watched/<watch_id>/end")
@requires("admin")
def unwatch(watch_id: str) -> ResponseReturnValue:
    shown = known(watch_id)
    kotae().watches.remove(watch_id)
    kotae().audit.note(current_user.email, "unwatch", watch_id, url=shown.url)
    flash(_("%(url)s is looked at no longer. Its documents stay.", url=shown.url), "success")
    return redirect(url_for("admin.watches"))


def overview() -> dict[str, object]:
    return {
        "watches": kotae().watches.list(),
        "counts": kotae().watches.counts(),
        "due": set(kotae().watches.due()),
        "job": next(iter(under_way(looking.KIND)), None),
        "states": STATES,
        "page_states": PAGE_STATES,
        "labels": INTERVALS,
    }


def known(watch_id: str) -> Watch:
    try:
        return kotae().watches.get(watch_id)
    except NotFound:
        abort(404)
