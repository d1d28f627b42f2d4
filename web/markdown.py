"""Markdown that customers, documents and models wrote, as HTML that is safe on a page of ours."""

from __future__ import annotations

import re
from functools import cache

from flask import Flask
from markdown_it import MarkdownIt
from markupsafe import Markup

EMPTY_HEADING = re.compile(r"<th([^>]*)></th>")


@cache
def _renderer() -> MarkdownIt:
    """Markup in the text stays text, an image is not loaded, and a link leads to http(s) or mail alone."""
    return MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table").disable("image")


def rendered(text: str) -> Markup:
    """The text as HTML. The empty corner of a table heads nothing; a wide table is scrolled by keyboard."""
    html = EMPTY_HEADING.sub(r"<td\1></td>", _renderer().render(text))
    html = html.replace("<table>", '<table tabindex="0">')
    return Markup(html)  # noqa: S704 - the renderer escapes whatever it did not write itself


def plain(text: str) -> str:
    """The text as it reads, in one line without its marks: where there is room for its beginning alone."""
    return rendered(text).striptags()


def said(text: str) -> str:
    """The words of one line, without the marks among them."""
    return Markup(_renderer().renderInline(text)).striptags()  # noqa: S704 - as above; no tag is left of it


def teach(app: Flask) -> None:
    """Templates may say `{{ text | markdown }}`, and `{{ text | plain | truncate(80) }}`."""
    app.add_template_filter(rendered, "markdown")
    app.add_template_filter(plain, "plain")
