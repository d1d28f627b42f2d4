"""Where a piece of text stands in its document: a reader tells headings and blocks in reading order."""

from dataclasses import dataclass, field

from knowledge_base.passages import Block, BlockKind
from knowledge_base.readers.text import clean, line


@dataclass(eq=False)
class Heading:
    """A heading as it was met; level 1 is the outermost."""

    level: int
    text: str
    path: tuple["Heading", ...]
    page: int | None = None
    used: bool = False  # something stands below it


@dataclass(frozen=True)
class Piece:
    text: str
    path: tuple[Heading, ...]
    page: int | None
    kind: BlockKind


@dataclass
class Outline:
    """A document being read. `title` is what the file says of itself; a heading over everything wins."""

    title: str = ""
    named_by_heading: bool = True  # not so in a sheet: its first heading is a question
    notes: list[str] = field(default_factory=list)
    _items: list[Heading | Piece] = field(default_factory=list)
    _path: tuple[Heading, ...] = ()

    def heading(self, level: int, text: str, page: int | None = None) -> None:
        """What follows stands below this heading, until the next one of its level or above."""
        if text := line(text):
            self.close(level)
            heading = Heading(level, text, self._path, page)
            for above in self._path:
                above.used = True
            self._items.append(heading)
            self._path = (*self._path, heading)

    def close(self, level: int) -> None:
        """What follows stands below no heading of this level."""
        self._path = tuple(heading for heading in self._path if heading.level < level)

    def add(self, text: str, kind: BlockKind = "paragraph", page: int | None = None) -> None:
        """A block of the document, below the headings met so far."""
        text = clean(text).strip("\n") if kind == "code" else clean(text).strip(" \n\u3000")
        if text.strip():
            for heading in self._path:
                heading.used = True
            self._items.append(Piece(text, self._path, page, kind))

    def note(self, sentence: str) -> None:
        """Something was left out, said once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def heading_of_all(self) -> Heading | None:
        """The heading that names the whole document: the only one of its level, with none above it."""
        headings = [item for item in self._items if isinstance(item, Heading)]
        if not headings or not self.named_by_heading:
            return None
        top = min(heading.level for heading in headings)
        highest = [heading for heading in headings if heading.level == top]
        first = highest[0]
        alone = len(highest) == 1 and (top == 1 or self._items[0] is first)
        cover = len(highest) > 1 and self._items[0] is first and not first.used
        return first if alone or cover else None

    def finish(self, fallback: str) -> tuple[str, tuple[Block, ...]]:
        """The title and the blocks. A heading with nothing below it is a block, so that it is not lost."""
        name = self.heading_of_all()
        blocks = tuple(
            block(item, name)
            for item in self._items
            if isinstance(item, Piece) or (not item.used and item is not name)
        )
        if name and not blocks:
            blocks = (Block(name.text, page=name.page),)
        return (name.text if name else line(self.title) or fallback), blocks


def block(item: Heading | Piece, name: Heading | None) -> Block:
    """The item as a block, its path without the document's title."""
    headings = tuple(heading.text for heading in item.path if heading is not name)
    return Block(item.text, headings, item.page, item.kind if isinstance(item, Piece) else "paragraph")
