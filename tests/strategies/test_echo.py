import pytest

from strategies.base import Question, Strategy
from strategies.echo import Echo
from strategies.events import collect
from strategies.testing import StrategyContract, kit


class TestEcho(StrategyContract):
    @pytest.fixture
    def strategy(self) -> Strategy:
        return Echo.make(Echo.Options(), kit())


def test_it_says_the_question_back_behind_the_operators_words() -> None:
    echo = Echo(before="You said:")
    assert collect(echo.stream(Question("is it  safe?"))).text == "You said: is it safe?"
