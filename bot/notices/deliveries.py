"""What is told to the outside: letters to the desk, webhooks to its software. Each is kept with all attempts.

    planned, with what it tells ─▶ waiting ─▶ done
                                    │  ▲  └▶ failed, after the last attempt; an admin sends it again
                                    └──┘ longer and longer pauses

A delivery is planned in the transaction of what it tells, so that neither is there without the other; a job
carries it out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, cast
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot.conversations.question import storable
from bot.jobs import Progress, WorkFailed
from bot.notices import signing
from bot.notices.mail import letter, send
from bot.settings import Mail, Webhook
from bot.store import reading, writing
from bot.store.tables import DeliveryRow
from knowledge_base.database import now
from knowledge_base.errors import Unavailable

KIND = "deliver"
GONE = 410  # the receiver wants no more of it
PING = "ping"
SAID_BYTES = 200  # of what a receiver answers, for the log
ERROR_CHARACTERS = 500

Channel = Literal["mail", "webhook"]
State = Literal["waiting", "done", "failed"]


@dataclass(frozen=True)
class Attempt:
    """One try. `said` is what the other side answered, or why it could not be reached."""

    at: datetime
    ok: bool
    said: str
    ms: float


@dataclass(frozen=True)
class Delivery:
    id: str
    conversation_id: str
    channel: Channel
    event: str
    target: str
    receiver: str  # which webhook, by name
    state: State
    created_at: datetime
    due_at: datetime | None
    content: Mapping[str, Any] = field(repr=False, default_factory=dict)
    attempts: tuple[Attempt, ...] = ()


class UnknownDelivery(LookupError):
    """There is no such delivery."""


class UnknownWebhook(LookupError):
    """No webhook of this name is configured."""


class Deliveries:
    """`hand_over` queues the job of a delivery; `pauses` are the seconds after each failed attempt."""

    def __init__(
        self,
        engine: sa.Engine,
        mail: Mail,
        webhooks: Mapping[str, Webhook],
        pauses: Sequence[float],
        hand_over: Callable[[str], object],
    ) -> None:
        self._engine = engine
        self._mail = mail
        self._webhooks = webhooks
        self._pauses = pauses
        self._hand_over = hand_over

    # ---- planning ----

    def plan_letter(
        self, session: Session, conversation_id: str, event: str, to: str, content: Mapping[str, Any]
    ) -> list[str]:
        """A letter (`subject`, `text`, `reply_to`), where mail is configured and somebody is to get it."""
        if not (self._mail.host and to):
            return []
        return [_plan(session, conversation_id, "mail", event, to, content)]

    def plan_webhook(
        self, session: Session, conversation_id: str, event: str, data: Mapping[str, Any]
    ) -> list[str]:
        """An event for the desk's software: each receiver that wants it gets a delivery of its own."""
        content = {"type": event, "timestamp": now().isoformat(), "data": dict(data)}
        return [
            _plan(session, conversation_id, "webhook", event, webhook.url, content, receiver=name)
            for name, webhook in self._webhooks.items()
            if webhook.wants(event)
        ]

    def send(self, delivery_ids: Sequence[str]) -> None:
        """Carry out what was planned, once its transaction is over."""
        for delivery_id in delivery_ids:
            self._hand_over(delivery_id)

    # ---- the log ----

    def page(self, limit: int = 50, state: str = "") -> list[Delivery]:
        """The newest first."""
        rows = sa.select(DeliveryRow).order_by(DeliveryRow.created_at.desc(), DeliveryRow.id).limit(limit)
        if state:
            rows = rows.where(DeliveryRow.state == state)
        with reading(self._engine) as session:
            return [_delivery(row) for row in session.scalars(rows)]

    def get(self, delivery_id: str) -> Delivery:
        with reading(self._engine) as session:
            row = session.get(DeliveryRow, delivery_id)
            if row is None:
                raise UnknownDelivery(f"there is no delivery {delivery_id!r}")
            return _delivery(row)

    def again(self, delivery_id: str) -> None:
        """Send what has failed once more, to where the settings lead now."""
        failed = sa.update(DeliveryRow).where(DeliveryRow.id == delivery_id, DeliveryRow.state == "failed")
        self.get(delivery_id)
        with writing(self._engine) as session:
            session.execute(failed.values(state="waiting", due_at=now()))
        self._hand_over(delivery_id)

    def unfinished(self) -> list[str]:
        """What waits, should its job have been lost with a killed process."""
        waiting = sa.select(DeliveryRow.id).where(DeliveryRow.state == "waiting")
        with reading(self._engine) as session:
            return list(session.scalars(waiting))

    # ---- trying out ----

    def ping(self, name: str) -> Attempt:
        """Tell a receiver nothing, signed, at once and once: what it answers. Raises UnknownWebhook."""
        if name not in self._webhooks:
            known = ", ".join(self._webhooks) or "none is configured"
            raise UnknownWebhook(f"there is no webhook {name!r}; webhooks: {known}")
        content = {"type": PING, "timestamp": now().isoformat(), "data": {"webhook": name}}
        attempt, _ = _tried(lambda: _post(self._webhooks[name], uuid4().hex, content))
        return attempt

    # ---- the job ----

    def work(self, arguments: Mapping[str, Any], progress: Progress) -> None:
        """One attempt. Raises Unavailable to be called again later, WorkFailed to be called no more."""
        try:
            delivery = self.get(arguments["delivery_id"])
        except UnknownDelivery:  # its conversation was deleted meanwhile
            return
        if delivery.state != "waiting":
            return
        progress(delivery.event, 0.0)
        attempt, fault = _tried(lambda: self._attempt(delivery))
        again = self._note(delivery, attempt, final=isinstance(fault, WorkFailed))
        if fault is not None:
            raise fault if again else WorkFailed(attempt.said)

    def _attempt(self, delivery: Delivery) -> str:
        if delivery.channel == "mail":
            content = delivery.content
            return send(
                letter(
                    self._mail.sender,
                    delivery.target,
                    content["subject"],
                    content["text"],
                    reply_to=content["reply_to"],
                    message_id=delivery.id,
                ),
                self._mail,
            )
        webhook = self._webhooks.get(delivery.receiver)
        if webhook is None:
            raise WorkFailed(f"no webhook {delivery.receiver!r} is configured any more")
        return _post(webhook, delivery.id, delivery.content)

    def _note(self, delivery: Delivery, attempt: Attempt, *, final: bool) -> bool:
        """Keep the attempt. Whether another one follows."""
        left = () if attempt.ok or final else self._pauses[len(delivery.attempts) :]
        state = "done" if attempt.ok else "waiting" if left else "failed"
        tried = {"at": attempt.at.isoformat(), "ok": attempt.ok, "said": attempt.said, "ms": attempt.ms}
        with writing(self._engine) as session:
            row = session.get(DeliveryRow, delivery.id)
            if row is not None:
                row.attempts = [*row.attempts, tried]
                row.state = state
                row.due_at = attempt.at + timedelta(seconds=left[0]) if left else None
        return bool(left)


def _tried(send: Callable[[], str]) -> tuple[Attempt, Unavailable | WorkFailed | None]:
    """An attempt, and why it failed if it did."""
    began = time.perf_counter()
    fault: Unavailable | WorkFailed | None = None
    try:
        said = send()
    except (Unavailable, WorkFailed) as failure:
        said, fault = str(failure), failure
    return Attempt(now(), fault is None, said[:ERROR_CHARACTERS], (time.perf_counter() - began) * 1000), fault


def _post(webhook: Webhook, message_id: str, content: Mapping[str, Any]) -> str:
    """Signed and sent: what the receiver answered. Raises Unavailable; WorkFailed when it wants no more."""
    import httpx

    url, body = webhook.url, json.dumps(content).encode()
    signed = signing.headers(webhook.key, message_id, int(time.time()), body)
    headers = {"Content-Type": "application/json", "User-Agent": "Kotae", **signed}
    try:
        with httpx.stream("POST", url, content=body, headers=headers, timeout=webhook.seconds) as answer:
            said = f"{answer.status_code} {_beginning(answer.iter_bytes(SAID_BYTES))}".strip()
    except (httpx.HTTPError, httpx.InvalidURL) as fault:
        raise Unavailable(f"{url} cannot be reached: {fault or type(fault).__name__}") from fault
    if answer.is_success:
        return said
    if answer.status_code == GONE:
        raise WorkFailed(f"{url} answered {said}: it wants no more webhooks")
    raise Unavailable(f"{url} answered {said}")


def _beginning(body: Iterator[bytes]) -> str:
    """The first words of an answer, in one line."""
    return storable(" ".join(next(body, b"").decode(errors="replace").split()))


def _plan(
    session: Session,
    conversation_id: str,
    channel: Channel,
    event: str,
    target: str,
    content: Mapping[str, Any],
    *,
    receiver: str = "",
) -> str:
    row = DeliveryRow(
        id=uuid4().hex,
        conversation_id=conversation_id,
        channel=channel,
        event=event,
        target=target,
        receiver=receiver,
        content=dict(content),
        state="waiting",
        attempts=[],
        created_at=now(),
        due_at=now(),
    )
    session.add(row)
    return row.id


def _delivery(row: DeliveryRow) -> Delivery:
    return Delivery(
        id=row.id,
        conversation_id=row.conversation_id,
        channel=cast("Channel", row.channel),
        event=row.event,
        target=row.target,
        receiver=row.receiver,
        state=cast("State", row.state),
        created_at=row.created_at,
        due_at=row.due_at,
        content=row.content,
        attempts=tuple(
            Attempt(datetime.fromisoformat(tried["at"]), tried["ok"], tried["said"], tried["ms"])
            for tried in row.attempts
        ),
    )
