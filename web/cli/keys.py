"""`kotae keys`: what programs may do over HTTP."""

from __future__ import annotations

from dataclasses import asdict

import click

from web.cli.shell import Group, Installation, here, somebody, table


@click.group(cls=Group)
def keys() -> None:
    """Keys of programs that use the HTTP API."""


@keys.command()
@click.argument("name")
@click.option("--scope", "scopes", multiple=True, required=True, help="What it may; several are allowed.")
@click.option("--days", type=click.IntRange(1), help="How long it holds; without: until it is revoked.")
@click.option("--per-minute", default=60, show_default=True, type=click.IntRange(1), help="Its requests.")
@here
def add(
    installation: Installation, name: str, scopes: tuple[str, ...], days: int | None, per_minute: int
) -> None:
    """Make a key; its secret is printed once.

    Scopes: ask, search, documents:read, documents:write, pairs:read, pairs:write.
    """
    with installation.open() as kotae:
        key, secret = kotae.keys.make(name, scopes, by=somebody(), days=days, per_minute=per_minute)
    installation.show({**asdict(key), "secret": secret}, f"{key.name}: {secret}   (shown this once)")


@keys.command("list")
@here
def list_keys(installation: Installation) -> None:
    """The keys, without their secrets."""
    with installation.open() as kotae:
        found = kotae.keys.list()
    rows = [
        (
            key.id[:8],
            key.name,
            " ".join(key.scopes),
            key.per_minute,
            "revoked" if key.revoked_at else f"{key.expires_at:%Y-%m-%d}" if key.expires_at else "–",
            f"{key.used_at:%Y-%m-%d %H:%M}" if key.used_at else "never",
            key.by,
        )
        for key in found
    ]
    heads = ("id", "name", "scopes", "a minute", "until", "last used", "made by")
    installation.show(
        [asdict(key) for key in found],
        table(rows, heads) if rows else "No key yet. Make one: kotae keys add NAME --scope ask",
    )


@keys.command()
@click.argument("key", metavar="ID")
@here
def revoke(installation: Installation, key: str) -> None:
    """Let a key open nothing any longer; ID may be its beginning."""
    with installation.open() as kotae:
        known = [one.id for one in kotae.keys.list() if one.id.startswith(key)]
        revoked = kotae.keys.revoke(known[0] if len(known) == 1 else key, by=somebody())
    installation.show(asdict(revoked), f"{revoked.name} opens nothing any longer.")
