"""What the traffic was like: stored facts, classed and counted by the database when somebody looks.

    conversations ─▶ answered ─▶ handed over ─▶ resolved ─▶ reopened within 7 days      as they began
    answers          abstained · failed · rated · liked · tokens · p50, p95              as they were given

A class is a question to the facts and stored nowhere, so a better definition holds for the past as well:

* answered: at least one answer that neither abstained nor failed
* handed over: a person was asked for, by whatever way
* resolved: a person closed it as resolved; or its customer ended it after an answer, without a person
* reopened: its customer wrote again within 7 days of that

Days are UTC's. A conversation counts for the strategy that answered last in it, an answer for the one that
gave it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final, Literal

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from bot.settings import Price
from bot.store import reading
from bot.store.tables import ConversationRow, FeedbackRow, HandoffRow, MessageRow, ShadowRow
from knowledge_base.database import now

By = Literal["all", "strategy", "language", "day"]
BY: Final[tuple[By, ...]] = ("all", "strategy", "language", "day")
REOPENED_DAYS = 7
DAY_SECONDS = 24 * 3600
MILLION = 1_000_000
RESOLVED = "resolved"


@dataclass(frozen=True)
class Days:
    """From the first day to the last, both of them whole."""

    first: date
    last: date

    @classmethod
    def back(cls, n: int = 30) -> Days:
        """The last `n` days, today among them."""
        today = now().date()
        return cls(today - timedelta(days=n - 1), today)

    def __iter__(self) -> Iterator[date]:
        for n in range((self.last - self.first).days + 1):
            yield self.first + timedelta(days=n)

    def contain(self, moment: Any) -> sa.ColumnElement[bool]:
        begin = datetime.combine(self.first, time(), UTC)
        end = datetime.combine(self.last + timedelta(days=1), time(), UTC)
        return sa.and_(moment >= begin, moment < end)


@dataclass(frozen=True)
class Line:
    """What was counted of a strategy, a language, a day, or of all.

    Milliseconds are None where none were told, `cost` where no price is known for what was spent.
    """

    key: str
    conversations: int = 0
    answered: int = 0
    handed_over: int = 0
    resolved: int = 0
    reopened: int = 0
    answers: int = 0
    abstained: int = 0
    failed: int = 0
    rated: int = 0
    liked: int = 0
    first_p50: float | None = None
    first_p95: float | None = None
    end_p50: float | None = None
    end_p95: float | None = None
    prompt_tokens: int = 0
    passage_tokens: int = 0
    completion_tokens: int = 0
    estimated: int = 0  # answers whose tokens were not counted by the model's own tokenizer
    cost: float | None = None

    @property
    def liking(self) -> float | None:
        """Likes of what was rated."""
        return self.liked / self.rated if self.rated else None

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.passage_tokens + self.completion_tokens


SUMMED: Final = frozenset(
    (
        "conversations",
        "answered",
        "handed_over",
        "resolved",
        "reopened",
        "answers",
        "abstained",
        "failed",
        "rated",
        "liked",
        "prompt_tokens",
        "passage_tokens",
        "completion_tokens",
        "estimated",
    )
)
COLUMNS = tuple(one.name for one in fields(Line))[1:]


@dataclass(frozen=True)
class Overview:
    """`lines` by what they are counted by; `traffic` are the answers of a day, by strategy."""

    days: Days
    lines: Mapping[By, Sequence[Line]] = field(default_factory=dict)
    traffic: Mapping[date, Mapping[str, int]] = field(default_factory=dict)

    @property
    def total(self) -> Line:
        return self.lines["all"][0]

    def rows(self) -> Iterator[tuple[object, ...]]:
        """All of it as a table, its heads first."""
        yield ("by", "key", *COLUMNS)
        for by, lines in self.lines.items():
            for line in lines:
                yield (by, line.key, *(getattr(line, name) for name in COLUMNS))


class Traffic:
    """`prices` are by strategy, or else by model."""

    def __init__(self, engine: sa.Engine, prices: Mapping[str, Price]) -> None:
        self._engine = engine
        self._prices = prices

    def overview(self, days: Days, strategy: str = "", language: str = "") -> Overview:
        """Of all, or of one strategy or one language alone."""
        with reading(self._engine) as session:
            facts = Facts.read(session, days).only(strategy=strategy, language=language)
        lines = {by: self._lines(facts, days, by) for by in BY}
        return Overview(days, lines, facts.traffic(days))

    def strategies(self, days: Days) -> Mapping[str, Line]:
        """Each strategy that spoke, for its card."""
        with reading(self._engine) as session:
            facts = Facts.read(session, days)
        return {line.key: line for line in self._lines(facts, days, "strategy")}

    def shadows(self, days: Days) -> Mapping[str, Line]:
        """Each strategy that answered in the shadow, likewise."""
        with reading(self._engine) as session:
            counted = session.execute(_counted_shadows(days)).all()
            waits = session.execute(_shadows_waits(days)).all()
        facts = Facts((), counted, waits)
        return {line.key: line for line in self._lines(facts, days, "strategy")}

    def _lines(self, facts: Facts, days: Days, by: By) -> list[Line]:
        """One for each key, the most spoken to first; days in their order."""
        told: dict[str, dict[str, Any]] = defaultdict(lambda: defaultdict(int))
        waits: dict[str, dict[str, list[float]]] = defaultdict(lambda: {"first": [], "end": []})
        for rows in (facts.conversations, facts.answers):
            for row in rows:
                for name, value in row._mapping.items():
                    if name in SUMMED:
                        told[key_of(by, row)][name] += value
        for row in facts.waits:
            for name, value in (("first", row.ms_first), ("end", row.ms)):
                if value is not None:
                    waits[key_of(by, row)][name].append(value)
        costs = self._costs((key_of(by, row), row) for row in facts.answers)
        found = [
            Line(key, **{**values, **percentiles(waits.get(key, {}))}, cost=costs.get(key))
            for key, values in told.items()
        ]
        if by == "all":
            return found or [Line("")]
        if by == "day":
            known = {line.key: line for line in found}
            return [known.get(day.isoformat(), Line(day.isoformat())) for day in days]
        return sorted(found, key=lambda line: (-line.answers, -line.conversations, line.key))

    def _costs(self, rows: Iterable[tuple[str, Any]]) -> dict[str, float | None]:
        """At the price of the strategy, or else of its model; None where what was spent has no price."""
        sums: dict[str, float | None] = {}
        for key, row in rows:
            read, written = row.prompt_tokens + row.passage_tokens, row.completion_tokens
            price = self._prices.get(row.strategy) or self._prices.get(row.model)
            before = sums.get(key, 0.0)
            if price is None:
                sums[key] = None if read + written else before
            elif before is not None:
                sums[key] = before + (read * price.prompt + written * price.completion) / MILLION
        return sums


@dataclass(frozen=True)
class Facts:
    """What the database counted, by strategy, language and day at once; sums of it answer every question."""

    conversations: Sequence[Any]
    answers: Sequence[Any]  # … and by model
    waits: Sequence[Any]  # one of each answer

    @classmethod
    def read(cls, session: Session, days: Days) -> Facts:
        return cls(
            session.execute(_conversations(days)).all(),
            session.execute(_answers(days)).all(),
            session.execute(_waits(days)).all(),
        )

    def only(self, **wanted: str) -> Facts:
        """What is of these; an empty one does not matter."""
        asked = {name: value for name, value in wanted.items() if value}

        def fits(row: Any) -> bool:
            return all(getattr(row, name) == value for name, value in asked.items())

        return Facts(*(list(filter(fits, rows)) for rows in (self.conversations, self.answers, self.waits)))

    def traffic(self, days: Days) -> dict[date, dict[str, int]]:
        found: dict[date, dict[str, int]] = {each: {} for each in days}
        for row in self.answers:
            of_day = found[_date(row.day)]
            of_day[row.strategy] = of_day.get(row.strategy, 0) + row.answers
        return found


def key_of(by: By, row: Any) -> str:
    match by:
        case "all":
            return ""
        case "day":
            return _date(row.day).isoformat()
    return str(getattr(row, by) or "")


def percentiles(waits: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """The median and the 95th percentile, by nearest rank."""
    return {
        f"{name}_p{share}": sorted(values)[-(-share * len(values) // 100) - 1]
        for name, values in waits.items()
        if values
        for share in (50, 95)
    }


# ---- the classes, each a question to the facts ----

_last = aliased(MessageRow)
_later = aliased(MessageRow)

FAILED = sa.and_(MessageRow.error != "", ~MessageRow.partial)  # nothing was said


def _seconds(moment: Any) -> sa.ColumnElement[int]:
    return sa.cast(sa.extract("epoch", moment), sa.BigInteger)


def _answered() -> sa.ColumnElement[bool]:
    return sa.exists().where(
        MessageRow.conversation_id == ConversationRow.id,
        MessageRow.role == "bot",
        ~MessageRow.abstained,
        ~FAILED,
    )


def _handed_over(*conditions: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return sa.exists().where(HandoffRow.conversation_id == ConversationRow.id, *conditions)


def _wrote_again(conversation_id: Any, after: Any) -> sa.ColumnElement[bool]:
    """Its customer, within the days that count."""
    return sa.exists().where(
        _later.conversation_id == conversation_id,
        _later.role == "customer",
        _later.at > after,
        _seconds(_later.at) - _seconds(after) <= REOPENED_DAYS * DAY_SECONDS,
    )


def _classes() -> dict[str, sa.ColumnElement[bool]]:
    by_a_person = _handed_over(HandoffRow.outcome == RESOLVED)
    by_its_customer = sa.and_(ConversationRow.ended_at.is_not(None), _answered(), ~_handed_over())
    return {
        "answered": _answered(),
        "handed_over": _handed_over(),
        "resolved": sa.or_(by_a_person, by_its_customer),
        "reopened": sa.or_(
            _handed_over(
                HandoffRow.outcome == RESOLVED,
                HandoffRow.closed_at.is_not(None),
                _wrote_again(HandoffRow.conversation_id, HandoffRow.closed_at),
            ),
            sa.and_(by_its_customer, _wrote_again(ConversationRow.id, ConversationRow.ended_at)),
        ),
    }


def _answered_last() -> sa.ScalarSelect[str]:
    return (
        sa.select(_last.strategy)
        .where(_last.conversation_id == ConversationRow.id, _last.strategy != "")
        .order_by(_last.position.desc())
        .limit(1)
        .scalar_subquery()
    )


# ---- counting ----


def _conversations(days: Days) -> sa.Select[Any]:
    begun = sa.exists().where(MessageRow.conversation_id == ConversationRow.id)  # somebody said something
    keys = {
        "strategy": _answered_last(),
        "language": ConversationRow.language,
        "day": _day(ConversationRow.started_at),
    }
    each = (
        sa.select(*(value.label(name) for name, value in {**keys, **_classes()}.items()))
        .where(days.contain(ConversationRow.started_at), begun)
        .subquery()
    )
    counted = [_count(each.c[name]).label(name) for name in _classes()]
    groups = [each.c[name] for name in keys]
    return sa.select(*groups, sa.func.count().label("conversations"), *counted).group_by(*groups)


def _given(days: Days) -> tuple[sa.ColumnElement[bool], ...]:
    return MessageRow.role == "bot", days.contain(MessageRow.at)


def _answers(days: Days) -> sa.Select[Any]:
    each = (
        sa.select(
            MessageRow.strategy,
            MessageRow.language,
            MessageRow.model,
            _day(MessageRow.at).label("day"),
            MessageRow.abstained,
            sa.case((FAILED, True), else_=False).label("failed"),
            FeedbackRow.value,
            MessageRow.prompt_tokens,
            MessageRow.passage_tokens,
            MessageRow.completion_tokens,
            MessageRow.tokens_estimated,
        )
        .outerjoin(FeedbackRow)
        .where(*_given(days))
        .subquery()
    )
    groups = [each.c.strategy, each.c.language, each.c.model, each.c.day]
    return sa.select(
        *groups,
        sa.func.count().label("answers"),
        _count(each.c.abstained).label("abstained"),
        _count(each.c.failed).label("failed"),
        sa.func.count(each.c.value).label("rated"),
        _count(each.c.value == "up").label("liked"),
        sa.func.sum(each.c.prompt_tokens).label("prompt_tokens"),
        sa.func.sum(each.c.passage_tokens).label("passage_tokens"),
        sa.func.sum(each.c.completion_tokens).label("completion_tokens"),
        _count(each.c.tokens_estimated).label("estimated"),
    ).group_by(*groups)


def _waits(days: Days) -> sa.Select[*tuple[Any, ...]]:
    return sa.select(
        MessageRow.strategy,
        MessageRow.language,
        _day(MessageRow.at).label("day"),
        MessageRow.ms_first,
        MessageRow.ms,
    ).where(*_given(days))


def _counted_shadows(days: Days) -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(
            ShadowRow.strategy,
            ShadowRow.model,
            sa.func.count().label("answers"),
            _count(ShadowRow.abstained).label("abstained"),
            _count(ShadowRow.error != "").label("failed"),
            sa.func.sum(ShadowRow.prompt_tokens).label("prompt_tokens"),
            sa.func.sum(ShadowRow.passage_tokens).label("passage_tokens"),
            sa.func.sum(ShadowRow.completion_tokens).label("completion_tokens"),
        )
        .where(days.contain(ShadowRow.at))
        .group_by(ShadowRow.strategy, ShadowRow.model)
    )


def _shadows_waits(days: Days) -> sa.Select[*tuple[Any, ...]]:
    return sa.select(ShadowRow.strategy, ShadowRow.ms_first, ShadowRow.ms).where(days.contain(ShadowRow.at))


# ---- in either dialect ----


def _count(condition: Any) -> sa.Function[int]:
    return sa.func.sum(sa.case((condition, 1), else_=0))


def _day(moment: Any) -> sa.ColumnElement[int]:
    """As the days since 1970, which SQLite and PostgreSQL count alike."""
    return _seconds(moment) // DAY_SECONDS


@lru_cache(maxsize=1024)
def _date(number: int) -> date:
    return date(1970, 1, 1) + timedelta(days=int(number))
