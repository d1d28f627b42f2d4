"""The Markdown that customers, documents and models write, as HTML that is safe on a page of ours."""

from __future__ import annotations

import re
from functools import cache

from markdown_it import MarkdownIt
from markupsafe import Markup

EMPTY_HEADING = re.compile(r"<th([^>]*)></th>")
LINE_END = re.compile(r"\r\n?|\n")  # as the reader counts lines


@cache
def _reader() -> MarkdownIt:
    """Markup in the text stays text, an image is not loaded, and a link leads to http(s) or mail alone."""
    return MarkdownIt("commonmark", {"html": False, "breaks": True}).enable("table").disable("image")


def rendered(text: str) -> Markup:
    """The text as HTML. The empty corner of a table heads nothing; a wide table is scrolled by keyboard."""
    html = EMPTY_HEADING.sub(r"<td\1></td>", _reader().render(text))
    html = html.replace("<table>", '<table tabindex="0">')
    return Markup(html)  # noqa: S704 - the reader escapes whatever it did not write itself


def line(text: str) -> Markup:
    """One line of a text as HTML: its marks, and no paragraph around it."""
    return Markup(_reader().renderInline(text))  # noqa: S704 - as above


def beginning(text: str, most: int) -> str:
    """As many of the text's paragraphs, lists and tables as have at most so many characters together, and at
    least the first: none is cut, for what is left of one would show its marks.
    """
    if len(text) <= most:
        return text
    lines = LINE_END.split(text)
    ends = [block.map[1] for block in _reader().parse(text) if block.level == 0 and block.map]
    fitting = [end for end in ends if len("\n".join(lines[:end])) <= most] or ends[:1] or [len(lines)]
    return "\n".join(lines[: fitting[-1]]).rstrip()
