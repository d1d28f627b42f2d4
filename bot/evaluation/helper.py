"""The chat model that helps operators: it gives its opinion of two answers, drafts questions, and says what
the desk is asked in other words.

It is that of a configured `llm` strategy, or one at a server of its own. What it reads and writes is counted,
and costs what the price list says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.evaluation.asking import cost_of
from bot.settings import Helper as Configured
from bot.settings import Price
from strategies.errors import Misconfigured
from strategies.events import Usage
from strategies.llm.opening import without_thoughts
from strategies.llm.prompt import Message
from strategies.llm.speaker import Ended
from strategies.registry import Strategies

if TYPE_CHECKING:
    from strategies.llm.speaker import Speaker

NOBODY = (
    "no chat model is configured that could do it; name an `llm` strategy, or a server and its model, in "
    "[helper] of kotae.toml"
)


@dataclass(frozen=True)
class Said:
    """What the model wrote, and what that cost."""

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost: float = 0.0


@dataclass(frozen=True)
class Helper:
    """A model that is asked something. Safe for many threads."""

    name: str  # the model's
    speaker: Speaker
    prices: Mapping[str, Price]

    def __call__(self, messages: Sequence[Message]) -> Said:
        """Its words, without its thoughts. Raises StrategyError."""
        written, ended = list[str](), None
        for piece in self.speaker.speak(messages):
            if isinstance(piece, Ended):
                ended = piece
            else:
                written.append(piece)
        read = ended.prompt_tokens if ended else None
        wrote = ended.completion_tokens if ended else None
        if read is None:
            read = sum(self.speaker.count(message.content) for message in messages)
        if wrote is None:
            wrote = self.speaker.count("".join(written))
        usage = Usage(prompt_tokens=read, completion_tokens=wrote, model=self.name)
        cost = cost_of([usage], "", self.prices)
        return Said("".join(without_thoughts(written)).strip(), read, wrote, cost)


@dataclass(frozen=True)
class Helpers:
    """The models that may be asked for help: the configured one, and those of the `llm` strategies."""

    configured: Configured
    strategies: Strategies
    prices: Mapping[str, Price]

    def names(self) -> list[str]:
        """The strategies whose model can be asked."""
        return [name for name in self.strategies.names() if self.strategies.uses(name) == "llm"]

    def model(self, strategy: str = "") -> str:
        """The model's name; "" where nobody is configured."""
        if strategy or self.configured.configured:
            return self.get(strategy).name
        return ""

    def get(self, strategy: str = "") -> Helper:
        """The model of this strategy, or the configured one. Raises Misconfigured."""
        if strategy := strategy or self.configured.strategy:
            return self._of(strategy)
        if not self.configured.base_url:
            raise Misconfigured(NOBODY)
        from strategies.llm.options import LlmOptions
        from strategies.llm.server import Server

        there = self.configured
        options = LlmOptions(model=there.model, base_url=there.base_url, api_key=there.api_key)
        return Helper(there.model, Server(options, "helper"), self.prices)

    def _of(self, strategy: str) -> Helper:
        from strategies.llm import Llm

        made = self.strategies.get(strategy)
        if not isinstance(made, Llm):
            known = ", ".join(self.names()) or "none is configured"
            raise Misconfigured(f"{strategy!r} is no `llm` strategy, whose model could be asked: {known}")
        return Helper(made.model.model, made.model, self.prices)
