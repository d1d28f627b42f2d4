"""A world in which two strategies know different things, and one of them is dear.

`model` knows about kettles and is cheap; `manuals` knows nearly everything and is dear. Neither knows about
rockets, and both say something nevertheless.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from strategies.base import Strategy
from strategies.events import Token
from strategies.router import Attempt, Example, Learnt, Router
from strategies.router.fitting import fit
from strategies.router.head import Conditions, Head, file_of, save
from strategies.router.strategy import RouterOptions
from strategies.testing import Scripted, WordVectors, kit

KETTLES = "kettle spout boil lid handle"
PARCELS = "parcel shipping courier customs address"
ROCKETS = "rocket orbit booster payload launch"
NOW = datetime(2026, 11, 28, tzinfo=UTC)
NAMED = "router"


def example(topic: str, words: random.Random) -> Example:
    text = f"{' '.join(words.sample(topic.split(), 3))} {words.choice('abcdefgh')}"
    kettle = topic == KETTLES
    return Example(
        text,
        {
            "model": Attempt(kettle, cost=0.1, ms=10, tokens=14),
            "manuals": Attempt(not kettle or words.random() < 0.8, cost=1.0, ms=100, tokens=900),
        },
        about=text,
    )


def examples(count: int = 120, seed: int = 0) -> list[Example]:
    words = random.Random(seed)
    return [example(KETTLES if number % 2 else PARCELS, words) for number in range(count)]


def about_rockets(count: int = 40, seed: int = 5) -> list[Example]:
    """What nobody answers: whoever speaks is wrong."""
    words = random.Random(seed)
    wrong = {"model": Attempt(False, ms=10, tokens=14), "manuals": Attempt(False, ms=100, tokens=900)}
    return [
        Example(f"{' '.join(words.sample(ROCKETS.split(), 3))} {n}", wrong, answerable=False)
        for n in range(count)
    ]


def trained(conditions: Conditions, taught: list[Example] | None = None) -> Head:
    embedder = WordVectors()
    return fit(Learnt(taught or examples()), embedder.embed_documents, conditions, NOW, "a test")


@dataclass
class House:
    """An installation around a router: who stands behind each name, and which version the index has."""

    data: Path
    version: str = "1"
    standing: dict[str, str] = field(default_factory=lambda: {"model": "m1", "manuals": "d1"})
    strategies: Mapping[str, Strategy] = field(
        default_factory=lambda: {
            "model": Scripted(Token("says the model")),
            "manuals": Scripted(Token("say the manuals")),
        }
    )

    def router(self, *of: str, **options: Any) -> Router:
        """Each look sees what is there at once."""
        doors = kit(
            strategies=self.strategies,
            data=self.data,
            named=NAMED,
            version=lambda: self.version,
            standing=lambda name: self.standing[name],
        )
        chosen = RouterOptions(of=list(of or ("model", "manuals")), **options)
        ticks = iter(range(10**9))
        return Router(chosen, doors, clock=lambda: float(next(ticks)))

    def trains(self, router: Router, taught: list[Example] | None = None) -> Head:
        head = trained(router.conditions(), taught)
        save(head, file_of(self.data, NAMED))
        return head
