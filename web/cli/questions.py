"""`kotae search` and `kotae ask`: one question, or a file of them, answered as a customer's would be."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from web.cli.progress import bar
from web.cli.shell import FAILED, Command, Installation, Sentence, here, to_json

if TYPE_CHECKING:
    from collections.abc import Generator

    from bot.conversations.turn import Ended, Failed, TurnEvent
    from bot.kotae import Kotae
    from knowledge_base.passages import Passage
    from strategies.base import Turn

ROLES = {"customer": "customer", "bot": "bot", "operator": "operator", "user": "customer", "assistant": "bot"}


@dataclass(frozen=True)
class Asked:
    """A line of a questions file."""

    id: Any
    question: str
    history: tuple[Turn, ...] = ()


class BadLineError(Exception):
    """A line that holds no question; the message says what is wrong with it."""

    def __init__(self, message: str, id: Any = None) -> None:  # noqa: A002  # the field's name
        super().__init__(message)
        self.id = id


QUESTIONS = click.option(
    "--questions",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="A file of JSON objects, one a line, with `id` and `question`; one JSON object a line is printed.",
)


@click.command(cls=Command)
@click.argument("query", default="")
@click.option(
    "-k", "count", default=5, show_default=True, type=click.IntRange(1, 100), help="How many passages."
)
@QUESTIONS
@here
def search(installation: Installation, query: str, count: int, questions: Path | None) -> None:
    """Find the passages that a question is answered from."""
    _one_of(query, questions)
    with installation.open() as kotae:
        kotae.library.warm_up()

        def found(asked: Asked) -> dict[str, Any]:
            began = time.perf_counter()
            passages = kotae.library.search(asked.question, count)
            ms = round((time.perf_counter() - began) * 1000, 2)
            return {"passages": [_passage(passage) for passage in passages], "ms": ms}

        if questions:
            _answer_all(questions, found)
            return
        result = found(Asked(None, query))
        installation.show(result, "\n\n".join(map(_passage_text, result["passages"])) or "Nothing was found.")


@click.command(cls=Command)
@click.argument("question", default="")
@click.option("--strategy", help="Another strategy than the one that answers customers now.")
@QUESTIONS
@here
def ask(installation: Installation, question: str, strategy: str | None, questions: Path | None) -> None:
    """Answer a question as a customer's would be; nothing is kept."""
    _one_of(question, questions)
    with installation.open() as kotae:
        kotae.warm_up()
        if questions:
            _answer_all(questions, lambda asked: _answer(kotae, asked, strategy))
        elif installation.json:
            result = _answer(kotae, Asked(None, question), strategy)
            click.echo(to_json(result))
            if "error" in result:
                raise click.exceptions.Exit(FAILED)
        else:
            _speak(_turn(kotae, Asked(None, question), strategy))


def _one_of(text: str, file: Path | None) -> None:
    if bool(text.strip()) == bool(file):
        raise click.UsageError("give a question, or a file of them with --questions")


def _turn(kotae: Kotae, asked: Asked, strategy: str | None) -> Generator[TurnEvent, None, None]:
    events = kotae.try_out(asked.question, strategy=strategy, history=asked.history)
    return cast("Generator[TurnEvent, None, None]", events)


def _answer(kotae: Kotae, asked: Asked, strategy: str | None) -> dict[str, Any]:
    """One turn as an object."""
    from bot.conversations.turn import Ended, Failed

    failed: Failed | None = None
    with closing(_turn(kotae, asked, strategy)) as events:
        for event in events:
            if isinstance(event, Failed):
                failed = event
            elif isinstance(event, Ended):
                return {**_ended(event), **({"error": failed.text} if failed else {})}
    raise RuntimeError("the turn did not end")


def _ended(event: Ended) -> dict[str, Any]:
    answer = event.answer
    return {
        "answer": answer.text,
        "abstained": event.abstained,
        "citations": [
            {"document": cited.passage.title, "source": cited.passage.source, "quote": cited.quote}
            for cited in answer.citations
        ],
        "strategy": event.strategy,
        "usage": {
            "prompt_tokens": answer.usage.prompt_tokens,
            "passage_tokens": answer.usage.passage_tokens,
            "completion_tokens": answer.usage.completion_tokens,
        },
        "decisions": [asdict(decision) for decision in answer.decisions],
        "ms_first": None if event.ms_first is None else round(event.ms_first, 2),
        "ms": round(event.ms, 2),
    }


def _speak(events: Generator[TurnEvent, None, None]) -> None:
    """The answer as it comes, then what it rests on."""
    from bot.conversations.turn import Ended, Failed, Handoff
    from strategies.events import Citation, Token

    failed = False
    with closing(events):
        for event in events:
            match event:
                case Token():
                    click.echo(event.text, nl=False)
                case Citation():
                    click.echo(f" [{event.number}]", nl=False)
                case Handoff():
                    click.echo(f"\n{event.text}", nl=False)
                case Failed():
                    failed = True
                    click.echo(event.text, err=True)
                case Ended():
                    click.echo(_sources(event))
    if failed:
        raise click.exceptions.Exit(FAILED)


def _sources(event: Ended) -> str:
    cited = {c.number: f"[{c.number}] {c.passage.title} ({c.passage.source})" for c in event.answer.citations}
    return "\n" + "".join(f"\n{line}" for _, line in sorted(cited.items()))


def _answer_all(file: Path, answer: Callable[[Asked], dict[str, Any]]) -> None:
    """One object a line, in the order of the file, each as soon as it is there."""
    failed = 0
    lines = [line for line in enumerate(file.read_bytes().splitlines(), 1) if line[1].strip()]
    for number, line in bar(lines, "questions"):
        try:
            asked = _asked(line)
            result = {"id": asked.id, **answer(asked)}
        except Exception as error:  # the other lines go on, and this one says why not
            result = {"id": getattr(error, "id", None), "line": number, "error": _sentence(error)}
        failed += "error" in result
        sys.stdout.write(to_json(result) + "\n")
        sys.stdout.flush()
    if failed:
        raise Sentence(f"{failed} of {len(lines)} lines of {str(file)!r} failed; each says why.")


def _sentence(error: Exception) -> str:
    return str(error) or type(error).__name__


def _asked(line: bytes) -> Asked:
    try:
        found = json.loads(line)
    except ValueError as error:
        raise BadLineError(f"this line is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise BadLineError("this line is not a JSON object")
    question = found.get("question")
    if not isinstance(question, str) or not question.strip():
        raise BadLineError("`question` is missing, or no text", found.get("id"))
    return Asked(found.get("id"), question, tuple(_history(found.get("history", []), found.get("id"))))


def _history(turns: Any, id: Any) -> Iterator[Turn]:  # noqa: A002  # the field's name
    from strategies.base import Turn

    for turn in turns if isinstance(turns, list) else [turns]:
        if (
            not isinstance(turn, dict)
            or turn.get("role") not in ROLES
            or not isinstance(turn.get("text"), str)
        ):
            raise BadLineError("`history` is a list of objects with `role` (customer, bot) and `text`", id)
        yield Turn(cast(Any, ROLES[turn["role"]]), turn["text"])


def _passage(passage: Passage) -> dict[str, Any]:
    return {
        "document": passage.title,
        "source": passage.source,
        "text": passage.text,
        "score": passage.score,
        "rank": passage.rank,
    }


def _passage_text(passage: dict[str, Any]) -> str:
    head = f"{passage['rank']}. {passage['document']} ({passage['source']}), {passage['score']:.4f}"
    return f"{head}\n{passage['text']}"
