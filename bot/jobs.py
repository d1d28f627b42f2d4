"""Work that takes longer than a breath: queued by Huey, told by a row of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

State = Literal["queued", "running", "done", "failed"]


@dataclass(frozen=True)
class Job:
    id: str
    kind: str  # "ingest", "remove", "reindex"
    arguments: Mapping[str, Any]
    state: State
    progress: float  # 0..1
    step: str  # what is being done, in words
    error: str  # a sentence for the admin
    attempts: int
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None


class UnknownJob(LookupError):
    """There is no such job."""


class Jobs:
    def enqueue(self, kind: str, **arguments: Any) -> Job:
        """Hand the work over; the same work already waiting is returned instead of queued twice."""
        raise NotImplementedError

    def get(self, job_id: str) -> Job:
        raise NotImplementedError

    def list(self, state: State | None = None, limit: int = 50) -> list[Job]:
        """The newest first."""
        raise NotImplementedError

    def start(self) -> None:
        """Work in threads of this process until `stop`; what a killed process left is taken up again."""
        raise NotImplementedError

    def stop(self) -> None:
        """End gracefully: the job in hand goes back to the queue and resumes with the next worker."""
        raise NotImplementedError

    def run_worker(self) -> None:
        """`start`, then wait for SIGTERM or SIGINT, then `stop`."""
        raise NotImplementedError

    def drain(self) -> None:
        """Do everything that waits, here and now (the command line without a server, the demo)."""
        raise NotImplementedError
