"""`kotae adapters`: what was trained, and which of it speaks."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from web.cli.shell import Group, Installation, here, somebody, table

if TYPE_CHECKING:
    from bot.teaching.trial import Heard
    from strategies.lora.shelf import Adapter, Proof

FIGURES = {"held_out_loss": "held-out loss", "held_out_exact": "word for word", "seconds": "seconds"}
VOICES = {"base": "base", "adapter": "adapter", "nearest": "nearest taught question", "quotes": "quotes"}


@click.group(cls=Group)
def adapters() -> None:
    """What was trained, and which of it speaks for the product model."""


@adapters.command("list")
@here
def list_adapters(installation: Installation) -> None:
    """All adapters side by side; the one with an arrow speaks."""
    with installation.open() as kotae:
        found, current = kotae.shelf.all(), kotae.shelf.current()
    speaks = current.hash if current else ""
    rows = [
        (
            "→" if one.hash == speaks else "",
            one.hash[:8],
            one.name,
            one.base,
            *(figure(one.figures.get(name)) for name in FIGURES),
            f"{one.made_at:%Y-%m-%d %H:%M}",
            "stale" if one.stale else "",
        )
        for one in found
    ]
    heads = ("", "id", "name", "base", *FIGURES.values(), "made", "")
    text = table(rows, heads) if rows else "The shelf is empty. Train: kotae train --pairs FILE --name NAME"
    installation.show([{**row(one), "speaks": one.hash == speaks} for one in found], text)


@adapters.command()
@click.argument("adapter")
@here
def show(installation: Installation, adapter: str) -> None:
    """One adapter: what it was made from, its figures, what it said on the way."""
    from strategies.lora.shelf.card import SAMPLES
    from strategies.lora.training.work import read_lines

    with installation.open() as kotae:
        found = kotae.shelf.get(adapter)
        samples = list(read_lines(found.path / SAMPLES))
        outdated = kotae.outdated.of(found)
    told = {**row(found), "outdated": [asdict(one) for one in outdated], "samples": samples}
    facts = "\n".join(f"{name}: {value}" for name, value in row(found).items() if value not in ("", {}))
    said = "\n".join(
        f"  step {line['step']:>5}  {line['question']}\n              {line['answer']}" for line in samples
    )
    gone = "\n".join(f"  {one.question}\n      {one.sentence} ({one.source})" for one in outdated)
    if gone:
        gone = f"In no document any more, so it keeps silent; correct the pairs and train again:\n{gone}"
    installation.show(told, "\n\n".join(filter(None, (facts, gone, said))))


@adapters.command("try")
@click.argument("question")
@click.option("--adapter", default="", help="Another adapter than the one that speaks.")
@here
def try_question(installation: Installation, question: str, adapter: str) -> None:
    """Ask everybody at once: the base, an adapter, the nearest taught question, and quotes."""
    from bot.teaching.trial import ask_everybody
    from knowledge_base.errors import InUse

    if not question.strip():
        raise click.UsageError("give a question")
    with installation.open() as kotae:
        kotae.library.embedder.warm_up()
        with suppress(InUse):  # a server has the index: all but the quotes answer
            kotae.library.warm_up()
        heard = ask_everybody(kotae, question, adapter)
    text = "\n\n".join(f"{VOICES[one.who]}  ({one.ms:.0f} ms)\n{indented(one)}" for one in heard)
    installation.show([asdict(one) for one in heard], text)


def indented(one: Heard) -> str:
    said = one.text or one.fault or f"(no answer: {one.why})"
    lines = [*said.splitlines(), *([f"— {one.about}"] if one.about else [])]
    return "\n".join(f"  {line}" for line in lines)


@adapters.command()
@click.argument("adapter")
@here
def promote(installation: Installation, adapter: str) -> None:
    """Let an adapter speak, once it is proven: that it changes the base's answers, and that what is served is
    what was trained.
    """
    with installation.open() as kotae:
        chosen = kotae.shelf.get(adapter)
        proofs = []

        def prove(candidate: Adapter) -> Proof:
            proofs.append(kotae.shelf.proof(candidate))
            return proofs[-1]

        change = kotae.shelf.promote(chosen.hash, somebody(), prove)
    figures = dict(proofs[0].figures)
    proven = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
    result = {**change.model_dump(), "name": chosen.name, "proof": figures}
    installation.show(result, f"{chosen.called} is proven ({proven}) and speaks now.")


@adapters.command()
@here
def back(installation: Installation) -> None:
    """Return to the adapter that spoke before."""
    with installation.open() as kotae:
        change = kotae.shelf.back(somebody())
        names = {one.hash: one.name for one in kotae.shelf.all()}
    before = names.get(change.previous, change.previous[:8]) or "none"
    speaks = f"{names[change.hash]} speaks again" if change.hash else "No adapter speaks now"
    installation.show(change.model_dump(), f"{speaks} (before: {before}).")


@adapters.command("import")
@click.argument("path", type=click.Path(exists=True, path_type=Path))
@click.option("--base", help="The base it must fit; else the one that the configured strategies speak with.")
@here
def import_adapter(installation: Installation, path: Path, base: str | None) -> None:
    """Take an adapter from a zip file or a folder, after it was looked through; nothing in it is run."""
    with installation.open() as kotae:
        taken = kotae.shelf.import_(path, base=kotae.shelf.base if base is None else base, by=somebody())
    installation.show(row(taken), f"{taken.called} stands on the shelf.")


@adapters.command()
@click.argument("adapter")
@click.argument("to", type=click.Path(path_type=Path), default=".")
@here
def export(installation: Installation, adapter: str, to: Path) -> None:
    """Write an adapter as a zip file, to TO or into that folder."""
    with installation.open() as kotae:
        found = kotae.shelf.get(adapter)
        file = kotae.shelf.export(found.hash, to)
    installation.show({"hash": found.hash, "file": str(file)}, f"{found.called} is in {file}.")


@adapters.command()
@click.argument("adapter")
@here
def remove(installation: Installation, adapter: str) -> None:
    """Take an adapter off the shelf; one that speaks stays."""
    with installation.open() as kotae:
        gone = kotae.shelf.remove(adapter, by=somebody())
    installation.show({"removed": gone.hash, "name": gone.name}, f"{gone.called} is gone from the shelf.")


def row(adapter: Adapter) -> dict[str, Any]:
    """An adapter as an object."""
    return adapter.model_dump(mode="json")


def figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
