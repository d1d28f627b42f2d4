"""The uploaded files on disk: `files/<document>/<version>`, and those still arriving in `files/arriving/`.

A file's name is data: it is shown, cleaned, and never becomes part of a path.
"""

import errno
import hashlib
import os
import re
import shutil
import time
import unicodedata
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from knowledge_base.durable import sync_folder
from knowledge_base.errors import NotFound, TooLarge, Unavailable, Unreadable

PIECE = 1024 * 1024
ABANDONED_SECONDS = 3600  # an upload that has not grown for so long will not
SHOWN_CHARACTERS = 200
DRIVE = re.compile(r"^(?:[A-Za-z]:|[. ])+")
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@dataclass(frozen=True)
class Arrived:
    """A file that is wholly on disk, not yet anybody's."""

    name: str  # fit to be shown
    path: Path
    hash: str
    size: int


class Files:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._arriving = folder / "arriving"

    @contextmanager
    def arriving(self, stream: BinaryIO, name: str, limit: int) -> Iterator[Arrived]:
        """The stream's bytes on disk while the block decides what becomes of them; whatever is not kept
        is gone.
        """
        name, path = shown(name), self._arriving / uuid4().hex
        try:
            with _room(name):
                self._arriving.mkdir(parents=True, exist_ok=True)
                arrived = _write(stream, path, name, limit)
            yield arrived
        finally:
            path.unlink(missing_ok=True)

    def keep(self, arrived: Arrived, document_id: str, version: int) -> None:
        place = self.path(document_id, version)
        with _room(arrived.name):
            place.parent.mkdir(parents=True, exist_ok=True)
            arrived.path.rename(place)
            sync_folder(place.parent)

    def again(self, document_id: str, version: int, later: int) -> None:
        """Keep the file of one version as that of a later one too."""
        old, new = self.path(document_id, version), self.path(document_id, later)
        new.unlink(missing_ok=True)  # of a process that was killed before it recorded the version
        with _room(old.name):
            try:
                new.hardlink_to(old)
            except FileNotFoundError:
                raise Unreadable(
                    "the document's file is gone from the data directory; upload it again"
                ) from None
            except OSError:  # a file system without links
                shutil.copyfile(old, new)
            sync_folder(new.parent)

    def path(self, document_id: str, version: int) -> Path:
        return self._of(document_id) / str(version)

    def forget(self, document_id: str) -> None:
        shutil.rmtree(self._of(document_id), ignore_errors=True)

    def forget_before(self, document_id: str, version: int) -> None:
        for path in self._of(document_id).glob("*"):
            if int(path.name) < version:
                path.unlink(missing_ok=True)

    def _of(self, document_id: str) -> Path:
        """An id may come from outside; only what is one of ours becomes part of a path."""
        if not re.fullmatch("[0-9a-f]{32}", document_id):
            raise NotFound(f"there is no document {document_id!r}")
        return self._folder / document_id

    def sweep(self, oldest: Mapping[str, int]) -> None:
        """Remove what a killed process left; `oldest` is the first version that is kept, of each document
        there is.
        """
        before = (
            time.time() - ABANDONED_SECONDS
        )  # an upload of another process may be between file and record
        for path in [*self._arriving.glob("*"), *self._folder.glob("*")]:
            if path.name in oldest:
                self.forget_before(path.name, oldest[path.name])
            elif path != self._arriving and path.stat().st_mtime < before:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def shown(name: str) -> str:
    """The last part of a file name, whatever system it comes from, without what could mislead or break a
    page.

    >>> shown("../../etc/passwd"), shown("C:\\\\manuals\\\\kettle.pdf"), shown("bad\\x00name\\u202e.md")
    ('passwd', 'kettle.pdf', 'badname.md')
    """
    text = unicodedata.normalize("NFC", name.encode("utf-8", "replace").decode("utf-8"))
    last = re.split(r"[/\\]", text)[-1]
    clean = "".join(c if unicodedata.category(c)[0] not in "CZ" else _space(c) for c in last)
    clean = DRIVE.sub("", " ".join(clean.split())).rstrip(". ") or "document"
    if len(clean) <= SHOWN_CHARACTERS:
        return clean
    ending = Path(clean).suffix[:16]
    return clean[: SHOWN_CHARACTERS - len(ending) - 1] + "…" + ending


def _space(character: str) -> str:
    """Spaces and line breaks of all kinds become one; control and formatting characters nothing."""
    return " " if character.isspace() and character not in "\x1c\x1d\x1e\x1f" else ""


def _write(stream: BinaryIO, path: Path, name: str, limit: int) -> Arrived:
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as file:
        while piece := stream.read(PIECE):
            size += len(piece)
            if size > limit:
                raise TooLarge(f"{name!r} is larger than the {_megabytes(limit)} that are accepted; split it")
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    if not size:
        raise Unreadable(f"{name!r} is empty; nothing was uploaded")
    return Arrived(name, path, digest.hexdigest(), size)


def _megabytes(limit: int) -> str:
    return f"{limit / PIECE:.0f} MB" if limit >= PIECE else f"{limit} bytes"


@contextmanager
def _room(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise Unavailable(
                f"the disk is full: {name!r} was not kept; free some space and upload it again"
            ) from error
        raise
