"""Erasure: how a customer is forgotten, wherever their words are kept.

    conversations     messages, ratings, notes, handoffs, deliveries and mail that waits, shadow answers,
                      the index of words: with the conversation's row
    candidates        those that came of them, and the pairs that these became, also found as documents
    question sets     the questions that were grown from them, in every version, and what strategies answered
    trainings         pairs and preferences in the folders of trainings; one that has not ended is given up
    adapters          that were taught one are marked: only training anew makes a model forget
    memory            answer caches and what was embedded, in every process

Exports are written when somebody asks and kept nowhere, preferences are read anew from what was said each
time: what is erased is in none that is made later. The audit says that it was done, by whom, and how much it
was; never what was said.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from bot.access import audit
from bot.answering.shelf import Shelf
from bot.conversations.conversation import UnknownConversation
from bot.store import forgetting, reading, wipe, writing
from bot.store.tables import (
    CandidateRow,
    ConversationRow,
    EvaluationAnswerRow,
    EvaluationRunRow,
    MessageRow,
    PairRow,
    SetQuestionRow,
)
from knowledge_base import catalogue
from strategies.lora.pairs.redaction import redact
from strategies.lora.shelf import Adapter
from strategies.lora.trust.lessons import KNOWN
from strategies.wording import bare

log = logging.getLogger(__name__)

WHY = "a customer it was taught from was erased"

Told = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True)
class Erased:
    """What was forgotten. `adapters` are those that were marked: only training anew makes them forget."""

    conversations: tuple[str, ...]
    messages: int = 0
    candidates: int = 0
    pairs: int = 0
    questions: int = 0  # of question sets
    adapters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Words:
    """What was said, as it may stand in a training: pairs that came of it, questions, and answers to them."""

    pairs: frozenset[tuple[str, str]]
    asked: frozenset[str]  # wordings
    answered: frozenset[str]

    def told(self, line: Mapping[str, Any]) -> bool:
        """Whether a pair or a preference is one of these, or a sample asks one."""
        question = str(line.get("question", ""))
        if (question, str(line.get("answer", ""))) in self.pairs:
            return True
        preferred = {str(line[name]) for name in ("chosen", "rejected") if name in line}
        if "step" not in line and not preferred & self.answered:
            return False
        return bare(question) in self.asked


class Erasure:
    """`untrain` takes pairs and preferences out of trainings and tells the adapters that came of these, by
    hash; `forget` empties the memory of this process.
    """

    def __init__(
        self,
        engine: sa.Engine,
        shelf: Shelf,
        untrain: Callable[[Told], Sequence[str]] = lambda _told: (),
        forget: Callable[[], None] = lambda: None,
    ) -> None:
        self._engine = engine
        self._shelf = shelf
        self._untrain = untrain
        self._forget = forget

    def conversations_of(self, customer_id: str) -> list[str]:
        """Those of a customer whose site signed who they are."""
        whose = sa.select(ConversationRow.id).where(ConversationRow.customer["id"].as_string() == customer_id)
        with reading(self._engine) as session:
            return list(session.scalars(whose))

    def of_the_same_customer(self, conversation_id: str) -> list[str]:
        """This conversation, and the others of its customer where their site signed who that is."""
        with reading(self._engine) as session:
            row = session.get(ConversationRow, conversation_id)
            if row is None:
                raise UnknownConversation(f"there is no conversation {conversation_id!r}")
            signed = str(row.customer.get("id", ""))
        return sorted({conversation_id, *(self.conversations_of(signed) if signed else ())})

    def erase(self, conversation_ids: Collection[str], *, by: str) -> Erased:
        """Forget these conversations and all that came of them. UnknownConversation when there are none."""
        ids = sorted(set(conversation_ids))
        with reading(self._engine) as session:
            _check(session, ids)
            said = _words(session, ids)
        # What cannot be found again once the conversation is gone comes first: after a crash in the middle,
        # whoever erases again finds all of the rest.
        adapters = self._marked(said)
        with writing(self._engine) as session:
            _check(session, ids)
            forgetting(session)
            erased = _taken(session, ids, tuple(adapter.called for adapter in adapters))
            catalogue.bump(session.connection())  # every process empties its answer cache
            figures = {name: value for name, value in asdict(erased).items() if name != "conversations"}
            for each in ids:
                audit.note(session, by, "erase conversation", each, **figures)
        self._forget()
        wipe(self._engine)
        return erased

    def _marked(self, said: Words) -> list[Adapter]:
        """The adapters that were taught one of the pairs or preferences, wherever that is written."""
        hashes = set(self._untrain(said.told))
        taught = [
            adapter
            for adapter in self._shelf.all()
            if adapter.hash in hashes or said.pairs & _lessons(adapter.path)
        ]
        self._shelf.mark(taught, WHY)
        return taught


def _check(session: Session, ids: Sequence[str]) -> None:
    known = set(session.scalars(sa.select(ConversationRow.id).where(ConversationRow.id.in_(ids))))
    if missing := next((each for each in ids if each not in known), "" if ids else "none"):
        raise UnknownConversation(f"there is no conversation {missing!r}")


def _words(session: Session, ids: Sequence[str]) -> Words:
    candidates, pairs = _came_of(session, ids)
    messages = sa.select(MessageRow.role, MessageRow.text).where(
        MessageRow.conversation_id.in_(ids), MessageRow.text != ""
    )
    said = [(role, redact(text).text) for role, text in session.execute(messages)]
    came_of = frozenset(
        [(row.question, row.answer) for row in candidates] + [(row.question, row.answer) for row in pairs]
    )
    asked = [text for role, text in said if role == "customer"]
    return Words(
        pairs=came_of,
        asked=frozenset(map(bare, (*asked, *(question for question, _ in came_of)))),
        answered=frozenset(text for role, text in said if role != "customer"),
    )


def _came_of(session: Session, ids: Sequence[str]) -> tuple[list[CandidateRow], list[PairRow]]:
    candidates = list(session.scalars(sa.select(CandidateRow).where(CandidateRow.conversation_id.in_(ids))))
    became = [row.pair_id for row in candidates if row.pair_id]
    return candidates, list(session.scalars(sa.select(PairRow).where(PairRow.id.in_(became))))


def _taken(session: Session, ids: Sequence[str], adapters: tuple[str, ...]) -> Erased:
    messages = session.scalar(
        sa.select(sa.func.count()).select_from(MessageRow).where(MessageRow.conversation_id.in_(ids))
    )
    candidates, pairs = _came_of(session, ids)
    for row in (*candidates, *pairs):
        session.delete(row)
    questions = _questions_taken(session, ids)
    session.execute(sa.delete(ConversationRow).where(ConversationRow.id.in_(ids)))
    return Erased(tuple(ids), messages or 0, len(candidates), len(pairs), questions, adapters)


def _questions_taken(session: Session, ids: Sequence[str]) -> int:
    """Out of every version of the question sets, with what was answered to them in comparisons."""
    rows = sa.select(SetQuestionRow).where(SetQuestionRow.conversation_id.in_(ids))
    found = list(session.scalars(rows))
    grown = {(row.set_id, row.question_id) for row in found}
    for set_id, question_id in grown:
        runs = sa.select(EvaluationRunRow.id).where(EvaluationRunRow.set_id == set_id)
        session.execute(
            sa.delete(EvaluationAnswerRow).where(
                EvaluationAnswerRow.run_id.in_(runs), EvaluationAnswerRow.question_id == question_id
            )
        )
    for row in found:
        session.delete(row)
    return len(grown)


def _lessons(adapter: Path) -> set[tuple[str, str]]:
    """The questions and answers that an adapter was taught, where it says so."""
    try:
        rows = [json.loads(line) for line in (adapter / KNOWN).read_text("utf-8").splitlines()]
        return {(str(row["question"]), str(row["answer"])) for row in rows}
    except FileNotFoundError:
        return set()
    except (OSError, ValueError, KeyError, TypeError):
        log.warning("what the adapter in %r was taught cannot be read", str(adapter))
        return set()
