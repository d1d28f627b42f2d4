"""What a model thinks of two strategies' answers: asked for on the page of a comparison, and told apart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot.kotae import Kotae
from bot.settings import Helper, Price, Settings
from tests.people import Admin, Operator
from tests.strategies.llm.model_server import ModelServer, Reply, model_server
from tests.web.test_compare_pages import GUIDE, file, text

JUDGE = "wise-1"


@pytest.fixture
def server() -> Iterator[ModelServer]:
    """A model that prefers the first it reads, whatever it is, and counts 50 tokens read and 2 written."""
    with model_server(Reply(["<think>hm</think>", "FIRST"], usage=counted(50, 2))) as server:
        yield server


def counted(read: int, written: int) -> dict[str, int]:
    return {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}


@pytest.fixture
def settings(settings: Settings, server: ModelServer) -> Settings:
    return settings.model_copy(
        update={
            "helper": Helper(base_url=server.url, model=JUDGE),
            "prices": {JUDGE: Price(prompt=10_000.0, completion=1000.0)},
        }
    )


@pytest.fixture
def compared(admin: Admin, kotae: Kotae) -> str:
    """A comparison of manuals and parrot, by its id."""
    admin.uploads(("guide.md", GUIDE))
    kotae.question_sets.import_(file()[0], "kettle.jsonl", "kettle", by="ann")
    run = kotae.evaluations.start("kettle", ["manuals", "parrot"], by="ann")
    kotae.jobs.drain()
    return run.id


@pytest.fixture
def reads(operator: Operator, kotae: Kotae, compared: str) -> Callable[..., str]:
    """The page after a model was let read."""

    def read(**more: str) -> str:
        fields = {"a": "parrot", "b": "manuals", **more}
        operator.sends(f"/console/compare/{compared}/opinions", **fields)
        kotae.jobs.drain()
        return operator.opens(f"/console/compare/{compared}").text

    return read


def test_each_pair_is_read_in_both_orders_and_what_turns_is_a_draw(
    reads: Callable[..., str], server: ModelServer, kotae: Kotae, compared: str
) -> None:
    page = text(reads())
    (found,) = kotae.opinions.of(compared)
    assert (found.a, found.b, found.judge) == ("manuals", "parrot", JUDGE)
    assert (found.draws, found.turned, found.a_better, found.b_better) == (3, 3, 0, 0)
    assert len(server.asked) == 6
    assert "3 turned with the order" in page
    assert "they take no part in the decision above" in page


def test_each_opinion_stands_at_its_question_and_leads_there(
    operator: Operator, reads: Callable[..., str], server: ModelServer, kotae: Kotae, compared: str
) -> None:
    parrot = [Reply(["SECOND"]), Reply(["FIRST"])]  # the parrot, wherever it stands
    turns, lost = [Reply(["FIRST"])] * 2, [Reply(["I like tea"])] * 2
    server.replies[:] = [*parrot, *turns, *lost]
    reads()
    answers = f"/console/compare/{compared}/answers?one=manuals&other=parrot"
    page = text(operator.opens(answers).text)
    assert page.count(f"{JUDGE} prefers parrot") == 1
    assert "its preference turned with the order" in page
    assert f"{JUDGE} was not understood" in page
    assert "What a model thinks decides nothing." in page
    for show, found in (("prefers-second", 1), ("prefers-first", 0), ("prefers-wrong", 1)):
        assert f"{found} of 3 questions" in text(operator.opens(f"{answers}&show={show}").text)
    asked = kotae.evaluations.questions(kotae.evaluations.run(compared))[0].id
    alone = text(operator.opens(f"/console/compare/{compared}/answers/{asked}").text)
    assert f"{JUDGE} prefers parrot (manuals · parrot)" in alone


def test_without_an_opinion_nobody_can_ask_for_one(operator: Operator, compared: str) -> None:
    page = operator.opens(f"/console/compare/{compared}/answers").text
    assert "a model prefers" not in page
    assert operator.opens(f"/console/compare/{compared}/answers?show=prefers-first").status_code == 200


def test_what_the_judge_costs_is_told(reads: Callable[..., str], kotae: Kotae, compared: str) -> None:
    page = text(reads())
    (found,) = kotae.opinions.of(compared)
    assert found.cost == pytest.approx(6 * (50 * 0.01 + 2 * 0.001))
    assert "3.01" in page
    assert "312 tokens" in page


def test_no_opinion_changes_the_decision(
    reads: Callable[..., str], server: ModelServer, kotae: Kotae, compared: str
) -> None:
    before = kotae.results.decision(kotae.results.of(compared), "parrot")
    server.replies[:] = [Reply(["SECOND"]), Reply(["FIRST"])] * 3  # the parrot, wherever it stands
    reads()
    (found,) = kotae.opinions.of(compared)
    assert found.b_better == 3
    assert kotae.results.decision(kotae.results.of(compared), "parrot") == before


def test_a_judge_that_is_away_is_told_and_what_was_read_is_not_read_again(
    reads: Callable[..., str], server: ModelServer, kotae: Kotae, compared: str
) -> None:
    server.replies[:] = [Reply(["FIRST"]), Reply(["FIRST"]), Reply(status=500, error="out of memory")]
    page = text(reads())
    assert "out of memory" in page
    assert "What was read is kept" in page
    server.replies[:] = [Reply(["EQUAL"])]
    server.asked.clear()
    page = text(reads())
    assert len(server.asked) == 4  # two of three questions, in both orders
    assert "out of memory" not in page
    (found,) = kotae.opinions.of(compared)
    assert (found.asked, found.turned) == (3, 1)


def test_only_so_many_are_read_as_the_operator_says(
    reads: Callable[..., str], kotae: Kotae, compared: str
) -> None:
    reads(most="1")
    assert kotae.opinions.of(compared)[0].asked == 1


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"b": "parrot"}, "choose two different strategies"),
        ({"a": "nobody"}, "was not asked; who was: manuals, parrot"),
        ({"strategy": "manuals"}, "is no `llm` strategy, whose model could be asked"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_reason(
    reads: Callable[..., str], fields: dict[str, str], why: str
) -> None:
    assert why in text(reads(**fields))


def test_it_is_cancelled_and_stands_in_the_report_in_both_languages(
    operator: Operator, reads: Callable[..., str], compared: str, kotae: Kotae
) -> None:
    path = f"/console/compare/{compared}"
    operator.sends(f"{path}/opinions", a="manuals", b="parrot")
    assert "data-under-way" in operator.opens(f"{path}/opinions").text
    operator.sends(f"{path}/opinions/cancel")
    kotae.jobs.drain()
    assert kotae.opinions.of(compared) == []
    reads()
    assert "What a model thinks" in operator.opens(f"{path}/report").text
    assert "言語モデルの意見" in operator.opens(f"{path}/report?language=ja").text


class TestWithoutAModel:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> Settings:
        return Settings(
            data=tmp_path / "data",
            strategies={"manuals": {"use": "rag", "inner": "quotes"}, "parrot": {"use": "echo"}},
        )

    def test_the_page_says_where_one_is_named(self, operator: Operator, compared: str) -> None:
        page = operator.opens(f"/console/compare/{compared}").text
        assert "name one in [helper] of kotae.toml" in page
        assert "Let it read" not in page
