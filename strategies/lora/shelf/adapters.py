"""Adapters on disk, and which of them speaks.

    data/adapters/
      3f9c…/            an adapter, named by the hash of its content; never changed
      current.json      who is promoted, and everything that was: `strategies.lora.shelf.pointer`
      marks.json        what became known of an adapter later, such as a document that was deleted

Any number of processes may use one shelf: what is written is written under a lock and replaced whole, and a
reader needs none.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from filelock import FileLock, Timeout

from knowledge_base.durable import replace_file, sync_folder
from strategies.lora.shelf import inspection, parcel
from strategies.lora.shelf.card import CURRENT, BadCard, Card, read_card
from strategies.lora.shelf.parcel import Refused
from strategies.lora.shelf.pointer import BrokenPointer, Change, Pointed, Pointer, Stamp

log = logging.getLogger(__name__)

HASH = re.compile(r"[0-9a-f]{16}")
PREFIX = re.compile(r"[0-9a-f]{4,16}")
LOCK_SECONDS = 30.0
LEFT_SECONDS = 3600.0  # no import takes so long; one that seems to was killed


class ShelfError(Exception):
    """Something cannot be done with an adapter; the message is for the admin."""


class UnknownAdapter(ShelfError):
    """No adapter is called so, or several are."""


class InUse(ShelfError):
    """The adapter speaks, and cannot be removed."""


class NoWayBack(ShelfError):
    """Nothing was promoted yet, or what spoke before is gone."""


class Adapter(Card):
    """One that stands on the shelf: its card, its hash, where it lies. `stale` says why it should be trained
    anew; `""` while there is no reason.
    """

    hash: str
    path: Path
    stale: str = ""

    @property
    def called(self) -> str:
        """As people speak of it."""
        return f"{self.name} ({self.hash[:8]})"


@dataclass(frozen=True)
class Proof:
    """What was tried before a promotion. It may speak when there are no `faults`."""

    faults: tuple[str, ...] = ()
    figures: Mapping[str, float] = field(default_factory=dict)


Prove = Callable[[Adapter], Proof]


class Shelf:
    """Light to make; the folder is made with the first adapter."""

    def __init__(self, folder: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.folder = folder
        self._pointer = Pointer(folder)
        self._marks = folder / "marks.json"
        self._clock = clock

    # ---- what is there ----

    def all(self) -> list[Adapter]:
        """The newest first. One whose card cannot be read is left out, and told in the log."""
        found = []
        marks = self._marked()
        for path in self._folders():
            try:
                found.append(self._adapter(path, marks))
            except BadCard as error:
                log.warning("the adapter in %r is left out: %s", str(path), error)
        return sorted(found, key=lambda adapter: (adapter.made_at, adapter.hash), reverse=True)

    def get(self, which: str) -> Adapter:
        """By name, by the beginning of its hash, or `current`. Raises UnknownAdapter."""
        if which == CURRENT:
            adapter = self.current()
            if adapter is None:
                raise UnknownAdapter("no adapter is promoted")
            return adapter
        adapters = self.all()
        found = [adapter for adapter in adapters if adapter.name == which] or [
            adapter for adapter in adapters if PREFIX.fullmatch(which) and adapter.hash.startswith(which)
        ]
        if not found:
            known = ", ".join(adapter.called for adapter in adapters) or "the shelf is empty"
            raise UnknownAdapter(f"there is no adapter {which!r}; known: {known}")
        if len(found) > 1:
            several = ", ".join(f"{adapter.hash} of {adapter.made_at:%Y-%m-%d %H:%M}" for adapter in found)
            raise UnknownAdapter(f"{which!r} may be any of {several}; name one by its hash")
        return found[0]

    def current(self) -> Adapter | None:
        """Whichever is promoted. Raises ShelfError when its folder or the pointer is broken."""
        promoted = self._pointed().hash
        if not promoted:
            return None
        path = self.folder / promoted
        try:
            return self._adapter(path, self._marked())
        except BadCard as error:
            raise ShelfError(
                f"the promoted adapter in {str(path)!r} is broken: {error}; import or promote one again"
            ) from error

    def stamp(self) -> Stamp:
        """Another one after every promotion: cheap to look at."""
        return self._pointer.stamp()

    def history(self, n: int = 50) -> list[Change]:
        """The newest promotions first."""
        return list(reversed(self._pointed().changes))[:n]

    # ---- in and out ----

    def put(self, folder: Path) -> Adapter:
        """A trained adapter, copied onto the shelf. Raises Refused. One that is there already is there
        once.
        """
        return self.import_(folder)

    def import_(self, source: Path | BinaryIO, *, base: str = "", largest: int = parcel.LARGEST) -> Adapter:
        """An adapter from a folder, a zip file or the bytes of one. With `base`, it must fit that. Raises
        Refused.
        """
        try:
            with parcel.staging(self.folder, f"coming-{uuid4().hex}") as made:
                parcel.unpack(source, made, largest)
                card = inspection.looked_through(made)
                if base:
                    inspection.check_base(made, card, base)
                return self._shelved(made)
        except OSError as error:
            raise ShelfError(
                f"the adapter cannot be written to {str(self.folder)!r} ({error.strerror})"
            ) from error

    def export(self, which: str, to: Path) -> Path:
        """The adapter as a zip file at `to`, or in that folder under its name."""
        adapter = self.get(which)
        top = re.sub(r"[^\w.-]+", "-", f"{adapter.name}-{adapter.hash}")
        file = to / f"{top}.zip" if to.is_dir() else to
        with file.open("wb") as out:
            parcel.copy_out(adapter.path, out, top)
        return file

    def remove(self, which: str, *, speaking: Collection[str] = ()) -> Adapter:
        """Take it off the shelf. InUse while it is promoted, or is among those `speaking` otherwise."""
        with self._lock():
            adapter = self.get(which)
            if adapter.hash == self._pointed().hash or adapter.hash in speaking:
                raise InUse(f"the adapter {adapter.called} speaks just now; promote another one first")
            going = self.folder / f".going-{uuid4().hex}"
            adapter.path.rename(going)  # whoever looks sees all of it or nothing
            shutil.rmtree(going)
            self._mark({each: why for each, why in self._marked().items() if each != adapter.hash})
        return adapter

    def outdate(self, document_id: str, why: str) -> list[Adapter]:
        """Mark every adapter that was trained on this document as stale, and return them."""
        trained = [adapter for adapter in self.all() if document_id in adapter.documents]
        self.mark(trained, why)
        return trained

    def mark(self, adapters: Collection[Adapter], why: str) -> None:
        """Say why these should be trained anew."""
        if adapters:
            with self._lock():
                self._mark({**self._marked(), **{adapter.hash: why for adapter in adapters}})

    # ---- who speaks ----

    def promote(self, which: str, by: str, prove: Prove) -> Change:
        """Let this adapter speak from now on, once it is proven. Raises Refused with what it failed.

        One that is promoted already makes no history. A pointer that cannot be read is put aside.
        """
        adapter = self.get(which)
        if (found := parcel.content_hash(adapter.path)) != adapter.hash:
            raise Refused(
                f"the files of {adapter.called} are not those that were shelved (now {found}); "
                "import it again"
            )
        proof = prove(adapter)
        if proof.faults:
            raise Refused(f"{adapter.called} may not speak: {'; '.join(proof.faults)}")
        with self._lock():
            if not adapter.path.is_dir():
                raise UnknownAdapter(f"the adapter {adapter.called} was removed meanwhile")
            try:
                pointed = self._pointer.read()
            except BrokenPointer:
                self._pointer.put_aside()
                pointed = Pointed()
            if pointed.hash == adapter.hash:
                return pointed.changes[-1]
            return self._point(pointed, adapter.hash, by, "")

    def back(self, by: str) -> Change:
        """What spoke before the last change speaks again; it was proven then. Before the first promotion
        nobody spoke.
        """
        with self._lock():
            pointed = self._pointed()
            if not pointed.changes:
                raise NoWayBack("nothing was promoted yet, so there is nothing to go back to")
            previous = pointed.changes[-1].previous
            if previous and not (self.folder / previous).is_dir():
                raise NoWayBack(f"the adapter {previous} that spoke before was removed")
            return self._point(pointed, previous, by, "back")

    def _point(self, pointed: Pointed, adapter: str, by: str, note: str) -> Change:
        after = pointed.after(adapter, by, self._clock(), note)
        self._pointer.write(after)
        return after.changes[-1]

    # ---- files ----

    def _pointed(self) -> Pointed:
        try:
            return self._pointer.read()
        except BrokenPointer as error:
            raise ShelfError(str(error)) from error

    def _folders(self) -> Iterator[Path]:
        if self.folder.is_dir():
            yield from (path for path in self.folder.iterdir() if HASH.fullmatch(path.name))

    def _adapter(self, path: Path, marks: Mapping[str, str]) -> Adapter:
        card = read_card(path)
        return Adapter(**dict(card), hash=path.name, path=path, stale=marks.get(path.name, ""))

    def _shelved(self, made: Path) -> Adapter:
        """Give a looked-through folder its place. A broken one of the same hash is replaced by it."""
        for path in made.iterdir():
            path.chmod(0o444)
        place = self.folder / parcel.content_hash(made)
        with self._lock():
            if place.exists() and parcel.content_hash(place) != place.name:
                place.rename(made.with_name(f".going-{uuid4().hex}"))
            if not place.exists():
                made.rename(place)
                sync_folder(self.folder)
            self._sweep()
        return self._adapter(place, self._marked())

    def _sweep(self) -> None:
        """Take away what a killed process left half done."""
        for left in [*self.folder.glob(".going-*"), *self.folder.glob(".coming-*")]:
            with suppress(FileNotFoundError):  # one that is just leaving
                if time.time() - left.stat().st_mtime > LEFT_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)

    def _marked(self) -> dict[str, str]:
        try:
            found = json.loads(self._marks.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            log.warning("the marks in %r cannot be read", str(self._marks))
            return {}
        return {str(key): str(why) for key, why in found.items()} if isinstance(found, dict) else {}

    def _mark(self, marks: Mapping[str, str]) -> None:
        replace_file(self._marks, f"{json.dumps(marks, indent=1, ensure_ascii=False)}\n".encode())

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """One writer at a time, over threads and processes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.folder / "shelf.lock", timeout=LOCK_SECONDS):
                yield
        except Timeout:
            raise ShelfError(
                f"the shelf {str(self.folder)!r} is being changed elsewhere; try again"
            ) from None
