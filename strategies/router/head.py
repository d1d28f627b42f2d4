"""What a router has learned, and what it was learned under: one file, never changed, replaced whole.

A safetensors file: the weights (of how like a question is to each of those that it learned from, by its
vector and by what the strategies tell of it), the vectors of the questions (to know a question that is unlike
any of them), and for each question what the head foretold before it had seen it, from which the curve is
drawn. The words of the questions are not in it. Its metadata say from what it was learned, by content hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from knowledge_base.durable import replace_file
from strategies.logistic import sigmoid
from strategies.router.examples import Spend

Floats = NDArray[np.float64]

FOLDER = "routers"  # in the data directory
VERSION = 4
FAR = 4.0  # deviations; a sign beyond counts no more
NOTHING_TOLD: Mapping[str, float] = {}
UNITS: tuple[Spend, ...] = ("ms", "cost", "tokens")


class BrokenHead(Exception):
    """The file is there and cannot be understood; the message says what to do."""


@dataclass(frozen=True)
class Conditions:
    """What must still be so for the head to be right: who the strategies were, and what they could find."""

    strategies: Mapping[str, str]  # `Kit.standing` of each
    index: str
    embedder: str


@dataclass(frozen=True)
class Evidence:
    """Question by question and strategy by strategy (questions, strategies), by heads that had not seen the
    question: how likely it was taken to be right, whether it was, and what it spent.
    """

    likely: Floats
    right: Floats
    near: Floats  # (questions,): the cosine to the nearest question of the others
    spent: Mapping[Spend, Floats]
    nobody: Floats  # (questions,): how likely it was taken to be one that has no answer
    unanswerable: NDArray[np.bool_]  # (questions,): whether it is one


@dataclass(frozen=True, eq=False)
class Scale:
    """Signs by their names, and how they lay where it learned: what is told becomes so many deviations from
    the usual, and what is not told counts as usual.
    """

    names: tuple[str, ...] = ()
    middle: Floats = field(default_factory=lambda: np.zeros(0))
    spread: Floats = field(default_factory=lambda: np.ones(0))

    @classmethod
    def of(cls, told: Sequence[Mapping[str, float]]) -> Scale:
        """Of what differs among these questions; what two strategies tell alike is taken once."""
        columns = {
            name: np.array([each[name] for each in told if name in each])
            for name in sorted({name for each in told for name in each}, key=lambda name: (len(name), name))
        }
        once: dict[bytes, str] = {}
        for name, column in columns.items():
            if column.std() > 0:
                once.setdefault(column.tobytes(), name)
        names = tuple(sorted(once.values()))
        return cls(
            names,
            np.array([columns[name].mean() for name in names]),
            np.array([columns[name].std() for name in names]),
        )

    def row(self, told: Mapping[str, float]) -> Floats:
        """(names,)"""
        values = [told.get(name, usual) for name, usual in zip(self.names, self.middle, strict=True)]
        found: Floats = np.clip((np.array(values) - self.middle) / self.spread, -FAR, FAR)
        return found


def kernel(some: Floats, others: Floats) -> Floats:
    """exp(-|a - b|²) of each with each, (some, others)."""
    squares = (some**2).sum(1)[:, None] + (others**2).sum(1)[None, :] - 2 * some @ others.T
    found: Floats = np.exp(-np.maximum(squares, 0))
    return found


@dataclass(frozen=True)
class Outlook:
    """Of a question, before anybody speaks."""

    likely: Floats  # (strategies,): that each answers it rightly
    nobody: float  # that it has no answer


@dataclass(frozen=True, eq=False)
class Head:
    strategies: tuple[str, ...]
    landmarks: Floats  # (landmarks, dimension + signs): questions that others are compared with, by width
    widths: Floats  # (dimension + signs,): how much of each counts
    weights: Floats  # (strategies + 1, landmarks + 1): the last row is of having no answer, the bias is last
    questions: Floats  # (questions, dimension)
    near: float  # a question that is farther from all of them is unlike any
    evidence: Evidence
    conditions: Conditions
    made_at: datetime
    learned_from: str  # content hash of the examples
    source: str = ""
    scale: Scale = field(default_factory=Scale)
    hash: str = field(default="", compare=False)  # of the file, once there is one

    def foretold(self, vector: Floats, signs: Mapping[str, float] = NOTHING_TOLD) -> Outlook:
        """By the question's vector, and by what its strategies tell of it."""
        row = np.concatenate([vector, self.scale.row(signs)])
        like = kernel(row[None] * self.widths, self.landmarks)[0]
        likely = sigmoid(self.weights[:, :-1] @ like + self.weights[:, -1])
        return Outlook(likely[:-1], float(likely[-1]))

    def nearest(self, vector: Floats) -> float:
        """The cosine to the most similar question that it learned from."""
        return float((self.questions @ vector).max())

    @cached_property
    def mean_right(self) -> Floats:
        """(strategies,)"""
        found: Floats = self.evidence.right.mean(axis=0)
        return found

    def mean_spent(self, unit: Spend) -> Floats:
        """(strategies,)"""
        found: Floats = self.evidence.spent[unit].mean(axis=0)
        return found


def file_of(data: Path, named: str) -> Path:
    """Where the head of the strategy of this name is kept."""
    return data / FOLDER / f"{quote(named, safe='')}.safetensors"


def save(head: Head, file: Path) -> None:
    """There is the old file or the new one, never half of one."""
    from safetensors.numpy import save as packed

    evidence = head.evidence
    tensors = {
        "weights": head.weights,
        "questions": head.questions.astype(np.float32),
        "likely": evidence.likely,
        "right": evidence.right,
        "near": evidence.near,
        "nobody": evidence.nobody,
        "unanswerable": evidence.unanswerable,
        "landmarks": head.landmarks.astype(np.float32),
        "widths": head.widths,
        "middle": head.scale.middle,
        "spread": head.scale.spread,
        **{f"spent {unit}": evidence.spent[unit] for unit in UNITS},
    }
    told = {
        "version": VERSION,
        "strategies": head.strategies,
        "near": head.near,
        "signs": head.scale.names,
        "conditions": asdict(head.conditions),
        "made_at": head.made_at.isoformat(),
        "learned_from": head.learned_from,
        "source": head.source,
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    # It writes the memory as it lies, whatever the strides say.
    lying = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    replace_file(file, packed(lying, {"router": json.dumps(told)}))


def load(file: Path) -> Head | None:
    """None where none was trained. Raises BrokenHead."""
    from safetensors import SafetensorError
    from safetensors.numpy import load as unpacked

    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return None
    try:
        told = json.loads(_metadata(content)["router"])
        if told["version"] != VERSION:
            raise ValueError(f"it is of version {told['version']}")
        tensors = {name: np.asarray(value, np.float64) for name, value in unpacked(content).items()}
        return Head(
            strategies=tuple(told["strategies"]),
            landmarks=tensors["landmarks"],
            widths=tensors["widths"],
            weights=tensors["weights"],
            questions=tensors["questions"],
            near=float(told["near"]),
            evidence=Evidence(
                tensors["likely"],
                tensors["right"],
                tensors["near"],
                {unit: tensors[f"spent {unit}"] for unit in UNITS},
                tensors["nobody"],
                tensors["unanswerable"] > 0,
            ),
            conditions=Conditions(**told["conditions"]),
            made_at=datetime.fromisoformat(told["made_at"]),
            learned_from=told["learned_from"],
            source=told["source"],
            scale=Scale(tuple(told["signs"]), tensors["middle"], tensors["spread"]),
            hash=hashlib.sha256(content).hexdigest(),
        )
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise BrokenHead(
            f"what was learned cannot be read from {str(file)!r} ({error}); train the router again"
        ) from error


def _metadata(content: bytes) -> dict[str, str]:
    """The words in front of the tensors: eight bytes of length, then JSON."""
    length = int.from_bytes(content[:8], "little")
    found: dict[str, str] = json.loads(content[8 : 8 + length])["__metadata__"]
    return found
