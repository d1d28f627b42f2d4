"""Work is told by its row, is done once, and survives whatever happens to the worker."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from bot.jobs import AlreadyRunning, Jobs, Progress, UnknownJob, Work, WorkFailed, open_queue
from bot.store import writing
from bot.store.tables import JobRow
from knowledge_base.database import now
from knowledge_base.errors import Unavailable
from tests.bot.worker import STEPS

ROOT = Path(__file__).parent.parent.parent


def nothing(_arguments: Mapping[str, Any], _progress: Progress) -> None:
    """Done already."""


@pytest.fixture
def jobs_for(engine: sa.Engine, tmp_path: Path) -> Iterator[Callable[..., Jobs]]:
    """Jobs whose one kind, "work", is the function given."""
    opened: list[Jobs] = []

    def make(work: Work = nothing, **options: Any) -> Jobs:
        opened.append(Jobs(engine, open_queue(tmp_path, ""), {"work": work}, **options))
        return opened[-1]

    yield make
    for jobs in opened:
        jobs.stop()


def until(happens: Callable[[], object], seconds: float = 60) -> None:
    began = time.monotonic()
    while not happens():
        assert time.monotonic() - began < seconds
        time.sleep(0.02)


def test_work_is_handed_over_and_done_by_the_worker(jobs_for: Callable[..., Jobs]) -> None:
    done: list[Any] = []
    jobs = jobs_for(lambda arguments, _: done.append(arguments))
    job = jobs.enqueue("work", document_id="d1")
    assert (job.state, job.progress, job.attempts) == ("queued", 0.0, 0)
    assert job.arguments == {"document_id": "d1"}
    jobs.start()
    until(lambda: jobs.get(job.id).state == "done")
    job = jobs.get(job.id)
    assert done == [{"document_id": "d1"}]
    assert (job.progress, job.error, job.attempts) == (1.0, "", 1)
    assert job.started_at is not None
    assert job.ended_at is not None


def test_an_admin_sees_how_far_it_is(jobs_for: Callable[..., Jobs]) -> None:
    go = threading.Event()

    def work(_arguments: Mapping[str, Any], progress: Progress) -> None:
        progress("reading", 0.25)
        assert go.wait(60)

    jobs = jobs_for(work)
    job = jobs.enqueue("work")
    jobs.start()
    until(lambda: jobs.get(job.id).step == "reading")
    assert (jobs.get(job.id).state, jobs.get(job.id).progress) == ("running", 0.25)
    assert [each.id for each in jobs.list("running")] == [job.id]
    go.set()
    until(lambda: jobs.get(job.id).state == "done")
    assert jobs.list("running") == []


def test_the_same_work_waits_only_once(jobs_for: Callable[..., Jobs]) -> None:
    jobs = jobs_for()
    first = jobs.enqueue("work", document_id="d1", by="ann")
    assert jobs.enqueue("work", by="ann", document_id="d1") == first
    other = jobs.enqueue("work", document_id="d2", by="ann")
    assert [job.id for job in jobs.list()] == [other.id, first.id]


def test_a_message_that_arrives_twice_does_the_work_once(jobs_for: Callable[..., Jobs]) -> None:
    done: list[Any] = []
    jobs = jobs_for(lambda arguments, _: done.append(arguments))
    job = jobs.enqueue("work")
    jobs.run(job.id)
    jobs.run(job.id)
    assert len(done) == 1


def test_the_newest_jobs_come_first_and_an_unknown_one_is_an_error(jobs_for: Callable[..., Jobs]) -> None:
    jobs = jobs_for()
    ids = [jobs.enqueue("work", number=number).id for number in range(3)]
    assert [job.id for job in jobs.list(limit=2)] == ids[:0:-1]
    with pytest.raises(UnknownJob):
        jobs.get("x")
    with pytest.raises(ValueError, match="there is no work 'play'; known: work"):
        jobs.enqueue("play")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (WorkFailed("'a.pdf' is encrypted"), "'a.pdf' is encrypted"),
        (KeyError("secret"), "this did not work: KeyError; the log has the details"),
    ],
)
def test_what_cannot_be_done_fails_with_a_sentence(
    jobs_for: Callable[..., Jobs], fault: Exception, error: str
) -> None:
    def work(_arguments: Mapping[str, Any], _progress: Progress) -> None:
        raise fault

    jobs = jobs_for(work)
    job = jobs.enqueue("work")
    jobs.drain()
    job = jobs.get(job.id)
    assert (job.state, job.error) == ("failed", error)
    assert job.ended_at is not None


def test_an_engine_that_does_not_answer_is_waited_for(jobs_for: Callable[..., Jobs]) -> None:
    attempts: list[float] = []

    def work(_arguments: Mapping[str, Any], _progress: Progress) -> None:
        attempts.append(time.monotonic())
        if len(attempts) < 3:
            raise Unavailable("chroma does not answer")

    jobs = jobs_for(work, patience=(0.1, 0.3))
    job = jobs.enqueue("work")
    jobs.run(job.id)
    waiting = jobs.get(job.id)
    assert (waiting.state, waiting.step) == ("queued", "waiting to try again")
    assert waiting.error == "chroma does not answer"
    jobs.start()
    until(lambda: jobs.get(job.id).state == "done")
    assert (jobs.get(job.id).error, jobs.get(job.id).attempts) == ("", 3)


def test_after_some_patience_an_engine_that_never_answers_is_a_failure(jobs_for: Callable[..., Jobs]) -> None:
    def work(_arguments: Mapping[str, Any], _progress: Progress) -> None:
        raise Unavailable("chroma does not answer")

    jobs = jobs_for(work, patience=(0.01, 0.01))
    job = jobs.enqueue("work")
    jobs.drain()
    job = jobs.get(job.id)
    assert (job.state, job.error, job.attempts) == ("failed", "chroma does not answer", 3)


def test_a_worker_that_is_stopped_puts_the_job_in_hand_back(jobs_for: Callable[..., Jobs]) -> None:
    steps: list[int] = []
    reached, go = threading.Event(), threading.Event()

    def work(_arguments: Mapping[str, Any], progress: Progress) -> None:
        while len(steps) < 50:
            progress("counting", len(steps) / 50)
            steps.append(len(steps))
            if len(steps) == 3:
                reached.set()
                assert go.wait(60)

    jobs = jobs_for(work)
    job = jobs.enqueue("work")
    jobs.start()
    assert reached.wait(60)
    stopping = threading.Thread(target=jobs.stop)
    stopping.start()
    until(jobs._stopping.is_set)
    go.set()
    stopping.join()
    assert (jobs.get(job.id).state, jobs.get(job.id).attempts) == ("queued", 0)
    assert len(steps) == 3

    jobs.start()
    until(lambda: jobs.get(job.id).state == "done")
    assert steps == list(range(50))


def test_what_is_left_over_is_taken_up_once(jobs_for: Callable[..., Jobs]) -> None:
    done: list[Any] = []
    left = [("work", {"document_id": "d1"}), ("work", {"document_id": "d2"})]
    jobs = jobs_for(lambda arguments, _: done.append(arguments["document_id"]), left_over=lambda: left)
    jobs.enqueue("work", document_id="d1")
    jobs.drain()
    assert sorted(done) == ["d1", "d2"]


# ---- taken back ----


def test_a_job_that_waits_is_cancelled_and_never_done(jobs_for: Callable[..., Jobs]) -> None:
    done: list[Any] = []
    jobs = jobs_for(lambda arguments, _: done.append(arguments))
    job = jobs.enqueue("work", document_id="d1")
    assert jobs.cancel(job.id).state == "cancelled"
    jobs.drain()
    jobs.run(job.id)
    assert done == []
    assert jobs.get(job.id).ended_at is not None
    assert jobs.enqueue("work", document_id="d1").id != job.id


def test_a_job_in_hand_that_is_cancelled_ends_at_its_next_step(jobs_for: Callable[..., Jobs]) -> None:
    steps: list[int] = []

    def work(_arguments: Mapping[str, Any], progress: Progress) -> None:
        while len(steps) < 500:
            progress(f"step {len(steps)}", len(steps) / 500)
            steps.append(len(steps))
            time.sleep(0.01)

    jobs = jobs_for(work)
    job = jobs.enqueue("work")
    jobs.start()
    until(lambda: len(steps) > 2)
    jobs.cancel(job.id)
    reached = len(steps)
    jobs.stop()
    assert len(steps) <= reached + 1
    assert (jobs.get(job.id).state, jobs.get(job.id).step) == ("cancelled", "")


def test_a_job_that_is_cancelled_in_its_last_step_stays_cancelled(jobs_for: Callable[..., Jobs]) -> None:
    jobs: Jobs = jobs_for(lambda _, __: jobs.cancel(job.id))
    job = jobs.enqueue("work")
    jobs.run(job.id)
    assert jobs.get(job.id).state == "cancelled"


def test_what_is_done_cannot_be_cancelled_any_more(jobs_for: Callable[..., Jobs]) -> None:
    jobs = jobs_for()
    job = jobs.enqueue("work")
    jobs.run(job.id)
    assert jobs.cancel(job.id).state == "done"
    with pytest.raises(UnknownJob):
        jobs.cancel("x")


def test_a_job_that_failed_or_was_cancelled_is_opened_again(jobs_for: Callable[..., Jobs]) -> None:
    broken = [True]

    def work(_arguments: Mapping[str, Any], _progress: Progress) -> None:
        if broken:
            raise WorkFailed("the disk is full")

    jobs = jobs_for(work)
    job = jobs.enqueue("work")
    jobs.run(job.id)
    assert jobs.get(job.id).state == "failed"
    broken.clear()
    assert (jobs.reopen(job.id).state, jobs.get(job.id).error) == ("queued", "")
    jobs.run(job.id)
    assert jobs.reopen(job.id).state == "done"


def test_work_whose_message_was_lost_is_handed_on_again(
    jobs_for: Callable[..., Jobs], engine: sa.Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.jobs.LOST_SECONDS", 0.0)
    done: list[Any] = []
    jobs_for(lambda arguments, _: done.append(arguments)).start()
    (tmp_path / "nowhere").mkdir()
    web = Jobs(engine, open_queue(tmp_path / "nowhere", ""), {"work": nothing})
    job = web.enqueue("work", document_id="d1")
    until(lambda: web.get(job.id).state == "done")
    assert done == [{"document_id": "d1"}]
    web.stop()


# ---- long work ----


def test_short_work_does_not_wait_for_long_work_of_which_there_is_one(
    engine: sa.Engine, tmp_path: Path
) -> None:
    go, done = threading.Event(), threading.Event()
    work: dict[str, Work] = {"train": lambda _, __: go.wait(60), "ingest": lambda _, __: done.set()}  # type: ignore[dict-item, return-value]
    long = {"train": open_queue(tmp_path, "", "kotae-train")}
    jobs = Jobs(engine, open_queue(tmp_path, ""), work, long=long)
    training = jobs.enqueue("train", run=1)
    with pytest.raises(AlreadyRunning, match="a job 'train' is queued already"):
        jobs.enqueue("train", run=2)
    jobs.start()
    until(lambda: jobs.get(training.id).state == "running")
    jobs.enqueue("ingest")
    assert done.wait(60)
    with pytest.raises(AlreadyRunning, match="a job 'train' is running already"):
        jobs.enqueue("train", run=2)
    go.set()
    until(lambda: jobs.get(training.id).state == "done")
    second = jobs.enqueue("train", run=2)
    until(lambda: jobs.get(second.id).state == "done")
    assert [job.kind for job in jobs.list(kind="train")] == ["train", "train"]
    jobs.stop()


def test_kinds_that_share_a_messenger_wait_for_one_another(engine: sa.Engine, tmp_path: Path) -> None:
    began, go = threading.Event(), threading.Event()
    together: list[str] = []

    def measure(_arguments: object, _tell: object) -> None:
        began.set()
        go.wait(60)
        together.append("measured")

    work: dict[str, Work] = {"measure": measure, "read": lambda _, __: together.append("read")}
    one = open_queue(tmp_path, "", "kotae-measure")
    jobs = Jobs(engine, open_queue(tmp_path, ""), work, long={"measure": one, "read": one})
    jobs.start()
    jobs.enqueue("measure")
    assert began.wait(60)
    reading = jobs.enqueue("read")
    assert jobs.get(reading.id).state == "queued"
    go.set()
    until(lambda: jobs.get(reading.id).state == "done")
    assert together == ["measured", "read"]
    jobs.stop()


def put_into_hands(engine: sa.Engine, job_id: str, owner: str, silent_for: float) -> None:
    with writing(engine) as session:
        row = session.get(JobRow, job_id)
        assert row is not None
        row.state, row.owner = "running", owner
        row.beat_at = now() - timedelta(seconds=silent_for)


@pytest.mark.parametrize(
    ("owner", "silent_for", "state"),
    [
        ("elsewhere:1:a", 1, "running"),
        ("elsewhere:1:a", 60, "done"),
        ("{host}:{gone}:a", 1, "done"),
        ("{host}:{here}:a", 1, "done"),
        ("{host}:{parent}:a", 1, "running"),
        ("{host}:{parent}:a", 60, "done"),
    ],
    ids=[
        "another machine",
        "silent machine",
        "killed",
        "same number after a restart",
        "neighbour",
        "number reused",
    ],
)
def test_only_the_jobs_of_dead_workers_are_taken_over(
    jobs_for: Callable[..., Jobs], engine: sa.Engine, owner: str, silent_for: float, state: str
) -> None:
    import os
    import socket

    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    jobs = jobs_for()
    job = jobs.enqueue("work")
    names = {"host": socket.gethostname(), "gone": gone.pid, "here": os.getpid(), "parent": os.getppid()}
    put_into_hands(engine, job.id, owner.format(**names), silent_for)
    jobs.drain()
    assert jobs.get(job.id).state == state


def test_a_job_that_another_thread_of_this_process_does_is_left_to_it(jobs_for: Callable[..., Jobs]) -> None:
    go, began = threading.Event(), threading.Event()

    def work(_arguments: Mapping[str, Any], _progress: Progress) -> None:
        began.set()
        assert go.wait(60)

    jobs = jobs_for(work)
    job = jobs.enqueue("work")
    jobs.start()
    assert began.wait(60)
    jobs_for().drain()
    assert jobs.get(job.id).attempts == 1
    go.set()
    until(lambda: jobs.get(job.id).state == "done")


# ---- in a process of its own ----


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([sys.executable, "-m", "tests.bot.worker", tmp_path], cwd=ROOT))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def steps(folder: Path) -> list[int]:
    file = folder / "steps"
    return [int(line) for line in file.read_text().splitlines()] if file.exists() else []


def test_a_job_whose_worker_was_killed_is_finished_by_the_next_one(
    engine: sa.Engine, tmp_path: Path, worker: Callable[[], subprocess.Popen[bytes]]
) -> None:
    jobs = Jobs(engine, open_queue(tmp_path, ""), {"count": nothing})
    job = jobs.enqueue("count")
    first = worker()
    until(lambda: len(steps(tmp_path)) > 3)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert jobs.get(job.id).state == "running"
    assert len(steps(tmp_path)) < STEPS
    (tmp_path / "go").touch()

    worker()
    until(lambda: jobs.get(job.id).state == "done")
    assert steps(tmp_path) == list(range(STEPS))
    assert jobs.get(job.id).attempts == 2
    jobs.stop()


def test_a_worker_that_is_asked_to_end_does_so_and_loses_nothing(
    engine: sa.Engine, tmp_path: Path, worker: Callable[[], subprocess.Popen[bytes]]
) -> None:
    jobs = Jobs(engine, open_queue(tmp_path, ""), {"count": nothing})
    job = jobs.enqueue("count")
    first = worker()
    until(lambda: len(steps(tmp_path)) > 3)
    first.send_signal(signal.SIGTERM)
    assert first.wait(60) == 0
    assert jobs.get(job.id).state == "queued"
    (tmp_path / "go").touch()

    worker()
    until(lambda: jobs.get(job.id).state == "done")
    assert steps(tmp_path) == list(range(STEPS))
    jobs.stop()
