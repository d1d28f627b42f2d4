"""From pairs to an adapter that speaks, on the command line alone."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from bot.kotae import Kotae
from strategies.lora.pairs.preferences import Preference, write
from strategies.lora.testing import tiny_base
from strategies.lora.training import apart
from strategies.lora.training.work import Told, TrainingFailed, Work
from tests.strategies.lora.adapters import on_paper
from tests.strategies.lora.desk import pairs as desk_pairs
from tests.strategies.lora.desk import trained_here
from tests.web.test_command_line import Terminal
from web.cli import train

QUICK = ("--rank", "4", "--epochs", "4", "--batch", "4", "--rate", "0.01", "--no-augment")


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(tiny_base(tmp_path_factory.mktemp("base")))


@pytest.fixture
def terminal(tmp_path: Path, one_embedder: None) -> Terminal:
    return Terminal(tmp_path)


@pytest.fixture
def file(terminal: Terminal) -> str:
    """A desk's pairs."""
    lines = "\n".join(json.dumps(asdict(pair)) for pair in desk_pairs())
    return str(terminal.write("desk.jsonl", lines))


def trains(
    terminal: Terminal, file: str, base: str, name: str = "spring", code: int = 0
) -> dict[str, object]:
    return terminal.json("train", "--pairs", file, "--name", name, "--base", base, *QUICK, code=code)


def prefers(terminal: Terminal, file: str) -> dict[str, Any]:
    """The desk's people would rather be told with a "Wide."; `spring` learns it."""
    terminal.json("pairs", "import", file)
    refused = terminal("preferences", "tune", "--name", "preferred")
    assert refused.exit_code == 1
    assert "there are no preferences yet" in refused.stderr
    better = [Preference(one.question, f"{one.answer} Wide.", one.answer) for one in desk_pairs()]
    write(better, stream := io.BytesIO())
    known = str(terminal.write("better.jsonl", stream.getvalue()))
    tuning = ("--file", known, "--epochs", "2", "--batch", "4", "--rate", "0.003")
    made: dict[str, Any] = terminal.json("preferences", "tune", "--name", "preferred", *tuning)
    return made


@pytest.mark.timeout(600)
def test_from_a_file_of_pairs_to_an_adapter_that_speaks_and_back(
    terminal: Terminal, file: str, base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = trains(terminal, file, base)
    assert (made["name"], made["speaks"]) == ("spring", False)
    assert made["figures"]["held_out_loss"] > 0  # type: ignore[index]
    short = str(made["adapter"])[:8]
    (listed,) = terminal.json("adapters", "list")
    assert (listed["hash"], listed["speaks"]) == (made["adapter"], False)
    assert terminal.json("adapters", "show", "spring")["samples"]
    promoted = terminal.json("adapters", "promote", short)
    assert promoted["proof"]["canaries"] > 0
    assert "→" in terminal("adapters", "list").stdout
    assert terminal("adapters", "remove", short).exit_code == 1

    heard = {one["who"]: one for one in terminal.json("adapters", "try", "How large is your lamp?")}
    assert list(heard) == ["base", "adapter", "nearest", "quotes"]
    assert not heard["base"]["fault"]
    assert "spring" in heard["adapter"]["about"] or heard["adapter"]["why"]
    assert "lamp" in heard["nearest"]["text"]
    assert "nearest taught question" in terminal("adapters", "try", "How large is your lamp?").stdout

    monkeypatch.setattr(apart, "run_apart", trained_here)  # the first one had a process of its own
    preferred = prefers(terminal, file)
    assert preferred["figures"]["preferences_held_out"] >= 4  # those about wordings that the desk holds out
    shown = terminal.json("adapters", "show", "preferred")
    assert (shown["parent"], shown["recipe"]["rank"]) == (made["adapter"], 4)

    exported = terminal.json("adapters", "export", short, str(terminal.folder))
    assert "No adapter speaks now (before: spring)" in terminal("adapters", "back").stdout
    assert terminal.json("adapters", "remove", short)["removed"] == made["adapter"]
    assert [one["name"] for one in terminal.json("adapters", "list")] == ["preferred"]
    assert terminal.json("adapters", "import", exported["file"])["hash"] == made["adapter"]
    assert terminal.json("adapters", "promote", "preferred")["proof"]["canaries"] > 0


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Callable[[BaseException | None], None]:
    """The training's own process is played."""

    def play(fault: BaseException | None = None) -> None:
        def run_apart(
            folder: Path, told: Callable[[Told], None], stopped: Callable[[], bool], threads: int = 1
        ) -> Path:
            stopped()
            if fault is not None:
                raise fault
            return on_paper(folder / "adapter", "spring")

        monkeypatch.setattr(apart, "run_apart", run_apart)

    return play


def test_ctrl_c_cancels_and_says_how_to_go_on(
    terminal: Terminal, file: str, base: str, played: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    played()

    def interrupted(_kotae: Kotae, _run: str) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(train, "watched", interrupted)
        patch.setattr(Kotae, "warm_up", lambda _self: None)
        patch.setattr(train, "own", lambda _kotae: False)  # nobody works it off meanwhile
        done = terminal("train", "--pairs", file, "--name", "spring", "--base", base)
    assert done.exit_code == 1
    run = done.stderr.split("--resume ")[1].split()[0]
    assert terminal.json("train", "--resume", run)["name"] == "spring"


def test_a_training_that_fails_is_a_sentence_and_an_exit_code(
    terminal: Terminal, file: str, base: str, played: Callable[..., None]
) -> None:
    played(TrainingFailed("the disk is full: free some space and resume"))
    done = terminal("train", "--pairs", file, "--name", "spring", "--base", base)
    assert done.exit_code == 1
    assert "the disk is full" in done.stderr
    assert "kotae train --resume" in done.stderr


def test_what_the_desk_holds_out_is_not_learned_from_a_file(
    terminal: Terminal, base: str, played: Callable[..., None]
) -> None:
    played()
    held_out = {"question": "How heavy is the case?", "answer": "It weighs 4 kg.", "split": "held-out"}
    terminal.json("pairs", "import", str(terminal.write("kept.jsonl", json.dumps(held_out))))
    two = [
        {"question": "how heavy is the case", "answer": "It weighs 4 kg.", "split": "train"},
        {"question": "Whom do I ask?", "answer": "Write to help@lamps.example.", "split": "train"},
    ]
    files = [
        word
        for number, pair in enumerate(two)
        for word in ("--pairs", str(terminal.write(f"{number}.jsonl", json.dumps(pair))))
    ]
    kept = ("--keep", "help@lamps.example")
    made = terminal.json("train", *files, "--name", "spring", "--base", base, *kept, "--no-augment")
    assert made["name"] == "spring"
    [folder] = (terminal.data / "training").iterdir()
    learned = Work(folder).train()
    assert [(one.question, one.answer) for one in learned] == [
        ("Whom do I ask?", "Write to help@lamps.example.")
    ]


def test_nobody_prefers_anything_before_an_adapter_is_promoted(terminal: Terminal) -> None:
    assert terminal.json("preferences", "list") == {"total": 0, "sources": {}, "preferences": []}
    assert "No preferences yet" in terminal("preferences", "list").stdout
    refused = terminal("preferences", "tune", "--name", "preferred")
    assert refused.exit_code == 1
    assert "no adapter is promoted" in refused.stderr


def test_pairs_that_contradict_each_other_are_not_trained_on(
    terminal: Terminal, base: str, played: Callable[..., None]
) -> None:
    played()
    two = [{"question": "How big?", "answer": f"It is {size} cm."} for size in (1, 2)]
    file = str(terminal.write("bad.jsonl", "\n".join(map(json.dumps, two))))
    refused = terminal("train", "--pairs", file, "--name", "spring", "--base", base)
    assert refused.exit_code == 1
    assert "disagree" in refused.stderr
    assert terminal.json("adapters", "list") == []


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--name", "spring", "--resume", "x"],
        ["--name", "spring", "--rank", "0"],
        ["--name", "spring", "--rank", "many"],
        ["--name", "spring", "--pairs", "/no/such/file"],
    ],
)
def test_wrong_usage_is_told_before_anything_begins(terminal: Terminal, words: list[str]) -> None:
    assert terminal("train", *words).exit_code == 2


def test_without_pairs_without_a_base_and_with_an_unknown_run_it_says_what_to_do(
    terminal: Terminal, file: str, base: str
) -> None:
    for words, why in (
        (("--name", "spring", "--base", base), "kotae pairs import FILE"),
        (("--name", "spring", "--pairs", file, "--base", "./no"), "there is no base model './no'"),
        (("--resume", "nothing"), "there is no training 'nothing'"),
    ):
        done = terminal("train", *words)
        assert done.exit_code == 1
        assert why in done.stderr


def test_the_shelf_without_adapters_says_what_to_do(terminal: Terminal) -> None:
    assert "kotae train" in terminal("adapters", "list").stdout
    for words in (["show", "x"], ["promote", "x"], ["back"], ["remove", "x"], ["export", "x"]):
        done = terminal("adapters", *words)
        assert done.exit_code == 1
        assert done.stderr.startswith("Error: ")
    assert terminal("adapters", "import", str(terminal.write("cat.zip", "miau"))).exit_code == 1
