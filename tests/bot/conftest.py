"""What every test of the bot stands on: an upgraded database of its own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.store.migrate import upgrade
from knowledge_base.database import open_engine


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither this machine's environment nor a kotae.toml in its working directory."""
    for name in [name for name in os.environ if name.startswith("KOTAE_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def open_database(tmp_path: Path) -> Iterator[Callable[..., sa.Engine]]:
    """The same database as another process would open it."""
    opened: list[sa.Engine] = []

    def another(**options: float) -> sa.Engine:
        opened.append(open_engine(f"sqlite:///{tmp_path / 'kotae.db'}", **options))
        return opened[-1]

    yield another
    for engine in opened:
        engine.dispose()


@pytest.fixture(scope="session")
def upgraded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An upgraded database that nobody writes to."""
    file = tmp_path_factory.mktemp("upgraded") / "kotae.db"
    engine = open_engine(f"sqlite:///{file}")
    upgrade(engine)
    engine.dispose()
    return file


@pytest.fixture
def engine(open_database: Callable[..., sa.Engine], upgraded: Path, tmp_path: Path) -> sa.Engine:
    shutil.copy(upgraded, tmp_path / "kotae.db")
    return open_database()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def on_either(request: pytest.FixtureRequest) -> Iterator[Callable[[], sa.Engine]]:
    """The same database as one more process opens it: SQLite, then PostgreSQL."""
    if request.param == "sqlite":
        request.getfixturevalue("engine")
        yield request.getfixturevalue("open_database")
        return
    url = request.getfixturevalue("postgresql")
    with ExitStack() as left:

        def another() -> sa.Engine:
            engine = open_engine(url)
            left.callback(engine.dispose)
            return engine

        upgrade(another())
        yield another
