"""Training in a process of its own: what it tells, and how it ends when somebody wants it to."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from strategies.lora.testing import tiny_base
from strategies.lora.training import apart
from strategies.lora.training.apart import DONE, STOPPED, Teller, run_apart
from strategies.lora.training.course import train
from strategies.lora.training.work import CHECKPOINT, Told, TrainingFailed, TrainingStopped, Work
from tests.strategies.lora.desk import Listener, never, work


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("base"))


def test_a_training_apart_is_heard_and_ends_with_an_adapter(base: Path, tmp_path: Path) -> None:
    heard = Listener()
    folder = run_apart(work(tmp_path / "run", base, epochs=2).folder, heard, never)
    assert (folder / "adapter_model.safetensors").exists()
    assert heard.held_out
    assert "proving the adapter" in heard.notes


def as_several(processes: int, folder: Path) -> list[dict[str, Any]]:
    """Train there, in as many processes; what they said."""
    command = [
        sys.executable,
        "-m",
        "strategies.lora.training.apart",
        str(folder),
        f"--processes={processes}",
    ]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        said = child.stdout.read()  # standard input stays open meanwhile: its end would stop them
    return [json.loads(line) for line in said.splitlines() if line.startswith("{")]


@pytest.mark.timeout(400)
def test_two_processes_train_as_one(base: Path, tmp_path: Path) -> None:
    recipe = {"epochs": 2, "batch": 6}
    train(work(tmp_path / "alone", base, **recipe), heard := Listener(), never)
    two = work(tmp_path / "two", base, **recipe)
    said = as_several(2, two.folder)
    assert {one["done"] for one in said if "done" in one} == {str(two.adapter)}
    assert [told.held_out for told in two.told() if told.held_out is not None] == pytest.approx(
        heard.held_out, rel=1e-2
    )
    one = Work(tmp_path / "alone")
    losses = [[told.loss for told in each.told() if told.loss is not None] for each in (one, two)]
    assert losses[1] == pytest.approx(losses[0], rel=1e-2)
    assert (two.adapter / "adapter_model.safetensors").exists()


def test_a_training_apart_that_is_stopped_leaves_a_checkpoint(base: Path, tmp_path: Path) -> None:
    run = work(tmp_path / "run", base, epochs=200, patience=900)
    heard = Listener()
    with pytest.raises(TrainingStopped, match="stopped after step"):
        run_apart(run.folder, heard, lambda: bool(heard.held_out))
    assert (run.folder / CHECKPOINT).exists()


def test_a_training_apart_that_cannot_be_done_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TrainingFailed, match="there is no base model"):
        run_apart(work(tmp_path / "run", "/no/base").folder, Listener(), never)


def test_it_does_not_outlive_whoever_started_it(base: Path, tmp_path: Path) -> None:
    run = work(tmp_path / "run", base, epochs=900, patience=900)
    child = subprocess.Popen(
        [sys.executable, "-m", "strategies.lora.training.apart", str(run.folder)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdin is not None
    assert child.stdout is not None
    assert json.loads(child.stdout.readline())["step"] == 0
    child.stdin.close()
    last = child.stdout.read().splitlines()[-1]
    assert "stopped" in json.loads(last)
    assert child.wait(60) == STOPPED
    child.stdout.close()


# ---- played ----


@pytest.fixture
def played(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Children that say these lines and end with these statuses, one after the other."""
    started: list[int] = []

    def play(*children: tuple[list[str], int]) -> list[int]:
        coming = iter(children)

        @contextmanager
        def process(folder: Path, threads: int, smaller: int) -> Iterator[Any]:
            said, status = next(coming)
            started.append(smaller)
            yield SimpleNamespace(stdout=said, returncode=status, wait=lambda: status, terminate=lambda: None)

        monkeypatch.setattr(apart, "process", process)
        return started

    return play


def test_a_process_that_the_kernel_killed_is_started_again_with_smaller_batches(
    played: Any, tmp_path: Path
) -> None:
    done = '{"done": "/adapter"}\n'
    started = played(([], -signal.SIGKILL), (['{"step": 1, "st'], -signal.SIGKILL), ([done], DONE))
    assert run_apart(tmp_path, Listener(), never) == Path("/adapter")
    assert started == [0, 1, 2]


def test_a_process_that_is_killed_again_and_again_is_given_up(played: Any, tmp_path: Path) -> None:
    played(*[([], -signal.SIGKILL)] * 3)
    with pytest.raises(TrainingFailed, match="killed 3 times, which is what happens when memory runs out"):
        run_apart(tmp_path, Listener(), never)


def test_a_process_that_breaks_gives_its_last_words(played: Any, tmp_path: Path) -> None:
    (tmp_path / "stderr").write_text("Traceback …\nValueError: what is this\n")
    played(([], 1))
    with pytest.raises(TrainingFailed, match=r"status 1\); its last words: ValueError: what is this"):
        run_apart(tmp_path, Listener(), never)


def test_only_news_is_told_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    tell = Teller()
    for step in range(1, 50):
        tell(Told(step, 50, step / 50, 1.0, None, 0.1, 1.0))
    tell(Told(50, 50, 1.0, 1.0, 0.5, 0.1, 0.0))
    steps = [json.loads(line)["step"] for line in capsys.readouterr().out.splitlines()]
    assert steps[0] == 1
    assert steps[-1] == 50
    assert len(steps) < 10
