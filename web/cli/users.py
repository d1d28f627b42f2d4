"""`kotae users`: who may sign in to the console."""

from __future__ import annotations

import secrets
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, cast

import click

from web.cli.shell import Group, Installation, here, somebody, table

if TYPE_CHECKING:
    from bot.access.users import UserRole


@click.group(cls=Group)
def users() -> None:
    """The people of the console."""


@users.command()
@click.argument("email")
@click.option(
    "--role",
    type=click.Choice(["operator", "admin"]),
    default="operator",
    show_default=True,
    help="An operator chooses strategies and reads conversations; an admin also manages documents.",
)
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of making one up."
)
@here
def add(installation: Installation, email: str, role: str, password_stdin: bool) -> None:
    """Let somebody sign in; a password is made up and printed once."""
    password = sys.stdin.readline().rstrip("\r\n") if password_stdin else secrets.token_urlsafe(12)
    with installation.open() as kotae:
        user = kotae.users.add(email, password, cast("UserRole", role), by=somebody())
    made = {} if password_stdin else {"password": password}
    text = f"{user.email} may sign in as {user.role}." + ("" if password_stdin else f" Password: {password}")
    installation.show({**asdict(user), **made}, text)


@users.command("list")
@here
def list_users(installation: Installation) -> None:
    """Who may sign in."""
    with installation.open() as kotae:
        people = kotae.users.list()
    rows = [(user.email, user.role, f"{user.created_at:%Y-%m-%d}") for user in people]
    text = (
        table(rows, ("email", "role", "since")) if rows else "Nobody yet. Add somebody: kotae users add EMAIL"
    )
    installation.show([asdict(user) for user in people], text)
