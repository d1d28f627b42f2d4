"""Waiting for work that was handed over: it is done here, or by the server that owns the data directory."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from web.cli.documents import LOOK_AGAIN_SECONDS, own
from web.cli.progress import meter
from web.cli.shell import Sentence

if TYPE_CHECKING:
    from bot.jobs import Job
    from bot.kotae import Kotae


def waited(kotae: Kotae, job: Job, unit: str) -> Job:
    """The job when it is done. What it failed at, and that it was cancelled, is told in a sentence."""
    worker = threading.Thread(target=kotae.jobs.run, args=(job.id,), name="work")
    if own(kotae):
        worker.start()
    try:
        with meter(1, unit) as bar:
            while job.state in ("queued", "running"):
                time.sleep(LOOK_AGAIN_SECONDS)
                job = kotae.jobs.get(job.id)
                bar.n = job.progress
                bar.set_description(job.step or "waiting")
    except KeyboardInterrupt:
        kotae.jobs.cancel(job.id)
        raise Sentence("cancelled") from None
    finally:
        if worker.ident is not None:
            worker.join()
    if job.state != "done":
        raise Sentence(job.error or "cancelled")
    return job
