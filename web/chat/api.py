"""The customer API: open a conversation, ask, read it again, rate an answer, stop one.

No cookie is read here: a customer is whoever holds the conversation's token.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, cast

from apiflask import APIBlueprint, HTTPError
from flask import Response, current_app, request
from flask_babel import gettext as _

from bot.conversation import Message, Shown
from bot.turn import TurnEvent
from web import auth, languages, sse
from web.chat import schemas
from web.chat.running import Running
from web.chat.wire import Turn
from web.current import kotae
from web.security import csrf, limiter

bp = APIBlueprint("chat_api", __name__, url_prefix="/api", tag="Chat")
csrf.exempt(bp)

STREAM: dict[str, Any] = {
    "description": "The answer as server-sent events: start, token, citation, handoff, error, end.",
    "content": {"text/event-stream": {"schema": schemas.ServerSentEvent.model_json_schema()}},
}


def _errors(*statuses: int) -> dict[int, Any]:
    return {
        status: {"content": {"application/json": {"schema": schemas.Error.model_json_schema()}}}
        for status in statuses
    }


@bp.before_request
def _wait_until_ready() -> None:
    if not current_app.extensions["readiness"].ready:
        raise HTTPError(
            503, _("We are just starting. Please try again in a moment."), extra_data={"retry": True}
        )


@bp.post("/conversations")
@limiter.limit(lambda: cast(str, current_app.config["NEW_CONVERSATIONS"]))
@bp.input(schemas.NewConversation)
@bp.output(schemas.Opened, status_code=201)
@bp.doc(responses=_errors(413, 429, 503))
def open_conversation(json_data: schemas.NewConversation) -> schemas.Opened:
    """Open a conversation."""
    language = json_data.language if json_data.language in languages.NAMES else languages.current()
    conversation = kotae().conversations.start(site=json_data.site, language=language)
    settings = kotae().settings
    return schemas.Opened(
        token=auth.token_for(conversation.id),
        conversation=conversation.id,
        greeting=settings.say("greeting", language),
        language=cast(Any, language),
        limits=schemas.Limits(question_characters=settings.limits.question_characters),
    )


@bp.get("/conversation")
@bp.auth_required(auth.customer)
@bp.output(schemas.Conversation)
@bp.doc(responses=_errors(404, 503))
def read_conversation() -> schemas.Conversation:
    """Read the conversation again."""
    conversation = kotae().conversations.get(auth.conversation_id())
    return schemas.Conversation(
        conversation=conversation.id, messages=[_message(m) for m in conversation.messages]
    )


@bp.post("/messages")
@bp.auth_required(auth.customer)
@bp.input(schemas.NewMessage)
@bp.doc(responses={200: STREAM, **_errors(404, 409, 413, 429, 503)})
def ask(json_data: schemas.NewMessage) -> Response:
    """Ask; the answer is streamed."""
    conversation_id = auth.conversation_id()
    events = kotae().ask(conversation_id, json_data.text, client=_client())
    turn = Turn(conversation_id, cast("sse.Events[TurnEvent]", events), _running())
    return sse.stream(turn.begun())


@bp.post("/messages/<message_id>/stop")
@bp.auth_required(auth.customer)
@bp.output(schemas.Done)
@bp.doc(responses=_errors(503))
def stop(message_id: str) -> schemas.Done:
    """Stop the answer that is being written; what was said is kept."""
    return schemas.Done(done=_running().stop(message_id, auth.conversation_id()))


@bp.post("/messages/<message_id>/feedback")
@bp.auth_required(auth.customer)
@bp.input(schemas.Rating)
@bp.output(schemas.Done)
@bp.doc(responses=_errors(404, 503))
def rate(message_id: str, json_data: schemas.Rating) -> schemas.Done:
    """Rate an answer."""
    conversation = kotae().conversations.get(auth.conversation_id())
    if not any(message.id == message_id and message.role == "bot" for message in conversation.messages):
        raise HTTPError(404, _("There is no such answer in this conversation."))
    kotae().feedback.give(message_id, json_data.value, json_data.reason, json_data.comment)
    return schemas.Done()


def _message(message: Message) -> schemas.Message:
    return schemas.Message(
        id=message.id,
        role=message.role,
        text=message.text,
        citations=[_source(shown) for shown in message.citations],
        notice=message.notice,
        handoff=bool(message.handoff),
        abstained=message.abstained,
        partial=message.partial,
        feedback=message.rating.value if message.rating else None,
        at=message.at,
    )


def _source(shown: Shown) -> schemas.Source:
    return schemas.Source(
        number=shown.number,
        document=shown.document,
        source=shown.source,
        page=shown.page,
        headings=list(shown.headings),
        quote=shown.quote,
        text=shown.text,
        at=shown.at,
    )


def _client() -> str:
    """Who asks, so that several conversations share a limit; the address itself is not kept."""
    key = cast(str, current_app.secret_key).encode()
    return hmac.new(key, (request.remote_addr or "").encode(), hashlib.sha256).hexdigest()[:24]


def _running() -> Running:
    return cast(Running, current_app.extensions["running"])
