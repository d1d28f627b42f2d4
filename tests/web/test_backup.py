"""An installation is copied while it answers, and goes on from the copy on another machine."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from bot.store.migrate import upgrade
from knowledge_base.database import open_engine
from tests.people import Customer
from tests.web.test_command_line import WARRANTY, Terminal
from tests.web.test_moving import QUESTION, opened
from web.app import create_app


@pytest.fixture
def terminal(tmp_path: Path, one_embedder: None) -> Terminal:
    terminal = Terminal(tmp_path)
    assert terminal("documents", "add", str(terminal.write("warranty.md", WARRANTY))).exit_code == 0
    return terminal


def test_a_backup_that_is_made_while_customers_are_answered_goes_on_elsewhere(
    terminal: Terminal, tmp_path: Path
) -> None:
    over = threading.Event()
    with opened(terminal) as kotae:
        (terminal.data / "adapters").mkdir(exist_ok=True)
        (terminal.data / "adapters" / "card.json").write_text("{}")
        app = create_app(kotae)
        customer = Customer(app)
        customer.asks(QUESTION)

        def others_ask() -> None:
            while not over.is_set():
                Customer(app).asks(QUESTION)

        busy = threading.Thread(target=others_ask)
        busy.start()
        made = terminal.json("db", "backup", str(tmp_path / "monday"))
        over.set()
        busy.join()
        told = kotae.conversations.get(customer.conversation).messages
    assert (made["folder"], made["database"]) == (str(tmp_path / "monday"), True)
    assert made["bytes"] > 100_000

    (tmp_path / "elsewhere").mkdir()
    elsewhere = Terminal(tmp_path / "elsewhere")
    (tmp_path / "monday").rename(elsewhere.data)
    assert (elsewhere.data / "adapters" / "card.json").read_text() == "{}"
    with opened(elsewhere) as kotae:
        again = Customer(create_app(kotae))
        again._token = customer.token  # which the same secret signed
        assert kotae.conversations.get(again.conversation).messages == told
        assert "30 months" in again.asks(QUESTION).text
        [document] = kotae.library.documents()
        assert kotae.library.file(document.id).read_bytes() == WARRANTY.encode()


def test_a_backup_moves_no_database_forward(tmp_path: Path) -> None:
    """It is made before an upgrade."""
    old = Terminal(tmp_path)
    old.data.mkdir()
    engine = open_engine(f"sqlite:///{old.data / 'kotae.db'}")
    upgrade(engine, "0001")
    engine.dispose()
    old.json("db", "backup", str(tmp_path / "before"))
    for data in (old.data, tmp_path / "before"):
        engine = open_engine(f"sqlite:///{data / 'kotae.db'}")
        with engine.connect() as connection:
            assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "0001"
        engine.dispose()


def test_a_backup_overwrites_nothing_and_needs_something(terminal: Terminal, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    refused = terminal("db", "backup", str(tmp_path / "there"))
    assert (refused.exit_code, "is there already" in refused.stderr) == (2, True)
    (tmp_path / "empty").mkdir()
    nothing = Terminal(tmp_path / "empty")("db", "backup", str(tmp_path / "of-nothing"))
    assert (nothing.exit_code, "nothing to back up" in nothing.stderr) == (2, True)
    assert not (tmp_path / "of-nothing").exists()
