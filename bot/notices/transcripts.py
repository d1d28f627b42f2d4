"""The transcript that a customer has sent to themselves.

Whoever holds a conversation names the address, so the letter is made for a reader who may not have asked for
it: its subject and its first words are the operator's and say who had it sent, it holds no link that its
sender chose, and only so many go out of one conversation and to one address in a day.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot.conversations import transcript
from bot.conversations.conversation import Conversations
from bot.notices.deliveries import Deliveries
from bot.notices.mail import address
from bot.settings import Mail
from bot.store import writing
from bot.store.tables import DeliveryRow
from knowledge_base.database import now

EVENT: Final = "transcript"
DAY: Final = timedelta(days=1)


class TranscriptRefused(Exception):
    """The root of why no transcript is sent.

    * NotSent        customers are sent none here
    * NothingSaid    nobody has answered yet
    * TooManyLetters enough have gone out today
    """


class NotSent(TranscriptRefused):
    """There is no mail server, or `mail.transcripts` is 0."""


class NothingSaid(TranscriptRefused):
    """A letter with nothing but its sender's words would be a letter of theirs."""


class TooManyLetters(TranscriptRefused):
    """As many as `mail.transcripts` in a day, out of this conversation or to this address."""


class Transcripts:
    """`say` is the operator's sentence of a name in a language; answers to the letter go to `answers`."""

    def __init__(
        self,
        engine: sa.Engine,
        mail: Mail,
        say: Callable[[str, str], str],
        deliveries: Deliveries,
        answers: str = "",
        clock: Callable[[], datetime] = now,
    ) -> None:
        self._engine = engine
        self._mail = mail
        self._say = say
        self._deliveries = deliveries
        self._answers = answers
        self._clock = clock
        self._conversations = Conversations(engine)

    @property
    def offered(self) -> bool:
        """Whether customers may ask for one."""
        return bool(self._mail.host and self._mail.transcripts)

    def send(self, conversation_id: str, to: str, language: str) -> str:
        """Send it; what the customer is told. Raises TranscriptRefused, or BadAddress."""
        if not self.offered:
            raise NotSent("no mail is sent to customers here")
        to = address(to)
        conversation = self._conversations.get(conversation_id)
        if all(message.role == "customer" for message in conversation.messages):
            raise NothingSaid("nobody has answered in this conversation yet")
        note = self._say("transcript_note", language).replace("{email}", to)
        letter = {
            "subject": self._say("transcript_subject", language),
            "text": f"{note}\n\n{transcript.text(conversation, language, links=False)}",
            "reply_to": self._answers,
        }
        with writing(self._engine) as session:
            self._count(session, conversation_id, to)
            planned = self._deliveries.plan_letter(session, conversation_id, EVENT, to, letter)
        self._deliveries.send(planned)
        return self._say("transcript_sent", language).replace("{email}", to)

    def _count(self, session: Session, conversation_id: str, to: str) -> None:
        """Raises TooManyLetters."""
        today = sa.and_(DeliveryRow.event == EVENT, DeliveryRow.created_at > self._clock() - DAY)
        for same in (
            DeliveryRow.conversation_id == conversation_id,
            sa.func.lower(DeliveryRow.target) == to.lower(),
        ):
            sent = session.scalar(sa.select(sa.func.count()).select_from(DeliveryRow).where(today, same)) or 0
            if sent >= self._mail.transcripts:
                raise TooManyLetters(f"transcripts that have been sent today: {sent}")
