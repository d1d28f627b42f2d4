"""`kotae demo`: an invented product's manuals, to try Kotae on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from web.cli.shell import FAILED, Command, Installation, here

if TYPE_CHECKING:
    from bot.kotae import Kotae

FOLDER = Path(__file__).parents[2] / "demo" / "documents"  # beside the packages, installed or not


@click.command(cls=Command)
@here
def demo(installation: Installation) -> None:
    """Add the demo's documents; quick when they are there already."""
    with installation.open() as kotae:
        added, failed = prepare(kotae)
    result = {"documents": added, "failed": failed}
    installation.show(
        result, f"The demo is ready: {added} documents." if not failed else f"{failed} documents failed."
    )
    if failed:
        raise click.exceptions.Exit(FAILED)


def prepare(kotae: Kotae) -> tuple[int, int]:
    """How many documents the demo has, and how many of them failed."""
    from web.cli.documents import add_files, files_in

    added = add_files(kotae, list(files_in([FOLDER])))
    return len(added), sum(one.state == "failed" for one in added)
