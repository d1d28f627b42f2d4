"""Office hours: when somebody may be asked for, in the desk's own time zone.

`mon-fri 09:00-17:30` is one line of them, and several lines add up; no line at all means always.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LINE = re.compile(
    rf"({'|'.join(DAYS)})(?:-({'|'.join(DAYS)}))?\s+(\d{{2}}):(\d{{2}})-(\d{{2}}):(\d{{2}})", re.ASCII
)
ACCEPTED = "a line such as 'mon-fri 09:00-17:30' is accepted, within one day"
AHEAD = 31  # days that are looked through for the next opening


@dataclass(frozen=True)
class Span:
    """A part of certain days of the week, up to and without its end."""

    days: frozenset[int]  # Monday is 0
    begins: time
    ends: time | None  # None is midnight

    def holds(self, moment: datetime) -> bool:
        at = moment.time()
        return moment.weekday() in self.days and self.begins <= at and (self.ends is None or at < self.ends)


@dataclass(frozen=True)
class Hours:
    spans: tuple[Span, ...] = ()
    zone: tzinfo = UTC
    closed: frozenset[date] = frozenset()  # whole days, such as holidays

    @classmethod
    def of(cls, lines: Iterable[str], zone: str, closed: Iterable[date] = ()) -> Hours:
        """Raises ValueError, whose message says what is accepted."""
        return cls(tuple(map(span, lines)), zone_of(zone), frozenset(closed))

    def open_at(self, moment: datetime) -> bool:
        local = moment.astimezone(self.zone)
        if local.date() in self.closed:
            return False
        return not self.spans or any(each.holds(local) for each in self.spans)

    def next_opening(self, moment: datetime) -> datetime | None:
        """When they begin again, in UTC; None while they last, or when nothing is near."""
        if self.open_at(moment):
            return None
        local = moment.astimezone(self.zone)
        begins = sorted({each.begins for each in self.spans} or {time()})
        for ahead in range(AHEAD + 1):
            day = local.date() + timedelta(days=ahead)
            for begin in begins:
                opening = datetime.combine(day, begin, self.zone)
                if opening > local and self.open_at(opening):
                    return opening.astimezone(UTC)
        return None


def span(line: str) -> Span:
    found = LINE.fullmatch(line.strip().lower())
    if not found:
        raise ValueError(f"{line!r}: {ACCEPTED}")
    first, last, *clock = found.groups()
    start, length = DAYS.index(first), (DAYS.index(last or first) - DAYS.index(first)) % 7 + 1
    from_hour, from_minute, to_hour, to_minute = map(int, clock)
    try:
        begins = time(from_hour, from_minute)
        ends = None if (to_hour, to_minute) == (24, 0) else time(to_hour, to_minute)
    except ValueError as fault:
        raise ValueError(f"{line!r}: {ACCEPTED}") from fault
    if ends is not None and ends <= begins:
        raise ValueError(f"{line!r}: {ACCEPTED}")
    return Span(frozenset((start + day) % 7 for day in range(length)), begins, ends)


def zone_of(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as fault:
        raise ValueError(f"{name!r}: a time zone such as 'Europe/Berlin' is accepted") from fault
