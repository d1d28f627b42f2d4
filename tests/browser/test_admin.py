"""An admin at the pairs, the settings and what programs use, in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import FilePayload, expect

from bot.kotae import Kotae
from bot.settings import Handoff, Settings, Webhook
from strategies.testing import eventually
from tests.browser.colleague import OUTSIDE, SIDEWAYS, Arrive
from tests.browser.points import shows
from tests.browser.sites import at_work
from tests.outside import SECRET, Receiver, receiver
from tests.people import Customer

SIEVE = {
    "en": ("Where is the sieve?", "Behind the spout."),
    "ja": ("茶こしはどこですか？", "注ぎ口の後ろです。"),
}
BLUE = {"en": ("Is it blue?", "It is red."), "ja": ("青いですか？", "いいえ、赤いです。")}
OTHERWISE = {"en": "It is blue as the sea.", "ja": "はい、海のような青です。"}
# A page that has begun to come: its colours and its heading, and not the rest.
BEGINS_AGAIN = """(frame) => {
  frame.contentDocument.open();
  frame.contentDocument.write('<link id="theme" rel="stylesheet"><h1>half</h1>');
}"""
LID = {"en": ("Does the lid come off?", "Yes."), "ja": ("ふたは外せますか？", "はい。")}


@pytest.fixture
def hook() -> Iterator[Receiver]:
    with receiver() as hook:
        yield hook


@pytest.fixture
def settings(settings: Settings, hook: Receiver) -> Settings:
    webhooks = {"desk": Webhook(url=hook.url, secret=SECRET)}
    return settings.model_copy(update={"handoff": Handoff(retry_seconds=()), "webhooks": webhooks})


@pytest.fixture
def address(app: Flask, kotae: Kotae) -> Iterator[str]:
    """Where this installation is reached; jobs are worked off beside it, as in the real server."""
    with at_work(app, kotae) as origin:
        yield origin


@shows(
    "writes a pair and says what it is used for",
    "imports pairs",
    "reviews candidates",
    "sees pairs that ask the same or answer otherwise",
)
def test_an_admin_writes_imports_and_reviews_pairs(
    signed_in: Arrive, kotae: Kotae, language: str, width: int
) -> None:
    admin = signed_in("admin", language=language, width=width).opens("pairs")
    page, (question, answer) = admin.page, SIEVE[language]
    admin.looks_whole()
    admin.follows("Add a pair")
    admin.labelled("Question").fill(question)
    admin.labelled("Answer").fill(answer)
    admin.presses("Keep")
    admin.is_told("The pair is kept.")
    page.get_by_role("link", name=question).click()
    admin.labelled("What is it used for?").select_option("both")
    admin.presses("Use it so")
    admin.is_told("This pair is used as you chose.")
    admin.looks_whole()
    assert eventually(lambda: any(answer in found.text for found in kotae.library.search(question)))

    lines = ["question,answer", ",".join(BLUE[language]), f"{BLUE[language][0]},{OTHERWISE[language]}"]
    file = FilePayload(name="desk.csv", mimeType="text/csv", buffer="\n".join(lines).encode())
    admin.opens("pairs").page.locator("#file").set_input_files([file])
    admin.presses("Check the file")
    expect(page.get_by_text(admin.reads("One question, answers that disagree"))).to_be_visible()
    admin.looks_whole()
    admin.presses("Keep nothing")
    admin.is_told("Nothing of the file was kept.")
    file["buffer"] = "\n".join(lines[:2]).encode()
    page.locator("#file").set_input_files([file])
    admin.presses("Check the file")
    page.locator("form[action$='/keep'] button").click()
    admin.is_told("New pairs: %(n)s. They are kept.", n=1)
    admin.looks_whole()

    for asked, said in (LID[language], (BLUE[language][0], OTHERWISE[language]), SIEVE[language]):
        kotae.candidates.add(asked, said, by="olga@example.com")
    page.reload()
    page.get_by_role("link", name=f"{admin.reads('Candidates')} 3").click()
    waiting = page.locator("section.card")  # the newest first
    same, otherwise = waiting.nth(0), waiting.nth(1)
    expect(waiting).to_have_count(3)
    expect(same).to_contain_text(admin.reads("A pair asks the same"))
    expect(otherwise).to_contain_text(admin.reads("A pair answers this question otherwise"))
    expect(otherwise).to_contain_text(BLUE[language][1])
    admin.looks_whole()
    for left in (2, 1):
        admin.presses("Reject", waiting.first)
        expect(waiting).to_have_count(left)
    page.locator("[name=answer]").fill(LID[language][1] * 2)
    admin.presses("Accept")
    admin.is_told("It is a pair now.")
    kept = {one.pair.question: (one.pair.answer, one.use) for one in kotae.pairs.list().pairs}
    assert kept[LID[language][0]] == (LID[language][1] * 2, "both")
    assert kept[BLUE[language][0]][0] == BLUE[language][1]


@shows("changes colours and words of the chat with a preview")
def test_an_admin_sees_the_chat_in_other_colours_and_words_before_they_are_saved(
    signed_in: Arrive, kotae: Kotae, language: str, width: int
) -> None:
    admin = signed_in("admin", language=language, width=width).opens("appearance")
    page, preview = admin.page, admin.page.frame_locator("#preview")
    question = LID[language][0]
    admin.labelled("Colour").fill("#aa0033")
    expect(admin.labelled("Colour")).to_be_in_viewport(ratio=1)
    expect(page.locator("#preview")).to_be_in_viewport(ratio=0.5)  # beside it, or below it on a telephone
    expect(preview.locator(".customer .said")).to_be_visible()
    admin.labelled("Title").fill("Ada")
    page.locator(f"#starters-{language}").fill(question)
    expect(preview.locator("#theme")).to_have_attribute("href", re.compile("aa0033"))
    expect(preview.locator("h1")).to_have_text("Ada")
    expect(preview.locator("#starters button")).to_have_text([question])
    assert kotae.appearances.current().title == ""
    admin.looks_whole()
    admin.presses("Save")
    admin.is_told("Saved. Customers see it when they open the chat the next time.")
    expect(admin.labelled("Colour")).to_have_value("#aa0033")
    shown = kotae.appearances.current()
    assert (shown.accent, shown.title, shown.starters[language]) == ("#aa0033", "Ada", (question,))


def test_a_preview_of_which_a_part_has_come_is_not_drawn_on(
    signed_in: Arrive, language: str, width: int
) -> None:
    admin = signed_in("admin", language=language, width=width).opens("appearance")
    page, preview = admin.page, admin.page.frame_locator("#preview")
    expect(preview.locator(".customer .said")).to_be_visible()
    page.locator("#preview").evaluate(BEGINS_AGAIN)
    admin.labelled("Title").fill("Ada")
    page.wait_for_timeout(400)  # a preview is drawn 120 ms after the last letter
    expect(preview.locator("h1")).to_have_text("half")


@shows(
    "makes a key with scopes and an end, and takes it back",
    "reads the reference of the interface",
    "reads what was told to others, and tells it again",
    "reads who changed what",
)
def test_an_admin_makes_a_key_tells_others_again_and_reads_who_changed_what(
    signed_in: Arrive, app: Flask, kotae: Kotae, hook: Receiver, language: str, width: int
) -> None:
    admin = signed_in("admin", language=language, width=width).opens("keys")
    page = admin.page
    admin.labelled("Name").fill("Stock")
    admin.labelled("Holds for").select_option("30")
    page.locator("[name=scopes][value=search]").check()
    admin.presses("Make a key")
    secret = page.locator("code.user-select-all").inner_text()
    key = kotae.keys.check(secret)
    assert key is not None
    assert (key.scopes, key.expires_at is not None) == (("search",), True)
    admin.looks_whole()
    admin.answers_with(True)
    admin.presses("Revoke")
    expect(admin.document("Stock")).to_contain_text(admin.reads("revoked"))
    assert kotae.keys.check(secret) is None
    page.locator("main a[href='/api/reference']").click()
    expect(page.locator("h2").first).to_have_text(admin.reads("For programs"))
    page.locator("summary").filter(has_text="/api/").first.click()
    expect(page.locator("details[open]")).to_contain_text("200")
    assert page.evaluate(SIDEWAYS) == 0
    assert page.locator("main").evaluate(OUTSIDE) == []

    hook.statuses, hook.says = [500], "aLongWordOfTheirs" * 10
    Customer(app, language).asks_for_a_person("ada@example.com")
    assert eventually(lambda: bool(kotae.deliveries.page(state="failed")))
    admin.opens("deliveries").presses("Send a ping")
    expect(page.get_by_role("alert")).to_contain_text("204")
    admin.follows("failed")
    row = admin.document("handoff.left")
    row.locator("summary").click()
    expect(row.locator("pre")).to_contain_text("ada@example.com")
    admin.looks_whole()
    admin.presses("Send again", row)
    admin.is_told("It is being sent again.")
    assert eventually(lambda: [event["type"] for event in hook.events] == ["ping", "handoff.left"])

    admin.opens("audit").labelled("What").select_option("ping webhook")
    admin.presses("Show")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(admin.document("admin@example.com")).to_contain_text("desk")
    admin.looks_whole()
