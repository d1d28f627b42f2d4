"""Whether an answer sounds like the desk."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from bot.evaluation.manner import _fitted, beheaded, curtailed, learn, runs, signs

WATERS = "warm cold fresh clear still hot soft hard salt new old rain sea lake river well ice pond deep dry"
THINGS = "lamp tank cable shelf box bag bulb foot shade lid cap ring seal screw plug wire case stand arm base"
ANSWERS = [f"Thanks for asking! The lamp holds {word} water. Happy reading!" for word in WATERS.split()]
PROSE = [f"The {word} is delivered with a cable. Put it on a flat table." for word in THINGS.split()]


def test_an_answer_of_the_desk_is_told_from_prose_and_from_half_an_answer() -> None:
    manner = learn(ANSWERS, PROSE)
    assert manner is not None
    assert manner.accuracy > 0.9

    theirs = "Thanks for asking! The red lamp lasts for years. Happy reading!"
    assert manner.is_the_desks([theirs, beheaded(theirs), curtailed(theirs), PROSE[0]]) == [
        True,
        False,
        False,
        False,
    ]


def test_too_few_answers_teach_nothing() -> None:
    assert learn(ANSWERS[:5], PROSE) is None
    assert learn(ANSWERS, PROSE[:3]) is None


def test_the_weights_are_those_of_scikit_learn() -> None:
    shown = [signs(text) for text in [*ANSWERS[:20], *PROSE]]
    spoken = np.array([True] * 20 + [False] * len(PROSE))
    weights, bias = _fitted(shown, spoken)

    names = sorted(weights)
    given = np.array([[float(name in one) for name in names] for one in shown])
    theirs = LogisticRegression(tol=1e-8, max_iter=1000).fit(given, spoken)

    assert np.allclose([weights[name] for name in names], theirs.coef_[0], atol=1e-3)
    assert bias == pytest.approx(float(theirs.intercept_[0]), abs=1e-3)


@pytest.mark.parametrize("cut", [beheaded, curtailed])
def test_half_of_the_manner_is_not_the_manner(cut: Callable[[str], str]) -> None:
    answer = "Thanks for asking! The tank holds 0.8 litres. Happy brewing!"

    assert "The tank holds 0.8 litres." in cut(answer)
    assert ("first thanks" in signs(cut(answer))) != ("last brewing" in signs(cut(answer)))


def test_a_japanese_answer_has_a_greeting_and_a_closing_too() -> None:
    answer = "お問い合わせありがとうございます。容量は1.0リットルです。どうぞ、よいコーヒーを。"

    assert beheaded(answer) == "容量は1.0リットルです。どうぞ、よいコーヒーを。"
    assert curtailed(answer) == "お問い合わせありがとうございます。容量は1.0リットルです。"


def test_the_steps_of_an_answer_are_a_sign_of_its_own() -> None:
    assert "steps" in signs("To do it:\n1. Press.\n2. Wait.")
    assert "steps" not in signs("It takes 2. Then wait.")


def test_prose_comes_in_runs_of_sentences_the_same_ones_every_time() -> None:
    text = "One. Two. Three."
    passages = [(text, [(0, 4), (5, 9), (10, 16)]), ("No sentences", [])]

    assert runs(passages, 5) == runs(passages, 5)
    assert all(run in text for run in runs(passages, 50))
    assert len(set(runs(passages, 50))) > 3
    assert runs([], 5) == []
