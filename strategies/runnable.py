"""Any LangChain Runnable becomes a strategy: a chain, an agent, a graph you already have.

    [strategies.mine]
    use = "runnable"
    target = "our_company.chains:support"      # a Runnable, or a function that returns one

It is given a dictionary with `question` (text), `history` (messages), `passages` (LangChain documents, when a
`rag` is around it), `context` (the same passages as one text) and `language`; or, with `input = "text"`, the
question alone. It may stream strings, message chunks, or dictionaries that hold its words under `answer`.
"""

from __future__ import annotations

import importlib
import logging
import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from strategies.base import Kit, Options, Question, Turn
from strategies.errors import Misconfigured, NoAnswer, StrategyError, Unavailable
from strategies.events import Event, Token, Usage

if TYPE_CHECKING:
    from langchain_core.documents import Document
    from langchain_core.messages import BaseMessage
    from langchain_core.runnables import Runnable

log = logging.getLogger(__name__)


class FromRunnableOptions(Options):
    """What an operator may set."""

    target: str = Field(
        pattern=r"^[A-Za-z_][\w.]*:[A-Za-z_][\w.]*$",
        description='The Runnable, as "module:attribute"; a function there is called without arguments.',
    )
    input: Literal["dict", "text"] = Field(
        default="dict",
        description="What it is given: a dictionary with question, history and passages, or the question.",
    )


class FromRunnable:
    """Answers with a LangChain Runnable of yours."""

    Options = FromRunnableOptions

    def __init__(self, options: FromRunnableOptions, named: str = "runnable") -> None:
        self._options = options
        self._named = named
        self._runnable: Runnable[Any, Any] | None = None
        self._loading = threading.Lock()

    @classmethod
    def make(cls, options: FromRunnableOptions, kit: Kit) -> FromRunnable:
        return cls(options, kit.named)

    def warm_up(self) -> None:
        """Import the target."""
        with self._loading:
            if self._runnable is None:
                self._runnable = loaded(self._options.target, self._named)

    def stream(self, question: Question) -> Iterator[Event]:
        self.warm_up()
        assert self._runnable is not None
        given = question.text if self._options.input == "text" else as_dict(question)
        said = False
        try:
            with closing(chunks(self._runnable, given)) as stream:
                for chunk in stream:
                    if text := text_of(chunk):
                        said = True
                        yield Token(text)
                    if usage := usage_of(chunk):
                        yield usage
        except StrategyError:
            raise
        except (
            Exception
        ) as error:  # it is somebody else's code: whatever it raises, it does not work just now
            log.exception("%s: %s failed", self._named, self._options.target)
            raise Unavailable(f"{self._options.target} failed: {type(error).__name__}: {error}") from error
        if not said:
            raise NoAnswer(f"{self._options.target} ended without a word")


def loaded(target: str, named: str) -> Runnable[Any, Any]:
    """The Runnable behind "module:attribute". Raises Misconfigured with what was looked for and what was
    found.
    """
    from langchain_core.runnables import Runnable

    module, _, path = target.partition(":")
    where = f"strategy {named!r}, target {target!r}"
    try:
        found: Any = importlib.import_module(module)
        for part in path.split("."):
            found = getattr(found, part)
        if not isinstance(found, Runnable) and callable(found):
            found = found()
    except Exception as error:
        raise Misconfigured(f"{where} cannot be loaded: {type(error).__name__}: {error}") from error
    if not isinstance(found, Runnable):
        raise Misconfigured(f"{where} is a {type(found).__name__}, not a LangChain Runnable")
    return found


def chunks(runnable: Runnable[Any, Any], given: Any) -> Generator[Any, None, None]:
    """The Runnable's stream as a generator, so that closing ours closes it."""
    yield from runnable.stream(given)


def as_dict(question: Question) -> dict[str, Any]:
    """A question in LangChain's own values."""
    return {
        "question": question.text,
        "history": [message(turn) for turn in question.history],
        "passages": documents(question),
        "context": "\n\n".join(passage.text for passage in question.passages),
        "language": question.language,
    }


def message(turn: Turn) -> BaseMessage:
    from langchain_core.messages import AIMessage, HumanMessage

    return HumanMessage(turn.text) if turn.role == "customer" else AIMessage(turn.text)


def documents(question: Question) -> list[Document]:
    from langchain_core.documents import Document

    return [
        Document(
            passage.text,
            id=passage.id,
            metadata={
                "document": passage.document_id,
                "title": passage.title,
                "source": passage.source,
                "headings": list(passage.headings),
                "page": passage.page,
            },
        )
        for passage in question.passages
    ]


def text_of(chunk: Any) -> str:
    """The words in a chunk; `""` for one that carries something else, like the passages of a retriever."""
    if isinstance(chunk, str):
        return chunk
    if isinstance(chunk, dict):
        return text_of(chunk["answer"]) if "answer" in chunk else ""
    text = getattr(chunk, "text", "")
    return str(text) if isinstance(text, str) else ""


def usage_of(chunk: Any) -> Usage | None:
    """What a message chunk says it cost. Passages are part of its prompt and not told apart here."""
    if isinstance(chunk, dict):
        return usage_of(chunk.get("answer"))
    counted = getattr(chunk, "usage_metadata", None)
    if not counted:
        return None
    return Usage(prompt_tokens=counted["input_tokens"], completion_tokens=counted["output_tokens"])
