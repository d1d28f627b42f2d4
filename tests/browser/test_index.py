"""An admin builds another index beside the one that answers, in a browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from flask import Flask
from playwright.sync_api import expect

from bot.kotae import Kotae
from bot.settings import Settings
from tests.browser.colleague import Arrive
from tests.browser.points import shows
from tests.browser.sites import served
from tests.browser.test_library import DESCALING, FILTER, there_is
from tests.conftest import Prepared


@pytest.fixture
def kotae(settings: Settings, prepared: Prepared) -> Iterator[Kotae]:
    """What is configured has changed, and another index is to be built."""
    shutil.copytree(prepared(settings), settings.data)
    kotae = Kotae.open(settings)
    kotae.warm_up()
    there_is(kotae, "filter.md", FILTER)
    there_is(kotae, "descaling.md", DESCALING)
    kotae.close()
    kotae = Kotae.open(settings.model_copy(update={"product": "Boiler"}))
    kotae.warm_up()
    yield kotae
    kotae.close()


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """Nothing is worked off before the admin has looked."""
    with served(app) as origin:
        yield origin


@shows("builds an index beside, pauses it, switches over and goes back")
def test_an_admin_pauses_it_switches_over_and_goes_back(
    signed_in: Arrive, kotae: Kotae, language: str, width: int
) -> None:
    admin = signed_in("admin", language=language, width=width).opens("documents").follows("Index")
    page, standing = admin.page, admin.page.locator("[data-live] p .badge")
    expect(standing).to_have_text(admin.reads("being built"))
    expect(page.get_by_text(admin.reads("%(ready)s of %(all)s", ready=0, all=2), exact=True)).to_be_visible()
    admin.looks_whole()
    admin.presses("Pause")
    expect(standing).to_have_text(admin.reads("paused"))
    assert "60 days" in kotae.library.search("water filter")[0].text  # the index before answers
    admin.presses("Go on and switch over")
    expect(page.get_by_role("progressbar")).to_be_visible()
    before = kotae.library.status().edition
    kotae.jobs.start()
    expect(standing).to_have_text(admin.reads("complete"))
    expect(page.get_by_role("progressbar")).to_have_count(0)
    assert kotae.library.status().previous == before
    admin.looks_whole()
    admin.answers_with(True)
    admin.presses("Back to the earlier index")
    expect(standing).to_have_text(admin.reads("paused"))
    assert kotae.library.status().edition == before
    admin.looks_whole()
    admin.answers_with(True)
    admin.presses("Give up the other index")
    expect(page.get_by_text(admin.reads("Before"), exact=True)).to_have_count(0)
    assert "60 days" in kotae.library.search("water filter")[0].text
    kotae.jobs.stop()
