"""What the layers below say is told to people in their own language."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import force_locale

from web.sentences import SENTENCES, VALUE, pattern_of, told

ROOT = Path(__file__).parents[2]
JAPANESE = re.compile(r"[぀-ヿ一-鿿]")

Say = Callable[[str], str]


@pytest.fixture
def in_japanese(app: Flask) -> Say:
    def say(sentence: str) -> str:
        with app.test_request_context(), force_locale("ja"):
            return told(sentence)

    return say


def written_below() -> str:
    """Everything that the layers below have in quotation marks, with a mark where a value is put in."""
    paths = [
        path for package in ("knowledge_base", "strategies", "bot") for path in (ROOT / package).rglob("*.py")
    ]
    nodes = (node for path in paths for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    return "\n".join(
        node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def test_every_sentence_is_still_written_somewhere_below() -> None:
    below = written_below()
    for sentence in SENTENCES:
        pieces = [piece.strip("'") for piece in VALUE.split(sentence)[::2]]
        missing = [piece for piece in pieces if len(piece.strip(" .;'")) > 3 and piece not in below]
        assert not missing, (sentence, missing)


def test_every_sentence_is_said_in_japanese_with_what_was_put_into_it(in_japanese: Say) -> None:
    for sentence in SENTENCES:
        values = {name: name.upper() for name in VALUE.findall(sentence)}
        said = in_japanese(sentence % values)
        assert JAPANESE.search(said), said
        assert [value for value in values.values() if value not in said] == [], said


def test_a_file_with_an_apostrophe_in_its_name_is_named(in_japanese: Say) -> None:
    assert "Ann's.pdf" in in_japanese(f"{chr(34)}Ann's.pdf{chr(34)} holds no text.")


def test_reasons_that_stand_one_behind_the_other_are_told_one_by_one(in_japanese: Say) -> None:
    said = in_japanese("no passage was found; the moon is full")
    assert JAPANESE.search(said)
    assert said.endswith("; the moon is full")


def test_an_unknown_sentence_is_shown_as_it_is(in_japanese: Say) -> None:
    assert in_japanese("the moon is full") == "the moon is full"


def test_a_sentence_stands_for_itself_alone() -> None:
    for sentence in SENTENCES:
        as_it_is = sentence % dict.fromkeys(VALUE.findall(sentence), "x")
        same = [other for other in SENTENCES if re.fullmatch(pattern_of(other), as_it_is)]
        assert same[0] == sentence
