"""What `Llm` asks of whoever speaks: a server, or a model in this process."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from strategies.llm.prompt import Message


@dataclass(frozen=True)
class Ended:
    """The last thing a speaker yields: why it stopped, and what it counted (None where it did not)."""

    reason: Literal["stop", "length", "filter"]
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class Speaker(Protocol):
    """Safe for many threads at once."""

    model: str  # as it is named in the record
    exact: bool  # whether `count` is the model's own tokenizer
    room: int  # tokens that prompt and answer may have together, 0 when nobody knows; known after warm_up

    def warm_up(self) -> None:
        """Load the model or reach the server. Raises Misconfigured or Unavailable."""

    def count(self, text: str) -> int:
        """Tokens of the text, by the model's tokenizer or by estimate."""

    def speak(self, messages: Sequence[Message]) -> Generator[str | Ended, None, None]:
        """Text as it is made, then Ended. Closing it stops the model. Raises Misconfigured or Unavailable."""
