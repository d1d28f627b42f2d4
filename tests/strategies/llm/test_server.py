"""A model behind a server that is scripted to fail in every way servers fail."""

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from strategies.base import Question, Strategy
from strategies.errors import Misconfigured, NoAnswer, Unavailable
from strategies.events import Decision, Event, Token, Usage, collect
from strategies.llm import Llm, LlmOptions
from strategies.streams import stream_of
from strategies.testing import StrategyContract, kit, said
from tests.strategies.llm.model_server import ModelServer, Reply, model_server
from tests.strategies.passages import WARRANTY

ASKED = Question("How long is the warranty?", passages=(WARRANTY,), language="en")


@pytest.fixture
def serve() -> Iterator[Callable[..., tuple[ModelServer, Llm]]]:
    """A server that gives these replies, and the strategy that asks it."""
    running = []

    def serve(*replies: Reply, **options: Any) -> tuple[ModelServer, Llm]:
        context = model_server(*replies)
        server = context.__enter__()
        running.append(context)
        options = {"first_token_seconds": 60, "between_tokens_seconds": 60, "model": "scripted", **options}
        return server, Llm.make(LlmOptions(base_url=server.url, **options), kit(named="chat"))

    yield serve
    for context in running:
        context.__exit__(None, None, None)


class TestServer(StrategyContract):
    @pytest.fixture
    def strategy(self, serve: Any) -> Strategy:
        return serve(Reply(["It lasts ", "24 months."]))[1]  # type: ignore[no-any-return]


def test_what_the_server_streams_is_the_answer(serve: Any) -> None:
    usage = {"prompt_tokens": 200, "completion_tokens": 4, "total_tokens": 204}
    server, llm = serve(Reply(["It lasts", " 24", " months."], usage=usage), api_key="sk-1", temperature=0.5)
    events = said(llm, ASKED)
    assert [event.text for event in events if isinstance(event, Token)] == ["It lasts", " 24", " months."]
    spent = collect(events).usage
    assert spent.prompt_tokens + spent.passage_tokens == 200
    assert 10 < spent.passage_tokens < 100
    assert spent.completion_tokens == 4
    assert spent.model == "scripted"
    assert spent.estimated
    asked = server.asked[0]
    assert asked["model"] == "scripted"
    assert asked["temperature"] == 0.5
    assert asked["max_tokens"] == 512
    assert asked["stream_options"] == {"include_usage": True}
    assert server.keys == ["Bearer sk-1"]


def test_a_server_that_does_not_count_is_estimated(serve: Any) -> None:
    usage = collect(said(serve(Reply(["It lasts 24 months."]))[1], ASKED)).usage
    assert usage.estimated
    assert usage.prompt_tokens > 50
    assert usage.completion_tokens == 5


def test_a_key_may_be_kept_in_a_file(serve: Any, tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-file\n")
    server, llm = serve(Reply(), api_key_file=tmp_path / "key")
    said(llm, ASKED)
    assert server.keys == ["Bearer sk-file"]
    with pytest.raises(Misconfigured, match="cannot be read: No such file"):
        serve(Reply(), api_key_file=tmp_path / "missing")


def test_a_server_is_asked_to_repeat_less_only_where_that_is_wanted(serve: Any) -> None:
    for options, asked in (({}, {}), ({"frequency_penalty": 0.5}, {"frequency_penalty": 0.5})):
        server, llm = serve(Reply(), **options)
        said(llm, ASKED)
        assert {name: told for name, told in server.asked[0].items() if name == "frequency_penalty"} == asked


def test_a_server_that_says_the_same_again_and_again_is_hung_up_on(serve: Any) -> None:
    server, llm = serve(Reply(["It lasts 24 months. ", "Ask ", "the shop.\n"], endless=True))
    events = said(llm, ASKED)
    assert server.left.wait(60)
    assert collect(events).text.strip() == "It lasts 24 months. Ask the shop."
    assert collect(events).usage.completion_tokens > 20, "what was not shown is paid for"
    why = "the model said the same again and again: 'It lasts 24 months. Ask the shop.'"
    assert events[-1] == Decision("chat", "the answer was stopped", why)


def test_thoughts_that_go_round_in_a_circle_are_stopped_too(serve: Any) -> None:
    server, llm = serve(Reply(["<think>", *["Let me think about it. "] * 3], endless=True))
    with pytest.raises(NoAnswer, match="wrote nothing") as caught:
        said(llm, ASKED)
    assert server.left.wait(60)
    usage, stopped = caught.value.events
    assert isinstance(usage, Usage)
    assert isinstance(stopped, Decision)
    assert "Let me think about it." in stopped.why


def test_a_customer_who_leaves_ends_the_connection(serve: Any) -> None:
    server, llm = serve(Reply(["word ", 0.01], endless=True))
    with closing(stream_of(llm, ASKED)) as stream:
        next(event for event in stream if isinstance(event, Token))
        assert not server.left.is_set()
    assert server.left.wait(60)


@pytest.mark.parametrize(
    ("reply", "error", "sentence"),
    [
        (Reply(status=500, error="boom"), Unavailable, "failed (500: "),
        (Reply(status=503, error="loading"), Unavailable, "failed (503: "),
        (Reply(status=429, error="slow down"), Unavailable, "asked too often"),
        (
            Reply(status=401, error="bad key"),
            Misconfigured,
            "refused the key (401); set api_key or api_key_file",
        ),
        (Reply(status=403, error="no"), Misconfigured, "refused the key (403)"),
        (Reply(status=404, error="no such model"), Misconfigured, "does not know the model 'scripted'"),
        (Reply(status=422, error="unknown field"), Misconfigured, "refused the request (422: "),
        (Reply(status=400, error="maximum context length is 512 tokens"), Unavailable, "set context_tokens"),
        (Reply(raw="<html>It works!</html>"), Misconfigured, "check base_url"),
    ],
)
def test_a_fault_is_a_sentence_that_says_whether_waiting_helps(
    serve: Any, reply: Reply, error: type, sentence: str
) -> None:
    _, llm = serve(reply)
    with pytest.raises(error) as caught:
        llm.warm_up()
    assert sentence in str(caught.value)
    assert "strategy 'chat': the model server http://127.0.0.1" in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "patience", "sentence"),
    [
        (Reply(["It ", "lasts "], break_off=True), 60, "broke off"),
        (Reply(["It ", "lasts "], finish=None), 60, "broke off in the middle"),
        (Reply(["It lasts ", 60.0, "24"], finish="stop"), 0.3, "silent for too long"),
    ],
)
def test_what_was_said_before_the_server_broke_off_is_kept_and_paid(
    serve: Any, reply: Reply, patience: float, sentence: str
) -> None:
    _, llm = serve(reply, between_tokens_seconds=patience)
    heard: list[Event] = []
    with pytest.raises(Unavailable, match=sentence):
        hear(llm, heard)
    answer = collect(heard)
    assert answer.text == "It lasts "
    assert answer.usage.completion_tokens > 0


def hear(llm: Llm, heard: list[Event]) -> None:
    for event in llm.stream(ASKED):
        heard.append(event)  # noqa: PERF402 - what came before an error counts


@pytest.mark.parametrize(
    "reply", [Reply(silent=60.0), Reply([60.0, "late"]), Reply(["late"], keep_alive=60.0)]
)
def test_a_server_that_does_not_begin_is_given_up_even_when_it_keeps_the_line_alive(
    serve: Any, reply: Reply
) -> None:
    _, llm = serve(reply, first_token_seconds=0.3)
    llm.warm_up()
    began = time.monotonic()
    with pytest.raises(Unavailable, match=r"in time|silent for too long"):
        said(llm, ASKED)
    assert time.monotonic() - began < 30


def test_a_slow_customer_is_not_taken_for_a_silent_server(serve: Any) -> None:
    _, llm = serve(Reply(["It ", "lasts ", "24."]), between_tokens_seconds=1)
    stream = llm.stream(ASKED)
    heard = [next(event for event in stream if isinstance(event, Token))]
    time.sleep(1.5)
    assert collect([*heard, *stream]).text == "It lasts 24."


def test_a_server_that_is_down_is_unavailable_and_tried_again_later(serve: Any) -> None:
    server, llm = serve(Reply(status=503, error="loading"))
    with pytest.raises(Unavailable):
        llm.warm_up()
    server.replies[:] = [Reply(["Now."])]
    assert collect(said(llm, ASKED)).text == "Now."


def test_a_server_that_is_not_there_is_unavailable() -> None:
    llm = Llm.make(LlmOptions(model="m", base_url="http://127.0.0.1:9/v1"), kit())
    with pytest.raises(Unavailable, match="cannot be reached"):
        llm.warm_up()


def test_a_server_that_refuses_to_count_is_asked_without(serve: Any) -> None:
    server, llm = serve(Reply(status=422, error="stream_options: unknown field"), Reply(["Fine."]))
    llm.warm_up()
    assert collect(said(llm, ASKED)).text == "Fine."
    assert "stream_options" not in server.asked[-1]


def test_the_model_abstains_and_the_next_strategy_may_answer(serve: Any) -> None:
    usage = {"prompt_tokens": 90, "completion_tokens": 3, "total_tokens": 93}
    _, llm = serve(Reply(["NO", "_ANS", "WER"], usage=usage))
    with pytest.raises(NoAnswer) as caught:
        said(llm, ASKED)
    (spent,) = caught.value.events
    assert isinstance(spent, Usage)
    assert spent.completion_tokens == 3


def test_an_answer_that_was_cut_off_says_so(serve: Any) -> None:
    answer = collect(said(serve(Reply(["It lasts"], finish="length"), max_tokens=2)[1], ASKED))
    assert [(each.what, each.why) for each in answer.decisions] == [
        ("the answer was cut off", "max_tokens is 2")
    ]
