"""`kotae db`: the database."""

from __future__ import annotations

import click

from web.cli.shell import Group, Installation, here


@click.group(cls=Group)
def db() -> None:
    """The database."""


@db.command()
@here
def upgrade(installation: Installation) -> None:
    """Bring the database to this version of Kotae (every other command does so too)."""
    with installation.open() as kotae:
        where = kotae.engine.url.render_as_string(hide_password=True)
        installation.show({"database": where}, f"{where} is up to date.")
