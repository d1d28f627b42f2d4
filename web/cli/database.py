"""`kotae db`: the database."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import click

from web.cli.shell import CANNOT_BEGIN, Group, Installation, Sentence, counted, here


@click.group(cls=Group)
def db() -> None:
    """The database."""


@db.command()
@here
def upgrade(installation: Installation) -> None:
    """Bring the database to this version of Kotae (every other command does so too)."""
    with installation.open() as kotae:
        where = kotae.engine.url.render_as_string(hide_password=True)
        installation.show({"database": where}, f"{where} is up to date.")


@db.command()
@click.argument("to", type=click.Path(path_type=Path))
@here
def backup(installation: Installation, to: Path) -> None:
    """Copy the installation to the new folder TO, also while its server answers.

    Put back as a data directory, it goes on as it was then. ChromaDB is left out: the next start fills it
    from the catalogue. A database at store.url is not in it; a server has its own tool, such as pg_dump.
    """
    from bot.store.backup import CannotBackUp, back_up

    settings = installation.settings()
    try:
        made = back_up(settings.data, to, database=not settings.store.url.get_secret_value())
    except CannotBackUp as refused:
        raise Sentence(str(refused), CANNOT_BEGIN) from refused
    elsewhere = "" if made.database else " The database at store.url is not in it: copy that with pg_dump."
    result = {"folder": str(made.folder), "bytes": made.bytes, "database": made.database}
    installation.show(result, f"{made.folder} holds {made.bytes / 1e6:,.1f} MB.{elsewhere}")


@db.command()
@here
def copy(installation: Installation) -> None:
    """Copy everything from the data directory's own database to the one at store.url.

    That one must hold nothing yet, and the server must be stopped. The data directory's own stays as it is.
    Vectors are put into ChromaDB by the next start, and work that waits is taken up by it.
    """
    from bot import kotae
    from bot.store.copying import CannotCopy
    from bot.store.copying import copy as copy_all
    from knowledge_base.database import open_engine
    from knowledge_base.ownership import Ownership
    from web.cli.progress import meter

    settings = installation.settings()
    own = settings.data / "kotae.db"
    if not settings.store.url.get_secret_value():
        raise Sentence("store.url is empty: it names the database to copy to", CANNOT_BEGIN)
    if not own.exists():
        raise Sentence(f"there is nothing to copy: {str(own)!r} does not exist", CANNOT_BEGIN)
    owner = Ownership(settings.data)
    owner.take()
    source, target = open_engine(f"sqlite:///{own}"), kotae.open_store(settings)
    try:
        with closing(meter(1, "of it")) as bar:

            def told(done: int, whole: int) -> None:
                bar.update(done / whole - bar.n)

            rows = copy_all(source, target, told)
    except CannotCopy as refused:
        raise Sentence(str(refused), CANNOT_BEGIN) from refused
    finally:
        source.dispose()
        target.dispose()
        owner.give_back()
    where = target.url.render_as_string(hide_password=True)
    installation.show({"database": where, "rows": rows}, f"{where} holds all of it: {counted(rows, 'row')}.")
