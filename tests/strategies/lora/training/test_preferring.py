"""An adapter learns which of two answers people would rather have, and forgets nothing else over it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from strategies.lora import bases
from strategies.lora.bases import template
from strategies.lora.engine import sharing
from strategies.lora.pairs.preferences import Preference, parted, preferences_hash
from strategies.lora.pairs.splits import HeldOut
from strategies.lora.shelf import Shelf, canary
from strategies.lora.shelf.card import read_card, read_proof
from strategies.lora.testing import tiny_base
from strategies.lora.training import proving
from strategies.lora.training.course import train
from strategies.lora.training.preferring import Keeping, Preferring, log_likelihoods
from strategies.lora.training.preparing import prepare
from strategies.lora.training.recipe import Recipe
from strategies.lora.training.work import TrainingFailed, TrainingStopped, Work
from tests.strategies.lora.desk import SIZES, Listener, never, pairs, work

pytestmark = pytest.mark.usefixtures("quick")

FAMILIES = ("encoder-decoder", "t5", "qwen3")


def preferences() -> list[Preference]:
    """People would rather be told the size with its direction."""
    wordings = ("How big is the {}?", "What is the size of the {}?", "{} size", "Tell me how big the {} is.")
    return [
        Preference(asked.format(thing), f"The {thing} is {size} wide.", f"The {thing} is {size}.")
        for thing, size in SIZES.items()
        for asked in wordings
    ]


Parent = Callable[[str], tuple[Path, Path]]


@pytest.fixture(scope="module")
def parent_of(tmp_path_factory: pytest.TempPathFactory) -> Parent:
    """A tiny base of a family, and an adapter on it that was taught the desk's pairs."""
    made: dict[str, tuple[Path, Path]] = {}

    def parent(family: str = "encoder-decoder") -> tuple[Path, Path]:
        if family not in made:
            folder = tmp_path_factory.mktemp(family)
            base = tiny_base(folder / "base", family)
            made[family] = base, train(work(folder / "run", base, epochs=8), Listener(), never)
        return made[family]

    return parent


def tuning(
    folder: Path, parent: tuple[Path, Path], given: list[Preference] | None = None, **recipe: Any
) -> Work:
    base, adapter = parent
    chosen = {"epochs": 6, "batch": 4, "rate": 3e-3, "rank": 4, "augment": False, "patience": 9, **recipe}
    return Work.begin(
        folder,
        name="preferred",
        base=str(base),
        recipe=Recipe(**chosen),
        pairs=pairs(),
        preferences=preferences() if given is None else given,
        parent=("0123456789abcdef", adapter),
    )


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set")
@pytest.mark.parametrize("family", FAMILIES)
def test_what_people_prefer_becomes_likelier_on_a_base_of_every_family(
    parent_of: Parent, tmp_path: Path, family: str
) -> None:
    folder = train(tuning(tmp_path / "run", parent_of(family)), heard := Listener(), never)
    card = read_card(folder)
    assert card.parent == "0123456789abcdef"
    assert card.preferences == preferences_hash(preferences())
    assert min(heard.held_out) < math.log(2)  # what it is while nothing has changed
    assert card.figures["preferences_won"] > 0.7
    assert card.figures["preferences_ahead"] >= card.figures["preferences_ahead_before"]
    assert 0 < card.figures["preferences_held_out"] < len(preferences())
    assert read_proof(folder)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set")
def test_the_canary_lets_a_preferring_adapter_speak_like_any_other(parent_of: Parent, tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf")
    adapter = shelf.put(train(tuning(tmp_path / "run", parent_of()), Listener(), never))
    assert canary.prove(adapter, sharing.any_of(adapter.base)).faults == ()


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set")
def test_where_a_question_is_heard_as_one_what_reads_stays_as_it_is(
    parent_of: Parent, tmp_path: Path
) -> None:
    parent = parent_of()
    folder = train(tuning(tmp_path / "run", parent), Listener(), never)
    before, after = (load_file(each / "adapter_model.safetensors") for each in (parent[1], folder))
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    reads = {name for name in before if ".model.encoder." in name}
    assert reads
    assert changed
    assert not reads & changed


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set")
def test_answers_that_nobody_would_rather_have_otherwise_are_said_again(
    parent_of: Parent, tmp_path: Path
) -> None:
    liked = [one for one in preferences() if "lamp" in one.question or "kettle" in one.question]
    run = tuning(tmp_path / "run", parent_of(), liked)
    prepare(run)
    course = Preferring(run, run.job, bases.load(run.job.base), Listener(), never)
    assert {example.answer for example in course.spared()} == {"The mill is 34 cm.", "The scale is 45 cm."}
    keeping = Keeping(course.base, course.spared())
    with torch.no_grad():
        assert keeping.loss(8, "0:0") > 0
        assert keeping.loss(1, "0:0") == keeping.loss(1, "0:0")
    assert Keeping(course.base, []).loss(8, "0:0") == 0
    without = tuning(tmp_path / "t5", parent_of("t5"), liked)
    prepare(without)
    assert Preferring(without, without.job, bases.load(without.job.base), Listener(), never).spared() == []


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set")
def test_of_a_question_that_was_misheard_nothing_is_learned_and_the_admin_is_told(
    parent_of: Parent, tmp_path: Path
) -> None:
    misheard = Preference("How big is the lamp?", "The mill is 34 cm.", "The lamp is 12 cm.")
    run = tuning(tmp_path / "run", parent_of(), [misheard] * 8, epochs=2)
    train(run, heard := Listener(), never)
    assert "preferences about a question that is taken for another one: " in heard.notes
    prepare(run)
    course = Preferring(run, run.job, bases.load(run.job.base), Listener(), never)
    course.ready()
    assert len(course.misheard) == len(course.parts_of.learned)
    part = list(range(len(course.misheard)))[:2]
    course.keeping = Keeping(course.base, [])
    assert float(course.share_of_loss(part, part).detach()) == 0


def test_likelihoods_are_those_of_each_answer_alone_whatever_it_is_padded_with(parent_of: Parent) -> None:
    from strategies.lora.training.batches import Row, Tensors

    for family in FAMILIES:
        base = bases.load(str(parent_of(family)[0]))
        rows = [
            Row(template.prompt(base, asked).ids, tuple(template.answer(base, said)))
            for asked, said in (
                ("How big?", "12 cm."),
                ("What is the mill's size?", "It is 34 cm wide."),
            )
        ]
        with torch.inference_mode():
            together = log_likelihoods(base, *Tensors(base, rows, read_once=False).of([0, 1]))
        alone = [sum(proving.log_probabilities(base, row)) for row in rows]
        assert together.tolist() == pytest.approx(alone, rel=1e-4)


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")
@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set")
def test_a_tuning_that_was_stopped_ends_as_one_that_was_not(parent_of: Parent, tmp_path: Path) -> None:
    whole = train(tuning(tmp_path / "whole", parent_of(), epochs=2), Listener(), never)
    stopped = [False]
    broken = tuning(tmp_path / "broken", parent_of(), epochs=2)
    with pytest.raises(TrainingStopped):
        train(broken, Listener(at=3, then=lambda: stopped.__setitem__(0, True)), lambda: stopped[0])
    resumed = train(broken, Listener(), never)
    name = "adapter_model.safetensors"
    assert (resumed / name).read_bytes() == (whole / name).read_bytes()


def test_what_the_desk_holds_out_is_never_learned_from_a_preference() -> None:
    one = Preference("How  BIG is the lamp", "12 cm wide.", "12 cm.")
    another = replace(one, question="Is the lamp blue?")
    parts = parted([one, another], HeldOut(frozenset({"how big is the lamp"})))
    assert one in parts.held_out
    assert another in (*parts.learned, *parts.held_out)
    assert parted([one, another], HeldOut()) == parted([one, another], HeldOut())


def test_preferences_about_held_out_questions_alone_teach_nothing(parent_of: Parent, tmp_path: Path) -> None:
    asked = [pair.question for pair in pairs() if pair.split == "held-out"]
    given = [Preference(question, "12 cm wide.", "12 cm.") for question in asked]
    with pytest.raises(TrainingFailed, match="every preference is about a question that is held out"):
        train(tuning(tmp_path / "run", parent_of(), given), Listener(), never)
