"""A text without what does not matter, so that two can be compared."""

from __future__ import annotations

import re
import unicodedata

from knowledge_base.words import terms
from strategies.evidence import content

# Little words that turn a question around: "on" and "off" are two questions.
TURNING = frozenset(terms("not no without on off in out up down before after over under more less"))

JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")
ENDINGS = " ?!.…？！。"


def folded(text: str) -> str:
    """Capitals, full-width letters and runs of white space make no difference."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def bare(text: str) -> str:
    """The folded text's letters and digits; one that has none stays as it is."""
    return " ".join(re.sub(r"[\W_]+", " ", folded(text)).split()) or folded(text)


def telling(text: str) -> frozenset[str]:
    """The words that carry a text's meaning, with the little ones that turn it around."""
    return content(text) | (TURNING & frozenset(terms(text)))


def as_asked(text: str) -> str:
    """A question with one question mark: whether a customer types it tells nothing, and a set of questions in
    which only some have it would teach that it does.
    """
    return f"{text.rstrip(ENDINGS)}?"


def in_japanese(text: str) -> bool:
    """Whether a fifth of the letters are Japanese."""
    return 5 * len(JAPANESE.findall(text)) > sum(map(str.isalpha, text))
