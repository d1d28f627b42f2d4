"""What every test of the bot stands on: an upgraded database of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
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


@pytest.fixture
def postgresql() -> Iterator[str]:
    """The URL of a database on a real server, started for this test on a free port of the loopback."""
    pytest.importorskip("psycopg", reason="install it: pip install 'kotae[postgresql]'")
    programs = _postgresql_programs()
    with tempfile.TemporaryDirectory(prefix="kotae-postgresql-") as name, socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        folder = Path(name)
        run = _as_somebody(folder)
        initdb = ["-U", "kotae", "-A", "trust", "-E", "UTF8", "--no-sync"]
        options = f"-p {port} -h 127.0.0.1 -k {folder} -F"
        control = [*run, programs / "pg_ctl", "-D", folder / "data", "-w"]
        for command in (
            [*run, programs / "initdb", "-D", folder / "data", *initdb],
            [*control, "-l", folder / "log", "-o", options, "start"],
        ):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=folder)
        yield f"postgresql+psycopg://kotae@127.0.0.1:{port}/postgres"
        subprocess.run(
            [*control, "-m", "immediate", "stop"], check=True, stdout=subprocess.DEVNULL, cwd=folder
        )


def _postgresql_programs() -> Path:
    found = [Path(path).resolve().parent for path in (shutil.which("initdb"),) if path]
    found += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if not found:
        pytest.skip("no PostgreSQL here; on Debian: apt-get install postgresql")
    return found[0]


def _as_somebody(folder: Path) -> list[str]:
    """PostgreSQL does not run as root."""
    if os.getuid() != 0:
        return []
    shutil.chown(folder, "nobody")
    return ["setpriv", "--reuid=nobody", "--clear-groups", "--"]
