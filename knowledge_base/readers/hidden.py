"""What a visitor of a page cannot see does not reach the text: instructions to a bot hide where nobody looks.

Folded content is kept: an accordion or a tab hides its panel only until somebody presses its control.
"""

import re
from collections.abc import Iterator
from itertools import islice

from lxml.html import HtmlElement  # type: ignore[import-untyped]

from knowledge_base.readers.text import line, words

SILENT = words(
    """audio base canvas datalist embed frame frameset head iframe input link meta noembed noscript object
    option param progress rp rt rtc script select source style svg template textarea title track video"""
)
HIDING = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*(?:hidden|collapse)|(?:opacity|font-size)\s*:\s*(?:0+(?:\.0*)?|\.0+)(?:px|r?em|pt|%)?\s*(?:!|;|$)",
    re.IGNORECASE,
)
COMMENT = re.compile(r"/\*(?:[^*]|\*(?!/))*(?:\*/|\Z)")
CONDITIONAL = re.compile(
    r"@[^{};@]+\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}"
)  # @media print hides what the screen shows
RULE = re.compile(r"(?:^|[{}])([^{}]{1,500}+)\{([^{}]*)(?=\})")
SIMPLE = re.compile(r"^\s*[a-z0-9]*([.#][\w-]+)\s*$", re.IGNORECASE)
QUOTED = re.compile(r"['\"]#?([\w-]+)['\"]")
NEAR = 20  # elements: a control is not buried in what stands before its panel
CONTROLLING = ("aria-controls", "data-target", "data-bs-target", "href")


def prune(root: HtmlElement) -> int:
    """Remove from the tree what is never shown; how many hidden pieces of text went with it."""
    rules = hidden_by_stylesheet(root)
    shown = targets_of_controls(root)
    pieces = 0
    for element in list(root.iter()):
        if not isinstance(element.tag, str):
            element.drop_tree()
        elif element is root or element.tag in ("html", "body"):
            continue
        elif element.tag in SILENT:
            element.drop_tree()
        elif concealed(element, rules) and not unfolds(element, shown):
            pieces += bool(line(element.text_content()))
            element.drop_tree()
    return pieces


def hidden_by_stylesheet(root: HtmlElement) -> frozenset[str]:
    """The classes (`.name`) and ids (`#name`) that the page's own style sheets hide."""
    sheets = "\n".join(style.text or "" for style in root.iter("style"))
    sheets = CONDITIONAL.sub("", COMMENT.sub("", sheets))
    return frozenset(
        found[1]
        for selectors, declarations in RULE.findall(sheets)
        if HIDING.search(declarations)
        for selector in selectors.split(",")
        if (found := SIMPLE.match(selector))
    )


def concealed(element: HtmlElement, rules: frozenset[str]) -> bool:
    """Whether the element says, or the page's style sheet says, that it is not shown."""
    if element.get("hidden") is not None or element.get("aria-hidden", "").lower() == "true":
        return True
    if element.tag == "dialog" and element.get("open") is None:
        return True
    if HIDING.search(element.get("style") or ""):
        return True
    return bool(rules) and not rules.isdisjoint(names_of(element))


def names_of(element: HtmlElement) -> Iterator[str]:
    yield from (f".{name}" for name in (element.get("class") or "").split())
    if identity := element.get("id"):
        yield f"#{identity}"


def targets_of_controls(root: HtmlElement) -> frozenset[str]:
    """The ids of what links, buttons and tabs on the page bring to view."""
    found: set[str] = set()
    for element in root.iter("a", "button", "div", "li", "span", "h2", "h3", "h4", "dt"):
        for attribute in CONTROLLING:
            value = element.get(attribute) or ""
            if attribute == "aria-controls" or value.startswith("#"):
                found.update(part.lstrip("#") for part in value.split())
        found.update(QUOTED.findall(element.get("onclick") or ""))
    return frozenset(found)


def unfolds(element: HtmlElement, shown: frozenset[str]) -> bool:
    """Whether a control of the page brings the element to view."""
    if (
        element.get("id") in shown
        or element.get("role") == "tabpanel"
        or element.get("hidden") == "until-found"
    ):
        return True
    before = element.getprevious()
    return (
        before is not None
        and isinstance(before.tag, str)
        and any(map(is_control, islice(before.iter(), NEAR)))
    )


def is_control(element: HtmlElement) -> bool:
    return (
        element.tag in ("button", "summary")
        or element.get("role") == "button"
        or element.get("aria-expanded") is not None
    )
