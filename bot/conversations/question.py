"""What a customer typed, made fit to be read: cleaned, and its language told by its script."""

from __future__ import annotations

import re
import unicodedata

# Control characters but tab and newline, lone surrogates, and the two overrides that turn a line of text
# around (U+202D, U+202E). Marks that right-to-left text and emoji need (joiners, isolates) stay.
_UNFIT = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u202d\u202e\ufeff\ufffe\uffff]")
_LINE_ENDS = re.compile(r"\r\n?|\u2028|\u2029")
_JAPANESE = re.compile(r"[\u3040-\u30ff\u31f0-\u31ff\uff66-\uff9f\u3400-\u4dbf\u4e00-\u9fff々〆]")
_LATIN_WORD = re.compile(r"\b[A-Za-z]{2,}\b")


def clean(text: str) -> str:
    """The text in NFC with plain line ends, without control characters and lone surrogates."""
    return unicodedata.normalize("NFC", _UNFIT.sub("", _LINE_ENDS.sub("\n", text))).strip()


def storable(text: str) -> str:
    """Text as every database and encoder takes it: lone surrogates and NUL are replaced."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def language_of(text: str, otherwise: str) -> str:
    """`ja` or `en` by the script, `otherwise` where the text does not tell ("500?").

    A Japanese question may hold English product names, and an English one the Japanese name of a button, so
    the Japanese characters are weighed against the Latin words.
    """
    japanese = len(_JAPANESE.findall(text))
    latin = len(_LATIN_WORD.findall(text))
    if japanese and japanese >= latin:
        return "ja"
    if latin > 1:
        return "en"
    return otherwise
