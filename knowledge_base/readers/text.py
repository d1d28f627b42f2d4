"""From bytes to characters fit to be shown: the encoding is found, and what cannot be seen is removed.

The text stays what its author wrote (NFC). Folding for search (NFKC, case) is the index's business.
"""

import codecs
import re
import unicodedata
from collections.abc import Iterable

from charset_normalizer import from_bytes

ENCODINGS = ["utf_8", "cp932", "euc_jp", "iso2022_jp", "utf_16_le", "utf_16_be", "cp1252"]
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark begins it
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
SURROGATES = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]")  # as programs write them that know no better
LINE_ENDS = re.compile("\r\n?|[\v\f\x85\u2028\u2029]")
SPACES = re.compile("[\t\xa0\u2000-\u200a\u202f\u205f]")
UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f"  # control characters
    "\xad\u115f\u1160\u180e\u200b\u2060-\u2064\u206a-\u206f\u3164\ufeff\uffa0"  # no width
    "\ufff9-\uffff"  # no characters
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidirectional controls: they reorder what is read
    "\ud800-\udfff\U000e0000-\U000e007f]"  # lone surrogates; tags, which spell out words that nobody sees
)
# Joiners belong to emoji and to Persian, Arabic and Indic words, and are invisible noise anywhere else.
JOINERS = re.compile(
    "(?<![\u0600-\u0dff\u2600-\u27bf\ufe0f\U0001f000-\U0001faff])[\u200c\u200d]+"
    "|[\u200c\u200d]+(?![\u0600-\u0dff\u2600-\u27bf\U0001f000-\U0001faff])"
)
VARIANTS = re.compile("([\ufe00-\ufe0f\U000e0100-\U000e01ef])[\ufe00-\ufe0f\U000e0100-\U000e01ef]+")
# PDF fonts name letters by lookalikes (the radical ⽔ for 水, the ligature ﬁ) that no search would find.
EAST_ASIAN_LETTERS = "\u3001-\u30ff\u3400-\u9fff\uf900-\ufaff\uff00-\uffef"
EAST_ASIAN = re.compile(f"[{EAST_ASIAN_LETTERS}]")
LOOKALIKES = re.compile("[\u2e80-\u2fd5\ufb00-\ufb06]")


def clean(text: str) -> str:
    """The text in NFC, without control, zero-width and reordering characters; every line end is a newline."""
    text = SPACES.sub(" ", LINE_ENDS.sub("\n", text))
    text = UNSEEN.sub("", text)
    text = VARIANTS.sub(r"\1", JOINERS.sub("", text))
    text = LOOKALIKES.sub(lambda found: unicodedata.normalize("NFKC", found[0]), text)
    return unicodedata.normalize("NFC", text)


def line(text: str) -> str:
    """The cleaned text on one line, inner white space single."""
    return re.sub(r"[ \n]+", " ", clean(text)).strip(" \u3000")


def joined(texts: Iterable[str]) -> str:
    """Lines as running text: no space within Japanese, words that were divided at a line's end made whole."""
    whole = ""
    for text in map(line, texts):
        if not whole or not text:
            whole += text
        elif whole[-1] in "-\u2010" and whole[-2:-1].isalpha() and text[0].islower():
            whole = whole[:-1] + text
        elif EAST_ASIAN.match(whole[-1]) and EAST_ASIAN.match(text[0]):
            whole += text
        else:
            whole += f" {text}"
    return whole


def decode(data: bytes, declared: str = "") -> str | None:
    """The characters of a text file; None when the bytes are no text in any encoding we know.

    A byte-order mark decides, then valid UTF-8, then what the file declares, then the likeliest of ENCODINGS.
    """
    for mark, encoding in MARKS.items():
        if data.startswith(mark):
            return data.decode(encoding, errors="replace").replace("\ufffd", "")
    for content, encoding in (
        (data, "iso2022_jp" if b"\x1b$" in data else ""),  # all its bytes are ASCII
        (data, "utf-8"),
        (SURROGATES.sub(b"", data), "utf-8"),
        (data, declared),
    ):
        text = strictly(content, encoding)
        if text is not None and not binary(text):
            return text
    likeliest = from_bytes(data, cp_isolation=ENCODINGS).best()
    if likeliest is None:
        return mostly_utf8(data)
    return None if binary(str(likeliest)) else str(likeliest)


def strictly(data: bytes, encoding: str) -> str | None:
    """The bytes in this encoding, or None when they are not, or when nobody knows it."""
    try:
        return data.decode(encoding) if encoding else None
    except (UnicodeError, LookupError):
        return None


def mostly_utf8(data: bytes) -> str | None:
    """UTF-8 with a few damaged bytes (a file cut in the middle of a character), which are left out."""
    text = data.decode("utf-8", errors="replace")
    lost = text.count("\ufffd")
    return text.replace("\ufffd", "") if lost <= len(text) // 100 and not binary(text) else None


def binary(text: str) -> bool:
    """Whether more than one character in fifty is a control character, which no written text has."""
    sample = text[:20_000]
    return sum(
        unicodedata.category(letter) in ("Cc", "Cn") and letter not in "\t\n\r\f" for letter in sample
    ) > (len(sample) // 50)


def words(text: str) -> frozenset[str]:
    """A set of words, written as a text."""
    return frozenset(text.split())
