"""An operator moves the router's slider, is told what the budget buys, and sets it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from bot.kotae import Kotae
from bot.settings import Settings
from knowledge_base.database import now
from strategies.router import Attempt, Example, Learnt, Router
from strategies.router.fitting import fit
from strategies.router.head import file_of, save
from tests.browser.colleague import OUTSIDE, Arrive
from tests.browser.sites import served
from tests.routed import STRATEGIES, questions
from web.app import create_app

CONFIGURED = {**STRATEGIES, "router": {**STRATEGIES["router"], "spend": "ms"}}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", strategies=CONFIGURED, chat={"strategy": "router"})  # type: ignore[arg-type]


@pytest.fixture
def address(kotae: Kotae) -> Iterator[str]:
    with served(create_app(kotae)) as origin:
        yield origin


def learn(kotae: Kotae) -> None:
    """From what an evaluation would have found, with `parcels` slower than `kettles`."""
    router = kotae.strategies.get("router")
    assert isinstance(router, Router)
    examples = [
        Example(
            question.text,
            {
                "kettles": Attempt(question.facts[0] == ("30 months",), ms=10),
                "parcels": Attempt(question.facts[0] == ("three days",), ms=200),
            },
        )
        for question in questions()
    ]
    embed = kotae.library.embedder.embed_documents
    head = fit(Learnt(examples), embed, router.conditions(), now(), "support")
    save(head, file_of(kotae.settings.data, "router"))


def test_an_operator_sees_what_a_budget_buys_and_sets_it_on_a_small_screen(
    kotae: Kotae, signed_in: Arrive
) -> None:
    learn(kotae)
    operator = signed_in(width=360)
    operator.opens("router")
    slider, said = (
        operator.page.get_by_label("What an answer may spend on average"),
        operator.page.locator("output"),
    )
    expect(said).to_contain_text("kettles")
    everything = said.text_content()
    slider.press("Home")
    expect(said).to_contain_text("for 10 milliseconds on average")
    expect(said).not_to_have_text(everything or "")
    assert operator.page.evaluate(OUTSIDE, operator.page.locator("main").element_handle()) == []
    operator.presses("Set this budget")
    operator.is_told("The budget holds from the next question on.")
    expect(operator.page.get_by_text("Now: 10 milliseconds.")).to_be_visible()
    assert kotae.routers.standing("router").routing.budget == pytest.approx(10)
