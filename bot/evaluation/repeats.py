"""Would an answer cache be right on these questions? They are asked one after another of the cache itself.

Behind it speaks somebody who says what a right answer holds and keeps silent where there is none, so a hit is
a false one when what is said again is not what this question's answer holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bot.evaluation.facts import proves
from bot.evaluation.statistics import Figure, share
from bot.evaluation.values import AskedQuestion
from strategies.base import Embedder, Kit, Question, nothing_found
from strategies.cache import Cached, CachedOptions
from strategies.errors import NoAnswer
from strategies.events import Event, Token, collect

PASSES = 0.05  # of what is asked may be answered with another's answer, at the upper end of the interval
INNER = "knower"
Walk = Callable[[Sequence[AskedQuestion]], Iterator[AskedQuestion]]


@dataclass(frozen=True)
class Repeats:
    """Of `asked` questions `again` were answered from the cache; `wrong` are those that got the answer to
    another one, each with the one.
    """

    asked: int
    again: int
    wrong: tuple[tuple[str, str], ...]

    @property
    def false(self) -> Figure:
        """The share of what was asked that was answered falsely."""
        return share([(str(n), n < len(self.wrong)) for n in range(self.asked)])

    @property
    def passes(self) -> bool:
        return bool(self.asked) and self.false.high <= PASSES


class Knower:
    """Says what a right answer to a question holds."""

    def __init__(self, known: Mapping[str, str]) -> None:
        self._known = known

    def warm_up(self) -> None:
        """Nothing to load."""

    def stream(self, question: Question) -> Iterator[Event]:
        if not (said := self._known.get(question.text, "")):
            raise NoAnswer("nobody knows")
        yield Token(said)


def measure(
    asked: Sequence[AskedQuestion],
    embedder: Embedder,
    *,
    alike: float | None = None,
    walk: Walk = iter,
) -> Repeats:
    """Ask them in their order. Those with a history are left out, which no cache looks up, and those of which
    nobody said what a right answer holds. `alike` as in the options of `cached`.
    """
    alone = [one for one in asked if not one.history and (one.facts or not one.answerable)]
    cached = cache(alone, embedder, alike)
    again, wrong = 0, list[tuple[str, str]]()
    for question in walk(alone):
        try:
            answer = collect(cached.stream(Question(question.text, language=question.language)))
        except NoAnswer:
            continue
        before = [str(one.detail["as"]) for one in answer.decisions if "as" in one.detail]
        again += len(before)
        if before and not (question.answerable and proves(answer.text, question.facts)):
            wrong.append((question.text, before[0]))
    return Repeats(len(alone), again, tuple(wrong))


def cache(asked: Sequence[AskedQuestion], embedder: Embedder, alike: float | None) -> Cached:
    known = {
        question.text: " · ".join(fact[0] for fact in question.facts)
        for question in asked
        if question.answerable
    }
    doors = Kit(
        search=nothing_found,
        embedder=embedder,
        sentences=lambda _passages: (),
        strategy=lambda _name: Knower(known),
        data=Path(),
        named="cache",
    )
    options = CachedOptions(inner=INNER, most=100_000)
    return Cached(options if alike is None else options.model_copy(update={"alike": alike}), doors)
