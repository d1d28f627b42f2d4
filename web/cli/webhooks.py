"""`kotae webhooks`: whom the desk's software is told by, and whether it answers."""

from __future__ import annotations

from dataclasses import asdict

import click

from web.cli.shell import FAILED, Group, Installation, here, somebody, table


@click.group(cls=Group)
def webhooks() -> None:
    """Receivers of signed events, as `[webhooks.NAME]` configures them."""


@webhooks.command("list")
@here
def list_webhooks(installation: Installation) -> None:
    """The receivers and the events they want."""
    found = installation.settings().webhooks
    rows = [(name, webhook.url, " ".join(webhook.events) or "all") for name, webhook in found.items()]
    installation.show(
        [{"name": name, "url": one.url, "events": one.events} for name, one in found.items()],
        table(rows, ("name", "url", "events")) if rows else "No webhook is configured: [webhooks.NAME]",
    )


@webhooks.command()
@click.argument("name")
@here
def test(installation: Installation, name: str) -> None:
    """Send a signed ping, and show what the receiver answers. The exit code is 1 when it is not a 2xx."""
    with installation.open() as kotae:
        answered = kotae.deliveries.ping(name)
        kotae.audit.note(somebody(), "ping webhook", name)
    installation.show(asdict(answered), f"{answered.said} ({answered.ms:.0f} ms)")
    if not answered.ok:
        raise click.exceptions.Exit(FAILED)
