"""Admins train the product model in a browser: pairs, the live curve, adapters."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import FilePayload, expect

from bot.kotae import Kotae
from strategies.lora.shelf import Proof
from strategies.lora.shelf.card import CURVE
from strategies.lora.testing import tiny_base
from strategies.lora.training import apart
from strategies.lora.training.work import Told, Work
from tests.bot.speakers import Helping, suggested
from tests.browser.colleague import JAPANESE, OUTSIDE, SIDEWAYS, Arrive, Colleague
from tests.browser.sites import at_work
from tests.browser.windows import until
from tests.strategies.lora.adapters import on_paper
from tests.strategies.lora.desk import pairs as desk_pairs
from tests.strategies.lora.desk import trained_here

LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmütze" * 2


def file_of(*entries: dict[str, object] | str, name: str = "desk.jsonl") -> FilePayload:
    lines = [entry if isinstance(entry, str) else json.dumps(entry) for entry in entries]
    return FilePayload(name=name, mimeType="", buffer="\n".join(lines).encode())


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_base(tmp_path_factory.mktemp("base")))


@pytest.fixture
def address(app: Flask, kotae: Kotae) -> Iterator[str]:
    """Where this installation is reached; trainings are worked off beside it, as in the real server."""
    with at_work(app, kotae) as origin:
        yield origin


@pytest.fixture
def desk(kotae: Kotae) -> None:
    """Pairs that were there before anybody came."""
    for pair in desk_pairs()[:6]:
        kotae.pairs.add(asdict(pair) | {"tags": list(pair.tags)}, by="ada")


class Slow:
    """A training that goes as far as a test lets it."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.said: list[Told] = []

    def run_apart(
        self, folder: Path, told: Callable[[Told], None], stopped: Callable[[], bool], threads: int = 1
    ) -> Path:
        reached = 0
        while not self.may_end.wait(0.05):
            stopped()  # raises when the admin cancels
            for one in self.said[reached:]:
                with (folder / CURVE).open("a") as curve:
                    curve.write(json.dumps(asdict(one)) + "\n")
                told(one)
            reached = len(self.said)
        work = Work(folder)
        return work.adapter if work.adapter.exists() else on_paper(work.adapter, work.job.name)

    def reaches(self, step: int, loss: float, held_out: float | None = None) -> None:
        self.said.append(Told(step, 100, step / 10, loss, held_out, 1e-3, 100.0 - step))


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> Iterator[Slow]:
    slow = Slow()
    monkeypatch.setattr(apart, "run_apart", slow.run_apart)
    yield slow
    slow.may_end.set()


@pytest.mark.timeout(600)
def test_an_admin_brings_pairs_trains_watches_proves_and_tries(
    admin: Colleague,
    kotae: Kotae,
    base: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(apart, "run_apart", trained_here)
    page = admin.opens("pairs").page
    expect(page.get_by_text("There is no pair yet.")).to_be_visible()
    entries = [asdict(pair) for pair in desk_pairs()]
    page.get_by_label("Import a file").set_input_files([file_of(*entries, {"question": ""})])
    admin.presses("Check the file")
    expect(page.get_by_role("heading", level=1)).to_contain_text("desk.jsonl")
    expect(page.get_by_text("Lines that cannot be taken")).to_be_visible()
    admin.presses("Keep 20 of the pairs, leave 1 line out")
    admin.is_told("New pairs: 20.")

    page.get_by_role("link", name="Train on them").click()
    page.get_by_label("Name").fill("spring")
    page.get_by_label("Base model").fill(base)
    page.get_by_text("Recipe").click()
    for label, value in (("Rank", "4"), ("Epochs", "2"), ("Batch", "4")):
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_label("Other wordings").uncheck()
    admin.presses("Train on 20 pairs")
    admin.is_told("spring is being trained.")
    page.evaluate("window.before = true")
    expect(page.get_by_role("link", name="To its adapter")).to_be_visible(timeout=120_000)
    assert page.evaluate("window.before")
    expect(page.locator("[data-state]")).to_have_text("Done")
    expect(page.locator("svg .held-out").first).to_have_attribute("d", re.compile("^M"))

    page.get_by_role("link", name="To its adapter").click()
    expect(page.get_by_role("heading", name="What it said on the way")).to_be_visible()
    admin.presses("Let it speak")
    admin.is_told("spring speaks from the next question on. Proven on")
    expect(page.get_by_role("row").filter(has_text="spring").first).to_contain_text("speaks now")

    page.get_by_role("searchbox", name="Question").fill("How large is your lamp?")
    admin.presses("Ask")
    for voice in ("The base without an adapter", "The adapter", "The nearest taught question"):
        expect(page.get_by_role("region", name=voice)).to_be_visible()


def test_an_admin_has_wordings_suggested_and_what_is_ticked_is_taught(
    admin: Colleague, kotae: Kotae, desk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    helping = Helping("How high is your lamp?", "The lamp, in centimetres?", "Is it big?")
    monkeypatch.setattr(kotae, "helpers", helping)
    monkeypatch.setattr(kotae.wordings, "_helpers", helping)
    page = admin.opens("pairs").page
    page.get_by_role("link", name="Wordings", exact=True).click()
    expect(page.get_by_text("wise-1 is told the answer")).to_be_visible()
    admin.presses("Suggest wordings")
    admin.is_told("Wordings are being suggested.")
    until(page, lambda: kotae.wordings.list().total == 3)
    page.reload()
    fact = page.locator("form").filter(
        has=page.get_by_role("button", name="Keep the chosen, drop the others")
    )
    for box in fact.first.get_by_role("checkbox").all():
        box.set_checked(True)
    fact.first.get_by_role("checkbox").last.uncheck()
    fact.first.get_by_label("Question").first.fill("How tall is your lamp?")
    fact.first.get_by_role("button").click()
    admin.is_told("Kept as pairs: 2. Dropped: 1.")
    expect(page.get_by_text("Nothing waits.")).to_be_visible()
    taught = [one.pair.question for one in kotae.pairs.list(tag="suggested").pairs]
    assert taught == ["How tall is your lamp?", "The lamp, in centimetres?"]


def test_the_curve_grows_by_itself_and_what_was_opened_stays_open(
    admin: Colleague,
    kotae: Kotae,
    desk: None,
    slow: Slow,
    base: str,
) -> None:
    run = kotae.training.start("spring", base=base, by="ada")
    page = admin.opens(f"training/{run.id}").page
    page.evaluate("window.before = true")
    slow.reaches(10, 3.0, 3.5)
    expect(page.locator("[data-told]")).to_contain_text("step 10 of 100")
    page.get_by_text("The curve in numbers").click()
    page.get_by_text("The curve in numbers").focus()
    slow.reaches(20, 2.0, 2.5)
    expect(page.locator("[data-told]")).to_contain_text("step 20 of 100")
    expect(page.get_by_role("row").filter(has_text="2.500")).to_be_visible()
    expect(page.get_by_text("The curve in numbers").first).to_be_focused()
    expect(page.get_by_role("progressbar")).to_have_attribute("value", re.compile(r"^0\.1"))
    slow.may_end.set()
    expect(page.locator("[data-state]")).to_have_text("Done")
    expect(page.get_by_role("progressbar")).to_have_count(0)
    assert page.evaluate("window.before")


def test_a_training_is_cancelled_only_after_a_yes_and_can_be_resumed(
    admin: Colleague,
    kotae: Kotae,
    desk: None,
    slow: Slow,
    base: str,
) -> None:
    run = kotae.training.start("spring", base=base, by="ada")
    page = admin.opens(f"training/{run.id}").page
    expect(page.locator("[data-state]")).to_have_text("Training")
    question = admin.answers_with(False)
    admin.presses("Cancel")
    assert question == ["Cancel this training? What it has learned so far is kept, so it can be resumed."]
    admin.answers_with(True)
    admin.presses("Cancel")
    admin.is_told("spring is being cancelled")
    expect(page.locator("[data-state]")).to_have_text("Cancelled")
    slow.may_end.set()
    admin.presses("Resume")
    admin.is_told("spring goes on where it was.")
    expect(page.locator("[data-state]")).to_have_text("Done")
    assert [adapter.name for adapter in kotae.shelf.all()] == ["spring"]


def test_a_training_that_ends_moves_into_the_list_of_earlier_ones(
    admin: Colleague,
    kotae: Kotae,
    desk: None,
    slow: Slow,
    base: str,
) -> None:
    kotae.training.start("spring", base=base, by="ada")
    page = admin.opens("training").page
    expect(page.get_by_role("region", name="spring")).to_be_visible()
    slow.may_end.set()
    expect(page.get_by_role("region", name="spring")).to_have_count(0)
    expect(page.get_by_role("row").filter(has_text="spring")).to_contain_text("Done")


@pytest.fixture
def shelf(kotae: Kotae, tmp_path: Path) -> str:
    """Two adapters with long names, one of which speaks; the hash of the other."""
    figures = {"held_out_loss": 0.47, "held_out_exact": 0.5, "held_out_token_accuracy": 0.97, "seconds": 92.0}
    hashes = []
    for seed, name in enumerate((LONG[:80], "desk-november")):
        folder = on_paper(tmp_path / str(seed), name, seed=seed, figures=figures)
        told = [Told(n, 100, n / 10, 4 - n / 30, 4 - n / 40, 1e-3, 1.0) for n in (10, 50, 100)]
        (folder / CURVE).write_text("".join(json.dumps(asdict(one)) + "\n" for one in told))
        sample = {"step": 10, "question": LONG, "answer": LONG, "refuses": False, "wanted": "12 h."}
        (folder / "samples.jsonl").write_text(json.dumps(sample) + "\n")
        hashes.append(kotae.shelf.put(folder).hash)
    for adapter in hashes:
        kotae.shelf.promote(adapter, "ada@example.com", lambda _: Proof())
    return hashes[0]


@pytest.mark.parametrize(("language", "colours"), [("en", "light"), ("ja", "dark")])
def test_the_pages_of_the_product_model_fit_a_small_screen_in_both_languages(
    signed_in: Arrive,
    kotae: Kotae,
    desk: None,
    shelf: str,
    slow: Slow,
    base: str,
    language: str,
    colours: str,
) -> None:
    kotae.pairs.add({"question": LONG, "answer": LONG, "fact": LONG, "tags": [LONG]}, by="ada")
    suggested(kotae, f"{LONG[:90]}?", "そのランプは？", "How large?")
    run = kotae.training.start(LONG[:80], base=base, by="ada")
    slow.reaches(10, 3.0, 3.5)
    (kept, *_) = kotae.pairs.list(LONG).pairs
    admin = signed_in("admin", language=language, width=360, height=740, color_scheme=colours)
    page = admin.page
    for path in (
        "pairs",
        f"pairs/{kept.id}",
        "pairs/new",
        "pairs/wordings",
        "training",
        f"training/{run.id}",
        "adapters",
        f"adapters/{shelf}",
        "adapters?q=How+big+is+the+lamp%3F",
    ):
        admin.opens(path)
        for summary in page.locator("summary").all():
            summary.evaluate("summary => { summary.parentElement.open = true }")
        assert page.evaluate(SIDEWAYS) == 0, path
        assert page.locator("main").evaluate(OUTSIDE) == [], path
        if language == "ja":
            labels = page.locator("h1:not(.text-break), h2:not(.text-break), th, label, button, summary")
            texts = [text for text in labels.all_text_contents() if text.strip()]
            assert [text for text in texts if not JAPANESE.search(text)] == [], path


def test_the_report_fits_a_small_screen_and_takes_the_keyboard(
    signed_in: Arrive,
    kotae: Kotae,
) -> None:
    admin = signed_in("admin", width=360, height=740)
    page = admin.opens("pairs").page
    page.get_by_label("Import a file").set_input_files(
        [file_of({"question": LONG, "answer": LONG}, f'{{"{LONG}')]
    )
    page.get_by_role("button", name="Check the file").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("desk.jsonl")
    assert page.evaluate(SIDEWAYS) == 0
    assert page.locator("main").evaluate(OUTSIDE) == []
    page.get_by_role("button", name="Keep 1 of the pairs").focus()
    page.keyboard.press("Enter")
    admin.is_told("New pairs: 1.")
    assert kotae.pairs.counts().pairs == 1


def test_a_sign_out_elsewhere_ends_the_looking_without_a_complaint(
    admin: Colleague,
    kotae: Kotae,
    desk: None,
    slow: Slow,
    base: str,
) -> None:
    run = kotae.training.start("spring", base=base, by="ada")
    page = admin.opens(f"training/{run.id}").page
    slow.reaches(10, 3.0)
    expect(page.locator("[data-told]")).to_contain_text("step 10 of 100")
    page.context.clear_cookies()
    expect(page.locator("[data-live]")).to_have_count(0)
    expect(page.locator("[data-told]")).to_contain_text("step 10 of 100")
