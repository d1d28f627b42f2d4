"""Bad input and broken machines: a clear sentence, nothing lost, and nothing left lying about."""

import errno
import io
import multiprocessing
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import NoReturn

import pytest
from filelock import FileLock

from knowledge_base import testing
from knowledge_base.errors import InUse, Misconfigured, TooLarge, Unavailable, Unreadable
from knowledge_base.files import ABANDONED_SECONDS
from knowledge_base.index import Chroma
from knowledge_base.library import Library
from knowledge_base.limits import Limits
from knowledge_base.ownership import Ownership
from knowledge_base.testing import add
from tests.knowledge_base.conftest import KETTLE, LAMP, Start, found


def left_on_disk(data: Path) -> list[Path]:
    return [path for path in (data / "files").rglob("*") if path.is_file()]


class Endless(io.RawIOBase):
    """An upload that never ends; counts what was taken of it."""

    def __init__(self) -> None:
        self.taken = 0

    def read(self, size: int = -1) -> bytes:
        self.taken += size
        return b"x" * size


def test_an_upload_beyond_the_limit_is_refused_while_it_streams(start: Start, data: Path) -> None:
    library = start(limits=Limits(upload_bytes=3_000_000))
    upload = Endless()
    with pytest.raises(TooLarge, match=r"'film\.mp4' is larger than the 3 MB that are accepted"):
        library.receive(upload, "film.mp4")  # type: ignore[arg-type]
    assert upload.taken < 5_000_000
    assert left_on_disk(data) == []
    assert library.documents() == []


def test_an_upload_just_at_the_limit_is_accepted(start: Start) -> None:
    library = start(limits=Limits(upload_bytes=len(KETTLE.encode())))
    assert add(library, "kettle.md", KETTLE).state == "live"


def test_an_empty_upload_is_refused(library: Library, data: Path) -> None:
    with pytest.raises(Unreadable, match=r"'nothing\.md' is empty"):
        library.receive(io.BytesIO(), "nothing.md")
    assert left_on_disk(data) == []


def test_a_customer_connection_that_breaks_off_leaves_nothing(library: Library, data: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell():
                raise ConnectionResetError("gone")
            return super().read(8)

    with pytest.raises(ConnectionResetError):
        library.receive(Broken(KETTLE.encode()), "kettle.md")
    assert left_on_disk(data) == []
    assert library.documents() == []


@pytest.mark.parametrize("when", ["while writing", "while naming"])
def test_a_full_disk_is_a_sentence_and_nothing_is_half_kept(
    library: Library, data: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    add(library, "lamp.md", LAMP)
    before = left_on_disk(data)

    def full(*_: object) -> NoReturn:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        if when == "while writing":
            disk.setattr(os, "fsync", full)
        else:
            disk.setattr(Path, "rename", full)
        with pytest.raises(
            Unavailable, match=r"the disk is full: 'kettle\.md' was not kept; free some space"
        ):
            library.receive(io.BytesIO(KETTLE.encode()), "kettle.md")
    assert left_on_disk(data) == before
    assert [document.source for document in library.documents()] == ["lamp.md"]
    assert add(library, "kettle.md", KETTLE).state == "live"  # as soon as there is room


@pytest.mark.skipif(sys.platform != "linux", reason="limits of a process")
def test_a_disk_that_really_takes_no_more_bytes_is_told_the_same_way(data: Path) -> None:
    script = (
        "import io, resource, signal, sys; from pathlib import Path; from knowledge_base import testing;"
        "library = testing.library(Path(sys.argv[1]));"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000));"
        "library.receive(io.BytesIO(b'x' * 2_000_000), 'kettle.md')"
    )
    told = subprocess.run(
        [sys.executable, "-c", script, str(data)], capture_output=True, text=True, timeout=60
    )
    assert "Unavailable: the disk is full: 'kettle.md' was not kept" in told.stderr
    assert left_on_disk(data) == []


def test_a_locked_database_is_a_sentence_and_searching_goes_on(data: Path, start: Start) -> None:
    library = start(wait=0.2)
    add(library, "kettle.md", KETTLE)
    other = sqlite3.connect(data / "kotae.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        with pytest.raises(Unavailable, match="is locked by another process; try again"):
            library.receive(io.BytesIO(LAMP.encode()), "lamp.md")
        assert found(library, "litres")
    finally:
        other.execute("ROLLBACK")
        other.close()
    assert len(left_on_disk(data)) == 1
    assert add(library, "lamp.md", LAMP).state == "live"


def test_chromadbs_folder_removed_under_a_running_library_is_refilled(on_chroma: Library, data: Path) -> None:
    add(on_chroma, "kettle.md", KETTLE)
    shutil.rmtree(data / "chroma")
    assert on_chroma.search("descale with vinegar")[0].dense is not None
    shutil.rmtree(data / "chroma")
    assert add(on_chroma, "lamp.md", LAMP).state == "live"
    assert {passage.source for passage in on_chroma.search("vinegar bulb")} == {"kettle.md", "lamp.md"}
    assert all(passage.dense is not None for passage in on_chroma.search("vinegar bulb"))


def test_chromadbs_folder_removed_before_a_start_is_refilled(
    on_chroma: Library, start: Start, data: Path
) -> None:
    kettle = add(on_chroma, "kettle.md", KETTLE)
    on_chroma.close()
    shutil.rmtree(data / "chroma")
    again = start(Chroma(data / "chroma"))
    assert again.search("descale with vinegar")[0].dense is not None
    shutil.rmtree(data / "chroma")
    again.remove(kettle.id)
    assert found(again, "vinegar") == []


def test_what_a_killed_upload_left_is_swept_after_a_while(library: Library, start: Start, data: Path) -> None:
    kettle = add(library, "kettle.md", KETTLE)
    long_ago = time.time() - ABANDONED_SECONDS - 1
    old, young, unknown = (
        data / "files/arriving/old",
        data / "files/arriving/young",
        data / "files" / ("0" * 32),
    )
    old.write_bytes(b"half")
    young.write_bytes(b"half")
    unknown.mkdir()
    (unknown / "1").write_bytes(b"never recorded")
    for path in (old, unknown):
        os.utime(path, (long_ago, long_ago))
    library.close()
    start().warm_up()
    assert sorted(left_on_disk(data)) == sorted([young, data / "files" / kettle.id / "1"])


# One process owns the data directory.


def hold(data: Path, taken: Event) -> None:
    sys.argv = ["/usr/bin/kotae", "serve", "--secret", "hunter2"]
    ownership = Ownership(data)
    ownership.take()
    taken.set()
    time.sleep(120)


def test_a_data_directory_in_use_names_who_uses_it_and_is_free_after_kill_9(
    library: Library, data: Path
) -> None:
    context = multiprocessing.get_context("spawn")
    taken = context.Event()
    owner = context.Process(target=hold, args=(data, taken))
    owner.start()
    assert taken.wait(60)
    with pytest.raises(InUse) as told:
        library.warm_up()
    assert str(told.value) == (
        f"the data directory {str(data)!r} is in use by process {owner.pid} (kotae serve); "
        "stop it or configure a Chroma server"
    )
    # What needs no index works beside the owner.
    received = library.receive(io.BytesIO(KETTLE.encode()), "kettle.md")
    with pytest.raises(InUse):
        library.remove(received.document.id)
    assert library.document(received.document.id).state == "received"

    assert owner.pid is not None
    os.kill(owner.pid, signal.SIGKILL)
    owner.join(30)
    assert library.ingest(received.document.id).state == "live"


def test_a_data_directory_that_cannot_be_written_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_lock: FileLock) -> NoReturn:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(FileLock, "acquire", refuse)
    with pytest.raises(Misconfigured, match=r"data directory '.*' cannot be written: Read-only file system"):
        Ownership(tmp_path).take()


def test_two_libraries_in_one_process_do_not_share_a_data_directory(library: Library, data: Path) -> None:
    library.warm_up()
    second = testing.library(data)
    with pytest.raises(InUse, match=f"process {os.getpid()}"):
        second.warm_up()
    library.close()
    second.warm_up()
    second.close()
    second.engine.dispose()
