"""Kotae's contract first, then this strategy's own promises."""

from datetime import datetime

import pytest
from kotae_opening_hours import OpeningHours, OpeningHoursOptions

from strategies.base import Question, Strategy
from strategies.errors import NoAnswer
from strategies.events import collect
from strategies.testing import StrategyContract

MONDAY_NOON = datetime(2026, 3, 2, 12, 0)
SUNDAY = datetime(2026, 3, 1, 12, 0)


def at(moment: datetime) -> OpeningHours:
    return OpeningHours(OpeningHoursOptions(monday="9:00-18:00"), now=lambda: moment)


class TestOpeningHours(StrategyContract):
    @pytest.fixture
    def strategy(self) -> Strategy:
        return at(MONDAY_NOON)

    @pytest.fixture
    def question(self) -> Question:
        return Question("Are you open now?", language="en")


@pytest.mark.parametrize(
    ("moment", "text", "language", "answer"),
    [
        (MONDAY_NOON, "Are you open?", "en", "We are open now. Today's hours are 9:00 to 18:00."),
        (
            MONDAY_NOON.replace(hour=20),
            "are you closed?",
            "en",
            "We are closed now. Today's hours are 9:00 to 18:00.",
        ),
        (SUNDAY, "Opening hours?", "en", "We are closed today."),
        (MONDAY_NOON, "営業時間は？", "ja", "ただいま営業中です。本日の営業時間は9:00から18:00までです。"),
    ],
)
def test_a_customer_reads_todays_hours(moment: datetime, text: str, language: str, answer: str) -> None:
    assert collect(at(moment).stream(Question(text, language=language))).text == answer


def test_another_question_is_left_to_the_next_strategy() -> None:
    with pytest.raises(NoAnswer):
        list(at(MONDAY_NOON).stream(Question("How do I descale the kettle?")))
