"""What all commands share: where the installation is, how results are printed, which exit code an error has.

Results go to standard output, everything else to standard error. Exit codes: 0 done, 1 something of it
failed, 2 it could not begin (wrong usage or settings; the data directory or the port is another process's).
"""

from __future__ import annotations

import getpass
import json
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from bot.kotae import Kotae
    from bot.settings import Settings

FAILED = 1
CANNOT_BEGIN = 2


@dataclass
class Installation:
    """Which one is meant, and how to print. Given before or after the command's name."""

    data: Path | None = None
    config: Path | None = None
    json: bool = False

    def settings(self) -> Settings:
        from bot.settings import Settings

        return Settings.load(self.config, self.data)

    @contextmanager
    def open(self) -> Iterator[Kotae]:
        """Kotae, opened lightly; whoever searches or asks warms it up."""
        from bot.kotae import Kotae

        kotae = Kotae.open(self.settings())
        try:
            yield kotae
        finally:
            kotae.close()

    def show(self, result: Any, text: str) -> None:
        """A result, as JSON where that was asked for."""
        click.echo(to_json(result) if self.json else text)


def somebody() -> str:
    """Whose terminal this is, for the record."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):
        return "command line"


def to_json(result: Any) -> str:
    """One line, readable where the terminal can show it."""
    text = json.dumps(result, ensure_ascii=False, default=str)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(result, default=str)
    return text


def counted(number: int, one: str) -> str:
    """`1 pair`, `2 pairs`."""
    return f"{number:,} {one if number == 1 else one + 's'}"


def the_one(found: Sequence[str], begin: str, kind: str) -> str:
    """The only id that begins so; a sentence says where there is none of this kind, or several."""
    if len(found) != 1:
        raise Sentence(f"several {kind}s begin with {begin!r}" if found else f"there is no {kind} {begin!r}")
    return found[0]


def table(rows: Sequence[Sequence[object]], heads: Sequence[str]) -> str:
    """Columns for people; Japanese letters are two wide."""
    cells = [list(heads), *[[str(cell) for cell in row] for row in rows]]
    widths = [max(_width(row[n]) for row in cells) for n in range(len(heads))]
    return "\n".join(
        "  ".join(
            cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in cells
    )


def _width(text: str) -> int:
    import unicodedata

    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def _keep(name: str) -> Callable[[click.Context, click.Parameter, Any], None]:
    def keep(context: click.Context, _parameter: click.Parameter, value: Any) -> None:
        installation = context.ensure_object(Installation)
        if value:
            setattr(installation, name, value)

    return keep


def _shared() -> list[click.Parameter]:
    """The options that stand before or after a command's name alike."""
    return [
        click.Option(
            ["--data"],
            type=click.Path(file_okay=False, path_type=Path),
            expose_value=False,
            callback=_keep("data"),
            help="The data directory (or KOTAE_DATA).",
        ),
        click.Option(
            ["--config"],
            type=click.Path(dir_okay=False, exists=True, path_type=Path),
            expose_value=False,
            callback=_keep("config"),
            help="The settings file (or KOTAE_CONFIG); else ./kotae.toml where there is one.",
        ),
        click.Option(
            ["--json"],
            is_flag=True,
            expose_value=False,
            callback=_keep("json"),
            help="Print results as JSON.",
        ),
    ]


class Command(click.Command):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += _shared()


class Group(click.Group):
    command_class = Command
    group_class = type


class Root(Group):
    """Turns what the layers below raise into a sentence and an exit code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += _shared()

    def invoke(self, context: click.Context) -> Any:
        logging.basicConfig(
            stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s"
        )
        try:
            return super().invoke(context)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except OSError as error:
            if not error.filename:  # what somebody stopped reading, for one
                raise
            raise Sentence(f"{str(error.filename)!r}: {error.strerror or error}") from error
        except Exception as error:
            code = _code(error)
            if code is None:
                raise
            raise Sentence(_said(error), code) from error


class Sentence(click.ClickException):
    """An error that is one sentence on standard error, and an exit code."""

    def __init__(self, message: str, code: int = FAILED) -> None:
        super().__init__(message)
        self.code = code

    @property
    def exit_code(self) -> int:  # type: ignore[override]  # click has one for the whole class
        return self.code


def _said(error: Exception) -> str:
    from bot.settings import BadSettings

    if isinstance(error, BadSettings):
        return "the settings are refused:\n" + "\n".join(f"  {fault}" for fault in error.faults)
    return str(error)


def _code(error: Exception) -> int | None:
    """None for what nobody foresaw."""
    from bot.access.keys import KeyRefused, UnknownKey
    from bot.access.users import UserRefused
    from bot.answering.routing import RouterRefused
    from bot.answering.switch import NoWayBack
    from bot.answering.switch import Refused as SharesRefused
    from bot.conversations.conversation import UnknownConversation
    from bot.conversations.limits import Refused
    from bot.evaluation.drafts import DraftRefused, UnknownDraft
    from bot.evaluation.files import BadQuestions
    from bot.evaluation.rehearsals import RehearsalRefused
    from bot.evaluation.results import Gated
    from bot.evaluation.runs import EvaluationRefused
    from bot.evaluation.sets import SetRefused, UnknownSet
    from bot.jobs import UnknownJob
    from bot.notices.deliveries import UnknownWebhook
    from bot.settings import BadSettings
    from bot.teaching.pairs import PairRefused
    from bot.teaching.wordings import SuggestionRefused, UnknownSuggestion
    from knowledge_base.errors import InUse, KnowledgeError
    from strategies.errors import StrategyError
    from strategies.lora.pairs.values import BadPairs
    from strategies.lora.shelf import ShelfError
    from strategies.lora.shelf.card import BadCard
    from strategies.lora.shelf.parcel import Refused as AdapterRefused
    from strategies.lora.training.work import TrainingFailed

    if isinstance(error, (BadSettings, InUse)):
        return CANNOT_BEGIN
    foreseen = (KnowledgeError, StrategyError, Refused, UserRefused, NoWayBack, UnknownJob, RouterRefused)
    of_operators = (UnknownConversation, SharesRefused, KeyRefused, UnknownKey, UnknownWebhook)
    of_the_model = (TrainingFailed, ShelfError, AdapterRefused, BadCard, BadPairs)
    of_evaluations = (BadQuestions, SetRefused, UnknownSet, EvaluationRefused, Gated, RehearsalRefused)
    of_drafts = (DraftRefused, UnknownDraft, SuggestionRefused, UnknownSuggestion, PairRefused)
    told = (*foreseen, *of_operators, *of_the_model, *of_evaluations, *of_drafts)
    return FAILED if isinstance(error, told) else None


here = click.make_pass_decorator(Installation, ensure=True)
