"""Every sentence of the interface is there in Japanese, and what is compiled is what is written."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

WEB = Path(__file__).parent.parent.parent / "web"
JAPANESE = WEB / "translations" / "ja" / "LC_MESSAGES"
METHODS = [("**.py", "python"), ("**/templates/**.html", "jinja2")]
KEYWORDS = {"_": None, "_l": None, "gettext": None, "lazy_gettext": None, "ngettext": (1, 2)}
PLACEHOLDER = re.compile(r"%\(\w+\)s|\{\w+\}")


def catalogue() -> Catalog:
    return read_po(BytesIO((JAPANESE / "messages.po").read_bytes()), locale="ja")


def forms(told: str | tuple[str, ...]) -> tuple[str, ...]:
    """A sentence, or its forms for one and for several."""
    return (told,) if isinstance(told, str) else told


def test_every_sentence_has_its_japanese() -> None:
    known = {message.id: all(forms(message.string)) for message in catalogue() if message.id}
    said = {message for _, _, message, _, _ in extract_from_dir(WEB, METHODS, keywords=KEYWORDS)}
    assert sorted((sentence for sentence in said if not known.get(sentence)), key=str) == []


def test_no_translation_outlives_its_sentence() -> None:
    said = {message for _, _, message, _, _ in extract_from_dir(WEB, METHODS, keywords=KEYWORDS)}
    outlived = (message.id for message in catalogue() if message.id and message.id not in said)
    assert sorted(outlived, key=str) == []


def test_a_translation_keeps_the_places_that_are_filled_in() -> None:
    for message in catalogue():
        for sentence in forms(message.id):
            for translation in forms(message.string):
                filled_in = sorted(PLACEHOLDER.findall(sentence))
                assert filled_in == sorted(PLACEHOLDER.findall(translation)), message.id


def test_the_compiled_catalogue_is_the_written_one() -> None:
    compiled = BytesIO()
    write_mo(compiled, catalogue())
    assert compiled.getvalue() == (JAPANESE / "messages.mo").read_bytes(), "run 'make translations'"
