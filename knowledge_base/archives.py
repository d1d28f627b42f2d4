"""A ZIP of many documents: each file in it is a document of its own, as if it had been uploaded.

Its names are data and never become paths. What it unpacks to is counted while it unpacks, for the sizes that
it declares may lie.
"""

from __future__ import annotations

import stat
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, BinaryIO, cast

from knowledge_base.catalogue import Received
from knowledge_base.errors import KnowledgeError, TooLarge, Unreadable
from knowledge_base.library import Library
from knowledge_base.limits import MEBIBYTE, Limits
from knowledge_base.readers.packed import CONTENT_TYPES, SMALL

SIGNATURE = b"PK\x03\x04"
UTF8 = 0x800  # the flag that says in which encoding a name is
ENCRYPTED = 0x1
JUNK = ("__MACOSX", "Thumbs.db", "desktop.ini")
BETWEEN = " › "


@dataclass(frozen=True)
class Member:
    """A file in an archive, and the name that tells it from others."""

    name: str
    info: zipfile.ZipInfo


@dataclass(frozen=True)
class Taken:
    """What became of one file: received, or the reason why not."""

    name: str
    received: Received | None = None
    error: KnowledgeError | None = None


class Archive:
    """One that was opened; `members` in order, `open` each."""

    def __init__(self, packed: zipfile.ZipFile, name: str, size: int, limits: Limits) -> None:
        self.members = _members(packed, name, limits)
        self._packed = packed
        self._name = name
        self._left = min(limits.archive_bytes, max(limits.unpacked_ratio * size, SMALL))
        self._limits = limits

    @contextmanager
    def open(self, member: Member) -> Iterator[BinaryIO]:
        """Its bytes. Reading them raises TooLarge when the archive unpacks to more than it may, and
        Unreadable when it is damaged.
        """
        if member.info.flag_bits & ENCRYPTED:
            raise Unreadable(f"{member.name!r} is protected with a password; upload a copy without one")
        try:
            with self._packed.open(member.info) as stream:
                yield cast("BinaryIO", _Counted(stream, member.name, self))
        except (zipfile.BadZipFile, NotImplementedError, OSError, EOFError, ValueError) as error:
            raise Unreadable(f"{member.name!r} is damaged in the archive {self._name!r}") from error

    @property
    def exceeded(self) -> bool:
        """It has unpacked to more than it may; what is left of it is not opened."""
        return self._left < 0

    def spend(self, size: int) -> None:
        self._left -= size
        if self.exceeded:
            raise TooLarge(_too_large(self._name, self._limits))


def is_archive(stream: BinaryIO) -> bool:
    """Whether it is a ZIP of documents, and not an Office file, which is packed like one."""
    stream.seek(0)
    begins = stream.read(len(SIGNATURE))
    try:
        if begins != SIGNATURE:
            return False
        with zipfile.ZipFile(stream) as packed:
            return CONTENT_TYPES not in packed.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False  # whoever reads it says what is wrong
    finally:
        stream.seek(0)


@contextmanager
def opened(stream: BinaryIO, name: str, limits: Limits) -> Iterator[Archive]:
    """Raises Unreadable, and TooLarge when it says itself that it is."""
    size = stream.seek(0, 2)
    stream.seek(0)
    try:
        packed = zipfile.ZipFile(stream)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Unreadable(f"the archive {name!r} is damaged or was cut off; pack it again") from error
    with packed:
        yield Archive(packed, name, size, limits)


def take_in(library: Library, stream: BinaryIO, name: str, *, by: str = "") -> Iterator[Taken]:
    """Receive a file, or each file of an archive; what is wrong with one does not stop the others."""
    if not is_archive(stream):
        yield _taken(library, stream, name, by)
        return
    try:
        with opened(stream, name, library.limits) as archive:
            if not archive.members:
                raise Unreadable(f"the archive {name!r} holds no file")
            for member in archive.members:
                yield _unpacked(library, archive, member, by)
                if archive.exceeded:
                    return
    except KnowledgeError as error:
        yield Taken(name, error=error)


def _unpacked(library: Library, archive: Archive, member: Member, by: str) -> Taken:
    try:
        with archive.open(member) as inner:
            return _taken(library, inner, member.name, by)
    except Unreadable as error:
        return Taken(member.name, error=error)


def _taken(library: Library, stream: BinaryIO, name: str, by: str) -> Taken:
    try:
        return Taken(name, library.receive(stream, name, by=by))
    except KnowledgeError as error:
        return Taken(name, error=error)


class _Counted:
    def __init__(self, stream: IO[bytes], name: str, archive: Archive) -> None:
        self._stream = stream
        self._name = name
        self._archive = archive

    def read(self, size: int = -1) -> bytes:
        try:
            piece = self._stream.read(size if size > 0 else MEBIBYTE)
        except Exception as error:  # zlib's, lzma's and bz2's own
            raise Unreadable(f"{self._name!r} is damaged in the archive") from error
        self._archive.spend(len(piece))
        return piece


def _members(packed: zipfile.ZipFile, name: str, limits: Limits) -> Sequence[Member]:
    files = [info for info in packed.infolist() if _is_document(info)]
    if len(files) > limits.archive_files:
        raise TooLarge(
            f"the archive {name!r} holds {len(files)} files, more than the {limits.archive_files} that are "
            "accepted; split it"
        )
    if sum(info.file_size for info in files) > limits.archive_bytes:
        raise TooLarge(_too_large(name, limits))
    ways = [PurePosixPath(_name(info).replace("\\", "/")).parts for info in files]
    times = Counter(way[-1] for way in ways)
    return [
        Member(way[-1] if times[way[-1]] == 1 else BETWEEN.join(way), info)
        for way, info in zip(ways, files, strict=True)
    ]


def _is_document(info: zipfile.ZipInfo) -> bool:
    """Not a folder, a link, or what a system leaves beside its files."""
    parts = [part for part in info.filename.replace("\\", "/").split("/") if part]
    if info.is_dir() or not parts or stat.S_ISLNK(info.external_attr >> 16):
        return False
    return not any((part.startswith(".") and part != "..") or part in JUNK for part in parts)


def _name(info: zipfile.ZipInfo) -> str:
    """Archives made by Windows in Japan hold names in its own encoding, without saying so."""
    if info.flag_bits & UTF8:
        return info.filename
    try:
        raw = info.filename.encode("cp437")
    except UnicodeEncodeError:
        return info.filename
    for encoding in ("utf-8", "cp932"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return info.filename


def _too_large(name: str, limits: Limits) -> str:
    return (
        f"the archive {name!r} unpacks to more than is accepted ({limits.archive_bytes // MEBIBYTE} MB, or "
        f"{limits.unpacked_ratio} times its own size); split it"
    )
