"""`kotae train`: an adapter from pairs. It waits, and shows how far it is."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Collection, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from web.cli.documents import LOOK_AGAIN_SECONDS, own
from web.cli.pairs import findings, is_sound, keeping, looked_at
from web.cli.progress import course
from web.cli.shell import Command, Installation, Sentence, here, somebody

if TYPE_CHECKING:
    from bot.kotae import Kotae
    from bot.teaching.training import Run
    from strategies.lora.pairs import Pair
    from strategies.lora.training.recipe import Recipe

OPTIONS = {"integer": click.INT, "number": click.FLOAT, "boolean": click.BOOL, "string": click.STRING}


@cache
def recipe_options() -> tuple[click.Option, ...]:
    """An option for each choice of the recipe, with its bounds and its default."""
    from strategies.lora.training.recipe import Recipe

    return tuple(recipe_option(name, told) for name, told in Recipe.model_json_schema()["properties"].items())


def recipe_option(name: str, told: dict[str, Any]) -> click.Option:
    flag = f"--{name.replace('_', '-')}"
    about = told.get("description", "")
    if told["type"] == "boolean":
        default = "yes" if told["default"] else "no"
        return click.Option(
            [f"{flag}/--no-{flag[2:]}", name], default=None, help=f"{about}  [default: {default}]"
        )
    return click.Option(
        [flag, name],
        type=OPTIONS[told["type"]],
        default=None,
        help=f"{about}  [default: {told['default']:g}]",
    )


class WithRecipe(Command):
    """A command that takes the recipe's options, too; they are looked up when they are asked for."""

    def get_params(self, context: click.Context) -> list[click.Parameter]:
        return [*super().get_params(context), *recipe_options()]

    def format_options(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        for head, options in (("Options", super().get_params(context)), ("Recipe", recipe_options())):
            with formatter.section(head):
                formatter.write_dl([told for one in options if (told := one.get_help_record(context))])


@click.command(cls=WithRecipe)
@click.option(
    "--pairs",
    "files",
    multiple=True,
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="A file of pairs to train on, may be given again; else all that were imported.",
)
@click.option("--name", help="What the adapter is known by on the shelf.")
@click.option(
    "--base",
    default="shipped",
    show_default=True,
    help="The base: the shipped one, a folder, a name of the hub, or openai:… to tune it there.",
)
@click.option("--promote", is_flag=True, help="Let the adapter speak as soon as it is proven.")
@click.option(
    "--despite-faults", is_flag=True, help="Train on the file although the check finds errors in it."
)
@keeping
@click.option("--resume", metavar="RUN", help="Go on with a training that was cancelled or failed.")
@here
def train(
    installation: Installation,
    /,
    files: tuple[Path, ...],
    name: str | None,
    base: str,
    promote: bool,
    resume: str | None,
    keep: tuple[str, ...],
    despite_faults: bool,
    **recipe: Any,
) -> None:
    """Train an adapter on pairs, and wait for it.

    Ctrl-C cancels the training and keeps what was reached. While a server runs on the data directory, it does
    the work. A file is checked first, as by: kotae pairs check FILE. What the desk holds out is not learned
    from a file, either.
    """
    if bool(name) == bool(resume):
        raise click.UsageError(
            "give the adapter a name with --name, or go on with a training by --resume RUN"
        )
    chosen = checked({option: value for option, value in recipe.items() if value is not None})
    with installation.open() as kotae:
        training = kotae.training
        if resume:
            job = training.resume(resume, by=somebody())
        else:
            given = [pair for file in files for pair in pairs_of(kotae, file, keep, despite_faults)]
            job = training.start(
                name or "",
                base=base,
                recipe=chosen,
                pairs=given if files else None,
                promote=promote,
                by=somebody(),
            )
        run = waited(kotae, job.id)
        result, text = told_of(kotae, run)
    installation.show(result, text)


def checked(chosen: dict[str, Any]) -> Recipe:
    """The recipe with these choices. What it does not accept is wrong usage."""
    from pydantic import ValidationError

    from strategies.lora.training.recipe import Recipe

    try:
        return Recipe.model_validate(chosen)
    except ValidationError as refused:
        told = "; ".join(
            f"--{fault['loc'][0]} {fault['input']}: {fault['msg']}" for fault in refused.errors()
        )
        raise click.UsageError(told) from refused


def pairs_of(kotae: Kotae, file: Path, keep: Collection[str], despite_faults: bool) -> Sequence[Pair]:
    """The file's pairs as they would be kept: checked, without personal data."""
    preview = looked_at(kotae, file, keep)
    if not (despite_faults or is_sound(preview)):
        wrong = "\n".join(findings(preview))
        raise Sentence(f"nothing was trained; mend these pairs, or say --despite-faults:\n{wrong}")
    return preview.report.pairs


def waited(kotae: Kotae, run_id: str) -> Run:
    """The training when it has ended: done here, or by the server that owns the data directory."""
    worker = threading.Thread(target=kotae.jobs.run, args=(run_id,), name="training")
    if own(kotae):
        worker.start()
    try:
        return watched(kotae, run_id)
    except KeyboardInterrupt:
        kotae.training.cancel(run_id, by=somebody())
        raise Sentence(
            f"cancelled; what was reached is kept, go on with: kotae train --resume {run_id}"
        ) from None
    finally:
        if worker.ident is not None:
            worker.join()


def watched(kotae: Kotae, run_id: str) -> Run:
    """Show how far it is until it has ended."""
    notes = 0
    with course() as bar:
        while True:
            run = kotae.training.run(run_id)
            notes = say_notes(bar, run, notes)
            show_course(bar, run)
            if run.job.state not in ("queued", "running"):
                return run
            time.sleep(LOOK_AGAIN_SECONDS)


def show_course(bar: Any, run: Run) -> None:
    if not run.told:
        return
    last = run.told[-1]
    newest = reversed(run.told)
    held_out = next((told.held_out for told in newest if told.held_out is not None), None)
    words = [
        *([f"loss {last.loss:.3f}"] if last.loss is not None else []),
        *([f"held out {held_out:.3f}"] if held_out is not None else []),
        f"{last.left:.0f} s left",
    ]
    bar.total, bar.n = last.steps, last.step
    bar.set_description_str(run.job.step or "waiting", refresh=False)
    bar.set_postfix_str(", ".join(words))


def say_notes(bar: Any, run: Run, said: int) -> int:
    """What an admin should know, each once, above the bar."""
    notes = [told for told in run.told if told.note]
    for told in notes[said:]:
        bar.write(f"step {told.step}: {told.note}", file=sys.stderr)
    return len(notes)


def told_of(kotae: Kotae, run: Run) -> tuple[dict[str, Any], str]:
    """The end of a training, as an object and in words."""
    if run.job.state == "failed":
        raise Sentence(f"{run.job.error}\nGo on from the last checkpoint: kotae train --resume {run.id}")
    if run.job.state == "cancelled":
        raise Sentence(f"cancelled; what was reached is kept, go on with: kotae train --resume {run.id}")
    adapter = kotae.shelf.get(run.adapter)
    figures = ", ".join(f"{name} {value:.4g}" for name, value in adapter.figures.items())
    speaks = kotae.shelf.current()
    promoted = speaks is not None and speaks.hash == adapter.hash
    next_step = "It speaks now." if promoted else f"Let it speak: kotae adapters promote {adapter.hash[:8]}"
    result = {
        "run": run.id,
        "adapter": adapter.hash,
        "name": adapter.name,
        "figures": dict(adapter.figures),
        "speaks": promoted,
    }
    return result, f"{adapter.called} stands on the shelf: {figures}.\n{next_step}"
