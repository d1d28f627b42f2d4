"""Handoff: a person takes a conversation over, and gives it back.

    bot ──ask──▶ waiting ──take──▶ person ──close──▶ bot, with a fresh context
         │        │   ▲              │ └──give back─▶ bot, which goes on where it was
         │        │   └───release────┘
         └──ask, with an address──▶ left: the bot goes on, and the desk writes

One row is one handoff, from the first word to the outcome. When the customer began to wait is kept in it,
whoever takes, releases or reopens it. While somebody waits or a person has the chat, what the customer writes
is kept and the bot is silent. Nothing here reads a model's text: who has the chat is a fact in the database,
and what the customer is told about it is the operator's sentence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, cast
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot import settings
from bot.conversations import transcript
from bot.conversations.conversation import UnknownConversation
from bot.conversations.question import clean
from bot.conversations.record import add, from_row
from bot.handoff import presence
from bot.handoff.hours import Hours
from bot.notices.deliveries import Deliveries
from bot.notices.mail import BadAddress, address
from bot.store import reading, writing
from bot.store.tables import SILENT, ConversationRow, HandoffRow, LookRow, MessageRow, UserRow
from knowledge_base.database import now

With = Literal["bot", "waiting", "person"]
State = Literal["waiting", "person", "left", "closed"]
Reason = Literal["asked", "words", "topic", "upset", "operator"]

OUTCOMES: Final = ("resolved", "unresolved", "spam")  # an operator chooses one of them
RETURNED, WITHDRAWN, ENDED = "returned", "withdrawn", "ended"  # … or gave it back; the customer left it
FRESH: Final = (*OUTCOMES, ENDED)  # after these the bot begins anew
SUBJECT_CHARACTERS = 80


@dataclass(frozen=True)
class Standing:
    """Who has the chat, as its customer may know it; `text` is what they are told about it."""

    with_: With = "bot"
    available: bool = True
    open: bool = True
    online: bool = False
    email_wanted: bool = False
    email: str = ""
    name: str = ""
    typing: bool = False
    since: datetime | None = None
    opens: datetime | None = None
    text: str = ""


@dataclass(frozen=True)
class Kept:
    """What a customer wrote for a person, kept under an id, and how things stand with it."""

    message_id: str
    standing: Standing


@dataclass(frozen=True)
class Handoff:
    """One handoff as the desk sees it. `operator` is the id of who has it, `holder` their email."""

    id: str
    conversation_id: str
    state: State
    reason: Reason
    detail: str
    asked_at: datetime
    asked_after: int
    email: str = ""
    operator: str = ""
    holder: str = ""
    taken_at: datetime | None = None
    closed_at: datetime | None = None
    closed_after: int = 0
    closed_by: str = ""
    outcome: str = ""


class HandoffRefused(Exception):
    """The root of what cannot be done with a chat; the message says why.

    * NotOffered     people cannot be asked for here
    * BadEmail       this is no address that can be written to
    * Taken          a colleague has the chat
    * NotYours       only who has the chat may do this
    """


class NotOffered(HandoffRefused):
    """`handoff.enabled` is false."""


class BadEmail(HandoffRefused):
    """No address."""


class Taken(HandoffRefused):
    """`holder` is the email of who was quicker."""

    def __init__(self, holder: str) -> None:
        super().__init__(f"{holder} has this chat")
        self.holder = holder


class NotYours(HandoffRefused):
    """The chat is with the bot, waits, or is a colleague's."""


class Handoffs:
    """`say` is the operator's sentence of a name in a language; `clock` tells the time."""

    def __init__(
        self,
        engine: sa.Engine,
        rules: settings.Handoff,
        say: Callable[[str, str], str],
        deliveries: Deliveries,
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._engine = engine
        self._rules = rules
        self._hours = Hours.of(rules.hours, rules.timezone, rules.closed)
        self._say = say
        self._deliveries = deliveries
        self._clock = clock

    # ---- the customer ----

    def ask(
        self, conversation_id: str, *, email: str = "", reason: Reason = "asked", detail: str = ""
    ) -> Standing:
        """Somebody wants a person. Asked again, it tells how things are.

        Raises NotOffered, BadEmail, or UnknownConversation.
        """
        if not self._rules.enabled:
            raise NotOffered("nobody can be asked for here")
        email = _address(email) if email else ""
        with writing(self._engine) as session:
            moment = self._clock()
            _lock(session, conversation_id)
            row = _open(session, conversation_id)
            planned: list[str] = []
            if self._there(session, moment) and not email:
                planned = self._wait(session, conversation_id, row, reason, detail)
            elif email and (row is None or row.state != "person"):
                planned = self._leave(session, conversation_id, row, email, reason, detail)
            session.flush()
            standing = self._standing(session, conversation_id, asking=True)
        self._deliveries.send(planned)
        return standing

    def keep(self, conversation_id: str, text: str, language: str, message_id: str) -> str:
        """Keep what the customer wrote, for the person who has the chat or will have it: the message's id.

        "" when it is the bot's turn. The same `message_id` is kept once.
        """
        with writing(self._engine) as session:
            _lock(session, conversation_id)
            row = _open(session, conversation_id)
            if row is None or row.state not in SILENT:
                return ""
            row.updated_at = self._clock()
            return _say(session, conversation_id, message_id, "customer", text, language, self._clock())

    def keep_aside(self, conversation_id: str, text: str, language: str, message_id: str) -> str:
        """Keep a message that itself asks for a person and is not answered by the bot: its id."""
        with writing(self._engine) as session:
            _lock(session, conversation_id)
            return _say(session, conversation_id, message_id, "customer", text, language, self._clock())

    def withdraw(self, conversation_id: str) -> Standing:
        """The customer wants the bot again."""
        with writing(self._engine) as session:
            _lock(session, conversation_id)
            row = _open(session, conversation_id)
            planned: list[str] = []
            if row is not None and row.state in SILENT:
                outcome = WITHDRAWN if row.state == "waiting" else ENDED
                planned = self._close(session, row, outcome, by="customer")
            session.flush()
            standing = self._standing(session, conversation_id)
        self._deliveries.send(planned)
        return standing

    def standing(self, conversation_id: str) -> Standing:
        """Who has the chat now."""
        with reading(self._engine) as session:
            return self._standing(session, conversation_id)

    def there(self) -> bool:
        """Whether it is within office hours, and somebody is there."""
        with reading(self._engine) as session:
            return self._there(session, self._clock())

    def offers(self, conversation_id: str) -> bool:
        """Whether a person is offered, should the bot have no answer now: it had none some times in a row."""
        if not self._rules.enabled:
            return False
        before = self._rules.after_abstentions - 1
        with reading(self._engine) as session:
            answers = (
                sa.select(MessageRow.abstained)
                .where(
                    MessageRow.conversation_id == conversation_id,
                    MessageRow.role == "bot",
                    MessageRow.position > _begun_anew(session, conversation_id),
                )
                .order_by(MessageRow.position.desc())
                .limit(before)
            )
            abstained = list(session.scalars(answers))
        return len(abstained) == before and all(abstained)

    # ---- the desk ----

    def take(self, conversation_id: str, user_id: str) -> None:
        """The chat is this operator's from here on; with the bot, too. Raises Taken when a colleague has it.

        Somebody who has a chat and went away does not keep it.
        """
        with writing(self._engine) as session:
            moment = self._clock()
            _lock(session, conversation_id)
            row = _open(session, conversation_id)
            if row is None:
                row = self._begin(session, conversation_id, "waiting", "operator", "")
            if row.state == "person" and row.operator != user_id:
                holder = presence.colleague(session, row.operator, moment)
                if holder.online:
                    raise Taken(holder.email)
            row.state, row.operator, row.updated_at = "person", user_id, moment
            if row.taken_at is None:
                row.taken_at = moment
            planned = self._announce(session, "handoff.taken", row)
        self._deliveries.send(planned)

    def reply(self, conversation_id: str, user_id: str, text: str) -> None:
        """Say something to the customer. Raises NotYours."""
        text = clean(text)
        if not text:
            return
        with writing(self._engine) as session:
            moment = self._clock()
            language = _lock(session, conversation_id)
            row = self._mine(session, conversation_id, user_id)
            by = presence.colleague(session, user_id, moment).email
            _say(session, conversation_id, uuid4().hex, "operator", text, language, moment, by=by)
            row.updated_at = moment

    def release(self, conversation_id: str, user_id: str) -> None:
        """Let a colleague take it; the customer's wait began when it began."""
        with writing(self._engine) as session:
            _lock(session, conversation_id)
            row = self._mine(session, conversation_id, user_id)
            row.state, row.operator, row.updated_at = "waiting", "", self._clock()

    def give_back(self, conversation_id: str, user_id: str) -> None:
        """The bot goes on, and knows what was said."""
        self._finish(conversation_id, user_id, RETURNED)

    def close(self, conversation_id: str, user_id: str, outcome: str) -> None:
        """It is over; should the customer write again, the bot begins afresh.

        A letter that was left may be closed by anybody.
        """
        if outcome not in OUTCOMES:
            raise HandoffRefused(f"{outcome!r} is no outcome; outcomes are {', '.join(OUTCOMES)}")
        self._finish(conversation_id, user_id, outcome)

    def open_now(self) -> bool:
        """Whether it is within office hours."""
        return self._hours.open_at(self._clock())

    def of(self, conversation_id: str) -> list[Handoff]:
        """All of a conversation, the first one first."""
        rows = (
            sa.select(HandoffRow, UserRow.email)
            .outerjoin(UserRow, UserRow.id == HandoffRow.operator)
            .where(HandoffRow.conversation_id == conversation_id)
            .order_by(HandoffRow.asked_at, HandoffRow.id)
        )
        with reading(self._engine) as session:
            return [handoff(row, email or "") for row, email in session.execute(rows)]

    # ---- steps ----

    def _there(self, session: Session, moment: datetime) -> bool:
        return self._hours.open_at(moment) and presence.somebody(session, moment)

    def _begin(
        self, session: Session, conversation_id: str, state: State, reason: Reason, detail: str
    ) -> HandoffRow:
        moment = self._clock()
        row = HandoffRow(
            id=uuid4().hex,
            conversation_id=conversation_id,
            state=state,
            reason=reason,
            detail=detail,
            asked_at=moment,
            asked_after=_last_position(session, conversation_id),
            email="",
            operator="",
            closed_after=0,
            closed_by="",
            outcome="",
            updated_at=moment,
        )
        session.add(row)
        return row

    def _wait(
        self, session: Session, conversation_id: str, row: HandoffRow | None, reason: Reason, detail: str
    ) -> list[str]:
        """Into the inbox: anew, or with a letter that has no answer yet."""
        if row is not None and row.state in SILENT:
            return []
        if row is None:
            row = self._begin(session, conversation_id, "waiting", reason, detail)
        row.state, row.updated_at = "waiting", self._clock()
        return self._announce(session, "handoff.asked", row)

    def _leave(
        self,
        session: Session,
        conversation_id: str,
        row: HandoffRow | None,
        email: str,
        reason: Reason,
        detail: str,
    ) -> list[str]:
        """Kept for the desk, and sent; once more only when there is more to say or another address."""
        if row is None:
            row = self._begin(session, conversation_id, "left", reason, detail)
        elif row.state == "left" and row.email == email and not _wrote_since(session, row):
            return []
        row.state, row.email, row.updated_at = "left", email, self._clock()
        row.asked_after = _last_position(session, conversation_id)
        said = self._said(session, conversation_id)
        letter = self._deliveries.plan_letter(
            session, conversation_id, "handoff.left", self._rules.email_to, _letter(said, row)
        )
        return letter + self._announce(session, "handoff.left", row, messages=said["messages"])

    def _finish(self, conversation_id: str, user_id: str, outcome: str) -> None:
        with writing(self._engine) as session:
            _lock(session, conversation_id)
            row = _open(session, conversation_id)
            if row is None or (row.state == "person" and row.operator != user_id):
                raise NotYours("this chat is not yours")
            by = presence.colleague(session, user_id, self._clock()).email
            planned = self._close(session, row, outcome, by=by)
        self._deliveries.send(planned)

    def _close(self, session: Session, row: HandoffRow, outcome: str, *, by: str) -> list[str]:
        moment = self._clock()
        last = _last_position(session, row.conversation_id)
        row.state, row.outcome, row.closed_by = "closed", outcome, by
        row.closed_at, row.closed_after, row.updated_at = moment, last, moment
        if outcome in FRESH:
            session.execute(
                sa.update(ConversationRow)
                .where(ConversationRow.id == row.conversation_id)
                .values(resolved_at=moment, resolved_after=last)
            )
        return self._announce(session, "handoff.closed", row)

    def _mine(self, session: Session, conversation_id: str, user_id: str) -> HandoffRow:
        row = _open(session, conversation_id)
        if row is None or row.state != "person" or row.operator != user_id:
            raise NotYours("this chat is not yours: take it first")
        return row

    # ---- what is told ----

    def _standing(self, session: Session, conversation_id: str, *, asking: bool = False) -> Standing:
        """`asking` is a customer who has just asked for a person and may have to leave an address."""
        moment = self._clock()
        language = _language(session, conversation_id)
        row = _open(session, conversation_id)
        is_open, online = self._hours.open_at(moment), presence.somebody(session, moment)
        there = is_open and online
        told: dict[str, Any] = {
            "available": self._rules.enabled,
            "open": is_open,
            "online": online,
            "opens": self._hours.next_opening(moment),
        }
        if row is None:
            text = self._say("handoff_away", language) if asking and not there else ""
            text = text or self._farewell(session, conversation_id, language)
            return Standing(**told, email_wanted=asking and not there, text=text)
        told |= {"since": row.asked_at, "email": row.email if row.state == "left" else ""}
        if row.state == "left":
            text = self._say("handoff_left", language).replace("{email}", row.email)
            return Standing(**told, text=text if asking or not _wrote_since(session, row) else "")
        if row.state == "waiting":
            text = self._say("handoff_waiting" if there else "handoff_away", language)
            return Standing("waiting", **told, email_wanted=not there, text=text)
        return self._with_person(session, row, told, language, moment)

    def _with_person(
        self, session: Session, row: HandoffRow, told: Mapping[str, Any], language: str, moment: datetime
    ) -> Standing:
        name = presence.colleague(session, row.operator, moment).name
        look = session.get(LookRow, (row.operator, row.conversation_id))
        typing = look is not None and presence.typing(look.typing_at, moment)
        called = name or self._say("handoff_somebody", language)
        text = self._say("handoff_person", language).replace("{name}", called)
        return Standing("person", **told, name=name, typing=typing, text=text)

    def _farewell(self, session: Session, conversation_id: str, language: str) -> str:
        """Said until the customer says something else."""
        last = session.scalar(
            sa.select(HandoffRow)
            .where(HandoffRow.conversation_id == conversation_id)
            .order_by(HandoffRow.closed_at.desc())
            .limit(1)
        )
        talked = last is not None and last.taken_at is not None
        if last is None or not talked or _last_position(session, conversation_id) > last.closed_after:
            return ""
        return self._say("handoff_closed", language)

    def _announce(self, session: Session, event: str, row: HandoffRow, **more: Any) -> list[str]:
        """What the desk's software is told."""
        data = {
            "handoff": row.id,
            "conversation": row.conversation_id,
            "reason": row.reason,
            "asked_at": row.asked_at.isoformat(),
            "email": row.email,
            "outcome": row.outcome,
            **more,
        }
        return self._deliveries.plan_webhook(session, row.conversation_id, event, data)

    def _said(self, session: Session, conversation_id: str) -> dict[str, Any]:
        """The conversation since it began anew, for the letter and the webhook."""
        rows = session.scalars(
            sa.select(MessageRow)
            .where(
                MessageRow.conversation_id == conversation_id,
                MessageRow.position > _begun_anew(session, conversation_id),
            )
            .order_by(MessageRow.position)
        )
        messages = [from_row(row) for row in rows]
        language = _language(session, conversation_id)
        return {
            "opening": next((said.text for said in messages if said.role == "customer"), ""),
            "text": transcript.spoken(messages, language),
            "messages": [
                {"role": said.role, "text": said.text, "at": said.at.isoformat()} for said in messages
            ],
        }


def handoff(row: HandoffRow, holder: str = "") -> Handoff:
    return Handoff(
        id=row.id,
        conversation_id=row.conversation_id,
        state=cast("State", row.state),
        reason=cast("Reason", row.reason),
        detail=row.detail,
        asked_at=row.asked_at,
        asked_after=row.asked_after,
        email=row.email,
        operator=row.operator,
        holder=holder,
        taken_at=row.taken_at,
        closed_at=row.closed_at,
        closed_after=row.closed_after,
        closed_by=row.closed_by,
        outcome=row.outcome,
    )


def _letter(said: Mapping[str, Any], row: HandoffRow) -> dict[str, str]:
    opening = " ".join(said["opening"].split())
    subject = opening if len(opening) <= SUBJECT_CHARACTERS else f"{opening[:SUBJECT_CHARACTERS]}…"
    return {
        "subject": subject or row.email,
        "text": f"{row.email}\n\n{said['text']}",
        "reply_to": row.email,
    }


def _address(email: str) -> str:
    try:
        return address(email)
    except BadAddress as fault:
        raise BadEmail(str(fault)) from fault


def _lock(session: Session, conversation_id: str) -> str:
    """One after the other in a conversation, so that what is said has one order; its language."""
    touched = (
        sa.update(ConversationRow)
        .where(ConversationRow.id == conversation_id)
        .values(updated_at=now())
        .returning(ConversationRow.language)
    )
    language = session.scalar(touched)
    if language is None:
        raise UnknownConversation(f"there is no conversation {conversation_id!r}")
    return language


def _open(session: Session, conversation_id: str) -> HandoffRow | None:
    return session.scalar(
        sa.select(HandoffRow).where(
            HandoffRow.conversation_id == conversation_id, HandoffRow.state != "closed"
        )
    )


def _say(
    session: Session,
    conversation_id: str,
    message_id: str,
    role: str,
    text: str,
    language: str,
    moment: datetime,
    *,
    by: str = "",
) -> str:
    """Keep a message and return its id: the one it came with, unless that is another conversation's."""
    owner = session.scalar(sa.select(MessageRow.conversation_id).where(MessageRow.id == message_id))
    if owner == conversation_id:
        return message_id
    message_id = uuid4().hex if owner or not message_id else message_id
    said = {"role": role, "by": by, "text": text, "language": language, "at": moment}
    add(session.connection(), {"id": message_id, "conversation_id": conversation_id, **said})
    return message_id


def _last_position(session: Session, conversation_id: str) -> int:
    last = sa.select(sa.func.max(MessageRow.position)).where(MessageRow.conversation_id == conversation_id)
    return session.scalar(last) or 0


def _wrote_since(session: Session, row: HandoffRow) -> bool:
    """Whether the customer wrote after the letter was sent."""
    wrote = sa.exists().where(
        MessageRow.conversation_id == row.conversation_id,
        MessageRow.role == "customer",
        MessageRow.position > row.asked_after,
    )
    return bool(session.scalar(sa.select(wrote)))


def _begun_anew(session: Session, conversation_id: str) -> int:
    """The position behind which the bot counts: of the last resolution, or of the last handoff's end."""
    resolved = session.scalar(
        sa.select(ConversationRow.resolved_after).where(ConversationRow.id == conversation_id)
    )
    closed = session.scalar(
        sa.select(sa.func.max(HandoffRow.closed_after)).where(HandoffRow.conversation_id == conversation_id)
    )
    return max(resolved or 0, closed or 0)


def _language(session: Session, conversation_id: str) -> str:
    chosen = sa.select(ConversationRow.language).where(ConversationRow.id == conversation_id)
    return session.scalar(chosen) or "en"
