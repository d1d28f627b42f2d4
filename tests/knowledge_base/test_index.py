"""Vectors are kept, found and removed, in ChromaDB and its fake alike; on a server, processes share them."""

import io
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest

from knowledge_base import index, mirror, nearby
from knowledge_base.catalogue import create
from knowledge_base.database import open_engine
from knowledge_base.errors import Unavailable
from knowledge_base.index import ASKED_SECONDS, AT_ONCE, Chroma, Collections, NoVectors, Server
from knowledge_base.library import Library
from knowledge_base.testing import HashEmbedder, MemoryCollections, add
from tests import servers
from tests.knowledge_base.conftest import KETTLE, LAMP, Start, found

EAST, NORTH, NORTHEAST = np.array([[1, 0], [0, 1], [0.7071, 0.7071]], np.float32)


@pytest.fixture(params=["ChromaDB", "its fake"])
def collections(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Collections]:
    collections: Collections = (
        Chroma(tmp_path / "chroma") if request.param == "ChromaDB" else MemoryCollections()
    )
    collections.connect()
    yield collections
    collections.close()


def test_the_nearest_come_first_with_their_cosine(collections: Collections) -> None:
    vectors = collections.open("kotae-one", "two@1/2")
    vectors.add(["east", "north"], np.array([EAST, NORTH]), "compass")
    vectors.add(["northeast"], np.array([NORTHEAST]), "map")
    hits = vectors.search([1.0, 0.0], 2)
    assert [id_ for id_, _ in hits] == ["east", "northeast"]
    assert [cosine for _, cosine in hits] == pytest.approx([1.0, 0.7071], abs=1e-3)


def test_adding_again_replaces_and_removing_twice_is_no_error(collections: Collections) -> None:
    vectors = collections.open("kotae-one", "two@1/2")
    for vector in (NORTH, EAST):
        vectors.add(["it"], np.array([vector]), "compass")
    [(id_, cosine)] = vectors.search([1.0, 0.0], 5)
    assert (id_, round(cosine, 4)) == ("it", 1.0)
    vectors.add(["other"], np.array([NORTH]), "map")
    for _ in range(2):
        vectors.remove("compass")
        vectors.discard(["nowhere"])
    assert vectors.ids() == {"other"}
    assert vectors.ids("compass") == set()
    assert vectors.ids("map") == {"other"}


def test_nothing_added_and_nothing_found_in_an_empty_collection(collections: Collections) -> None:
    vectors = collections.open("kotae-one", "two@1/2")
    vectors.add([], np.zeros((0, 0), np.float32), "compass")
    vectors.discard([])
    assert vectors.search([1.0, 0.0], 5) == []


def test_editions_of_different_dimensions_live_side_by_side(collections: Collections) -> None:
    flat = collections.open("kotae-flat", "two@1/2")
    flat.add(["a"], np.array([EAST]), "compass")
    deep = collections.open("kotae-deep", "three@1/3")
    deep.add(["a"], np.array([[0, 0, 1]], np.float32), "compass")
    assert [id_ for id_, _ in deep.search([0.0, 0.0, 1.0], 5)] == ["a"]
    assert collections.names() == {"kotae-flat", "kotae-deep"}
    collections.drop("kotae-flat")
    collections.drop("kotae-flat")
    assert collections.names() == {"kotae-deep"}


def test_more_vectors_than_one_request_takes(collections: Collections) -> None:
    vectors = collections.open("kotae-one", "two@1/2")
    ids = [f"passage {number}" for number in range(AT_ONCE + 1)]
    vectors.add(ids, np.tile(EAST, (len(ids), 1)), "compass")
    assert vectors.ids() == set(ids)
    vectors.discard(ids)
    assert vectors.ids() == set()


@pytest.mark.parametrize("few", [nearby.FEW, 3], ids=["looked at one by one", "asked of ChromaDB"])
def test_what_is_written_between_two_searches_is_found_by_the_second(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(index, "FEW", few)
    chroma = Chroma(tmp_path)
    chroma.connect()
    vectors, others = chroma.open("kotae-one", "two@1/2"), chroma.open("kotae-one", "two@1/2")
    vectors.add(["east", "a", "b", "c"], np.array([EAST, NORTH, NORTH, NORTH]), "compass")
    assert _ids(vectors.search([1.0, 0.0], 1)) == ["east"]
    others.discard(["east"])
    others.add(["northeast"], np.array([NORTHEAST]), "map")
    assert _ids(vectors.search([1.0, 0.0], 1)) == ["northeast"]
    others.add(["northeast"], np.array([-NORTHEAST]), "map")
    others.add(["again"], np.array([EAST]), "map")
    assert _ids(vectors.search([1.0, 0.0], 9))[::4] == ["again", "northeast"]
    vectors.remove("map")
    assert set(_ids(others.search([1.0, 0.0], 9))) == {"a", "b", "c"}
    chroma.drop("kotae-one")
    assert chroma.open("kotae-one", "two@1/2").search([1.0, 0.0], 9) == []
    chroma.close()


def test_one_by_one_the_nearest_are_those_that_chromadb_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = np.random.default_rng(7)
    many = numbers.normal(size=(400, 8)).astype(np.float32) * 3  # of any length
    chroma = Chroma(tmp_path)
    chroma.connect()
    vectors = chroma.open("kotae-one", "eight@1/8")
    vectors.add([f"passage {n}" for n in range(400)], many, "compass")
    asked = [list(map(float, one)) for one in many[:20] + 0.3]
    looked = [vectors.search(one, 7) for one in asked]
    monkeypatch.setattr(index, "FEW", 3)
    vectors.add(["far"], -many[:1], "map")
    for one, nearest in zip(asked, looked, strict=True):
        by_chroma = vectors.search(one, 7)
        assert _ids(nearest) == _ids(by_chroma)
        assert [cosine for _, cosine in nearest] == pytest.approx(
            [cosine for _, cosine in by_chroma], abs=1e-5
        )
    chroma.close()


def test_who_searches_while_the_vectors_are_being_read_waits_for_all_of_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chroma = Chroma(tmp_path)
    chroma.connect()
    vectors = chroma.open("kotae-one", "two@1/2")
    vectors.add(["east"], np.array([EAST]), "compass")
    reading, go_on = threading.Event(), threading.Event()
    read = index._read

    def slowly(collection: object) -> nearby.Nearby:
        reading.set()
        assert go_on.wait(30)
        return read(collection)

    monkeypatch.setattr(index, "_read", slowly)
    with ThreadPoolExecutor(2) as customers:
        first = customers.submit(vectors.search, [1.0, 0.0], 1)
        assert reading.wait(30)
        second = customers.submit(vectors.search, [1.0, 0.0], 1)
        go_on.set()
        assert _ids(first.result(30)) == _ids(second.result(30)) == ["east"]
    chroma.close()


def test_after_a_write_that_broke_off_the_search_goes_by_what_chromadb_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chroma = Chroma(tmp_path)
    chroma.connect()
    vectors = chroma.open("kotae-one", "two@1/2")
    vectors.add(["north"], np.array([NORTH]), "compass")
    assert _ids(vectors.search([1.0, 0.0], 1)) == ["north"]
    monkeypatch.setattr(index, "AT_ONCE", 1)
    with pytest.raises(NoVectors):
        vectors.add(["east", ""], np.array([EAST, EAST]), "map")  # ChromaDB takes no empty id
    assert _ids(vectors.search([1.0, 0.0], 1)) == ["east"]
    chroma.close()


def _ids(found: list[tuple[str, float]]) -> list[str]:
    return [id_ for id_, _ in found]


def test_chromadb_keeps_vectors_over_a_restart_and_leaves_no_folder_of_a_dropped_collection(
    tmp_path: Path,
) -> None:
    chroma = Chroma(tmp_path)
    chroma.connect()
    for name in ("kotae-one", "kotae-two"):
        chroma.open(name, "two@1/2").add(["east"], np.array([EAST]), "compass")
        chroma.open(name, "two@1/2").search([1.0, 0.0], 1)
    chroma.connect()
    assert chroma.open("kotae-one", "two@1/2").ids() == {"east"}
    chroma.drop("kotae-one")
    chroma.drop("kotae-two")
    chroma.close()
    assert [path for path in tmp_path.iterdir() if path.is_dir()] == []


def test_a_folder_that_was_removed_is_noticed(tmp_path: Path) -> None:
    chroma = Chroma(tmp_path / "chroma")
    chroma.connect()
    assert not chroma.lost()
    shutil.rmtree(tmp_path / "chroma")
    assert chroma.lost()
    chroma.connect()
    assert not chroma.lost()
    chroma.close()


def test_a_server_that_is_not_there_is_told_by_its_address(tmp_path: Path) -> None:
    with pytest.raises(NoVectors, match=r"ChromaDB at 'http://127.0.0.1:9' does not answer"):
        Chroma(tmp_path, Server("http://127.0.0.1:9")).connect()


def test_a_server_that_hangs_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(NoVectors, match="timed out"):
            Chroma(tmp_path, Server(address), patience=0.2).connect()


# A real server, and several processes of Kotae on it.


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    with servers.chroma(tmp_path / "server") as address:
        yield address


def on_server(data: Path, address: str, patience: float = ASKED_SECONDS) -> Library:
    data.mkdir(exist_ok=True)
    engine = open_engine(f"sqlite:///{data / 'kotae.db'}")
    create(engine)
    chroma = Chroma(data / "chroma", Server(address), patience)
    return Library(data, engine, chroma, HashEmbedder(), model="hash")


OTHER_PROCESS = """
import sys
from pathlib import Path
from tests import servers
from tests.knowledge_base.conftest import LAMP, found
from knowledge_base.testing import add
from tests.knowledge_base.test_index import on_server
library = on_server(Path(sys.argv[1]), sys.argv[2])
assert any("1.7 litres" in text for text in found(library, "litres")), "the other's document"
add(library, "lamp.md", LAMP)
library.close()
"""


@pytest.mark.server
def test_two_processes_on_a_chroma_server_see_each_others_documents(server: str, data: Path) -> None:
    library = on_server(data, server)
    add(library, "kettle.md", KETTLE)
    subprocess.run([sys.executable, "-c", OTHER_PROCESS, str(data), server], check=True, timeout=120)
    assert any("40 watts" in text for text in found(library, "bulb"))
    lamp = next(document for document in library.documents() if document.source == "lamp.md")
    library.remove(lamp.id)
    assert not any("40 watts" in text for text in found(library, "bulb"))
    library.close()
    library.engine.dispose()


@pytest.mark.server
def test_two_installations_on_one_chroma_server_keep_to_themselves(server: str, tmp_path: Path) -> None:
    ours, theirs = on_server(tmp_path / "ours", server), on_server(tmp_path / "theirs", server)
    add(ours, "kettle.md", KETTLE)
    add(theirs, "lamp.md", LAMP)
    ours.reindex()
    assert any("litres" in text for text in found(ours, "litres"))
    assert not any("bulb" in text for text in found(ours, "bulb"))
    assert any("bulb" in text for text in found(theirs, "bulb"))
    for library in (ours, theirs):
        library.close()
        library.engine.dispose()


@pytest.mark.server
def test_a_server_that_is_guarded_is_shown_the_token(server: str, tmp_path: Path) -> None:
    with servers.guarded(server, "X-Chroma-Token", "hush") as address:
        with pytest.raises(Unavailable, match="401"):
            Chroma(tmp_path, Server(address, "wrong")).connect()
        chroma = Chroma(tmp_path, Server(address, "hush"))
        chroma.connect()
        vectors = chroma.open("kotae-one", "two@1/2")
        vectors.add(["east"], EAST[None], "compass")
        assert [id_ for id_, _ in vectors.search([1.0, 0.0], 1)] == ["east"]
        chroma.close()
        with pytest.raises(Unavailable, match="nobody"):
            Chroma(tmp_path, Server(address, "hush", database="nobody")).connect()


@pytest.mark.server
def test_a_server_that_comes_back_empty_is_refilled(tmp_path: Path, data: Path) -> None:
    with servers.chroma(tmp_path / "server") as address:
        library = on_server(data, address)
        add(library, "kettle.md", KETTLE)
    with pytest.raises(Unavailable, match="ChromaDB at"):
        library.search("litres")
    with servers.chroma(tmp_path / "another", int(address.rpartition(":")[2])):
        assert library.search("litres")[0].dense is not None
        assert library.receive(io.BytesIO(LAMP.encode()), "lamp.md").outcome == "new"
        library.close()
        library.engine.dispose()


CUSTOMERS = 4


def told(library: Library) -> tuple[str, float]:
    """What a search comes to, and after how many seconds."""
    began = time.monotonic()
    try:
        return library.search("litres")[0].source, time.monotonic() - began
    except NoVectors as error:
        return str(error), time.monotonic() - began


@pytest.mark.server
def test_a_server_that_hangs_keeps_each_customer_waiting_once_and_is_asked_by_one_now_and_then(
    server: str, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, asked = threading.Event(), []
    answers.set()

    def lets_through(request: BaseHTTPRequestHandler) -> bool:
        asked.append(request.path)
        return answers.wait(30)

    def all_search() -> list[str]:
        asked.clear()
        came_to = list(customers.map(told, [library] * CUSTOMERS))
        assert max(seconds for _, seconds in came_to) < 3 * patience
        return [what for what, _ in came_to]

    patience = 1.0
    with servers.before(server, lets_through) as address, ThreadPoolExecutor(CUSTOMERS) as customers:
        library = on_server(data, address, patience)
        add(library, "kettle.md", KETTLE)
        assert all_search() == ["kettle.md"] * CUSTOMERS
        answers.clear()
        sentence = f"ChromaDB at {address!r} does not answer: timed out"
        assert all_search() == [sentence] * CUSTOMERS
        assert asked.count("/api/v2/heartbeat") == 1
        assert all_search() == [sentence] * CUSTOMERS
        assert asked == []
        for later in (11, 22):
            monkeypatch.setattr(mirror, "monotonic", lambda later=later: time.monotonic() + later)
            assert all_search() == [sentence] * CUSTOMERS
            assert asked == ["/api/v2/heartbeat"]
        answers.set()
        monkeypatch.setattr(mirror, "monotonic", lambda: time.monotonic() + 40)
        assert "kettle.md" in all_search()
        assert all_search() == ["kettle.md"] * CUSTOMERS
        library.close()
        library.engine.dispose()


def test_of_those_who_come_while_a_server_hangs_at_the_start_one_waits(data: Path) -> None:
    with socket.socket() as silent, ThreadPoolExecutor(CUSTOMERS) as customers:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        library = on_server(data, f"http://127.0.0.1:{silent.getsockname()[1]}", patience=0.5)
        came_to = list(customers.map(told, [library] * CUSTOMERS))
        assert all(what.endswith("does not answer: timed out") for what, _ in came_to)
        assert max(seconds for _, seconds in came_to) < 1.5
        library.engine.dispose()


def test_a_search_finds_by_meaning_in_chromadb(on_chroma: Library, start: Start, data: Path) -> None:
    add(on_chroma, "kettle.md", KETTLE)
    assert on_chroma.search("descale with vinegar")[0].dense == pytest.approx(0.6, abs=0.35)
    on_chroma.close()
    assert start(Chroma(data / "chroma")).search("descale with vinegar")[0].source == "kettle.md"
