"""What people would rather be told: learned from their ratings and from operators' corrections.

    an answer that an operator corrected, once an admin accepted it   correction ≻ answer
    an answer with a thumb down, where the desk has a pair             pair ≻ answer
    two answers to one question, one liked and one not                 liked ≻ disliked

Nothing is stored: the preferences are read from what was said each time, so whoever is erased, or takes a
thumb back, is out of the next tuning. Personal data is taken out of questions and answers alike.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from bot.store import reading
from bot.store.tables import CandidateRow, FeedbackRow, MessageRow, PairRow
from bot.teaching.pairs import Pairs
from strategies.lora.pairs.preferences import Preference, write
from strategies.lora.pairs.redaction import redact
from strategies.wording import bare, folded


@dataclass(frozen=True)
class Rated:
    """An answer with a thumb, to the first question of its conversation."""

    question: str
    answer: str
    liked: bool


class Preferences:
    def __init__(self, engine: sa.Engine, pairs: Pairs) -> None:
        self._engine = engine
        self._pairs = pairs

    def all(self) -> Sequence[Preference]:
        """Each once, corrections first."""
        with reading(self._engine) as session:
            found = [*corrected(session), *self._rated(list(rated(session)))]
        cleaned = map(without_persons, found)
        differ = [one for one in cleaned if folded(one.chosen) != folded(one.rejected)]
        return list({one.key: one for one in reversed(differ)}.values())[::-1]

    def export(self, stream: BinaryIO) -> int:
        """Write them as OpenAI reads them, and say how many."""
        found = self.all()
        write(found, stream)
        return len(found)

    def _rated(self, answers: Iterable[Rated]) -> Iterator[Preference]:
        liked: dict[str, list[Rated]] = defaultdict(list)
        disliked: dict[str, list[Rated]] = defaultdict(list)
        for one in answers:
            (liked if one.liked else disliked)[bare(one.question)].append(one)
        desk: dict[str, list[str]] = defaultdict(list)
        for pair in self._pairs.all():
            desk[pair.wording].append(pair.answer)
        for wording, wrong in disliked.items():
            better = [*desk[wording], *(one.answer for one in liked[wording])]
            for one in wrong:
                yield from (Preference(one.question, answer, one.answer, "rating") for answer in better)


def corrected(session: Session) -> Iterator[Preference]:
    """What an admin made a pair of, before what it corrects."""
    rows = (
        sa.select(CandidateRow.question, PairRow.answer, MessageRow.text)
        .join(MessageRow, MessageRow.id == CandidateRow.message_id)
        .join(PairRow, PairRow.id == CandidateRow.pair_id)
        .where(CandidateRow.state == "accepted", PairRow.withdrawn == "", *_was_said())
        .order_by(CandidateRow.position)
    )
    for question, better, said in session.execute(rows):
        yield Preference(question, better, said, "correction")


def rated(session: Session) -> Iterator[Rated]:
    """Of each conversation the answers to its first question: what follows leans on what was said before."""
    asked, other = aliased(MessageRow), aliased(MessageRow)

    def before_it(question: type[MessageRow]) -> sa.ColumnElement[bool]:
        return sa.and_(
            question.conversation_id == MessageRow.conversation_id,
            question.role == "customer",
            question.position < MessageRow.position,
        )

    rows = (
        sa.select(asked.text, MessageRow.text, FeedbackRow.value)
        .join(FeedbackRow, FeedbackRow.message_id == MessageRow.id)
        .join(asked, before_it(asked))
        .where(*_was_said(), asked.text != "", ~sa.exists().where(before_it(other), other.id != asked.id))
        .order_by(MessageRow.position)
    )
    for question, text, value in session.execute(rows):
        yield Rated(question, text, value == "up")


def without_persons(preference: Preference) -> Preference:
    return Preference(
        redact(preference.question).text,
        redact(preference.chosen).text,
        redact(preference.rejected).text,
        preference.source,
    )


def _was_said() -> tuple[sa.ColumnElement[bool], ...]:
    """The answers that say something, whole."""
    return (
        MessageRow.role == "bot",
        MessageRow.text != "",
        MessageRow.abstained.is_(False),
        MessageRow.partial.is_(False),
        MessageRow.erased_at.is_(None),
    )
