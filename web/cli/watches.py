"""`kotae documents watch` and its neighbours: pages of your site that are looked at again and again."""

from __future__ import annotations

import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from web.cli.documents import add_address, documents, is_live, look
from web.cli.shell import FAILED, Installation, here, table

if TYPE_CHECKING:
    from knowledge_base.watches import Watch

UNITS = {"m": 60, "h": 3600, "d": 24 * 3600, "w": 7 * 24 * 3600}


class Interval(click.ParamType[int]):
    """A time such as 30m, 6h, 1d or 2w, in seconds."""

    name = "interval"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        found = re.fullmatch(r"(\d+)([mhdw])", value)
        if not found:
            self.fail(f"{value!r} is no interval; 30m, 6h, 1d and 2w are", param, ctx)
        return int(found[1]) * UNITS[found[2]]


@documents.command()
@click.argument("url")
@click.option(
    "--every", type=Interval(), default="1d", show_default=True, help="How often, such as 6h or 1d."
)
@click.option("--below", default="", help="Of a sitemap, only the pages whose address begins with this.")
@here
def watch(installation: Installation, url: str, every: int, below: str) -> None:
    """Fetch a page, or the pages of a sitemap, now and then again while a server runs.

    A page that has not changed costs nothing; one that cannot be had keeps its last version. The exit code is
    1 when a page could not be read.
    """
    with installation.open() as kotae:
        added = add_address(kotae, url, every=every, below=below)
    rows = [(one.state, one.passages, one.name, one.error) for one in added]
    failed = sum(not is_live(one) for one in added)
    installation.show(
        {"pages": [one.row() for one in added], "failed": failed},
        table(rows, ("state", "passages", "page", "")) if rows else "There is no page.",
    )
    if failed or not added:
        raise click.exceptions.Exit(FAILED)


@documents.command()
@here
def watched(installation: Installation) -> None:
    """The addresses that are watched, and how their last look went."""
    with installation.open() as kotae:
        found, counts = kotae.watches.list(), kotae.watches.counts()
    rows = [(one.id, _every(one), one.state, sum(counts.get(one.id, {}).values()), one.url) for one in found]
    heads = ("id", "every", "state", "pages", "address")
    empty = "No address is watched. Watch one: kotae documents watch URL --every 1d"
    installation.show(
        [{**asdict(one), "pages": counts.get(one.id, {})} for one in found],
        table(rows, heads) if rows else empty,
    )


@documents.command()
@click.argument("id")
@here
def refresh(installation: Installation, id: str) -> None:  # noqa: A002  # the argument's name on the command line
    """Look at a watched address now."""
    with installation.open() as kotae:
        look(kotae, id)
        found, pages = kotae.watches.get(id), kotae.watches.pages(id)
    rows = [(page.state, page.url, page.error) for page in pages]
    text = table(rows, ("state", "page", "")) if rows else found.error
    installation.show({**asdict(found), "pages": [asdict(page) for page in pages]}, text)
    if found.state == "failed":
        raise click.exceptions.Exit(FAILED)


@documents.command()
@click.argument("id")
@here
def unwatch(installation: Installation, id: str) -> None:  # noqa: A002  # as above
    """Look at an address no longer; its documents stay."""
    with installation.open() as kotae:
        url = kotae.watches.get(id).url
        kotae.watches.remove(id)
    installation.show({"unwatched": id, "url": url}, f"{url} is looked at no longer; its documents stay.")


def _every(watch: Watch) -> str:
    for unit, seconds in reversed(UNITS.items()):
        if watch.every and watch.every % seconds == 0:
            return f"{watch.every // seconds}{unit}"
    return "when asked"
