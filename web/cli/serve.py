"""`kotae serve` and `kotae worker`: the processes that stay."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import click

from web.cli.shell import CANNOT_BEGIN, Command, Installation, Sentence, here

if TYPE_CHECKING:
    from bot.settings import Settings


@click.command(cls=Command)
@click.option("--host", help="The address to listen on (settings: web.host).")
@click.option("--port", type=click.IntRange(0, 65535), help="The port to listen on (settings: web.port).")
@click.option(
    "--processes", type=click.IntRange(1), default=1, show_default=True, help="More need a Chroma server."
)
@click.option("--demo", is_flag=True, help="Add the demo's documents and question sets first.")
@here
def serve(installation: Installation, host: str | None, port: int | None, processes: int, demo: bool) -> None:
    """Start the server: widget, console and API. The first start makes an admin and prints their password."""
    from web import logs, security, server

    settings = installation.settings()
    if processes > 1 and not settings.vectors.url:
        raise Sentence(
            "more than one process needs a Chroma server: set vectors.url, or leave --processes at 1",
            CANNOT_BEGIN,
        )
    try:
        door = server.listen(host or settings.web.host, settings.web.port if port is None else port)
    except server.CannotListenError as error:
        raise Sentence(str(error), CANNOT_BEGIN) from error
    _may_own(settings)
    password, unprepared = _prepare(installation, demo=demo)
    if not settings.web.secret.get_secret_value():
        security.secret(settings.data)  # here, where one that is not to be had is a sentence
    if unprepared:
        _ingest_demo(installation)
    installation.show(
        {"address": door.address, "console": f"{door.address}/console", **password},
        _welcome(door.address, password),
    )
    logs.begin(settings.log.level, settings.log.format)
    status = server.serve(settings, door, processes=processes, ready=_say_ready)
    raise click.exceptions.Exit(status)


@click.command(cls=Command)
@here
def worker(installation: Installation) -> None:
    """Do the queued work in a process of its own, beside servers that share a Chroma server."""
    from web import logs

    with installation.open() as kotae:
        logs.begin(kotae.settings.log.level, kotae.settings.log.format)
        kotae.library.warm_up()
        click.echo("Waiting for work; Ctrl-C ends.", err=True)
        kotae.jobs.run_worker()


def _may_own(settings: Settings) -> None:
    """Raises InUse now rather than after the fork. The worker takes the directory for itself later."""
    from knowledge_base.ownership import Ownership

    if settings.vectors.url:
        return
    owner = Ownership(settings.data)
    owner.take()
    owner.give_back()


def _prepare(installation: Installation, *, demo: bool) -> tuple[dict[str, str], bool]:
    """The first admin with their password, if there was none, and whether the demo has files to ingest."""
    from web.cli.demo import FOLDER, add_questions
    from web.cli.documents import files_in, is_live, receive

    with installation.open() as kotae:
        made = kotae.users.first_admin()
        if demo:
            add_questions(kotae)
        unprepared = demo and not all(map(is_live, receive(kotae, list(files_in([FOLDER])))))
    return ({} if made is None else {"email": made[0].email, "password": made[1]}), unprepared


def _ingest_demo(installation: Installation) -> None:
    """In a process of its own: what loads models must not be forked."""
    place = [
        *(["--data", str(installation.data)] if installation.data else []),
        *(["--config", str(installation.config)] if installation.config else []),
    ]
    done = subprocess.run([sys.executable, "-m", "web.cli", *place, "demo"], stdout=sys.stderr, check=False)  # noqa: S603
    if done.returncode > 1:
        raise click.exceptions.Exit(done.returncode)


def _welcome(address: str, password: dict[str, str]) -> str:
    sign_in = (
        f"  Sign in     {password['email']}  password {password['password']}   (shown this once)"
        if password
        else "  Sign in     as before; more people: kotae users add EMAIL --role admin"
    )
    return "\n".join(
        (
            "",
            f"  Kotae       {address}",
            f"  Demo shop   {address}/shop      ask in the corner, as a customer",
            f"  Console     {address}/console   upload a document, then ask about it; switch the strategy",
            sign_in,
            "",
        )
    )


def _say_ready(seconds: float) -> None:
    click.echo(f"  Ready after {seconds:.1f} s. Ctrl-C stops.", err=True)
