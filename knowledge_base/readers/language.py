"""Which language a document is written in: Japanese and English are told from everything else, cheaply."""

import re

from knowledge_base.readers.text import words

KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa\uff66-\uff9d]")
HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff]")
WORD = re.compile(r"[^\W\d_]+")
LATIN = re.compile("[A-Za-z]")
# The commonest English words that German, French, Spanish, Italian, Dutch and Portuguese do not share.
ENGLISH = words(
    """the of and to is for with that this it you your are be by from have has not can will when if how what
    which or our we they at its their please do does"""
)
UNKNOWN = "und"  # ISO 639-2: undetermined


def language_of(text: str) -> str:
    """`ja`, `en`, or `und` when it is neither or there is too little to tell."""
    sample = text[:50_000]
    kana, han, latin = (len(script.findall(sample)) for script in (KANA, HAN, LATIN))
    letters = sum(map(len, WORD.findall(sample)))
    if kana * 20 >= max(letters - latin, 1) and (kana + han) * 10 >= letters:
        return "ja"
    said = [word.lower() for word in WORD.findall(sample)]
    if latin * 10 < letters * 9 or not said:
        return UNKNOWN
    common = sum(word in ENGLISH for word in said)
    return "en" if common * 20 >= len(said) else UNKNOWN
