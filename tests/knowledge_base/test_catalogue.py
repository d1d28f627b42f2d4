"""Documents come in, become new versions, are retired and restored; their names are only ever shown."""

import io
import multiprocessing
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects import postgresql

from knowledge_base import testing
from knowledge_base.errors import NotFound
from knowledge_base.files import SHOWN_CHARACTERS, shown
from knowledge_base.library import Library
from knowledge_base.tables import metadata
from knowledge_base.testing import add
from tests.knowledge_base.conftest import KETTLE, LAMP, Start, found


def test_the_same_content_twice_is_once_whatever_it_is_called(library: Library) -> None:
    first = add(library, "kettle.md", KETTLE)
    again = library.receive(io.BytesIO(KETTLE.encode()), "kettle.md")
    renamed = library.receive(io.BytesIO(KETTLE.encode()), "the kettle (2).md")
    assert (again.outcome, renamed.outcome) == ("unchanged", "unchanged")
    assert again.document.id == renamed.document.id == first.id
    assert [document.version for document in library.documents()] == [1]


def test_a_changed_file_is_a_new_version_and_the_old_answers_until_the_new_one_is_live(
    library: Library,
) -> None:
    first = add(library, "kettle.md", KETTLE)
    changed = library.receive(io.BytesIO(KETTLE.replace("1.7", "2.1").encode()), "kettle.md")
    assert (changed.outcome, changed.document.id, changed.document.version) == ("new version", first.id, 2)
    assert (changed.document.state, changed.document.live_version) == ("received", 1)
    assert any("1.7 litres" in text for text in found(library, "litres"))

    library.ingest(first.id)
    assert library.document(first.id).live_version == 2
    assert any("2.1 litres" in text for text in found(library, "litres"))
    assert not any("1.7 litres" in text for text in found(library, "litres"))


def test_a_new_version_that_cannot_be_read_leaves_the_old_one_answering(library: Library) -> None:
    first = add(library, "kettle.md", KETTLE)
    library.receive(io.BytesIO(b"%PDF-1.7 nonsense"), "kettle.md")
    failed = library.ingest(first.id)
    assert (failed.state, failed.version, failed.live_version) == ("failed", 2, 1)
    assert failed.error
    assert any("1.7 litres" in text for text in found(library, "litres"))


def test_a_version_that_repeats_another_documents_content_takes_its_own_old_words_away(
    library: Library,
) -> None:
    kettle, lamp = add(library, "kettle.md", KETTLE), add(library, "lamp.md", LAMP)
    repeated = library.receive(io.BytesIO(LAMP.encode()), "kettle.md")
    assert (repeated.outcome, repeated.document.id) == ("new version", kettle.id)
    library.ingest(kettle.id)
    assert not any("litres" in text for text in found(library, "litres"))
    assert {passage.document_id for passage in library.search("bulb", 50)} == {kettle.id, lamp.id}


def test_a_retired_document_does_not_answer_until_it_is_restored(library: Library) -> None:
    kettle = add(library, "kettle.md", KETTLE)
    assert library.retire(kettle.id).state == "retired"
    assert found(library, "litres kettle") == []
    assert [passage.text for passage in library.passages(kettle.id)]  # kept, to be looked at
    assert library.restore(kettle.id).state == "live"
    assert found(library, "litres kettle")


def test_uploading_a_retired_document_again_makes_it_answer_again(library: Library) -> None:
    kettle = add(library, "kettle.md", KETTLE)
    library.retire(kettle.id)
    received = library.receive(io.BytesIO(KETTLE.encode()), "kettle.md")
    assert (received.outcome, received.document.state) == ("unchanged", "live")
    assert found(library, "litres")


def test_a_new_version_of_a_retired_document_does_not_bring_its_old_words_back(library: Library) -> None:
    kettle = add(library, "kettle.md", KETTLE)
    library.retire(kettle.id)
    library.receive(io.BytesIO(KETTLE.replace("1.7", "2.1").encode()), "kettle.md")
    assert found(library, "litres") == []
    library.ingest(kettle.id)
    assert any("2.1 litres" in text for text in found(library, "litres"))


def test_a_removed_document_can_be_uploaded_again_and_is_another_one(library: Library) -> None:
    first = add(library, "kettle.md", KETTLE)
    library.remove(first.id)
    second = add(library, "kettle.md", KETTLE)
    assert second.id != first.id
    assert second.version == 1
    assert {passage.document_id for passage in library.search("litres", 50)} == {second.id}


def test_the_index_version_changes_with_what_is_live_and_with_nothing_else(library: Library) -> None:
    kettle = add(library, "kettle.md", KETTLE)
    seen = [library.version()]
    received = library.receive(io.BytesIO(LAMP.encode()), "lamp.md")
    library.search("litres")
    library.ingest(kettle.id)  # it is live already
    assert library.version() == seen[0]
    for change in (
        lambda: library.ingest(received.document.id),
        lambda: library.retire(kettle.id),
        lambda: library.restore(kettle.id),
        lambda: library.remove(kettle.id),
    ):
        change()
        assert library.version() not in seen
        seen.append(library.version())


def test_what_one_process_changes_the_next_search_of_another_sees(library: Library, start: Start) -> None:
    kettle = add(library, "kettle.md", KETTLE)
    assert found(library, "litres")
    start().retire(kettle.id)  # a second library on the same database, as the console's process has
    assert found(library, "litres") == []


def test_unknown_documents_are_told_by_their_id(library: Library) -> None:
    for ask in (
        library.document,
        library.passages,
        library.file,
        library.retire,
        library.remove,
        library.ingest,
    ):
        with pytest.raises(NotFound, match=r"no document '\.\./\.\./etc'"):
            ask("../../etc")


def test_two_threads_that_upload_one_file_at_once_make_one_document(library: Library) -> None:
    together = threading.Barrier(8)

    def upload(_number: int) -> str:
        together.wait()
        return library.receive(io.BytesIO(KETTLE.encode()), "kettle.md").outcome

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(upload, range(8)))
    assert outcomes == ["new"] + ["unchanged"] * 7
    assert len(library.documents()) == 1


def test_two_processes_that_upload_one_file_at_once_make_one_document(library: Library, data: Path) -> None:
    context = multiprocessing.get_context("spawn")
    together = context.Barrier(2)
    processes = [context.Process(target=_upload, args=(data, together)) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0]
    assert [document.version for document in library.documents()] == [1]


def _upload(data: Path, together: threading.Barrier) -> None:
    library = testing.library(data)
    together.wait(50)
    library.receive(io.BytesIO(KETTLE.encode()), "kettle.md")


NAMES = {
    "../../etc/passwd": "passwd",
    "/etc/shadow": "shadow",
    "C:\\Users\\ada\\kettle.pdf": "kettle.pdf",
    "D:kettle.pdf": "kettle.pdf",
    "bad\x00na\x07me.md": "badname.md",
    "kettle\u202efdp.exe": "kettlefdp.exe",
    "取扱説明書\u3000第二版.pdf": "取扱説明書 第二版.pdf",
    "two\nlines.md": "two lines.md",
    "half\ud83d.md": "half?.md",
    "": "document",
    "..": "document",
    "/": "document",
}


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_a_file_name_is_shown_clean_and_never_becomes_a_path(library: Library, data: Path, name: str) -> None:
    document = library.receive(io.BytesIO(KETTLE.encode()), name).document
    assert document.source == NAMES[name]
    assert library.file(document.id) == data / "files" / document.id / "1"
    assert library.file(document.id).read_text() == KETTLE
    kept = [path for path in data.rglob("*") if path.is_file() and path.name.split(".")[0] != "kotae"]
    assert kept == [library.file(document.id)]


def test_a_name_of_300_characters_keeps_its_ending(library: Library) -> None:
    source = library.receive(io.BytesIO(KETTLE.encode()), "長い名前" * 75 + ".markdown").document.source
    assert len(source) == SHOWN_CHARACTERS
    assert source.endswith("….markdown")


@given(st.text())
def test_any_name_is_shown_in_one_line_without_a_path(name: str) -> None:
    clean = shown(name)
    assert 0 < len(clean) <= SHOWN_CHARACTERS
    assert clean.isprintable()
    assert not set(clean) & set("/\\")
    assert clean not in (".", "..")
    assert shown(clean) == clean


def test_the_tables_can_be_made_in_postgresql() -> None:
    made = [
        str(sa.schema.CreateTable(table).compile(dialect=postgresql.dialect()))
        for table in metadata.sorted_tables
    ]
    assert len(made) == len(metadata.tables)
    assert any("BYTEA" in statement for statement in made)
