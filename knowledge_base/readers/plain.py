"""Plain text: paragraphs between empty lines, headings and questions as people mark them without markup."""

import re
import unicodedata
from itertools import pairwise

from knowledge_base.readers.outline import Outline
from knowledge_base.readers.source import Source
from knowledge_base.readers.text import EAST_ASIAN, clean, joined, line

ASKED = re.compile(
    r"^[ \t\u3000]*(?:Q|Ｑ|質問|問)[ \t]*\d*[ \t]*[:：.．、)）][ \t\u3000]*(.+)$", re.IGNORECASE
)
ANSWERED = re.compile(
    r"^[ \t\u3000]*(?:A|Ａ|回答|答え|答)[ \t]*\d*[ \t]*[:：.．、)）][ \t\u3000]*(.*)$", re.IGNORECASE
)
ITEM = re.compile(r"^[ \t\u3000]*(?:[-*+•‣◦・●○◆◇]|\(?\d{1,3}[.)）．](?!\d)|[①-⑳])[ \t\u3000]*\S")
MARKED = re.compile(r"^[■□▼★☆][ \t\u3000]*\S|^【[^】]+】$|^第\s*[\d一二三四五六七八九十]+\s*[章節部編]")
NUMBERED = re.compile(
    r"^(?:(?:chapter|section|part)\s+)?(\d{1,2}(?:\.\d{1,2}){0,3})[.:]?[ \u3000]+\S", re.IGNORECASE
)
RULE = re.compile(r"^[ \t]*([=\-_*~#])\1{2,}[ \t]*$", re.MULTILINE)
UNDERLINED = re.compile(r"^(?=\S)(.{1,80})\n[ \t]*(?:={3,}|-{3,})[ \t]*$", re.MULTILINE)
STOPPED = re.compile(r"[.!?:。！？：]\s*$")
ENDED = re.compile(r"[.!。！,;、；:：]$")
LONGEST_HEADING = 80
NARROWEST = 40  # columns at which somebody would wrap a text


def read(source: Source) -> Outline:
    outline = Outline()
    text = RULE.sub("\n", UNDERLINED.sub(r"\n\n■ \1\n\n", clean(source.text)))
    first, *rest = (part.strip("\n") for part in re.split(r"\n[ \t\u3000]*\n", text.strip("\n")))
    if rest and "\n" not in first and is_title(first):
        outline.heading(1, heading_text(first))
    else:
        rest.insert(0, first)
    for paragraph in rest:
        tell(paragraph, outline)
    return outline


def is_title(text: str) -> bool:
    """Whether a text's first line, alone, names it."""
    said = line(text)
    return (
        len(said) <= LONGEST_HEADING
        and not ENDED.search(said)
        and not ASKED.match(said)
        and not ITEM.match(said)
    )


def tell(paragraph: str, outline: Outline) -> None:
    """One paragraph: a heading, questions with answers, a list, or running text."""
    lines = [part for part in paragraph.split("\n") if part.strip(" \t\u3000")]
    if (
        lines
        and (level := heading_level(lines[0]))
        and (len(lines) == 1 or (level == 2 and not ITEM.match(lines[1])))
    ):
        outline.heading(level, heading_text(lines.pop(0)))
    if any(ASKED.match(part) for part in lines):
        tell_questions(lines, outline)
    elif any(ITEM.match(part) for part in lines[-2:]):
        outline.add("\n".join(lines), "list")
    else:
        outline.add("\n".join(unwrapped(lines)))


def unwrapped(lines: list[str]) -> list[str]:
    """Lines that were only wrapped at the margin, put together; lines that end where they please stay."""
    widest = max(map(width, lines), default=0)
    whole: list[list[str]] = [lines[:1]]
    for before, part in pairwise(lines):
        no_room = width(before) + width(first_word(part)) >= widest
        if widest >= NARROWEST and no_room and not STOPPED.search(before):
            whole[-1].append(part)
        else:
            whole.append([part])
    return [joined(parts) for parts in whole]


def width(text: str) -> int:
    """How many columns a line takes; Japanese letters take two."""
    return sum(2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)


def first_word(text: str) -> str:
    """What would have had to fit on the line before; Japanese wraps between any two letters."""
    word = text.split(maxsplit=1)[0]
    return word[:1] if EAST_ASIAN.match(word) else word


def tell_questions(lines: list[str], outline: Outline) -> None:
    """Questions become headings, what follows each is its answer."""
    answer: list[str] = []
    for part in lines:
        if asked := ASKED.match(part):
            outline.add("\n".join(answer), "answer")
            answer.clear()
            outline.heading(9, asked[1])
        else:
            found = ANSWERED.match(part)
            answer.append(found[1] if found else part)
    outline.add("\n".join(answer), "answer")


def heading_level(text: str) -> int:
    """The level of a line that stands as a heading; 0 for any other."""
    said = line(text)
    if len(said) > LONGEST_HEADING or ENDED.search(said):
        return 0
    if MARKED.match(said):
        return 2
    if (found := NUMBERED.match(said)) and not ITEM.match(said):
        return found[1].count(".") + 2
    letters = [letter for letter in said if letter.isalpha()]
    return 2 if len(letters) > 3 and said.isupper() and said.isascii() else 0


def heading_text(text: str) -> str:
    return line(text).strip("■□▼★☆【】 \u3000")
