"""LoRA is trained on pairs: what is learned, what is kept, and every way in which it may go wrong."""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock

from strategies import precision
from strategies.lora import bases
from strategies.lora.bases import template
from strategies.lora.pairs.values import Pair, pairs_hash
from strategies.lora.shelf.card import read_card, read_proof, tokenizer_hash
from strategies.lora.testing import FAMILIES, tiny_base
from strategies.lora.training import proving
from strategies.lora.training import work as work_module
from strategies.lora.training.adapting import adapted, learning
from strategies.lora.training.batches import IGNORED, Row, Tensors, plan, within
from strategies.lora.training.course import ENOUGH_EPOCHS, ENOUGH_STEPS, Course, train
from strategies.lora.training.preparing import prepare
from strategies.lora.training.recipe import Recipe
from strategies.lora.training.work import CHECKPOINT, Told, TrainingFailed, TrainingStopped, Work
from tests.strategies.lora.desk import Listener, never, pairs, work

pytestmark = pytest.mark.usefixtures("quick")

PARTS = "encoder-decoder"
WEIGHTS = "adapter_model.safetensors"


@pytest.fixture(scope="module")
def base_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    made: dict[str, Path] = {}

    def base(family: str = "encoder-decoder") -> Path:
        if family not in made:
            made[family] = tiny_base(tmp_path_factory.mktemp("base"), family)
        return made[family]

    return base


def trained(folder: Path, base: Path, **recipe: Any) -> Path:
    return train(work(folder, base, **recipe), Listener(), never)


# ---- what is learned ----


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")  # PEFT asks it
@pytest.mark.filterwarnings("ignore:fan_in_fan_out is set")  # so that PEFT can read it
@pytest.mark.parametrize("family", FAMILIES)
def test_a_base_of_every_family_learns_and_plain_peft_says_what_the_trainer_heard(
    base_of: Callable[[str], Path], tmp_path: Path, family: str
) -> None:
    from peft import PeftModel

    heard = Listener()
    folder = train(work(tmp_path / "run", base_of(family), epochs=8), heard, never)
    assert heard.held_out[-1] < heard.held_out[0]

    base = bases.load(str(base_of(family)))
    canary = read_proof(folder)[0]
    base = replace(base, pooled=read_card(folder).recipe["pooled"])
    assert base.pooled == (family == "encoder-decoder")
    row = Row(template.prompt(base, canary.question, canary.passages).ids, canary.ids)
    without = proving.log_probabilities(base, row)
    PeftModel.from_pretrained(base.model, folder)
    with_it = proving.log_probabilities(base, row)
    assert with_it == pytest.approx(list(canary.logprobs), abs=1e-4)
    assert max(abs(a - b) for a, b in zip(with_it, without, strict=True)) > 1e-2
    assert proving.greedy(base, [row])[0] == list(canary.ids)


def test_an_adapter_says_what_it_was_made_from(
    base_of: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "fast_in_bfloat16", lambda _device: True)
    folder = trained(tmp_path / "run", base_of("encoder-decoder"))
    card, base = read_card(folder), bases.load(str(base_of("encoder-decoder")))
    assert (card.name, card.base_hash, card.base) == ("spring", base.hash, base.name)
    assert card.template == template.fingerprint(base)
    assert card.tokenizer == tokenizer_hash(base)
    assert card.pairs == pairs_hash(pairs())
    assert card.documents == {"d1": 2}
    assert card.recipe["rank"] == 4
    assert card.libraries["torch"] == torch.__version__
    assert 0 <= card.figures["held_out_token_accuracy"] <= 1
    curve = [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]
    best = min(line["held_out"] for line in curve if line["held_out"] is not None)
    assert card.figures["held_out_loss"] == pytest.approx(best, rel=0.01)  # there in bfloat16, here in full
    samples = [json.loads(line) for line in (folder / "samples.jsonl").read_text().splitlines()]
    assert {line["question"] for line in samples} == {
        f"How large is your {t}?" for t in ("lamp", "kettle", "mill", "scale")
    }
    assert sorted(path.name for path in folder.iterdir()) == [
        "adapter_config.json",
        WEIGHTS,
        "card.json",
        "curve.jsonl",
        "proof.json",
        "samples.jsonl",
    ]


def test_only_the_answer_is_learned_whatever_it_is_padded_with(base_of: Callable[[str], Path]) -> None:
    for family in FAMILIES:
        base = bases.load(str(base_of(family)))
        rows = [
            Row(template.prompt(base, asked).ids, tuple(template.answer(base, said)))
            for asked, said in (
                ("How big?", "12 cm."),
                ("What is the size of the mill, please?", "It is 34 cm wide."),
            )
        ]
        with torch.inference_mode():
            together = float(proving.summed_loss(base, *Tensors(base, rows, read_once=False).of([0, 1]))[0])
            alone = [-sum(proving.log_probabilities(base, row)) for row in rows]
        assert together == pytest.approx(sum(alone), rel=1e-4)


def test_what_a_causal_model_is_asked_carries_no_loss(base_of: Callable[[str], Path]) -> None:
    base = bases.load(str(base_of("llama")))
    row = Row(template.prompt(base, "How big?").ids, tuple(template.answer(base, "12 cm.")))
    _, labels = Tensors(base, [row], read_once=False).of([0])
    assert labels[labels != IGNORED].tolist() == list(row.answer)


def test_what_was_read_once_is_as_good_as_what_is_read_each_time(base_of: Callable[[str], Path]) -> None:
    for family in ("encoder-decoder", "t5"):
        base = bases.load(str(base_of(family)))
        rows = proving.rows_of(base, [proving.Example(pair.question, pair.answer) for pair in pairs()])
        kept = Tensors(base, rows, read_once=True)
        kept.read_all()
        assert proving.measure(base, rows, kept).loss == pytest.approx(
            proving.measure(base, rows, Tensors(base, rows, read_once=False)).loss, rel=1e-5
        )


def test_dropping_to_smaller_parts_learns_the_same(base_of: Callable[[str], Path], tmp_path: Path) -> None:
    whole, parted = Listener(), Listener()
    train(work(tmp_path / "whole", base_of("encoder-decoder")), whole, never)
    train(work(tmp_path / "parted", base_of("encoder-decoder")), parted, never, smaller=1)
    assert "out of memory" in parted.notes
    assert parted.held_out == pytest.approx(whole.held_out, rel=1e-3)


@pytest.mark.parametrize(
    ("option", "key", "value"),
    [
        ({"dora": True}, "use_dora", True),
        ({"rslora": True}, "use_rslora", True),
        ({"rank": 2, "alpha": 3}, "lora_alpha", 3),
        ({"rank": 2}, "lora_alpha", 4),
        ({"dropout": 0.1}, "lora_dropout", 0.1),
    ],
)
def test_the_recipe_is_in_pefts_config(
    base_of: Callable[[str], Path], tmp_path: Path, option: dict[str, Any], key: str, value: object
) -> None:
    folder = trained(tmp_path / "run", base_of("encoder-decoder"), epochs=1, **option)
    assert json.loads((folder / "adapter_config.json").read_text())[key] == value


@pytest.mark.parametrize("family", FAMILIES)
def test_every_linear_layer_of_the_speaking_part_learns(base_of: Callable[[str], Path], family: str) -> None:
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    def adapted_layers(**recipe: Any) -> set[str]:
        base = bases.load(str(base_of(family)))
        names = learning(adapted(base, Recipe(**recipe)))
        return {name.removeprefix("base_model.model.").partition(".lora_")[0] for name in names}

    model: Any = bases.load(str(base_of(family))).model
    linear = {name for name, module in model.named_modules() if isinstance(module, nn.Linear | Conv1D)}
    head = {name for name in linear if name.endswith("lm_head")}
    speaking = {name for name in linear if not name.startswith("encoder.")}
    assert adapted_layers() == linear - head
    assert adapted_layers(encoder=False) == speaking - head
    assert adapted_layers(vocabulary=True) == linear


# ---- batches ----


def rows(*lengths: tuple[int, int]) -> list[Row]:
    return [Row(tuple(range(prompt)), tuple(range(answer))) for prompt, answer in lengths]


def test_every_example_is_seen_once_an_epoch_and_each_epoch_in_another_order() -> None:
    many = rows(*((5 + at % 7, 3 + at % 11) for at in range(200)))
    first, second = plan(many, 2, 16, seed=1)
    assert sorted(at for batch in first for at in batch) == list(range(200))
    assert sorted(at for batch in second for at in batch) == list(range(200))
    assert first != second
    assert plan(many, 2, 16, seed=1) == [first, second]
    assert plan(many, 2, 16, seed=2) != [first, second]


def test_batches_are_filled_by_tokens_and_hardly_padded() -> None:
    many = rows(*((5 + at % 7, 3 + at % 11) for at in range(200)))
    budget = 16 * sum(row.tokens for row in many) / len(many)
    for batch in plan(many, 1, 16, seed=1)[0]:
        longest = max(len(many[at].prompt) for at in batch) + max(len(many[at].answer) for at in batch)
        assert longest * len(batch) <= budget
    padded = sum(
        max(len(many[at].answer) for at in batch) * len(batch) for batch in plan(many, 1, 16, seed=1)[0]
    )
    assert padded < 1.25 * sum(len(row.answer) for row in many)


def test_an_example_longer_than_a_batch_is_learned_alone() -> None:
    many = rows((5, 5), (500, 500), (5, 6))
    assert [1] in list(within(many, [0, 1, 2], budget=50))


def reading(many: int, *, refused: float) -> list[Row]:
    """Rows with passages, of which a share is refused in two tokens."""
    short = round(many * refused)
    return [
        Row(tuple(range(150 + at % 30)), tuple(range(2 if at < short else 40 + at % 9)), reads=True)
        for at in range(many)
    ]


def test_reading_is_learned_once_what_is_known_has_been() -> None:
    many = [*rows(*((9, 40) for _ in range(60))), *reading(60, refused=0.3)]
    alone, both = plan(many, 2, 8, seed=1)
    assert sorted(at for batch in alone for at in batch) == list(range(60))
    assert sorted(at for batch in both for at in batch) == list(range(120))


def test_what_only_reads_is_learned_from_the_first_epoch_on() -> None:
    assert sorted(at for batch in plan(reading(20, refused=0.5), 2, 8, seed=1)[0] for at in batch) == list(
        range(20)
    )


def test_refusals_are_learned_beside_answers() -> None:
    many = reading(200, refused=0.5)
    alike = [{len(many[at].answer) == 2 for at in batch} for batch in plan(many, 1, 8, seed=1)[0]]
    assert sum(kinds == {True} for kinds in alike) < 0.1 * len(alike)


# ---- held out ----


def test_no_held_out_question_is_ever_in_what_is_learned(
    base_of: Callable[[str], Path], tmp_path: Path
) -> None:
    run = work(tmp_path / "run", base_of("encoder-decoder"), epochs=1, augment=True)
    train(run, Listener(), never)
    learned = {example.question for example in run.train()}
    measured = {example.question for example in run.held_out()}
    assert measured == {pair.question for pair in pairs() if pair.split == "held-out"}
    assert not learned & measured
    assert len(learned) > len(pairs())  # other wordings, too


def test_a_desk_with_one_wording_of_each_question_is_measured_on_wordings_of_our_making(
    base_of: Callable[[str], Path], tmp_path: Path
) -> None:
    single = [
        Pair(f"How big is the {n} drawer of the desk?", f"It is {n}.", split="train") for n in ("red", "blue")
    ]
    run = work(tmp_path / "run", base_of("encoder-decoder"), single, epochs=1, augment=True)
    train(run, Listener(), never)
    assert run.held_out()
    assert not {example.question for example in run.train()} & {each.question for each in run.held_out()}


# ---- ends ----


def test_it_ends_when_the_held_out_loss_has_stopped_falling_and_keeps_the_best(
    base_of: Callable[[str], Path], tmp_path: Path
) -> None:
    heard = Listener()
    folder = train(
        work(tmp_path / "run", base_of("t5"), epochs=40, rate=0.3, patience=2, encoder=False), heard, never
    )
    assert "has not fallen since step" in heard.notes
    assert heard.told[-1].step < heard.told[-1].steps
    assert read_card(folder).figures["held_out_loss"] == pytest.approx(min(heard.held_out), rel=0.02)


def test_it_ends_when_its_time_is_up(base_of: Callable[[str], Path], tmp_path: Path) -> None:
    heard = Listener()
    train(
        work(tmp_path / "run", base_of("encoder-decoder"), epochs=1000, patience=1000, seconds=0.5),
        heard,
        never,
    )
    assert "the time is up" in heard.notes


def test_it_tells_how_long_it_will_take(base_of: Callable[[str], Path], tmp_path: Path) -> None:
    heard = Listener()
    train(work(tmp_path / "run", base_of("encoder-decoder")), heard, never)
    told = [each for each in heard.told if each.loss is not None]
    assert told[0].left > told[-1].left == 0
    assert [each.step for each in told] == sorted(each.step for each in told)
    assert told[-1].epoch == 4


# ---- on from where it was ----


class Killed(BaseException):
    """As good as kill -9: nothing is written after it."""


def kill() -> None:
    raise Killed


def losses(run: Work) -> list[tuple[int, float | None, float | None, float]]:
    return [(told.step, told.loss, told.held_out, told.rate) for told in run.told() if not told.note]


@pytest.mark.parametrize("dropout", [0.0, 0.2])
@pytest.mark.parametrize("step", [3, 9, 17])
def test_a_killed_training_ends_bit_by_bit_as_one_that_was_not(
    base_of: Callable[[str], Path], tmp_path: Path, step: int, dropout: float
) -> None:
    whole = work(tmp_path / "whole", base_of("encoder-decoder"), dropout=dropout)
    wanted = train(whole, Listener(), never)
    killed = work(tmp_path / "killed", base_of("encoder-decoder"), dropout=dropout)
    with pytest.raises(Killed):
        train(killed, Listener(step, kill), never)
    assert (killed.folder / CHECKPOINT).exists()
    found = train(killed, Listener(), never)
    assert (found / WEIGHTS).read_bytes() == (wanted / WEIGHTS).read_bytes()
    assert losses(killed) == losses(whole)
    assert (found / "samples.jsonl").read_bytes() == (wanted / "samples.jsonl").read_bytes()


def test_a_training_that_is_stopped_leaves_a_checkpoint_and_goes_on_from_it(
    base_of: Callable[[str], Path], tmp_path: Path
) -> None:
    wanted = trained(tmp_path / "whole", base_of("encoder-decoder"))
    run = work(tmp_path / "run", base_of("encoder-decoder"))
    heard = Listener()
    with pytest.raises(TrainingStopped, match="stopped after step 7 of"):
        train(run, heard, lambda: bool(heard.told) and heard.told[-1].step >= 7)
    found = train(run, Listener(), never)
    assert (found / WEIGHTS).read_bytes() == (wanted / WEIGHTS).read_bytes()


def test_a_finished_training_is_not_done_again(base_of: Callable[[str], Path], tmp_path: Path) -> None:
    run = work(tmp_path / "run", base_of("encoder-decoder"), epochs=1)
    folder = train(run, Listener(), never)
    written = (folder / WEIGHTS).stat().st_mtime_ns
    heard = Listener()
    assert train(run, heard, never) == folder
    assert heard.told == []
    assert (folder / WEIGHTS).stat().st_mtime_ns == written
    assert not (run.folder / CHECKPOINT).exists()


# ---- what goes wrong ----


def test_a_full_disk_is_a_sentence_and_loses_nothing(
    base_of: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = trained(tmp_path / "whole", base_of("encoder-decoder"))
    run = work(tmp_path / "run", base_of("encoder-decoder"))
    written = 0

    def full(descriptor: int) -> None:
        nonlocal written
        written += 1
        if written > 4:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(work_module.os, "fsync", full)
        with pytest.raises(
            TrainingFailed, match=r"the disk is full: checkpoint[.]safetensors could not be written"
        ):
            train(run, Listener(), never)
    assert not list(run.folder.glob("*.half"))
    assert (run.folder / CHECKPOINT).exists()
    found = train(run, Listener(), never)
    assert (found / WEIGHTS).read_bytes() == (wanted / WEIGHTS).read_bytes()


def breaking(monkeypatch: pytest.MonkeyPatch, at: Callable[[int], bool], broken: Callable[..., Any]) -> None:
    """The loss of training steps is what `broken` makes of it, the nth time if `at` says so."""
    true, times = proving.summed_loss, 0

    def summed_loss(base: Any, given: Any, labels: Any) -> Any:
        nonlocal times
        found = true(base, given, labels)
        if torch.is_grad_enabled():
            times += 1
            if at(times):
                return broken(labels, found)
        return found

    monkeypatch.setattr(proving, "summed_loss", summed_loss)


def nan(_labels: Any, found: Any) -> Any:
    return found[0] * math.nan, found[1]


def test_a_loss_that_is_no_number_is_rolled_back_with_half_the_rate(
    base_of: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = Listener()
    breaking(monkeypatch, lambda times: times == 12, nan)
    folder = train(work(tmp_path / "run", base_of("encoder-decoder")), heard, never)
    assert "not finite at step 11: back to step" in heard.notes
    assert "half the rate" in heard.notes
    fallen = next(at for at, told in enumerate(heard.told) if "not finite" in told.note)
    assert max(told.rate for told in heard.told[fallen:]) <= 0.5e-2
    assert all(math.isfinite(weight) for weight in heard.held_out)
    assert read_card(folder).figures["held_out_loss"] < heard.held_out[0]


def test_a_loss_that_is_never_a_number_is_given_up(
    base_of: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    breaking(monkeypatch, lambda times: times > 5, nan)
    with pytest.raises(TrainingFailed, match=r"not finite 4 times.*choose a lower rate"):
        train(work(tmp_path / "run", base_of("encoder-decoder")), Listener(), never)


def test_too_little_memory_makes_smaller_batches_and_says_so(
    base_of: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, heard = Listener(), Listener()
    train(work(tmp_path / "whole", base_of("encoder-decoder")), whole, never)

    def too_much(labels: Any, found: Any) -> Any:
        if labels.shape[0] > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return found

    breaking(monkeypatch, lambda _: True, too_much)
    train(work(tmp_path / "run", base_of("encoder-decoder")), heard, never)
    assert "out of memory: examples at once, from here on: about 2 instead of" in heard.notes
    assert heard.held_out == pytest.approx(whole.held_out, rel=1e-3)


def test_an_example_that_never_fits_is_a_sentence(
    base_of: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_much(_labels: Any, _found: Any) -> Any:
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes.")

    breaking(monkeypatch, lambda _: True, too_much)
    with pytest.raises(TrainingFailed, match="not even one example fits"):
        train(work(tmp_path / "run", base_of("encoder-decoder")), Listener(), never)


def test_another_fault_of_torchs_is_not_taken_for_want_of_memory(
    base_of: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_labels: Any, _found: Any) -> Any:
        raise RuntimeError("mat1 and mat2 shapes cannot be multiplied")

    breaking(monkeypatch, lambda _: True, broken)
    with pytest.raises(RuntimeError, match="mat1 and mat2"):
        train(work(tmp_path / "run", base_of("encoder-decoder")), Listener(), never)


@pytest.mark.parametrize(
    ("base", "given", "recipe", "sentence"),
    [
        ("no/such/base", None, {}, "there is no base model 'no/such/base'"),
        ("encoder-decoder", [], {}, "there are no pairs to learn from"),
        ("encoder-decoder", None, {"quantized": True}, "two small parts, which are not quantized"),
        ("llama", None, {"quantized": True}, "four-bit weights need a CUDA device"),
    ],
    ids=["no base", "no pairs", "two parts", "no CUDA"],
)
def test_what_cannot_be_trained_is_a_sentence(
    base_of: Callable[[str], Path],
    tmp_path: Path,
    base: str,
    given: Any,
    recipe: dict[str, Any],
    sentence: str,
) -> None:
    run = work(tmp_path / "run", base if "/" in base else base_of(base), given, **recipe)
    with pytest.raises(TrainingFailed, match=sentence):
        train(run, Listener(), never)


def test_two_never_train_in_one_folder(
    base_of: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(work_module, "LOCK_SECONDS", 0.1)
    run = work(tmp_path / "run", base_of("encoder-decoder"))
    with (
        FileLock(run.folder / "lock"),
        pytest.raises(TrainingFailed, match="another process trains in"),
    ):
        train(run, Listener(), never)


def test_a_broken_checkpoint_is_a_sentence(base_of: Callable[[str], Path], tmp_path: Path) -> None:
    run = work(tmp_path / "run", base_of("encoder-decoder"))
    (run.folder / CHECKPOINT).write_bytes(b"not a checkpoint")
    with pytest.raises(TrainingFailed, match="the checkpoint cannot be read"):
        train(run, Listener(), never)


def test_a_token_weighs_the_same_among_refusals_and_among_answers(
    base_of: Callable[[str], Path], tmp_path: Path
) -> None:
    """Otherwise a batch of refusals, two tokens each, would weigh as much as one of whole answers."""
    run = work(tmp_path / "run", base_of("encoder-decoder"), batch=4, epochs=1)
    answered = [
        proving.Example("How big?", "It is 12 cm wide, 20 cm high and weighs less than you think.")
    ] * 6
    run.prepare([*answered, *[proving.Example("How tall?", "", ("It is red.",))] * 6], answered[:1])
    base = bases.load(str(base_of("encoder-decoder")))
    course = Course(run, run.job, base, Listener(), never)
    weights = []
    for batch in ([0, 1, 2], [6, 7, 8]):
        summed, _ = proving.summed_loss(base, *course.tensors.of(batch))
        weights.append(float(course.share_of_loss(batch, batch).detach() / summed.detach()))
    assert weights[0] == pytest.approx(weights[1])


# ---- the recipe ----


def test_the_rate_rises_falls_to_nothing_and_is_lower_for_wider_models(
    base_of: Callable[[str], Path], tmp_path: Path
) -> None:
    run = work(tmp_path / "run", base_of("encoder-decoder"), rate=0.01, warm_up=0.25)
    run.prepare([proving.Example("How big?", "12 cm.")] * 40, [proving.Example("How big?", "12 cm.")])
    course = Course(run, run.job, bases.load(str(base_of("encoder-decoder"))), Listener(), never)
    rates = []
    for step in range(course.steps):
        course.state.step = step
        rates.append(course.rate)
    top = rates.index(max(rates))
    assert max(rates) == pytest.approx(0.01)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert rates[-1] < 0.001
    assert Recipe().rate_of(384) == 3e-3
    assert Recipe().rate_of(2048) < 1e-3
    assert Recipe(rate=1e-4).rate_of(384) == 1e-4


def test_the_curve_can_be_read_while_a_line_is_written(tmp_path: Path) -> None:
    run = Work(tmp_path)
    told = Told(1, 2, 0.5, 1.0, None, 0.1, 3.0)
    (tmp_path / "curve.jsonl").write_text(json.dumps(told.__dict__) + '\n{"step": 2, "st')
    assert run.told() == [told]


@pytest.mark.parametrize(
    ("family", "chosen", "ratio"), [("encoder-decoder", 0, 16), ("t5", 0, 1), ("t5", 4, 4)]
)
def test_what_writes_learns_faster_than_what_reads(
    base_of: Callable[[str], Path], tmp_path: Path, family: str, chosen: float, ratio: float
) -> None:
    run = work(tmp_path / "run", base_of(family), rate=0, loraplus=chosen)
    prepare(run)
    course = Course(run, run.job, bases.load(str(base_of(family))), Listener(), never)
    named = {id(weights): name for name, weights in course.weights.items()}
    rates = {
        named[id(weights)].rpartition("lora_")[2][0]: group["lr"]
        for group in course.optimizer.param_groups
        for weights in group["params"]
    }
    assert rates["B"] == pytest.approx(ratio * rates["A"])
    assert rates["A"] == course.highest


def test_few_pairs_are_gone_through_oftener(base_of: Callable[[str], Path], tmp_path: Path) -> None:
    def course(name: str, many: int, **recipe: Any) -> Course:
        given = [replace(pair, question=f"{pair.question} {n}") for n in range(many) for pair in pairs()]
        run = work(tmp_path / name, base_of("encoder-decoder"), given, **{"epochs": 0, **recipe})
        prepare(run)
        return Course(run, run.job, bases.load(str(base_of("encoder-decoder"))), Listener(), never)

    few, more = course("few", 1), course("more", 10)
    assert len(few.epochs) > len(more.epochs) > ENOUGH_EPOCHS
    assert ENOUGH_STEPS <= few.steps < ENOUGH_STEPS + len(few.batches) / len(few.epochs)
    assert len(course("chosen", 1, epochs=3).epochs) == 3
    many = course("many", 150)
    assert len(many.epochs) == ENOUGH_EPOCHS
    assert len(course("quick", 150, loraplus=16).epochs) == ENOUGH_EPOCHS // 2
