"""The index in the console: another one is built beside it, paused, turned to, and gone back from."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask

from bot.kotae import Kotae
from bot.settings import Settings
from tests.people import Admin, Operator
from web.app import create_app

FILTER = b"# Filter\n\nChange the water filter of the kettle every 60 days.\n"


@pytest.fixture
def renamed(
    settings: Settings, prepared: Callable[[Settings], Path]
) -> Iterator[Callable[[str], tuple[Kotae, Admin]]]:
    """The installation started again under another product name, which stands in front of every passage and
    so makes another index.
    """
    shutil.copytree(prepared(settings), settings.data)
    opened: list[Kotae] = []

    def start(product: str) -> tuple[Kotae, Admin]:
        if opened:
            opened[-1].close()
        kotae = Kotae.open(settings.model_copy(update={"product": product}))
        opened.append(kotae)
        kotae.warm_up()
        return kotae, (Returning if len(opened) > 1 else Admin)(create_app(kotae), kotae)

    yield start
    opened[-1].close()


class Returning(Admin):
    """An admin who has an account already."""

    def __init__(self, app: Flask, kotae: Kotae) -> None:
        self.kotae, self.client, self.email = kotae, app.test_client(), f"{self.role}@example.com"
        assert self.signs_in().status_code == 302


Renamed = Callable[[str], tuple[Kotae, Admin]]


def test_an_operator_may_not_touch_the_index(operator: Operator) -> None:
    assert operator.opens("/console/documents/index").status_code == 403
    assert operator.sends("/console/documents/index/pause").status_code == 403


def test_an_index_that_is_what_is_configured_is_complete(admin: Admin, kotae: Kotae) -> None:
    admin.uploads(("filter.md", FILTER))
    page = admin.opens("/console/documents/index").text
    assert "nothing is missing" in page
    assert "Pause" not in page
    assert "Back to the earlier index" not in page


def test_an_admin_pauses_the_new_index_goes_on_goes_back_and_gives_it_up(renamed: Renamed) -> None:
    kotae, admin = renamed("Kettle")
    admin.uploads(("filter.md", FILTER))
    kotae, admin = renamed("Boiler")
    assert "being built" in admin.opens("/console/documents/index").text
    assert "is paused" in admin.opens(admin.sends("/console/documents/index/pause").location).text
    kotae.jobs.drain()
    page = admin.opens("/console/documents/index").text
    assert "paused" in page
    assert "0 of 1" in page
    admin.uploads(("lamp.md", b"# Lamp\n\nThe lamp takes 40 watts.\n"))
    assert kotae.library.search("watts")[0].text.startswith("The lamp")
    admin.sends("/console/documents/index/go-on")
    kotae.jobs.drain()
    assert "nothing is missing" in admin.opens("/console/documents/index").text
    admin.sends("/console/documents/index/back")
    kotae.jobs.drain()
    status = kotae.library.status()
    assert (status.held, status.changing) == (True, True)
    assert "paused" in admin.opens("/console/documents/index").text
    admin.sends("/console/documents/index/let-go")
    assert kotae.library.status().previous == ""
    assert kotae.library.search("water filter")[0].text.startswith("Change the water filter")
    assert {"pause index", "go on with index", "index back", "let index go"} <= {
        entry.what for entry in kotae.audit.page()
    }
