"""`kotae strategy`: which strategy answers."""

from __future__ import annotations

from dataclasses import asdict

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
    rows = [(f"{c.at:%Y-%m-%d %H:%M}", c.name, c.previous, c.by, c.note) for c in changes]
    text = table(rows, ("when", "strategy", "before", "by", "note")) if rows else "Nobody has switched yet."
    installation.show([asdict(change) for change in changes], text)


@strategy.command()
@here
def back(installation: Installation) -> None:
    """Return to the strategy before the last change."""
    with installation.open() as kotae:
        change = kotae.switch.back(by=somebody())
    installation.show(asdict(change), f"{change.name} answers again (before: {change.previous}).")
