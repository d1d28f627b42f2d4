"""The Markdown that customers, documents, models and the desk write: as HTML that is safe on a page of ours,
and as the plain text of a letter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
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


def unmarked(text: str) -> str:
    """The text as a letter says it, where nothing is drawn: without its marks. Lists keep their bullets and
    numbers, the cells of a row stand in a line, and behind a link's words stands where it leads.
    """
    return "\n\n".join(map(_block, SyntaxTreeNode(_reader().parse(text)).children))


def _block(node: SyntaxTreeNode) -> str:
    match node.type:
        case "bullet_list" | "ordered_list":
            return "\n".join(_items(node))
        case "blockquote":
            return _indented("\n\n".join(map(_block, node.children)), "> ", "> ")
        case "table":
            rows = (row for part in node.children for row in part.children)
            return "\n".join(" | ".join(map(_block, row.children)) for row in rows)
        case "fence" | "code_block":
            return node.content.rstrip("\n")
        case "hr":
            return "---"
        case _:
            return "".join(map(_words, node.children))


def _items(node: SyntaxTreeNode) -> Iterator[str]:
    for number, item in enumerate(node.children, int(node.attrs.get("start", 1))):
        mark = f"{number}. " if node.type == "ordered_list" else "- "
        yield _indented("\n".join(map(_block, item.children)), mark, " " * len(mark))


def _indented(text: str, first: str, further: str) -> str:
    return first + text.replace("\n", f"\n{further}")


def _words(node: SyntaxTreeNode) -> str:
    if node.type in ("softbreak", "hardbreak"):
        return "\n"
    if node.type != "link":
        return "".join(map(_words, node.children)) if node.children else node.content
    words = "".join(map(_words, node.children))
    leads_to = _reader().normalizeLinkText(str(node.attrs["href"])).removeprefix("mailto:")
    return words if leads_to in words else f"{words} ({leads_to})"
