"""`kotae preferences`: what people would rather be told, and an adapter that learns it."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from web.cli.pairs import shortened
from web.cli.shell import Group, Installation, Sentence, counted, here, somebody, table
from web.cli.train import WithRecipe, checked, told_of, waited

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bot.kotae import Kotae
    from strategies.lora.pairs.preferences import Preference

NONE_YET = (
    "No preferences yet. They come of thumbs down where the desk has a better answer, and of corrections "
    "that an admin accepted."
)


@click.group(cls=Group)
def preferences() -> None:
    """Which of two answers people would rather have: from their ratings and from corrections."""


@preferences.command("list")
@click.option("-n", "count", default=50, show_default=True, type=click.IntRange(1), help="How many.")
@here
def list_preferences(installation: Installation, count: int) -> None:
    """What is known: the question, the better answer, the other one."""
    from dataclasses import asdict

    with installation.open() as kotae:
        found = kotae.preferences.all()
    rows = [
        (one.source, shortened(one.question), shortened(one.chosen), shortened(one.rejected))
        for one in found[:count]
    ]
    rest = len(found) - len(rows)
    more = f"\n… and {rest} more (-n {len(found)})" if rest else ""
    shown = table(rows, ("from", "question", "better", "than")) if rows else NONE_YET
    told = {
        "total": len(found),
        "sources": dict(Counter(one.source for one in found)),
        "preferences": [asdict(one) for one in found[:count]],
    }
    installation.show(told, shown + more)


@preferences.command()
@click.argument("to", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), default="-")
@here
def export(installation: Installation, to: Path) -> None:
    """Write them to the file TO, or to standard output, as OpenAI's preference tuning reads them."""
    with installation.open() as kotae:
        if str(to) == "-":
            kotae.preferences.export(sys.stdout.buffer)
            return
        with to.open("wb") as file:
            count = kotae.preferences.export(file)
    installation.show({"file": str(to), "preferences": count}, f"{to} holds {counted(count, 'preference')}.")


@preferences.command(cls=WithRecipe)
@click.option("--name", required=True, help="What the new adapter is known by on the shelf.")
@click.option(
    "--from",
    "parent",
    default="current",
    show_default=True,
    help="The adapter to go on from, by name or hash.",
)
@click.option(
    "--file",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="Preferences as OpenAI writes them; else those of this installation.",
)
@click.option("--promote", is_flag=True, help="Let the new adapter speak as soon as it is proven.")
@here
def tune(
    installation: Installation, /, name: str, parent: str, file: Path | None, promote: bool, **recipe: Any
) -> None:
    """Let an adapter learn them, and wait for it. What comes of it is a new adapter; the old one stays.

    Cancelled or failed, it goes on by: kotae train --resume RUN.
    """
    chosen = checked({option: value for option, value in recipe.items() if value is not None})
    with installation.open() as kotae:
        given = known(kotae, file)
        job = kotae.training.prefer(name, given, parent=parent, recipe=chosen, promote=promote, by=somebody())
        result, text = told_of(kotae, waited(kotae, job.id))
    installation.show(result, text)


def known(kotae: Kotae, file: Path | None) -> Sequence[Preference]:
    """The file's preferences, or those that people gave here."""
    if file is None:
        return kotae.preferences.all()
    from strategies.lora.pairs import BadPairs
    from strategies.lora.pairs.preferences import read

    with file.open("rb") as stream:
        try:
            return read(stream)
        except BadPairs as fault:
            raise Sentence(f"{file.name}: {fault}") from fault
