"""LoRA on question–answer pairs: the loop, and everything that may go wrong on the way.

    train(work, told, stopped)   one training from the first step to the finished adapter, or on from where
                                 a killed one was

It is quick on few cores for four reasons: what is frozen computes in bfloat16 where the processor can; what
an encoder that is not adapted reads, it reads once; batches are filled by tokens from rows of like length;
and it ends when the held-out loss has stopped falling. A run that was killed ends bit by bit as one that was
not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge_base.errors import KnowledgeError
from strategies import precision
from strategies.errors import Misconfigured
from strategies.lora.training.batches import Batch, Row, Tensors, plan, within
from strategies.lora.training.checkpoint import State, load, save
from strategies.lora.training.contrast import BATCH, Reader, meanings_of, tell_apart, wordings_of
from strategies.lora.training.preparing import prepare, taught
from strategies.lora.training.recipe import Recipe, slope
from strategies.lora.training.work import (
    CHECKPOINT,
    CURVE,
    SAMPLES,
    Job,
    NotFinite,
    Told,
    TrainingFailed,
    TrainingStopped,
    Work,
    append,
    lines,
    unwritten,
    write,
)

if TYPE_CHECKING:
    import torch
    from peft import PeftModel

    from strategies.lora.bases.model import Base
    from strategies.lora.training.together import Together

__all__ = ["Job", "Recipe", "Told", "TrainingFailed", "TrainingStopped", "Work", "train"]

MEASUREMENTS = 20  # of the held-out loss in a full run, where that does not take too long
POINTS = 300  # of the curve of the training loss
MEASURED_ROWS = 256
TOLD_APART = 0.1  # of telling questions apart, between two words about it
SAMPLED = 4  # held-out questions that are answered on the way …
SAMPLE_EVERY = 5  # … each so many measurements
CHECKPOINT_SECONDS = 60.0  # one is written at each measurement, and no later than this
ENOUGH_STEPS = 450  # for a hundred answers of forty tokens
ENOUGH_EPOCHS = 4  # half as many with LoRA+ where nothing is read
RATIO = 16.0  # of LoRA+ where questions are heard as one; for other bases it was not measured
FALLS = 3  # from a loss that is not finite, before it is given up
LONGEST_STEP = 1.0  # the norm that a gradient is cut to

LIBRARIES = ("torch", "transformers", "peft", "tokenizers", "safetensors", "kotae")


def train(work: Work, told: Callable[[Told], None], stopped: Callable[[], bool], *, smaller: int = 0) -> Path:
    """Train what the folder says and return the finished adapter's folder.

    A folder with a checkpoint goes on from it. `smaller` says how often to halve what is learned at once,
    where memory was too little before. Raises TrainingFailed with a sentence for the admin, and
    TrainingStopped when `stopped` said so; either way the checkpoint is left.
    """
    from strategies.lora.training.together import Together

    together = Together()
    with work.alone() if together.first else nullcontext():
        if work.adapter.exists():
            return work.adapter
        job = work.job
        if together.first:
            prepare(work)
        together.agreed(0.0)  # what is learned is written
        from strategies.lora import bases
        from strategies.lora.training.preferring import Preferring

        course = Preferring if job.preferences else Course
        try:
            base = bases.load(job.base, device=together.device, quantized=job.recipe.quantized)
            return course(work, job, base, told, stopped, together).run(smaller)
        except Misconfigured as error:
            raise TrainingFailed(str(error)) from error


class Course:
    """One training in memory."""

    def __init__(
        self,
        work: Work,
        job: Job,
        base: Base,
        told: Callable[[Told], None],
        stopped: Callable[[], bool],
        together: Together | None = None,
    ) -> None:
        import torch

        from strategies.lora.training.adapting import learning, optimizer_of, width
        from strategies.lora.training.proving import rows_of, spread
        from strategies.lora.training.together import Together

        self.together = together or Together()
        self.work, self.job, self.recipe = work, job, job.recipe
        self.base = base = replace(base, pooled=self.recipe.pooled and base.family == "encoder-decoder")
        self._told, self._stopped = told, stopped
        self.held_out = spread(work.held_out(), MEASURED_ROWS)
        self.rows = self.learned()
        self.held_out_rows = rows_of(base, self.held_out)
        torch.manual_seed(self.recipe.seed)
        self.model = self.speaking()
        self.weights = learning(self.model)
        self.first = self.copied()
        self.ratio = self.recipe.loraplus or (RATIO if base.pooled else 1.0)
        self.highest = self.highest_rate(width(base))
        self.optimizer = optimizer_of(self.model, self.highest, self.ratio)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.contrasts = bool(base.pooled and self.recipe.contrast and self.recipe.encoder)
        once = not self.recipe.encoder or self.contrasts
        self.tensors = Tensors(base, self.rows, read_once=once, stirred=True)
        self.held_out_tensors = Tensors(base, self.held_out_rows, read_once=once)
        self.epochs = plan(self.rows, self.passes(), self.recipe.batch, self.recipe.seed)
        self.batches: list[Batch] = [batch for epoch in self.epochs for batch in epoch]
        self.usual = [said for epoch in self.epochs for said in self.said_in(epoch)]
        self.steps = len(self.batches)
        self.state = State()
        self.best: Mapping[str, torch.Tensor] = {}
        self._began = (time.monotonic(), 0.0, 0)  # the moment, seconds and steps of before
        self._good: Callable[[], None] = lambda: None

    # ---- what a course of another kind does otherwise ----

    def learned(self) -> list[Row]:
        """What the batches are planned by."""
        from strategies.lora.training.proving import rows_of

        return rows_of(self.base, self.work.train())

    def speaking(self) -> PeftModel:
        """The base with the adapter that learns."""
        from strategies.lora.training.adapting import adapted

        return adapted(self.base, self.recipe)

    def highest_rate(self, width: int) -> float:
        return self.recipe.rate_of(width, self.ratio)

    def passes(self) -> int:
        """How often every example is seen."""
        if self.recipe.epochs:
            return self.recipe.epochs
        epochs, steps = self.enough
        return max(epochs, math.ceil(steps / len(plan(self.rows, 1, self.recipe.batch, self.recipe.seed)[0])))

    @property
    def enough(self) -> tuple[int, int]:
        """The epochs and the steps without which there is something left to gain."""
        quick = self.ratio > 1 and not self.recipe.raft
        return ENOUGH_EPOCHS // 2 if quick else ENOUGH_EPOCHS, ENOUGH_STEPS

    def ready(self) -> None:
        """What is done once before the first step."""
        if self.contrasts and not self.state.told_apart:
            self.tell_apart()
        self.note("reading the examples")
        self.tensors.read_all()
        self.held_out_tensors.read_all()

    def share_of_loss(self, part: Batch, batch: Batch) -> torch.Tensor:  # noqa: ARG002
        """What a part of a batch has of its loss. A token weighs the same in every batch of an epoch: by the
        batch, one of refusals alone would weigh as much as one of whole answers, and everything be refused.
        """
        from strategies.lora.training.proving import summed_loss

        summed, _ = summed_loss(self.base, *self.tensors.of(part))
        return summed / self.usual[self.state.step]

    def said_in(self, epoch: Sequence[Batch]) -> list[float]:
        """For each batch of an epoch, the tokens of the answers in a usual one of it."""
        return [sum(len(self.rows[at].answer) for batch in epoch for at in batch) / len(epoch)] * len(epoch)

    def held_out_loss(self) -> float:
        from strategies.lora.training.proving import measure

        self.take_for_what_was_taught()
        return measure(self.base, self.held_out_rows, self.held_out_tensors).loss

    def take_for_what_was_taught(self) -> None:
        """Held-out questions are taken for what they would be taken for now if this were served."""
        if not self.base.pooled:
            return
        stays = self.contrasts or not Reader(self.base).learning
        if self.held_out_tensors.meanings is None or not stays:
            self.held_out_tensors.meanings = meanings_of(self.base, taught(self.work))

    @property
    def measured_rows(self) -> list[Row]:
        return self.held_out_rows

    # ---- the story ----

    def run(self, smaller: int = 0) -> Path:
        from strategies.lora.training.adapting import computing

        self.resume() if (self.work.folder / CHECKPOINT).exists() else self.begin(
            precision.fast_in_bfloat16(self.base.device.type)
        )
        with computing(self.base, self.state.half):
            self._halved = smaller
            self.ready()
            self._began = (time.monotonic(), self.state.seconds, self.state.step)
            for _ in range(smaller):
                self.smaller(max(self.batches, key=self.tokens))
            self._good = self.snapshot()
            while (batch := self.next_batch()) is not None:
                if self.together.any(self._stopped()):
                    self.keep()
                    raise TrainingStopped(f"stopped after step {self.state.step} of {self.steps}")
                self.advance(batch)
        self.put(self.best)
        return self.finish() if self.together.first else self.work.adapter

    def begin(self, half: bool) -> None:
        self.state.half = half
        self.best = self.copied()
        if self.together.first:
            for name in (CURVE, SAMPLES):
                (self.work.folder / name).unlink(missing_ok=True)

    def next_batch(self) -> Batch | None:
        """What is learned next; None when it is time to end."""
        state = self.state
        if state.step >= self.steps:
            return None
        if state.misses >= self.recipe.patience:
            self.note(f"the held-out loss has not fallen since step {state.best_step}")
            return None
        if state.seconds >= self.recipe.seconds:
            if state.best is None:
                self.measure()
            self.note(f"the time is up; the best so far is of step {state.best_step}")
            return None
        return self.batches[state.step]

    def tell_apart(self) -> None:
        """What reads learns first, and then stays as it is: everything is read once. A run that is killed
        meanwhile begins anew.
        """
        began, at_once = time.monotonic(), max(1, BATCH >> self._halved)
        while at_once and not self._told_apart(began, at_once):
            at_once //= 2
            self.put(self.first)
            self.note(f"out of memory: questions that are told apart at once, from here on: {at_once}")
        self.state.told_apart = True
        self.state.seconds += self.together.agreed(time.monotonic() - began)
        self.best = self.copied()

    def _told_apart(self, began: float, at_once: int) -> bool:
        """False when memory did not suffice."""
        said = 0.0

        def told(share: float, loss: float) -> bool:
            nonlocal said
            if self.together.any(self._stopped()):
                raise TrainingStopped(f"stopped after step {self.state.step} of {self.steps}")
            if share - said >= TOLD_APART or share == 1:
                said = share
                self.note(f"telling questions apart: {share:.0%}, loss {loss:.3f}")
            return self.together.agreed(time.monotonic() - began) < self.recipe.seconds / 2

        try:
            tell_apart(
                self.base,
                wordings_of(self.base, self.work.train()),
                rate=self.highest,
                ratio=self.ratio,
                epochs=self.recipe.contrast,
                seed=self.recipe.seed,
                at_once=at_once,
                together=self.together,
                told=told,
            )
        except NotFinite:
            self.put(self.first)
            self.note("telling questions apart ended in no number: what reads stays as it was")
        except (MemoryError, RuntimeError) as error:  # torch's is a RuntimeError
            if not out_of_memory(error) or at_once == 1:
                raise
            return False
        return True

    def advance(self, batch: Batch) -> None:
        """One step, or a step back."""
        state = self.state
        try:
            loss = self.learn(batch)
        except NotFinite:
            return self.fall_back()
        state.step += 1
        state.unsaid.append(loss)
        began, seconds, _ = self._began
        state.seconds = self.together.agreed(seconds + time.monotonic() - began)
        if state.step % self.every == 0 or state.step == self.steps:
            self.measure()
        elif state.step % max(1, self.steps // POINTS) == 0:
            self.tell()
        if time.monotonic() - self._kept_at > CHECKPOINT_SECONDS:
            self.keep()
        return None

    # ---- learning ----

    def learn(self, batch: Batch) -> float:
        """One step of the optimizer; in smaller parts when memory does not suffice."""
        import torch

        while True:
            try:
                return self._learn(batch)
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if not out_of_memory(error):
                    raise
                self.smaller(batch)

    def _learn(self, batch: Batch) -> float:
        import torch

        state = self.state
        # Chance (dropout) is a function of the position, so there is no generator's state to keep.
        torch.manual_seed(self.recipe.seed * 1_000_003 + state.step * 31 + state.fallen)
        self.optimizer.zero_grad(set_to_none=True)
        loss = 0.0
        for part in self.parts(batch):
            share = self.share_of_loss(part, batch)
            share.backward()  # type: ignore[no-untyped-call]
            loss += float(share.detach())
        loss = self.together.summed(self.weights.values(), loss)
        norm = torch.nn.utils.clip_grad_norm_(self.weights.values(), LONGEST_STEP)
        if not (math.isfinite(loss) and math.isfinite(float(norm))):
            raise NotFinite
        for group, highest in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = highest * self.share_of_rate
        self.optimizer.step()
        return loss

    def parts(self, batch: Batch) -> Sequence[Batch]:
        """What this process learns of a batch, in as many parts as memory asks for."""
        mine = self.together.mine(batch)
        if not mine:
            return []
        return list(within(self.rows, mine, self.state.at_once)) if self.state.at_once else [mine]

    def smaller(self, batch: Batch) -> None:
        """Fewer examples at once, with the same sum."""
        largest = max(self.parts(batch), key=self.tokens)
        if len(largest) == 1:
            raise TrainingFailed(
                "out of memory: not even one example fits; take shorter answers, a smaller base, "
                "or a machine with more memory"
            )
        self.optimizer.zero_grad(set_to_none=True)
        self.state.at_once = max(1, self.tokens(largest) // 2)
        fewer, before = len(largest) // 2, len(largest)
        self.note(f"out of memory: examples at once, from here on: about {fewer} instead of {before}")

    def tokens(self, batch: Batch) -> int:
        return sum(self.rows[at].tokens for at in batch)

    @property
    def rate(self) -> float:
        return self.highest * self.share_of_rate

    @property
    def share_of_rate(self) -> float:
        return self.state.factor * slope(self.state.step, self.steps, self.recipe.warm_up)

    def fall_back(self) -> None:
        """To the last good weights, with half the rate."""
        state, fallen_at = self.state, self.state.step
        self._good()
        self.state.fallen, self.state.factor = state.fallen + 1, state.factor / 2
        if self.state.fallen > FALLS:
            raise TrainingFailed(
                f"the loss was not finite {self.state.fallen} times, at rates down to {self.rate:.1e}; "
                "check the pairs and the base, or choose a lower rate"
            )
        self.note(
            f"the loss was not finite at step {fallen_at}: back to step {self.state.step}, with half the rate"
        )

    # ---- measuring ----

    @property
    def every(self) -> int:
        """Steps between two measurements; measuring shall not cost more than about a third of learning."""
        costs = sum(row.tokens for row in self.measured_rows) / sum(row.tokens for row in self.rows)
        steps = costs * len(self.epochs[0])  # a measurement takes as long as a third of so many steps
        return max(1, math.ceil(steps), self.steps // MEASUREMENTS)

    def measure(self) -> None:
        """The held-out loss; the best weights are kept, and so is everything that was reached."""
        from strategies.lora.training.proving import samples

        state = self.state
        held_out = self.together.agreed(self.held_out_loss() if self.together.first else 0.0)
        if math.isfinite(held_out) and (state.best is None or held_out < state.best):
            state.best, state.best_step, state.misses = held_out, state.step, 0
            self.best = self.copied()
        else:
            state.misses += 1
        sampled = (state.step // self.every) % SAMPLE_EVERY == 1 or state.step == self.steps
        if sampled and self.together.first:
            self.take_for_what_was_taught()
            for sample in samples(
                self.base,
                self.held_out[:SAMPLED],
                self.held_out_rows[:SAMPLED],
                state.step,
                self.held_out_tensors.meanings,
            ):
                state.samples.append(sample)
                append(self.work.folder / SAMPLES, sample)
        self.tell(held_out)
        self.keep()
        self._good = self.snapshot()

    def tell(self, held_out: float | None = None, note: str = "") -> None:
        state = self.state
        loss = sum(state.unsaid) / len(state.unsaid) if state.unsaid else None
        state.unsaid = []
        told = Told(
            step=state.step,
            steps=self.steps,
            epoch=round(state.step / self.steps * len(self.epochs), 3),
            loss=loss,
            held_out=held_out,
            rate=self.rate,
            left=round(self.left, 1),
            note=note,
        )
        state.curve.append(asdict(told))
        if self.together.first:
            append(self.work.folder / CURVE, asdict(told))
            self._told(told)

    def note(self, words: str) -> None:
        """Say it aloud; it stays in the curve."""
        self.tell(note=words)

    @property
    def left(self) -> float:
        began, _, first = self._began
        done = self.state.step - first
        return (time.monotonic() - began) / done * (self.steps - self.state.step) if done else 0.0

    # ---- keeping ----

    def keep(self) -> None:
        """The checkpoint, in the place of the one before."""
        if self.together.first:
            save(self.work.folder / CHECKPOINT, self.state, self.everything())
        self._kept_at = time.monotonic()

    _kept_at = math.inf
    _halved = 0  # how often, where memory was too little before

    def everything(self) -> dict[str, torch.Tensor]:
        tensors: dict[str, torch.Tensor] = {}
        for name, weights in self.weights.items():
            tensors[f"adapter.{name}"] = weights.detach()
            tensors[f"best.{name}"] = self.best[name]
            if moments := self.optimizer.state.get(weights):
                tensors[f"mean.{name}"] = moments["exp_avg"]
                tensors[f"square.{name}"] = moments["exp_avg_sq"]
        return tensors

    def resume(self) -> None:
        """Go on from the checkpoint; what was told after it is told again."""
        try:
            self.state, tensors = load(self.work.folder / CHECKPOINT)
        except Exception as error:
            raise TrainingFailed(
                f"the checkpoint cannot be read ({type(error).__name__}: {error})"
            ) from error
        self.restore(tensors)
        self.together.agreed(0.0)  # all have read it before the first one writes the next
        if self.together.first:
            write(self.work.folder / CURVE, lines(self.state.curve))
            write(self.work.folder / SAMPLES, lines(self.state.samples))

    def restore(self, tensors: Mapping[str, torch.Tensor]) -> None:
        import torch

        self.put({name: tensors[f"adapter.{name}"] for name in self.weights})
        self.best = {name: tensors[f"best.{name}"].to(self.base.device).clone() for name in self.weights}
        self.optimizer.state.clear()
        for name, weights in self.weights.items():
            if f"mean.{name}" in tensors:
                self.optimizer.state[weights] = {
                    "step": torch.tensor(float(self.state.step), device=weights.device),
                    "exp_avg": tensors[f"mean.{name}"].to(weights.device).clone(),
                    "exp_avg_sq": tensors[f"square.{name}"].to(weights.device).clone(),
                }

    def snapshot(self) -> Callable[[], None]:
        """What brings back this very moment."""
        state = State(**asdict(self.state))
        tensors = {name: tensor.clone() for name, tensor in self.everything().items()}

        def back() -> None:
            told = self.state
            self.state = State(**asdict(state))
            self.state.curve, self.state.at_once, self.state.seconds = told.curve, told.at_once, told.seconds
            self.restore(tensors)

        return back

    def copied(self) -> dict[str, torch.Tensor]:
        return {name: weights.detach().clone() for name, weights in self.weights.items()}

    def put(self, tensors: Mapping[str, torch.Tensor]) -> None:
        import torch

        with torch.no_grad():
            for name, weights in self.weights.items():
                weights.copy_(tensors[name])

    # ---- the adapter ----

    def finish(self) -> Path:
        """The best weights as an adapter's folder, with what it must be served with, proven in full
        precision.
        """
        self.note("proving the adapter")
        half = self.work.folder / "adapter.half"
        try:
            self.write_adapter(half)
        except OSError as error:
            raise unwritten(half, error) from error
        half.rename(self.work.adapter)
        (self.work.folder / CHECKPOINT).unlink(missing_ok=True)
        return self.work.adapter

    def write_adapter(self, folder: Path) -> None:
        from strategies.lora.bases import template
        from strategies.lora.shelf.card import Card, tokenizer_hash, write_card, write_proof
        from strategies.lora.training.proving import canaries

        figures = self.figures()
        self.model.save_pretrained(str(folder), save_embedding_layers=False)
        (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty model card
        write_proof(folder, list(canaries(self.base, self.held_out)))
        card = Card(
            name=self.job.name,
            base=self.job.base,
            base_hash=self.base.hash,
            template=template.fingerprint(self.base),
            tokenizer=tokenizer_hash(self.base),
            pairs=self.job.pairs,
            made_at=datetime.now(UTC),
            documents=self.job.documents,
            seed=self.recipe.seed,
            libraries=dict(versions()),
            recipe={**self.recipe.model_dump(), "pooled": self.base.pooled},
            parent=self.job.parent,
            preferences=self.job.preferences,
        )
        write_card(folder, card)  # who asks the adapter must know how it hears
        figures |= self.calibrated(folder)
        write_card(folder, card.model_copy(update={"figures": figures}))
        write(folder / CURVE, lines(self.state.curve))
        write(folder / SAMPLES, lines(self.state.samples))

    def calibrated(self, folder: Path) -> dict[str, float]:
        """When to believe it, found by asking it through the engine that will serve it. From here on the base
        is as it was.
        """
        from contextlib import closing

        from knowledge_base.embedding import embedder
        from strategies.lora.engine.speaking import Engine
        from strategies.lora.trust.calibration import calibrate

        if not self.job.embedding:
            return {}
        if self._stopped():
            raise TrainingStopped("stopped before it was known when to believe it")
        self.note("finding out when to believe it")
        unload: Any = self.model.unload
        unload()
        try:
            with closing(Engine(self.base)) as engine:
                found = calibrate(
                    folder,
                    taught(self.work),
                    engine,
                    embedder(self.job.embedding, threads=1),
                    seed=self.recipe.seed,
                )
        except (Misconfigured, KnowledgeError) as why:
            self.note(f"it is not known when to believe it: {why}")
            return {}
        return {f"confidence_{name}": value for name, value in found.items()}

    def figures(self) -> dict[str, float]:
        from strategies.lora.training.proving import exact, measure

        self.take_for_what_was_taught()
        tensors = Tensors(self.base, self.held_out_rows, read_once=not self.recipe.encoder)
        tensors.meanings = self.held_out_tensors.meanings
        measured = measure(self.base, self.held_out_rows, tensors)
        return {
            "held_out_loss": measured.loss,
            "held_out_token_accuracy": measured.accuracy,
            "held_out_exact": exact(self.base, self.held_out_rows, tensors.meanings),
            "examples": len(self.rows),
            "steps": self.state.best_step,
            "seconds": round(self.state.seconds, 1),
            "weights": sum(weights.numel() for weights in self.weights.values()),
        }


def out_of_memory(error: BaseException) -> bool:
    """torch says it in three ways."""
    import torch

    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return "not enough memory" in str(error) or "can't allocate memory" in str(error)


def versions() -> Iterator[tuple[str, str]]:
    from importlib.metadata import PackageNotFoundError, version

    for name in LIBRARIES:
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue
