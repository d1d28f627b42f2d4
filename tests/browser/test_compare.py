"""Operators bring questions, ask two strategies, read who is better and why, and make one live."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from io import BytesIO

import pytest
from flask import Flask
from playwright.sync_api import FilePayload, expect

from bot.evaluation.decision import Rules
from bot.kotae import Kotae
from bot.settings import Settings
from tests.bot.test_jobs import until
from tests.browser.colleague import JAPANESE, OUTSIDE, SIDEWAYS, Arrive, Colleague
from tests.browser.sites import served

GUIDE = (
    b"# Kettle guide\n\n## Warranty\n\n"
    b"The kettle is under warranty for 30 months from the day of delivery.\n\n"
    b"## Colours\n\nThe kettle comes in black, white and green.\n"
)
QUESTIONS = [
    {
        "id": "warranty",
        "question": "How long is the warranty of the kettle?",
        "facts": ["30 months"],
        "tags": ["number"],
    },
    {"id": "colour", "question": "Which colours does the kettle come in?", "facts": ["black", "green"]},
    {"id": "cup", "question": "Who won the football world cup in 1990?", "answerable": False},
]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={
            "strategies": {**settings.strategies, "twin": {"use": "rag", "inner": "quotes", "k": 4}},
            "gate": Rules(questions_at_least=2),
        }
    )


@pytest.fixture
def address(app: Flask, kotae: Kotae) -> Iterator[str]:
    """Where this installation is reached; nothing is worked off before somebody has looked."""
    kotae.library.ingest(kotae.library.receive(BytesIO(GUIDE), "guide.md").document.id)
    with served(app) as origin:
        yield origin
    kotae.jobs.stop()


@pytest.mark.timeout(300)
def test_an_operator_compares_reads_why_and_makes_the_better_one_live(
    operator: Colleague, kotae: Kotae
) -> None:
    page = operator.opens("compare").page
    lines = "\n".join(map(json.dumps, QUESTIONS)).encode()
    page.get_by_label("File (JSON lines or CSV)").set_input_files(
        FilePayload(name="kettle.jsonl", mimeType="", buffer=lines)
    )
    page.get_by_role("button", name="Bring or make it").click()
    expect(page.get_by_role("heading", name="kettle")).to_be_visible()
    page.get_by_role("link", name="Ask them").click()
    expect(page.get_by_label("manuals")).to_be_checked()
    page.get_by_label("parrot").check()
    page.get_by_label("twin").check()
    page.get_by_role("button", name="Ask them").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    kotae.jobs.start()
    page.get_by_role("link", name="Show what came of it").click(timeout=120_000)  # comes by itself
    expect(page.get_by_role("heading", name="Side by side")).to_be_visible()

    ahead = page.get_by_role("link", name=re.compile("manuals right, parrot not: 3 questions"))
    ahead.click()
    expect(page.locator("article")).to_have_count(3)
    expect(page.locator("mark").first).to_be_visible()
    page.get_by_role("link", name="How long is the warranty of the kettle?").click()
    page.get_by_text(re.compile(r"What it read: \d passages?")).first.click()
    expect(page.locator(".passage").first).to_contain_text("30 months")
    page.get_by_role("link", name="kettle", exact=True).click()

    page.get_by_text("Make it live all the same").click()
    page.get_by_role("button", name="Make live against the rules").click()
    expect(page.get_by_label("Why? The audit keeps it with your name.")).to_be_focused()  # it is needed
    assert kotae.switch.name() == "manuals"
    page.get_by_role("button", name="Make live: twin").click()
    expect(page.get_by_text("twin answers from the next question on.")).to_be_visible()
    assert kotae.switch.name() == "twin"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("options", [{"width": 360, "color_scheme": "dark", "language": "ja"}])
def test_every_page_fits_a_telephone_and_speaks_japanese(
    signed_in: Arrive, kotae: Kotae, options: dict[str, object]
) -> None:
    lines = BytesIO("\n".join(map(json.dumps, QUESTIONS)).encode())
    kotae.question_sets.import_(lines, "kettle.jsonl", "kettle", by="ann")
    colleague = signed_in("operator", **options)
    kotae.jobs.start()
    run = kotae.evaluations.start("kettle", ["manuals", "parrot", "twin"], by="ann")
    until(lambda: kotae.evaluations.run(run.id).ended, 120)
    kotae.drafts.begin("kettle", by="ann", count=1)
    until(lambda: kotae.drafts.list(run.set_id).total == 1, 120)
    page = colleague.page
    colleague.opens(f"compare/{run.id}")
    across = page.locator(".figures tr", has_text="正解の事実を含む割合").first.locator("td[data-label]")
    boxes = [cell.bounding_box() for cell in across.all()]
    assert len({box["y"] for box in boxes if box}) == 1  # to be compared: the strategies stand side by side
    assert len({box["x"] for box in boxes if box}) == 3
    assert page.locator("main").evaluate("main => main.scrollHeight") < 5000
    for path in (
        "compare",
        f"compare/{run.id}",
        f"compare/{run.id}/answers",
        f"compare/{run.id}/answers/warranty",
        f"compare/sets/{run.set_id}",
        f"compare/sets/{run.set_id}/drafts",
        f"compare/sets/{run.set_id}/questions/warranty",
        f"compare/{run.id}/report",
    ):
        colleague.opens(path)
        expect(page.locator("h1")).to_be_visible()
        assert page.evaluate(SIDEWAYS) == 0, path
        if not path.endswith("report"):
            assert page.locator("main").evaluate(OUTSIDE) == [], path
        assert JAPANESE.search(page.locator("body").inner_text()), path
