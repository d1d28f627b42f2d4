"""Writes docs/command-line.md from the commands' own help. A page that differs from it fails the tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from web.cli import main

PAGE = Path(__file__).parents[2] / "docs" / "command-line.md"

HEAD = """\
# The command line

*This page is made from `kotae --help` by `make docs`.*

`--data`, `--config` and `--json` stand before or after a command's name. Results go to standard output,
everything else to standard error. Exit codes: 0 done, 1 something of it failed, 2 it could not begin.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_sections(main, click.Context(main, info_name="kotae"))])


def _sections(command: click.Command, context: click.Context) -> Iterator[str]:
    context.terminal_width = context.max_content_width = 110
    level = "#" * min(2 + context.command_path.count(" "), 4)
    yield f"{level} {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            found = command.commands[name]
            yield from _sections(found, click.Context(found, parent=context, info_name=name))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
