"""`kotae conversations` and `kotae retention`: what was said, how long it is kept, how it is forgotten."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from web.cli.progress import meter
from web.cli.shell import Group, Installation, counted, here, somebody, table

if TYPE_CHECKING:
    from collections.abc import Callable

    from bot.conversations.archive import Form, Wanted

FILTERS = (
    click.option("--strategy", default="", help="Those in which it answered."),
    click.option("--language", default="", help="A code such as en or ja."),
    click.option("--rated", type=click.Choice(["up", "down", "any"]), help="Those with such a rating."),
    click.option("--abstained", is_flag=True, help="Those in which an answer abstained."),
    click.option("--failed", is_flag=True, help="Those in which an answer failed."),
    click.option("--handed-over", is_flag=True, help="Those in which a person was asked for."),
    click.option("--first", default="", metavar="DATE", help="Spoken in on this day (UTC) or later."),
    click.option("--last", default="", metavar="DATE", help="Begun on this day (UTC) or earlier."),
)


def filtered(command: Callable[..., Any]) -> Callable[..., Any]:
    """Which conversations are meant, on every command that goes through them."""
    for option in reversed(FILTERS):
        command = option(command)
    return command


@click.group(cls=Group)
def conversations() -> None:
    """What customers and strategies said."""


@conversations.command("list")
@click.argument("text", default="")
@filtered
@click.option("-n", "count", default=50, show_default=True, type=click.IntRange(1), help="How many.")
@here
def list_them(installation: Installation, /, text: str, count: int, **filters: Any) -> None:
    """The conversations spoken in last; every word of TEXT was said in them."""
    with installation.open() as kotae:
        found = kotae.archive.page(wanted(text, filters), count)
    rows = [
        (
            one.id,
            f"{one.updated_at:%Y-%m-%d %H:%M}",
            one.language,
            one.count,
            ", ".join(one.strategies),
            shortened(one.opening),
        )
        for one in found
    ]
    heads = ("id", "last word", "language", "messages", "strategies", "first question")
    installation.show(
        [{**asdict(one), "messages": one.count} for one in found],
        table(rows, heads) if rows else "No conversation matches.",
    )


@conversations.command()
@click.argument("to", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), default="-")
@click.option("--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True)
@click.option("--text", default="", help="Every word of it was said in them.")
@filtered
@here
def export(installation: Installation, /, to: Path, form: Form, text: str, **filters: Any) -> None:
    """Write every answer with its question, passages, rating and correction to the file TO, or to standard
    output.
    """
    lines = 0
    with installation.open() as kotae:
        exported = kotae.archive.exported(wanted(text, filters), form)
        if str(to) == "-":
            for line in exported:
                sys.stdout.write(line)
            return
        with to.open("w", encoding="utf-8", newline="") as file:
            for line in exported:
                file.write(line)
                lines += 1
    lines -= form == "csv"
    installation.show({"file": str(to), "answers": lines}, f"{to} holds {counted(lines, 'answer')}.")


@conversations.command()
@click.argument("conversation_id", metavar="ID")
@click.option("--alone", is_flag=True, help="This conversation, without the customer's others.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@here
def erase(installation: Installation, conversation_id: str, alone: bool, yes: bool) -> None:
    """Forget a customer: the conversation ID, their others where their site signed who they are, the
    candidates, pairs and questions of question sets that came of them, also in trainings. Adapters that were
    taught one are marked. It cannot be undone.
    """
    with installation.open() as kotae:
        ids = kotae.erasure.of_the_same_customer(conversation_id)
        ids = [conversation_id] if alone else ids
        if not yes:
            click.confirm(f"Forget {counted(len(ids), 'conversation')} for good?", abort=True, err=True)
        erased = kotae.erasure.erase(ids, by=somebody())
    told = (
        f"Forgotten: {counted(len(erased.conversations), 'conversation')} with "
        f"{counted(erased.messages, 'message')}, {counted(erased.candidates, 'candidate')}, "
        f"{counted(erased.pairs, 'pair')}, {counted(erased.questions, 'question')} of question sets."
    )
    if erased.adapters:
        told += f"\nTo be trained anew, and removed: {', '.join(erased.adapters)}"
    installation.show(asdict(erased), told)


@click.group(cls=Group)
def retention() -> None:
    """How long words are kept."""


@retention.command()
@click.option("--dry-run", is_flag=True, help="Say what would be taken, and take nothing.")
@here
def run(installation: Installation, dry_run: bool) -> None:
    """Take the words that are older than `retention.days`; the server does so by itself, twice a day."""
    with installation.open() as kotae:
        days = kotae.retention.days
        if dry_run:
            told = kotae.retention.expired()
        else:
            with meter(1, "") as progress:

                def moved(step: str, share: float) -> None:
                    progress.n = share
                    progress.set_description(step)

                told = kotae.retention.run(somebody(), moved)
    did = "would be taken" if dry_run else "were taken"
    of = f"{counted(told.messages, 'message')} in {counted(told.conversations, 'conversation')}"
    text = (
        f"The words of {of} {did}: older than {counted(days, 'day')}."
        if told.before
        else "Words are kept for good: retention.days is 0."
    )
    installation.show({**asdict(told), "days": days, "dry_run": dry_run}, text)


def wanted(text: str, filters: dict[str, Any]) -> Wanted:
    """The filter; a day that is none is refused."""
    from datetime import date

    from bot.conversations.archive import Wanted

    for name in ("first", "last"):
        if filters[name]:
            try:
                date.fromisoformat(filters[name])
            except ValueError:
                raise click.BadParameter(
                    f"{filters[name]!r} is no day such as 2026-03-01", param_hint=f"--{name}"
                ) from None
    return Wanted.of({"text": text, **filters})


def shortened(text: str, most: int = 60) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
