"""`kotae questions`: the sets of questions by which strategies are compared."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from web.cli.pairs import shortened
from web.cli.progress import bar
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
    from bot.evaluation.drafts import Draft
    from bot.evaluation.files import Format
    from bot.evaluation.repeats import Repeats
    from bot.evaluation.values import AskedQuestion
    from bot.kotae import Kotae

FORMATS = ("jsonl", "csv")
FILE = click.Path(dir_okay=False, exists=True, path_type=Path)
NONE_YET = "No question sets yet. Import one: kotae questions import FILE"


@click.group(cls=Group)
def questions() -> None:
    """The sets of questions by which strategies are compared."""


@questions.command("import")
@click.argument("file", type=FILE)
@click.option("--name", help="The set; it is made if there is none. [default: the file's name]")
@click.option(
    "--held-out", is_flag=True, help="What names no part is held out: nothing may ever learn from it."
)
@here
def import_file(installation: Installation, file: Path, name: str | None, held_out: bool) -> None:
    """Bring the questions of a file into a set.

    JSON lines or CSV, each with a question, and with what a right answer holds: facts, wrong, sources,
    reference, answerable, tags, language, history, part. A question with a known id replaces the one that is
    there, as a new version of the set; all others stay.
    """
    with installation.open() as kotae, file.open("rb") as stream:
        told = kotae.question_sets.import_(
            stream, file.name, name or file.stem, by=somebody(), held_out=held_out
        )
    text = (
        f"{told.name}, version {told.version}: "
        f"{told.added} new, {told.changed} changed, {told.same} as they were."
    )
    installation.show(asdict(told), text)


@questions.command("list")
@here
def list_sets(installation: Installation) -> None:
    """All question sets."""
    with installation.open() as kotae:
        found = kotae.question_sets.list()
    rows = [
        (one.name, one.version, one.questions, one.held_out, one.questions - one.answerable, one.runs)
        for one in found
    ]
    heads = ("name", "version", "questions", "held out", "unanswerable", "evaluations")
    installation.show([asdict(one) for one in found], table(rows, heads) if rows else NONE_YET)


@questions.command()
@click.argument("name")
@click.option("--version", type=click.IntRange(0), help="An earlier version.")
@click.option("-n", "count", default=50, show_default=True, type=click.IntRange(1), help="How many.")
@here
def show(installation: Installation, name: str, version: int | None, count: int) -> None:
    """The questions of a set, and how it came to be."""
    with installation.open() as kotae:
        found = kotae.question_sets.get(name, version)
        versions = kotae.question_sets.versions(name)
    rows = [_row(question) for question in found.questions[:count]]
    rest = len(found.questions) - len(rows)
    text = "\n".join(
        [
            f"{found.name}, version {found.version}: {counted(len(found.questions), 'question')}",
            *(f"  {one.number}  {one.at:%Y-%m-%d %H:%M}  {one.by}  {one.note}" for one in versions[:10]),
            "",
            table(rows, ("id", "part", "language", "question", "facts")),
            *([f"… and {rest} more (-n {len(found.questions)})"] if rest else []),
        ]
    )
    installation.show(_as_object(found.questions) | {"version": found.version}, text)


@questions.command()
@click.argument("name")
@click.argument("to", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), default="-")
@click.option("--format", "form", type=click.Choice(FORMATS), default="jsonl", show_default=True)
@click.option("--version", type=click.IntRange(0), help="An earlier version.")
@here
def export(installation: Installation, name: str, to: Path, form: Format, version: int | None) -> None:
    """Write a set to the file TO, or to standard output, as `import` takes it."""
    with installation.open() as kotae:
        kotae.question_sets.get(name, version)  # before a file is made
        if str(to) == "-":
            kotae.question_sets.export(name, sys.stdout.buffer, form, version)
            return
        with to.open("wb") as file:
            count = kotae.question_sets.export(name, file, form, version)
    installation.show({"file": str(to), "questions": count}, f"{to} holds {counted(count, 'question')}.")


@questions.command()
@click.argument("name")
@click.option("-n", "count", default=20, show_default=True, type=click.IntRange(1), help="How many.")
@click.option("--document", "files", metavar="FILE", multiple=True, help="Only from this document.")
@click.option("--unanswered", "days", metavar="DAYS", type=click.IntRange(1), help="From what got no answer.")
@click.option("--no-model", is_flag=True, help="Do not ask the chat model of [helper].")
@here
def draft(
    installation: Installation,
    name: str,
    count: int,
    files: tuple[str, ...],
    days: int | None,
    no_model: bool,
) -> None:
    """Draft questions for a set, from passages all over the documents or from what nobody answered.

    The model of [helper] writes them; without one they are taken from the passages' own words, with a number,
    a code or a cell of a table as what proves a right answer. They are drafts: none is asked before a person
    has accepted it.
    """
    from bot.reports.overview import Days

    with installation.open() as kotae:
        found = kotae.question_sets.get(name)
        job = kotae.drafts.begin(
            name,
            by=somebody(),
            count=count,
            documents=documents_of(kotae, files),
            model=not no_model,
            days=Days.back(days) if days else None,
        )
        waited(kotae, job, "drafted")
        made = kotae.drafts.made(job)
        waiting = kotae.drafts.list(found.id, limit=1).total
    head = f"Drafted: {len(made)}. Waiting for a person: {waiting}. kotae questions drafts {name}"
    installation.show([draft_object(one) for one in made], "\n".join([*draft_lines(made), head]))


@questions.command()
@click.argument("name")
@click.option("-n", "count", default=50, show_default=True, type=click.IntRange(1), help="How many.")
@here
def drafts(installation: Installation, name: str, count: int) -> None:
    """The drafts of a set that wait for a person."""
    with installation.open() as kotae:
        found = kotae.question_sets.get(name)
        page = kotae.drafts.list(found.id, limit=count)
    rest = page.total - len(page.drafts)
    lines = [*draft_lines(page.drafts), *([f"… and {rest} more (-n {page.total})"] if rest else [])]
    none = f"Nothing waits. Have some drafted: kotae questions draft {name}"
    installation.show([draft_object(one) for one in page.drafts], "\n".join(lines) or none)


@questions.command()
@click.argument("ids", nargs=-1, required=True)
@click.option("--held-out", is_flag=True, help="Nothing may ever learn from them.")
@here
def accept(installation: Installation, ids: tuple[str, ...], held_out: bool) -> None:
    """Put drafts into their set as they are, by their ids; mend them in the console."""
    with installation.open() as kotae:
        entry = {"part": "held-out"} if held_out else {}
        kept = [kotae.drafts.accept(whole_draft(kotae, each), by=somebody(), entry=entry) for each in ids]
    installation.show(_as_object(tuple(kept)), f"Put into their set: {counted(len(kept), 'question')}.")


@questions.command()
@click.argument("ids", nargs=-1, required=True)
@here
def drop(installation: Installation, ids: tuple[str, ...]) -> None:
    """Let drafts go, by their ids; they are not drafted again."""
    with installation.open() as kotae:
        gone = [kotae.drafts.drop(whole_draft(kotae, each), by=somebody()) for each in ids]
    installation.show([draft_object(one) for one in gone], f"Dropped: {counted(len(gone), 'draft')}.")


@questions.command()
@click.argument("name")
@click.option("--strategy", "cache", help="Which cache, where several are configured.")
@click.option("--alike", type=click.FloatRange(0, 1), help="Try another likeness than is configured.")
@here
def repeats(installation: Installation, name: str, cache: str | None, alike: float | None) -> None:
    """Ask a set of the answer cache, one question after another: how often it answers again, and wrongly.

    What comes of it is kept, and the page of the cache's options shows it; with another likeness, or where
    no cache is configured, it is only told. Nothing is switched, and no strategy is asked: what a right
    answer holds is known. The exit code is 1 where too many were answered wrongly for the cache to be used.
    """
    from bot.evaluation.repeats import measure

    def walk(questions: Sequence[AskedQuestion]) -> Iterator[AskedQuestion]:
        return iter(bar(questions, "questions"))

    with installation.open() as kotae:
        mine = None if alike is not None else the_cache(kotae.rehearsals.names(), cache)
        if mine:
            found = kotae.rehearsals.rehearse(mine, name, by=somebody(), walk=walk)
        else:
            asked = kotae.question_sets.get(name).questions
            found = measure(asked, kotae.library.embedder, alike=alike, walk=walk)
    told = asdict(found) | {"false": asdict(found.false), "passes": found.passes, "kept": mine}
    installation.show(told, "\n".join([*repeated(found), *([f"It is kept for {mine}."] if mine else [])]))
    if not found.passes:
        raise click.exceptions.Exit(FAILED)


@questions.command()
@click.argument("name")
@click.option("--yes", is_flag=True, help="Do not ask.")
@here
def remove(installation: Installation, name: str, yes: bool) -> None:
    """Delete a set with all of its versions, evaluations and answers."""
    with installation.open() as kotae:
        found = kotae.question_sets.get(name)
        asked = len(kotae.evaluations.runs(1000, name))
        lost = f"{counted(len(found.questions), 'question')}, {counted(asked, 'evaluation')}"
        if not yes and not click.confirm(f"Delete {found.name!r}: {lost}?", err=True):
            raise Sentence("nothing was deleted")
        kotae.question_sets.remove(name, by=somebody())
    installation.show(
        {"removed": found.name, "questions": len(found.questions), "evaluations": asked},
        f"{found.name} is deleted.",
    )


def the_cache(configured: Sequence[str], named: str | None) -> str | None:
    """The one that is meant; none where none is configured."""
    if named or len(configured) == 1:
        return named or configured[0]
    if configured:
        raise Sentence(f"there are several caches; name one with --strategy: {', '.join(configured)}")
    return None


def repeated(found: Repeats) -> Iterator[str]:
    from bot.evaluation.repeats import PASSES

    if not found.asked:
        yield "No question of it stands alone and tells what a right answer holds."
        return
    wrong = f"{len(found.wrong)} of them with the answer to another question"
    shares = f"{100 * found.false.value:.1f} % (at most {100 * found.false.high:.1f} %)"
    yield f"Of {counted(found.asked, 'question')} the cache answered {found.again}, {wrong}: {shares}."
    yield from (f"  {question!r} as {before!r}" for question, before in found.wrong)
    verdict = "The cache may be used" if found.passes else "The cache should not be used"
    yield f"{verdict}: at most {100 * PASSES:g} % are allowed."


def documents_of(kotae: Kotae, files: tuple[str, ...]) -> list[str]:
    """The ids of documents, by the names of their files."""
    known = {document.source: document.id for document in kotae.library.documents()}
    if unknown := [file for file in files if file not in known]:
        raise Sentence(f"there is no document {unknown[0]!r}; see kotae documents list")
    return [known[file] for file in files]


def whole_draft(kotae: Kotae, begin: str) -> str:
    """A draft's id by its first letters."""
    return the_one(kotae.drafts.ids(begin), begin, "draft")


def draft_lines(drafts: Sequence[Draft]) -> list[str]:
    from bot.evaluation.files import in_words

    rows = [
        (
            one.id[:8],
            shortened(one.question.text, 70),
            shortened(in_words(one.question.facts), 30),
            shortened(one.source.title, 30) or "(a customer)",
            one.made_by,
        )
        for one in drafts
    ]
    return [table(rows, ("id", "question", "facts", "from", "by"))] if rows else []


def draft_object(one: Draft) -> dict[str, Any]:
    from bot.evaluation.files import as_entry

    told = {"draft": one.id, "state": one.state, "origin": one.origin, "made_by": one.made_by}
    return told | {"question": as_entry(one.question), "passage": asdict(one.source)}


def _row(question: AskedQuestion) -> tuple[str, str, str, str, str]:
    from bot.evaluation.files import in_words

    holds = in_words(question.facts) if question.answerable else "(no answer)"
    return (
        question.id,
        question.part,
        question.language,
        shortened(question.text, 60),
        shortened(holds, 40),
    )


def _as_object(found: tuple[AskedQuestion, ...]) -> dict[str, Any]:
    from bot.evaluation.files import as_entry

    return {"questions": [as_entry(question) for question in found]}
