"""`kotae demo`: an invented product's manuals, and questions about it, to try Kotae on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from web.cli.documents import add_files, files_in, is_live
from web.cli.shell import FAILED, Command, Installation, counted, here, somebody

if TYPE_CHECKING:
    from bot.kotae import Kotae

DEMO = Path(__file__).parents[2] / "demo"  # beside the packages, installed or not
FOLDER = DEMO / "documents"
SETS = {  # by name: the file, and whether nothing may learn from it
    "demo": ("test", True),
    "demo calibration": ("calibration", False),
}


@click.command(cls=Command)
@here
def demo(installation: Installation) -> None:
    """Add the demo's documents and question sets; quick when they are there already.

    A set of these names that is there stays as it is, and one that somebody deleted is not brought again.
    """
    with installation.open() as kotae:
        add_questions(kotae)
        added = add_files(kotae, list(files_in([FOLDER])))
    failed = [f"{one.name}: {one.error}" for one in added if not is_live(one)]
    text = "\n".join([f"The demo is ready: {counted(len(added) - len(failed), 'document')}.", *failed])
    installation.show({"documents": len(added), "failed": len(failed)}, text)
    if failed:
        raise click.exceptions.Exit(FAILED)


def add_questions(kotae: Kotae) -> None:
    """The demo's questions as sets, once: those that are there stay as they are, and those that somebody has
    deleted stay away.
    """
    there = {one.name for one in kotae.question_sets.list()}
    for name, (file, held_out) in SETS.items():
        if name in there or kotae.question_sets.was_removed(name):
            continue
        with (DEMO / "questions" / f"{file}.jsonl").open("rb") as stream:
            kotae.question_sets.import_(stream, f"{file}.jsonl", name, by=somebody(), held_out=held_out)
