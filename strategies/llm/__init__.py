"""A chat model answers: from the passages it is given, or, on its own, from what it knows."""

from strategies.llm.options import LlmOptions
from strategies.llm.strategy import Llm

__all__ = ["Llm", "LlmOptions"]
