"""A LangChain Runnable that somebody has already becomes a strategy."""

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.messages import AIMessageChunk
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import Runnable, RunnableGenerator, RunnableLambda, RunnablePassthrough

from strategies.base import Question, Strategy, Turn
from strategies.errors import Misconfigured, NoAnswer, Unavailable
from strategies.events import Usage, collect
from strategies.runnable import FromRunnable
from strategies.testing import StrategyContract, kit, said
from tests.strategies.passages import WARRANTY


def _words(given: Iterator[dict[str, Any]]) -> Iterator[str]:
    for each in given:
        yield from ["You asked: ", each["question"]]


def _messages(given: Iterator[Any]) -> Iterator[AIMessageChunk]:
    for _ in given:
        yield AIMessageChunk("Hello ")
        yield AIMessageChunk("there.")
        counted = {"input_tokens": 9, "output_tokens": 2, "total_tokens": 11}
        yield AIMessageChunk("", usage_metadata=counted)  # type: ignore[arg-type]


def _shown(given: dict[str, Any]) -> str:
    document = given["passages"][0]
    said_by = [message.type for message in given["history"]]
    return f"{given['language']}|{said_by}|{document.metadata['title']}|{given['context']}"


def _crash(given: Any) -> str:
    raise ZeroDivisionError("oops")


words: Runnable[Any, Any] = RunnableGenerator(_words)
messages: Runnable[Any, Any] = RunnableGenerator(_messages)
shown: Runnable[Any, Any] = RunnableLambda(_shown)
crashing: Runnable[Any, Any] = RunnableLambda(_crash)
silent: Runnable[Any, Any] = RunnableLambda(lambda given: "")
chain = ChatPromptTemplate.from_messages(
    [("placeholder", "{history}"), ("user", "{question}")]
) | RunnableLambda(lambda prompt: f"{len(prompt.messages)} messages")
answering = RunnablePassthrough.assign(answer=words)


def factory() -> Runnable[Any, Any]:
    return words


nothing = 42
ASKED = Question("Is it safe?", (Turn("customer", "Hi"), Turn("operator", "Hello")), (WARRANTY,), "en")


def runnable(attribute: str, **options: Any) -> FromRunnable:
    return FromRunnable.make(FromRunnable.Options(target=f"{__name__}:{attribute}", **options), kit())


class TestFromRunnable(StrategyContract):
    @pytest.fixture
    def strategy(self) -> Strategy:
        return runnable("words")


@pytest.mark.parametrize(
    ("attribute", "text"),
    [
        ("words", "You asked: Is it safe?"),
        ("factory", "You asked: Is it safe?"),
        ("answering", "You asked: Is it safe?"),
        ("messages", "Hello there."),
        ("chain", "3 messages"),
        ("shown", f"en|['human', 'ai']|Warranty|{WARRANTY.text}"),
    ],
)
def test_whatever_it_streams_is_an_answer(attribute: str, text: str) -> None:
    assert collect(runnable(attribute).stream(ASKED)).text == text


def test_it_may_want_the_bare_question() -> None:
    assert collect(runnable("messages", input="text").stream(ASKED)).text == "Hello there."


def test_what_its_model_counted_is_kept() -> None:
    assert collect(runnable("messages").stream(ASKED)).usage == Usage(prompt_tokens=9, completion_tokens=2)


def test_when_it_crashes_it_is_unavailable_and_the_operator_reads_why() -> None:
    with pytest.raises(Unavailable, match="crashing failed: ZeroDivisionError: oops"):
        said(runnable("crashing"), ASKED)


def test_when_it_says_nothing_it_abstains() -> None:
    with pytest.raises(NoAnswer):
        said(runnable("silent"), ASKED)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("no_such_module:chain", "No module named 'no_such_module'"),
        (f"{__name__}:missing", "has no attribute 'missing'"),
        (f"{__name__}:nothing", "is a int, not a LangChain Runnable"),
    ],
)
def test_a_target_that_is_not_there_is_found_when_it_is_warmed(target: str, sentence: str) -> None:
    strategy = FromRunnable.make(FromRunnable.Options(target=target), kit(named="mine"))
    with pytest.raises(Misconfigured, match="strategy 'mine'") as caught:
        strategy.warm_up()
    assert sentence in str(caught.value)
