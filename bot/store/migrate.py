"""Moves the database forward, and writes the revisions that do it.

python -m bot.store.migrate "what it brings"     a new revision from what changed in the tables
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.util import CommandError

from bot.store import words
from bot.store.tables import Base
from knowledge_base import database
from knowledge_base.errors import Conflict
from knowledge_base.tables import metadata as knowledge_base

METADATA = [Base.metadata, knowledge_base]
MIGRATIONS = Path(__file__).parent / "migrations"
BESIDE = ("passage_", words.TABLES)  # knowledge_base.lexical and bot.store.words make these themselves


def upgrade(engine: sa.Engine, to: str = "head") -> None:
    """Bring the database to the newest revision, as a whole or not at all.

    Of two processes that start at once, the second waits for the first. Raises Conflict where it is newer
    than this Kotae knows.
    """
    with database.rebuilding(engine) as connection:
        if engine.dialect.name == "postgresql":  # SQLite is locked already, by BEGIN IMMEDIATE
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(0x6B6F746165)))
        try:
            command.upgrade(_config(connection), to)
        except CommandError as error:
            raise Conflict(
                f"the database {database.named(engine)!r} is of another Kotae, perhaps a newer one "
                f"({error}); start that one, or put back a backup"
            ) from error


def _config(connection: sa.Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.set_main_option("file_template", "%%(rev)s_%%(slug)s")
    config.set_main_option("truncate_slug_length", "80")
    config.attributes["connection"] = connection
    return config


def ours(name: str | None, kind: str, _parents: object) -> bool:
    """Whether a table found in the database is one of METADATA's, or stands beside them on purpose."""
    known = {table for metadata in METADATA for table in metadata.tables}
    return kind != "table" or name in known or not str(name).startswith(BESIDE)


def write_revision(message: str) -> None:
    """Compare the tables with an upgraded, empty database, and write what is missing as a new revision."""
    with tempfile.TemporaryDirectory() as folder:
        engine = database.open_engine(f"sqlite:///{folder}/empty.db")
        upgrade(engine)
        number = len(list((MIGRATIONS / "versions").glob("*.py"))) + 1
        with database.writing(engine) as connection:
            command.revision(_config(connection), message, autogenerate=True, rev_id=f"{number:04}")
        engine.dispose()


if __name__ == "__main__":
    write_revision(" ".join(sys.argv[1:]))
