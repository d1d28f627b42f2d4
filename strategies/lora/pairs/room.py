"""How long an answer may be, told from a base's tokenizer alone: no weights are loaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from strategies.errors import Misconfigured
from strategies.lora.bases.model import SHIPPED, found
from strategies.lora.bases.template import LONGEST_ANSWER

ENDS = 2  # tokens that begin and end an answer


@dataclass(frozen=True)
class Room:
    """`count` tells how many tokens an answer takes of the `longest` that a base says."""

    count: Callable[[str], int]
    longest: int


def room_of(base: str = SHIPPED) -> Room | None:
    """A base's room; None where its tokenizer is not on this machine."""
    from tokenizers import Tokenizer

    try:
        folder = found(base)
    except Misconfigured:
        return None
    if not (folder / "tokenizer.json").is_file():
        return None
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    config = json.loads((folder / "config.json").read_text("utf-8"))
    longest = min(int(config.get("n_positions", LONGEST_ANSWER)), LONGEST_ANSWER)
    return Room(lambda text: len(tokenizer.encode(text).ids), longest - ENDS)
