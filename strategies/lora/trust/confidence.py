"""When the product model abstains.

A tuned model answers every question in the desk's manner, also those it was never taught, and its own
likelihood hardly tells: it is as sure of an invented number as of a true one. So a logistic regression judges
by more. Of the facts whose questions are nearest, one is what it is about to say; was that fact asked for in
such words? Everything is known before the first word is shown; it costs a few passes of the model over
answers it knows, a reading of one of them beside the question, and a few tokens that are held back.

    token by token   it says what it makes of the question's words; the fact is the one whose answer it would
                     give, word by word
    as one           the question is taken for the taught meaning that is nearest as the adapter hears it
                     (`strategies.lora.bases.hearing`), from which the model then speaks

`strategies.lora.trust.calibration` fits it at the end of a training, and `Judge` judges a question with it.
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

from strategies.codes import untold
from strategies.cross_encoder.reading import shipped
from strategies.cross_encoder.windows import Text
from strategies.evidence import content, covered, numbers
from strategies.lora.bases import template
from strategies.lora.engine.speaking import Begun
from strategies.lora.shelf.card import BadCard
from strategies.lora.trust.lessons import Lessons, Near, script
from strategies.quoting import Regression, likelihood

if TYPE_CHECKING:
    from strategies.lora.engine.speaking import Engine, Scored

CONFIDENCE = "confidence.json"
HELD_BACK = 8  # tokens that are looked at before the first is shown
AGREES = 32  # tokens of an answer that are looked at for whether the model agrees
SURE = -0.001  # where nothing was said, nothing was unsure
LEAST = -30.0  # a likelihood below is none

FACTS = 3  # the nearest ones, of which one is said
EVIDENCE = (
    "near",  # cosine to the nearest question about the fact that is said
    "ahead",  # … less that of the nearest one about another fact
    "agrees",  # log-likelihood per token of that fact's answer, given this question
    "agrees least",  # … of its least likely token
    "agrees ahead",  # … less that of the next fact's answer
    "says",  # log-likelihood per token of the first words of its own
    "says least",
    "refuses",  # log-likelihood that it begins with the refusal
    "words",  # weighed share of the question's telling words in which the fact was taught
    "missing word",  # weight of the heaviest one in which it was not, as a share of the heaviest
    "numbers",  # a number is asked about with which the fact has nothing to do
    "telling words",  # log of how many there are
    "latin",
    "heard near",  # as the adapter itself hears it: cosine to the fact's meaning
    "heard ahead",  # … less that to the nearest other one
    "of one mind",  # the first words that it would say to the question as it stands are the fact's
    "answers",  # log odds that the fact's answer settles the question, to who reads both together
)
WORDING = EVIDENCE[8:12]
HEARD = EVIDENCE[13:15]
# What one that hears a question as one is judged by. What calibration makes of taught questions lies nearer
# to them than customers' wordings do; the more evidence is weighed, the more of that is learned.
AS_ONE = ("agrees", "agrees ahead", "heard near", "heard ahead", "answers")


@dataclass(frozen=True)
class Opening:
    """The first tokens of an answer, with the log-probability of each."""

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]


@dataclass(frozen=True)
class Agreed:
    """The first tokens of the answer that was taught for a fact, and how the adapter takes them here."""

    fact: str
    ids: tuple[int, ...]
    scored: Scored


@dataclass(frozen=True)
class Considered:
    """What is known of a question before a word of its answer is made."""

    question: str
    leave: str
    near: Sequence[Near]  # every fact, by meaning
    heard: Sequence[Near]  # … as the adapter hears them; () where it hears token by token
    agreed: Sequence[Agreed]  # of the nearest facts; first the one that it is about to say
    refuses: float  # log-likelihood that it begins with the refusal
    meant: tuple[float, ...]  # the unit vector that it takes the question for; () where it hears by token
    draft: Agreed  # what it says, perhaps: an answer that was taught, as it takes it there
    answers: float  # log odds that the answer of the fact that it is about to say settles the question

    @property
    def begun(self) -> Begun:
        """What it would say itself is known as far as it agrees with an answer that was looked at. (This is
        how speculative decoding goes, Leviathan et al., 2023, with a taught answer for a draft: it changes
        nothing in what is said.)
        """
        own = self.draft.scored.own
        return Begun(self.draft.ids[:own], self.draft.scored.logprobs[:own], math.exp(self.refuses))


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

    def untaught(self, question: str) -> str:
        """A code in a question that was not taught, where others like it were; `""` when there is none."""
        return untold(question, self.lessons.known_codes)

    def beforehand(self, question: str) -> tuple[dict[str, float], str]:
        """What is known before it speaks, with the names of EVIDENCE, and the answer that was taught to what
        it takes the question for.
        """
        near = self.lessons.near(np.asarray(self._embed(question), np.float32), None)
        heard = self._heard(question, template.prompt(self._engine.base, question), "")
        fact = self.lessons.facts[(heard or near)[0].at]
        told = dict(zip(EVIDENCE[:2], self._ahead(near, fact), strict=True))
        if heard:
            told |= zip(HEARD, self._ahead(heard, fact), strict=True)
        told |= zip(WORDING, self._wording(question, fact, ""), strict=True)
        told["answers"] = self._settles(question, fact)
        return told, self.lessons.answer_to(fact)

    def verdict(self, fitted: Fitted, considered: Considered, opening: Opening) -> Verdict:
        row = self.evidence(considered, opening)
        likely = likelihood(float(fitted.regression.odds(row)))
        return Verdict(
            likely, {name: round(float(value), 3) for name, value in zip(EVIDENCE, row, strict=True)}
        )

    def consider(self, question: str, prompt: template.Prompt, leave: str = "") -> Considered:
        """How it takes the answers to the nearest facts. `leave` is a taught question that is looked past."""
        near = self.lessons.near(np.asarray(self._embed(question), np.float32), None, leave)
        heard = self._heard(question, prompt, leave)
        facts = [self.lessons.facts[found.at] for found in (heard or near)[:FACTS]]
        answers = [self._answer(fact)[:AGREES] for fact in facts]
        *told, refuses = self._engine.scores(
            prompt, [*answers, (template.refusal(self._engine.base),)], self._adapter
        )
        agreed = [Agreed(*one) for one in zip(facts, answers, told, strict=True)]
        meant: tuple[float, ...] = ()
        if heard:
            meant = tuple(self.lessons.meaning_of(facts[0], leave).tolist())
            draft = self._draft(prompt, facts[0], meant)
        else:
            agreed.sort(key=lambda one: -np.mean(one.scored.logprobs))
            draft = max(agreed, key=lambda one: one.scored.own)
        refused = max(refuses.logprobs[0], LEAST)
        settled = self._settles(question, agreed[0].fact)
        return Considered(question, leave, near, heard, agreed, refused, meant, draft, settled)

    def evidence(self, considered: Considered, opening: Opening) -> NDArray[np.float64]:
        """The row EVIDENCE."""
        question, leave = considered.question, considered.leave
        first, *others = considered.agreed
        agrees = first.scored.logprobs
        return np.array(
            [
                *self._ahead(considered.near, first.fact),
                np.mean(agrees),
                np.min(agrees),
                np.mean(agrees) - max(np.mean(one.scored.logprobs) for one in others) if others else 0.0,
                np.mean(opening.logprobs or (SURE,)),
                np.min(opening.logprobs or (SURE,)),
                considered.refuses,
                *self._wording(question, first.fact, leave),
                float(script(question) in ("latin", "")),
                *(self._ahead(considered.heard, first.fact) if considered.heard else (0.0, 0.0)),
                float(first.scored.own >= min(len(first.ids), HELD_BACK)),
                considered.answers,
            ],
            float,
        )

    def _heard(self, question: str, prompt: template.Prompt, leave: str) -> list[Near]:
        """The facts by how near the question is to theirs as the adapter hears it; none where it hears token
        by token.
        """
        if self.lessons.heard is None:
            return []
        vector = self._engine.meaning(prompt, self._adapter)
        near = self.lessons.meanings_near(np.asarray(vector, np.float32), leave)
        return self.lessons.called_by_code(question, near, leave)

    def _settles(self, question: str, fact: str) -> float:
        """Log odds that the answer that was taught there settles the question, to who reads both together; 0
        where the question is in a script that is not read.
        """
        if not shipped().reads(question):
            return 0.0
        return shipped().read(question, [Text("", (self.lessons.answer_to(fact),))])[0].answers

    def _ahead(self, near: Sequence[Near], fact: str) -> tuple[float, float]:
        """How near that fact is, and by how much nearer than the nearest other one."""
        own = next(found.cosine for found in near if self.lessons.facts[found.at] == fact)
        others = (found.cosine for found in near if self.lessons.facts[found.at] != fact)
        return own, own - next(others, 0.0)

    def _draft(self, prompt: template.Prompt, fact: str, meant: Sequence[float]) -> Agreed:
        """The whole answer that was taught there."""
        answer = self._answer(fact)
        (scored,) = self._engine.scores(prompt, [answer], self._adapter, meant)
        return Agreed(fact, answer, scored)

    def _answer(self, fact: str) -> tuple[int, ...]:
        return tuple(template.answer(self._engine.base, self.lessons.answer_to(fact)))

    def _wording(self, question: str, fact: str, leave: str) -> tuple[float, ...]:
        """In what words it is asked, beside those in which the fact was taught."""
        words, about = content(question), self.lessons.words_about(fact, leave)
        unknown = math.log(1 + len(self.lessons.questions))
        heavy = {word: self.lessons.weight.get(word, unknown) for word in words}
        missing = max((heavy[word] for word in words - about), default=0.0)
        return (
            covered(words, about, heavy),
            missing / max(heavy.values(), default=1.0),
            float(bool(numbers(words) - about)),
            math.log1p(len(words)),
        )
