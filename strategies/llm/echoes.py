"""Small models repeat the tags between which passages and question stand in the prompt. They are ours, and no
customer reads them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from strategies.errors import Unavailable
from strategies.llm.prompt import TAG_NAMES

TAG = re.compile(rf"[ \t]*</?[ \t]*(?:{'|'.join(TAG_NAMES)})\b[^<>\n]{{0,300}}>", re.IGNORECASE)
BEGUN = re.compile(r"[ \t]*<(/?[ \t]*[a-z]*)([^<>\n]{0,300})$", re.IGNORECASE)


def without_tags(pieces: Iterable[str]) -> Iterator[str]:
    """The same words without them; what may become one is held back until it has, or cannot any more."""
    held = ""
    try:
        for piece in pieces:
            *before, held = TAG.split(held + piece)
            ready = held[: begun(held)]
            held = held[len(ready) :]
            if said := "".join([*before, ready]):
                yield said
    except Unavailable:  # it broke off: what it had said is said
        if held:
            yield held
        raise
    if held:
        yield held


def begun(text: str) -> int:
    """Where a tag may have begun that has not ended; the text's end where none has, but for blanks, which go
    with a tag.
    """
    found = BEGUN.search(text)
    if found is None:
        return len(text.rstrip(" \t"))
    name, more = found[1].lstrip("/ \t").lower(), found[2]
    may_be = name in TAG_NAMES if more else any(each.startswith(name) for each in TAG_NAMES)
    return found.start() if may_be else len(text)
