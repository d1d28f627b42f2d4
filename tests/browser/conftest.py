"""A running Kotae, somebody else's site, and a Chromium in front of both."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Generator, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, ViewportSize, expect, sync_playwright

from bot.kotae import Kotae
from bot.settings import Mail, Settings
from tests.browser.colleague import Arrive, Colleague
from tests.browser.sites import Site, served
from tests.browser.stage import STAGE, Stage, installed
from tests.browser.visitor import Visitor
from tests.browser.windows import Window, Windows
from tests.people import PASSWORD, TOKEN
from web.app import create_app

PATIENCE = 60_000  # milliseconds, for a page on a busy machine; nothing is waited for longer than it needs
NARROW = 480  # pixels: a telephone's screen, and as high as one
QUESTION_CHARACTERS = 200
IDENTITY_SECRET = "the site's and ours"
ARGUMENTS = [
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if not path:
        pytest.fail(
            "no Chromium was found: install one (Debian: apt-get install chromium), or name it in CHROMIUM"
        )
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        root = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=[*ARGUMENTS, *root], timeout=PATIENCE)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def _site() -> Iterator[Site]:
    site = Site()
    with served(site.app, host="localhost") as site.origin:
        yield site


@pytest.fixture
def site(_site: Site) -> Site:
    """A site that may show the widget: another origin than Kotae's."""
    return _site


@pytest.fixture
def another_site() -> Iterator[Site]:
    """A site that may not show the widget."""
    site = Site()
    with served(site.app, host="localhost") as site.origin:
        yield site


@pytest.fixture(scope="session")
def house(_site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kotae]:
    """An installation in which the actor speaks; one for all tests, each has a conversation apart."""
    sys.path.append(str(installed(tmp_path_factory.mktemp("installed"))))
    settings = Settings(
        data=tmp_path_factory.mktemp("data"),
        product="Aroma",
        chat={"strategy": "actor"},
        strategies={"actor": {"use": "actor"}},
        web={"sites": [_site.origin, _site.near], "identity_secret": IDENTITY_SECRET},
        widget={"starters": {"en": ["How long is the warranty?"], "ja": ["保証は何年ですか。"]}},
        limits={
            "question_characters": QUESTION_CHARACTERS,
            "questions_per_minute": 1000,
            "client_questions_per_minute": 1000,
        },
    )
    kotae = Kotae.open(settings)
    kotae.warm_up()
    yield kotae
    kotae.close()


@pytest.fixture
def mails(house: Kotae, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mail is configured; nobody carries it out."""
    mail = Mail(host="127.0.0.1")
    monkeypatch.setattr(house.transcripts, "_mail", mail)
    monkeypatch.setattr(house.deliveries, "_mail", mail)


@pytest.fixture(scope="session")
def address(house: Kotae) -> Iterator[str]:
    """Where Kotae is reached."""
    app = create_app(house)
    app.config["NEW_CONVERSATIONS"] = "1000 per minute"
    app.config["SEND_FILE_MAX_AGE_DEFAULT"] = 3600  # what a visitor has loaded is not asked for again
    with served(app) as origin:
        yield origin


@pytest.fixture(autouse=True)
def stage() -> Iterator[Stage]:
    """What is answered."""
    yield STAGE
    STAGE.clear()


Visit = Callable[..., Visitor]


@pytest.fixture(scope="session")
def windows(chromium: Browser) -> Windows:
    return Windows(chromium)


FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    item.stash[FAILED] = report.failed or item.stash.get(FAILED, False)
    return report


@pytest.fixture
def a_visitor(windows: Windows, address: str, request: pytest.FixtureRequest) -> Iterator[Visit]:
    """Visitors with a browser each, whose console may hold no complaint but what a test expects. Where a
    test changes the browser itself (its clock, its scripts), it is theirs `alone`.
    """
    sitting: list[tuple[Visitor, Window, bool]] = []

    def arrives(
        language: str = "en", width: int = 1280, height: int = 0, *, alone: bool = False, **options: Any
    ) -> Visitor:
        size = ViewportSize(width=width, height=height or (740 if width < NARROW else 860))
        window = windows.open(size, locale=language, reduced_motion="reduce", **options)
        window.page.context.set_default_timeout(PATIENCE)
        visitor = Visitor(window.page, address, language)
        visitor.page.on("console", visitor.hears_the_console)
        visitor.page.on("pageerror", visitor.hears_an_error)
        sitting.append((visitor, window, alone))
        return visitor

    yield arrives
    for visitor, window, alone in sitting:
        visitor.page.wait_for_load_state()
        visitor.page.title()  # what the console said until now is heard
        visitor.page.remove_listener("console", visitor.hears_the_console)
        visitor.page.remove_listener("pageerror", visitor.hears_an_error)
        window.close() if alone or request.node.stash.get(FAILED, False) else window.leave()
    assert [complaint for visitor, *_ in sitting for complaint in visitor.complaints] == []


@pytest.fixture
def language() -> str:
    """The customer's. A journey says its own: tests/browser/points.py."""
    return "en"


@pytest.fixture
def width() -> int:
    """Of the customer's screen, as `language`."""
    return 1280


@pytest.fixture
def visitor(a_visitor: Visit, language: str, width: int) -> Iterator[Visitor]:
    """Somebody in the demo shop who has opened the chat."""
    visitor = a_visitor(language, width).visits().opens_the_chat()
    yield visitor
    visitor.is_at_ease()


@pytest.fixture
def signed_in(a_visitor: Visit, kotae: Kotae) -> Arrive:
    """Somebody who has signed in and stands nowhere yet."""

    def arrives(role: str = "operator", **options: object) -> Colleague:
        email = f"{role}@example.com"
        if not any(user.email == email for user in kotae.users.list()):
            kotae.users.add(email, PASSWORD, role)  # type: ignore[arg-type]
        visitor = a_visitor(**options)
        form = f"{visitor.kotae}/console/sign-in"
        browser = visitor.page.context.request  # it shares its cookies with the pages
        token = TOKEN.search(browser.get(form, timeout=PATIENCE).text())
        assert token
        signs_in = {"csrf_token": token[1], "email": email, "password": PASSWORD}
        assert browser.post(form, form=signs_in, max_redirects=0, timeout=PATIENCE).status == 302
        return Colleague(visitor.page, visitor.kotae, visitor.complaints, visitor.language)

    return arrives


@pytest.fixture
def admin(signed_in: Arrive) -> Colleague:
    return signed_in("admin")


@pytest.fixture
def operator(signed_in: Arrive) -> Colleague:
    return signed_in("operator")
