"""A router learns from an evaluation when it is told to, and from its open questions alone."""

from pathlib import Path

import pytest

from bot.answering.routing import RouterRefused, examples_of
from bot.conversations.turn import Ended
from bot.kotae import Kotae
from bot.settings import Settings
from strategies.router import head as heads
from strategies.router.head import file_of
from tests.people import Admin
from tests.routed import SET, STRATEGIES, evaluated, questions

BY = "operator@example.com"
ABOUT_A_KETTLE = "how long is the warranty of my blue kettle"
ABOUT_A_PARCEL = "when does my blue parcel arrive"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", strategies=STRATEGIES, chat={"strategy": "router"})  # type: ignore[arg-type]


def answer(kotae: Kotae, text: str) -> Ended:
    *_, ended = kotae.try_out(text)
    assert isinstance(ended, Ended)
    return ended


def test_it_learns_who_answers_what_and_chooses_by_it(kotae: Kotae) -> None:
    run = evaluated(kotae)
    assert answer(kotae, ABOUT_A_PARCEL).answer.text.startswith("30 months"), "the first of them, untrained"
    standing = kotae.routers.train("router", by=BY, run_id=run.id)
    assert standing.questions == len(questions())
    assert standing.routing.plan is not None
    assert standing.routing.plan.quality > max(one.quality for one in standing.singles)
    kotae.strategies.get("router").look()  # type: ignore[attr-defined]
    about_a_kettle, about_a_parcel = (answer(kotae, text).answer for text in (ABOUT_A_KETTLE, ABOUT_A_PARCEL))
    assert about_a_kettle.text.startswith("30 months"), about_a_kettle.decisions[0]
    assert about_a_parcel.text.startswith("three days"), about_a_parcel.decisions[0]


def test_no_held_out_question_is_read_whatever_the_evaluation_asked(
    kotae: Kotae, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = evaluated(kotae)
    assert any(question.part == "held-out" for question in kotae.evaluations.questions(run))
    embedded: list[str] = []
    embed = kotae.library.embedder.embed_documents

    def watched(texts: list[str]) -> list[list[float]]:
        embedded.extend(texts)
        return embed(texts)

    monkeypatch.setattr(kotae.library.embedder, "embed_documents", watched)
    kotae.routers.train("router", by=BY, run_id=run.id)
    assert sorted(embedded) == sorted(question.text for question in questions())


def test_the_newest_evaluation_of_a_set_is_meant_where_none_is_named(kotae: Kotae) -> None:
    evaluated(kotae)
    newest = evaluated(kotae)
    kotae.routers.train("router", by=BY, set_name=SET)
    assert kotae.audit.page(1)[0].detail["run"] == newest.id


def test_an_evaluation_that_did_not_ask_all_of_them_teaches_nothing(kotae: Kotae) -> None:
    run = evaluated(kotae, "kettles")
    with pytest.raises(RouterRefused, match="did not ask parcels"):
        kotae.routers.train("router", by=BY, run_id=run.id)
    with pytest.raises(
        RouterRefused, match="no finished evaluation of 'support' asked all of kettles, parcels"
    ):
        kotae.routers.train("router", by=BY, set_name=SET)


def test_after_a_document_came_the_evaluation_no_longer_holds_nor_does_what_was_learned(
    kotae: Kotae, admin: Admin
) -> None:
    run = evaluated(kotae)
    kotae.routers.train("router", by=BY, run_id=run.id)
    assert kotae.routers.standing("router").routing.fault == ""
    admin.uploads(("new.md", b"# News\n\nThe kettle is green.\n"))
    assert "the documents have changed" in kotae.routers.standing("router").routing.fault
    with pytest.raises(RouterRefused, match="documents have changed since the evaluation"):
        kotae.routers.train("router", by=BY, run_id=run.id)


def test_a_budget_is_kept_and_written_down(kotae: Kotae, settings: Settings) -> None:
    run = evaluated(kotae)
    kotae.routers.train("router", by=BY, run_id=run.id)
    assert kotae.routers.spend("router", 12.5, by=BY).routing.budget == 12.5
    assert kotae.audit.page(1)[0].what == "router budget"
    assert kotae.routers.spend("router", None, by=BY).routing.budget is None
    for wrong in (-1.0, float("nan"), float("inf")):
        with pytest.raises(RouterRefused, match="a number from 0 on"):
            kotae.routers.spend("router", wrong, by=BY)


def test_it_is_known_what_it_was_trained_on_by_content_and_when(kotae: Kotae, settings: Settings) -> None:
    run = evaluated(kotae)
    kotae.routers.train("router", by=BY, run_id=run.id)
    head = heads.load(file_of(settings.data, "router"))
    assert head is not None
    assert len(head.learned_from) == 64
    assert head.source.startswith("support, version ")
    assert head.conditions.index == kotae.library.version()


def test_an_answer_that_failed_teaches_nothing_of_what_a_strategy_knows(kotae: Kotae) -> None:
    from dataclasses import replace

    run = evaluated(kotae)
    asked, answers = kotae.evaluations.for_training(run)
    broken = asked[0].id
    answers["kettles"][broken] = replace(answers["kettles"][broken], error="Unavailable: gone")
    taught = list(examples_of(asked, answers, ["kettles", "parcels"]))
    assert len(taught) == len(asked) - 1


def test_a_router_that_is_not_configured_is_named_with_those_that_are(kotae: Kotae) -> None:
    with pytest.raises(RouterRefused, match="no router 'rooter'; configured: router"):
        kotae.routers.standing("rooter")
