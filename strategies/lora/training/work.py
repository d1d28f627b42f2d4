"""A training's folder: what it is made from, how far it is, and what came of it.

pairs.jsonl                the pairs as they were given                written once
job.json                   name, base, recipe, documents: `Job`        written once, behind the pairs
held-out.jsonl             what is only measured on                    written once
train.jsonl                what is learned                             written once, behind that
checkpoint.safetensors     everything a killed run needs to go on      replaced while it runs
curve.jsonl                a `Told` a line                             grows
samples.jsonl              held-out questions, answered on the way     grows
adapter/                   the finished adapter                        appears whole

One that learns what people prefer has two more, written before job.json:

preferences.jsonl          the preferences as they were given
parent/                    the adapter that it goes on from, as it lay on the shelf
"""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from strategies.lora.pairs.preferences import Preference, preferences_hash
from strategies.lora.pairs.raft import Example
from strategies.lora.pairs.values import Pair, pairs_hash
from strategies.lora.training.recipe import Recipe

ADAPTER = "adapter"
CHECKPOINT = "checkpoint.safetensors"
CURVE = "curve.jsonl"
HELD_OUT = "held-out.jsonl"
JOB = "job.json"
PARENT = "parent"
PREFERENCES = "preferences.jsonl"
PAIRS = "pairs.jsonl"
SAMPLES = "samples.jsonl"
TRAIN = "train.jsonl"
LOCK_SECONDS = 30.0  # a process that was told to stop still writes its checkpoint


class TrainingFailed(Exception):
    """The training ended without an adapter; the message is for the admin. What was reached is kept."""


class NotFinite(Exception):
    """The loss or its gradient is infinite or no number."""


class TrainingStopped(Exception):
    """The training was asked to stop, and has left a checkpoint to go on from."""


@dataclass(frozen=True)
class Told:
    """How far a training is. `loss` is the mean since it was last told, `held_out` that of a measurement."""

    step: int
    steps: int
    epoch: float
    loss: float | None
    held_out: float | None
    rate: float
    left: float  # seconds until it ends, if nothing changes
    note: str = ""  # what an admin should know, in a sentence


@dataclass(frozen=True)
class Job:
    """What is to be trained."""

    name: str
    base: str
    recipe: Recipe
    pairs: str = ""  # their hash
    embedding: str = ""  # the model that tells how near a question is to what was taught; "" is never asked
    documents: Mapping[str, int] = field(default_factory=dict)  # id and version of what the pairs came from
    parent: str = ""  # the adapter that it goes on from, by hash
    preferences: str = ""  # their hash; "" for a training on pairs alone


@dataclass(frozen=True)
class Work:
    folder: Path

    @property
    def job(self) -> Job:
        try:
            told = json.loads((self.folder / JOB).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise TrainingFailed(f"{self.folder / JOB} cannot be read: {error}") from error
        return Job(**{**told, "recipe": Recipe(**told["recipe"])})

    @classmethod
    def begin(
        cls,
        folder: Path,
        *,
        name: str,
        base: str,
        recipe: Recipe,
        pairs: Sequence[Pair],
        documents: Mapping[str, int] | None = None,
        embedding: str = "",
        preferences: Sequence[Preference] = (),
        parent: tuple[str, Path] = ("", Path()),
    ) -> Work:
        """A new folder that says what is to be done; one that has a job in it is complete. With `preferences`
        it goes on from `parent`, an adapter's hash and folder.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if preferences:
                shutil.copytree(parent[1], folder / PARENT)
        except OSError as error:
            raise unwritten(folder, error) from error
        write(folder / PAIRS, lines(asdict(pair) for pair in pairs))
        job = Job(name, base, recipe, pairs_hash(pairs), embedding, documents or {})
        if preferences:
            write(folder / PREFERENCES, lines(asdict(one) for one in preferences))
            job = replace(job, parent=parent[0], preferences=preferences_hash(preferences))
        told = {**asdict(job), "recipe": recipe.model_dump()}
        write(folder / JOB, json.dumps(told, ensure_ascii=False, indent=1).encode())
        return cls(folder)

    def prepare(self, train: Iterable[Example], held_out: Iterable[Example]) -> None:
        write(self.folder / HELD_OUT, lines(asdict(example) for example in held_out))
        write(self.folder / TRAIN, lines(asdict(example) for example in train))

    @property
    def begun(self) -> bool:
        return (self.folder / JOB).exists()

    @property
    def prepared(self) -> bool:
        return (self.folder / TRAIN).exists()

    def pairs(self) -> list[Pair]:
        return [Pair(**{**line, "tags": tuple(line["tags"])}) for line in read_lines(self.folder / PAIRS)]

    def preferences(self) -> list[Preference]:
        return [Preference(**line) for line in read_lines(self.folder / PREFERENCES)]

    @property
    def parent(self) -> Path:
        return self.folder / PARENT

    def train(self) -> list[Example]:
        return list(self._examples(TRAIN))

    def held_out(self) -> list[Example]:
        return list(self._examples(HELD_OUT))

    def told(self) -> list[Told]:
        """The curve so far; a line that is being written is left for the next look."""
        return [Told(**line) for line in read_lines(self.folder / CURVE)]

    @property
    def adapter(self) -> Path:
        return self.folder / ADAPTER

    def knows(self, told: Callable[[Mapping[str, Any]], bool]) -> bool:
        """Whether one of its pairs or preferences is among what was told."""
        return any(map(told, (*read_lines(self.folder / PAIRS), *read_lines(self.folder / PREFERENCES))))

    def forget(self, told: Callable[[Mapping[str, Any]], bool]) -> None:
        """Take that out of a training that has ended, with all that was only kept to go on with it."""
        for name in (PAIRS, PREFERENCES, SAMPLES):
            if (self.folder / name).exists():
                kept = [line for line in read_lines(self.folder / name) if not told(line)]
                write(self.folder / name, lines(kept))
        for name in (TRAIN, HELD_OUT, CHECKPOINT):
            (self.folder / name).unlink(missing_ok=True)
        shutil.rmtree(self.parent, ignore_errors=True)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else works in this folder meanwhile. Raises TrainingFailed when somebody does."""
        lock = FileLock(self.folder / "lock")
        try:
            lock.acquire(timeout=LOCK_SECONDS)
        except Timeout:
            raise TrainingFailed(f"another process trains in {str(self.folder)!r}") from None
        try:
            yield
        finally:
            lock.release()

    def _examples(self, name: str) -> Iterator[Example]:
        for line in read_lines(self.folder / name):
            yield Example(line["question"], line["answer"], tuple(line["passages"]))


def write(path: Path, content: bytes) -> None:
    """As a whole or not at all, also through a power cut. Raises TrainingFailed when the disk is full."""
    half = path.with_name(f"{path.name}.half")
    try:
        with half.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        half.replace(path)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise unwritten(path, error) from error


def unwritten(path: Path, error: OSError) -> TrainingFailed:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return TrainingFailed(
            f"the disk is full: {path.name} could not be written to {str(path.parent)!r}. What was reached "
            "before is kept; free some space and resume"
        )
    return TrainingFailed(f"{str(path)!r} could not be written: {error.strerror}")


def append(path: Path, line: Mapping[str, Any]) -> None:
    try:
        with path.open("ab") as file:
            file.write(lines([line]))
    except OSError as error:
        raise unwritten(path, error) from error


def lines(values: Iterable[Mapping[str, Any]]) -> bytes:
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values).encode(
        "utf-8", "replace"
    )


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.exists():
        return
    with path.open("rb") as file:
        for line in file:
            if line.endswith(b"\n"):
                yield json.loads(line)
