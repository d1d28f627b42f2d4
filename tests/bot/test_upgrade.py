"""Whatever an older Kotae kept is there after the upgrade, as it was."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.script import ScriptDirectory

from bot.store.migrate import METADATA, MIGRATIONS, ours, upgrade
from knowledge_base.database import open_engine
from knowledge_base.errors import Unavailable

REVISIONS = [each.revision for each in ScriptDirectory(str(MIGRATIONS)).walk_revisions()][::-1]
WORDS = (
    "passage_rows",
    "passage_terms",
    "passage_vocabulary",
    "passage_words",
    "message_words",
)
Rows = dict[str, list[dict[str, Any]]]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.server)])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[sa.Engine]:
    """A database that holds nothing yet."""
    url = f"sqlite:///{tmp_path / 'kotae.db'}"
    engine = open_engine(request.getfixturevalue("postgresql") if request.param == "postgresql" else url)
    yield engine
    engine.dispose()


def tables(connection: sa.Connection) -> list[sa.Table]:
    """Those that there are just now, but for the indexes of words, and what others refer to first."""
    found = sa.MetaData()
    found.reflect(connection, only=lambda name, _: ours(name, "table", None) and not name.startswith(WORDS))
    return [table for table in found.sorted_tables if table.name != "alembic_version"]


def fill(connection: sa.Connection, old: Container[str]) -> None:
    """A row in every table that is new and has none, each referring to those of the others."""
    for table in tables(connection):
        if table.name in old or connection.scalar(sa.select(sa.func.count()).select_from(table)):
            continue
        row = {column.name: _value(connection, column) for column in table.columns}
        connection.execute(sa.insert(table).values(row))


def _value(connection: sa.Connection, column: sa.Column[Any]) -> Any:
    for key in column.foreign_keys:
        return connection.scalar(sa.select(key.column))
    if isinstance(column.type, sa.JSON):
        return {"kept": ["as", "it", "was"]}
    if isinstance(column.type, sa.DateTime):
        return datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
    if isinstance(column.type, sa.LargeBinary):
        return b"as it was"
    if isinstance(column.type, sa.Boolean):
        return True
    if isinstance(column.type, sa.Integer):
        return 7
    if isinstance(column.type, sa.Numeric | sa.Float):
        return 0.5
    return "as it was"[: getattr(column.type, "length", None)]


def held(connection: sa.Connection) -> Rows:
    return {
        table.name: [dict(row) for row in connection.execute(sa.select(table)).mappings()]
        for table in tables(connection)
    }


def test_what_any_version_kept_goes_through_every_upgrade_as_it_was(engine: sa.Engine) -> None:
    kept: Rows = {}
    for revision in REVISIONS:
        upgrade(engine, revision)
        with engine.begin() as connection:
            fill(connection, old=kept)
            kept = {**held(connection), **kept}

    with engine.connect() as connection:
        now, there = held(connection), {table.name: table for table in tables(connection)}
        if engine.dialect.name == "sqlite":
            assert connection.exec_driver_sql("PRAGMA foreign_key_check").all() == []
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1
    assert set(now) >= {table for metadata in METADATA for table in metadata.tables}
    for name, rows in kept.items():
        columns = rows[0].keys() & there[name].columns.keys()
        assert [_of(row, columns) for row in now[name]] == [_of(row, columns) for row in rows], name


def _of(row: dict[str, Any], columns: Collection[str]) -> dict[str, Any]:
    return {column: row[column] for column in columns}


def test_a_disk_that_is_full_is_told_and_the_database_stays_as_it_was(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'kotae.db'}")
    upgrade(engine, REVISIONS[0])
    with engine.begin() as connection:
        fill(connection, old=())
        before = held(connection)
    engine.dispose()

    @sa.event.listens_for(engine, "connect")
    def no_more_room(connection: Any, _record: Any) -> None:
        [pages] = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages + 1}")

    with pytest.raises(Unavailable, match=r"the disk of the database .* is full; free some space"):
        upgrade(engine)
    with engine.connect() as connection:
        assert held(connection) == before
        assert connection.scalar(sa.text("SELECT version_num FROM alembic_version")) == REVISIONS[0]
    engine.dispose()


def test_comparisons_of_before_know_how_many_questions_they_ask(engine: sa.Engine) -> None:
    upgrade(engine, "0016")
    chosen = {
        "all": ({"part": None, "limit": None}, 3),
        "two": ({"part": None, "limit": 2}, 2),
        "open": ({"part": "open", "limit": 9}, 2),
        "told": ({"part": None, "limit": None, "asked": 5}, 5),
    }
    with engine.begin() as connection:
        fill(connection, old=())
        there = {table.name: table for table in tables(connection)}
        questions, runs = there["set_questions"], there["evaluation_runs"]
        [question], [run] = held(connection)["set_questions"], held(connection)["evaluation_runs"]
        connection.execute(sa.delete(questions))
        lives = ((1, None, "open"), (1, 9, "open"), (1, None, "held-out"), (1, 7, "open"), (8, None, "open"))
        for position, (since, until, part) in enumerate(lives):
            told = {"position": position, "since": since, "until": until, "part": part}
            connection.execute(sa.insert(questions).values(question | told))
        for name, (one, _) in chosen.items():
            connection.execute(sa.insert(runs).values(run | {"id": name, "set_version": 7, "chosen": one}))
    upgrade(engine)
    with engine.connect() as connection:
        asked = {row.id: row.chosen.get("asked") for row in connection.execute(sa.select(runs))}
    assert {name: asked[name] for name in chosen} == {name: number for name, (_, number) in chosen.items()}
