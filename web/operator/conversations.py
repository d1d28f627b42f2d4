"""What was said: a list to search, and one conversation whole, with how each answer came about."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user

from bot.conversations.archive import FORMS, Wanted
from bot.conversations.conversation import Conversation, UnknownConversation
from web.auth import requires
from web.current import kotae
from web.operator import bp
from web.operator.inbox import why
from web.operator.quotes import quotes

PAGE = 50
SHORT = {"text": "q", "language": "spoken"}  # how an address calls them


@bp.get("/conversations")
@requires("operator")
def conversations() -> ResponseReturnValue:
    wanted = asked_for()
    page = kotae().archive.page(wanted, PAGE + 1, request.args.get("before") or None)
    return render_template(
        "console/conversations.html",
        wanted=wanted,
        query=address(wanted),
        names=kotae().strategies.names(),
        views=kotae().archive.views(),
        address=address,
        forms=FORMS,
        conversations=page[:PAGE],
        older=page[PAGE - 1].id if len(page) > PAGE else None,
        first=request.args.get("before") is None,
        days=kotae().settings.retention.days,
    )


@bp.get("/conversations/file")
@requires("operator")
def export_conversations() -> ResponseReturnValue:
    """Streamed: it may be long."""
    form = request.args.get("format", "")
    if form not in FORMS:
        abort(404)
    kind = {"jsonl": "application/jsonl", "csv": "text/csv"}[form]
    wanted = asked_for()
    kotae().audit.note(current_user.email, "export conversations", form, wanted=wanted.as_dict())
    return Response(
        kotae().archive.exported(wanted, form),
        mimetype=kind,
        headers={"Content-Disposition": f'attachment; filename="conversations.{form}"'},
    )


@bp.post("/conversations/views")
@requires("operator")
def save_view() -> ResponseReturnValue:
    wanted = filter_of(request.form)
    try:
        view = kotae().archive.save_view(request.form.get("name", ""), wanted, by=current_user.email)
    except ValueError:
        flash(_("Give the view a name."), "warning")
    else:
        flash(_("The view %(name)s is kept.", name=view.name), "success")
    query: dict[str, Any] = address(wanted)
    return redirect(url_for("operator.conversations", **query))


@bp.post("/conversations/views/<view_id>/remove")
@requires("operator")
def remove_view(view_id: str) -> ResponseReturnValue:
    kotae().archive.remove_view(view_id)
    flash(_("The view is removed; the conversations stay."), "success")
    return redirect(url_for("operator.conversations"))


@bp.get("/conversations/<conversation_id>")
@requires("operator")
def conversation(conversation_id: str) -> ResponseReturnValue:
    whole = known(conversation_id)
    answers = [message.id for message in whole.messages if message.role != "customer"]
    return render_template(
        "console/conversation.html",
        conversation=whole,
        names=kotae().strategies.names(),
        corrections=kotae().candidates.of_messages(answers),
        shadows=kotae().shadows.of_messages(answers),
        handed=[why(handoff) for handoff in kotae().handoffs.of(conversation_id)],
        quotes=quotes,
    )


@bp.get("/conversations/<conversation_id>/erase")
@requires("admin")
def sure_to_erase(conversation_id: str) -> ResponseReturnValue:
    """What it takes along, before anything is taken."""
    whole = known(conversation_id)
    others = kotae().erasure.of_the_same_customer(conversation_id)
    return render_template("console/erase.html", conversation=whole, others=len(others) - 1)


@bp.post("/conversations/<conversation_id>/erase")
@requires("admin")
def erase(conversation_id: str) -> ResponseReturnValue:
    if "sure" not in request.form:
        flash(_("Nothing was erased. Tick the box first: it cannot be undone."), "warning")
        return redirect(url_for("operator.sure_to_erase", conversation_id=conversation_id))
    known(conversation_id)
    ids = [conversation_id]
    if "others" in request.form:
        ids = kotae().erasure.of_the_same_customer(conversation_id)
    erased = kotae().erasure.erase(ids, by=current_user.email)
    flash(
        _(
            "Erased. Conversations: %(conversations)s, messages: %(messages)s, candidates: %(candidates)s, "
            "pairs: %(pairs)s, questions of question sets: %(questions)s.",
            conversations=len(erased.conversations),
            messages=erased.messages,
            candidates=erased.candidates,
            pairs=erased.pairs,
            questions=erased.questions,
        ),
        "success",
    )
    if erased.adapters:
        flash(
            _(
                "These adapters were taught on it and are marked; train anew and remove them: %(names)s",
                names=", ".join(erased.adapters),
            ),
            "warning",
        )
    return redirect(url_for("operator.conversations"))


def asked_for() -> Wanted:
    """The filter in the address."""
    return filter_of(request.args)


def filter_of(given: Mapping[str, str]) -> Wanted:
    """From an address, where `language` is that of the page itself."""
    names = {name: given[short] for name, short in SHORT.items() if short in given}
    return Wanted.of({**{name: value for name, value in given.items() if name not in SHORT}, **names})


def address(wanted: Wanted) -> dict[str, str]:
    """The filter as it stands in an address."""
    return {SHORT.get(name, name): value for name, value in wanted.as_dict().items()}


def known(conversation_id: str) -> Conversation:
    try:
        return kotae().conversations.get(conversation_id)
    except UnknownConversation:
        abort(404)
