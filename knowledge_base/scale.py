"""A common scale for what different embedders call near.

Between unrelated texts all-MiniLM-L6-v2 finds cosines around .05, multilingual-e5-small around .76: nearly
all that its vectors hold is what all of them have in common. Whatever judges by a cosine here (search,
quotes, an answer cache, topics, near duplicates) was made with the former. So an embedder reads texts about
everything and nothing (`background.txt`), and as much of their mean is taken out of every vector that its
unrelated texts are as far apart. docs/decisions/embedding.md has the measurements.

The same texts tell whether it reads Japanese. Line n of the second half says what line n of the first half
says: who reads both finds the same ones alike.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Read = Callable[[list[str], bool], Floats]  # texts, whether they are asked → unit rows

BACKGROUND = Path(__file__).with_name("background.txt")
LANGUAGES = 2  # English, and then the same in Japanese
ASKED = 16  # of each language the first lines are questions
UNRELATED = 0.05  # the mean cosine of a question and a text that has nothing to do with it
READS = 0.45  # how alike both languages are to whom reads both: .72 to multilingual-e5-small, .10 to MiniLM
STEPS = 24  # halvings of the share that is taken out
METHOD = "1"


@dataclass(frozen=True)
class Scale:
    """What is taken out of a model's vectors, of questions (True) and of other texts (False)."""

    common: Mapping[bool, Floats] = field(default_factory=dict)  # (dimension,) each
    japanese: bool = True

    def of(self, vectors: Floats, asked: bool) -> Floats:
        """The vectors on the common scale, unit rows."""
        if asked not in self.common:
            return vectors
        rest = vectors - self.common[asked]
        length = np.linalg.norm(rest, axis=1, keepdims=True)
        # A text that is nothing but what all have in common stays as it is.
        scaled: Floats = np.where(length > 1e-3, rest / np.maximum(length, 1e-3), vectors)
        return scaled


def measured(read: Read, *, alike_asked: bool = False) -> Scale:
    """How a model's vectors come to the common scale. `alike_asked`: it reads a question like any text."""
    told = read(list(background()), False)
    texts = {True: told if alike_asked else read(list(background()), True), False: told}
    japanese = alike(texts[False]) >= READS
    languages = LANGUAGES if japanese else 1
    known = {asked: rows[: len(rows) * languages // LANGUAGES] for asked, rows in texts.items()}
    common = {asked: rows.mean(axis=0) for asked, rows in known.items()}
    least, most = 0.0, 1.0
    if unrelated(known, Scale(), languages) <= UNRELATED:
        return Scale(japanese=japanese)
    for _ in range(STEPS):
        share = (least + most) / 2
        tried = Scale({asked: share * mean for asked, mean in common.items()}, japanese)
        if unrelated(known, tried, languages) > UNRELATED:
            least = share
        else:
            most = share
    return Scale({asked: most * mean for asked, mean in common.items()}, japanese)


def unrelated(texts: Mapping[bool, Floats], scale: Scale, languages: int) -> float:
    """The mean cosine of the questions and the other texts of their language."""
    parts = zip(
        np.split(scale.of(texts[True], True), languages),
        np.split(scale.of(texts[False], False), languages),
        strict=True,
    )
    return float(np.mean([asked[:ASKED] @ other[ASKED:].T for asked, other in parts]))


def alike(texts: Floats) -> float:
    """How much what is near in one language is near in the other, as a correlation."""
    upper = np.triu_indices(len(texts) // LANGUAGES, 1)
    one, other = ((rows @ rows.T)[upper] for rows in np.split(texts, LANGUAGES))
    with np.errstate(invalid="ignore", divide="ignore"):
        found = float(np.corrcoef(one, other)[0, 1])
    return found if np.isfinite(found) else 0.0


@cache
def background() -> tuple[str, ...]:
    return tuple(BACKGROUND.read_text("utf-8").splitlines())


@cache
def revision() -> str:
    """Of this way and its texts: vectors that came to the scale otherwise are other vectors."""
    return hashlib.sha256(f"{METHOD} {UNRELATED} {READS}\n{background()}".encode()).hexdigest()[:6]
