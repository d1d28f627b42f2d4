"""Questions that got no answer, those that mean the same together: the most wanted pair stands first.

Two questions of one language are the same when the embedder says so. Of a script that it hardly knows all
texts are near to it; there they must also share words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.orm import aliased

from bot.reports.overview import FAILED, Days
from bot.store import reading
from bot.store.tables import MessageRow
from knowledge_base.words import terms
from strategies.base import Embedder

MOST = 300  # different questions that are compared; the newest
SAME = 0.68  # cosine
SHARED = 0.33  # of the words of both, in a language without spaces, where the cosine says less
HARDLY = 0.6  # … and the cosine that is asked for there
WITHOUT_SPACES = ("ja", "zh")


@dataclass(frozen=True)
class Unanswered:
    """A question, the answer that was none, and where."""

    question: str
    language: str
    at: datetime
    message_id: str
    conversation_id: str
    strategy: str
    failed: bool = False  # it broke; else it abstained


@dataclass(frozen=True)
class Group:
    """Questions that mean the same, the newest first."""

    asked: tuple[Unanswered, ...]
    wordings: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, asked: Sequence[Unanswered]) -> Group:
        return cls(tuple(asked), tuple(dict.fromkeys(one.question for one in asked)))

    @property
    def newest(self) -> Unanswered:
        return self.asked[0]

    @property
    def usual(self) -> str:
        """The wording that was typed most often; of several the newest."""
        return Counter(one.question for one in self.asked).most_common(1)[0][0]


class UnansweredQuestions:
    def __init__(self, engine: sa.Engine, embedder: Embedder) -> None:
        self._engine = engine
        self._embedder = embedder

    def groups(self, days: Days, strategy: str = "", language: str = "", most: int = MOST) -> Sequence[Group]:
        """The most often asked first; of all, or of one strategy or one language alone."""
        asked = [
            one
            for one in self.list(days)
            if strategy in ("", one.strategy) and language in ("", one.language)
        ]
        wordings = dict.fromkeys((one.language, one.question) for one in asked)
        chosen = list(wordings)[:most]
        placed = dict(zip(chosen, self._placed(chosen), strict=True))
        piles: dict[int, list[Unanswered]] = {}
        for one in asked:
            if (place := placed.get((one.language, one.question))) is not None:
                piles.setdefault(place, []).append(one)
        groups = map(Group.of, piles.values())
        return sorted(groups, key=lambda group: (-len(group.asked), -group.newest.at.timestamp()))

    def list(self, days: Days) -> Sequence[Unanswered]:
        """The newest first."""
        with reading(self._engine) as session:
            return [
                Unanswered(**row._mapping)
                for row in session.execute(_unanswered(days.contain(MessageRow.at)))
            ]

    def of_messages(self, message_ids: Sequence[str]) -> Sequence[Unanswered]:
        """Those to which these answers were none, the newest first."""
        with reading(self._engine) as session:
            rows = session.execute(_unanswered(MessageRow.id.in_(message_ids)))
            return [Unanswered(**row._mapping) for row in rows]

    def any(self, since: datetime | None) -> bool:
        """Whether a question got no answer since then; ever, for None."""
        when = [MessageRow.at > since] if since else []
        with reading(self._engine) as session:
            return session.execute(_unanswered(*when).limit(1)).first() is not None

    def same_as(
        self, asked: Sequence[tuple[str, str]], known: Sequence[tuple[str, str]]
    ) -> Sequence[int | None]:
        """The place of the known question that each means; both are a language with a text."""
        placed = self._placed([*known, *asked])[len(known) :]
        return [place if place < len(known) else None for place in placed]

    def _placed(self, wordings: Sequence[tuple[str, str]]) -> Sequence[int]:
        """The number of the group that each belongs to: that of the first one it is the same as."""
        if not wordings:
            return []
        vectors = np.asarray(self._embedder.embed_questions([text for _, text in wordings]), dtype=np.float32)
        words = [frozenset(terms(text)) for _, text in wordings]
        leaders: list[int] = []
        placed: list[int] = []
        for number, (language, _) in enumerate(wordings):
            spaceless = language in WITHOUT_SPACES
            near = (
                leader
                for leader in _nearest(vectors, number, leaders, HARDLY if spaceless else SAME)
                if wordings[leader][0] == language
                and (not spaceless or _shared(words[number], words[leader]) >= SHARED)
            )
            leader = next(near, number)
            if leader == number:
                leaders.append(number)
            placed.append(leader)
        return placed


def _nearest(vectors: Any, number: int, leaders: Sequence[int], cosine: float) -> Iterator[int]:
    """The leaders that are near enough, the nearest first."""
    if not leaders:
        return
    cosines = vectors[list(leaders)] @ vectors[number]
    for place in np.argsort(-cosines):
        if cosines[place] < cosine:
            return
        yield leaders[int(place)]


def _shared(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / (len(one | other) or 1)


def _unanswered(*which: sa.ColumnElement[bool]) -> sa.Select[Any]:
    asked = aliased(MessageRow)
    question = (
        sa.select(sa.func.max(asked.position))
        .where(
            asked.conversation_id == MessageRow.conversation_id,
            asked.role == "customer",
            asked.position < MessageRow.position,
        )
        .scalar_subquery()
    )
    said = aliased(MessageRow)
    return (
        sa.select(
            said.text.label("question"),
            said.language,
            MessageRow.at,
            MessageRow.id.label("message_id"),
            MessageRow.conversation_id,
            MessageRow.strategy,
            sa.case((FAILED, True), else_=False).label("failed"),
        )
        .join(said, said.position == question)
        .where(
            MessageRow.role == "bot",
            ~MessageRow.replaced,
            sa.or_(MessageRow.abstained, FAILED),
            said.text != "",
            *which,
        )
        .order_by(MessageRow.position.desc())
    )
