"""`kotae index`: what questions are searched in, and another one that is built beside it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from web.cli.documents import own, wait_for_job
from web.cli.progress import meter
from web.cli.shell import Group, Installation, counted, here, somebody

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.kotae import Kotae
    from knowledge_base.library import Library


@click.group(cls=Group)
def index() -> None:
    """The index, and another one that is built beside it."""


@index.command()
@here
def status(installation: Installation) -> None:
    """What answers, what is configured, and what is missing."""
    with installation.open() as kotae:
        found = kotae.library.status()
    documents = counted(found.documents, "document")
    installation.show(asdict(found), f"{found.sentence} ({found.edition}, {documents})")


@index.command()
@here
def pause(installation: Installation) -> None:
    """Build no other index; what answers goes on, and uploads are prepared for it."""
    with installation.open() as kotae:
        kotae.library.hold()
        kotae.audit.note(somebody(), "pause index")
    installation.show({"held": True}, "No other index is built or turned to; what answers now goes on.")


@index.command()
@here
def build(installation: Installation) -> None:
    """Build the configured index on, and turn to it when nothing is missing; resumes a paused one."""
    with installation.open() as kotae:
        kotae.library.go_on()
        kotae.audit.note(somebody(), "go on with index")
        _do(kotae, "reindex", lambda library, told: library.reindex(told))
        _show(installation, kotae)


@index.command()
@here
def back(installation: Installation) -> None:
    """Let the index before answer again, with all that came since, and hold the configured one."""
    with installation.open() as kotae:
        kotae.audit.note(somebody(), "index back")
        _do(kotae, "index back", lambda library, told: library.go_back(told))
        _show(installation, kotae)


def _do(kotae: Kotae, kind: str, work: Callable[[Library, Callable[[str, float], None]], None]) -> None:
    """Here, or by the server that owns the data directory."""
    if not own(kotae):
        wait_for_job(kotae, kotae.jobs.enqueue(kind).id)
        return
    with meter(1, "documents") as bar:

        def moved(step: str, share: float) -> None:
            bar.n = share
            bar.set_description(step)

        work(kotae.library, moved)


def _show(installation: Installation, kotae: Kotae) -> None:
    name = kotae.library.answering()
    installation.show({"edition": name}, f"{name or 'No index'} answers now.")
