"""What a model says about what it read is passed on sentence by sentence, once it has been looked up.

A small model copies names and numbers badly: one wrong digit is a wrong fact. A sentence may say only numbers
and names that the question or the excerpts have; the first one that says another ends the answer, before
anybody has read it. A greeting waits for the first sentence that says something, so nobody is left with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from knowledge_base.sentences import sentences
from strategies.evidence import content, is_number, numbers, without_steps
from strategies.lora.trust.support import statements

NAME = re.compile(r"(?<=[\w,;:(] )[\"'“(]*([A-Z][\w-]+|\w*\d[\w.-]*\w)")  # not the first word of a sentence
EVERYWHERE = frozenset({"i", "i'm", "i'll", "ok"})


class Ungrounded(Exception):
    """This sentence says what was not read."""

    def __init__(self, sentence: str, what: str) -> None:
        super().__init__(f"it says {what!r}, which is in no excerpt")
        self.sentence = sentence
        self.what = what


def grounded(pieces: Iterator[str], read: Sequence[str], language: str = "en") -> Iterator[str]:
    """The pieces as whole sentences. Raises Ungrounded in place of the first that says what was not read."""
    greeting = ""
    said = False
    for sentence in looked_up(pieces, " ".join(read), language):
        said = said or any(True for _ in statements(sentence, language))
        if said:
            yield greeting + sentence
        greeting = "" if said else greeting + sentence
    if greeting:
        yield greeting


def looked_up(pieces: Iterator[str], known: str, language: str) -> Iterator[str]:
    """Sentence by sentence, as each is whole."""
    held = ""
    for piece in pieces:
        held += piece
        spans = sentences(held, language)
        if len(spans) > 1:
            end = spans[-1][0]
            yield from checked(held[:end], known, language)
            held = held[end:]
    if held:
        yield from checked(held, known, language)


def checked(text: str, known: str, language: str) -> Iterator[str]:
    """The text sentence by sentence, each with the blanks behind it."""
    starts = [start for start, _ in sentences(text, language)] or [0]
    for start, end in zip([0, *starts[1:]], [*starts[1:], len(text)], strict=True):
        if (what := unread(text[start:end], known)) is not None:
            raise Ungrounded(text[start:end].strip(), what)
        yield text[start:end]


def unread(sentence: str, known: str) -> str | None:
    """A number or a name of the sentence that is not in the known text; None if there is none."""
    said, there = numbers(content(without_steps(sentence))), content(known)
    for number in sorted(said - there):
        return number
    words = known.casefold()
    for found in NAME.finditer(sentence):
        name = found[1].casefold()
        if not is_number(name) and name not in words and name not in EVERYWHERE:
            return found[1]
    return None
