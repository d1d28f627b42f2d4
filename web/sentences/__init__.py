"""Sentences of the layers below, in the reader's language.

What a reader of documents, a training or a strategy has to say is written down as one English sentence, where
it happened and for whoever reads the log. Here it is told again to people: `told` finds which sentence it is
and what was put into it, and says the same in their language. One that is not known is shown as it is.

A sentence is listed as its layer writes it, with %(name)s in place of what changes; a reason that was put
into it (%(why)s) is told in the reader's language, too. The tests keep the lists true and complete.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from flask_babel import gettext

from web.sentences import answers, desk, documents, options, records, trainings, values

VALUE = re.compile(r"%\((\w+)\)s")
BETWEEN = ("\n", "; ")  # reasons that stand one behind the other
MOST_PARTS = 4  # that one of ours is made of
ANY = {"url": r"\S+?"}  # what a value may be made of; others of anything
INSIDE = ("why", "state", "kind", "who", "where")  # what was put into one may be a sentence, too

SENTENCES = (
    *documents.SENTENCES,
    *answers.SENTENCES,
    *trainings.SENTENCES,
    *desk.SENTENCES,
    *options.SENTENCES,
    *values.SENTENCES,
    *records.SENTENCES,
)


def told(sentence: object) -> str:
    """The sentence in the reader's language; several that stand one behind the other, each by itself."""
    text = str(sentence)
    joints = [between for between in BETWEEN if between in text]
    for between in joints:
        said = [known(part) for part in text.split(between)]
        if all(said):
            return between.join(filter(None, said))
    whole = known(text)
    if whole is not None:
        return whole
    for between in joints[:1]:
        return between.join(one_by_one(text.split(between), between))
    return text


def failure(error: str) -> str:
    """What went wrong, as a record keeps it: a kind of error and its sentence. One of ours needs no kind."""
    kind, _, why = error.partition(": ")
    return told(why) if kind.isidentifier() and known(why) is not None else told(error)


def one_by_one(parts: list[str], between: str) -> Iterator[str]:
    """Each of the sentences that were joined; one of ours may have the joint in it, too."""
    while parts:
        ends = range(min(len(parts), MOST_PARTS), 0, -1)
        said = ((end, known(between.join(parts[:end]))) for end in ends)
        end, first = next(((end, one) for end, one in said if one is not None), (1, told(parts[0])))
        yield first
        parts = parts[end:]


def known(text: str) -> str | None:
    """The sentence in the reader's language, if it is one of ours."""
    for sentence, piece, pattern in patterns():
        if piece in text and (found := pattern.fullmatch(text)) is not None:
            said = found.groupdict()
            return str(gettext(sentence, **{name: inside(name, value) for name, value in said.items()}))
    return None


def inside(name: str, value: str) -> str:
    return told(value) if name in INSIDE else value


@cache
def patterns() -> tuple[tuple[str, str, re.Pattern[str]], ...]:
    """Each sentence with its longest piece that never changes, in the order in which they are tried: those
    that say the most of their own first, and those that begin with a value last.
    """
    most = sorted(SENTENCES, key=lambda one: (one.startswith("%"), -len(VALUE.sub("", one))))
    return tuple(
        (sentence, longest(sentence), re.compile(pattern_of(sentence), re.DOTALL)) for sentence in most
    )


def longest(sentence: str) -> str:
    return max((part for piece in pieces_of(sentence)[::2] for part in piece.split("'")), key=len)


def pattern_of(sentence: str) -> str:
    """What the sentence looks like with any values; a name with an apostrophe stands in double quotes."""
    made, seen = [], set()
    for at, piece in enumerate(pieces_of(sentence)):
        if at % 2:
            made.append(f"(?P={piece})" if piece in seen else f"(?P<{piece}>{ANY.get(piece, '.+?')})")
            seen.add(piece)
        else:
            made.append(re.escape(piece).replace("'", "['\"]"))
    return "".join(made)


def pieces_of(sentence: str) -> list[str]:
    """What never changes, with the names of what does between."""
    return VALUE.split(sentence.replace("%%", "%"))
