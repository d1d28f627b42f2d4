"""Where the sentences of a passage begin and end: what can be quoted alone, in English and Japanese.

An item of a list, a step, a row of a table and a piece of code count as one sentence each. The header of a
table and a heading written into the text count as none: alone they say nothing.
"""

import re
from collections.abc import Iterator
from itertools import pairwise

Span = tuple[int, int]

FENCE = re.compile(r"^[ \t]*(`{3,}|~{3,})")
ROW = re.compile(r"^[ \t]*\|.*\|[ \t]*$")
RULED = re.compile(r"^[ \t]*\|(?:[ \t]*:?-+:?[ \t]*\|)+[ \t]*$")
HEADING = re.compile(r"^[ \t]*(?:#{1,6} .*|\*\*[^*]+\*\*)[ \t]*$")
ITEM = re.compile(
    r"^[ \t\u3000]*(?:[-*+•‣◦・]|\(?\d{1,3}[.)）．]|[①-⑳])[ \t\u3000]+(?=\S)|^[ \t\u3000]*[・①-⑳●○](?=\S)"
)
LONG_ITEM = 240  # characters; a longer item is quoted by its sentences
SPOKEN = re.compile(r"\w")

OPENING, CLOSING = "「『（(【〈《“", "」』）)】〉》”"
DEEP = 200  # characters; a bracket left open for longer was never meant to close
JAPANESE_END = "。｡！？"
LATIN_END = ".!?…"
WIDE_POINT = "．"
END = re.compile(f"[{JAPANESE_END}{LATIN_END}{WIDE_POINT}]+[」』）)】〉》”’\"']*|[{OPENING}{CLOSING}]")
GOES_ON = re.compile("[。」とはがをにものやでだ]|って|など|から|まで|です")  # 「はい。」と答える
ASKED_ON = re.compile("と(?!ても|りわけ|ころ)|って|など")  # 本当？と思う
STARTS = re.compile(r"\s+[\"'“‘「『(（\[*`_]*(?:[^\Wa-zß-öø-ÿ]|[a-z][A-Z]|$)")  # no small letter: iPhone
EAST_ASIAN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uff01-\uff60]")
BEFORE_POINT = re.compile(r"(?:^|[\s(（「\"'“])([^\s(（「\"'“]+)$")
ABBREVIATIONS = re.compile(
    "(?:approx|art|assn|ave|cf|ch|col|corp|cp|dept|dr|e\\.?g|ed|est|excl|ext|figs?|gen|gov|i\\.?e|inc|incl|jr|lt|ltd"
    "|max|min|mr|mrs|ms|mt|nr|op|pp?|prof|ref|resp|rev|sec|sgt|sr|st|tel|temp|univ|v|ver|viz|vol|vs)"
)
BEFORE_NUMBERS = re.compile(
    "(?:nos?|art|ch|eq|fig|pp?|sec|vol|ver|v|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec)"
)
INITIALS = re.compile(r"(?:[A-Za-z]\.)*[A-Za-z]")  # J.  U.S.  a.m.


def sentences(text: str, language: str = "") -> list[Span]:
    """The (start, end) offsets of the sentences of a Markdown text, in order, without the space around them.

    Both languages' rules apply at once, since manuals mix them. Only the wide point is ambiguous: it ends
    Japanese sentences in technical writing, and elsewhere stands in wide numbers.
    """
    spans: list[Span] = []
    for start, end, whole in pieces(text):
        if whole:
            spans.append((start, end))
        else:
            spans.extend(split(text, start, end, language))
    return [span for span in (trimmed(text, *span) for span in spans) if SPOKEN.search(text, *span)]


# -- lines: what kind of thing each is


def pieces(text: str) -> Iterator[tuple[int, int, bool]]:
    """The parts of a Markdown text as (start, end, whole); what is not whole is running text, to be split."""
    lines = list(lines_of(text))
    at = 0
    while at < len(lines):
        start, end = lines[at]
        said = text[start:end]
        following = text[slice(*lines[at + 1])] if at + 1 < len(lines) else ""
        used = 1
        if fence := FENCE.match(said):
            closing = closing_fence(text, lines, at, fence[1])
            used = closing - at + 1
            yield end, lines[closing][0] if closing < len(lines) else len(text), True
        elif ROW.match(said):
            if not RULED.match(said) and not RULED.match(following):
                yield start, end, True
        elif item := ITEM.match(said):
            used = item_lines(text, lines, at)
            end = lines[at + used - 1][1]
            yield start + item.end(), end, end - start <= LONG_ITEM
        elif not HEADING.match(said):
            used = wrapped_lines(text, lines, at)
            yield start, lines[at + used - 1][1], False
        at += used


def lines_of(text: str) -> Iterator[Span]:
    start = 0
    for part in text.split("\n"):
        yield start, start + len(part)
        start += len(part) + 1


def closing_fence(text: str, lines: list[Span], at: int, fence: str) -> int:
    """The line that closes a piece of code; the one behind the last when none does."""
    for place in range(at + 1, len(lines)):
        if text[slice(*lines[place])].strip().startswith(fence):
            return place
    return len(lines)


def item_lines(text: str, lines: list[Span], at: int) -> int:
    """How many lines an item of a list takes: further ones are indented and no items themselves."""
    for place in range(at + 1, len(lines)):
        said = text[slice(*lines[place])]
        if not said.startswith("  ") or not said.strip() or ITEM.match(said):
            return place - at
    return len(lines) - at


def wrapped_lines(text: str, lines: list[Span], at: int) -> int:
    """How many lines a piece of running text takes: a line that goes on in small letters was only wrapped."""
    for place in range(at + 1, len(lines)):
        before, said = text[slice(*lines[place - 1])].rstrip(), text[slice(*lines[place])].strip()
        if not said[:1].islower() or before[-1:] in JAPANESE_END + LATIN_END or not before:
            return place - at
    return len(lines) - at


# -- running text: where a sentence ends


def split(text: str, start: int, end: int, language: str) -> Iterator[Span]:
    """The sentences of running text, white space included."""
    ends = [*(at for at in ends_of(text, start, end, language)), end]
    for one, other in pairwise([start, *ends]):
        if one < other:
            yield one, other


def ends_of(text: str, start: int, end: int, language: str) -> Iterator[int]:
    """The offsets behind the last mark of each sentence."""
    opened: list[int] = []
    for found in END.finditer(text, start, end):
        mark = found[0]
        if mark in OPENING:
            opened.append(found.start())
            continue
        inside = bool(opened) and found.start() - opened[-1] < DEEP
        closes = sum(letter in CLOSING for letter in mark)
        if closes:
            del opened[max(len(opened) - closes, 0) :]
            inside = bool(opened) and found.start() - opened[-1] < DEEP
        if inside or mark in CLOSING:
            continue
        if is_end(text, found.start(), found.end(), end, language):
            yield found.end()


def is_end(text: str, at: int, behind: int, end: int, language: str) -> bool:
    """Whether the marks from `at` to `behind` end a sentence."""
    mark = text[at]
    if behind >= end:
        return True
    if mark == WIDE_POINT:
        return language == "ja" and not text[behind].isdigit()
    if mark in JAPANESE_END:
        goes_on = GOES_ON if text[behind - 1] in CLOSING else ASKED_ON
        return mark == "。" == text[behind - 1] or not goes_on.match(text, behind, end)
    if not STARTS.match(text, behind, end):
        return mark in "!?" and bool(EAST_ASIAN.match(text, behind))
    return mark != "." or not is_abbreviation(text, at, behind, end)


def is_abbreviation(text: str, at: int, behind: int, end: int) -> bool:
    """Whether the point at `at` shortens the word before it and does not end the sentence."""
    found = BEFORE_POINT.search(text[max(at - 20, 0) : at])
    if not found or text[at : at + 2] == "..":
        return False
    word = found[1].lower().lstrip("*_`[")
    if ABBREVIATIONS.fullmatch(word) or INITIALS.fullmatch(word):
        return True
    return bool(BEFORE_NUMBERS.fullmatch(word)) and text[behind:end].lstrip()[:1].isdigit()


def trimmed(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end
