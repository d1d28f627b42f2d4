"""A copy of an installation, also while it answers: put back as a data directory, it goes on as it was then.

The database is copied as it stands at one moment. Files are copied before, and what is new is copied after:
so whatever it tells of is there. Left out is what the next start makes anew: ChromaDB, which is refilled from
the catalogue, and the queue, which is refilled from the jobs.
"""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

PARTS: Final = ("files", "adapters", "routers", "training", "secret")
DATABASE: Final = "kotae.db"


class CannotBackUp(Exception):
    """Why, as a sentence."""


@dataclass(frozen=True)
class Backup:
    folder: Path
    bytes: int
    database: bool


def back_up(data: Path, to: Path, *, database: bool = True) -> Backup:
    """Copy the data directory to a folder that is not there yet; what is there, is whole. A `database` that
    is a server's has a tool of its own for this.

    Raises CannotBackUp, and OSError where it cannot be written.
    """
    if not data.is_dir():
        raise CannotBackUp(f"there is nothing to back up: {str(data)!r} does not exist")
    if database and not (data / DATABASE).is_file():
        raise CannotBackUp(f"there is nothing to back up: {str(data)!r} holds no {DATABASE}")
    if to.exists():
        raise CannotBackUp(f"{str(to)!r} is there already; a backup gets a folder of its own")
    unfinished = to.with_name(f"{to.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True, mode=0o700)
    _copy_files(data, unfinished)
    if database:
        _copy_database(data / DATABASE, unfinished / DATABASE)
    _copy_files(data, unfinished)
    unfinished.rename(to)
    return Backup(to, sum(file.stat().st_size for file in to.rglob("*") if file.is_file()), database)


def _copy_database(source: Path, target: Path) -> None:
    """In one step, which nobody who writes has to wait for."""
    with (
        closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as old,
        closing(sqlite3.connect(target)) as new,
    ):
        old.backup(new)


def _copy_files(source: Path, target: Path) -> None:
    """What is not there yet; what goes meanwhile is left out, as the database will tell of it no more."""
    for name in PARTS:
        part = source / name
        for file in [part] if part.is_file() else sorted(part.rglob("*")):
            there = target / file.relative_to(source)
            if file.is_file() and not there.exists():
                there.parent.mkdir(parents=True, exist_ok=True)
                try:
                    shutil.copy2(file, there)
                except FileNotFoundError:
                    continue
