"""Reading: one right passage among five, and five wrong ones, for whoever answers from passages.

The questions are the demo's test questions in English that need no history. The right passage is the first
one found that proves all facts of the question and comes from a manual that has them; the wrong ones are the
best of those that the same search finds and that prove none. Product model and quotes are given the same
five, in the same order, by the same `rag`.
"""

import random
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from bot.evaluation.facts import proves
from bot.evaluation.statistics import Figure, share
from bot.evaluation.values import AskedQuestion
from bot.kotae import Kotae
from demo.pairs import DemoPair
from demo.questions import DemoQuestion, questions
from knowledge_base.passages import Passage
from strategies.base import Question, Strategy
from strategies.errors import NoAnswer
from strategies.events import collect
from strategies.rag import Rag
from strategies.streams import stream_of

SEED = 20261123
SHOWN = 5
SEARCHED = 40  # passages among which the right and the wrong ones are looked for


@dataclass(frozen=True)
class Page:
    """A question with what there is to read for it. `taught`: a pair says one of its facts."""

    question: DemoQuestion
    right: tuple[Passage, ...]  # the right one among wrong ones
    missing: tuple[Passage, ...]  # wrong ones alone
    taught: bool


def pages(kotae: Kotae, taught: Sequence[DemoPair], limit: int) -> list[Page]:
    """The questions whose right passage is found."""
    chance = random.Random(SEED)
    asked = [one for one in questions("test") if one.language == "en" and one.answerable and not one.history]
    found = [page_of(kotae, one, taught, chance) for one in asked]
    return [page for page in found if page is not None][:limit]


def page_of(
    kotae: Kotae, question: DemoQuestion, taught: Sequence[DemoPair], chance: random.Random
) -> Page | None:
    passages = kotae.library.search(question.question, SEARCHED)
    proving = [passage for passage in passages if proves(passage.text, question.facts)]
    right = next((passage for passage in proving if passage.source in question.sources), None)
    wrong = [
        passage for passage in passages if not any(proves(passage.text, [fact]) for fact in question.facts)
    ]
    if right is None or len(wrong) < SHOWN:
        return None
    mixed = [right, *wrong[: SHOWN - 1]]
    chance.shuffle(mixed)
    return Page(question, tuple(mixed), tuple(wrong[:SHOWN]), any(says(pair, question) for pair in taught))


def says(pair: DemoPair, question: DemoQuestion | AskedQuestion) -> bool:
    """Whether the desk's answer holds a fact of the question, from the same manual."""
    return pair.document in question.sources and any(proves(pair.answer, [fact]) for fact in question.facts)


def read_by(inner: Strategy, question: str, passages: Sequence[Passage]) -> str:
    """What is answered from these passages; "" where it abstains."""
    rag = Rag(lambda _query, k=SHOWN: passages[:k], inner, k=SHOWN)
    with closing(stream_of(rag, Question(question, language="en"))) as events:
        try:
            return collect(events).text
        except NoAnswer:
            return ""


def figures(inner: Strategy, given: Sequence[Page]) -> dict[str, Figure]:
    said = [(page, read_by(inner, page.question.question, page.right)) for page in given]
    right = [(page.question.id, page.taught, proves(text, page.question.facts)) for page, text in said]
    left = [(page.question.id, not read_by(inner, page.question.question, page.missing)) for page in given]
    return {
        "key fact": share([(name, good) for name, _, good in right]),
        "key fact, in no pair": share([(name, good) for name, taught, good in right if not taught]),
        "answered": share([(page.question.id, bool(text)) for page, text in said]),
        "missing one refused": share(left),
    }
