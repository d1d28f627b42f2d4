"""Knows when the shop is open: who asks gets today's hours, other questions go to the next strategy."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from datetime import datetime, time
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from strategies.base import Kit, Options, Question
from strategies.errors import NoAnswer
from strategies.events import Decision, Event, Token

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ASKS = re.compile(
    r"\b(open|closed?|opening hours|business hours)\b|営業|何時から|何時まで|開いて|閉まって", re.IGNORECASE
)
CLOCK = r"(?:[01]?\d|2[0-3]):[0-5]\d"
HOURS = rf"^({CLOCK}-{CLOCK})?$"


class OpeningHoursOptions(Options):
    """A day without hours is a day off."""

    timezone: str = Field(default="UTC", description="Where the shop is, as the tz database calls it.")
    monday: str = Field(default="", pattern=HOURS, description='Like "9:00-18:00".')
    tuesday: str = Field(default="", pattern=HOURS, description='Like "9:00-18:00".')
    wednesday: str = Field(default="", pattern=HOURS, description='Like "9:00-18:00".')
    thursday: str = Field(default="", pattern=HOURS, description='Like "9:00-18:00".')
    friday: str = Field(default="", pattern=HOURS, description='Like "9:00-18:00".')
    saturday: str = Field(default="", pattern=HOURS, description='Like "9:00-18:00".')
    sunday: str = Field(default="", pattern=HOURS, description='Like "9:00-18:00".')

    @field_validator("timezone")
    @classmethod
    def _exists(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError(f"there is no time zone {name!r}") from error
        return name


class OpeningHours:
    """Answers when the shop is open, in English and Japanese."""

    Options = OpeningHoursOptions

    def __init__(
        self,
        options: OpeningHoursOptions,
        named: str = "opening_hours",
        now: Callable[[], datetime] | None = None,
    ) -> None:
        self._zone = ZoneInfo(options.timezone)
        self._hours = [getattr(options, day) for day in DAYS]
        self._named = named
        self._now = now or (lambda: datetime.now(self._zone))

    @classmethod
    def make(cls, options: OpeningHoursOptions, kit: Kit) -> OpeningHours:
        return cls(options, kit.named)

    def warm_up(self) -> None:
        """Nothing to load."""

    def stream(self, question: Question) -> Iterator[Event]:
        if not ASKS.search(question.text):
            raise NoAnswer("the question is not about opening hours")
        now = self._now()
        hours = self._hours[now.weekday()]
        yield Decision(self._named, f"it is {now:%A %H:%M}", detail={"hours": hours})
        yield Token(sentence(hours, is_open(hours, now.time()), japanese=question.language == "ja"))


def is_open(hours: str, at: time) -> bool:
    """Whether the shop is open at this time of a day with these hours."""
    if not hours:
        return False
    opens, closes = (datetime.strptime(clock, "%H:%M").time() for clock in hours.split("-"))
    return opens <= at < closes


def sentence(hours: str, now_open: bool, japanese: bool) -> str:
    """What a customer reads."""
    if not hours:
        return "本日は休業日です。" if japanese else "We are closed today."
    opens, closes = hours.split("-")
    if japanese:
        state = "営業中です" if now_open else "閉まっています"
        return f"ただいま{state}。本日の営業時間は{opens}から{closes}までです。"
    return f"We are {'open' if now_open else 'closed'} now. Today's hours are {opens} to {closes}."
