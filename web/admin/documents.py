"""The library as a page: upload many at once, watch each step, read passages, retire, delete, re-index.

What takes longer than a breath is a job; the page asks `state.json` how far each document is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, BinaryIO, cast

from flask import Response, abort, flash, jsonify, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_babel import ngettext
from flask_login import current_user
from werkzeug.datastructures import FileStorage

from bot.jobs import Job
from bot.reports.uses import Use
from knowledge_base.answering import FOR
from knowledge_base.archives import Taken, is_archive, take_in
from knowledge_base.catalogue import Document
from knowledge_base.errors import NotFound, TooLarge
from web.admin import bp
from web.auth import requires
from web.current import kotae
from web.security import accepts_bytes
from web.sentences import told

UNDER_WAY = {"received", "read", "cut", "embedded", "removing"}
STATES = {
    "received": _l("Received"),
    "read": _l("Read"),
    "cut": _l("Cut into passages"),
    "embedded": _l("Embedded"),
    "live": _l("Live"),
    "failed": _l("Failed"),
    "retired": _l("Retired"),
    "removing": _l("Being deleted"),
}
INTERVALS = {
    24 * 3600: _l("every day"),
    3600: _l("every hour"),
    6 * 3600: _l("every six hours"),
    7 * 24 * 3600: _l("every week"),
    0: _l("only when I ask"),
}
REFUSALS_TOLD = 3  # of a ZIP
FORM_BYTES = 64 * 1024  # what a multipart form adds around a file


def upload_bytes() -> int:
    """What one request may carry: a full-size file; the page sends each file in a request of its own."""
    return kotae().settings.limits.upload_megabytes * 1024 * 1024 + FORM_BYTES


@bp.get("/documents")
@requires("admin")
def documents() -> ResponseReturnValue:
    tags, everything, filters = kotae().library.tags(), kotae().library.documents(), chosen()
    return render_template(
        "console/documents.html",
        documents=those(everything),
        any=bool(everything),
        failed=sum(document.state == "failed" for document in everything),
        chosen=filters,
        filters={name: value for name, value in filters.items() if value},
        tags=tags,
        all_tags=sorted({each for some in tags.values() for each in some}),
        states=STATES,
        jobs=reindexing(),
        watches=len(kotae().watches.list()),
        intervals=INTERVALS,
        unplaced=kotae().library.editor.unplaced(),
    )


@bp.get("/documents/state.json")
@requires("admin")
def state() -> Response:
    """How far every document is, for the page that watches."""
    rows = [row(document) for document in those(kotae().library.documents())]
    return jsonify(
        documents=rows, reindex=[{"progress": job.progress, "step": job.step} for job in reindexing()]
    )


@bp.post("/documents")
@accepts_bytes(upload_bytes)
@requires("admin")
def upload() -> ResponseReturnValue:
    """Receive files; the page's script asks for JSON, a browser without script gets the page again."""
    outcomes = [receive(file) for file in request.files.getlist("files") if file.filename]
    if wants_json():
        return jsonify(results=outcomes), 200 if any(not one["error"] for one in outcomes) else 400
    for one in outcomes:
        flash(one["sentence"], "danger" if one["error"] else "success")
    if not outcomes:
        flash(_("Choose at least one file first."), "warning")
    return redirect(url_for("admin.documents"))


@bp.get("/documents/<document_id>")
@requires("admin")
def document(document_id: str) -> ResponseReturnValue:
    shown, tags = known(document_id), kotae().library.tags().get(document_id, ())
    return render_template(
        "console/document.html",
        document=shown,
        passages=kotae().library.passages(document_id),
        states=STATES,
        tags=tags,
        meant=[tag.removeprefix(FOR).strip() for tag in tags if tag.startswith(FOR)],
        used=kotae().uses.by_document().get(document_id, Use()),
    )


@bp.get("/documents/<document_id>/file")
@requires("admin")
def original(document_id: str) -> ResponseReturnValue:
    """The uploaded bytes, always as a download: a stranger's HTML never runs in the console's origin."""
    shown = known(document_id)
    return send_file(
        kotae().library.file(document_id),
        mimetype="application/octet-stream",
        as_attachment=True,
        download_name=shown.source,
    )


@bp.post("/documents/<document_id>/retire")
@requires("admin")
def retire(document_id: str) -> ResponseReturnValue:
    shown = known(document_id)
    kotae().library.retire(document_id)
    kotae().audit.note(current_user.email, "retire", document_id, source=shown.source)
    flash(
        _("%(title)s is retired: it answers no question until you bring it back.", title=shown.title),
        "success",
    )
    return redirect(url_for("admin.document", document_id=document_id))


@bp.post("/documents/<document_id>/restore")
@requires("admin")
def restore(document_id: str) -> ResponseReturnValue:
    shown = known(document_id)
    kotae().library.restore(document_id)
    kotae().jobs.enqueue("ingest", document_id=document_id)
    kotae().audit.note(current_user.email, "restore", document_id, source=shown.source)
    flash(_("%(title)s is back.", title=shown.title), "success")
    return redirect(url_for("admin.document", document_id=document_id))


@bp.post("/documents/<document_id>/retry")
@requires("admin")
def retry(document_id: str) -> ResponseReturnValue:
    shown = known(document_id)
    kotae().library.retry(document_id)
    kotae().jobs.enqueue("ingest", document_id=document_id)
    flash(_("%(title)s is being tried again.", title=shown.title), "success")
    return redirect(url_for("admin.documents"))


@bp.post("/documents/<document_id>/remove")
@requires("admin")
def remove(document_id: str) -> ResponseReturnValue:
    shown = known(document_id)
    kotae().jobs.enqueue("remove", document_id=document_id)
    kotae().audit.note(current_user.email, "remove", document_id, source=shown.source)
    flash(_("%(title)s is being deleted, from every answer too.", title=shown.title), "success")
    return redirect(url_for("admin.documents"))


@bp.post("/documents/reindex")
@requires("admin")
def reindex() -> ResponseReturnValue:
    kotae().jobs.enqueue("reindex")
    kotae().audit.note(current_user.email, "reindex")
    flash(_("The new index is being built beside the old one, which goes on answering."), "success")
    return redirect(url_for("admin.documents"))


def receive(file: FileStorage) -> dict[str, Any]:
    """Take one file in, or each file of a ZIP, and queue its ingestion; what happened as data and as a
    sentence.
    """
    name = file.filename or ""
    stream = cast("BinaryIO", file.stream)
    packed = is_archive(stream)
    outcomes = [outcome_of(taken) for taken in take_in(kotae().library, stream, name, by=current_user.email)]
    return of_archive(name, outcomes) if packed else outcomes[0]


def of_archive(name: str, outcomes: list[dict[str, Any]]) -> dict[str, Any]:
    """What became of the files of a ZIP, as one."""
    refused = [one for one in outcomes if one["error"]]
    took = len(outcomes) - len(refused)
    sentence = ngettext(
        "%(name)s: %(num)s document was received.",
        "%(name)s: %(num)s documents were received.",
        took,
        name=name,
    )
    if refused:
        why = "; ".join(one["sentence"] for one in refused[:REFUSALS_TOLD])
        more = len(refused) - REFUSALS_TOLD
        sentence += " " + _("Not received: %(why)s", why=why)
        sentence += _(" … and %(n)s more", n=more) if more > 0 else ""
    return {"name": name, "error": bool(refused), "sentence": sentence, "inside": outcomes}


def outcome_of(taken: Taken) -> dict[str, Any]:
    name, received = taken.name, taken.received
    if received is None:
        return {
            "name": name,
            "error": True,
            "too_large": isinstance(taken.error, TooLarge),
            "sentence": f"{name}: {told(taken.error)}",
        }
    shown = received.document
    if received.outcome != "unchanged" or shown.state in UNDER_WAY:
        kotae().jobs.enqueue("ingest", document_id=shown.id)
        kotae().audit.note(current_user.email, "upload", shown.id, source=shown.source, version=shown.version)
    sentences = {
        "new": _("%(name)s was received.", name=name),
        "unchanged": _(
            "%(name)s is here already, as “%(title)s”; nothing was changed.", name=name, title=shown.title
        ),
        "new version": _(
            "%(name)s replaces the earlier version, which answers until the new one is live.", name=name
        ),
    }
    return {
        "name": name,
        "error": False,
        "id": shown.id,
        "outcome": received.outcome,
        "sentence": sentences[received.outcome],
    }


def chosen() -> dict[str, str]:
    """By what the list is narrowed."""
    return {name: request.args.get(name, "").strip()[:200] for name in ("q", "tag", "state")}


def those(documents: Sequence[Document]) -> list[Document]:
    """The documents that were asked for, or all."""
    wanted = chosen()
    tags, words = kotae().library.tags() if wanted["tag"] else {}, wanted["q"].casefold().split()
    return [
        document
        for document in documents
        if wanted["state"] in ("", document.state)
        if not wanted["tag"] or wanted["tag"] in tags.get(document.id, ())
        if all(word in f"{document.title} {document.source}".casefold() for word in words)
    ]


def row(document: Document) -> dict[str, Any]:
    return {
        "id": document.id,
        "title": document.title,
        "source": document.source,
        "state": document.state,
        "label": str(STATES[document.state]),
        "progress": document.progress,
        "error": told(document.error),
        "passages": document.passages,
        "version": document.version,
        "under_way": document.state in UNDER_WAY,
    }


def known(document_id: str) -> Document:
    try:
        return kotae().library.document(document_id)
    except NotFound:
        abort(404)


def reindexing() -> list[Job]:
    """The rebuilding of the index that is under way, or about to be."""
    return under_way("reindex")


def under_way(kind: str) -> list[Job]:
    """Jobs that wait or are being done; asked in the order in which a job goes on, so that none slips between
    the two questions.
    """
    jobs = kotae().jobs
    found = [*jobs.list("queued", kind=kind), *jobs.list("running", kind=kind)]
    return list({job.id: job for job in found}.values())


def wants_json() -> bool:
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"
