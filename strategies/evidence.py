"""What one text shares with another: content words and numbers, in English and Japanese, without a model.

Not a search index: function words are left out, a number stands for itself however it is written, and a
weight says how telling a word is among the texts at hand. `citing`, `followups` and `quotes` judge by it.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache

PIECES = re.compile(
    r"(?P<number>\d+(?:[.,]\d+)*)"  # "15g" is 15 and g; "E4" is a word
    r"|(?P<word>[A-Za-zÀ-ÖØ-öø-ɏ][A-Za-zÀ-ÖØ-öø-ɏ\d]*(?:['’-][A-Za-z]+)*)"
    r"|(?P<katakana>[\u30a1-\u30fa\u30fc]+)"
    r"|(?P<kanji>[\u3400-\u9fff\uac00-\ud7af々]+)"
    r"|(?P<other>[^\W\d_\u3040-\u30ff]+)"
)
NAMES = {"One", "Go", "Up", "More"}  # function words that products are called by; the capital tells
SPELLED = {
    **{
        "two": "2",
        "three": "3",
        "four": "4",
        "five": "5",
        "six": "6",
        "seven": "7",
        "eight": "8",
        "nine": "9",
    },
    **{"ten": "10", "eleven": "11", "twelve": "12", "thirty": "30", "sixty": "60"},
    **{kanji: str(value) for value, kanji in enumerate("一二三四五六七八九十", start=1)},
}
FUNCTION_WORDS = frozenset(
    """
    a about after again all also am an and any anyone anything are as at be because been before being both
    but by can could did do does doing don else every for from get gets getting go got had has have having
    he her here hers hi hello him his how i if in into is it its just kind know let like made make makes
    many may me mean might more most much must my need no nor not of off on once one only or other our ours
    out over own please same shall she should so some something such tell than thank thanks that the their
    theirs them then there these they thing things this those through to too under until up us use very want
    was way we well were what when where which while who whom whose why will with would yes yet you your
    yours ain isn aren wasn weren doesn didn couldn wouldn shouldn won hasn haven hadn
    """.split()  # noqa: SIM905 - a list this long is read as text
)


def content(text: str) -> frozenset[str]:
    """The words of a text that carry its meaning, numbers as digits, Japanese as pairs of letters."""
    return _content(text)


@lru_cache(maxsize=4096)
def _content(text: str) -> frozenset[str]:
    return frozenset(_words(text))


def _words(text: str) -> Iterable[str]:
    for found in PIECES.finditer(unicodedata.normalize("NFKC", text)):
        match found.lastgroup:
            case "number":
                yield number(found[0])
            case "word":
                for part in parts(found[0]):
                    yield from telling(part)
            case "katakana" | "other":
                yield found[0].casefold()
            case _:
                yield from pairs(found[0])


def parts(compound: str) -> list[str]:
    """Wi-Fi is one word and e-mail too; a two-year warranty is two."""
    found = compound.split("-")
    return ["".join(found)] if min(map(len, found)) <= 2 else found


def telling(written: str) -> Iterable[str]:
    """The word without its endings, or nothing when it is a function word."""
    written = re.split(r"['’]", written)[0]
    word = written.casefold()
    if word not in FUNCTION_WORDS or written in NAMES:
        yield SPELLED.get(word) or stem(word)


def pairs(run: str) -> Iterable[str]:
    """A run of letters without blanks as overlapping pairs, or the letter that stands alone."""
    if len(run) == 1:
        yield SPELLED.get(run, run)
    else:
        yield from (run[at : at + 2] for at in range(len(run) - 1))


def number(digits: str) -> str:
    """1,150 and 1150 are the same number, 2.50 and 2.5 too."""
    plain = re.sub(r",(?=\d{3}(?:\D|$))", "", digits).replace(",", ".")
    return plain.rstrip("0").rstrip(".") if plain.count(".") == 1 else plain


def stem(word: str) -> str:
    """Enough to see that "descaling" and "descale", "parcels" and "parcel" are one word."""
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    for ending in ("ingly", "edly", "ing", "ed", "ly", "es", "s", "e"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
            return undoubled(word[: -len(ending)]) if ending in {"ing", "ed"} else word[: -len(ending)]
    return word


def undoubled(word: str) -> str:
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "aeiousl" else word


def numbers(words: Collection[str]) -> frozenset[str]:
    """Those of the words that are numbers."""
    return frozenset(word for word in words if word[0].isdigit() and word.replace(".", "").isdigit())


def weights(texts: Iterable[Collection[str]]) -> Mapping[str, float]:
    """How telling each word is among these texts: what stands in all of them tells little."""
    texts = [set(text) for text in texts]
    seen = Counter(word for text in texts for word in text)
    return {word: math.log(1 + len(texts) / count) for word, count in seen.items()}


def covered(words: Collection[str], by: Collection[str], weight: Mapping[str, float]) -> float:
    """The share of what `words` say that `by` says too, 0 to 1. A word that no text has weighs 1."""
    whole = sum(weight.get(word, 1.0) for word in words)
    return sum(weight.get(word, 1.0) for word in words if word in by) / whole if whole else 0.0
