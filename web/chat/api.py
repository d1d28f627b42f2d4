"""The customer API: open a conversation, ask, read on, rate an answer, stop one, end.

No cookie is read here: a customer is whoever holds the conversation's token.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, cast
from uuid import uuid4

from apiflask import APIBlueprint, HTTPError
from flask import Response, current_app, make_response, request
from flask_babel import gettext as _

from bot.conversations import suggestions, transcript
from bot.conversations.conversation import Message
from bot.conversations.writings import Partial
from bot.handoff.handoffs import Kept
from bot.notices.mail import BadAddress
from bot.notices.transcripts import NothingSaid, NotSent, TooManyLetters
from knowledge_base.line import came
from web import auth, languages, sse
from web.chat import schemas, sources, standing, wire
from web.chat.identity import NotSignedError, verified
from web.chat.running import Running
from web.current import kotae
from web.security import csrf, limiter

bp = APIBlueprint("chat_api", __name__, url_prefix="/api", tag="Chat")
csrf.exempt(bp)
log = logging.getLogger(__name__)

STREAM: dict[str, Any] = {
    "description": "The answer as server-sent events: start, token, citation, handoff, error, end; "
    "kept, state, end of a message that is for a person.",
    "content": {"text/event-stream": {"schema": schemas.ServerSentEvent.model_json_schema()}},
}
TRANSCRIPT: dict[str, Any] = {
    "description": "What was said, for the customer to keep.",
    "content": {"text/plain": {"schema": {"type": "string"}}},
}


def errors(*statuses: int) -> dict[int, Any]:
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
@bp.doc(responses=errors(413, 429, 503))
def open_conversation(json_data: schemas.NewConversation) -> schemas.Opened:
    """Open a conversation."""
    language = json_data.language if json_data.language in languages.NAMES else languages.current()
    settings = kotae().settings
    customer = _signed(json_data)
    conversation = kotae().conversations.start(
        site=json_data.site,
        language=language,
        customer=customer,
        seen_on={"page": json_data.page, "title": json_data.title, **json_data.about},
    )
    return schemas.Opened(
        token=auth.token_for(conversation.id),
        conversation=conversation.id,
        greeting=settings.say("greeting", language),
        language=cast(Any, language),
        known=bool(customer),
        limits=schemas.Limits(question_characters=settings.limits.question_characters),
    )


@bp.get("/conversation")
@bp.auth_required(auth.customer)
@bp.input(schemas.After, location="query", arg_name="query")
@bp.output(schemas.Conversation)
@bp.doc(responses=errors(404, 503))
def read_conversation(query: schemas.After) -> schemas.Conversation:
    """Read the conversation again."""
    conversation = kotae().conversations.get(auth.conversation_id())
    after = query.position or 0
    said = [message for message in conversation.messages if message.position > after]
    return schemas.Conversation(
        conversation=conversation.id,
        state=schemas.State(**standing.state(kotae().handoffs.standing(conversation.id))),
        cursor=str(said[-1].position if said else after),
        messages=[message_of(message, kotae().presence.called) for message in said if not message.replaced],
    )


@bp.post("/messages")
@bp.auth_required(auth.customer)
@bp.input(schemas.NewMessage)
@bp.doc(responses={200: STREAM, **errors(404, 409, 413, 429, 503)})
def ask(json_data: schemas.NewMessage) -> Response:
    """Ask; the answer is streamed. The same question sent again is read on, not asked again."""
    conversation_id = auth.conversation_id()
    if json_data.id and not json_data.again and (answer := _answer(conversation_id, json_data.id)):
        return sse.stream(answer)
    question_id = json_data.id or uuid4().hex
    with came(time.monotonic()):
        turn = kotae().ask(
            conversation_id,
            json_data.text,
            client=_client(),
            question_id=question_id,
            replaces=json_data.replaces,
        )
        if isinstance(turn, Kept):
            return sse.stream(standing.kept(turn))
        writing = _running().begin(conversation_id, question_id, turn)
    return sse.stream(writing.read())


@bp.get("/messages/<question_id>/answer")
@bp.auth_required(auth.customer)
@bp.doc(responses={200: STREAM, **errors(404, 503)})
def read_answer(question_id: str) -> Response:
    """Read the answer to a question, behind `Last-Event-ID`: while it is written, and afterwards."""
    answer = _answer(auth.conversation_id(), question_id)
    if answer is None:
        raise HTTPError(404, _("There is no such answer in this conversation."))
    return sse.stream(answer)


@bp.post("/messages/<message_id>/stop")
@bp.auth_required(auth.customer)
@bp.output(schemas.Done)
@bp.doc(responses=errors(503))
def stop(message_id: str) -> schemas.Done:
    """Stop the answer that is being written; what was said is kept."""
    conversation_id = auth.conversation_id()
    stopped = _running().stop(conversation_id, message_id)
    if not stopped and (writings := kotae().writings):
        stopped = writings.stop(conversation_id, message_id)
    return schemas.Done(done=stopped)


@bp.get("/messages/<message_id>/followups")
@bp.auth_required(auth.customer)
@bp.output(schemas.Followups)
@bp.doc(responses=errors(404, 503))
def followups(message_id: str) -> schemas.Followups:
    """What may be asked next."""
    message = _answered(message_id)
    return schemas.Followups(questions=suggestions.after(message, kotae().library))


@bp.get("/messages/<message_id>/sources/<int:number>")
@bp.auth_required(auth.customer)
@bp.output(schemas.Document)
@bp.doc(responses=errors(404, 503))
def open_source(message_id: str, number: int) -> schemas.Document:
    """A cited passage in its document."""
    cited = [shown for shown in _answered(message_id).citations if shown.number == number]
    if not cited:
        raise HTTPError(404, _("There is no such source in this answer."))
    return sources.in_its_document(cited, kotae().library)


@bp.post("/messages/<message_id>/feedback")
@bp.auth_required(auth.customer)
@bp.input(schemas.Rating)
@bp.output(schemas.Done)
@bp.doc(responses=errors(404, 503))
def rate(message_id: str, json_data: schemas.Rating) -> schemas.Done:
    """Rate an answer."""
    _answered(message_id)
    kotae().feedback.give(message_id, json_data.value, json_data.reason, json_data.comment)
    return schemas.Done()


@bp.post("/conversation/end")
@bp.auth_required(auth.customer)
@bp.input(schemas.Farewell)
@bp.output(schemas.Done)
@bp.doc(responses=errors(404, 503))
def end_conversation(json_data: schemas.Farewell) -> schemas.Done:
    """End the conversation, and say how it was."""
    kotae().handoffs.withdraw(auth.conversation_id())
    kotae().conversations.end(auth.conversation_id(), json_data.stars, json_data.why)
    return schemas.Done()


@bp.get("/conversation/transcript")
@bp.auth_required(auth.customer)
@bp.doc(responses={200: TRANSCRIPT, **errors(404, 503)})
def read_transcript() -> Response:
    """The conversation as a text file."""
    conversation = kotae().conversations.get(auth.conversation_id())
    response = Response(transcript.text(conversation, languages.current()), mimetype="text/plain")
    response.headers.set("Content-Disposition", "attachment", filename="chat.txt")
    return response


@bp.post("/conversation/transcript")
@bp.auth_required(auth.customer)
@limiter.limit(
    lambda: cast(str, current_app.config["TRANSCRIPTS"]),
    deduct_when=lambda response: response.status_code == 202,
    on_breach=lambda _limit: _enough_transcripts(),
)
@bp.input(schemas.SendTranscript)
@bp.output(schemas.Sent, status_code=202)
@bp.doc(responses=errors(400, 403, 404, 409, 429, 503))
def send_transcript(json_data: schemas.SendTranscript) -> schemas.Sent:
    """Send the conversation to an address of the customer's."""
    language = languages.current()
    try:
        return schemas.Sent(text=kotae().transcripts.send(auth.conversation_id(), json_data.email, language))
    except BadAddress:
        raise HTTPError(400, _("This is no email address. Please check it.")) from None
    except NotSent:
        raise HTTPError(403, _("No mail is sent from here.")) from None
    except NothingSaid:
        raise HTTPError(409, _("There is nothing to send yet.")) from None
    except TooManyLetters:
        raise HTTPError(429, kotae().settings.say("transcript_limit", language)) from None


def _enough_transcripts() -> Response:
    """An hour is more than the moment that other limits ask to wait."""
    sentence = kotae().settings.say("transcript_limit", languages.current())
    return make_response({"error": sentence, "retry": False}, 429)


def _signed(asked: schemas.NewConversation) -> Mapping[str, str]:
    """Who their site says they are; nobody, and served all the same, where it is not signed."""
    if not asked.identity:
        return {}
    try:
        return verified(
            asked.identity, asked.signature, kotae().settings.web.identity_secret.get_secret_value()
        )
    except NotSignedError as fault:
        log.warning("a customer of %r stays unnamed: %s", asked.site, fault)
        return {}


def _answer(conversation_id: str, question_id: str) -> Iterator[str] | None:
    """The answer to a question, behind what its reader has: as it is written, else out of the record."""
    after = wire.Place.read(request.headers.get("Last-Event-ID", ""))
    if writing := _running().find(conversation_id, question_id):
        return writing.read(after)
    conversations = kotae().conversations
    message = conversations.answer_to(conversation_id, question_id)
    if message is None and conversations.being_answered(conversation_id, question_id):
        return _written_elsewhere(conversation_id, question_id, after)
    return wire.kept(message, after) if message else None


def _written_elsewhere(conversation_id: str, question_id: str, after: wire.Place | None) -> Iterator[str]:
    """An answer that another process writes."""
    house = kotae()
    look = partial(house.conversations.answer_to, conversation_id, question_id)
    goes_on = partial(house.conversations.being_answered, conversation_id, question_id)
    so_far = house.writings.reader(conversation_id, question_id) if house.writings else Partial
    return wire.awaited(look, so_far, after, goes_on=goes_on)


def _answered(message_id: str) -> Message:
    """An answer of this conversation, or a 404."""
    conversation = kotae().conversations.get(auth.conversation_id())
    for message in conversation.messages:
        if message.id == message_id and message.role == "bot":
            return message
    raise HTTPError(404, _("There is no such answer in this conversation."))


def message_of(message: Message, called: Callable[[str], str]) -> schemas.Message:
    """`called` is the name of whoever of the desk has an address."""
    return schemas.Message(
        id=message.id,
        role=message.role,
        name=called(message.by) if message.by else "",
        text=message.text,
        citations=[schemas.Source(**wire.source(shown)) for shown in message.citations],
        notice=message.notice,
        handoff=bool(message.handoff),
        abstained=message.abstained,
        partial=message.partial,
        feedback=message.rating.value if message.rating else None,
        at=message.at,
    )


def _client() -> str:
    """Who asks, so that several conversations share a limit; the address itself is not kept."""
    key = cast(str, current_app.secret_key).encode()
    return hmac.new(key, (request.remote_addr or "").encode(), hashlib.sha256).hexdigest()[:24]


def _running() -> Running:
    return cast(Running, current_app.extensions["running"])
