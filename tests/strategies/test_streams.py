"""What an engine of the knowledge base does in the middle of an answer, strategies know what to make of."""

import pytest

from knowledge_base import errors
from strategies.base import Question
from strategies.errors import Misconfigured, Unavailable
from strategies.events import Token
from strategies.streams import stream_of
from strategies.testing import Scripted


@pytest.mark.parametrize(
    ("fault", "known_as"),
    [
        (errors.Unavailable("the embedding server is down"), Unavailable),
        (errors.Misconfigured("the embedding server refused the key"), Misconfigured),
    ],
)
def test_an_engine_that_fails_is_told_as_strategies_tell_it(
    fault: Exception, known_as: type[Exception]
) -> None:
    stream = stream_of(Scripted(Token("The kettle "), fault), Question("How much does it hold?"))
    assert next(stream) == Token("The kettle ")
    with pytest.raises(known_as, match=str(fault)):
        next(stream)
