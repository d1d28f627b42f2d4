"""How an adapter comes in and goes out: a folder, a zip file, the bytes of one.

Nothing in it is believed: names that lead elsewhere, links, code, pickles, more than was announced are
refused before anything is looked at.
"""

from __future__ import annotations

import hashlib
import re
import shutil
import stat
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

LARGEST = 2**30  # bytes of one adapter, unpacked
MOST_FILES = 64
KINDS = {".safetensors", ".json", ".jsonl", ".md"}
PICKLES = {".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle"}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


class Refused(Exception):
    """An adapter may not stand on the shelf, or may not speak. The message is the reason, for the admin."""


def unpack(source: Path | BinaryIO, into: Path, largest: int = LARGEST) -> None:
    """Copy an adapter's files out of a folder, a zip file, or the bytes of one. Raises Refused."""
    if isinstance(source, Path) and source.is_dir():
        _copy(source, into, largest)
        return
    try:
        with zipfile.ZipFile(source) as archive:
            _extract(archive, into, largest)
    except FileNotFoundError:
        raise Refused(f"there is no file {str(source)!r}") from None
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        raise Refused(f"it is no zip file of an adapter ({error})") from error


def _copy(source: Path, into: Path, largest: int) -> None:
    room = _Room(largest)
    for path in sorted(source.iterdir()):
        if path.is_symlink() or not path.is_file():
            raise Refused(f"{path.name!r} is not a plain file: an adapter is a flat folder of files")
        with path.open("rb") as file:
            room.take(file, into / allowed(path.name))


def _extract(archive: zipfile.ZipFile, into: Path, largest: int) -> None:
    room = _Room(largest)
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    for entry in entries:
        path = PurePosixPath(entry.filename)
        if "\\" in entry.filename or path.is_absolute() or ".." in path.parts or len(path.parts) > 2:
            raise Refused(f"{entry.filename!r} leads elsewhere: an adapter is a flat folder of files")
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise Refused(f"{entry.filename!r} is a link, not a file")
        if (into / path.name).exists():
            raise Refused(f"{path.name!r} is there twice")
        with archive.open(entry) as file:
            room.take(file, into / allowed(path.name))


class _Room:
    """What may still come: bytes are counted as they are written, not as they were announced."""

    def __init__(self, largest: int) -> None:
        self._largest = self._left = largest
        self._files = 0

    def take(self, file: IO[bytes], to: Path) -> None:
        self._files += 1
        if self._files > MOST_FILES:
            raise Refused(f"it has more than {MOST_FILES} files")
        with to.open("xb") as out:
            while piece := file.read(2**20):
                self._left -= len(piece)
                if self._left < 0:
                    raise Refused(f"it is larger than {self._largest / 2**20:,.0f} MiB")
                out.write(piece)


def allowed(name: str) -> str:
    """The name of a file that an adapter may have."""
    kind = PurePosixPath(name).suffix.lower()
    if kind in PICKLES:
        raise Refused(
            f"{name!r} is a pickle, which can run code when it is read; save the weights as safetensors"
        )
    if kind not in KINDS or not NAME.fullmatch(name):
        raise Refused(f"{name!r} does not belong to an adapter: only weights and their description do")
    return name


def content_hash(folder: Path) -> str:
    """Of every file's name and bytes, in 16 hex digits. Another byte is another adapter."""
    whole = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        whole.update(f"{path.name}\0{digest}\n".encode())
    return whole.hexdigest()[:16]


def copy_out(folder: Path, to: IO[bytes], top: str) -> None:
    """The folder as a zip file. The weights are as good as random: packing them would save nothing."""
    with zipfile.ZipFile(to, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.iterdir()):
            archive.write(path, f"{top}/{path.name}")


@contextmanager
def staging(folder: Path, name: str) -> Iterator[Path]:
    """A folder beside those on the shelf that is gone afterwards, unless it was given its place."""
    made = folder / f".{name}"
    made.mkdir(parents=True)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
