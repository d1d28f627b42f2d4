"""Which adapter is promoted: one small file, replaced whole, with everything that was ever promoted in it.

Whoever reads it sees the state before a change or the one after it, never half of one; a `stat` tells whether
it changed.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from knowledge_base.durable import replace_file
from strategies.lora.shelf.card import CURRENT

Stamp = tuple[int, int, int]  # inode, time, size: another one is another file

NEVER: Stamp = (0, 0, 0)


class BrokenPointer(Exception):
    """The file is there and cannot be understood; the message says what to do."""


class Change(BaseModel):
    """One promotion. `hash` speaks from then on, `""` for none; `previous` spoke until then."""

    model_config = ConfigDict(frozen=True)

    id: int
    hash: str
    previous: str
    by: str
    at: datetime
    note: str = ""


class Pointed(BaseModel):
    """The file's content: the changes, oldest first."""

    model_config = ConfigDict(frozen=True)

    changes: tuple[Change, ...] = ()

    @property
    def hash(self) -> str:
        return self.changes[-1].hash if self.changes else ""

    def after(self, adapter: str, by: str, at: datetime, note: str) -> Pointed:
        number = self.changes[-1].id + 1 if self.changes else 1
        change = Change(id=number, hash=adapter, previous=self.hash, by=by, at=at, note=note)
        return Pointed(changes=(*self.changes, change))


class Pointer:
    """Reading needs no lock; whoever writes holds the shelf's."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / f"{CURRENT}.json"

    def stamp(self) -> Stamp:
        """Another one after every change; NEVER where nothing was promoted."""
        try:
            found = self._file.stat()
        except FileNotFoundError:
            return NEVER
        return found.st_ino, found.st_mtime_ns, found.st_size

    def read(self) -> Pointed:
        try:
            return Pointed.model_validate_json(self._file.read_bytes())
        except FileNotFoundError:
            return Pointed()
        except (OSError, ValidationError) as error:
            raise BrokenPointer(
                f"which adapter is promoted cannot be read from {str(self._file)!r}; promote one again, "
                "or put the file back from a backup"
            ) from error

    def write(self, pointed: Pointed) -> None:
        replace_file(self._file, f"{pointed.model_dump_json(indent=1)}\n".encode())

    def put_aside(self) -> None:
        """A file that cannot be read makes room and is kept for whoever wants to know."""
        self._file.replace(self._file.with_suffix(".broken.json"))
