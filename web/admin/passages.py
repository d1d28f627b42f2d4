"""The passages of a document as a page: the document beside them, what can be changed, and a search to try.

A change is a job like an upload; the page waits for it and shows the passages as they then answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flask import Response, abort, flash, jsonify, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from bot.teaching import pair_documents
from knowledge_base.catalogue import Document
from knowledge_base.editor import Original
from knowledge_base.errors import Conflict, KnowledgeError, NotFound, Unreadable
from knowledge_base.passages import Passage
from web.admin import bp
from web.admin.documents import STATES, UNDER_WAY, known, row
from web.auth import requires
from web.current import kotae
from web.sentences import told

KINDS = {
    "rewrite": _l("Rewritten"),
    "split": _l("Split"),
    "merge": _l("Joined"),
    "disable": _l("Silenced"),
    "question": _l("Question added"),
}
FOUND = 5  # passages of the search beside


@bp.get("/documents/<document_id>/passages")
@requires("admin")
def passages(document_id: str) -> ResponseReturnValue:
    shown = known(document_id)
    library, editor = kotae().library, kotae().library.editor
    there = library.passages(document_id)
    at = min(max(request.args.get("at", 0, int), 0), max(len(there) - 1, 0))
    query = request.args.get("q", "").strip()[: kotae().settings.limits.question_characters]
    fault, originals, questions = "", [], {}
    try:
        originals, questions = editor.originals(document_id), editor.questions(document_id)
    except KnowledgeError as unreadable:
        fault = str(unreadable)
    edits = editor.edits(document_id)
    page, pages = printed_page(shown, [one for one in originals if at in one.becomes], originals)
    return render_template(
        "console/passages.html",
        document=shown,
        states=STATES,
        passages=there,
        chosen=there[at] if there else None,
        at=at,
        originals=originals,
        questions=questions,
        sentences=sentences(there[at]) if there else [],
        edits=edits,
        touched={place for edit in edits if edit.version == shown.live_version for place in edit.places},
        kinds=KINDS,
        under_way=shown.state in UNDER_WAY,
        page=page,
        pages=pages,
        query=query,
        found=search(query),
        fault=fault,
    )


@bp.get("/documents/<document_id>/pages/<int:number>.png")
@requires("admin")
def page_picture(document_id: str, number: int) -> ResponseReturnValue:
    """A page of a PDF as it is printed, with the lines of the passage that is chosen."""
    shown, at = known(document_id), request.args.get("at", -1, int)
    try:
        said = [one.cut.text for one in kotae().library.editor.originals(document_id) if at in one.becomes]
        picture = kotae().library.page(document_id, number, "\n".join(said))
    except (NotFound, Unreadable):
        abort(404)
    response = Response(picture, mimetype="image/png")
    response.cache_control.private = True
    response.set_etag(f"{document_id}-{shown.version}-{number}-{at}")
    return response.make_conditional(request)


@bp.get("/documents/<document_id>/state.json")
@requires("admin")
def document_state(document_id: str) -> Response:
    """How far this document is, for the page that waits for a change."""
    return jsonify(row(known(document_id)))


@bp.post("/documents/<document_id>/passages/<passage_id>/<what>")
@requires("admin")
def change_passage(document_id: str, passage_id: str, what: str) -> ResponseReturnValue:
    known(document_id)
    editor, form, by = kotae().library.editor, request.form, current_user.email
    changes: dict[str, tuple[Callable[[], None], str]] = {
        "rewrite": (
            lambda: editor.rewrite(document_id, passage_id, form.get("text", ""), by=by),
            _("The passage is being rewritten."),
        ),
        "split": (
            lambda: editor.split(document_id, passage_id, form.get("place", 0, int), by=by),
            _("The passage is being split."),
        ),
        "merge": (
            lambda: editor.merge(document_id, passage_id, by=by),
            _("The passage is being joined with the next one."),
        ),
        "silence": (
            lambda: editor.silence(document_id, passage_id, by=by),
            _("The passage will not answer any more."),
        ),
        "question": (
            lambda: editor.answers(document_id, passage_id, form.get("question", ""), by=by),
            _("The passage will be found by this question, too."),
        ),
    }
    if what not in changes:
        return redirect(url_for("admin.passages", document_id=document_id))
    return _changed(document_id, f"passage {what}", passage_id, *changes[what])


@bp.post("/documents/<document_id>/edits/<edit_id>/take-back")
@requires("admin")
def take_back_edit(document_id: str, edit_id: str) -> ResponseReturnValue:
    known(document_id)
    by = current_user.email
    return _changed(
        document_id,
        "take back edit",
        edit_id,
        lambda: kotae().library.editor.take_back(document_id, edit_id, by=by),
        _("The change is being taken back."),
    )


@bp.post("/documents/<document_id>/edits/<edit_id>/place")
@requires("admin")
def place_edit(document_id: str, edit_id: str) -> ResponseReturnValue:
    known(document_id)
    by, passage_id = current_user.email, request.form.get("passage", "")
    return _changed(
        document_id,
        "place edit",
        edit_id,
        lambda: kotae().library.editor.place(document_id, edit_id, passage_id, by=by),
        _("The change is being made on this passage."),
    )


def _changed(
    document_id: str, what: str, subject: str, change: Callable[[], None], sentence: str
) -> ResponseReturnValue:
    """Make the change and hand over the rest; what cannot be is told in a sentence."""
    try:
        if kotae().library.document(document_id).by == pair_documents.BY:
            raise Conflict(_("This document is written from pairs; change the pair instead."))
        change()
    except (Conflict, NotFound) as refused:
        flash(told(refused), "danger")
    else:
        if kotae().library.document(document_id).state in UNDER_WAY:
            kotae().jobs.enqueue("ingest", document_id=document_id)
            kotae().audit.note(current_user.email, what, document_id, edited=subject)
            flash(sentence, "success")
        else:
            flash(_("There was nothing to change."), "info")
    at, query = request.form.get("at", 0, int), request.form.get("q") or None
    return redirect(url_for("admin.passages", document_id=document_id, at=at, q=query, _anchor="chosen"))


def printed_page(
    document: Document, chosen: Sequence[Original], originals: Sequence[Original]
) -> tuple[int, Sequence[int]]:
    """The page that is shown, of those with passages; 0 where the text is asked for or all there is."""
    pages = sorted({one.cut.page for one in originals if one.cut.page})
    try:
        if not pages or not kotae().library.is_printed(document.id):
            return 0, ()
    except (OSError, NotFound):  # the file is gone; what was read of it is still there
        return 0, ()
    if request.args.get("as") == "text":
        return 0, pages
    wanted = request.args.get("page", 0, int)
    first = next((one.cut.page for one in chosen if one.cut.page), pages[0])
    return (wanted if wanted in pages else first) or 0, pages


def search(query: str) -> Sequence[Passage]:
    try:
        return kotae().library.search(query, FOUND) if query else ()
    except KnowledgeError as fault:
        flash(told(fault), "danger")
        return ()


def sentences(passage: Passage) -> list[tuple[int, str]]:
    """Where a passage may be split: before each of its sentences but the first."""
    return [(start, passage.text[start:end]) for start, end in passage.sentences[1:]]
