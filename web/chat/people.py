"""The customer API, about people: ask for one, go back to the bot, and hear what they write."""

from __future__ import annotations

from typing import Any, cast

from apiflask import HTTPError
from flask import Response, current_app, request
from flask_babel import gettext as _

from bot.handoff.handoffs import BadEmail, NotOffered
from web import auth, sse
from web.chat import schemas, standing
from web.chat.api import bp, errors, message_of
from web.current import kotae
from web.security import limiter
from web.streams import Streams

NEWS: dict[str, Any] = {
    "description": "What people say and who has the chat, as server-sent events: message, state.",
    "content": {"text/event-stream": {"schema": schemas.News.model_json_schema()}},
}


@bp.post("/handoff")
@bp.auth_required(auth.customer)
@limiter.limit(lambda: cast(str, current_app.config["NEW_CONVERSATIONS"]))
@bp.input(schemas.AskForAPerson)
@bp.output(schemas.State)
@bp.doc(responses=errors(400, 403, 404, 429, 503))
def ask_for_a_person(json_data: schemas.AskForAPerson) -> schemas.State:
    """Ask for a person."""
    try:
        now = kotae().handoffs.ask(auth.conversation_id(), email=json_data.email)
    except NotOffered:
        raise HTTPError(403, _("Nobody can be asked for here.")) from None
    except BadEmail:
        raise HTTPError(400, _("This is no email address. Please check it.")) from None
    return schemas.State(**standing.state(now))


@bp.delete("/handoff")
@bp.auth_required(auth.customer)
@bp.output(schemas.State)
@bp.doc(responses=errors(404, 503))
def back_to_the_bot() -> schemas.State:
    """Go back to the bot."""
    return schemas.State(**standing.state(kotae().handoffs.withdraw(auth.conversation_id())))


@bp.get("/conversation/events")
@bp.auth_required(auth.customer)
@bp.input(schemas.After, location="query", arg_name="query")
@bp.doc(responses={200: NEWS, **errors(404, 503)})
def hear_people(query: schemas.After) -> Response:
    """Hear what people write, behind `Last-Event-ID`."""
    conversation_id = auth.conversation_id()
    last = request.headers.get("Last-Event-ID", "")
    after = int(last) if schemas.is_cursor(last) else query.position
    if after is None:
        kotae().conversations.opening(conversation_id)  # or a 404
        after = kotae().conversations.position(conversation_id)
    streams: Streams = current_app.extensions["streams"]
    if not streams.enter():
        raise HTTPError(
            503, _("This does not work just now. Please try again in a moment."), extra_data={"retry": True}
        )
    called = kotae().presence.called
    frames = standing.news(
        kotae(), conversation_id, after, lambda said: message_of(said, called).model_dump(mode="json")
    )
    response = sse.stream(frames)
    response.call_on_close(streams.leave)  # also when nobody ever reads it
    return response
