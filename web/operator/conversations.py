"""What was said: a list to search, and one conversation whole, with how each answer came about."""

from __future__ import annotations

from flask import abort, render_template, request
from flask.typing import ResponseReturnValue

from bot.conversation import UnknownConversation
from web.auth import requires
from web.current import kotae
from web.operator import bp
from web.operator.quotes import quotes

PAGE = 50


@bp.get("/conversations")
@requires("operator")
def conversations() -> ResponseReturnValue:
    query = request.args.get("q", "").strip()[:200]
    strategy = request.args.get("strategy", "")
    page = kotae().conversations.page(query, strategy, PAGE + 1, request.args.get("before") or None)
    return render_template(
        "console/conversations.html",
        query=query,
        strategy=strategy,
        names=kotae().strategies.names(),
        conversations=page[:PAGE],
        older=page[PAGE - 1].id if len(page) > PAGE else None,
        first=request.args.get("before") is None,
    )


@bp.get("/conversations/<conversation_id>")
@requires("operator")
def conversation(conversation_id: str) -> ResponseReturnValue:
    try:
        whole = kotae().conversations.get(conversation_id)
    except UnknownConversation:
        abort(404)
    return render_template("console/conversation.html", conversation=whole, quotes=quotes)
