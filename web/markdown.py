"""Answers as they are read in the console: rendered, compared with each other, and in a line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from html import unescape
from itertools import groupby
from operator import itemgetter

from flask import Flask
from markupsafe import Markup, escape

from bot.conversations.markdown import line, rendered
from bot.evaluation.differing import Piece, marked

TAG = re.compile(r"(<[^>]*>)")


def compared(one: str, other: str) -> tuple[Markup, Markup]:
    """Two texts as HTML, the words of each marked that the other does not say in that place."""
    ours, theirs = rendered(one), rendered(other)
    first, second = marked(_as_read(ours), _as_read(theirs))
    return Markup("").join(_with_marks(ours, first)), Markup("").join(_with_marks(theirs, second))


def _as_read(html: str) -> str:
    return unescape(TAG.sub("", html))


def _with_marks(html: str, pieces: Sequence[Piece]) -> Iterator[Markup]:
    """`pieces` are those of the text as it is read; one that goes on in another element is marked in both."""
    differ = (piece.differs for piece in pieces for _ in piece.text)
    for part in TAG.split(html):
        if TAG.fullmatch(part):
            yield Markup(part)  # noqa: S704 - the reader's own
            continue
        for differs, letters in groupby(zip(unescape(part), differ, strict=False), key=itemgetter(1)):
            said = "".join(letter for letter, _ in letters)
            yield Markup("<mark>{}</mark>").format(said) if differs and said.strip() else escape(said)


def plain(text: str) -> str:
    """The text as it reads, in one line without its marks: where there is room for its beginning alone."""
    return rendered(text).striptags()


def said(text: str) -> str:
    """The words of one line, without the marks among them."""
    return line(text).striptags()


def teach(app: Flask) -> None:
    """Templates may say `{{ text | markdown }}`, and `{{ text | plain | truncate(80) }}`."""
    app.add_template_filter(rendered, "markdown")
    app.add_template_filter(plain, "plain")
