"""An installation moves from the data directory's own database to PostgreSQL with all that it holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.kotae import Kotae
from bot.settings import Settings
from bot.store.migrate import METADATA
from tests.people import Customer
from tests.web.test_command_line import WARRANTY, Terminal
from web.app import create_app

QUESTION = "How long is the kettle under warranty?"


@pytest.fixture
def terminal(tmp_path: Path, one_embedder: None) -> Terminal:
    """Of an installation in which somebody has worked."""
    terminal = Terminal(tmp_path)
    manual = terminal.write("warranty.md", WARRANTY)
    assert terminal("documents", "add", str(manual)).exit_code == 0
    added = terminal("users", "add", "ann@example.com", "--role", "admin", stdin="a long password\n")
    assert added.exit_code == 0
    with opened(terminal) as kotae:
        customer = Customer(create_app(kotae))
        assert customer.rates(customer.asks(QUESTION).id, "up").status_code < 300
    return terminal


@contextmanager
def opened(terminal: Terminal) -> Iterator[Kotae]:
    kotae = Kotae.open(Settings.load(terminal.folder / "kotae.toml", terminal.data))
    try:
        kotae.warm_up()
        yield kotae
    finally:
        kotae.close()


def held(engine: sa.Engine) -> dict[str, list[tuple[object, ...]]]:
    """Every row of every table."""
    with engine.connect() as connection:
        return {
            table.name: sorted((tuple(row) for row in connection.execute(sa.select(table))), key=repr)
            for metadata in METADATA
            for table in metadata.sorted_tables
        }


@pytest.mark.server
def test_everything_moves_to_postgresql_and_goes_on_there(
    terminal: Terminal, postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(terminal) as kotae:
        before = held(kotae.engine)
    monkeypatch.setenv("KOTAE_STORE__URL", postgresql)
    told = terminal.json("db", "copy")
    assert told == {"database": postgresql, "rows": sum(map(len, before.values()))}

    with opened(terminal) as kotae:
        assert kotae.engine.dialect.name == "postgresql"
        assert held(kotae.engine) == before
        [found] = kotae.conversations.page("warranty")
        assert (found.opening, found.count, found.ups) == (QUESTION, 2, 1)
        answer = Customer(create_app(kotae)).asks(QUESTION)
        assert "30 months" in answer.text
        assert len(kotae.conversations.page("warranty")) == 2
        [document] = kotae.library.documents()
        kotae.remove(document.id)
        assert kotae.library.search(QUESTION) == []

    again = terminal("db", "copy")
    assert (again.exit_code, "holds an installation already" in again.stderr) == (2, True)


@pytest.mark.server
def test_what_the_other_database_refuses_leaves_it_empty(
    terminal: Terminal, postgresql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with opened(terminal) as kotae, kotae.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE users SET email = 'ann' || char(0)")
    monkeypatch.setenv("KOTAE_STORE__URL", postgresql)
    refused = terminal("db", "copy")
    assert refused.exit_code == 2
    assert "refuses a row of 'users'" in refused.stderr
    engine = sa.create_engine(postgresql)
    assert held(engine)["documents"] == []
    engine.dispose()


def test_a_copy_that_has_no_from_or_to_or_whose_server_runs_is_refused(
    terminal: Terminal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = terminal("db", "copy")
    assert (nowhere.exit_code, "store.url is empty" in nowhere.stderr) == (2, True)
    monkeypatch.setenv("KOTAE_STORE__URL", f"sqlite:///{tmp_path / 'other.db'}")
    with opened(terminal):
        running = terminal("db", "copy")
    assert (running.exit_code, "in use" in running.stderr) == (2, True)
    (tmp_path / "empty").mkdir()
    nothing = Terminal(tmp_path / "empty")("db", "copy")
    assert (nothing.exit_code, "there is nothing to copy" in nothing.stderr) == (2, True)
