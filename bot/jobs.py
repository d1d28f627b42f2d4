"""Work that takes longer than a breath: handed over by Huey, told by a row of its own.

    enqueue ─▶ row "queued" ─▶ Huey: a file or Redis ─▶ a worker claims it: "running" ─▶ "done" | "failed"
                  └───────────────────────── cancel ─────────────┴──────────────────────▶ "cancelled"

The row is the truth and Huey the messenger: a message that arrives twice finds the row claimed, and one
that was lost, with a killed process or with a Redis that does not answer, is sent again by a worker. Work
is safe to run twice and resumes where it stopped. A worker whose job was cancelled finds that the row is no
longer its own, and lets go.

Long work has a messenger and a worker of its own, so that nobody waits an hour for a document; there is one
piece of each kind at a time. Kinds that share a messenger wait for one another.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from time import sleep
from typing import Any, Literal, cast
from uuid import uuid4

import sqlalchemy as sa
from huey import Huey, RedisHuey, SqliteHuey, crontab  # type: ignore[import-untyped]
from huey.consumer import Consumer  # type: ignore[import-untyped]
from sqlalchemy.orm import Session

from bot.store import reading, writing
from bot.store.tables import JobRow
from knowledge_base.database import now
from knowledge_base.errors import Unavailable

log = logging.getLogger(__name__)

State = Literal["queued", "running", "done", "failed", "cancelled"]
Progress = Callable[[str, float], None]
Work = Callable[[Mapping[str, Any], Progress], None]
Task = tuple[str, Mapping[str, Any]]  # kind and arguments

PATIENCE = (2.0, 5.0, 15.0, 60.0)  # seconds to wait after each attempt that found an engine unavailable
BEAT_SECONDS = 2.0
DEAD_SECONDS = 20.0  # a worker on another machine that was silent for so long is gone
TELL_SECONDS = 0.2  # progress is written no more often
LOST_SECONDS = 15.0  # work that waits so long while no message does has lost its own
REDIS_SECONDS = 5.0  # for a Redis that does not answer

_in_hand: set[str] = set()  # the jobs that threads of this process are doing


@dataclass(frozen=True)
class Job:
    """A piece of work. `kind` is "ingest", "remove" or "reindex"; `error` is a sentence for the admin."""

    id: str
    kind: str
    arguments: Mapping[str, Any]
    state: State
    progress: float  # 0..1
    step: str  # what is being done, in words
    error: str
    attempts: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class UnknownJob(LookupError):
    """There is no such job."""


class WorkFailed(Exception):
    """The work cannot be done, and trying again will not help; the message is for the admin."""


class AlreadyRunning(Exception):
    """Long work of this kind waits or is being done, and there is one at a time."""

    def __init__(self, job: Job) -> None:
        super().__init__(f"a job {job.kind!r} is {job.state} already")
        self.job = job


class Stopped(BaseException):
    """The worker goes home in the middle of a job.

    No Exception, so that no work takes it for a fault of its own.
    """


class Cancelled(BaseException):
    """The job is no longer this worker's: it was cancelled, or another one took it over."""


def open_queue(data: Path, url: str, name: str = "kotae") -> Huey:
    """The messenger: Redis at `url`, or a file in the data directory. ConfigurationError without redis-py."""
    if url:
        patience = f"socket_timeout={REDIS_SECONDS}&socket_connect_timeout={REDIS_SECONDS}"
        return RedisHuey(name, url=f"{url}{'&' if '?' in url else '?'}{patience}", results=False)
    return SqliteHuey(name, filename=str(data / "jobs.db"), results=False)


class Jobs:
    """`work` does each kind of job; `left_over` tells what else a killed process left undone.

    `long` names the kinds that have a queue and a worker of their own, each one at a time; `patience_of` the
    kinds that are tried again after other pauses than the rest. `due` is asked every minute what to begin.
    """

    def __init__(
        self,
        engine: sa.Engine,
        queue: Huey,
        work: Mapping[str, Work],
        *,
        left_over: Callable[[], Iterable[Task]] = tuple,
        patience: Sequence[float] = PATIENCE,
        patience_of: Mapping[str, Sequence[float]] | None = None,
        long: Mapping[str, Huey] | None = None,
        due: Callable[[], Iterable[Task]] = tuple,
    ) -> None:
        self._engine = engine
        self._queue = queue
        self._long = dict(long or {})
        self._work = work
        self._left_over = left_over
        self._due = due
        queue.periodic_task(crontab(), name="tick")(self.tick)
        self._patience = patience
        self._patience_of = dict(patience_of or {})
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex}"
        self._send = queue.task(name="run_job")(self.run)
        self._messengers = list({id(each): each for each in self._long.values()}.values())
        sending = {id(each): each.task(name="run_job")(self.run) for each in self._messengers}
        self._send_long = {kind: sending[id(each)] for kind, each in self._long.items()}
        self._consumers: tuple[Consumer, ...] = ()
        self._keeper: threading.Thread | None = None
        self._stopping = threading.Event()

    # ---- handing over ----

    def waiting(self) -> int:
        """How many messages wait. Raises whatever Redis or SQLite does where they do not answer."""
        return int(self._queue.pending_count())

    def enqueue(self, kind: str, **arguments: Any) -> Job:
        """Hand the work over; the same work already waiting is returned instead of queued twice.

        Raises AlreadyRunning for long work of which there is one.
        """
        if kind not in self._work:
            raise ValueError(f"there is no work {kind!r}; known: {', '.join(sorted(self._work))}")
        key = json.dumps(arguments, sort_keys=True)
        waiting = sa.select(JobRow).where(JobRow.state == "queued", JobRow.kind == kind, JobRow.key == key)
        moment = now()
        with writing(self._engine) as session:
            self._refuse_a_second(session, kind)
            row = session.scalar(waiting)
            if row is None:
                row = JobRow(
                    id=uuid4().hex,
                    kind=kind,
                    arguments=arguments,
                    key=key,
                    state="queued",
                    progress=0.0,
                    step="",
                    error="",
                    attempts=0,
                    created_at=moment,
                    due_at=moment,
                )
                session.add(row)
            job = _job(row)
        self._deliver(job)
        return job

    def cancel(self, job_id: str) -> Job:
        """Take the job back. One in hand ends at its next step; one that has ended stays as it ended."""
        self.get(job_id)
        still_open = sa.update(JobRow).where(JobRow.id == job_id, JobRow.state.in_(("queued", "running")))
        with writing(self._engine) as session:
            session.execute(still_open.values(state="cancelled", step="", error="", owner="", ended_at=now()))
        return self.get(job_id)

    def reopen(self, job_id: str) -> Job:
        """Let work that failed or was cancelled wait again, to go on where it stopped. Other work is left as
        it is. Raises AlreadyRunning like `enqueue`.
        """
        moment = now()
        ended = sa.update(JobRow).where(JobRow.id == job_id, JobRow.state.in_(("failed", "cancelled")))
        with writing(self._engine) as session:
            self._refuse_a_second(session, self.get(job_id).kind)
            session.execute(ended.values(state="queued", error="", attempts=0, due_at=moment, ended_at=None))
        job = self.get(job_id)
        self._deliver(job)
        return job

    def get(self, job_id: str) -> Job:
        with reading(self._engine) as session:
            row = session.get(JobRow, job_id)
            if row is None:
                raise UnknownJob(f"there is no job {job_id!r}")
            return _job(row)

    def list(self, state: State | None = None, limit: int = 50, *, kind: str = "") -> Sequence[Job]:
        """The newest first."""
        rows = sa.select(JobRow).order_by(JobRow.created_at.desc(), JobRow.id).limit(limit)
        if state is not None:
            rows = rows.where(JobRow.state == state)
        if kind:
            rows = rows.where(JobRow.kind == kind)
        with reading(self._engine) as session:
            return [_job(row) for row in session.scalars(rows)]

    # ---- working ----

    def start(self, workers: int = 1) -> None:
        """Work in threads of this process until `stop`; what a killed process left is taken up again."""
        self._stopping.clear()
        self.recover()
        self._consumers = (
            _consumer(self._queue, workers, periodic=True),
            *(_consumer(each, 1) for each in self._messengers),
        )
        for consumer in self._consumers:
            consumer.start()
        self._keeper = threading.Thread(target=self._keep_alive, name="jobs", daemon=True)
        self._keeper.start()

    def stop(self) -> None:
        """End gracefully: the job in hand goes back to the queue at its next step, for the next worker."""
        self._stopping.set()
        for consumer in self._consumers:
            consumer.stop(graceful=True)
        self._consumers = ()
        if self._keeper is not None:
            self._keeper.join()
            self._keeper = None
        for each in (self._queue, *self._messengers):
            each.storage.close()

    def run_worker(self, workers: int = 1) -> None:
        """`start`, wait for SIGTERM or SIGINT, `stop`. For a process of its own, from its main thread."""
        asked = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: asked.set())
        self.start(workers)
        asked.wait()
        self.stop()

    def drain(self) -> None:
        """Do everything that waits, here and now: the command line without a server, the demo.

        What is to be tried again much later is left to the server.
        """
        self.recover()
        waiting = sa.select(JobRow).where(JobRow.state == "queued").order_by(JobRow.due_at).limit(1)
        while True:
            soon = now() + timedelta(seconds=max(self._patience, default=0.0))
            with reading(self._engine) as session:
                row = session.scalar(waiting.where(JobRow.due_at <= soon))
                if row is None:
                    return
                job_id, due_at = row.id, row.due_at
            sleep(max(0.0, (due_at - now()).total_seconds()))
            self.run(job_id)

    def recover(self) -> None:
        """Take up again what dead workers had in hand, what was never delivered, and what is left over."""
        self._release_dead()
        waiting = sa.select(JobRow).where(JobRow.state == "queued").order_by(JobRow.created_at)
        with reading(self._engine) as session:
            jobs = [_job(row) for row in session.scalars(waiting)]
            open_ones = sa.select(JobRow.kind, JobRow.key).where(JobRow.state.in_(("queued", "running")))
            taken = {(kind, key) for kind, key in session.execute(open_ones)}
        for job in jobs:
            self._deliver(job)
        for kind, arguments in self._left_over():
            if (kind, json.dumps(arguments, sort_keys=True)) not in taken:
                self.enqueue(kind, **arguments)

    def tick(self) -> None:
        """A minute has passed: hand over what is due. Huey calls it, in whatever worker is free."""
        for kind, arguments in self._due():
            try:
                self.enqueue(kind, **arguments)
            except AlreadyRunning:
                continue

    def run(self, job_id: str) -> None:
        """Do a job that waits; one that does not wait any longer is left alone."""
        _in_hand.add(job_id)
        try:
            job = self._claim(job_id)
            if job is not None:
                self._do(job)
        finally:
            _in_hand.discard(job_id)

    # ---- one job ----

    def _do(self, job: Job) -> None:
        try:
            self._work[job.kind](job.arguments, self._teller(job.id))
        except Stopped:
            self._change(job.id, state="queued", step="", owner="", attempts=job.attempts - 1)
        except Cancelled:
            log.info("job %s (%s) was taken back", job.id, job.kind)
        except Unavailable as fault:
            self._postpone(job, str(fault))
        except WorkFailed as fault:
            self._fail(job, str(fault))
        except Exception as fault:
            log.exception("job %s (%s) failed", job.id, job.kind)
            self._fail(job, f"this did not work: {type(fault).__name__}; the log has the details")
        else:
            self._change(job.id, state="done", progress=1.0, step="", error="", ended_at=now())
            log.info("job done: kind=%r id=%s", job.kind, job.id)

    def _claim(self, job_id: str) -> Job | None:
        """The job is ours from here on, if it waits and nobody else has it."""
        moment = now()
        soon = moment + timedelta(seconds=1)  # Huey counts in its own seconds
        claim = (
            sa.update(JobRow)
            .where(JobRow.id == job_id, JobRow.state == "queued", JobRow.due_at <= soon)
            .values(
                state="running",
                owner=self._owner,
                attempts=JobRow.attempts + 1,
                started_at=sa.func.coalesce(JobRow.started_at, moment),
                beat_at=moment,
                ended_at=None,
            )
            .returning(JobRow)
        )
        with writing(self._engine) as session:
            row = session.scalar(claim)
            return _job(row) if row is not None else None

    def _teller(self, job_id: str) -> Progress:
        """What the work calls to say how far it is."""
        told = [("", float("-inf"))]

        def tell(step: str, share: float) -> None:
            if self._stopping.is_set():
                raise Stopped
            last_step, last_time = told[0]
            moment = now().timestamp()
            if step != last_step or moment - last_time >= TELL_SECONDS:
                told[0] = (step, moment)
                share = min(max(share, 0.0), 1.0)
                if not self._change(job_id, step=step, progress=share, beat_at=now()):
                    raise Cancelled

        return tell

    def _postpone(self, job: Job, why: str) -> None:
        """An engine does not answer just now: wait a little longer each time, then give up."""
        patience = self._patience_of.get(job.kind, self._patience)
        if job.attempts > len(patience):
            self._fail(job, why)
            return
        due_at = now() + timedelta(seconds=patience[job.attempts - 1])
        log.warning("job %s (%s) waits until %s: %s", job.id, job.kind, due_at, why)
        self._change(job.id, state="queued", step="waiting to try again", error=why, owner="", due_at=due_at)
        self._deliver(job, due_at)

    def _fail(self, job: Job, why: str) -> None:
        log.warning("job failed: kind=%r id=%s: %s", job.kind, job.id, why)
        self._change(job.id, state="failed", step="", error=why, ended_at=now())

    def _change(self, job_id: str, **values: Any) -> bool:
        """Write into the row of a job in hand. False when it is no longer ours."""
        ours = sa.update(JobRow).where(
            JobRow.id == job_id, JobRow.state == "running", JobRow.owner == self._owner
        )
        with writing(self._engine) as session:
            return bool(session.execute(ours.values(values).returning(JobRow.id)).all())

    def _refuse_a_second(self, session: Session, kind: str) -> None:
        under_way = sa.select(JobRow).where(JobRow.state.in_(("queued", "running")), JobRow.kind == kind)
        if kind in self._long and (other := session.scalar(under_way.limit(1))) is not None:
            raise AlreadyRunning(_job(other))

    def _deliver(self, job: Job, due_at: datetime | None = None) -> None:
        send = self._send_long.get(job.kind, self._send)
        try:
            send.schedule((job.id,), eta=due_at) if due_at else send(job.id)
        except Exception as fault:  # of Redis or SQLite: the row waits, and a worker sends it on
            log.warning("job %s (%s) is not handed on yet: %s", job.id, job.kind, fault)

    # ---- workers that die ----

    def _keep_alive(self) -> None:
        """Say that this worker lives, take over from those that do not, and replace threads that died."""
        while not self._stopping.wait(BEAT_SECONDS):
            try:
                self._beat()
                for job in [*self._release_dead(), *self._undelivered()]:
                    self._deliver(job)
                for consumer in self._consumers:
                    consumer.check_worker_health()
            except Unavailable as fault:
                log.warning("%s", fault)

    def _beat(self) -> None:
        ours = sa.update(JobRow).where(JobRow.state == "running", JobRow.owner == self._owner)
        with writing(self._engine) as session:
            session.execute(ours.values(beat_at=now()))

    def _release_dead(self) -> Sequence[Job]:
        """Put back into the queue what a worker had in hand that is no more."""
        running = sa.select(JobRow).where(JobRow.state == "running", JobRow.owner != self._owner)
        with writing(self._engine) as session:
            dead = [row for row in session.scalars(running) if not self._lives(row)]
            for row in dead:
                log.warning("job %s (%s) was interrupted and is taken up again", row.id, row.kind)
                row.state, row.owner = "queued", ""
            return [_job(row) for row in dead]

    def _undelivered(self) -> Sequence[Job]:
        """What should have begun while no message of it is under way: Redis forgot it, or never heard."""
        late = sa.select(JobRow).where(
            JobRow.state == "queued", JobRow.due_at < now() - timedelta(seconds=LOST_SECONDS)
        )
        with reading(self._engine) as session:
            jobs = [_job(row) for row in session.scalars(late.order_by(JobRow.created_at))]
        return [job for job in jobs if _is_idle(self._long.get(job.kind, self._queue))]

    def _lives(self, row: JobRow) -> bool:
        host, pid = row.owner.rsplit(":", 2)[:2]
        if host == socket.gethostname():
            if (
                int(pid) == os.getpid()
            ):  # or was: in a container, the process after a kill has the same number
                return row.id in _in_hand
            if not _runs(int(pid)):
                return False
        return row.beat_at is not None and now() - row.beat_at < timedelta(seconds=DEAD_SECONDS)


class InThreads(Consumer):  # type: ignore[misc]
    """Huey's consumer inside a process that has signal handlers of its own."""

    def _set_signal_handlers(self) -> None:
        """The process stops us by `stop`."""


def _consumer(queue: Huey, workers: int, *, periodic: bool = False) -> InThreads:
    return InThreads(queue, workers=workers, periodic=periodic, max_delay=1.0, scheduler_interval=1)


def _is_idle(queue: Huey) -> bool:
    """Whether no message waits in it."""
    try:
        return int(queue.pending_count()) == 0
    except Exception:
        return False


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _job(row: JobRow) -> Job:
    return Job(
        id=row.id,
        kind=row.kind,
        arguments=row.arguments,
        state=cast("State", row.state),
        progress=row.progress,
        step=row.step,
        error=row.error,
        attempts=row.attempts,
        created_at=row.created_at,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )
