"""From a file to passages that answer: in steps, resumed after a kill, ended by a removal."""

import io
import multiprocessing
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import chromadb
import pytest
import sqlalchemy as sa
from chromadb.config import Settings

from knowledge_base import testing
from knowledge_base.database import open_engine
from knowledge_base.embedding import Floats
from knowledge_base.errors import NotFound, Unavailable
from knowledge_base.index import Chroma, NoVectors
from knowledge_base.ingest import AT_ONCE
from knowledge_base.library import Library
from knowledge_base.passages import Cut
from knowledge_base.tables import embeddings, passages
from knowledge_base.testing import HashEmbedder, MemoryCollections, MemoryVectors, add
from tests.knowledge_base.conftest import KETTLE, LAMP, Start, found

LONG = "# Machine\n\n" + "\n\n".join(
    f"## Part {n}\n\n" + " ".join(f"Step {n}.{m} of the machine turns wheel {n * 7 + m}." for m in range(9))
    for n in range(150)
)


class Counting(HashEmbedder):
    """Counts the passages it embeds, and does something before each batch."""

    def __init__(self, before: Callable[[], None] = lambda: None, dimension: int = 64) -> None:
        super().__init__(dimension)
        self.count_of_passages = 0
        self.before = before

    def embed_passages(self, cuts: Sequence[Cut]) -> list[tuple[Floats, Floats]]:
        self.before()
        self.count_of_passages += len(cuts)
        return super().embed_passages(cuts)


def upload(library: Library, name: str = "machine.md", text: str = LONG) -> str:
    return library.receive(io.BytesIO(text.encode()), name).document.id


def test_an_admin_sees_each_step_and_how_far_it_is(library: Library) -> None:
    document_id = upload(library)
    seen: list[tuple[str, float, str]] = []
    library.ingest(
        document_id, lambda step, share: seen.append((step, share, library.document(document_id).state))
    )
    assert list(dict.fromkeys(step for step, _, _ in seen)) == ["read", "cut", "embedded", "live"]
    assert all(step == state for step, _, state in seen)
    assert [share for _, share, _ in seen] == sorted(share for _, share, _ in seen)
    assert len([step for step, _, _ in seen if step == "cut"]) > 2  # it moves while embedding
    document = library.document(document_id)
    assert (document.progress, document.title, document.kind, document.language) == (
        1.0,
        "Machine",
        "markdown",
        "en",
    )
    assert document.passages == len(library.passages(document_id)) > 2 * AT_ONCE


def test_ingesting_twice_changes_nothing(start: Start) -> None:
    embedder = Counting()
    library = start(embedder=embedder)
    document_id = upload(library)
    before = library.ingest(document_id)
    embedded = embedder.count_of_passages
    assert library.ingest(document_id) == before
    assert embedder.count_of_passages == embedded


def test_a_failure_is_kept_with_its_reason_and_can_be_tried_again(start: Start, library: Library) -> None:
    document_id = upload(library, "broken.pdf", "%PDF-1.7 nonsense")
    failed = library.ingest(document_id)
    assert failed.state == "failed"
    assert "broken.pdf" in failed.error
    assert library.pending() == []
    assert library.retry(document_id).state == "received"
    assert library.document(document_id).error == ""
    assert library.pending() == [document_id]


def test_a_document_without_text_fails_and_says_so(library: Library) -> None:
    failed = library.ingest(upload(library, "blank.html", "<html><body><img src=x></body></html>"))
    assert failed.state == "failed"
    assert "blank.html" in failed.error


def test_a_document_whose_file_is_gone_fails_and_says_what_to_do(library: Library) -> None:
    document_id = upload(library)
    library.file(document_id).unlink()
    assert "upload it again" in library.ingest(document_id).error


def test_an_engine_that_fails_leaves_the_document_waiting(start: Start) -> None:
    class Down(MemoryVectors):
        def add(self, ids: Sequence[str], vectors: Floats, document_id: str) -> None:
            raise NoVectors("ChromaDB is down")

    library = start(MemoryCollections(Down))
    document_id = upload(library)
    with pytest.raises(Unavailable, match="is down"):
        library.ingest(document_id)
    assert library.document(document_id).state == "embedded"
    assert library.pending() == [document_id]
    assert found(library, "wheel") == []


def test_a_resumed_ingestion_embeds_only_what_was_not_kept(start: Start) -> None:
    def interrupt(step: str, share: float) -> None:
        if share > 0.5:
            raise KeyboardInterrupt

    embedder = Counting()
    library = start(embedder=embedder)
    document_id = upload(library)
    with pytest.raises(KeyboardInterrupt):
        library.ingest(document_id, interrupt)
    assert library.document(document_id).state == "cut"
    library.ingest(document_id)
    assert embedder.count_of_passages == library.document(document_id).passages


def test_a_newer_version_that_arrives_meanwhile_is_the_one_that_answers(start: Start) -> None:
    library: Library
    arrived: list[str] = []

    def replace() -> None:
        if not arrived:
            arrived.append(upload(library, "machine.md", KETTLE))

    library = start(embedder=Counting(replace))
    document = library.ingest(upload(library))
    assert arrived == [document.id]
    assert (document.state, document.version, document.live_version) == ("live", 2, 2)
    assert not any("wheel" in text for text in found(library, "wheel"))
    assert any("1.7 litres" in text for text in found(library, "litres"))
    assert {path.name for path in library.file(document.id).parent.iterdir()} == {"2"}


@pytest.mark.parametrize("during", ["embedding", "indexing"])
def test_a_document_removed_while_it_is_ingested_leaves_nothing(
    start: Start, data: Path, during: str
) -> None:
    removed: list[threading.Thread] = []
    waits: list[bool] = []
    left: list[bool] = []

    def remove() -> None:
        library.remove(document_id)
        left.append(not nothing_is_left(library, memory, data))

    def interfere(now: str) -> None:
        if now == during and not removed:
            removed.append(threading.Thread(target=remove))
            removed[0].start()
            while library.document(document_id).state != "removing":
                time.sleep(0.01)
            removed[0].join(0.2)
            waits.append(removed[0].is_alive())

    class Slow(MemoryVectors):
        def add(self, ids: Sequence[str], vectors: Floats, document_id: str) -> None:
            interfere("indexing")
            super().add(ids, vectors, document_id)

    memory = MemoryCollections(Slow)
    library = start(memory, embedder=Counting(lambda: interfere("embedding")))
    document_id = upload(library)
    with pytest.raises(NotFound, match="may have been removed"):
        library.ingest(document_id)
    removed[0].join(30)
    assert waits == [True]
    assert left == [False]
    assert library.documents() == []


def nothing_is_left(library: Library, memory: MemoryCollections, data: Path) -> bool:
    with library.engine.connect() as connection:
        rows = [
            connection.scalar(sa.select(sa.func.count()).select_from(table))
            for table in (passages, embeddings)
        ]
        words = connection.scalar(sa.text("SELECT count(*) FROM passage_rows"))
    vectors = [vectors.ids() for vectors in memory.kept.values()]
    files = [path for path in (data / "files").rglob("*") if path.is_file()]
    return rows == [0, 0] and words == 0 and not any(vectors) and not files


def test_two_workers_that_ingest_the_same_document_at_once_make_its_passages_once(start: Start) -> None:
    library = start()
    document_id = upload(library)
    workers = [threading.Thread(target=library.ingest, args=(document_id,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    kept = library.passages(document_id)
    assert library.document(document_id).state == "live"
    assert [passage.position for passage in kept] == list(range(len(kept)))


# Killed like `kill -9` does it, at each of its steps, and started again in another process.

KILLS = 8  # how many times an ingestion of LONG reports its progress


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, object]:
    """A data directory where LONG was received over an older version, and what ingesting makes of it."""
    folder = tmp_path_factory.mktemp("undisturbed")
    library = _on_chroma(folder / "before")
    add(library, "lamp.md", LAMP)
    add(library, "machine.md", KETTLE)
    upload(library)
    _end(library)
    shutil.copytree(folder / "before", folder / "after")
    in_another_process(_ingest, folder / "after")
    return folder / "before", _everything(folder / "after")


@pytest.mark.parametrize("moment", range(1, KILLS + 1))
def test_an_ingestion_that_is_killed_goes_on_and_ends_as_if_it_had_not_been(
    undisturbed: tuple[Path, object], moment: int, data: Path
) -> None:
    before, expected = undisturbed
    shutil.copytree(before, data)
    assert in_another_process(_ingest, data, moment) == -signal.SIGKILL
    assert in_another_process(_ingest, data) == 0
    assert _everything(data) == expected


def test_the_moments_above_are_all_there_are(undisturbed: tuple[Path, object], data: Path) -> None:
    shutil.copytree(undisturbed[0], data)
    assert in_another_process(_ingest, data, KILLS + 1) == 0


@pytest.mark.parametrize("moment", ["before the vectors", "before the file", "before the row"])
def test_a_removal_that_is_killed_is_finished_by_the_next_start(
    undisturbed: tuple[Path, object], moment: str, data: Path
) -> None:
    shutil.copytree(undisturbed[0], data)
    assert in_another_process(_remove, data, moment) == -signal.SIGKILL
    library = _on_chroma(data)
    assert not any("litres" in text for text in found(library, "litres"))
    assert [document.source for document in library.documents()] == ["lamp.md"]
    _end(library)
    rows, words, vectors, files = _everything(data)
    assert [row[1] for row in rows] == ["The lamp takes a bulb of 40 watts."]  # type: ignore[attr-defined]
    assert len(words) == len(vectors) == len(files) == 1  # type: ignore[arg-type]


def in_another_process(work: Callable[..., None], *arguments: object) -> int | None:
    """Its exit status. A server that has imported what is slow to import starts the processes."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__, "chromadb"])
    process = context.Process(target=work, args=arguments)
    process.start()
    process.join(120)
    return process.exitcode


def _ingest(data: Path, moment: int = 0) -> None:
    reports = 0

    def kill(_step: str, _share: float) -> None:
        nonlocal reports
        reports += 1
        if reports == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    library = _on_chroma(data)
    for document in library.documents():
        library.ingest(document.id, kill)
    _end(library)


def _remove(data: Path, moment: str) -> None:
    library: Any = _on_chroma(data)
    library.warm_up()

    def kill(*_: object) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    match moment:
        case "before the vectors":
            library._mirror.remove = kill
        case "before the row":
            library._catalogue.forget = kill
        case "before the file":
            library._files.forget = kill
    library.remove(next(document.id for document in library.documents() if document.source == "machine.md"))


def _on_chroma(data: Path) -> Library:
    return testing.library(data, Chroma(data / "chroma"))


def _end(library: Library) -> None:
    library.close()
    library.engine.dispose()


def _everything(data: Path) -> tuple[object, ...]:
    """What the catalogue, the lexical index, ChromaDB and the folder of files hold, as they lie on disk."""
    engine = open_engine(f"sqlite:///{data / 'kotae.db'}")
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(sa.text(ROWS))]
        words = [tuple(row) for row in connection.execute(sa.text(WORDS))]
    engine.dispose()
    chroma: Any = chromadb.PersistentClient(
        str(data / "chroma"), settings=Settings(anonymized_telemetry=False)
    )
    with chroma:
        [collection] = chroma.list_collections()
        kept = collection.get(include=["embeddings"])
    vectors = {id_: kept["embeddings"][n].round(5).tolist() for n, id_ in enumerate(kept["ids"])}
    files = {str(path.relative_to(data)) for path in (data / "files").rglob("*") if path.is_file()}
    return rows, words, vectors, files


ROWS = """
SELECT passages.id, text, context, hex(vector), hex(passage_embeddings.sentences), step, live_version
FROM passages JOIN passage_embeddings ON passage_id = passages.id JOIN documents ON document_id = documents.id
ORDER BY passages.id
"""
WORDS = "SELECT passage_id, document_id FROM passage_rows ORDER BY passage_id"
