"""`kotae strategy`: which strategy answers, with which options, and who else does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import click

from web.cli.shell import Group, Installation, here, somebody, table


@click.group(cls=Group)
def strategy() -> None:
    """Which strategy answers customers."""


@strategy.command()
@here
def show(installation: Installation) -> None:
    """The strategy that answers now, and those to choose from."""
    with installation.open() as kotae:
        now, names = kotae.switch.name(), list(kotae.strategies.names())
    text = "\n".join(f"{'→' if name == now else ' '} {name}" for name in names)
    installation.show({"strategy": now, "strategies": names}, text)


@strategy.command()
@click.argument("name")
@here
def use(installation: Installation, name: str) -> None:
    """Let the strategy NAME answer from the next message on, after it has warmed up."""
    with installation.open() as kotae:
        change = kotae.switch.use(name, by=somebody())
    installation.show(asdict(change), f"{change.name} answers now (before: {change.previous}).")


@strategy.command()
@click.option("-n", "count", default=20, show_default=True, help="How many changes.")
@here
def history(installation: Installation, count: int) -> None:
    """Who switched to what, and when."""
    with installation.open() as kotae:
        changes = kotae.switch.history(count)
    rows = [(c.id, f"{c.at:%Y-%m-%d %H:%M}", c.name, c.previous, c.by, c.note) for c in changes]
    text = (
        table(rows, ("change", "when", "strategy", "before", "by", "note"))
        if rows
        else "Nobody has switched yet."
    )
    installation.show([asdict(change) for change in changes], text)


@strategy.command("set")
@click.argument("name")
@click.argument("options", nargs=-1, metavar="OPTION=VALUE…")
@click.option("--note", default="", help="Why, for colleagues.")
@here
def set_options(installation: Installation, name: str, options: tuple[str, ...], note: str) -> None:
    """Change options of the strategy NAME live, over those of the file; OPTION= alone is the file's again.

    Values are JSON, or text. Without any, all that was changed is the file's again.
    """
    with installation.open() as kotae:
        changed = dict(kotae.switch.chosen().overrides.get(name, {})) if options else {}
        for given in options:
            option, equals, value = given.partition("=")
            if not equals:
                raise click.BadParameter(f"{given!r} is no OPTION=VALUE")
            changed.pop(option, None)
            if value:
                changed[option] = read(value)
        change = kotae.switch.set_options(name, changed, by=somebody(), note=note)
    told = ", ".join(f"{option} = {value!r}" for option, value in changed.items()) or "as in the file"
    installation.show(asdict(change), f"{name}: {told}")


@strategy.command()
@click.argument("shares", nargs=-1, metavar="NAME=PERCENT…")
@here
def share(installation: Installation, shares: tuple[str, ...]) -> None:
    """Let others answer so many per cent of the conversations; without any, nobody else does."""
    with installation.open() as kotae:
        change = kotae.switch.share(percents(shares), by=somebody())
    installation.show(asdict(change), shared(change.name, change.shares))


@strategy.command()
@click.argument("shadows", nargs=-1, metavar="NAME=PERCENT…")
@here
def shadow(installation: Installation, shadows: tuple[str, ...]) -> None:
    """Let others answer so many per cent of the questions as well, recorded and not shown."""
    with installation.open() as kotae:
        change = kotae.switch.shadow(percents(shadows), by=somebody())
    told = ", ".join(f"{name} {n} %" for name, n in change.shadows.items()) or "nobody"
    installation.show(asdict(change), f"In the shadow: {told}.")


@strategy.command()
@click.argument("change_id", metavar="CHANGE", type=int)
@here
def restore(installation: Installation, change_id: int) -> None:
    """Let hold again what held since CHANGE of the history; 0 is the file alone."""
    with installation.open() as kotae:
        change = kotae.switch.restore(change_id, by=somebody())
    installation.show(asdict(change), shared(change.name, change.shares))


def percents(given: tuple[str, ...]) -> dict[str, int]:
    found = {}
    for one in given:
        name, _, percent = one.rpartition("=")
        if not name or not percent.isdigit():
            raise click.BadParameter(f"{one!r} is no NAME=PERCENT")
        found[name] = int(percent)
    return found


def shared(name: str, shares: Mapping[str, int]) -> str:
    rest = 100 - sum(shares.values())
    return ", ".join([f"{name} {rest} %", *(f"{other} {n} %" for other, n in shares.items())])


def read(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value


@strategy.command()
@here
def back(installation: Installation) -> None:
    """Return to what held before the last change."""
    with installation.open() as kotae:
        change = kotae.switch.back(by=somebody())
    installation.show(asdict(change), f"{change.name} answers again (before: {change.previous}).")
