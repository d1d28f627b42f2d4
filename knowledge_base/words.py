"""A text as the words by which it is found, in English and Japanese.

A word index is only as good as its words, and a question and a passage must be cut alike. Capitals, accents
and full-width letters are folded, and English words lose their endings. Codes and numbers stay findable
however they are written: E-204 and e204, v2.3.1 and 2.3.1, 1,200 and 1200. Japanese has no spaces: Sudachi
finds its words, and gives those that are written in several ways (サーバ, サーバー; 引越し, 引っ越し) one
form.
"""

import re
import threading
import unicodedata
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from typing import Any

AT_ONCE = 4000  # characters for Sudachi, which refuses more than 49,149 bytes

_WORD = re.compile(
    r"(?P<number>(?:v(?=\d+\.\d))?\d+(?:[.,]\d+)*)"
    r"|(?P<word>[a-z][a-z0-9]*(?:[-_./'’][a-z0-9]+)*)"
    r"|(?P<japanese>[\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+)"
    r"|(?P<other>[^\W_]+)"
)
_MARKS = re.compile(r"(?<=[a-z])[\u0300-\u036f]+")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_GRAMMAR = frozenset(["助詞", "助動詞", "補助記号", "空白"])  # particles, endings, punctuation, blanks
_JAPANESE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
_KANJI = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff]")
_WIDE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uff00-\uffef]")
SYNONYM, COMMON_SIGN = 0.8, 0.35  # how near such words are
_lock = threading.Lock()  # neither Sudachi's tokenizer nor the stemmer is for two threads


def terms(text: str) -> list[str]:
    """In order, with repetitions. A compound gives itself and its parts."""
    found: list[str] = []
    for script, piece in pieces(text):
        if script == "japanese":
            for start in range(0, len(piece), AT_ONCE):
                found += _japanese(piece[start : start + AT_ONCE])
        else:
            found += spelt(script, piece)
    return found


def pieces(text: str) -> Iterator[tuple[str, str]]:
    """What stands between blanks and signs, folded, each a "number", a "word", "japanese" or "other"."""
    for match in _WORD.finditer(_folded(text)):
        yield str(match.lastgroup), match.group()


def spelt(script: str, piece: str) -> list[str]:
    """The words of a piece that needs no dictionary."""
    match script:
        case "number":
            return [_number(piece)]
        case "word":
            return _compound(piece)
        case _:
            return [piece]


def _folded(text: str) -> str:
    """Capitals, accents and full-width letters are the same letter; a voiced kana (が, か) is another one."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", plain)))


def _number(digits: str) -> str:
    """1,200 is 1200, v2.3.1 is 2.3.1; the list 1,2 stays what it is."""
    digits = digits.removeprefix("v")
    return digits.replace(",", "") if _GROUPED.fullmatch(digits) else digits


def _compound(word: str) -> list[str]:
    """Wi-Fi is wifi, wi and fi; the kettle's is the kettle."""
    word = re.sub(r"['’]s$", "", word)
    parts = re.split(r"[-_./]", re.sub(r"['’]", "", word))
    return [_stem(part) for part in (["".join(parts), *parts] if len(parts) > 1 else parts)]


@lru_cache(maxsize=50_000)
def _stem(word: str) -> str:
    with _lock:
        stem: str = _english().stemWord(word)
    return stem


@lru_cache(maxsize=10_000)
def _japanese(run: str) -> tuple[str, ...]:
    with _lock:
        return tuple(
            "".join(found.normalized_form().casefold().split())
            for found in _sudachi().tokenize(run)
            if found.part_of_speech()[0] not in _GRAMMAR
        )


def kindred(word: str, others: Iterable[str]) -> dict[str, float]:
    """Those of the others that are akin to the word and not the same, and how near, 0 to 1.

    Known of Japanese words: synonyms in Sudachi's dictionary (値段, 価格) are nearest, and a sign in common
    (返す, 返品) often tells of a common meaning.
    """
    if not _JAPANESE.match(word):
        return {}
    signs, groups = _kanji(word), _synonyms(word)
    found = {}
    for other in others:
        if other != word and not groups.isdisjoint(_synonyms(other)):
            found[other] = SYNONYM
        elif other != word and not signs.isdisjoint(_kanji(other)):
            found[other] = COMMON_SIGN
    return found


@lru_cache(maxsize=50_000)
def _kanji(word: str) -> frozenset[str]:
    return frozenset(_KANJI.findall(word))


@lru_cache(maxsize=50_000)
def _synonyms(word: str) -> frozenset[int]:
    """The groups of synonyms that Sudachi's dictionary has the word in."""
    if not _JAPANESE.match(word):
        return frozenset()
    with _lock:
        found = list(_sudachi().tokenize(word))
        return frozenset(found[0].synonym_group_ids()) if len(found) == 1 else frozenset()


@cache
def _english() -> Any:
    import snowballstemmer  # type: ignore[import-untyped]

    return snowballstemmer.stemmer("english")


@cache
def _sudachi() -> Any:
    from sudachipy import Dictionary, SplitMode  # type: ignore[import-untyped]

    return Dictionary(dict="small").tokenizer(mode=SplitMode.A)


_ENGLISH = """
a about after again all also am an and any are as at be because been before being both but by can cannot
could did do does doing don't down during each few for from further get had has have having he her here
hers him his how i if in into is it its just let many me more most much must my no nor not now of off on
once only or other our ours out over own please same shall she should so some such than that the their
theirs them then there these they this those through to too under until up very was we were what when where
which while who whom why will with would you your yours i'm i've can't won't isn't
"""
_JAPANESE_FORMS = """
何 どう どの どれ どこ どちら どんな いつ 誰 何故 幾ら 何時 如何 此れ 其れ 此の 其の あの 此処 此方 そこ
為る 居る 有る 成る 出来る 言う 下さる 頂く 貰う 御座る 思う 教える 知る つく よる
こと 事 物 為 よう 様 御 又 及び
"""
GRAMMATICAL = frozenset(word for piece in _ENGLISH.split() for word in _compound(piece)) | frozenset(
    _JAPANESE_FORMS.split()
)
"""Words that hold a question together and say little of what it is about."""


def estimated_tokens(text: str) -> int:
    """About how many tokens a model reads, where none of ours counts them: four letters each, one where a
    letter is a word (Chinese, Japanese, Korean).
    """
    wide = len(_WIDE.findall(text))
    return wide + (len(text) - wide + 3) // 4
