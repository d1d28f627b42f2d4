"""How a model's stream begins: thoughts are dropped, an abstention is heard, and only then does the customer
read.

A model abstains by writing NO_ANSWER. It may come in pieces, in bold or in quotes; until the first letter
that cannot belong to it has come, nothing is passed on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from strategies.errors import NoAnswer

NO_ANSWER = "NO_ANSWER"
THOUGHT = ("<think>", "</think>")


def spoken(pieces: Iterable[str]) -> Iterator[str]:
    """The words for the customer. Raises NoAnswer when the model abstains before it says anything, or says
    nothing.
    """
    said = False
    held = ""
    for piece in without_thoughts(pieces):
        held += piece
        if NO_ANSWER in held:
            before, _, after = held.partition(NO_ANSWER)
            if not said and not has_words(before):
                raise NoAnswer("the model found no answer")
            held = before + after  # it has spoken already: the sign itself is not for the customer
        ready = held[: len(held) - overlap(held, NO_ANSWER)]
        if ready and (said or has_words(ready)):
            yield ready if said else ready.lstrip()
            said = True
            held = held[len(ready) :]
    if held and (said or has_words(held)):
        yield held if said else held.lstrip()
    elif not said:
        raise NoAnswer("the model wrote nothing")


def without_thoughts(pieces: Iterable[str]) -> Iterator[str]:
    """Drop one <think>…</think> at the very beginning, as reasoning models write it."""
    start, end = THOUGHT
    held = ""
    stream = iter(pieces)
    for piece in stream:
        held += piece
        began = held.lstrip()
        if began.startswith(start) and end in began:
            held = began.partition(end)[2]
            break
        if not began.startswith(start) and not start.startswith(began):
            break
    else:
        if held.lstrip().startswith(start):
            return
    if held:
        yield held
    yield from stream


def has_words(text: str) -> bool:
    """Whether there is a letter or a digit in it; bold marks, quotes and blanks alone are no answer."""
    return any(letter.isalnum() for letter in text)


def overlap(text: str, sign: str) -> int:
    """How much of the end of the text may be the beginning of the sign."""
    return next(
        (size for size in range(min(len(text), len(sign) - 1), 0, -1) if text.endswith(sign[:size])), 0
    )
