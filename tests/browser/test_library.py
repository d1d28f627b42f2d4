"""An admin at the library, in a browser: pages of a site, and passages changed by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import expect

from bot.kotae import Kotae
from bot.settings import Fetching, Settings
from tests.browser.colleague import OUTSIDE, SIDEWAYS, Arrive, Colleague
from tests.browser.sites import served
from tests.knowledge_base import internet

MANUAL = """# Kettle

## How much does the kettle hold?
The kettle holds 1.7 litres of water. Fill it to the upper mark and close the lid.

## How do I clean the kettle?
Descale the kettle with vinegar every month. Rinse it twice with clear water.
"""


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"fetching": Fetching(private_hosts=("127.0.0.1",))})


@pytest.fixture
def address(app: Flask, kotae: Kotae) -> Iterator[str]:
    kotae.jobs.start()
    with served(app) as origin:
        yield origin
    kotae.jobs.stop()


@pytest.fixture
def manual(kotae: Kotae, tmp_path: Path) -> str:
    path = tmp_path / "kettle.md"
    path.write_text(MANUAL, encoding="utf-8")
    with path.open("rb") as file:
        return kotae.library.ingest(kotae.library.receive(file, path.name).document.id).id


def looks_whole(colleague: Colleague) -> None:
    assert colleague.page.evaluate(SIDEWAYS) == 0
    assert colleague.page.locator("main").evaluate(OUTSIDE) == []


def test_an_admin_names_a_sitemap_and_watches_its_pages_arrive(admin: Colleague, kotae: Kotae) -> None:
    with internet.served(internet.Site()) as site:
        page = site.shows("/filter", "Water filter\n<p>Change the water filter every 60 days.</p>")
        url = site.lists("/sitemap.xml", page, f"{site.origin}/gone")
        admin.opens("documents").page.get_by_label("Or the address of a page").fill(url)
        admin.presses("Fetch")
        admin.is_told("is being fetched")
        row = admin.page.get_by_role("row").filter(has_text=url)
        expect(row).to_contain_text("Up to date")
        expect(row).to_contain_text("Gone")
        row.get_by_role("link").click()
        expect(admin.page.get_by_text("there is no page at")).to_be_visible()
        admin.page.get_by_role("link", name="Water filter").click(timeout=30_000)
        expect(admin.page.locator("[data-state]")).to_have_text("Live")
        expect(admin.page.get_by_text("Change the water filter every 60 days.")).to_be_visible()


def test_a_folder_is_uploaded_whole_and_files_of_one_name_are_told_apart(
    admin: Colleague, tmp_path: Path
) -> None:
    for language, text in (("en", "# Kettle\n\nIt is red.\n"), ("ja", "# ケトル\n\n赤いです。\n")):
        path = tmp_path / "manuals" / language / "readme.md"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
    (tmp_path / "manuals" / ".hidden.md").write_text("# Secret\n\nNothing.\n")
    admin.opens("documents").page.locator("#folder").set_input_files(tmp_path / "manuals")
    for language in ("en", "ja"):
        source = f"manuals › {language} › readme.md"
        expect(admin.document(source).locator("[data-state]")).to_have_text("Live")
    expect(admin.page.locator("#uploads li")).to_have_count(2)


@pytest.mark.parametrize(("language", "width"), [("en", 1280), ("ja", 360)])
def test_an_admin_rewrites_a_passage_and_sees_at_once_what_a_question_finds(
    signed_in: Arrive, manual: str, language: str, width: int
) -> None:
    admin = signed_in("admin", language=language, width=width)
    admin.opens(f"documents/{manual}/passages?at=0")
    looks_whole(admin)
    expect(admin.page.locator("#marked")).to_contain_text("1.7 litres")
    text = admin.page.locator("#text")
    text.fill(text.input_value().replace("1.7", "1.5"))
    admin.page.locator("#chosen form").first.get_by_role("button").click()
    expect(admin.page.locator("#edits ~ table, #edits + p + table").first).to_contain_text("1.5 litres")
    expect(admin.page.locator("#under-way")).to_be_hidden()
    expect(admin.page.locator("#marked")).to_contain_text("1.7 litres")
    admin.page.locator("#q").fill("How much does the kettle hold?")
    admin.page.locator("#q").press("Enter")
    expect(admin.page.locator("#found li").first).to_contain_text("1.5 litres")
    looks_whole(admin)
