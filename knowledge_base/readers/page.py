"""HTML pages: the content of a help page without the site around it."""

import re
from collections.abc import Iterator

from lxml import etree  # type: ignore[import-untyped]
from lxml.html import HtmlElement  # type: ignore[import-untyped]

from knowledge_base.readers import hidden, markup
from knowledge_base.readers.outline import Outline
from knowledge_base.readers.source import Source
from knowledge_base.readers.text import line

FURNITURE_ROLES = frozenset(
    ("navigation", "banner", "contentinfo", "search", "dialog", "alertdialog", "menubar")
)
FURNITURE_CLASSES = frozenset("breadcrumb breadcrumbs skip-link skip-to-content skiplink".split())
CONTENT = ("main", "article", "section")
LEAST = 200  # characters that must be left for a page to be more than its furniture


def read(source: Source) -> Outline:
    """Everything a visitor can read, without navigation and footer."""
    outline = Outline()
    root = markup.tree(source.text)
    if root is None:
        return outline
    title = root.find(".//title")
    outline.title = line(title.text_content()) if title is not None else ""
    if pieces := hidden.prune(root):
        outline.note(
            f"{pieces} hidden {'piece' if pieces == 1 else 'pieces'} of text, which no visitor of the page sees, left out."
        )
    clear(root)
    markup.walk(root, outline)
    return outline


def clear(root: HtmlElement) -> None:
    """Remove the furniture of the site, unless that would leave hardly anything."""
    found = list(furniture(root))
    whole = len(line(root.text_content()))
    left = whole - sum(len(line(element.text_content())) for element in found)
    if left >= min(LEAST, whole / 2):
        for element in found:
            element.drop_tree()


def furniture(root: HtmlElement) -> Iterator[HtmlElement]:
    """The outermost elements that belong to the site and not to the page."""
    has_content = any(line(element.text_content()) for element in root.iter("main", "article"))
    events = etree.iterwalk(root, events=("start",))
    for _, element in events:
        if is_furniture(element, has_content=has_content):
            events.skip_subtree()
            yield element


def is_furniture(element: HtmlElement, *, has_content: bool) -> bool:
    """Navigation anywhere; a footer of the page; beside a marked main part also the page's header and asides."""
    if element.tag in ("html", "body"):
        return False
    if element.tag == "nav" or element.get("role") in FURNITURE_ROLES:
        return True
    if not FURNITURE_CLASSES.isdisjoint((element.get("class") or "").lower().split()):
        return True
    if element.tag == "footer" or (has_content and element.tag in ("header", "aside")):
        outside = next(element.iterancestors(*CONTENT), None) is None
        return outside and (element.tag == "footer" or element.find(".//h1") is None)
    return False


def declared_encoding(data: bytes) -> str:
    """The encoding that a page names in its first kilobytes."""
    found = re.search(
        rb"charset\s*=\s*[\"']?\s*([\w.:-]+)|<\?xml[^>]*encoding\s*=\s*[\"']([\w.:-]+)",
        data[:4096],
        re.IGNORECASE,
    )
    return (found[1] or found[2]).decode("ascii") if found else ""
