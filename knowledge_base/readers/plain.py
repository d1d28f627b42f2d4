"""Plain text: paragraphs between empty lines, and the headings and questions people mark without any markup."""

import re

from knowledge_base.readers.outline import Outline
from knowledge_base.readers.source import Source
from knowledge_base.readers.text import clean, line

ASKED = re.compile(
    r"^[ \t\u3000]*(?:Q|Ｑ|質問|問)[ \t]*\d*[ \t]*[:：.．、)）][ \t\u3000]*(.+)$", re.IGNORECASE
)
ANSWERED = re.compile(
    r"^[ \t\u3000]*(?:A|Ａ|回答|答え|答)[ \t]*\d*[ \t]*[:：.．、)）][ \t\u3000]*(.*)$", re.IGNORECASE
)
ITEM = re.compile(r"^[ \t\u3000]*(?:[-*+•‣◦・●○◆◇]|\(?\d{1,3}[.)）．]|[①-⑳])[ \t\u3000]*\S")
MARKED = re.compile(r"^[■□▼★☆][ \t\u3000]*\S|^【[^】]+】$|^第\s*[\d一二三四五六七八九十]+\s*[章節部編]")
NUMBERED = re.compile(
    r"^(?:(?:chapter|section|part)\s+)?(\d{1,2}(?:\.\d{1,2}){0,3})[.:]?[ \u3000]+\S", re.IGNORECASE
)
RULE = re.compile(r"^[ \t]*([=\-_*~#])\1{2,}[ \t]*$", re.MULTILINE)
ENDED = re.compile(r"[.!。！,;、；:：]$")
LONGEST_HEADING = 80


def read(source: Source) -> Outline:
    outline = Outline()
    for paragraph in re.split(r"\n[ \t\u3000]*\n", RULE.sub("\n", clean(source.text))):
        tell(paragraph.strip("\n"), outline)
    return outline


def tell(paragraph: str, outline: Outline) -> None:
    """One paragraph: a heading, questions with answers, a list, or running text."""
    lines = [part for part in paragraph.split("\n") if part.strip(" \t\u3000")]
    if not lines:
        return
    if len(lines) > 1 and heading_level(lines[0]) == 2 and not ITEM.match(lines[1]):
        outline.heading(2, heading_text(lines.pop(0)))
    if any(ASKED.match(part) for part in lines):
        tell_questions(lines, outline)
    elif len(lines) == 1 and (level := heading_level(lines[0])):
        outline.heading(level, heading_text(lines[0]))
    elif any(ITEM.match(part) for part in lines[-2:]):
        outline.add("\n".join(lines), "list")
    else:
        outline.add("\n".join(lines))


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
