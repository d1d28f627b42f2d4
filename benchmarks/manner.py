"""How much an answer sounds like the desk: a classifier that knows its answers from the manuals' prose.

It is trained on the answers of half the demo's facts, on as much prose (one to four sentences at a time, so
that length tells nothing), and on the same answers without greeting or without closing, which are not the
desk's manner either. The other half says how far it can be trusted. Numbers and product names are hidden from
it: manner is what is left.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline

from demo.pairs import pairs
from knowledge_base.library import Library

SEED = 20261123
NAMES = re.compile(r"\b(Ostrelle|One|Duo|Thermal|Barista|Mill|Pro|Kettle|S|Scale|Mini|Mug|Travel)\b")
NUMBERS = re.compile(r"\d+")
WORDS = re.compile(r"\w+|[!?]")
EDGE = 4  # words at each end
STEPS = re.compile(r"^\d+\. ", re.MULTILINE)


@dataclass(frozen=True)
class Manner:
    """`accuracy` is on answers and prose that it was not trained on."""

    classifier: Pipeline
    accuracy: float

    def is_the_desks(self, texts: Sequence[str]) -> list[bool]:
        return [bool(one) for one in self.classifier.predict(texts)] if texts else []


def manner(library: Library) -> Manner:
    answers = sorted({pair.answer for pair in pairs() if pair.language == "en"})
    texts = [*answers, *prose(library, len(answers)), *map(beheaded, answers), *map(curtailed, answers)]
    spoken = [True] * len(answers) + [False] * (len(texts) - len(answers))
    told = [(text, by_desk, crc32(text.encode()) % 2) for text, by_desk in zip(texts, spoken, strict=True)]
    classifier = make_pipeline(
        CountVectorizer(tokenizer=signs, lowercase=False, token_pattern=None, binary=True),
        LogisticRegression(),
    )
    classifier.fit(*parts(told, 0))
    return Manner(classifier, float(classifier.score(*parts(told, 1))))


def parts(told: Sequence[tuple[str, bool, int]], half: int) -> tuple[list[str], list[bool]]:
    chosen = [(text, by_desk) for text, by_desk, part in told if part == half]
    return [text for text, _ in chosen], [by_desk for _, by_desk in chosen]


def prose(library: Library, count: int) -> list[str]:
    """Runs of one to four sentences out of the English manuals."""
    chance = random.Random(SEED)
    passages = [
        passage
        for document in library.documents()
        if document.language == "en"
        for passage in library.passages(document.id)
        if passage.sentences
    ]
    found = []
    for passage in chance.choices(passages, k=count):
        first = chance.randrange(len(passage.sentences))
        last = min(len(passage.sentences) - 1, first + chance.randrange(4))
        found.append(passage.text[passage.sentences[first][0] : passage.sentences[last][1]])
    return found


def beheaded(answer: str) -> str:
    """Without the greeting."""
    return re.sub(r"^[^.!?]*[.!?]\s*", "", answer)


def curtailed(answer: str) -> str:
    """Without the closing."""
    return re.sub(r"\s*[^.!?:]*[.!?]$", "", answer)


def signs(text: str) -> list[str]:
    """What a manner shows by: how it begins and ends, whether there are steps, and the words between."""
    said = WORDS.findall(NUMBERS.sub("0", NAMES.sub("it", STEPS.sub("", text))).casefold())
    edges = [f"first {word}" for word in said[:EDGE]] + [f"last {word}" for word in said[-EDGE:]]
    return [*said, *edges, *(["steps"] if STEPS.search(text) else [])]
