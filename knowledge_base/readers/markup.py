"""From an HTML tree to an outline: what a visitor of the page can read, in order, as Markdown.

Markdown files and Word documents are read through here too, as HTML made by markdown-it and mammoth, so that
lists and tables are understood in one place. Emphasis and link targets are left out: they cost the embedder
tokens and tear quotes apart.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator

from lxml import etree  # type: ignore[import-untyped]
from lxml.html import HtmlElement, HTMLParser, document_fromstring  # type: ignore[import-untyped]

from knowledge_base.readers.outline import Outline
from knowledge_base.readers.tables import markdown_table
from knowledge_base.readers.text import EAST_ASIAN_LETTERS, clean, line, words

DEEPEST = 6  # of <h1> … <h6>; a folded part or a question of a list stands below all of them
BLOCKS = words(
    """address article aside blockquote body caption center dd details dialog dir div dl dt fieldset
    figcaption figure footer form header hgroup hr html legend li main nav ol p pre section summary
    table tbody td tfoot th thead tr ul h1 h2 h3 h4 h5 h6"""
)
HEADINGS = {f"h{level}": level for level in range(1, DEEPEST + 1)}
LISTS = ("ul", "ol", "dir", "menu")
STRUCTURE = ("table", "pre", "details", "dl", *HEADINGS)  # would be torn apart by the lines of a list
SPECIAL = re.compile(
    r"[*_<>`\[\]|#]"
)  # in code that stands in a sentence, Markdown would take these for its own
LONGEST_REPEATED = 200  # letters of a cell that reaches over others
FILE_NAME = re.compile(r"^\S+\.(?:png|jpe?g|gif|svg|webp|bmp)$", re.IGNORECASE)
ANCHORS = frozenset("¶#§🔗")
QUESTION = re.compile(r"[?？]\W{0,9}$")
WRAPPED = re.compile(
    rf"(?<=[{EAST_ASIAN_LETTERS}])[ \t]*\n\s*+(?=[{EAST_ASIAN_LETTERS}])"
)  # a line end inside Japanese is no space
DECLARATION = re.compile(r"^\s*<\?xml[^>]*\?>")


def tree(text: str, outline: Outline) -> HtmlElement | None:
    """The text parsed as HTML, however broken; nothing is fetched or looked up. None if it is empty."""
    parser = HTMLParser(huge_tree=True, no_network=True, remove_comments=True, remove_pis=True)
    try:
        root = document_fromstring(DECLARATION.sub("", clean(text)), parser=parser)
    except etree.ParserError:  # "Document is empty"
        return None
    if any(fault.type == etree.ErrorTypes.ERR_RESOURCE_LIMIT for fault in parser.error_log):
        outline.note("The page nests too deeply to be read to its end; please check.")
    return root


def walk(root: HtmlElement, outline: Outline) -> None:
    """Tell the outline everything below root."""
    _Walk(outline).run(root)


class _Walk:
    """One pass over the tree by events, not by recursion: pages nest as deeply as their makers please."""

    def __init__(self, outline: Outline) -> None:
        self.outline = outline
        self.inline: list[str] = []
        self.marker = ""  # "2. " of a list item whose text has not begun
        self.folds = 0  # <details> and description lists that are open here
        self.asking: list[bool] = []  # of those description lists: whether they hold questions
        self.items: Counter[HtmlElement] = Counter()  # met so far, by their list

    def run(self, root: HtmlElement) -> None:
        visit(root, self.enter, self.leave)
        self.flush()

    def enter(self, element: HtmlElement) -> bool:
        """Take in where an element begins; False when the whole of it has been dealt with."""
        if element.tag in BLOCKS:
            self.flush()
        if self.whole(element):
            return False
        if (piece := inline_piece(element)) is not None:
            self.inline.append(piece)
            return False
        if element.tag == "li":
            above = element.getparent()
            self.marker = marker_of(element, self.items[above])
            self.items[above] += 1
        elif element.tag == "dl":
            self.asking.append(asks(element))
        self.folds += element.tag in ("details", "dl")
        self.inline.append(flowing(element.text))
        return True

    def whole(self, element: HtmlElement) -> bool:
        """Add an element that is a block, or a heading, of its own; False when it is to be walked into."""
        tag = element.tag
        if tag in HEADINGS:
            self.outline.heading(HEADINGS[tag], text_of(element))
        elif tag == "summary" or (tag == "dt" and any(self.asking[-1:])):
            self.outline.heading(DEEPEST + max(self.folds, 1), text_of(element))
        elif tag == "pre":
            self.outline.add(fenced(code_of(element)), "code")
        elif tag in LISTS and not holds(element, STRUCTURE):
            self.outline.add("\n".join(items(element)), "list")
        elif tag == "dl" and not asks(element) and not holds(element, STRUCTURE[:-1]):
            self.outline.add("\n".join(definitions(element)), "list")
        elif tag == "table" and not is_layout(element):
            self.outline.add("\n".join(text_of(caption) for caption in element.findall("caption")))
            self.outline.add(table(element), "table")
        else:
            return False
        return True

    def leave(self, element: HtmlElement, refused: bool) -> None:
        """Take in where an element ends, and the text between it and the next."""
        if not refused:
            if element.tag in BLOCKS:
                self.flush()
            self.inline.append(address_of(element))
            if element.tag in ("details", "dl"):
                self.outline.close(DEEPEST + self.folds)
                self.folds -= 1
            if element.tag == "dl":
                self.asking.pop()
        self.inline.append(flowing(element.tail))

    def flush(self) -> None:
        """The text gathered so far is a paragraph."""
        if text := paragraph("".join(self.inline)):
            self.outline.add(self.marker + text)
            self.marker = ""
        self.inline.clear()


def visit(
    root: HtmlElement, enter: Callable[[HtmlElement], bool], leave: Callable[[HtmlElement, bool], None]
) -> None:
    """Call enter and leave for every element in order; what `enter` refuses is left at once."""
    events = etree.iterwalk(root, events=("start", "end"))
    refused: HtmlElement | None = None
    for event, element in events:
        if event == "end":
            leave(element, element is refused)
            refused = None
        elif not enter(element):
            events.skip_subtree()
            refused = element


def text_of(root: HtmlElement, without: Collection[HtmlElement] = ()) -> str:
    """The text below root as a browser shows it, blocks on lines of their own."""
    parts: list[str] = []

    def enter(element: HtmlElement) -> bool:
        piece = "" if element in without else inline_piece(element)
        if piece is not None:
            parts.append(piece)
            return False
        parts.append("\n" if element.tag in BLOCKS else "")
        parts.append(flowing(element.text))
        return True

    def leave(element: HtmlElement, refused: bool) -> None:
        if not refused:
            parts.append("\n" if element.tag in BLOCKS else address_of(element))
        if element is not root:
            parts.append(flowing(element.tail))

    visit(root, enter, leave)
    return paragraph("".join(parts))


def items(element: HtmlElement, depth: int = 0) -> Iterator[str]:
    """A list as Markdown lines, inner lists indented below their item."""
    indent = "   " * depth
    met = 0
    for child in element:
        if child.tag in LISTS:  # a list directly in a list, as old editors write it
            yield from items(child, depth + 1)
            continue
        inner = [part for part in child if part.tag in LISTS]
        if said := text_of(child, without=inner):
            first, *more = said.split("\n")
            yield f"{indent}{marker_of(child, met)}{first}"
            met += 1
            yield from (f"{indent}   {part}" for part in more)
        for part in inner:
            yield from items(part, depth + 1)


def marker_of(item: HtmlElement, before: int) -> str:
    """The bullet or the number of a list item that has so many before it."""
    above = item.getparent()
    if above is None or above.tag != "ol":
        return "- "
    return f"{number_of(item.get('value'), number_of(above.get('start'), 1) + before)}. "


def definitions(element: HtmlElement) -> Iterator[str]:
    """A description list as a list of `term: description`."""
    terms: list[str] = []
    for child in element.iter("dt", "dd"):
        said = line(text_of(child))
        if child.tag == "dt":
            terms.append(said)
        elif said:
            yield f"- {', '.join(terms)}: {said}" if terms else f"- {said}"
            terms = []
    yield from (f"- {term}" for term in terms)


def asks(element: HtmlElement) -> bool:
    """Whether a description list is one of questions and answers."""
    return any(QUESTION.search(text_of(term)) for term in element.iter("dt"))


def is_layout(element: HtmlElement) -> bool:
    """Whether a table only places things on the page: it holds other structure, or one cell per row."""
    if holds(element, ("table", *HEADINGS)):
        return True
    return max((len(cells_of(row)) for row in element.iter("tr")), default=0) < 2


def table(element: HtmlElement) -> str:
    """A table of data in Markdown. A cell over several rows is repeated, so that each row stands alone."""
    rows: list[list[str]] = []
    reaching: dict[int, tuple[int, str]] = {}  # by column: rows still to fill, and with what
    for row in element.iter("tr"):
        filled = fill(cells_of(row), reaching, header=not rows)
        if any(filled):
            rows.append(filled)
    first = next((row for row in element.iter("tr") if cells_of(row)), None)
    headed = first is not None and all(cell.tag == "th" for cell in cells_of(first))
    return markdown_table(rows, headed=headed or element.find(".//th") is None)


def cells_of(row: HtmlElement) -> list[HtmlElement]:
    return [cell for cell in row if cell.tag in ("td", "th")]


def fill(cells: list[HtmlElement], reaching: dict[int, tuple[int, str]], *, header: bool) -> list[str]:
    """One row's texts, with those reaching into it from above; a wide heading stands over all its columns."""
    filled: list[str] = []
    waiting = iter(cells)
    while True:
        while len(filled) in reaching:
            left, text = reaching.pop(len(filled))
            if left > 1:
                reaching[len(filled)] = (left - 1, text)
            filled.append(text)
        if (cell := next(waiting, None)) is None:
            return filled
        text = line(text_of(cell))
        rows = min(number_of(cell.get("rowspan"), 1), 1000)
        short = len(text) <= LONGEST_REPEATED
        for offset in range(min(number_of(cell.get("colspan"), 1), 100)):
            if rows > 1:
                reaching[len(filled)] = (rows - 1, text if short else "")
            filled.append(text if not offset or (header and short) else "")


def inline_piece(element: HtmlElement) -> str | None:
    """What an element within a sentence says, where that is not simply its text."""
    match element.tag:
        case "br":
            return "\n"
        case "img":
            alt = line(element.get("alt") or "")
            return "" if FILE_NAME.match(alt) else alt
        case "a" if set(element.text_content().strip()) <= ANCHORS:
            return "" if not len(element) else None
        case "code" | "kbd" | "samp" | "tt":
            said = line(element.text_content())
            return f"`{said}`" if SPECIAL.search(said) and "`" not in said else None
    return None


def address_of(link: HtmlElement) -> str:
    """The mail address or telephone number behind a link's text, in brackets, unless the text says it."""
    scheme, _, rest = (link.get("href") or "").partition(":")
    address = line(rest.partition("?")[0])
    if link.tag != "a" or scheme.lower() not in ("mailto", "tel") or not address:
        return ""
    said = link.text_content()
    digits = re.sub(r"\D", "", address)
    known = address in said or (scheme.lower() == "tel" and digits[-6:] in re.sub(r"\D", "", said))
    return "" if known else f" ({address})"


def code_of(element: HtmlElement) -> str:
    """Code as it was typed, line by line."""
    for breaking in element.iter("br"):
        breaking.tail = "\n" + (breaking.tail or "")
    return str(element.text_content())


def fenced(code: str) -> str:
    """Code between fences that are longer than any inside it."""
    code = clean(code).strip("\n")
    longest = max((len(run) for run in re.findall("`{3,}", code)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}\n{code}\n{fence}" if code.strip() else ""


def flowing(text: str | None) -> str:
    """The text of one node with its white space as a browser sees it."""
    return re.sub(r"\s+", " ", WRAPPED.sub("", text)) if text else ""


def paragraph(text: str) -> str:
    """Lines break where <br> or a block broke them, and nowhere else."""
    lines = (re.sub(" +", " ", part).strip(" \u3000") for part in clean(text).split("\n"))
    return "\n".join(part for part in lines if part)


def holds(element: HtmlElement, tags: Collection[str]) -> bool:
    return next(element.iterdescendants(*tags), None) is not None


def number_of(value: str | None, otherwise: int) -> int:
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 6 else otherwise
