"""`kotae users`: who may sign in to the console."""

from __future__ import annotations

import secrets
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, cast

import click

from web.cli.shell import Group, Installation, Sentence, here, somebody, table

if TYPE_CHECKING:
    from bot.access.users import User, UserRole


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
    chosen = _chosen(password_stdin)
    with installation.open() as kotae:
        user = kotae.users.add(email, chosen, cast("UserRole", role), by=somebody())
    _told(installation, user, f"{user.email} may sign in as {user.role}.", chosen, password_stdin)


@users.command()
@click.argument("email")
@click.option(
    "--password-stdin", is_flag=True, help="Read the password from standard input instead of making one up."
)
@here
def password(installation: Installation, email: str, password_stdin: bool) -> None:
    """Give somebody another password, printed once; wherever they are signed in, that ends."""
    chosen = _chosen(password_stdin)
    with installation.open() as kotae:
        user = kotae.users.change_password(email, chosen, by=somebody())
    _told(installation, user, f"{user.email} signs in with another password now.", chosen, password_stdin)


@users.command()
@click.argument("email")
@click.option("--yes", is_flag=True, help="Do not ask.")
@here
def remove(installation: Installation, email: str, yes: bool) -> None:
    """Let somebody sign in no more; what they did stays, in their name."""
    if not yes and not click.confirm(f"Let {email} sign in no more?", err=True):
        raise Sentence("nobody was removed")
    with installation.open() as kotae:
        user = kotae.users.remove(email, by=somebody())
    installation.show(asdict(user), f"{user.email} may not sign in any more.")


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


def _chosen(given: bool) -> str:
    return sys.stdin.readline().rstrip("\r\n") if given else secrets.token_urlsafe(12)


def _told(installation: Installation, user: User, sentence: str, password: str, given: bool) -> None:
    """A password that was made up is printed this once."""
    made = {} if given else {"password": password}
    installation.show({**asdict(user), **made}, sentence + ("" if given else f" Password: {password}"))
