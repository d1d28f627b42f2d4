"""Whoever runs Kotae reads what happened, a line each, and never what a customer said."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest

from bot.kotae import Kotae
from tests.people import Admin, Colleague, Customer
from web import logs


@pytest.fixture
def written(capfd: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    """What stands on standard error, while all is as it was afterwards."""
    root = logging.getLogger()
    handlers, levels = root.handlers[:], {name: logging.getLogger(name).level for name in ("", *logs.OURS)}
    yield capfd
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


def test_each_thing_that_happens_is_a_line_with_ids_and_without_a_customers_words(
    written: pytest.CaptureFixture[str], admin: Admin, customer: Customer, kotae: Kotae
) -> None:
    logs.begin("info", "json")
    admin.sends("/console/sign-out")
    admin.signs_in()
    admin.uploads(("kettle.md", b"# Kettle\n\nThe kettle holds 1.7 litres.\n"))
    said = customer.asks("My name is Zaphod; how many litres does the kettle hold?")
    admin.switches_to("parrot")
    lines = [json.loads(line) for line in written.readouterr().err.splitlines()]
    told = " | ".join(line["message"] for line in lines)
    assert f"answered message={said.id} conversation={customer.conversation} strategy='manuals'" in told
    assert "job done: kind='ingest'" in told
    assert f"signed in: {admin.email!r}" in told
    assert "strategy 'parrot' speaks now" in told
    assert "Zaphod" not in told
    assert "litres" not in told
    assert {"at", "level", "logger", "message"} <= set(lines[0])


def test_a_sign_in_that_fails_is_told_and_forges_no_line(
    written: pytest.CaptureFixture[str], admin: Colleague
) -> None:
    admin.sends("/console/sign-out")
    logs.begin("info", "text")
    admin.sends("/console/sign-in", email="ann\u2028@example.com\r\nINFO signed in", password="guess")
    lines = written.readouterr().err.splitlines()
    [line] = [line for line in lines if "sign-in refused" in line]
    assert line.split(" ", 1)[1].startswith("WARNING web.auth: sign-in refused")
    assert "from 127.0.0.1" in line


def test_what_goes_wrong_has_its_trace_and_is_not_repeated_all_day(
    written: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logs.begin("info", "json")
    for _ in range(50):
        try:
            raise OSError("connection refused")
        except OSError:
            logging.getLogger("huey").exception("cannot be asked")
    logging.getLogger("huey").warning("something else")
    monkeypatch.setattr(logs, "AGAIN_SECONDS", 0.0)
    logging.getLogger("huey").warning("something else")
    first, other, again = (json.loads(line) for line in written.readouterr().err.splitlines())
    assert (first["message"], other["message"]) == ("cannot be asked", "something else")
    assert "OSError: connection refused" in first["trace"]
    assert again["message"] == "something else"
