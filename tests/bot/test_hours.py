"""Office hours are the desk's own: its time zone, its lunch, its holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from bot.handoff.hours import Hours

DESK = Hours.of(
    ["mon-fri 09:00-12:00", "mon-fri 13:00-17:30", "sat 10:00-24:00"], "Asia/Tokyo", [date(2026, 11, 23)]
)


def tokyo(day: int, hour: int, minute: int = 0) -> datetime:
    """November 2026; the 2nd is a Monday. Tokyo is nine hours ahead all year."""
    return datetime(2026, 11, day, hour, minute, tzinfo=DESK.zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        (tokyo(2, 8, 59), False),
        (tokyo(2, 9), True),
        (tokyo(2, 12), False),  # lunch
        (tokyo(2, 17, 29), True),
        (tokyo(2, 17, 30), False),
        (tokyo(7, 23, 59), True),  # Saturday, to the end of the day
        (tokyo(8, 0), False),
        (tokyo(23, 10), False),  # a holiday
    ],
)
def test_the_desk_is_open_when_it_says(moment: datetime, is_open: bool) -> None:
    assert DESK.open_at(moment) is is_open


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        (tokyo(2, 12, 30), tokyo(2, 13)),
        (tokyo(2, 18), tokyo(3, 9)),
        (tokyo(6, 18), tokyo(7, 10)),
        (tokyo(22, 12), tokyo(24, 9)),  # over Sunday and the holiday
        (tokyo(2, 10), None),
    ],
)
def test_it_says_when_it_opens_again(moment: datetime, opens: datetime | None) -> None:
    assert DESK.next_opening(moment) == opens


def test_summer_time_is_that_of_the_desk() -> None:
    berlin = Hours.of(["mon-sun 09:00-17:00"], "Europe/Berlin")
    assert berlin.open_at(datetime(2026, 7, 1, 7, 30, tzinfo=UTC))
    assert not berlin.open_at(datetime(2026, 12, 1, 7, 30, tzinfo=UTC))


def test_without_hours_it_is_always_open_but_for_holidays() -> None:
    always = Hours.of([], "UTC", [date(2026, 12, 25)])
    assert always.open_at(datetime(2026, 12, 24, 3, tzinfo=UTC))
    assert always.next_opening(datetime(2026, 12, 25, 3, tzinfo=UTC)) == datetime(2026, 12, 26, tzinfo=UTC)


def test_a_week_that_turns_around_is_understood() -> None:
    weekend = Hours.of(["sat-mon 10:00-11:00"], "UTC")
    days = [weekend.open_at(datetime(2026, 11, day, 10, tzinfo=UTC)) for day in range(2, 9)]
    assert days == [True, False, False, False, False, True, True]


@pytest.mark.parametrize(
    "line", ["mon", "monday 09:00-17:00", "mon 9-17", "mon 17:00-09:00", "mon 09:00-25:00"]
)
def test_a_line_that_is_not_understood_says_what_is(line: str) -> None:
    with pytest.raises(ValueError, match="mon-fri 09:00-17:30"):
        Hours.of([line], "UTC")
