"""What reads learns to tell questions apart, on tiny bases."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from strategies.lora import bases
from strategies.lora.bases import template
from strategies.lora.pairs.raft import Example
from strategies.lora.pairs.values import Pair
from strategies.lora.testing import tiny_base
from strategies.lora.training import adapting, contrast
from strategies.lora.training.contrast import (
    Reader,
    Wording,
    meanings_of,
    planned,
    tell_apart,
    wordings_of,
)
from strategies.lora.training.course import train
from strategies.lora.training.recipe import Recipe
from strategies.lora.training.together import Together
from strategies.lora.training.work import TrainingStopped
from tests.strategies.lora.desk import SIZES, Listener, never, work

pytestmark = pytest.mark.usefixtures("quick")

ASKED = ("How big is the {}?", "What is the size of the {}?", "{} size")


@pytest.fixture(scope="module")
def two_parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base"))


def desk() -> list[Example]:
    return [
        Example(asked.format(thing), f"The {thing} is {size}.")
        for thing, size in SIZES.items()
        for asked in ASKED
    ]


def told_apart(base: bases.Base, **options: Any) -> None:
    given: dict[str, Any] = {"rate": 3e-2, "ratio": 1.0, "epochs": 20, "seed": 0, "at_once": 64}
    given["together"] = Together()
    tell_apart(base, wordings_of(base, desk()), told=lambda _share, _loss: True, **given | options)


def ahead(base: bases.Base) -> float:
    """By how much a wording that nobody taught is nearer to its own answer's than to any other's."""
    known = wordings_of(base, desk())
    asked = [
        Wording(template.prompt(base, f"How large is your {thing}?").ids, at)
        for at, thing in enumerate(SIZES)
    ]
    with torch.no_grad():
        near = Reader(base).means(asked) @ Reader(base).middles(known).T
    own = near.diagonal()
    others = near.masked_fill(torch.eye(len(asked), dtype=torch.bool), -1.0).max(1).values
    return float((own - others).mean())


def test_a_wording_that_nobody_taught_comes_to_lie_with_those_of_its_answer(two_parts: Path) -> None:
    base = bases.load(str(two_parts))
    adapting.adapted(base, Recipe(rank=4))
    before = ahead(base)
    told_apart(base)
    assert ahead(base) > before + 0.1


def test_only_what_reads_learns_and_the_base_stays_as_it_was(two_parts: Path) -> None:
    base = bases.load(str(two_parts))
    adapting.adapted(base, Recipe(rank=4))
    before = {name: weights.detach().clone() for name, weights in base.model.named_parameters()}
    told_apart(base, epochs=2)
    changed = {
        name for name, weights in base.model.named_parameters() if not torch.equal(weights, before[name])
    }
    assert changed
    assert all(name.startswith("encoder.") and "lora_" in name for name in changed)


def test_a_batch_in_parts_teaches_what_the_whole_one_does(two_parts: Path) -> None:
    learned = []
    for at_once in (64, 3):
        base = bases.load(str(two_parts))
        torch.manual_seed(0)
        adapting.adapted(base, Recipe(rank=4))
        told_apart(base, epochs=1, at_once=at_once)
        learned.append(Reader(base).learning)
    for whole, parted in zip(*learned, strict=True):
        assert torch.allclose(whole, parted, atol=1e-3)


def test_the_answer_is_a_wording_and_what_is_read_or_refused_is_none(two_parts: Path) -> None:
    base = bases.load(str(two_parts))
    examples = [
        Example("How big is the lamp?", "12 cm."),
        Example("How big is the mill?", "34 cm."),
        Example("lamp size", "12 cm."),
        Example("How big is the mill?", "34 cm.", ("The mill is 34 cm.",)),
        Example("Who are you?", ""),
    ]
    made = wordings_of(base, examples)
    assert [wording.answer for wording in made] == [0, 1, 0, 0, 1]
    assert made[-1].ids == template.prompt(base, "34 cm.").ids
    assert wordings_of(base, examples[:1]) == []


def test_a_meaning_is_half_the_wordings_and_half_the_answer(two_parts: Path) -> None:
    base = bases.load(str(two_parts))
    asked = [
        Pair("How big is the lamp?", "12 cm."),
        Pair("lamp size", "12 cm."),
        Pair("How big is the mill?", "34 cm."),
    ]
    lamp, mill = meanings_of(base, asked)
    with torch.no_grad():
        read = Reader(base).means(
            [
                Wording(template.prompt(base, text).ids, 0)
                for text in ("How big is the lamp?", "lamp size", "How big is the mill?", "12 cm.", "34 cm.")
            ]
        )
    middle = torch.nn.functional.normalize(read[0] + read[1], dim=-1)
    assert torch.allclose(lamp, torch.nn.functional.normalize(middle + read[3], dim=-1), atol=1e-5)
    assert torch.allclose(mill, torch.nn.functional.normalize(read[2] + read[4], dim=-1), atol=1e-5)


def test_few_wordings_are_read_oftener(two_parts: Path) -> None:
    made = wordings_of(bases.load(str(two_parts)), desk())
    assert len(list(planned(made, 2, 0))) == contrast.OFTENEST
    assert len(list(planned(made * 10, 2, 0))) == 3 * (contrast.LEAST_STEPS * contrast.BATCH // 160)
    assert len(list(planned(made * 400, 2, 0))) == 2 * len(made) * 400 // contrast.BATCH


def test_the_order_is_the_seeds(two_parts: Path) -> None:
    made = wordings_of(bases.load(str(two_parts)), desk())
    assert list(planned(made, 2, 1)) == list(planned(made, 2, 1)) != list(planned(made, 2, 2))


def test_the_admin_hears_of_it_and_can_switch_it_off(two_parts: Path, tmp_path: Path) -> None:
    heard, silent = Listener(), Listener()
    train(work(tmp_path / "run", two_parts, epochs=1), heard, never)
    train(work(tmp_path / "without", two_parts, epochs=1, contrast=0), silent, never)
    assert "telling questions apart: 100%" in heard.notes
    assert "telling" not in silent.notes


def test_a_loss_that_is_no_number_leaves_the_reader_as_it_was_and_the_training_goes_on(
    two_parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken(monkeypatch, lambda means: means * float("nan"))
    heard = Listener()
    assert train(work(tmp_path / "run", two_parts, epochs=1), heard, never).exists()
    assert "what reads stays as it was" in heard.notes


def test_too_little_memory_halves_what_is_told_apart_at_once(
    two_parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contrast, "BATCH", 8)
    sizes: list[int] = []

    def little(means: torch.Tensor) -> torch.Tensor:
        sizes.append(len(means))
        if means.requires_grad and len(means) > 4:
            raise torch.OutOfMemoryError("out of memory")
        return means

    broken(monkeypatch, little)
    heard = Listener()
    assert train(work(tmp_path / "run", two_parts, epochs=1), heard, never).exists()
    assert "questions that are told apart at once, from here on: 4" in heard.notes
    assert 4 in sizes


def test_it_can_be_stopped_meanwhile_and_begins_anew(two_parts: Path, tmp_path: Path) -> None:
    run = work(tmp_path / "run", two_parts, epochs=1)
    with pytest.raises(TrainingStopped):
        train(run, Listener(), lambda: True)
    assert train(run, Listener(), never).exists()


def broken(monkeypatch: pytest.MonkeyPatch, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    means = Reader.means
    monkeypatch.setattr(Reader, "means", lambda self, wordings: change(means(self, wordings)))
