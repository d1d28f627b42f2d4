"""Cutting a document into passages by its structure: small enough to be found, whole enough to be understood.

1. Blocks below one heading are put together until there are `at_least` tokens, and never more than `at_most`.
2. A tiny section joins the tiny ones after it below the same parent; the headings that differ are written in
   the text. A question and its answer stay one passage of their own.
3. What is longer than `at_most` is torn where it hurts least: a table between rows, its header repeated; code
   between lines; a list between items; text between sentences. The parts are about even.
4. Above each passage stands its breadcrumb (product › document › heading) as context. It is shortened from
   its middle where both together would exceed `limit`; the text never is.

Every character of the blocks is in some passage. `RULES` names this way of cutting. It is a part of the
index's identity: change it whenever the same document would be cut differently.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby, pairwise

from knowledge_base.passages import Block, Cut, Reading
from knowledge_base.sentences import RULED, sentences

RULES = "1"
SEPARATOR = " › "
LETTERS_PER_TOKEN = 12  # at most: to a tokenizer, a word without end may be a single unknown token
QUESTION = re.compile(r"[?？]\W{0,9}$")
LONGEST_CRUMB = 300  # letters of a heading in the breadcrumb
ITEM = re.compile(r"^(?=(?:[-*+•・]|\(?\d{1,3}[.)）．]|[①-⑳])\s*\S)", re.MULTILINE)
LINE = re.compile(r"(?<=\n)")
CLAUSE = re.compile(r"(?<=[\s、，,;；:：/)）」』])")
LONGEST_CLUSTER = 16  # letters that stand as one: a kana with its mark, an emoji made of several
INSEPARABLE = re.compile(
    "[\u0300-\u036f\u200c\u200d\u3099\u309a\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\U000e0100-\U000e01ef]"
)

Count = Callable[[str], int]


@dataclass(frozen=True)
class Sizes:
    """How large a passage may be, in tokens of the embedder, and how to tell."""

    count: Count
    at_least: int
    at_most: int
    limit: int

    def of(self, text: str) -> int:
        """The tokens of a text alone, without those the tokenizer puts around every text."""
        return max(self.count(text) - self.around, -(-len(text) // LETTERS_PER_TOKEN))

    @cached_property
    def around(self) -> int:
        return self.count("")

    @cached_property
    def between(self) -> int:
        """What an empty line between two blocks costs; nothing to most tokenizers."""
        return self.count("\n\n") - self.around


@dataclass(frozen=True)
class Part:
    """A block, or a piece torn from one, as it stands in a passage."""

    text: str
    size: int
    block: Block


@dataclass(frozen=True)
class Draft:
    """A passage being put together."""

    headings: tuple[str, ...]
    parts: tuple[Part, ...] = ()

    @property
    def page(self) -> int | None:
        return next((part.block.page for part in self.parts if part.block.page is not None), None)

    @property
    def text(self) -> str:
        """The parts one below the other; the rows of a sheet without an empty line between them."""
        text = "".join(part.text for part in self.parts[:1])
        for before, part in pairwise(self.parts):
            close = is_sheet_row(before.block) and is_sheet_row(part.block)
            text += ("\n" if close else "\n\n") + part.text
        return text


@dataclass(frozen=True)
class Section:
    """Neighbouring blocks below the same headings."""

    headings: tuple[str, ...]
    parts: tuple[Part, ...]
    size: int

    @property
    def alone(self) -> bool:
        """A question with its answer is found best, and quoted right, when nothing else stands beside it."""
        asked = bool(self.headings) and bool(QUESTION.search(self.headings[-1]))
        return asked or any(part.block.kind == "answer" for part in self.parts)


def cut(
    reading: Reading,
    *,
    count: Count,
    product: str = "",
    at_least: int = 64,
    at_most: int = 160,
    limit: int = 256,
) -> list[Cut]:
    """The passages of a document in reading order; `count` tells a text's tokens as the embedder does."""
    at_most = max(min(at_most, limit - count("\n")), 1)
    sizes = Sizes(count, min(at_least, at_most), at_most, limit)
    named = product and product.casefold() not in reading.title.casefold()
    crumbs = [product, reading.title] if named else [reading.title]
    drafts = [draft for group in groups(sections(reading, sizes), sizes) for draft in drafts_of(group, sizes)]
    return [finished(draft, at, crumbs, reading.language, sizes) for at, draft in enumerate(drafts)]


def finished(draft: Draft, position: int, crumbs: Sequence[str], language: str, sizes: Sizes) -> Cut:
    """The draft with its breadcrumb and its sentences."""
    text = draft.text
    context = breadcrumb([*crumbs, *draft.headings], text, sizes)
    return Cut(
        text=text,
        context=context,
        headings=draft.headings,
        page=draft.page,
        position=position,
        tokens=sizes.count(f"{context}\n{text}"),
        sentences=tuple(sentences(text, language)),
    )


# -- sections, and which of them share a passage


def sections(reading: Reading, sizes: Sizes) -> Iterator[Section]:
    for headings, together in groupby(reading.blocks, key=lambda block: block.headings):
        texts = [(block.text.strip(), block) for block in together]
        parts = tuple(Part(text, sizes.of(text), block) for text, block in texts if text)
        if parts:
            yield Section(headings, parts, size_of(parts, sizes))


def size_of(parts: Sequence[Part], sizes: Sizes) -> int:
    return sum(part.size for part in parts) + max(len(parts) - 1, 0) * sizes.between


def groups(found: Iterator[Section], sizes: Sizes) -> Iterator[list[Section]]:
    """Sections that share a passage because each alone would be tiny; any other section by itself."""
    group: list[Section] = []
    for section in found:
        if group and not joins(group, section, sizes):
            yield group
            group = []
        group.append(section)
    if group:
        yield group


def joins(group: Sequence[Section], section: Section, sizes: Sizes) -> bool:
    """Whether a section goes into the passage of its sisters before it, or of the words that introduce it."""
    if section.alone or group[-1].alone or sum(one.size for one in group) >= sizes.at_least:
        return False
    together = [*group, section]
    depth = max(len(one.headings) for one in together)
    introduced = len(group) == 1 and group[0].headings == section.headings[:-1]
    if len(common_headings(together)) < depth - 1 or not (introduced or section.size < sizes.at_least):
        return False
    return size_of(joined(together, sizes).parts, sizes) <= sizes.at_most


def common_headings(group: Sequence[Section]) -> tuple[str, ...]:
    """The headings above all of these sections."""
    levels = zip(*(section.headings for section in group), strict=False)
    common: list[str] = []
    for level in levels:
        if len(set(level)) > 1:
            break
        common.append(level[0])
    return tuple(common)


def joined(group: Sequence[Section], sizes: Sizes) -> Draft:
    """Several sections as one passage, each below those of its headings that are not common to all."""
    common = common_headings(group)
    parts: list[Part] = []
    for section in group:
        if own := SEPARATOR.join(section.headings[len(common) :]):
            text = f"**{own}**"
            parts.append(Part(text, sizes.of(text), replace(section.parts[0].block, kind="paragraph")))
        parts.extend(section.parts)
    return Draft(common, tuple(parts))


def drafts_of(group: Sequence[Section], sizes: Sizes) -> list[Draft]:
    return pack(group[0], sizes) if len(group) == 1 else [joined(group, sizes)]


# -- the blocks of one section


def pack(section: Section, sizes: Sizes) -> list[Draft]:
    """The blocks put together until there is enough, and torn where there is too much."""
    enough = sizes.at_most if section.alone else sizes.at_least
    passages: list[list[Part]] = [[]]
    for part in section.parts:
        taken = size_of(passages[-1], sizes)
        space = sizes.between if passages[-1] else 0
        if taken + space + part.size <= sizes.at_most and taken < enough:
            passages[-1].append(part)
        elif taken >= sizes.at_least or not taken:
            passages += [[piece] for piece in whole_or_torn(part, 0, sizes)]
        else:  # too little stands here and the block is too much: its beginning goes here
            first, *rest = tear(part, taken + space, sizes)
            passages[-1] += [first] if first.text else []
            passages += [[piece] for piece in rest]
    filled = [passage for passage in passages if passage]
    return [Draft(section.headings, tuple(parts)) for parts in without_leftover(filled, sizes)]


def without_leftover(passages: list[list[Part]], sizes: Sizes) -> list[list[Part]]:
    """The last passage, when it is tiny, goes to the one before it if that has room."""
    if len(passages) > 1 and size_of(passages[-1], sizes) < sizes.at_least:
        both = passages[-2] + passages[-1]
        if size_of(both, sizes) <= sizes.at_most:
            return [*passages[:-2], both]
    return passages


def is_sheet_row(block: Block) -> bool:
    return block.kind == "table" and not block.text.startswith("|")


# -- tearing a block


@dataclass(frozen=True)
class Sheet:
    """A block laid out to be torn: `levels` say where, `head` and `foot` are repeated around every part."""

    text: str
    levels: tuple[Callable[[str], list[int]], ...]
    head: str = ""
    foot: str = ""


def whole_or_torn(part: Part, taken: int, sizes: Sizes) -> list[Part]:
    return [part] if part.size <= sizes.at_most else tear(part, taken, sizes)


def tear(part: Part, taken: int, sizes: Sizes) -> list[Part]:
    """The parts of a block, about even. The first leaves room for `taken` tokens, or is empty."""
    sheet = laid_out(part.block, part.text, sizes)
    room = sizes.at_most - (sizes.of(sheet.head + sheet.foot) if sheet.head else 0)
    ends = list(refined(sheet.text, 0, len(sheet.text), sheet.levels, room, sizes))
    weights = [sizes.of(sheet.text[start:end]) for start, end in pairwise([0, *ends])]
    torn = []
    for first, last in even_runs(weights, taken, room):
        start, end = ([0, *ends])[first], ([0, *ends])[last]
        text = sheet.text[start:end].strip("\n ")
        whole = f"{sheet.head}{text}{sheet.foot}" if text else ""
        torn.append(Part(whole, sizes.of(whole), part.block))
    return torn


def even_runs(weights: Sequence[int], taken: int, room: int) -> list[tuple[int, int]]:
    """Runs of neighbours, as (first, behind the last), none above `room` and all about as heavy."""
    total = taken + sum(weights)
    goal = total / -(-total // room)
    runs: list[tuple[int, int]] = []
    start, size = 0, taken
    for at, weight in enumerate(weights):
        if size and size + weight > room:
            runs.append((start, at))
            start, size = at, 0
        size += weight
        if size >= goal:
            runs.append((start, at + 1))
            start, size = at + 1, 0
    return runs if start == len(weights) else [*runs, (start, len(weights))]


def laid_out(block: Block, text: str, sizes: Sizes) -> Sheet:
    """How a block of its kind is torn."""
    running = (at_lines, sentence_starts, at_clauses)
    first, _, rest = text.partition("\n")
    second = rest.partition("\n")[0]
    head, foot = "", ""
    if block.kind == "table" and RULED.match(second):
        head = f"{first}\n{second}\n"
    elif block.kind == "code" and first.startswith("```"):
        head, foot = f"{first}\n", "\n```"
    if head and sizes.of(head) <= sizes.at_most // 2:
        inner = text[len(head) :].removesuffix("\n" + first.rstrip() if foot else "")
        return Sheet(inner, running, head, foot)
    return Sheet(text, (at_items, *running) if block.kind == "list" else running)


def refined(
    text: str, start: int, end: int, levels: Sequence[Callable[[str], list[int]]], room: int, sizes: Sizes
) -> Iterator[int]:
    """The ends of pieces that fit into `room`, torn at the first level that does, at last in two."""
    if end - start < 2 or sizes.of(text[start:end]) <= room:
        yield end
        return
    places = levels[0](text[start:end]) if levels else [middle(text[start:end])]
    for one, other in pairwise([start, *(start + place for place in places if 0 < place < end - start), end]):
        yield from refined(text, one, other, levels[1:], room, sizes)


def at_items(text: str) -> list[int]:
    return [found.start() for found in ITEM.finditer(text)]


def at_lines(text: str) -> list[int]:
    return [found.start() for found in LINE.finditer(text)]


def at_clauses(text: str) -> list[int]:
    return [found.start() for found in CLAUSE.finditer(text)]


def sentence_starts(text: str) -> list[int]:
    return [start for start, _ in sentences(text)]


def middle(text: str) -> int:
    """The middle of a text without any mark, where possible not between a letter and its accent."""
    half = len(text) // 2
    for place in range(half, max(half - LONGEST_CLUSTER, 0), -1):
        if not INSEPARABLE.match(text, place):
            return place
    return half


# -- the breadcrumb


def breadcrumb(crumbs: Sequence[str], text: str, sizes: Sizes) -> str:
    """The way to a passage, as much of it as fits above the text: the middle goes first, the ends last."""
    way = [clipped(crumb, LONGEST_CRUMB) for crumb in crumbs if crumb]
    way = [crumb for at, crumb in enumerate(way) if at == 0 or crumb != way[at - 1]]
    for shorter in shortened(way):
        context = SEPARATOR.join(shorter)
        if sizes.count(f"{context}\n{text}") <= sizes.limit:
            return context
    return ""


def shortened(way: Sequence[str]) -> Iterator[list[str]]:
    """The way, then shorter ones."""
    yield list(way)
    left, right = list(way[: (len(way) + 1) // 2]), list(way[(len(way) + 1) // 2 :])
    while len(left) + len(right) > 2:
        (left if len(left) > len(right) else right).pop(-1 if len(left) > len(right) else 0)
        yield [*left, "…", *right]
    for letters in (120, 80, 50, 30, 15, 6):
        yield [clipped(crumb, letters) for crumb in (*left, *right)]


def clipped(crumb: str, letters: int) -> str:
    """A crumb without its middle, where it is longer than this."""
    half = letters // 2
    return crumb if len(crumb) <= letters else f"{crumb[:half].rstrip()}…{crumb[-half:].lstrip()}"
