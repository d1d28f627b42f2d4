"""When the product model abstains.

A tuned model answers every question in the desk's manner, also those it was never taught, and its own
likelihood hardly tells: it is as sure of an invented number as of a true one. So a logistic regression judges
by more: how near a taught question is, whether the model would give that question's answer to this one, word
by word, and whether the question says something that no taught one said. Everything is known before the first
word is shown; it costs two passes of the model and a few tokens that are held back.

`strategies.lora.calibration` fits it at the end of a training, and `Judge` judges a question with it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from strategies.evidence import content, covered, numbers
from strategies.lora import template
from strategies.lora.card import BadCard
from strategies.lora.lessons import Lessons, script
from strategies.quoting import Regression, likelihood

if TYPE_CHECKING:
    from strategies.lora.engine import Engine

CONFIDENCE = "confidence.json"
HELD_BACK = 8  # tokens that are looked at before the first is shown
SURE = -0.001  # where nothing was said, nothing was unsure

EVIDENCE = (
    "near",  # cosine to the nearest taught question
    "ahead",  # … less that of the nearest one about another fact
    "agrees",  # log-likelihood per token of the nearest question's answer, given this question
    "agrees least",  # … of its least likely token
    "says",  # log-likelihood per token of the first words of its own
    "says least",
    "refuses",  # log-likelihood that it begins with the refusal
    "words",  # weighed share of the question's telling words in which the nearest fact was taught
    "words anywhere",  # … in which anything was
    "missing word",  # weight of the heaviest telling word in which the nearest fact was not, as a share
    "numbers",  # a number is asked about with which the nearest fact has nothing to do
    "telling words",  # log of how many there are
    "latin",
)


@dataclass(frozen=True)
class Opening:
    """The first tokens of an answer, with the log-probability of each."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]


@dataclass(frozen=True)
class Fitted:
    """What calibration found: the regression, and from which likelihood on to answer."""

    regression: Regression
    enough: float

    @classmethod
    def load(cls, folder: Path) -> Fitted | None:
        """None where the adapter was never calibrated. Raises BadCard."""
        try:
            told = json.loads((folder / CONFIDENCE).read_text("utf-8"))
            return cls(Regression.of(told, EVIDENCE), float(told["enough"]))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BadCard(f"its {CONFIDENCE} cannot be read ({error})") from error


@dataclass(frozen=True)
class Verdict:
    """How likely the answer is right, and by what evidence."""

    likelihood: float
    evidence: dict[str, float]


class Judge:
    """Judges questions for one adapter in an engine."""

    def __init__(
        self, lessons: Lessons, engine: Engine, adapter: str, embed: Callable[[str], Sequence[float]]
    ) -> None:
        self.lessons = lessons
        self._engine = engine
        self._adapter = adapter
        self._embed = embed

    def foreign(self, question: str) -> str:
        """The writing of a question when nothing was taught in it; `""` when something was."""
        asked = script(question)
        return asked if asked and asked not in self.lessons.scripts else ""

    def verdict(self, fitted: Fitted, question: str, prompt: template.Prompt, opening: Opening) -> Verdict:
        row = self.evidence(question, prompt, opening)
        likely = likelihood(float(fitted.regression.odds(row)))
        return Verdict(
            likely, {name: round(float(value), 3) for name, value in zip(EVIDENCE, row, strict=True)}
        )

    def evidence(
        self, question: str, prompt: template.Prompt, opening: Opening, leave: str = ""
    ) -> NDArray[np.float64]:
        """The row EVIDENCE. `leave` is a taught question that is looked past."""
        lessons, base = self.lessons, self._engine.base
        first, second = lessons.near(np.asarray(self._embed(question), np.float32), leave)
        fact = lessons.facts[first.at]
        agrees = self._score(prompt, template.answer(base, lessons.answers[first.at]))
        refuses = self._score(prompt, [template.refusal(base)])[0]
        said = opening.logprobs or (SURE,)
        words, about = content(question), lessons.words_about(fact)
        weight = lessons.weight
        unknown = math.log(1 + len(lessons.questions))
        heavy = {word: weight.get(word, unknown) for word in words}
        heaviest = max(heavy.values(), default=1.0)
        missing = [heavy[word] for word in words - about]
        return np.array(
            [
                first.cosine,
                first.cosine - second.cosine,
                float(np.mean(agrees)),
                float(np.min(agrees)),
                float(np.mean(said)),
                float(np.min(said)),
                max(refuses, -30.0),
                covered(words, about, heavy),
                covered(words, lessons.vocabulary, heavy),
                max(missing, default=0.0) / heaviest,
                float(bool(numbers(words) - about)),
                math.log1p(len(words)),
                float(script(question) in ("latin", "")),
            ],
            float,
        )

    def _score(self, prompt: template.Prompt, ids: Sequence[int]) -> list[float]:
        return list(self._engine.score(prompt, list(ids), self._adapter))
