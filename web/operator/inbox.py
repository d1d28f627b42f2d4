"""The inbox: who waits for a person, which chats are whose, and one chat with all that can be done with it.

The page is whole without script; with it, parts are fetched anew when the stream says that they have changed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, ParamSpec, cast

from flask import Response, abort, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from bot.conversations.conversation import Conversation, Message, UnknownConversation, audience_of
from bot.conversations.limits import Refused
from bot.conversations.turn import Ended, Failed
from bot.handoff.changes import INBOX, PEOPLE
from bot.handoff.handoffs import OUTCOMES, Handoff, HandoffRefused, NotYours, Taken
from bot.handoff.inbox import BOXES, Box, Note
from bot.kotae import Kotae
from knowledge_base.database import now
from knowledge_base.errors import KnowledgeError
from strategies.base import Turn
from strategies.errors import StrategyError
from web import sse
from web.auth import requires
from web.current import kotae
from web.numbers import whole
from web.operator import bp
from web.operator.quotes import quotes
from web.sentences import told
from web.streams import Streams

STREAM_SECONDS = 300.0
HEART_SECONDS = 10.0  # how often an open inbox says that it is open
BOX_NAMES = {"waiting": _l("Waiting"), "mine": _l("Mine"), "all": _l("All")}
OUTCOME_NAMES = {
    "resolved": _l("Resolved"),
    "unresolved": _l("Not resolved"),
    "spam": _l("Spam"),
    "returned": _l("Given back to the bot"),
    "withdrawn": _l("The customer did not wait"),
    "ended": _l("Ended by the customer"),
}
REASONS = {
    "asked": _l("The customer asked for a person"),
    "words": _l("The customer asked for a person in words"),
    "topic": _l("The topic is one for a person"),
    "upset": _l("The customer is upset"),
    "operator": _l("A colleague stepped in"),
}

P = ParamSpec("P")


@dataclass(frozen=True)
class Line:
    """One thing in a chat: what somebody said, a note among colleagues, or what became of the handoff."""

    at: datetime
    message: Message | None = None
    note: Note | None = None
    event: str = ""


@dataclass(frozen=True)
class Draft:
    """What a strategy would answer."""

    strategy: str
    ended: Ended | None
    fault: str = ""


# ---- pages and their parts ----


@bp.get("/inbox")
@requires("operator")
def inbox() -> ResponseReturnValue:
    return render_template("console/inbox.html", **_list(_box()))


@bp.get("/inbox/<conversation_id>")
@requires("operator")
def inbox_chat(conversation_id: str) -> ResponseReturnValue:
    chat = _chat(conversation_id)
    kotae().presence.looks(current_user.id, conversation_id, read_to=chat["read_to"])
    return render_template("console/inbox.html", **chat, **_list(_box(), conversation_id))


@bp.get("/inbox/list")
@requires("operator")
def inbox_list() -> ResponseReturnValue:
    return render_template("console/inbox_list.html", **_list(_box(), request.args.get("open", "")))


@bp.get("/inbox/<conversation_id>/chat")
@requires("operator")
def inbox_lines(conversation_id: str) -> ResponseReturnValue:
    return render_template("console/inbox_chat.html", box=_box(), **_chat(conversation_id))


@bp.get("/inbox/events")
@requires("operator")
def inbox_events() -> ResponseReturnValue:
    """Says which part has changed; while it is open, so is the inbox of its reader."""
    opened = request.args.get("open", "")
    if opened:
        _conversation(opened)
    streams: Streams = current_app.extensions["streams"]
    if not streams.enter():
        return Response(status=503, headers={"Retry-After": "10"})
    response = sse.stream(_signals(kotae(), streams, current_user.id, opened))
    response.call_on_close(streams.leave)
    return response


# ---- what an operator does ----


def acts(view: Callable[P, str | None]) -> Callable[P, ResponseReturnValue]:
    """A form of a chat: what it could not do is said, and the reader is led back to the chat."""

    @wraps(view)
    def act(*args: P.args, **kwargs: P.kwargs) -> ResponseReturnValue:
        said: str | None
        try:
            said, status = view(*args, **kwargs), 200
        except HandoffRefused as refused:
            said, status = _sentence(refused), 409
        except UnknownConversation:
            abort(404)
        if request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json":
            return ({"error": said, "retry": False} if status == 409 else {"done": True}), status
        if said:
            flash(said, "warning" if status == 409 else "success")
        conversation_id = cast("dict[str, Any]", kwargs)["conversation_id"]
        return redirect(url_for("operator.inbox_chat", conversation_id=conversation_id, box=_box()))

    return cast("Callable[P, ResponseReturnValue]", requires("operator")(act))


@bp.post("/inbox/<conversation_id>/take")
@acts
def take_chat(conversation_id: str) -> str | None:
    kotae().handoffs.take(conversation_id, current_user.id)
    return None


@bp.post("/inbox/<conversation_id>/reply")
@acts
def reply_to_customer(conversation_id: str) -> str | None:
    kotae().handoffs.reply(conversation_id, current_user.id, request.form.get("text", ""))
    kotae().presence.looks(current_user.id, conversation_id, typing=False)
    return None


@bp.post("/inbox/<conversation_id>/note")
@acts
def note_for_colleagues(conversation_id: str) -> str | None:
    kotae().conversations.opening(conversation_id)  # or UnknownConversation
    kotae().inbox.note(conversation_id, current_user.email, request.form.get("text", ""))
    return None


@bp.post("/inbox/<conversation_id>/release")
@acts
def release_chat(conversation_id: str) -> str | None:
    kotae().handoffs.release(conversation_id, current_user.id)
    return str(_("A colleague can take this chat now."))


@bp.post("/inbox/<conversation_id>/give-back")
@acts
def give_chat_back(conversation_id: str) -> str | None:
    kotae().handoffs.give_back(conversation_id, current_user.id)
    return str(_("The bot answers this customer again."))


@bp.post("/inbox/<conversation_id>/close")
@acts
def close_chat(conversation_id: str) -> str | None:
    kotae().handoffs.close(conversation_id, current_user.id, request.form.get("outcome", ""))
    return str(_("The chat is closed."))


@bp.post("/inbox/<conversation_id>/looking")
@acts
def look_at_chat(conversation_id: str) -> str | None:
    """How far they have read, and whether they write."""
    read_to = request.form.get("read_to", 0, type=whole)
    typing = {"1": True, "0": False}.get(request.form.get("typing", ""))
    kotae().conversations.opening(conversation_id)
    kotae().presence.looks(current_user.id, conversation_id, typing=typing, read_to=read_to)
    return None


@bp.post("/inbox/<conversation_id>/draft")
@requires("operator")
def draft_answer(conversation_id: str) -> ResponseReturnValue:
    chat = _chat(conversation_id)
    draft = drafted(chat["conversation"], request.form.get("strategy", ""))
    told = {"draft": draft, "quotes": quotes}
    if request.headers.get("X-Part"):
        return render_template("console/inbox_draft.html", **told)
    return render_template("console/inbox.html", **chat, **_list(_box(), conversation_id), **told)


@bp.post("/inbox/presence")
@requires("operator")
def be_present() -> ResponseReturnValue:
    kotae().presence.announce(
        current_user.id, available="available" in request.form, name=request.form.get("name", "")
    )
    return redirect(url_for("operator.inbox", box=_box()))


# ---- what the pages show ----


def drafted(conversation: Conversation, strategy: str) -> Draft:
    """The customer's last question, asked of a strategy with what was said before; nothing is kept of it."""
    said = [message for message in conversation.messages if message.text and not message.replaced]
    asked = max((at for at, message in enumerate(said) if message.role == "customer"), default=None)
    if asked is None:
        return Draft(strategy, None, _("The customer has not asked anything yet."))
    before = said[:asked][-kotae().settings.limits.history_turns :]
    history = [Turn(message.role, message.text) for message in before]
    fault = ""
    try:
        for event in kotae().try_out(
            said[asked].text,
            strategy=strategy or None,
            history=history,
            language=conversation.language,
            audience=audience_of(conversation.customer),
        ):
            if isinstance(event, Failed):
                fault = event.text
            elif isinstance(event, Ended):
                return Draft(event.strategy, event, fault)
    except (StrategyError, KnowledgeError, Refused) as refused:
        return Draft(strategy, None, told(refused))
    return Draft(strategy, None, fault or _("No answer came."))


def lines(messages: Sequence[Message], notes: Sequence[Note], handoffs: Sequence[Handoff]) -> list[Line]:
    """Everything in the order in which it happened."""
    told = [Line(message.at, message=message) for message in messages if not message.replaced]
    told += [Line(note.at, note=note) for note in notes]
    for one in handoffs:
        told.append(Line(one.asked_at, event=why(one)))
        if one.email:
            told.append(Line(one.asked_at, event=_("… and left an address: %(email)s", email=one.email)))
        if one.taken_at:
            told.append(Line(one.taken_at, event=_("Taken for the first time")))
        if one.closed_at:
            end = str(OUTCOME_NAMES.get(one.outcome, one.outcome))
            told.append(Line(one.closed_at, event=f"{end} ({one.closed_by})"))
    return sorted(told, key=lambda line: line.at)


def why(handoff: Handoff) -> str:
    """Why a person was wanted, with the words or the topic that said so."""
    return str(REASONS[handoff.reason]) + (f": {handoff.detail}" if handoff.detail else "")


def _list(box: Box, opened: str = "") -> dict[str, Any]:
    house = kotae()
    return {
        "box": box,
        "boxes": BOX_NAMES,
        "counts": house.inbox.counts(current_user.id),
        "entries": house.inbox.box(box, current_user.id),
        "opened": opened,
        "me": house.presence.of(current_user.id),
        "online": house.presence.online(),
        "open_now": house.handoffs.open_now(),
    }


def _chat(conversation_id: str) -> dict[str, Any]:
    house = kotae()
    conversation = _conversation(conversation_id)
    handoffs = house.handoffs.of(conversation_id)
    current = next((one for one in handoffs if one.state != "closed"), None)
    others = house.presence.lookers([conversation_id]).get(conversation_id, ())
    return {
        "conversation": conversation,
        "lines": lines(conversation.messages, house.inbox.notes(conversation_id), handoffs),
        "handoff": current,
        "mine": current is not None and current.state == "person" and current.operator == current_user.id,
        "others": [one for one in others if one.user_id != current_user.id],
        "read_to": max((message.position for message in conversation.messages), default=0),
        "canned": house.canned.all(),
        "names": house.strategies.names(),
        "outcomes": {outcome: OUTCOME_NAMES[outcome] for outcome in OUTCOMES},
    }


def _conversation(conversation_id: str) -> Conversation:
    try:
        return kotae().conversations.get(conversation_id)
    except UnknownConversation:
        abort(404)


def _box() -> Box:
    asked = request.args.get("box", "")
    return asked if asked in BOXES else "waiting"


def _sentence(refused: HandoffRefused) -> str:
    match refused:
        case Taken():
            return str(_("%(who)s was quicker and has this chat.", who=refused.holder))
        case NotYours():
            return str(_("This chat is not yours. Take it first."))
        case _:
            return told(refused)


def _signals(house: Kotae, streams: Streams, user_id: str, opened: str) -> Iterator[str]:
    """`list` and `chat` when that part is to be fetched anew; while it is read, its reader is there."""
    until, since = time.monotonic() + STREAM_SECONDS, now()
    topics = (INBOX, PEOPLE, opened) if opened else (INBOX, PEOPLE)
    beaten = float("-inf")
    streams.looks(user_id, opened)
    try:
        with house.changes.listen(*topics) as heard:
            while True:
                if time.monotonic() - beaten > HEART_SECONDS:
                    beaten = time.monotonic()
                    house.presence.seen(user_id)
                    if opened:
                        house.presence.looks(user_id, opened, since=since)
                if heard.wait(sse.KEEP_ALIVE_SECONDS):
                    yield sse.frame("changed", {})
                else:
                    yield sse.KEEP_ALIVE
                if heard.closed or time.monotonic() > until:
                    return
    finally:
        if streams.looks_away(user_id, opened) and opened:
            house.presence.leaves(user_id, opened, since=since)
