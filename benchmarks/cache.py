"""How often the answer cache answers, and how often wrongly: the demo's wordings that nothing was chosen by.

`python -m benchmarks.cache` keeps the first held-out wording of every other fact and asks the rest:

    retyped       the same questions as other people type them: no capitals, a greeting, no question mark
    paraphrases   the other wordings of the facts that are kept
    near misses   wordings of the other facts, of which many differ in a name or a number only
    others        questions that no pair answers, and the questions about the manuals

Beside it stands what a semantic cache is elsewhere: the nearest question, from a likeness on. Whoever answers
behind the cache says the name of the fact, so a false hit is known when it is heard. The rules and the
threshold were chosen with the wordings that are trained on (`--train` shows those).
"""

import argparse
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import binomtest

from demo.pairs import DemoPair, Part, Split, pairs, unanswerable
from demo.questions import questions
from knowledge_base.embedding import embedder
from strategies.base import Embedder, Kit, Question
from strategies.cache import Cached, CachedOptions
from strategies.errors import NoAnswer
from strategies.events import Event, Token, collect
from strategies.testing import MemorySearch, WordVectors

LIKENESSES = (0.75, 0.85, 0.9, 0.95)


@dataclass(frozen=True)
class Asked:
    """`fact` is what is asked about, `""` for what nobody kept."""

    text: str
    language: str
    fact: str = ""


class Knower:
    """Says the fact of a question that is to be kept, and has no answer to others: these are not kept."""

    def __init__(self, known: Sequence[Asked]) -> None:
        self._facts = {asked.text: asked.fact for asked in known}

    def warm_up(self) -> None:
        """Nothing to load."""

    def stream(self, question: Question) -> Iterator[Event]:
        if question.text not in self._facts:
            raise NoAnswer("it is asked, and not kept")
        yield Token(self._facts[question.text])


Way = Callable[[Asked], str | None]  # the fact that is said, None where the question is asked afresh


def by_cache(kept: Sequence[Asked], model: Embedder, **options: float) -> Way:
    """The strategy itself, holding what was kept and no more."""
    doors = Kit(
        search=MemorySearch(()),
        embedder=model,
        sentences=WordVectors().sentences,
        strategy=lambda _name: Knower(kept),
        data=Path("data"),
    )
    cached = Cached(CachedOptions(inner="knower", most=100_000, **options), doors)
    for asked in kept:
        list(cached.stream(Question(asked.text, language=asked.language)))

    def ask(asked: Asked) -> str | None:
        try:
            return collect(cached.stream(Question(asked.text, language=asked.language))).text
        except NoAnswer:
            return None

    return ask


def by_likeness(kept: Sequence[Asked], model: Embedder, enough: float) -> Way:
    """The nearest question of the same language, from a likeness on."""
    vectors = np.array([model.embed_query(asked.text) for asked in kept])

    def ask(asked: Asked) -> str | None:
        like = vectors @ np.asarray(model.embed_query(asked.text))
        like[[one.language != asked.language for one in kept]] = -1
        best = int(like.argmax())
        return kept[best].fact if like[best] >= enough else None

    return ask


# ---- what is asked ----


def retyped(asked: Asked) -> Iterator[Asked]:
    """As others type it."""
    text = asked.text
    if asked.language == "ja":
        yield Asked(text.rstrip("?？。"), "ja", asked.fact)
        yield Asked(f"すみません、{text}", "ja", asked.fact)
        return
    yield Asked(text.casefold(), "en", asked.fact)
    yield Asked(text.rstrip("?.!"), "en", asked.fact)
    yield Asked(f"Hi, {text[:1].lower()}{text[1:]} Thanks!", "en", asked.fact)


def measured(split: Split) -> tuple[list[Asked], dict[str, list[Asked]]]:
    """What is kept, and what is asked then."""
    wordings: dict[str, list[DemoPair]] = {}
    for pair in pairs(split):
        wordings.setdefault(pair.fact, []).append(pair)
    kept_facts = list(wordings)[::2]
    kept = [as_asked(wordings[fact][0]) for fact in kept_facts]
    part: Part = "test" if split == "held-out" else "calibration"
    foreign = [Asked(one.question, one.language) for one in unanswerable(part)]
    manuals = [Asked(one.question, one.language) for one in questions(part) if not one.history]
    return kept, {
        "retyped": [other for asked in kept for other in retyped(asked)],
        "paraphrases": [as_asked(pair) for fact in kept_facts for pair in wordings[fact][1:]],
        "near misses": [as_asked(pair) for fact in list(wordings)[1::2] for pair in wordings[fact]],
        "others": [*foreign, *manuals],
    }


def as_asked(pair: DemoPair) -> Asked:
    return Asked(pair.question, pair.language, pair.fact)


# ---- the table ----


@dataclass(frozen=True)
class Figures:
    """Of the questions of one kind: how many were answered from what is kept, how many of these wrongly."""

    asked: int
    hits: int
    false: int

    def __str__(self) -> str:
        high = binomtest(self.false, self.asked).proportion_ci(method="wilson").high
        return f"{self.hits / self.asked:.3f} · {self.false / self.asked:.3f} (≤ {high:.3f})"


def figures(way: Way, asked: Sequence[Asked]) -> Figures:
    said = [(one, way(one)) for one in asked]
    hits = [(one, fact) for one, fact in said if fact is not None]
    return Figures(len(asked), len(hits), sum(fact != one.fact for one, fact in hits))


def measure(split: Split) -> dict[str, dict[str, Figures]]:
    model = embedder()
    kept, kinds = measured(split)
    ways: dict[str, Way] = {
        "Kotae's cache": by_cache(kept, model),
        "… whatever the likeness": by_cache(kept, model, alike=0.0),
        **{f"nearest question from {like:g} on": by_likeness(kept, model, like) for like in LIKENESSES},
    }
    return {name: {kind: figures(way, asked) for kind, asked in kinds.items()} for name, way in ways.items()}


def show(table: dict[str, dict[str, Figures]]) -> None:
    kinds = next(iter(table.values()))
    print("answered from the cache · wrongly (95 % upper bound), as shares of what was asked\n")
    print(f"{'':<32}" + "".join(f"{f'{kind} ({each.asked})':>28}" for kind, each in kinds.items()))
    for name, row in table.items():
        print(f"{name:<32}" + "".join(f"{each!s:>28}" for each in row.values()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--train", action="store_true", help="the wordings that the threshold was chosen with"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    options = parser.parse_args()
    table = measure("train" if options.train else "held-out")
    show(table)
    if options.json:
        told = {way: {kind: vars(each) for kind, each in row.items()} for way, row in table.items()}
        options.json.write_text(json.dumps(told, indent=2), "utf-8")


if __name__ == "__main__":
    main()
