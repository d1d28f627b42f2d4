"""`kotae stages`: what teaching changes, told by one question."""

from __future__ import annotations

from dataclasses import asdict
from textwrap import indent

import click

from web.cli.shell import Command, Installation, here


@click.command(cls=Command)
@click.argument("question")
@here
def stages(installation: Installation, question: str) -> None:
    """Ask the shipped model as it was before it was taught to answer, after that, and with the adapter that
    speaks: it continues, answers, answers as your desk does.
    """
    from strategies.lora.bases.stages import stages as asked

    if not question.strip():
        raise click.UsageError("give a question")
    told = asked(question, installation.settings().data)
    parts = [
        "\n".join(
            [stage.name, indent(stage.text or "(nothing)", "  "), f"  — {stage.note}" if stage.note else ""]
        )
        for stage in told
    ]
    installation.show([asdict(stage) for stage in told], "\n\n".join(map(str.rstrip, parts)))
