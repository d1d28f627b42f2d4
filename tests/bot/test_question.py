"""Whatever a customer types becomes text that can be read, stored and shown."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.conversations.question import clean, language_of


@given(st.text(st.characters(codec=None)))
def test_any_text_becomes_text_that_can_be_encoded_and_stored(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode("utf-8")
    assert not any(unicodedata.category(c) in ("Cc", "Cs") and c not in "\t\n" for c in cleaned)
    assert unicodedata.is_normalized("NFC", cleaned)
    assert clean(cleaned) == cleaned


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("How\x00 long?\x07", "How long?"),
        ("one\r\ntwo\rthree\u2028four", "one\ntwo\nthree\nfour"),
        ("broken \ud83d half", "broken  half"),
        ("か\u3099くせい", "がくせい"),
        ("price \u202e0001\u202c", "price 0001\u202c"),
        ("كم السعر؟", "كم السعر؟"),
        ("👩\u200d🔧 repairs?", "👩\u200d🔧 repairs?"),
        ("  \ufeff ", ""),
    ],
)
def test_what_no_keyboard_types_is_left_out(typed: str, read: str) -> None:
    assert clean(typed) == read


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("How do I clean it?", "en"),
        ("掃除の仕方は？", "ja"),
        ("保証期間", "ja"),
        ("WF-1000XM5 Bluetooth Multipointに対応？", "ja"),
        ("What does the おやすみ button do at night?", "en"),
        ("iPhoneで使えますか", "ja"),
        ("500?", "de"),
        ("OK", "de"),
        ("🙂", "de"),
    ],
)
def test_the_language_is_told_by_the_script(text: str, language: str) -> None:
    assert language_of(text, "de") == language
