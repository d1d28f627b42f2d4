"""How much an answer sounds like the demo's desk: `bot.evaluation.manner`, told its answers and its manuals.

It is trained on the answers of half of the facts and on as much prose; product names are hidden from it.
"""

import re

from bot.evaluation.manner import Manner, learn, runs
from demo.pairs import pairs
from knowledge_base.library import Library

NAMES = re.compile(r"\b(Ostrelle|One|Duo|Thermal|Barista|Mill|Pro|Kettle|S|Scale|Mini|Mug|Travel)\b")


def manner(library: Library) -> Manner:
    answers = {pair.answer for pair in pairs() if pair.language == "en"}
    passages = [
        (passage.text, passage.sentences)
        for document in library.documents()
        if document.language == "en"
        for passage in library.passages(document.id)
    ]
    learned = learn(sorted(answers), runs(passages, len(answers)), NAMES)
    assert learned is not None  # the demo has plenty of both
    return learned
