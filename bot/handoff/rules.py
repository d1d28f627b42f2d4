"""Which messages go to a person at once: they hold certain words, are near a topic in meaning, or show that
their customer is upset.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Literal

from bot.handoff import upset
from bot.settings import Handoff
from knowledge_base.errors import KnowledgeError

log = logging.getLogger(__name__)

Why = tuple[Literal["words", "topic", "upset"], str]  # which of them, and which words or which topic


class Rules:
    """`embed` is the vector of a text; it is asked only where there are topics."""

    def __init__(self, settings: Handoff, embed: Callable[[str], Sequence[float]]) -> None:
        self._enabled = settings.enabled
        self._words = [(phrase, _pattern(phrase)) for phrase in settings.words if phrase.strip()]
        self._topics = settings.topics
        self._upset = settings.upset
        self._likeness = settings.likeness
        self._embed = embed

    def why(self, text: str, language: str = "en") -> Why | None:
        """Why this message is for a person, if it is; `language` is the message's own."""
        if not self._enabled:
            return None
        for phrase, pattern in self._words:
            if pattern.search(text):
                return "words", phrase
        if language in self._upset and (words := upset.found(text, language)):
            return "upset", words
        return self._near(text) if self._topics else None

    def _near(self, text: str) -> Why | None:
        try:
            vector = self._unit(text)
            examples = self._examples
        except KnowledgeError as fault:
            log.warning("no message is known to be on a topic just now: %s", fault)
            return None
        likeness, topic = max(
            ((float(vector @ example), name) for name, example in examples), default=(0.0, "")
        )
        return ("topic", topic) if likeness >= self._likeness else None

    @cached_property
    def _examples(self) -> list[tuple[str, Any]]:
        return [(name, self._unit(text)) for name, examples in self._topics.items() for text in examples]

    def _unit(self, text: str) -> Any:
        import numpy as np

        vector = np.asarray(self._embed(text), np.float32)
        return vector / (np.linalg.norm(vector) or 1.0)


def _pattern(phrase: str) -> re.Pattern[str]:
    """The phrase as whole words where its script has words; Japanese is not cut into any."""
    phrase = phrase.strip()
    words = r"\s+".join(map(re.escape, phrase.split()))
    before, after = (r"\b" if edge.isascii() and edge.isalnum() else "" for edge in (phrase[0], phrase[-1]))
    return re.compile(f"{before}{words}{after}", re.IGNORECASE)
