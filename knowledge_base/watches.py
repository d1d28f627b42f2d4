"""Pages and sitemaps of the product's own site, looked at again and again.

    look ──▶ what the address gives: a page, or a sitemap that lists pages
              └─▶ each page: asked whether it has changed ──▶ read ──▶ received like an upload

A page whose server says "unchanged", whose bytes are the same, or whose words are, costs nothing further.
One that cannot be had keeps its last good version, and says why. A document that an admin deleted is left
out from then on, and one that was retired stays so.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from time import sleep
from typing import Any, Literal
from uuid import uuid4

import sqlalchemy as sa

from knowledge_base import readers
from knowledge_base.database import insert_new, now, reading, writing
from knowledge_base.errors import KnowledgeError, NotFetched, NotFound
from knowledge_base.fetching.addresses import normalised, origin
from knowledge_base.fetching.fetcher import Fetched, Fetcher, Gone
from knowledge_base.fetching.robots import Robots
from knowledge_base.fetching.sitemap import listing
from knowledge_base.library import Library, unseen
from knowledge_base.passages import Reading
from knowledge_base.tables import documents, watched_pages, watches

Progress = Callable[[str, float], None]
State = Literal["waiting", "looked", "failed"]
PageState = Literal["waiting", "read", "failed", "gone", "unlisted", "left out"]

PAUSE_SECONDS = 0.5  # between two pages of a server that does not ask for more
AGAIN_SECONDS = 3600  # after a look that failed, unless the next is sooner
SHORTEST_SECONDS = 300
SITEMAPS = 50  # that one sitemap may name, and these in turn


@dataclass(frozen=True)
class Watch:
    """An address and how often it is looked at; `every` is in seconds, and 0 when only an admin asks."""

    id: str
    url: str
    kind: str  # "page" or "sitemap", "" until it was looked at
    below: str
    every: int
    state: State
    error: str
    by: str
    created_at: datetime
    looked_at: datetime | None
    due_at: datetime | None


@dataclass(frozen=True)
class Page:
    """What is known of one page. `document_id` is None until it was read, and once it is left out."""

    watch_id: str
    url: str
    state: PageState = "waiting"
    error: str = ""
    document_id: str | None = None
    etag: str = ""
    modified: str = ""
    hash: str = field(default="", repr=False)
    words: str = field(default="", repr=False)
    looked_at: datetime | None = None
    changed_at: datetime | None = None


@dataclass(frozen=True)
class Looked:
    """What one look brought. `changed` are the documents that wait to be ingested."""

    watch: Watch
    changed: tuple[str, ...] = ()
    pages: Mapping[str, int] = field(default_factory=dict)  # how many were changed, unchanged, failed …


class Watches:
    """`wait` is how a pause between two pages is made."""

    def __init__(
        self,
        engine: sa.Engine,
        library: Library,
        fetcher: Fetcher,
        *,
        wait: Callable[[float], None] = sleep,
    ) -> None:
        self._engine = engine
        self._library = library
        self._fetcher = fetcher
        self._wait = wait

    # what is watched

    def add(self, url: str, *, every: int = 0, below: str = "", by: str = "") -> Watch:
        """Watch an address, from the next look on; one that is known gets the new interval.

        Raises NotFetched for what is no address.
        """
        if 0 < every < SHORTEST_SECONDS:
            raise NotFetched(f"an address is looked at every {SHORTEST_SECONDS // 60} minutes at most")
        url, moment = normalised(url), now()
        values = {"below": normalised(below) if below else "", "every": every, "due_at": moment}
        with writing(self._engine) as connection:
            row = {"id": uuid4().hex, "url": url, "kind": "", "state": "waiting", "error": "", "by": by}
            insert_new(connection, watches, [{**row, **values, "created_at": moment}])
            mine = sa.update(watches).where(watches.c.url == url).values(**values)
            watch = _watch(connection.execute(mine.returning(watches)).one())
            # whoever names a single page wants it, though its document was deleted once
            self._want_again(connection, watch.id, url)
            return watch

    def list(self) -> Sequence[Watch]:
        """The newest first."""
        with reading(self._engine) as connection:
            rows = connection.execute(sa.select(watches).order_by(watches.c.created_at.desc(), watches.c.id))
            return [_watch(row) for row in rows]

    def get(self, watch_id: str) -> Watch:
        with reading(self._engine) as connection:
            row = connection.execute(sa.select(watches).where(watches.c.id == watch_id)).one_or_none()
            if row is None:
                raise NotFound(f"there is no watched address {watch_id!r}")
            return _watch(row)

    def pages(self, watch_id: str) -> Sequence[Page]:
        with reading(self._engine) as connection:
            query = sa.select(watched_pages).where(watched_pages.c.watch_id == watch_id)
            return [_page(row) for row in connection.execute(query.order_by(watched_pages.c.url))]

    def counts(self) -> Mapping[str, Mapping[str, int]]:
        """For each watch, how many of its pages are in which state."""
        query = sa.select(watched_pages.c.watch_id, watched_pages.c.state, sa.func.count())
        found: dict[str, dict[str, int]] = {}
        with reading(self._engine) as connection:
            grouped = query.group_by(watched_pages.c.watch_id, watched_pages.c.state)
            for watch_id, state, count in connection.execute(grouped):
                found.setdefault(watch_id, {})[state] = count
        return found

    def remove(self, watch_id: str) -> None:
        """Look at it no longer. Its documents stay, and are deleted like others."""
        self.get(watch_id)
        with writing(self._engine) as connection:
            connection.execute(sa.delete(watches).where(watches.c.id == watch_id))

    def ask(self, watch_id: str) -> None:
        """Look at it as soon as there is a worker."""
        self.get(watch_id)
        self._note(watch_id, due_at=now())

    def include(self, watch_id: str, url: str) -> None:
        """Fetch a page again whose document was deleted."""
        with writing(self._engine) as connection:
            self._want_again(connection, watch_id, url)
            connection.execute(sa.update(watches).where(watches.c.id == watch_id).values(due_at=now()))

    def due(self) -> Sequence[str]:
        """The watches that wait to be looked at, the longest waiting first."""
        query = sa.select(watches.c.id).where(watches.c.due_at <= now()).order_by(watches.c.due_at)
        with reading(self._engine) as connection:
            return list(connection.scalars(query))

    def fail(self, watch_id: str, why: str) -> None:
        """A look broke off by a fault of ours: it is told, and tried again later."""
        watch = self.get(watch_id)
        self._note(watch_id, state="failed", error=why, **_later(watch, failed=True))

    # looking

    def look(self, watch_id: str, progress: Progress = unseen) -> Looked:
        """See what has changed. What goes wrong is kept with the watch and its pages.

        Cut off, it begins again; pages that were read meanwhile are then unchanged.
        """
        watch = self.get(watch_id)
        progress(watch.url, 0.0)
        robots = Robots(self._fetcher)
        try:
            kind, first, urls, note = self._listed(watch, robots)
        except KnowledgeError as error:
            for page in self.pages(watch_id) if watch.kind == "page" else ():
                self._keep(_failed(page, error))
            self.fail(watch_id, str(error))
            return Looked(self.get(watch_id), pages={"failed": 1})
        known = {page.url: page for page in self.pages(watch_id)}
        changed: list[str] = []
        counts: Counter[str] = Counter()
        for number, url in enumerate(urls):
            progress(url, number / len(urls))
            page = known.get(url) or Page(watch_id, url)
            page, outcome = self._look_at(page, robots, first if kind == "page" else None)
            self._keep(page)
            counts[outcome] += 1
            if outcome == "changed" and page.document_id:
                changed.append(page.document_id)
        for page in known.values():
            if page.url not in urls and page.state in ("read", "failed"):
                self._keep(replace(page, state="unlisted", error="", looked_at=now()))
                counts["unlisted"] += 1
        self._note(watch_id, kind=kind, state="looked", error=note, **_later(watch))
        return Looked(self.get(watch_id), tuple(dict.fromkeys(changed)), dict(counts))

    def _listed(self, watch: Watch, robots: Robots) -> tuple[str, Fetched | None, Sequence[str], str]:
        """What the address is, its answer, the pages to look at, and what there is to say about them."""
        page = next((page for page in self.pages(watch.id) if page.url == watch.url), None)
        known = page if watch.kind == "page" else None
        if watch.kind == "page" and self._stays_out(page):
            return "page", None, [watch.url], ""
        found = self._fetcher.fetch(
            watch.url,
            etag=known.etag if known else "",
            modified=known.modified if known else "",
            judge=robots.judge,
        )
        listed = None if found.unchanged else listing(found.body, watch.url)
        if listed is None:
            return "page", found, [watch.url], ""
        if not listed.sitemaps:
            return "sitemap", None, *self._of_this_site(watch, listed.pages)
        pages: list[str] = []
        for number, url in enumerate(listed.sitemaps[:SITEMAPS]):
            if number:
                self._wait(robots.pause(url, PAUSE_SECONDS))
            inner = listing(self._fetcher.fetch(url, judge=robots.judge).body, url)
            pages += inner.pages if inner else ()
        return "sitemap", None, *self._of_this_site(watch, pages)

    def _of_this_site(self, watch: Watch, listed: Sequence[str]) -> tuple[Sequence[str], str]:
        """The pages that may be looked at; a sitemap speaks for its own server alone."""
        site, most = origin(watch.url), self._library.limits.site_pages
        urls = [url for url in _addresses(listed) if origin(url) == site and url.startswith(watch.below)]
        notes = []
        if len(urls) > most:
            notes.append(f"the sitemap lists {len(urls)} pages; the first {most} are looked at")
        if not urls:
            notes.append(f"the sitemap lists no page below {watch.below or site}")
        return urls[:most], "; ".join(notes)

    def _look_at(self, page: Page, robots: Robots, found: Fetched | None) -> tuple[Page, str]:
        """`found` is what the address gave, when it has been asked already."""
        if self._stays_out(page):
            return replace(page, looked_at=now()), "left out"
        try:
            if found is None:
                self._wait(robots.pause(page.url, PAUSE_SECONDS))
                found = self._fetcher.fetch(
                    page.url, etag=page.etag, modified=page.modified, judge=robots.judge
                )
            return self._received(page, found)
        except KnowledgeError as error:
            return _failed(page, error), "failed"

    def _received(self, page: Page, found: Fetched) -> tuple[Page, str]:
        digest = hashlib.sha256(found.body).hexdigest()
        if found.unchanged or (page.state == "read" and digest == page.hash):
            return replace(page, state="read", error="", looked_at=now()), "unchanged"
        read = readers.read_bytes(found.body, page.url, self._library.limits)
        words = _words(read)
        page = replace(page, etag=found.etag, modified=found.modified, hash=digest, looked_at=now())
        if page.words == words and page.document_id:
            return replace(page, state="read", error=""), "unchanged"
        received = self._library.receive_page(found.body, page.url, by=page.url)
        document = received.document
        page = replace(page, state="read", error="", words=words, document_id=document.id, changed_at=now())
        return page, "unchanged" if received.outcome == "unchanged" and document.live_version else "changed"

    def _stays_out(self, page: Page | None) -> bool:
        """What an admin deleted or retired is not brought back."""
        if page is None or page.state == "left out":
            return page is not None
        if page.document_id is None:
            return False
        with reading(self._engine) as connection:
            row = connection.execute(
                sa.select(documents.c.retired, documents.c.step).where(documents.c.id == page.document_id)
            ).one_or_none()
        return row is not None and (row.retired or row.step == "removing")

    # keeping

    def _want_again(self, connection: sa.Connection, watch_id: str, url: str) -> None:
        connection.execute(
            sa.update(watched_pages)
            .where(
                watched_pages.c.watch_id == watch_id,
                watched_pages.c.url == url,
                watched_pages.c.state == "left out",
            )
            .values(state="waiting", error="")
        )

    def _keep(self, page: Page) -> None:
        """Unless the watch is gone, or the page's document was deleted, while it was looked at."""
        values = {name: getattr(page, name) for name in _KEPT}
        here = sa.and_(watched_pages.c.watch_id == page.watch_id, watched_pages.c.url == page.url)
        with writing(self._engine) as connection:
            if not connection.scalar(sa.select(watches.c.id).where(watches.c.id == page.watch_id)):
                return
            if page.document_id and not connection.scalar(_standing(page.document_id)):
                values |= {"state": "left out", "document_id": None, "hash": "", "words": ""}
            row = connection.execute(sa.select(watched_pages.c.state).where(here)).one_or_none()
            if row is None:
                connection.execute(
                    sa.insert(watched_pages).values(watch_id=page.watch_id, url=page.url, **values)
                )
            elif row.state != "left out" or page.state == "left out":
                connection.execute(sa.update(watched_pages).where(here).values(**values))

    def _note(self, watch_id: str, **values: Any) -> None:
        with writing(self._engine) as connection:
            connection.execute(sa.update(watches).where(watches.c.id == watch_id).values(**values))


_KEPT = ("state", "error", "document_id", "etag", "modified", "hash", "words", "looked_at", "changed_at")


def _standing(document_id: str) -> sa.Select[tuple[Any]]:
    return sa.select(documents.c.id).where(documents.c.id == document_id, documents.c.step != "removing")


def _later(watch: Watch, *, failed: bool = False) -> dict[str, datetime | None]:
    """When it was looked at, and when it is again."""
    moment = now()
    wait = min(watch.every, AGAIN_SECONDS) if failed else watch.every
    return {"looked_at": moment, "due_at": moment + timedelta(seconds=wait) if watch.every else None}


def _failed(page: Page, error: KnowledgeError) -> Page:
    """The page keeps what was read of it, and asks without conditions next time."""
    state: PageState = "gone" if isinstance(error, Gone) else "failed"
    return replace(page, state=state, error=str(error), looked_at=now())


def _addresses(listed: Sequence[str]) -> Iterator[str]:
    """Each address once; what is none is passed over."""
    seen: set[str] = set()
    for each in listed:
        try:
            url = normalised(each)
        except NotFetched:
            continue
        if url not in seen:
            seen.add(url)
            yield url


def _words(read: Reading) -> str:
    """What a reader would see of the page, as a hash: a new date in its source is no new text."""
    digest = hashlib.sha256(read.title.encode())
    for block in read.blocks:
        digest.update("\x1e".join((block.kind, *block.headings, block.text)).encode() + b"\x1d")
    return digest.hexdigest()


def _watch(row: Any) -> Watch:
    return Watch(**{name: getattr(row, name) for name in Watch.__dataclass_fields__})


def _page(row: Any) -> Page:
    return Page(**{name: getattr(row, name) for name in Page.__dataclass_fields__})
