"""`kotae demo`: an invented product's manuals, to try Kotae on."""

from __future__ import annotations

from pathlib import Path

import click

from web.cli.documents import add_files, files_in, is_live
from web.cli.shell import FAILED, Command, Installation, here

FOLDER = Path(__file__).parents[2] / "demo" / "documents"  # beside the packages, installed or not


@click.command(cls=Command)
@here
def demo(installation: Installation) -> None:
    """Add the demo's documents; quick when they are there already."""
    with installation.open() as kotae:
        added = add_files(kotae, list(files_in([FOLDER])))
    failed = [f"{one.name}: {one.error}" for one in added if not is_live(one)]
    text = "\n".join([f"The demo is ready: {len(added) - len(failed)} documents.", *failed])
    installation.show({"documents": len(added), "failed": len(failed)}, text)
    if failed:
        raise click.exceptions.Exit(FAILED)
