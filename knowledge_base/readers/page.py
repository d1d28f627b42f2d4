"""HTML pages: the content of a help page without the site around it."""

import re
from collections.abc import Iterator

from lxml import etree  # type: ignore[import-untyped]
from lxml.html import HtmlElement  # type: ignore[import-untyped]

from knowledge_base.readers import hidden, markup
from knowledge_base.readers.outline import Outline
from knowledge_base.readers.source import Source
from knowledge_base.readers.text import line, words

FURNITURE_ROLES = frozenset(
    ("navigation", "banner", "contentinfo", "search", "dialog", "alertdialog", "menubar")
)
FURNITURE_CLASSES = words("breadcrumb breadcrumbs skip skip-link skip-to-content skiplink")
LEAST = 200  # characters that must be left for a page to be more than its furniture


def read(source: Source) -> Outline:
    """Everything a visitor can read, without navigation and footer."""
    outline = Outline()
    root = markup.tree(source.text, outline)
    if root is None:
        return outline
    outline.title = title_of(root)
    if pieces := hidden.prune(root):
        outline.note(
            "1 hidden piece of text, which no visitor of the page sees, left out."
            if pieces == 1
            else f"{pieces} hidden pieces of text, which no visitor of the page sees, left out."
        )
    markup.walk(content(root), outline)
    return outline


def title_of(root: HtmlElement) -> str:
    """A heading over the page, else the title of its window."""
    for tag in ("h1", "title"):
        found = [line(element.text_content()) for element in root.iter(tag)]
        if len(found) == 1 and found[0]:
            return found[0]
    return ""


def content(root: HtmlElement) -> HtmlElement:
    """The page without the site around it; everything, where that would leave hardly anything."""
    whole = length(root)
    found = list(furniture(root))
    if whole - sum(map(length, found)) >= min(LEAST, whole / 2):
        for element in found:
            element.drop_tree()
    marked = [element for element in root.iter() if element.tag == "main" or element.get("role") == "main"]
    return marked[0] if len(marked) == 1 and length(marked[0]) * 2 >= length(root) else root


def length(element: HtmlElement) -> int:
    return len(line(element.text_content()))


def furniture(root: HtmlElement) -> Iterator[HtmlElement]:
    """The outermost elements that belong to the site and not to the page."""
    events = etree.iterwalk(root, events=("start",))
    for _, element in events:
        if is_furniture(element):
            events.skip_subtree()
            yield element


def is_furniture(element: HtmlElement) -> bool:
    """Navigation anywhere, and the footer of the page, which is not that of an article in it."""
    if element.tag in ("html", "body"):
        return False
    if element.tag == "nav" or element.get("role") in FURNITURE_ROLES:
        return True
    if not FURNITURE_CLASSES.isdisjoint((element.get("class") or "").lower().split()):
        return True
    return element.tag == "footer" and next(element.iterancestors("main", "article", "section"), None) is None


def declared_encoding(data: bytes) -> str:
    """The encoding that a page names in its first kilobytes."""
    found = re.search(
        rb"charset\s*=\s*[\"']?\s*([\w.:-]+)|<\?xml[^>]*encoding\s*=\s*[\"']([\w.:-]+)",
        data[:4096],
        re.IGNORECASE,
    )
    return (found[1] or found[2]).decode("ascii") if found else ""
