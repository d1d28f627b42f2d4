"""Question sets as a page: brought from a file, written here, grown from what customers asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import PurePath
from typing import Any, BinaryIO, cast

from flask import abort, flash, redirect, render_template, request, send_file, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from bot.conversations.conversation import UnknownConversation
from bot.evaluation.files import BadQuestions, as_entry, in_list, in_turns, in_words
from bot.evaluation.growing import grown
from bot.evaluation.sets import QuestionSet, SetRefused, UnknownSet
from bot.evaluation.values import AskedQuestion
from web.admin.fields import Field
from web.auth import requires
from web.current import kotae
from web.numbers import whole
from web.operator import bp
from web.security import accepts_bytes
from web.sentences import told

PAGE = 50
FILE_BYTES = 4 * 1024 * 1024
FORM_BYTES = 64 * 1024
FORMATS = {"jsonl": ("JSONL", "application/jsonl"), "csv": ("CSV", "text/csv")}
VERSIONS = 20


def upload_bytes() -> int:
    return FILE_BYTES + FORM_BYTES


@bp.post("/compare/sets")
@accepts_bytes(upload_bytes)
@requires("operator")
def bring_questions() -> ResponseReturnValue:
    """A file into the set of the name given, or an empty set where no file was chosen."""
    file, name = request.files.get("file"), request.form.get("name", "").strip()
    try:
        if file is None or not file.filename:
            name = kotae().question_sets.make(name, by=current_user.email)
            flash(_("%(name)s is there. Write the first question.", name=name), "success")
        else:
            brought = kotae().question_sets.import_(
                cast("BinaryIO", file.stream),
                file.filename,
                name or PurePath(file.filename).stem,
                by=current_user.email,
                held_out="held_out" in request.form,
            )
            name = brought.name
            flash(
                _(
                    "%(name)s: %(added)s new, %(changed)s changed, %(same)s as they were.",
                    name=name,
                    added=brought.added,
                    changed=brought.changed,
                    same=brought.same,
                ),
                "success",
            )
    except (BadQuestions, SetRefused) as refused:
        flash(_("Nothing was kept: %(why)s.", why=told(refused)), "danger")
        return redirect(url_for("operator.compare", _anchor="sets"))
    return redirect(url_for("operator.question_set", set_id=kotae().question_sets.get(name).id))


@bp.get("/compare/sets/<set_id>")
@requires("operator")
def question_set(set_id: str) -> ResponseReturnValue:
    found = known(set_id, request.args.get("version", type=whole))
    query, part = request.args.get("q", "").strip()[:200], request.args.get("part", "")
    page = max(request.args.get("page", 1, type=whole), 1)
    questions = [one for one in found.questions if holds(one, query) and part in ("", one.part)]
    versions = kotae().question_sets.versions(set_id)
    newest = versions[0].number if versions else 0
    return render_template(
        "console/question_set.html",
        set=found,
        questions=questions[(page - 1) * PAGE : page * PAGE],
        found=len(questions),
        page=page,
        more=len(questions) > page * PAGE,
        query=query,
        part=part,
        versions=versions[:VERSIONS],
        newest=newest,
        formats=FORMATS,
        in_words=in_words,
        held_out=len(found.part("held-out")),
        drafts=kotae().drafts.list(set_id, limit=1).total,
    )


@bp.get("/compare/sets/<set_id>/file")
@requires("operator")
def export_questions(set_id: str) -> ResponseReturnValue:
    found, form = known(set_id), request.args.get("format", "")
    if form not in FORMATS:
        abort(404)
    file = BytesIO()
    kotae().question_sets.export(set_id, file, form)  # type: ignore[arg-type]  # it is one of them
    file.seek(0)
    return send_file(
        file, mimetype=FORMATS[form][1], as_attachment=True, download_name=f"{found.name}.{form}"
    )


@bp.post("/compare/sets/<set_id>/remove")
@requires("operator")
def remove_question_set(set_id: str) -> ResponseReturnValue:
    found = known(set_id)
    kotae().question_sets.remove(set_id, by=current_user.email)
    flash(_("%(name)s is deleted with its comparisons.", name=found.name), "success")
    return redirect(url_for("operator.compare", _anchor="sets"))


# ---- one question ----


@bp.get("/compare/questions/new")
@requires("operator")
def new_question() -> ResponseReturnValue:
    """`conversation` and `message` name what a customer asked, to begin with."""
    if not kotae().question_sets.list():
        flash(_("Make a question set first."), "warning")
        return redirect(url_for("operator.compare", _anchor="sets"))
    conversation, message = request.args.get("conversation", ""), request.args.get("message", "")
    entry = grown_from(conversation, message) if conversation else {}
    return question_page(None, {"set": request.args.get("set", ""), **entry})


@bp.post("/compare/questions/new")
@requires("operator")
def add_question() -> ResponseReturnValue:
    entry, set_id = typed(), request.form.get("set", "")
    try:
        question = kotae().question_sets.add(
            set_id,
            entry,
            by=current_user.email,
            conversation_id=request.args.get("conversation", ""),
        )
    except (BadQuestions, SetRefused, UnknownSet) as refused:
        return question_page(None, {**entry, "set": set_id}, told(refused))
    flash(_("The question is kept."), "success")
    return redirect(url_for("operator.question_set", set_id=set_id, _anchor=question.id))


@bp.get("/compare/sets/<set_id>/questions/<path:question_id>")
@requires("operator")
def set_question(set_id: str, question_id: str) -> ResponseReturnValue:
    found, question = known(set_id), asked(set_id, question_id)
    return question_page(question, {**as_entry(question), "set": found.id})


@bp.post("/compare/sets/<set_id>/questions/<path:question_id>")
@requires("operator")
def edit_question(set_id: str, question_id: str) -> ResponseReturnValue:
    question = asked(set_id, question_id)
    if "drop" in request.form:
        kotae().question_sets.drop(set_id, question_id, by=current_user.email)
        flash(_("The question is taken out; earlier versions keep it."), "success")
        return redirect(url_for("operator.question_set", set_id=set_id))
    entry = typed()
    if question.part == "held-out":  # its box cannot be changed, and so is not sent
        entry["part"] = "held-out"
    try:
        kotae().question_sets.edit(set_id, question_id, entry, by=current_user.email)
    except (BadQuestions, SetRefused) as refused:
        return question_page(question, {**entry, "set": set_id}, told(refused))
    flash(_("The question is kept."), "success")
    return redirect(url_for("operator.question_set", set_id=set_id, _anchor=question_id))


def question_page(
    question: AskedQuestion | None, entry: Mapping[str, Any], fault: str = ""
) -> ResponseReturnValue:
    text = render_template(
        "console/set_question.html",
        question=question,
        set_id=entry.get("set", ""),
        sets=kotae().question_sets.list(),
        fields=question_fields(question, entry),
        fault=fault,
    )
    return text, 400 if fault else 200


def question_fields(question: AskedQuestion | None, entry: Mapping[str, Any]) -> list[Field]:
    stays = question is not None and question.part == "held-out"
    facts, wrong = (typed_or(entry, name, in_words) for name in ("facts", "wrong"))
    sources, tags = (typed_or(entry, name, in_list) for name in ("sources", "tags"))
    history = entry.get("history", "")
    if question is not None and not isinstance(history, str):
        history = in_turns(question.history)
    return [
        Field("question", _("Question"), "area", entry.get("question", ""), needed=True),
        Field(
            "facts",
            _("Facts of a right answer"),
            "area",
            facts,
            about=_("Numbers or words that prove it: ; between facts, | between wordings of one."),
            limits={"rows": 2},
        ),
        Field(
            "wrong",
            _("What would be wrong"),
            "area",
            wrong,
            about=_("Such as another model's price; written like the facts."),
            limits={"rows": 2},
        ),
        Field(
            "sources",
            _("Documents that answer it"),
            value=sources,
            about=_("Names of their files, with ; between them."),
        ),
        Field("tags", _("Tags"), value=tags, about=_("Separated by commas.")),
        Field(
            "language",
            _("Language"),
            value=entry.get("language", ""),
            about=_("A code such as en or ja; empty: as it looks."),
        ),
        Field(
            "unanswerable",
            _("It has no answer"),
            "checkbox",
            entry.get("answerable", True) is False,
            about=_("A right answer is a refusal."),
        ),
        Field(
            "held_out",
            _("Hold it out"),
            "checkbox",
            entry.get("part") == "held-out",
            about=_("Nothing may ever learn from it."),
            limits={"disabled": "disabled"} if stays else {},
        ),
        Field(
            "reference",
            _("An answer in somebody's words"),
            "area",
            entry.get("reference", ""),
            about=_("To compare wordings; may be empty."),
        ),
        Field(
            "history",
            _("What was said before"),
            "area",
            history,
            about=_("A line for each turn: “customer: …” or “bot: …”."),
        ),
    ]


def typed_or(entry: Mapping[str, Any], name: str, written: Callable[[Any], str]) -> str:
    """A field as it was typed, or as it is written of a question that is kept."""
    value = entry.get(name, "")
    return value if isinstance(value, str) else written(value)


def typed() -> dict[str, Any]:
    """What the form says."""
    names = ("question", "facts", "wrong", "sources", "tags", "language", "reference", "history")
    entry: dict[str, Any] = {name: request.form.get(name, "").strip() for name in names}
    entry["answerable"] = "unanswerable" not in request.form
    entry["part"] = "held-out" if "held_out" in request.form else "open"
    return entry


def grown_from(conversation_id: str, message_id: str) -> dict[str, Any]:
    """What a customer asked, as the form shows it."""
    try:
        whole = kotae().conversations.get(conversation_id)
    except UnknownConversation:
        abort(404)
    question = grown(whole, message_id, kotae().settings.limits.history_turns)
    if question is None:
        abort(404)
    return {**as_entry(question), "history": in_turns(question.history)}


def known(set_id: str, version: int | None = None) -> QuestionSet:
    try:
        return kotae().question_sets.get(set_id, version)
    except UnknownSet:
        abort(404)


def asked(set_id: str, question_id: str) -> AskedQuestion:
    try:
        return kotae().question_sets.question(set_id, question_id)
    except UnknownSet:
        abort(404)


def holds(question: AskedQuestion, query: str) -> bool:
    text = " ".join((question.id, question.text, *question.tags)).casefold()
    return all(word in text for word in query.casefold().split())
