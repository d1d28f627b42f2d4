"""A desk's pairs and a training on a tiny base, for tests that train."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from knowledge_base import embedding, library
from strategies.lora.pairs.values import Pair
from strategies.lora.training import course
from strategies.lora.training.recipe import Recipe
from strategies.lora.training.work import Told, Work
from strategies.lora.trust import calibration

SIZES = {"lamp": "12 cm", "kettle": "23 cm", "mill": "34 cm", "scale": "45 cm"}


def pairs() -> list[Pair]:
    """Four facts, four taught wordings and a held-out one of each."""
    taught = ("How big is the {}?", "What is the size of the {}?", "{} size", "Tell me how big the {} is.")
    return [
        Pair(asked.format(thing), f"The {thing} is {size}.", fact=thing, language="en", split=part)
        for thing, size in SIZES.items()
        for part, wordings in (("train", taught), ("held-out", ("How large is your {}?",)))
        for asked in wordings
    ]


def work(folder: Path, base: Path | str, given: list[Pair] | None = None, **recipe: Any) -> Work:
    """A training that takes a second."""
    small = {"epochs": 4, "batch": 4, "rate": 1e-2, "loraplus": 1.0, "rank": 4, "augment": False}
    chosen = Recipe(**{**small, **recipe})
    return Work.begin(
        folder,
        name="spring",
        base=str(base),
        recipe=chosen,
        pairs=pairs() if given is None else given,
        documents={"d1": 2},
    )


def trained_here(
    folder: Path, told: Callable[[Told], None], stopped: Callable[[], bool], threads: int = 1
) -> Path:
    """In place of `apart.run_apart`, where a process of its own would prove nothing that others do not. When
    the adapter is to be believed is found out with the embedder that is there, and few strange questions.
    """
    few = tuple(islice(calibration.outside(), 20))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(calibration, "outside", lambda: few)
        patch.setattr(embedding, "embedder", library.embedder_of)
        return course.train(Work(folder), told, stopped)


class Listener:
    """Hears what is told; `at` a step it calls `then`."""

    def __init__(self, at: int = -1, then: Any = None) -> None:
        self.told: list[Told] = []
        self._at, self._then = at, then

    def __call__(self, told: Told) -> None:
        self.told.append(told)
        if self._then is not None and told.step >= self._at:
            then, self._then = self._then, None
            then()

    @property
    def notes(self) -> str:
        return " | ".join(told.note for told in self.told if told.note)

    @property
    def held_out(self) -> list[float]:
        return [told.held_out for told in self.told if told.held_out is not None]


def never() -> bool:
    return False
