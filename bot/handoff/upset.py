"""Whether a customer is upset: told by the words that people have for their own patience and for how they are
treated, not by what they say of a product. "It is broken, leaks and smells" is a question for the bot.

The signs stand in `upset_en.txt` and `upset_ja.txt`. One counts whole or half, and two halves make a whole.
Why signs, and no lexicon or model of sentiment: docs/decisions/upset.md, with what each found and mistook.
"""

from __future__ import annotations

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Final

ENOUGH: Final = 1.0
SHOUTED: Final = 4  # words in capitals; fewer are a part number or an error on a display
HALF: Final = "[half]"

STANDS_FOR: Final = {
    "{not}": r"(?<!\bnot )(?<!n't )(?<!\bnever )(?<!\bno )",
    "{us}": r"(?:you|your (?:\w+ )?(?:people|company|shop|store|team|support|service|bot))",
    "{service}": r"(?:service|support|help ?desk|company|shop|store|seller|people|(?:chat ?)?bot|answers?)",
    "{often}": r"(?:second|third|fourth|fifth|sixth|tenth|hundredth|umpteenth|\d+(?:nd|rd|th))",
}
_QUOTED = re.compile(r"「[^」]*」|『[^』]*』|\"[^\"]*\"|“[^”]*”|(?<!\w)'[^']*'(?!\w)")

Sign = tuple[re.Pattern[str], float]


def found(text: str, language: str) -> str:
    """The words by which a customer is upset, in English or Japanese; "" when none say so.

    What stands in quotation marks was said by somebody else: a display, a manual.
    """
    text = _QUOTED.sub(" ", unicodedata.normalize("NFKC", text).replace("’", "'"))
    told = [(match[0].strip(), weight) for sign, weight in _signs(language) if (match := sign.search(text))]
    told += _shouted(text)
    if sum(weight for _, weight in told) < ENOUGH:
        return ""
    return ", ".join(dict.fromkeys(words for words, _ in told))


def _shouted(text: str) -> list[tuple[str, float]]:
    words = re.findall(r"\b[A-Z]{2,}\b", text)
    return [(" ".join(words[:SHOUTED]), 0.5)] if len(words) >= SHOUTED and text.upper() == text else []


@cache
def _signs(language: str) -> tuple[Sign, ...]:
    text = Path(__file__).with_name(f"upset_{language}.txt").read_text(encoding="utf-8")
    for name, words in STANDS_FOR.items():
        text = text.replace(name, words)
    whole, _, half = text.partition(HALF + "\n")
    return tuple(
        (re.compile(line, re.IGNORECASE | re.MULTILINE), weight)
        for lines, weight in ((whole, 1.0), (half, 0.5))
        for line in lines.splitlines()
        if line and not line.startswith("#")
    )
