"""A real OpenAI-compatible server, `transformers serve`, with a model made on the spot."""

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from bot.evaluation.drafts import by_a_model
from bot.evaluation.helper import Helpers
from bot.evaluation.judging import prefer
from bot.evaluation.values import Answered, AskedQuestion
from bot.settings import Helper
from strategies.base import Question, Strategy
from strategies.errors import Misconfigured
from strategies.events import Token, collect
from strategies.llm import Llm, LlmOptions
from strategies.rag import Rag
from strategies.registry import Strategies
from strategies.streams import stream_of
from strategies.testing import MemorySearch, StrategyContract, kit, said
from tests.strategies.llm.real_server import serving
from tests.strategies.passages import EVERYTHING, WARRANTY

pytestmark = pytest.mark.server
ASKED = Question("How long is the warranty?", passages=(WARRANTY,), language="en")


@pytest.fixture(scope="module")
def server(tiny_model: Path) -> Iterator[str]:
    with serving(tiny_model) as address:
        yield address


@pytest.fixture
def llm(server: str, tiny_model: Path) -> Llm:
    return Llm.make(
        LlmOptions(model=str(tiny_model), base_url=server, max_tokens=16, context_tokens=1024),
        kit(named="chat"),
    )


class TestRealServer(StrategyContract):
    @pytest.fixture
    def strategy(self, llm: Llm) -> Strategy:
        return llm


def test_it_streams_and_counts(llm: Llm) -> None:
    events = said(llm, ASKED)
    usage = collect(events).usage
    assert len([event for event in events if isinstance(event, Token)]) > 1
    assert usage.completion_tokens == 16
    assert usage.prompt_tokens > 50
    assert usage.passage_tokens > 10


def test_documents_are_answered_through_it(llm: Llm) -> None:
    answer = collect(Rag(MemorySearch(EVERYTHING), llm).stream(ASKED))
    assert answer.text
    assert answer.decisions[0].what == "found 1 passage"


def test_a_customer_who_leaves_does_not_keep_it_busy(server: str, tiny_model: Path) -> None:
    long = Llm.make(LlmOptions(model=str(tiny_model), base_url=server, max_tokens=800), kit())
    began = time.monotonic()
    with closing(stream_of(long, ASKED)) as stream:
        next(event for event in stream if isinstance(event, Token))
    assert collect(
        said(Llm.make(LlmOptions(model=str(tiny_model), base_url=server, max_tokens=16), kit()), ASKED)
    )
    assert time.monotonic() - began < 10


def test_a_model_that_babbles_has_no_opinion_and_drafts_nothing(server: str, tiny_model: Path) -> None:
    helper = Helpers(Helper(base_url=server, model=str(tiny_model)), Strategies({}, kit()), {}).get()
    question = AskedQuestion("w", "How long is the warranty?", "en", facts=(("24 months",),))
    opinion = prefer(question, Answered("w", "a", "24 months."), Answered("w", "b", "Good day."), helper)
    assert (opinion.choice, opinion.turned) == ("unread", False)
    assert opinion.prompt_tokens > 200, "and yet it is paid for"
    assert list(by_a_model([[WARRANTY]], helper)) == [None]


def test_a_model_that_it_does_not_have_is_a_sentence(server: str) -> None:
    wrong = Llm.make(LlmOptions(model="another", base_url=server), kit(named="chat"))
    with pytest.raises(Misconfigured, match=r"strategy 'chat'.*refused the request .400.*'another'"):
        wrong.warm_up()
