"""Fits the confidence of a trained adapter: on what should it be believed?

    wordings     what was taught in other words, and in its own
    near misses  taught questions with a telling word of another fact in them: nobody taught these
    outside      questions about other things altogether

Each is asked the way customers ask, and judged by whether the desk's answer came. Whatever was made of a
taught question is compared with the others only: a customer's wording is nobody's copy. A held-out question
is never among them.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from strategies.base import Embedder
from strategies.evidence import content, covered, numbers
from strategies.lora.bases import template
from strategies.lora.pairs.augment import augment
from strategies.lora.trust.confidence import (
    AS_ONE,
    CONFIDENCE,
    EVIDENCE,
    HELD_BACK,
    Considered,
    Judge,
    Opening,
)
from strategies.lora.trust.lessons import Lessons
from strategies.lora.trust.reliability import NAME, piles

if TYPE_CHECKING:
    from strategies.lora.engine.speaking import Engine
    from strategies.lora.pairs.splits import Taught
    from strategies.lora.pairs.values import Pair

OUTSIDE = Path(__file__).with_name("outside.txt")
SAMPLE = 160  # questions of each sort
TOGETHER = 16  # asked at once
LONGEST = 128  # tokens of an answer
PATIENCE = 3600.0  # seconds for it: a training gives way to everything else that the machine does
SAYS_SO = 0.6  # of the telling words of the desk's answer, when it has no number
WRONG = 0.02  # of what is answered may be wrong here; the goal on others is 3 %
HALF = 0.5  # of the right answers must be left by that; where they are not,
LIKELY = 2 / 3  # an answer is given that is twice as likely right as wrong, among questions made to mislead
UNTAUGHT = 0.3  # the share of customers' questions that nothing was taught about, as it is taken to be
FOLDS = 5

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Example:
    """A question of the calibration. `wanted` is what the desk answers, `""` where nothing was taught;
    `leave` is the taught question that it was made of.
    """

    question: str
    wanted: str = ""
    leave: str = ""


@dataclass(frozen=True)
class Heard:
    """How an answer begins, and all of it where it was heard to its end."""

    opening: Opening
    text: str


def calibrate(
    folder: Path,
    taught: Taught,
    engine: Engine,
    embedder: Embedder,
    *,
    asked: Sequence[Pair] = (),
    seed: int = 0,
) -> dict[str, float]:
    """Write into an adapter's folder what it was taught and when it is to be believed; return the figures.

    `engine` holds the adapter's base. `asked` are wordings of taught facts that were not taught and are not
    held out; without any, some are made of the taught ones.
    """
    lessons = Lessons.of(taught, embedder)
    examples = [*wordings(taught, asked, seed), *near_misses(lessons, seed), *outside()]
    name = f"calibration of {folder}"
    engine.add(name, folder)
    try:
        if engine.pools(name):
            lessons = heard_by(engine, name, lessons)
        lessons.save(folder)
        judge = Judge(lessons, engine, name, embedder.embed_query)
        with ThreadPoolExecutor(TOGETHER) as pool:
            tried = list(pool.map(partial(tried_out, judge, engine, name), examples))
    finally:
        engine.drop(name)
    told, figures = fit(
        np.array([row for row, _ in tried]),
        np.array([right for _, right in tried]),
        np.array([bool(example.wanted) for example in examples]),
        EVIDENCE if lessons.heard is None else AS_ONE,
    )
    (folder / CONFIDENCE).write_text(json.dumps({**told, "figures": figures}, indent=1) + "\n", "utf-8")
    return figures


def heard_by(engine: Engine, adapter: str, lessons: Lessons) -> Lessons:
    """The lessons with what an adapter hears of them."""

    def heard(prompts: Iterator[template.Prompt]) -> NDArray[np.float32]:
        return np.array([engine.meaning(prompt, adapter) for prompt in prompts], np.float32)

    asked = heard(template.prompt(engine.base, question) for question in lessons.questions)
    said = heard(template.as_asked(engine.base, answer) for answer in lessons.answer_places)
    return replace(lessons, heard=asked, said=said)


# ---- what is asked ----


def wordings(taught: Taught, asked: Sequence[Pair], seed: int) -> Iterator[Example]:
    """Questions that were taught, in other words and in their own; some as they stand, as customers ask who
    read them somewhere.
    """
    chance = random.Random(seed)
    others = list(asked) or list(augment(taught, seed + 1, copies=1))[len(taught) :]
    for pair in some(others, chance):
        yield Example(pair.question, pair.answer, "" if asked else twin(pair, taught))
    count = Counter(pair.about for pair in taught)
    for number, pair in enumerate(some(list(taught), chance)):
        alone = count[pair.about] == 1 or number % 4 == 0
        yield Example(pair.question, pair.answer, "" if alone else pair.question)


def twin(made: Pair, taught: Taught) -> str:
    """The taught wording that a made one shares most words with, if its fact was taught in others too."""
    wordings = [pair.question for pair in taught if pair.about == made.about]
    words = content(made.question)
    return max(wordings, key=lambda each: len(words & content(each))) if len(wordings) > 1 else ""


def near_misses(lessons: Lessons, seed: int) -> Iterator[Example]:
    """Taught questions in which one telling word is that of another question, as no fact was asked for."""
    chance = random.Random(seed)
    made = 0
    for question in some(list(lessons.questions), chance):
        for _ in range(4):
            changed = swapped(question, chance.choice(lessons.questions), chance)
            words = content(changed)
            known = any(words <= lessons.words_about(fact) for fact in set(lessons.facts))
            if changed != question and words and not known:
                yield Example(changed, leave=question)
                made += 1
                break
        if made == SAMPLE:
            return


def swapped(question: str, other: str, chance: random.Random) -> str:
    """A telling word of the one replaced by one of the other."""
    ours = [word for word in question.split() if content(word)]
    theirs = [word for word in other.split() if content(word) - content(question)]
    if not ours or not theirs:
        return question
    return question.replace(chance.choice(ours), chance.choice(theirs).strip("?.,!:;"), 1)


def outside() -> Iterator[Example]:
    for line in OUTSIDE.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            yield Example(line)


def some(all_of_them: list[Any], chance: random.Random) -> list[Any]:
    return chance.sample(all_of_them, min(SAMPLE, len(all_of_them)))


# ---- what is heard ----


def tried_out(judge: Judge, engine: Engine, adapter: str, example: Example) -> tuple[Floats, bool]:
    """The evidence for a question, and whether the desk's answer came."""
    prompt = template.prompt(engine.base, example.question)
    considered = judge.consider(example.question, prompt, example.leave)
    said = heard(engine, prompt, adapter, LONGEST if example.wanted else HELD_BACK, considered)
    row = judge.evidence(considered, said.opening)
    return row, bool(example.wanted) and says_so(example.wanted, said.text)


def heard(
    engine: Engine, prompt: template.Prompt, adapter: str, longest: int, considered: Considered
) -> Heard:
    from strategies.lora.engine.speaking import Piece

    ids: list[int] = []
    logprobs: list[float] = []
    text = ""
    asked = engine.speak(
        prompt,
        adapter=adapter,
        max_tokens=longest,
        seconds=PATIENCE,
        begun=considered.begun,
        meant=considered.meant,
    )
    with closing(asked) as pieces:
        for piece in pieces:
            if isinstance(piece, Piece):
                ids += piece.ids
                logprobs += piece.logprobs
                text += piece.text
    return Heard(Opening(tuple(ids[:HELD_BACK]), tuple(logprobs[:HELD_BACK])), text)


def says_so(wanted: str, text: str) -> bool:
    """The answer has every number of the desk's, and most of its telling words."""
    words, said = content(wanted), content(text)
    return numbers(words) <= said and covered(words, said, {}) >= SAYS_SO


# ---- the regression ----


def fit(
    rows: Floats, right: NDArray[Any], taught: NDArray[Any], names: Sequence[str] = EVIDENCE
) -> tuple[dict[str, Any], dict[str, float]]:
    """The regression with its threshold, as it is kept, and what it would have done to its own examples, each
    judged by weights that were fitted without it. `names` is the evidence that is weighed.
    """
    from sklearn.linear_model import LogisticRegression  # type: ignore[import-untyped]
    from sklearn.model_selection import cross_val_predict  # type: ignore[import-untyped]
    from sklearn.pipeline import make_pipeline  # type: ignore[import-untyped]
    from sklearn.preprocessing import StandardScaler  # type: ignore[import-untyped]

    rows = rows[:, [EVIDENCE.index(name) for name in names]]
    weight = np.where(taught, (1 - UNTAUGHT) / max(1, taught.sum()), UNTAUGHT / max(1, (~taught).sum()))
    folds = min(FOLDS, int(right.sum()), int((~right).sum()))
    if folds < 2:
        return never(), {"answered": 0.0, "wrong": 0.0, "examples": float(len(rows))}
    as_asked = weight * len(rows)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.3, max_iter=1000))
    weighed = {"logisticregression__sample_weight": as_asked}
    likely = cross_val_predict(model, rows, right, cv=folds, method="predict_proba", params=weighed)[:, 1]
    enough = threshold(likely, right, weight)
    if (likely >= enough)[right].mean() < HALF:
        enough = LIKELY
    model.fit(rows, right, **weighed)
    scaler, regression = model[0], model[1]
    evidence = {
        name: {"weight": float(w), "middle": float(m), "spread": float(s)}
        for name, w, m, s in zip(names, regression.coef_[0], scaler.mean_, scaler.scale_, strict=True)
    }
    told = {
        "evidence": evidence,
        "bias": float(regression.intercept_[0]),
        "enough": enough,
        NAME: piles(likely, right, weight),
    }
    return told, achieved(likely, right, taught, weight, enough)


def never() -> dict[str, Any]:
    """What is kept of an adapter that gave no right answer, or that nothing is known of: it abstains."""
    return {"evidence": {}, "bias": -60.0, "enough": 1.0}


def threshold(likely: Floats, right: NDArray[Any], weight: Floats) -> float:
    """The lowest likelihood from which on at most WRONG of what is answered is wrong."""
    order = np.argsort(-likely)
    wrong = np.cumsum(weight[order] * ~right[order]) / np.cumsum(weight[order])
    good = np.flatnonzero(wrong <= WRONG)
    if not len(good):
        return float(likely.max())
    last = order[good[-1]]
    below = likely[likely < likely[last]]
    return float((likely[last] + below.max()) / 2) if len(below) else float(likely[last])


def achieved(
    likely: Floats, right: NDArray[Any], taught: NDArray[Any], weight: Floats, enough: float
) -> dict[str, float]:
    answers = likely >= enough
    said = float(weight[answers].sum())
    return {
        "enough": enough,
        "answered": float(answers[taught].mean()) if taught.any() else 0.0,
        "answered_outside": float(answers[~taught].mean()) if (~taught).any() else 0.0,
        "wrong": float(weight[answers & ~right].sum()) / said if said else 0.0,
        "examples": float(len(likely)),
    }
