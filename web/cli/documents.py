"""`kotae documents`: what answers rest on."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from web.cli.progress import meter
from web.cli.shell import FAILED, Group, Installation, Sentence, here, somebody, table

if TYPE_CHECKING:
    from bot.kotae import Kotae
    from knowledge_base.archives import Taken
    from knowledge_base.catalogue import Document
    from knowledge_base.history import Change
    from knowledge_base.watches import Page

DONE = ("live", "failed", "retired")
LOOK_AGAIN_SECONDS = 0.3


@click.group(cls=Group)
def documents() -> None:
    """The documents that answers rest on."""


@documents.command()
@click.argument("sources", nargs=-1, required=True, metavar="PATH|ZIP|URL...")
@here
def add(installation: Installation, sources: tuple[str, ...]) -> None:
    """Add files, folders or ZIPs of them, pages and sitemaps, and wait until they answer questions.

    What cannot be read does not stop the others; the exit code is 1 when there was something. While a server
    runs on the data directory, it does the work. An address is fetched once; `documents watch` does it again
    and again.
    """
    addresses = [source for source in sources if "://" in source]
    paths = [Path(source) for source in sources if "://" not in source]
    if missing := [path for path in paths if not path.exists()]:
        raise click.BadParameter(f"there is nothing at {str(missing[0])!r}", param_hint="PATH")
    with installation.open() as kotae:
        added = add_files(kotae, list(files_in(paths)))
        added += [one for address in addresses for one in add_address(kotae, address)]
    rows = [(one.state, one.name, one.passages, one.outcome, one.error) for one in added]
    heads = ("state", "file", "passages", "outcome", "")
    text = table(rows, heads) if rows else "There is no file in there."
    failed = sum(not is_live(one) for one in added)
    installation.show({"documents": [one.row() for one in added], "failed": failed}, text)
    if failed or not added:
        raise click.exceptions.Exit(FAILED)


@documents.command("list")
@here
def list_documents(installation: Installation) -> None:
    """All documents and their states."""
    with installation.open() as kotae:
        found = kotae.library.documents()
    rows = [(d.id, d.state, d.language, d.passages, d.source, d.title) for d in found]
    heads = ("id", "state", "language", "passages", "file", "title")
    text = table(rows, heads) if rows else "No documents yet. Add some: kotae documents add PATH"
    installation.show([asdict(document) for document in found], text)


@documents.command()
@click.argument("id")
@here
def show(installation: Installation, id: str) -> None:  # noqa: A002  # the argument's name on the command line
    """One document with its passages."""
    with installation.open() as kotae:
        document = kotae.library.document(id)
        passages = kotae.library.passages(id)
    facts = "\n".join(f"{name}: {value}" for name, value in asdict(document).items() if value not in ("", ()))
    texts = "\n\n".join(f"— {passage.position + 1} —\n{passage.text}" for passage in passages)
    result = {**asdict(document), "passages": [asdict(passage) for passage in passages]}
    installation.show(result, f"{facts}\n\n{texts}".rstrip())


@documents.command()
@click.argument("id")
@here
def remove(installation: Installation, id: str) -> None:  # noqa: A002  # as above
    """Remove a document from every answer."""
    with installation.open() as kotae:
        document = kotae.library.document(id)
        if own(kotae):
            kotae.remove(id)
        else:
            wait_for_job(kotae, kotae.jobs.enqueue("remove", document_id=id).id)
        kotae.audit.note(somebody(), "remove", id, source=document.source)
    installation.show(
        {"removed": id, "source": document.source}, f"{document.source} is removed from every answer."
    )


@documents.command()
@click.argument("id")
@click.option(
    "--from", "old", type=int, help="An earlier version, to compare with.  [default: the one before]"
)
@click.option("--to", "new", type=int, help="[default: the one that answers]")
@here
def versions(installation: Installation, id: str, old: int | None, new: int | None) -> None:  # noqa: A002  # as above
    """What the document said before, and what is different now."""
    from knowledge_base.history import between

    with installation.open() as kotae:
        found = kotae.library.versions(id)
    numbers = [version.number for version in found]
    new = new or next(iter(numbers), 0)
    old = old or next((number for number in numbers if number < new), 0)
    changes = [change for change in between(found, old, new) if change.kind != "same"] if old else []
    rows = [(one.number, one.created_at, one.by, len(one.pieces)) for one in found]
    text = table(rows, ("version", "came", "by", "passages")) if rows else "No version answers yet."
    result = {"versions": [asdict(one) for one in found], "changes": [asdict(one) for one in changes]}
    installation.show(result, "\n\n".join([text, *map(_told, changes)]))


@documents.command()
@click.argument("id")
@click.argument("tags", nargs=-1)
@here
def tag(installation: Installation, id: str, tags: tuple[str, ...]) -> None:  # noqa: A002  # as above
    """Give a document tags instead of those it has; without any, take them away."""
    with installation.open() as kotae:
        kotae.library.tag(id, tags)
        kept = kotae.library.tags().get(id, ())
        kotae.audit.note(somebody(), "tag", id, tags=list(kept))
    installation.show({"id": id, "tags": list(kept)}, f"Tags: {', '.join(kept) or 'none'}")


def _told(change: Change) -> str:
    """A change as a terminal shows it: - what is gone, + what is new."""
    lines = [f"- {line}" for line in (change.old.text.splitlines() if change.old else ())]
    lines += [f"+ {line}" for line in (change.new.text.splitlines() if change.new else ())]
    return "\n".join(lines)


@dataclass(frozen=True)
class Found:
    """A file to add, and the name that tells it from others: two folders may each hold a readme.md."""

    path: Path
    name: str


@dataclass(frozen=True)
class Added:
    """What became of one file; `name` tells it from others where `file` is an archive."""

    file: Path | str
    id: str = ""
    title: str = ""
    state: str = "failed"
    outcome: str = ""
    error: str = ""
    passages: int = 0
    name: str = ""

    def row(self) -> dict[str, Any]:
        return {**asdict(self), "file": str(self.file)}


def is_live(added: Added) -> bool:
    """Whether questions are answered from it, or it was retired on purpose."""
    return added.state in ("live", "retired")


def receive(kotae: Kotae, files: Sequence[Found]) -> list[Added]:
    """Hand the files to the library, which keeps what it does not have yet."""
    from knowledge_base.archives import take_in

    added, who = [], somebody()
    for file in files:
        try:
            with file.path.open("rb") as stream:
                added += [_added(file, one) for one in take_in(kotae.library, stream, file.name, by=who)]
        except OSError as error:
            added.append(Added(file.path, error=str(error), name=file.name))
    return added


def _added(file: Found, taken: Taken) -> Added:
    if taken.received is None:
        return Added(file.path, error=str(taken.error), name=taken.name)
    document = taken.received.document
    state, outcome = document.state, taken.received.outcome
    return Added(file.path, document.id, document.title, state, outcome, name=taken.name)


def add_address(kotae: Kotae, url: str, *, every: int = 0, below: str = "") -> list[Added]:
    """Fetch a page, or the pages of a sitemap, and wait until they answer."""
    from knowledge_base.errors import NotFetched

    try:
        watch = kotae.watches.add(url, every=every, below=below, by=somebody())
    except NotFetched as error:
        return [Added(url, error=str(error), name=url)]
    look(kotae, watch.id)
    watch = kotae.watches.get(watch.id)
    pages = kotae.watches.pages(watch.id)
    added = [_as_it_is_now(kotae, _fetched(page)) for page in pages]
    return [Added(url, error=watch.error, name=url)] if watch.error and not added else added


def _fetched(page: Page) -> Added:
    return Added(page.url, page.document_id or "", outcome=page.state, error=page.error, name=page.url)


def look(kotae: Kotae, watch_id: str) -> None:
    """Look at a watched address, here or by the server that owns the data directory, until it is ingested."""
    from bot.looking import look_now

    if not own(kotae):
        look_now(kotae.watches, kotae.jobs, watch_id)
        while any(job.kind == "look" for job in (*kotae.jobs.list("running"), *kotae.jobs.list("queued"))):
            time.sleep(LOOK_AGAIN_SECONDS)
        ids = [page.document_id for page in kotae.watches.pages(watch_id) if page.document_id]
        _wait_until_done(kotae, ids)
        return
    with meter(1, "pages") as progress:

        def moved(step: str, share: float) -> None:
            progress.n = share
            progress.set_description(step)

        looked = kotae.watches.look(watch_id, moved)
        progress.n = 1
    _ingest(kotae, looked.changed)


def add_files(kotae: Kotae, files: Sequence[Found]) -> list[Added]:
    """Receive the files, then make them live: here, or by the server that owns the data directory."""
    added = receive(kotae, files)
    waiting = [one.id for one in added if one.id and not is_live(one)]
    if waiting and own(kotae):
        _ingest(kotae, waiting)
    elif waiting:
        _wait_for_server(kotae, waiting)
    return [_as_it_is_now(kotae, one) for one in added]


def _as_it_is_now(kotae: Kotae, one: Added) -> Added:
    if not one.id:
        return one
    document = kotae.library.document(one.id)
    return replace(
        one,
        title=document.title,
        state=document.state,
        error=document.error or one.error,
        passages=document.passages,
    )


def own(kotae: Kotae) -> bool:
    """Whether this process may work on the index; otherwise a running server does."""
    from knowledge_base.errors import InUse

    try:
        kotae.library.warm_up()
    except InUse:
        return False
    return True


def _ingest(kotae: Kotae, ids: Sequence[str]) -> None:
    with meter(len(ids), "documents") as progress:
        for number, id_ in enumerate(ids):

            def moved(step: str, share: float, number: int = number) -> None:
                progress.n = number + share
                progress.set_description(step)

            kotae.library.ingest(id_, moved)
        progress.n = len(ids)


def _wait_for_server(kotae: Kotae, ids: Sequence[str]) -> None:
    for id_ in ids:
        kotae.jobs.enqueue("ingest", document_id=id_)
    _wait_until_done(kotae, ids)


def _wait_until_done(kotae: Kotae, ids: Sequence[str]) -> None:
    with meter(len(ids), "documents") as progress:
        while True:
            found = [kotae.library.document(id_) for id_ in ids]
            progress.n = sum(_share(document) for document in found)
            progress.refresh()
            if all(document.state in DONE for document in found):
                return
            time.sleep(LOOK_AGAIN_SECONDS)


def _share(document: Document) -> float:
    return 1.0 if document.state in DONE else document.progress


def wait_for_job(kotae: Kotae, job_id: str) -> None:
    while (job := kotae.jobs.get(job_id)).state in ("queued", "running"):
        time.sleep(LOOK_AGAIN_SECONDS)
    if job.state == "failed":
        raise Sentence(job.error)


def files_in(paths: Sequence[Path]) -> Iterator[Found]:
    """Each file under its name, and with its folders before it where two have the same."""
    walked = [found for path in paths for found in _walk(path)]
    times = Counter(file.name for file, _ in walked)
    for file, parts in walked:
        yield Found(file, file.name if times[file.name] == 1 else " › ".join(parts))


def _walk(path: Path) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """The files of a folder, with the way to each; what is hidden stays out."""
    if not path.is_dir():
        yield path, (path.name,)
        return
    for file in sorted(path.rglob("*")):
        parts = file.relative_to(path).parts
        if file.is_file() and not any(part.startswith(".") for part in parts):
            yield file, parts
