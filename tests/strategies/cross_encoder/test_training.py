"""The cross-encoder is taught in one way and asked in the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from safetensors.numpy import save_file

from knowledge_base.embedding import minilm_tokenizer
from strategies.cross_encoder import lessons
from strategies.cross_encoder.lessons import Desk
from strategies.cross_encoder.reading import CrossEncoder
from strategies.cross_encoder.windows import window

torch = pytest.importorskip("torch")

TEXT = lessons.Text("Lamp › Battery", ("The battery lasts nine hours.", "It weighs 640 g."))


@pytest.fixture
def some() -> list[Desk]:
    desks = lessons.desks()
    return [
        *[desk for desk in desks if not desk.held_out][:2],
        *[desk for desk in desks if desk.held_out][:1],
    ]


def test_a_network_that_was_just_taught_says_the_same_where_it_serves(
    some: list[Desk], tmp_path: Path
) -> None:
    from strategies.cross_encoder.training import Course, Judge, held_out, learn, tensors

    torch.manual_seed(1)
    judge = Judge()
    before = judge.answer.weight.detach().clone()
    learn(judge, Course(some, tmp_path, 1), minutes=0.03, held=held_out(some))
    assert not torch.equal(before, judge.answer.weight)
    judge.eval()
    save_file(tensors(judge), tmp_path / "weights.safetensors")
    served = CrossEncoder(tmp_path / "weights.safetensors").read("How heavy is it?", [TEXT])[0]
    with torch.no_grad():
        answers, sentences = judge([window(minilm_tokenizer(marks_are_text=True), "How heavy is it?", TEXT)])
    assert served.answers == pytest.approx(answers.item(), abs=0.05)
    assert list(served.sentences) == pytest.approx(sentences[0].tolist(), abs=0.05)


def test_desks_that_are_held_out_are_never_learned_from(some: list[Desk], tmp_path: Path) -> None:
    from strategies.cross_encoder.training import Course

    course = Course(some, tmp_path, 1)
    learned = {lesson.question.lower().rstrip("?.! ") for lesson in course._round()}
    for desk in some:
        asked = {a.question.lower().rstrip("?.! ") for section in desk.sections for a in section.asked}
        assert bool(asked & learned) is not desk.held_out


def test_a_loss_that_is_no_number_ends_the_training(some: list[Desk], tmp_path: Path) -> None:
    from strategies.cross_encoder.training import Course, Judge, held_out, learn

    judge = Judge()
    with torch.no_grad():
        judge.answer.weight.fill_(float("nan"))
    with pytest.raises(FloatingPointError, match="step 1"):
        learn(judge, Course(some, tmp_path, 1), minutes=1, held=held_out(some))
