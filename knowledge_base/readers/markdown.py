"""Markdown, by way of the HTML it stands for; HTML written into it is read as on a page."""

import re

from markdown_it import MarkdownIt

from knowledge_base.readers import hidden, markup
from knowledge_base.readers.outline import Outline
from knowledge_base.readers.source import Source
from knowledge_base.readers.text import line

FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL)
TITLE = re.compile(r"^title[ \t]*:[ \t]*(.+)$", re.MULTILINE | re.IGNORECASE)
CALLOUT = re.compile(r"^([ \t]*(?:>[ \t]*)+)\[![A-Za-z]+\][ \t]*$", re.MULTILINE)
ATTRIBUTES = re.compile(r"\{[#.:][^{}\n]*\}[ \t]*$", re.MULTILINE)  # {#anchor} behind a heading, {.class}


def read(source: Source) -> Outline:
    outline = Outline()
    text = source.text
    if front := FRONT_MATTER.match(text):
        text = text[front.end() :]
        if title := TITLE.search(front[1]):
            outline.title = line(title[1]).strip("\"'")
    text = ATTRIBUTES.sub("", CALLOUT.sub(r"\1", text))
    root = markup.tree(MarkdownIt("commonmark", {"html": True}).enable("table").render(text), outline)
    if root is not None:
        if hidden.prune(root):
            outline.note("Hidden text inside the Markdown was left out.")
        markup.walk(root, outline)
    return outline


def looks_so(text: str) -> int:
    """How many different signs of Markdown the beginning of a text shows."""
    return sum(bool(sign.search(text[:20_000])) for sign in SIGNS)


SIGNS = [
    re.compile(pattern, re.MULTILINE)
    for pattern in (
        r"^#{1,6} \S",
        r"^(?:```|~~~)",
        r"^[^\s].*\n(?:={3,}|-{3,})[ \t]*$",
        r"\[[^\[\]\n]+\]\((?:https?:|/|#|\.|mailto:)[^)\s]*\)",
        r"^\|?[ \t]*:?-{3,}:?[ \t]*\|",
        r"\*\*[^\s*][^*\n]*\*\*",
    )
]
