"""An admin at the library, in a browser: documents, pages of a site, versions, passages, the index."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from playwright.sync_api import FilePayload, expect

from bot.kotae import Kotae
from bot.settings import Fetching, Settings
from tests.browser.colleague import Arrive, Colleague
from tests.browser.points import shows
from tests.browser.sites import at_work
from tests.knowledge_base import files, internet
from tests.people import Customer

FILTER = "# Water filter\n\nChange the water filter of the kettle every 60 days. A filter costs 9.50 euros.\n"
DESCALING = "# Descaling\n\nDescale the kettle every month with two spoons of citric acid, then rinse it.\n"
BROKEN = "%PDF-1.7 and nothing more"
CUT_OFF = {"en": "is damaged or was cut off", "ja": "途中で切れています"}
MANUAL = {
    "en": """# Kettle

## How much does the kettle hold?
The kettle holds {} litres of water. Fill it to the upper mark and close the lid.

## How do I clean the kettle?
Descale the kettle with vinegar every month. Rinse it twice with clear water.
""",
    "ja": """# ケトル

## ケトルの容量はどれくらいですか？
ケトルの容量は{}リットルです。上の線まで水を入れて、ふたを閉めてください。

## ケトルのお手入れはどうしますか？
毎月一度、酢で水あかを取り除いてください。そのあと、きれいな水で二回すすいでください。
""",
}
HOLDS = {"en": "How much does the kettle hold?", "ja": "ケトルの容量はどれくらいですか？"}
LONG_AGO = "UPDATE documents SET updated_at = '2020-01-01 00:00:00.000000' WHERE source = 'lamp.md'"
STEEL = {"en": "Is it made of steel?", "ja": "ステンレス製ですか？"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"fetching": Fetching(private_hosts=("127.0.0.1",))})


@pytest.fixture
def address(app: Flask, kotae: Kotae) -> Iterator[str]:
    """Where this installation is reached; uploads are worked off beside it, as in the real server."""
    with at_work(app, kotae) as origin:
        yield origin


def there_is(kotae: Kotae, source: str, text: str) -> str:
    """A document that was there before anybody came."""
    received = kotae.library.receive(io.BytesIO(text.encode()), source)
    return kotae.library.ingest(received.document.id).id


def zipped(**members: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in members.items():
            archive.writestr(name.replace("_", "."), text)
    return packed.getvalue()


# Documents


@shows(
    "drops files and watches them arrive",
    "reads why a document failed and tries again",
    "uploads a folder",
    "uploads a ZIP",
)
def test_an_admin_brings_files_a_folder_and_a_zip_and_sees_what_became_of_each(
    signed_in: Arrive, kotae: Kotae, tmp_path: Path, language: str, width: int
) -> None:
    admin = signed_in("admin", language=language, width=width).opens("documents")
    page, live, failed = admin.page, admin.reads("Live"), admin.reads("Failed")
    expect(page.locator("#empty")).to_be_visible()
    page.evaluate("window.before = true")
    admin.drops(("filter.md", FILTER), ("broken.pdf", BROKEN), ("descaling.md", DESCALING))
    for source in ("filter.md", "descaling.md"):
        expect(admin.document(source).locator("[data-state]")).to_have_text(live)
        expect(admin.document(source).locator("[data-passages]")).to_have_text("1")
        expect(admin.document(source).get_by_role("progressbar")).to_be_hidden()
    broken = admin.document("broken.pdf")
    expect(broken.locator("[data-state]")).to_have_text(failed)
    expect(broken.locator("[data-error]")).to_contain_text(CUT_OFF[language])
    expect(page.locator("#uploads li")).to_have_count(3)
    expect(page.locator("#empty")).to_be_hidden()
    expect(page.locator("#reindex")).to_be_visible()

    for name, text in (("en", "# Kettle\n\nIt is red.\n"), ("ja", "# ケトル\n\n赤いです。\n")):
        (tmp_path / "manuals" / name).mkdir(parents=True)
        (tmp_path / "manuals" / name / "readme.md").write_text(text, encoding="utf-8")
    (tmp_path / "manuals" / ".hidden.md").write_text("# Secret\n\nNothing.\n")
    page.locator("#folder").set_input_files(tmp_path / "manuals")
    for name in ("en", "ja"):  # of one name, and told apart by their folders
        expect(admin.document(f"manuals › {name} › readme.md").locator("[data-state]")).to_have_text(live)
    expect(page.locator("#uploads li")).to_have_count(5)

    packed = zipped(lamp_md="# Lamp\n\nThe lamp takes 40 watts.\n", picture_pdf=f"{BROKEN} again")
    page.locator("#files").set_input_files(
        [FilePayload(name="more.zip", mimeType="application/zip", buffer=packed)]
    )
    expect(admin.document("lamp.md").locator("[data-state]")).to_have_text(live)
    expect(admin.document("picture.pdf").locator("[data-state]")).to_have_text(failed)
    expect(page.locator("#uploads li").last).to_contain_text("more.zip")
    assert page.evaluate("window.before")  # nothing was loaded anew
    admin.looks_whole()

    admin.presses("Retry", broken)
    admin.is_told("%(title)s is being tried again.", title="broken.pdf")
    expect(broken.locator("[data-state]")).to_have_text(failed)
    broken.get_by_role("link").click()
    expect(page.get_by_role("alert")).to_contain_text(CUT_OFF[language])
    admin.looks_whole("broken.pdf")
    (document,) = (one for one in kotae.library.documents() if one.source == "broken.pdf")
    kotae.library.file(document.id).write_bytes(files.pdf([("BodyText", "Hold the button.")]))
    admin.presses("Retry")
    expect(admin.document("broken.pdf").locator("[data-state]")).to_have_text(live)


@shows("names a page or a sitemap, and how often it is fetched")
def test_an_admin_names_a_sitemap_and_watches_its_pages_arrive(
    signed_in: Arrive, language: str, width: int
) -> None:
    admin = signed_in("admin", language=language, width=width).opens("documents")
    page = admin.page
    with internet.served(internet.Site()) as site:
        first = site.shows("/filter", "Water filter\n<p>Change the water filter every 60 days.</p>")
        url = site.lists("/sitemap.xml", first, f"{site.origin}/gone")
        page.locator("#url").fill(url)
        admin.labelled("Look at it again").select_option(label=admin.reads("every hour"))
        admin.presses("Fetch")
        admin.is_told("%(url)s is being fetched. What can be read of it answers from then on.", url=url)
        row = admin.document(url)
        for said in ("every hour", "Up to date", "Gone"):
            expect(row).to_contain_text(admin.reads(said))
        admin.looks_whole("URL")
        site.shows("/filter", "Water filter\n<p>Change the water filter every 90 days.</p>")
        admin.presses("Look now", row)
        admin.is_told("%(url)s is being looked at.", url=url)
        expect(admin.opens("documents").document(first)).to_contain_text(admin.reads("version %(n)s", n=2))
        page.get_by_role("link", name="Water filter").click()
        expect(page.get_by_text("Change the water filter every 90 days.")).to_be_visible()
        admin.opens("documents/watched").document(url).get_by_role("link").click()
        gone = {"en": "there is no page at", "ja": "にページがありません"}
        expect(page.get_by_text(gone[language])).to_be_visible()
        admin.looks_whole("URL")


@shows(
    "reads what a version changed, in the document and in answers",
    "sees which documents are used, and which are not",
    "tags a document and says whom it is for",
)
def test_an_admin_reads_what_a_version_changed_what_is_used_and_says_whom_it_is_for(
    signed_in: Arrive, app: Flask, kotae: Kotae, language: str, width: int
) -> None:
    kettle = there_is(kotae, "kettle.md", MANUAL[language].format("1.7"))
    there_is(kotae, "lamp.md", "# Lamp\n\nThe lamp takes 40 watts.\n")
    assert "1.7" in Customer(app, language).asks(HOLDS[language]).text
    admin = signed_in("admin", language=language, width=width).opens("documents")
    page = admin.page
    admin.chooses(("kettle.md", MANUAL[language].format("1.9")))
    for said in (admin.reads("version %(n)s", n=2), admin.reads("Live")):
        expect(admin.document("kettle.md")).to_contain_text(said)
    admin.document("kettle.md").get_by_role("link").click()
    admin.follows("Versions and what changed")
    expect(page.locator("del")).to_have_text("1.7")
    expect(page.locator("ins")).to_have_text("1.9")
    admin.looks_whole()
    page.locator("#answers + ul a").click()  # the answer that rested on what is gone
    expect(page.get_by_text("1.7").first).to_be_visible()

    admin.opens("documents").follows("What documents are used for")
    expect(admin.document("Lamp")).to_contain_text("0")
    with kotae.engine.begin() as connection:
        connection.exec_driver_sql(LONG_AGO)
    for view in ("Never used", "Not changed for half a year"):
        admin.follows(view)
        expect(page.locator("tbody tr")).to_have_count(1)
        expect(admin.document("Lamp")).to_be_visible()
    admin.looks_whole()

    admin.opens(f"documents/{kettle}").labelled("Tags").fill("for:dealers, 台所")
    admin.presses("Keep")
    expect(page.get_by_text(admin.reads("Only for: %(names)s", names="dealers"))).to_be_visible()
    admin.looks_whole()
    admin.opens("documents").page.get_by_role("link", name="台所").click()
    expect(page.locator("#documents tbody tr")).to_have_count(1)
    admin.looks_whole("for:dealers")
    assert (
        Customer(app, language).asks(HOLDS[language]).abstained
    )  # nobody has signed this customer as a dealer


# Passages


@shows(
    "rewrites a passage beside a search",
    "gives a passage a question",
    "splits and joins passages",
    "silences a passage",
)
def test_an_admin_changes_passages_and_sees_at_once_what_a_question_finds(
    signed_in: Arrive, kotae: Kotae, language: str, width: int
) -> None:
    kettle = there_is(kotae, "kettle.md", MANUAL[language].format("1.7"))
    admin = signed_in("admin", language=language, width=width).opens(f"documents/{kettle}/passages?at=0")
    page, chosen = admin.page, admin.page.locator("#chosen")
    admin.looks_whole()
    expect(page.locator("#marked")).to_contain_text("1.7")
    text = page.locator("#text")
    text.fill(text.input_value().replace("1.7", "1.5"))
    admin.presses("Save", chosen)
    expect(page.locator("#edits ~ table")).to_contain_text("1.5")
    expect(page.locator("#under-way")).to_be_hidden()
    expect(page.locator("#marked")).to_contain_text("1.7")  # in the document it stands as it did
    page.locator("#q").fill(HOLDS[language])
    page.locator("#q").press("Enter")
    expect(page.locator("#found li").first).to_contain_text("1.5")
    with page.expect_navigation():
        page.locator("#q").press("Enter")  # the same once more

    admin.labelled("A question that it answers").fill(STEEL[language])
    admin.presses("Add", chosen)
    expect(chosen.locator("q")).to_have_text(STEEL[language])
    expect(page.locator("#under-way")).to_be_hidden()
    page.locator("#q").fill(STEEL[language])
    page.locator("#q").press("Enter")
    expect(page.locator("#found li").first).to_contain_text("1.5")

    articles = page.locator("article")
    admin.presses("Split", chosen)
    expect(articles).to_have_count(3)
    expect(page.locator("#under-way")).to_be_hidden()
    admin.presses("Join with the next", chosen)
    expect(articles).to_have_count(2)
    expect(page.locator("#under-way")).to_be_hidden()
    admin.answers_with(True)
    admin.presses("Silence", chosen)
    expect(articles).to_have_count(1)
    expect(page.locator(".original.silent")).to_contain_text("1.7")
    expect(page.locator("#found li").first).not_to_contain_text("1.5")
    expect(page.locator("#under-way")).to_be_hidden()
    admin.looks_whole()


# The index


def test_re_indexing_is_asked_about_and_the_old_index_answers_meanwhile(
    admin: Colleague, kotae: Kotae
) -> None:
    there_is(kotae, "filter.md", FILTER)
    admin.opens("documents")
    question = admin.answers_with(True)
    admin.presses("Re-index")
    assert question == ["Build the index anew beside the one that answers?"]
    admin.is_told("The new index is being built beside the old one, which goes on answering.")
    expect(admin.page.locator("#reindexing")).to_be_hidden()
    expect(admin.opens("search?q=water+filter").page.get_by_text("every 60 days")).to_be_visible()
