"""The shipped base can be made again: lessons from folders of data, and a run that a kill does not change."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from strategies.lora import bases
from strategies.lora.bases import corpus, pretrain, template

SENTENCES = (
    "The lantern is charged by its lid.",
    "A full charge takes 45 minutes in the sun.",
    "Hang it from the hook on the left side.",
    "The hook carries up to 12 kilograms.",
    "Wipe the glass with a dry cloth every week.",
    "Never put the lantern into the dishwasher.",
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A little of every source, in the form in which it comes."""
    folder = tmp_path_factory.mktemp("data")
    text = "# Lantern\n\n" + "".join(
        f"## Caring for part {n}\n\n{' '.join(SENTENCES[n % 3 :])}\n\n" for n in range(5)
    )
    for name, _ in corpus.DOCUMENTS:
        put(folder / name, [{"doc_id": f"{name}-{n}", "title": "Lantern", "text": text} for n in range(8)])
    turns = [{"role": "user", "text": "Is it open?"}, {"role": "agent", "text": "Yes, until 18:30."}] * 3
    for name in ("sgd/train.jsonl", "taskmaster/tm4_coffee.jsonl"):
        put(folder / name, [{"id": f"{n}", "turns": turns} for n in range(20)])
    asked = {"instruction": "where is order {{Order Number}}", "response": "Look under {{Orders}}."}
    for name in ("bitext_2023-09_4514.jsonl", "bitext_2023-08_short_6480.jsonl"):
        put(folder / "bitext_support" / name, [asked] * 4)
    for name in ("adobe_workfront", "adobe_analytics"):
        put(
            folder / name / "faq_en.jsonl",
            [{"question": "What is new?", "answer": "**The lid** is new."}] * 4,
        )
    dolly = [
        {"instruction": f"Name {n} lamps", "context": " ".join(SENTENCES[:n]), "response": "One."}
        for n in range(4)
    ]
    put(folder / "dolly15k" / "dolly.jsonl", dolly)
    seed = {"instruction": "Say it shorter.", "instances": [{"input": "a b", "output": "a"}]}
    put(folder / "self_instruct_seed" / "seed_tasks.jsonl", [seed] * 3)
    venue = [
        {"entity": "THE MILL", "city": "Ely", "question": f"Is there a {x} here?", "answer": f"Yes, a {x}."}
        for x in ("bar", "pool", "garden", "lift", "shop")
    ]
    put(folder / "dstc10_faq" / "knowledge.jsonl", venue)
    context = " ".join(SENTENCES)
    found = {"text": "45 minutes", "answer_start": context.index("45 minutes")}
    for name in ("dev-1.1.jsonl", "dev-2.0.jsonl"):
        rows = [
            {
                "context": context,
                "title": "Lantern",
                "question": "How long does it charge?",
                "answers": [found],
            },
            {"context": context, "title": "Lantern", "question": "Who made it?", "answers": []},
        ]
        put(folder / "squad_dev" / name, rows)
    return folder


def put(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def taught(data: Path) -> dict[str, list[corpus.Lesson]]:
    return corpus.lessons(data, seed=3, invented=400)


def reading(taught: dict[str, list[corpus.Lesson]]) -> Iterator[corpus.Lesson]:
    return (lesson for found in taught.values() for lesson in found if lesson.passages)


def test_every_source_teaches_something(taught: dict[str, list[corpus.Lesson]]) -> None:
    assert {name for name, found in taught.items() if found} == set(pretrain.STAGES["demonstrations"])


def test_the_same_seed_makes_the_same_lessons(data: Path, taught: dict[str, list[corpus.Lesson]]) -> None:
    assert corpus.lessons(data, seed=3, invented=400) == taught
    assert corpus.lessons(data, seed=4, invented=400) != taught


def test_what_is_refused_is_nowhere_to_be_read(taught: dict[str, list[corpus.Lesson]]) -> None:
    refused = [lesson for lesson in taught["venues"] if lesson.passages and not lesson.answer]
    assert refused
    for lesson in refused:
        asked = lesson.question.removeprefix("Is there a ").removesuffix(" here?")
        assert not any(asked in passage for passage in lesson.passages)


def test_what_is_copied_stands_at_varying_places(taught: dict[str, list[corpus.Lesson]]) -> None:
    places = {
        place
        for lesson in reading(taught)
        for place, text in enumerate(lesson.passages)
        if text == lesson.answer
    }
    assert len(places) >= 3


def test_the_value_of_an_invented_product_is_in_its_passage_and_in_no_other(
    taught: dict[str, list[corpus.Lesson]],
) -> None:
    for lesson in taught["products"]:
        if lesson.answer and not any(map(str.isdigit, lesson.question)):  # a name may have numbers
            assert sum(part in lesson.answer or lesson.answer in part for part in lesson.passages) <= 1
            assert any(same_numbers(lesson.answer, part) for part in lesson.passages)


def same_numbers(one: str, other: str) -> bool:
    return sorted(filter(str.isdigit, one)) == sorted(filter(str.isdigit, other))


def test_lessons_of_one_place_are_held_out_together(taught: dict[str, list[corpus.Lesson]]) -> None:
    assert len({lesson.held_out for lesson in taught["venues"]}) == 1


def test_a_run_that_was_killed_ends_as_one_that_was_not(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = pretrain.Plan(steps=(2, 1, 2), lessons=4, layers=1, heads=6, warm_up=1)
    monkeypatch.setattr(pretrain, "lessons", lambda data, seed: corpus.lessons(data, seed, invented=60))
    monkeypatch.setattr(pretrain, "EXAMINED", 2)
    for name in ("through", "killed"):
        pretrain.prepare(data, tmp_path / name, plan.seed)
    pretrain.train(plan, tmp_path / "through")
    kill_at(monkeypatch, 4)
    with pytest.raises(KeyboardInterrupt):
        pretrain.train(plan, tmp_path / "killed")
    kill_at(monkeypatch, 0)
    pretrain.train(plan, tmp_path / "killed")
    through, killed = (tmp_path / name / "base" for name in ("through", "killed"))
    assert (through / "model.safetensors").read_bytes() == (killed / "model.safetensors").read_bytes()
    made = bases.load(str(through))
    assert made.nothing is not None
    prompt = template.prompt(made, "How long does it charge?", ["A full charge takes 45 minutes."])
    assert prompt.passage_tokens


def kill_at(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """The process ends before this step is done; 0: never."""
    begun = [0]

    def one_step(*given: Any) -> float:
        begun[0] += 1
        if begun[0] == step:
            raise KeyboardInterrupt
        return ONE_STEP(*given)

    monkeypatch.setattr(pretrain, "one_step", one_step)


ONE_STEP = pretrain.one_step


def test_a_checkpoint_of_another_plan_is_refused(data: Path, tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    import torch

    torch.save({"step": 1, "plan": {"seed": 9}, "decoder": {}, "steering": []}, tmp_path / "checkpoint.pt")
    with pytest.raises(SystemExit, match="another plan"):
        pretrain.resume(tmp_path, None, [], pretrain.Plan())


def test_a_heading_and_markup_are_no_words_of_a_section() -> None:
    found = dict(
        corpus.cut("# A lamp\n\n**Hold** the [lid](x.md) and turn it once.\n\n| a | b |\n|---|---|\n")
    )
    assert found == {"A lamp": ("Hold the lid and turn it once.",)}


def test_an_asked_for_folder_that_is_missing_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        pretrain.main(["--data", "/nowhere", "--folder", "/tmp/x"])
    assert "there is no folder" in capsys.readouterr().err


def test_the_chance_of_a_product_name_is_wide() -> None:
    chance = random.Random(0)
    assert len({corpus.name(chance) for _ in range(300)}) > 280
