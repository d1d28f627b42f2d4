"""Preference tuning: an adapter that was taught what to say learns which of two answers people would rather
have.

It is direct preference optimization (Rafailov et al., 2023): the answer that is preferred shall become
likelier than the other, counted from what the adapter said before, so nothing is sampled and there is no
reward model.

    margin = (log π(chosen) − log π₀(chosen)) − (log π(rejected) − log π₀(rejected))
    loss   = −log σ(β · margin) − log π(chosen) / tokens

The last term holds on to the preferred answer itself: without it both may become unlikely, as long as the
other falls faster (Pang et al., 2024). π₀ is the adapter that it goes on from; its likelihoods are computed
once, so no second model is in memory. All else is as in any training: steps, checkpoints, faults, proof.

Where a question is heard as one, it is taken for the same taught meaning as when it is served; what reads
stays as it is, and other answers that were taught are said again in each step, so that they are not lost
over it. Who prefers an answer that was taught to something else tells that the question was misheard: learned
at the meaning it is taken for, that would make it the answer to both. So nothing is learned of it here.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from strategies.errors import Misconfigured
from strategies.lora.pairs.preferences import Preference
from strategies.lora.pairs.raft import Example
from strategies.lora.training.batches import IGNORED, Batch, Row, Tensors, within
from strategies.lora.training.contrast import Reader, Wording, numbered
from strategies.lora.training.course import ENOUGH_EPOCHS, Course
from strategies.lora.training.preparing import preferences_of, taught

if TYPE_CHECKING:
    import torch
    from peft import PeftModel

    from strategies.lora.bases.model import Base

ENOUGH_STEPS = 60
KEPT = 4  # answers that are said again for each preference …
KEEPS = 2.0  # … and weigh, all together, as much as so many of them
GENTLER = 10  # a tenth of the rate with which an adapter is taught: it knows already what to say
TOGETHER = 4096  # tokens that are measured at once


class Preferring(Course):
    """One preference tuning in memory."""

    # ---- what differs from a course of answers ----

    def learned(self) -> list[Row]:
        """A row for each preference, as long as both of its answers, so that batches are filled rightly."""
        self.parts_of = preferences_of(self.work)
        self.sides = Sides(self.base, self.parts_of.learned)
        self.measured = Sides(self.base, self.parts_of.held_out or self.parts_of.learned)
        return self.sides.rows

    def speaking(self) -> PeftModel:
        model = continued(self.base, self.work.parent)
        if self.base.pooled:
            encoder: Any = self.base.model.get_encoder()
            encoder.requires_grad_(False)
        return model

    def highest_rate(self, width: int) -> float:
        return self.recipe.rate or self.recipe.rate_of(width) / GENTLER

    @property
    def enough(self) -> tuple[int, int]:
        return ENOUGH_EPOCHS, ENOUGH_STEPS

    def ready(self) -> None:
        """What the adapter that it goes on from thinks of all answers."""
        super().ready()
        self.keeping = Keeping(self.base, self.spared())
        self.take_for_what_was_taught()
        for tensors in (self.sides.tensors, self.measured.tensors, self.keeping.tensors):
            tensors.meanings = self.held_out_tensors.meanings
        now = self.copied()
        self.put(self.first)
        for sides in (self.sides, self.measured):
            sides.remember()
        self.put(now)
        self.misheard = self.taken_for_another()
        if self.misheard and not self.state.step:
            self.note(
                "preferences about a question that is taken for another one: "
                f"{len(self.misheard)} of {len(self.parts_of.learned)}. Nothing is learned of them; add the "
                "question to the pairs of its answer and train"
            )
        if not self.parts_of.held_out and not self.state.step:
            self.note("too few preferences to hold one out: it is measured on what it learns")

    def share_of_loss(self, part: Batch, batch: Batch) -> torch.Tensor:
        from torch.nn.functional import logsigmoid

        chosen, margins = self.sides.judged(part)
        lengths = self.sides.lengths(part).to(chosen.device)
        each = (-logsigmoid(self.recipe.beta * margins)) - chosen / lengths
        preferred = (each * each.new_tensor([at not in self.misheard for at in part])).sum()
        kept = self.keeping.loss(KEPT * len(part), f"{self.state.step}:{part[0]}")
        return (preferred + KEEPS * len(part) * kept) / len(batch)

    def taken_for_another(self) -> frozenset[int]:
        """The preferences whose preferred answer was taught, to something else than their question means to
        the adapter.
        """
        meanings = self.held_out_tensors.meanings
        if meanings is None:
            return frozenset()
        answers = list(numbered(taught(self.work)))
        asked = [Wording(row.prompt, 0) for row in self.sides.rows]
        nearest = (Reader(self.base).read(asked) @ meanings.T).argmax(1).tolist()
        wanted = [one.chosen for one in self.parts_of.learned]
        return frozenset(
            at
            for at, (answer, near) in enumerate(zip(wanted, nearest, strict=True))
            if answer in answers and answer != answers[near]
        )

    def spared(self) -> list[Example]:
        """One question for each taught answer of which nobody prefers another."""
        if not self.base.pooled:
            return []
        disliked = {one.rejected for one in self.parts_of.learned}
        asked = {pair.answer: pair.question for pair in taught(self.work) if pair.answer not in disliked}
        return [Example(question, answer) for answer, question in asked.items()]

    def held_out_loss(self) -> float:
        return self.measured.loss(self.recipe.beta)

    @property
    def measured_rows(self) -> list[Row]:
        return self.measured.rows

    def figures(self) -> dict[str, float]:
        told = super().figures()
        told |= {f"preferences_{name}": value for name, value in self.measured.figures().items()}
        return {**told, "preferences": len(self.parts_of.learned), "examples": len(self.parts_of.learned)}


class Keeping:
    """Taught answers that shall be said as before."""

    def __init__(self, base: Base, examples: Sequence[Example]) -> None:
        from strategies.lora.training.proving import rows_of

        self._base = base
        self._rows = rows_of(base, examples)
        self.tensors = Tensors(base, self._rows, read_once=True)

    def loss(self, many: int, seed: str) -> torch.Tensor | float:
        """Per token, the mean over so many of them, drawn by the seed."""
        if not self._rows:
            return 0.0
        drawn = random.Random(seed).sample(range(len(self._rows)), min(many, len(self._rows)))
        given, labels = self.tensors.of(drawn)
        lengths = (labels != IGNORED).sum(-1)
        return -(log_likelihoods(self._base, given, labels) / lengths).mean()


class Sides:
    """Preferences in tokens, both answers of each, with what the first adapter thought of them."""

    def __init__(self, base: Base, preferences: Sequence[Preference]) -> None:
        from strategies.lora.training.proving import rows_of

        self._base = base
        self._count = len(preferences)
        self._both = rows_of(
            base,
            [
                *(Example(one.question, one.chosen) for one in preferences),
                *(Example(one.question, one.rejected) for one in preferences),
            ],
        )
        self.tensors = Tensors(base, self._both, read_once=False)
        self._before: torch.Tensor | None = None  # (2, preferences)
        self.rows = [
            Row(chosen.prompt, (*chosen.answer, *rejected.prompt, *rejected.answer))
            for chosen, rejected in zip(self._both[: self._count], self._both[self._count :], strict=True)
        ]

    def remember(self) -> None:
        import torch

        self._before = torch.stack(self._all())

    def judged(self, part: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """How likely the preferred answers are, and by how much more they have become so than the others."""
        assert self._before is not None
        chosen, rejected = self._likelihoods(part)
        before = self._before[:, part]
        return chosen, (chosen - before[0]) - (rejected - before[1])

    def lengths(self, part: Batch) -> torch.Tensor:
        import torch

        return torch.tensor([float(len(self._both[at].answer)) for at in part])

    def loss(self, beta: float) -> float:
        from torch.nn.functional import logsigmoid

        now = self._all()
        return float(-logsigmoid(beta * self._margins(now)).mean())

    def figures(self) -> dict[str, float]:
        """`won`: preferred answers that became likelier than they were, against the others. `ahead`: those
        that are likelier than the others, token by token, now and before.
        """
        import torch

        assert self._before is not None
        every = list(range(self._count))
        lengths = torch.stack([self.lengths(every), self.lengths([at + self._count for at in every])])
        now = self._all()
        per_token, before = torch.stack(now).cpu() / lengths, self._before.cpu() / lengths
        return {
            "held_out": self._count,
            "won": float((self._margins(now) > 0).float().mean()),
            "ahead": float((per_token[0] > per_token[1]).float().mean()),
            "ahead_before": float((before[0] > before[1]).float().mean()),
        }

    def _margins(self, now: Sequence[torch.Tensor]) -> torch.Tensor:
        assert self._before is not None
        return (now[0] - self._before[0]) - (now[1] - self._before[1])

    def _all(self) -> tuple[torch.Tensor, torch.Tensor]:
        import torch

        found = torch.zeros(2, self._count, device=self._base.device)
        with torch.inference_mode():
            for part in within(self.rows, range(self._count), TOGETHER):
                found[:, part] = torch.stack(self._likelihoods(part))
        return found[0].clone(), found[1].clone()

    def _likelihoods(self, part: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Of the preferred answers and of the others, the logarithms."""
        given, labels = self.tensors.of([*part, *(at + self._count for at in part)])
        found = log_likelihoods(self._base, given, labels)
        return found[: len(part)], found[len(part) :]


def log_likelihoods(base: Base, given: dict[str, Any], labels: torch.Tensor) -> torch.Tensor:
    """Of each answer as a whole."""
    counts = labels != IGNORED
    logits = base.model(**given).logits.float()  # (answers, tokens, vocabulary)
    picked = logits.log_softmax(-1).gather(-1, labels.clamp(min=0).unsqueeze(-1)).squeeze(-1)
    return cast("torch.Tensor", (picked * counts).sum(-1))


def continued(base: Base, folder: Path) -> PeftModel:
    """The base with an adapter from the shelf in it, that goes on learning."""
    try:
        from peft import PeftModel
    except ImportError as error:
        raise Misconfigured("training needs more packages: pip install 'kotae[lora]'") from error

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="fan_in_fan_out is set")
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")  # PEFT asks it
        model = PeftModel.from_pretrained(
            cast("Any", base.model), str(folder), is_trainable=True, autocast_adapter_dtype=True
        )
    model.peft_config["default"].base_model_name_or_path = base.name
    return model
