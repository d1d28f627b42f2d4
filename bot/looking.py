"""Watched pages are looked at when their time has come: one look after the other, in a worker of their own.

Whatever is due is looked at by one job, so that a long sitemap keeps no upload waiting and two workers never
ask one server at once. What changed is ingested like an upload.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from bot.jobs import AlreadyRunning, Jobs, Progress, Task
from bot.settings import Fetching
from knowledge_base.errors import Unavailable
from knowledge_base.fetching.addresses import Gate
from knowledge_base.fetching.fetcher import Fetcher
from knowledge_base.library import Library
from knowledge_base.watches import Watches

KIND: Final = "look"

log = logging.getLogger(__name__)


def watches_of(library: Library, fetching: Fetching) -> Watches:
    """`private_hosts` may be asked though they are in our own network."""
    fetcher = Fetcher(Gate(frozenset(host.lower() for host in fetching.private_hosts)), library.limits)
    return Watches(library.engine, library, fetcher)


def due(watches: Watches) -> Sequence[Task]:
    """What a minute's tick hands over."""
    return [(KIND, {})] if watches.due() else []


def look_now(watches: Watches, jobs: Jobs, watch_id: str) -> None:
    """As soon as the look under way, if there is one, comes to it."""
    watches.ask(watch_id)
    hand_over(jobs)


def hand_over(jobs: Jobs) -> None:
    try:
        jobs.enqueue(KIND)
    except AlreadyRunning:  # it goes on until nothing is due
        log.debug("watched pages are being looked at already")


def work(watches: Watches, jobs: Jobs, progress: Progress) -> None:
    """Look at all that is due, and hand over what changed."""
    while waiting := watches.due():
        try:
            looked = watches.look(waiting[0], progress)
        except Unavailable:
            raise
        except Exception as fault:
            log.exception("looking at %s failed", waiting[0])
            watches.fail(waiting[0], f"this did not work: {type(fault).__name__}; the log has the details")
            continue
        for document_id in looked.changed:
            jobs.enqueue("ingest", document_id=document_id)
