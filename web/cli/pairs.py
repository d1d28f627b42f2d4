"""`kotae pairs`: the desk's questions and answers that the product model is trained on."""

from __future__ import annotations

import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from web.cli.progress import meter
from web.cli.shell import (
    FAILED,
    Group,
    Installation,
    Sentence,
    counted,
    here,
    somebody,
    table,
    the_one,
)
from web.cli.waiting import waited

if TYPE_CHECKING:
    from bot.kotae import Kotae
    from bot.teaching.pairs import Preview
    from bot.teaching.wordings import Suggestion
    from strategies.lora.pairs import Format

FORMATS = ("openai", "alpaca", "sharegpt", "plain", "csv")
TOLD = 10  # findings of a kind that are told; --json tells all
FILE = click.Path(dir_okay=False, exists=True, path_type=Path)
NONE_YET = "No pairs yet. Import some: kotae pairs import FILE"
keeping = click.option(
    "--keep",
    metavar="ADDRESS",
    multiple=True,
    help="An address or number that is the desk's own and stays in the answers; may be given again.",
)
MARKS = {"error": "✗", "warning": "!", "note": "·"}


@click.group(cls=Group)
def pairs() -> None:
    """The desk's questions and answers that the product model is trained on."""


@pairs.command()
@click.argument("file", type=FILE)
@keeping
@here
def check(installation: Installation, file: Path, keep: tuple[str, ...]) -> None:
    """Say what is wrong with a file of pairs, before a minute is spent on training.

    JSON lines (OpenAI chat, Alpaca, ShareGPT, or question and answer) or CSV. Nothing is kept. The exit code
    is 1 when something has to be mended.
    """
    with installation.open() as kotae:
        preview = looked_at(kotae, file, keep)
    installation.show(as_object(preview), as_text(preview))
    if not is_sound(preview):
        raise click.exceptions.Exit(FAILED)


@pairs.command("import")
@click.argument("file", type=FILE)
@click.option("--despite-faults", is_flag=True, help="Keep the others where some lines cannot be taken.")
@keeping
@here
def import_file(installation: Installation, file: Path, despite_faults: bool, keep: tuple[str, ...]) -> None:
    """Keep the pairs of a file, with personal data taken out; what the check finds is told.

    The same pair twice is one. A part is held out, by which the adapters are judged.
    """
    with installation.open() as kotae:
        preview = looked_at(kotae, file, keep)
        if preview.reading.faults and not despite_faults:
            faults = "\n".join(findings(preview))
            raise Sentence(f"nothing was kept; mend these lines, or say --despite-faults:\n{faults}")
        kept = kotae.pairs.keep(preview, by=somebody(), despite_faults=despite_faults)
    done = f"New pairs: {kept.added}. Here already: {preview.known}."
    result = {**as_object(preview), "added": kept.added, "changed": kept.changed}
    installation.show(result, f"{as_text(preview)}\n{done}")


@pairs.command("list")
@click.argument("text", default="")
@click.option("--language", default="", help="A code such as en or ja.")
@click.option("--tag", default="", help="Those with this tag.")
@click.option("--split", type=click.Choice(["train", "held-out"]), help="Those of this part.")
@click.option("-n", "count", default=50, show_default=True, type=click.IntRange(1), help="How many.")
@here
def list_pairs(
    installation: Installation, text: str, language: str, tag: str, split: str | None, count: int
) -> None:
    """The pairs that are kept; TEXT is what they say."""
    with installation.open() as kotae:
        page = kotae.pairs.list(text, language=language, tag=tag, split=split or "", limit=count)
    rows = [
        (
            one.id[:8],
            one.pair.language,
            "withdrawn" if one.withdrawn else one.pair.split,
            one.fact[:24],
            shortened(one.pair.question),
            shortened(one.pair.answer),
        )
        for one in page.pairs
    ]
    shown = (
        table(rows, ("id", "language", "part", "fact", "question", "answer"))
        if rows
        else ("No pair matches." if text or language or tag or split else NONE_YET)
    )
    rest = page.total - len(rows)
    more = f"\n… and {rest} more (-n {page.total})" if rest else ""
    told = {"total": page.total, "pairs": [asdict(one) for one in page.pairs]}
    installation.show(told, shown + more)


@pairs.command()
@click.argument("to", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), default="-")
@click.option("--format", "form", type=click.Choice(FORMATS), default="plain", show_default=True)
@here
def export(installation: Installation, to: Path, form: Format) -> None:
    """Write all pairs to the file TO, or to standard output."""
    with installation.open() as kotae:
        if str(to) == "-":
            kotae.pairs.export(sys.stdout.buffer, form)
            return
        with to.open("wb") as file:
            count = kotae.pairs.export(file, form)
    installation.show({"file": str(to), "pairs": count}, f"{to} holds {counted(count, 'pair')}.")


@pairs.command()
@click.option("-n", "count", default=8, show_default=True, type=click.IntRange(1), help="How many of a fact.")
@click.option("--fact", "facts", metavar="NAME", multiple=True, help="Only of this fact; may be given again.")
@here
def suggest(installation: Installation, count: int, facts: tuple[str, ...]) -> None:
    """Have the chat model of [helper] say in other words what the desk was asked.

    It is told the answers and the taught questions, nothing that is held out. What comes of it waits for a
    person, and is taught when it was accepted.
    """
    with installation.open() as kotae:
        job = kotae.wordings.begin(by=somebody(), count=count, facts=facts)
        waited(kotae, job, "suggested")
        made = kotae.wordings.made(job)
        waiting = kotae.wordings.list(limit=1).total
    head = f"Suggested: {len(made)}. Waiting for a person: {waiting}. kotae pairs suggested"
    installation.show(list(map(suggestion_object, made)), "\n".join([*suggestion_lines(made), head]))


@pairs.command()
@click.option("-n", "count", default=50, show_default=True, type=click.IntRange(1), help="How many.")
@here
def suggested(installation: Installation, count: int) -> None:
    """The suggested wordings that wait for a person; `!` marks those that may ask for something else."""
    with installation.open() as kotae:
        page = kotae.wordings.list(limit=count)
    rest = page.total - len(page.suggestions)
    more = [f"… and {rest} more (-n {page.total})"] if rest else []
    lines = "\n".join([*suggestion_lines(page.suggestions), *more])
    none = "Nothing waits. Have some suggested: kotae pairs suggest"
    told = {"total": page.total, "suggested": list(map(suggestion_object, page.suggestions))}
    installation.show(told, lines or none)


@pairs.command()
@click.argument("ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that wait, but for those that are marked.")
@here
def accept(installation: Installation, ids: tuple[str, ...], everything: bool) -> None:
    """Make pairs of suggested wordings, by their ids; mend them in the console."""
    with installation.open() as kotae:
        chosen = whole_suggestions(kotae, ids, everything)
        kept = kotae.wordings.accept(dict.fromkeys(chosen, ""), by=somebody())
    told = {"accepted": len(chosen), "added": len(kept), "pairs": [asdict(one) for one in kept]}
    installation.show(told, f"Kept as pairs that are taught: {counted(len(kept), 'wording')}.")


@pairs.command()
@click.argument("ids", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that wait, the marked ones too.")
@here
def drop(installation: Installation, ids: tuple[str, ...], everything: bool) -> None:
    """Let suggested wordings go, by their ids; they are not suggested again."""
    with installation.open() as kotae:
        gone = kotae.wordings.drop(whole_suggestions(kotae, ids, everything, marked=True), by=somebody())
    installation.show(list(map(suggestion_object, gone)), f"Dropped: {counted(len(gone), 'wording')}.")


def whole_suggestions(
    kotae: Kotae, begins: Collection[str], everything: bool, *, marked: bool = False
) -> list[str]:
    """The ids of those that begin so, or of all that wait."""
    if bool(begins) == everything:
        raise Sentence("name suggestions by their ids (kotae pairs suggested), or say --all")
    if everything:
        waiting = kotae.wordings.list(limit=None).suggestions
        return [one.id for one in waiting if marked or not one.nearer]
    return [the_one(kotae.wordings.ids(begin), begin, "suggestion") for begin in begins]


def suggestion_lines(suggestions: Sequence[Suggestion]) -> list[str]:
    rows = [
        (
            one.id[:8],
            MARKS["warning"] if one.nearer else "",
            shortened(one.question, 70),
            shortened(one.like.pair.question, 40),
            one.made_by,
        )
        for one in suggestions
    ]
    return [table(rows, ("id", "", "suggested", "like", "by"))] if rows else []


def suggestion_object(one: Suggestion) -> dict[str, Any]:
    fact = {"fact": one.like.pair.about, "like": one.like.pair.question, "nearer": one.nearer}
    return {"id": one.id, "question": one.question, **fact, "made_by": one.made_by, "state": one.state}


def looked_at(kotae: Kotae, file: Path, keep: Collection[str] = ()) -> Preview:
    """What the file would bring, and what the check found in it; `keep` is no personal data."""
    with file.open("rb") as stream, meter(1, "") as progress:

        def moved(step: str, share: float) -> None:
            progress.n = share
            progress.set_description(step)

        return kotae.pairs.preview(stream, file.name, keep=keep, progress=moved)


def is_sound(preview: Preview) -> bool:
    return preview.report.sound and not preview.reading.faults


def as_object(preview: Preview) -> dict[str, Any]:
    return {**preview.as_dict(), "sound": is_sound(preview)}


def as_text(preview: Preview) -> str:
    return "\n".join([*findings(preview), *summed_up(preview)])


def findings(preview: Preview) -> Iterator[str]:
    """What is wrong, the worst first, some of each kind."""
    reading, report = preview.reading, preview.report
    yield from (f"{MARKS['error']} {fault}" for fault in reading.faults)
    yield from (f"{MARKS['warning']} {note}" for note in reading.notes)
    for _kind, found in groupby(report.findings, key=lambda one: (one.severity, one.kind)):
        all_of_it = list(found)
        for finding in all_of_it[:TOLD]:
            lines = ", ".join(map(str, finding.lines[:TOLD]))
            where = f"  (line {lines})" if lines else ""
            yield f"{MARKS[finding.severity]} {finding.sentence}{where}"
        if len(all_of_it) > TOLD:
            yield f"  … and {len(all_of_it) - TOLD} more like this (--json tells all)"


def summed_up(preview: Preview) -> Iterator[str]:
    report = preview.report
    languages = ", ".join(f"{code} {count}" for code, count in report.languages.items())
    parts = ", ".join(f"{part} {count}" for part, count in report.parts.items())
    taken = ", ".join(f"{kind} {count}" for kind, count in report.redacted.items())
    pairs, facts = counted(len(report.pairs), "pair"), counted(report.facts, "fact")
    yield f"{pairs} in {preview.name}; with them the desk has {facts}"
    yield f"{languages or 'no language'}; {parts}"
    if taken:
        yield f"taken out: {taken}"


def shortened(text: str, most: int = 48) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
