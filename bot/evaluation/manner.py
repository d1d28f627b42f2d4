"""How much an answer sounds like the desk: does it greet, go in steps and close as the desk does?

A classifier that knows the desk's answers from prose, and from the same answers without greeting or without
closing, which are not the desk's manner either. It is trained on half of the texts; the other half says how
far it can be trusted. Numbers and the names that it is told are hidden from it: manner is what is left.

It is a logistic regression over which signs a text shows. Why not scikit-learn: docs/decisions/evaluation.md.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from strategies.logistic import logistic

SEED = 20261123
NUMBERS = re.compile(r"\d+")
WORDS = re.compile(
    r"[!?！？]|[\u3040-\u309f]+|[\u30a0-\u30ff]+|[\u4e00-\u9fff]+|[^\W\u3040-\u30ff\u4e00-\u9fff]+"
)
STEPS = re.compile(r"^\d+[.)]\s", re.MULTILINE)
GREETING = re.compile(r"^[^.!?。！？]*[.!?。！？]\s*")
CLOSING = re.compile(r"\s*[^.!?:。！？：]*[.!?。！？]$")
EDGE = 4  # words at each end
FEWEST = 20  # answers of a desk, below which nothing is learned from them
PENALTY = 1.0  # on the weights' squares, halved


@dataclass(frozen=True)
class Manner:
    """`accuracy` is on texts that it was not trained on, `recognised` the share of the desk's own among them
    that it takes for the desk's.
    """

    weights: Mapping[str, float]
    bias: float
    accuracy: float
    hidden: re.Pattern[str] | None = None
    recognised: float = 1.0

    def likeness(self, text: str) -> float:
        """0 to 1: how likely the desk said this."""
        odds = self.bias + sum(self.weights.get(sign, 0.0) for sign in signs(text, self.hidden))
        return float(1 / (1 + np.exp(-odds)))

    def is_the_desks(self, texts: Sequence[str]) -> list[bool]:
        return [self.likeness(text) > 0.5 for text in texts]


def learn(
    answers: Sequence[str], prose: Sequence[str], hidden: re.Pattern[str] | None = None
) -> Manner | None:
    """From the desk's answers, and from what others wrote; None where there is too little of either."""
    answers = sorted(set(answers))
    if len(answers) < FEWEST or len(prose) < FEWEST:
        return None
    texts = [*answers, *prose, *map(beheaded, answers), *map(curtailed, answers)]
    spoken = np.array([True] * len(answers) + [False] * (len(texts) - len(answers)))
    shown = [signs(text, hidden) for text in texts]
    kept = np.array([crc32(text.encode()) % 2 == 1 for text in texts])  # for the proof
    weights, bias = _fitted([one for one, held in zip(shown, kept, strict=True) if not held], spoken[~kept])
    manner = Manner(weights, bias, 0.0, hidden)
    told = np.array(manner.is_the_desks([text for text, held in zip(texts, kept, strict=True) if held]), bool)
    theirs = spoken[kept]
    recognised = float(told[theirs].mean()) if theirs.any() else 0.0
    return Manner(weights, bias, float(np.mean(told == theirs)), hidden, recognised)


def signs(text: str, hidden: re.Pattern[str] | None = None) -> frozenset[str]:
    """What a manner shows by: how it begins and ends, whether there are steps, and the words between."""
    plain = STEPS.sub("", text)
    said = WORDS.findall(NUMBERS.sub("0", hidden.sub("it", plain) if hidden else plain).casefold())
    edges = [f"first {word}" for word in said[:EDGE]] + [f"last {word}" for word in said[-EDGE:]]
    return frozenset([*said, *edges, *(["steps"] if STEPS.search(text) else [])])


def beheaded(answer: str) -> str:
    """Without the greeting."""
    return GREETING.sub("", answer)


def curtailed(answer: str) -> str:
    """Without the closing."""
    return CLOSING.sub("", answer)


def runs(texts: Sequence[tuple[str, Sequence[tuple[int, int]]]], count: int) -> list[str]:
    """So many runs of one to four sentences out of passages, each given with its sentences' spans: as long as
    answers are, so that length tells nothing.
    """
    chance = random.Random(SEED)
    told = [(text, spans) for text, spans in texts if spans]
    found = []
    for text, spans in chance.choices(told, k=count) if told else ():
        first = chance.randrange(len(spans))
        last = min(len(spans) - 1, first + chance.randrange(4))
        found.append(text[spans[first][0] : spans[last][1]])
    return found


def _fitted(shown: Sequence[frozenset[str]], spoken: np.ndarray) -> tuple[dict[str, float], float]:
    """The weights of the signs, and the bias, that make what is known likeliest."""
    known = {sign: at for at, sign in enumerate(sorted(frozenset().union(*shown)))}
    given = np.zeros((len(shown), len(known) + 1))
    given[:, -1] = 1.0  # the bias
    for row, one in enumerate(shown):
        given[row, [known[sign] for sign in one]] = 1.0
    ridge = np.full(given.shape[1], PENALTY)
    ridge[-1] = 0.0
    best = logistic(given, spoken.astype(float), ridge)
    return {sign: float(best[at]) for sign, at in known.items()}, float(best[-1])
