"""What one text shares with another: content words and numbers, in English and Japanese, without a model.

The words are those of the lexical index (`knowledge_base.words`), without those of grammar, and a number
stands for itself however it is written. `citing`, `followups` and `quotes` judge by it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

from knowledge_base.words import GRAMMATICAL, terms

NUMERALS = "two three four five six seven eight nine ten eleven twelve"
DIGITS = {
    **{terms(word)[0]: str(value) for value, word in enumerate(NUMERALS.split(), start=2)},
    **{kanji: str(value) for value, kanji in enumerate("一二三四五六七八九", start=1)},
}


STEP = re.compile(r"(?m)^[ \t]*\d{1,2}[.)](?=\s|$)")


def without_steps(text: str) -> str:
    """A text without the numbers that count its steps: they state nothing."""
    return STEP.sub("", text)


@lru_cache(maxsize=20_000)
def content(text: str) -> frozenset[str]:
    """The words of a text that carry its meaning; two is 2, and 2.50 is 2.5."""
    return frozenset(written(word) for word in terms(text) if word not in GRAMMATICAL)


def written(word: str) -> str:
    """One way to write a number; other words as they are."""
    if not is_number(word):
        return DIGITS.get(word, word)
    return word.rstrip("0").rstrip(".") if word.count(".") == 1 else word


def is_number(word: str) -> bool:
    return word[:1].isdigit() and word.replace(".", "").isdigit()


def numbers(words: Collection[str]) -> frozenset[str]:
    """Those of the words that are numbers."""
    return frozenset(filter(is_number, words))


def weights(texts: Iterable[Collection[str]]) -> Mapping[str, float]:
    """How telling each word is among these texts: what stands in all of them tells little."""
    texts = [set(text) for text in texts]
    seen = Counter(word for text in texts for word in text)
    return {word: math.log(1 + len(texts) / count) for word, count in seen.items()}


def covered(words: Collection[str], by: Collection[str], weight: Mapping[str, float]) -> float:
    """The share of what `words` say that `by` says too, 0 to 1. A word that no text has weighs 1."""
    whole = sum(weight.get(word, 1.0) for word in words)
    return sum(weight.get(word, 1.0) for word in words if word in by) / whole if whole else 0.0
