"""LoRA on the demo's pairs: ours against transformers' Seq2SeqTrainer, and what a customer notices of it.

    python -m benchmarks.training                    # both parts
    python -m benchmarks.training --part speed       # how long to the same held-out loss
    python -m benchmarks.training --part customers   # the first token, idle and while a training runs
    python -m benchmarks.training --search           # rank, rate and what else was chosen by it

Same base, same pairs, same adapter, schedule and batch, as many threads, one after the other; seconds are
those of learning, without measuring. Held-out are other wordings of the same questions, answered as each is
served: ours hears a question as one, theirs token by token. Theirs has the rate that was searched without
LoRA+, and `--longer` times as many epochs, since it needs more. (TRL's SFTTrainer trains causal models only;
the shipped base has an encoder, so its neighbour is the Seq2SeqTrainer.)
"""

import argparse
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import torch

from benchmarks.customers import crowd, figures, questions
from benchmarks.server import KOTAE, serving
from strategies.lora import bases
from strategies.lora.pairs import read
from strategies.lora.pairs.values import Pair
from strategies.lora.training.adapting import adapted
from strategies.lora.training.apart import THREADS
from strategies.lora.training.batches import IGNORED, Row, Tensors
from strategies.lora.training.course import Course
from strategies.lora.training.proving import measure, rows_of
from strategies.lora.training.recipe import Recipe
from strategies.lora.training.work import Told, Work

DEMO = Path(__file__).parent.parent / "demo" / "pairs.jsonl"
PAIRS = 500


@dataclass(frozen=True)
class Point:
    """A measurement: seconds of learning until then (on the clock, and of the processor), and the loss."""

    seconds: float
    processor: float
    loss: float


def desk(most: int = PAIRS) -> list[Pair]:
    """The first `most` taught pairs of the demo, and the held-out wordings of what they are about."""
    with DEMO.open("rb") as stream:
        pairs = read(stream, DEMO.name)
    taught = [pair for pair in pairs if pair.split == "train"][:most]
    known = {pair.about for pair in taught}
    return taught + [pair for pair in pairs if pair.split == "held-out" and pair.about in known]


def course(
    base: str, recipe: Recipe, pairs: Sequence[Pair], folder: Path, told: Callable[[Told], None]
) -> Course:
    from strategies.lora.training.preparing import prepare

    work = Work.begin(folder, name="bench", base=base, recipe=recipe, pairs=pairs)
    prepare(work)
    return Course(work, work.job, bases.load(base), told, lambda: False)


class Watch:
    """Counts the seconds of learning; measuring stops it."""

    def __init__(self) -> None:
        self.points: list[Point] = []
        self._learned = (0.0, 0.0)
        self.go_on()

    def go_on(self) -> None:
        self._since = (time.perf_counter(), time.process_time())

    def stop(self) -> None:
        now = (time.perf_counter(), time.process_time())
        clock, processor = (
            had + at - since for had, at, since in zip(self._learned, now, self._since, strict=True)
        )
        self._learned = (clock, processor)

    def point(self, loss: float) -> None:
        self.points.append(Point(*self._learned, loss))


def ours(base: str, recipe: Recipe, pairs: Sequence[Pair], say: Callable[[str], None]) -> list[Point]:
    """Our loop, from the first reading of the examples on."""
    with tempfile.TemporaryDirectory() as folder:
        watch = Watch()

        def told(news: Told) -> None:
            if news.held_out is not None:
                watch.point(news.held_out)
                say(f"step {news.step} of {news.steps}: {news.held_out:.4f}")

        made = course(base, recipe, pairs, Path(folder) / "run", told)
        measured = made.measure

        def measuring() -> None:
            watch.stop()
            measured()
            watch.go_on()

        made.measure = measuring  # type: ignore[method-assign]
        made.finish = lambda: Path()  # type: ignore[method-assign]
        watch.go_on()
        made.run()
        return watch.points


def theirs(
    base: str, recipe: Recipe, pairs: Sequence[Pair], say: Callable[[str], None], half: bool, longer: int
) -> list[Point]:
    """transformers' Seq2SeqTrainer with the same adapter; `half` computes in bfloat16 as it does."""
    from transformers import DataCollatorForSeq2Seq, Seq2SeqTrainer, Seq2SeqTrainingArguments, TrainerCallback

    with tempfile.TemporaryDirectory() as folder:
        plan = course(base, recipe, pairs, Path(folder) / "plan", lambda _: None)
        loaded = bases.load(base)
        torch.manual_seed(recipe.seed)
        model = adapted(loaded, recipe)
        held_out = rows_of(loaded, plan.held_out)
        tensors = Tensors(loaded, held_out, read_once=False)
        watch = Watch()

        class Measuring(TrainerCallback):
            def on_train_begin(self, *_: Any, **__: Any) -> None:
                watch.go_on()

            def on_step_end(self, _args: Any, state: Any, *_: Any, **__: Any) -> None:
                if state.global_step % plan.every and state.global_step != state.max_steps:
                    return
                watch.stop()
                watch.point(measure(loaded, held_out, tensors).loss)
                say(f"step {state.global_step} of {state.max_steps}: {watch.points[-1].loss:.4f}")
                watch.go_on()

        arguments = Seq2SeqTrainingArguments(
            output_dir=folder,
            num_train_epochs=len(plan.epochs) * longer,
            per_device_train_batch_size=recipe.batch,
            learning_rate=recipe.rate_of(384),
            lr_scheduler_type="linear",
            warmup_steps=recipe.warm_up,
            weight_decay=0.0,
            bf16=half,
            use_cpu=not torch.cuda.is_available(),
            seed=recipe.seed,
            report_to=[],
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
            remove_unused_columns=False,
            dataloader_pin_memory=False,
        )
        trainer = Seq2SeqTrainer(
            model=model,
            args=arguments,
            train_dataset=[example(row) for row in plan.rows],
            data_collator=DataCollatorForSeq2Seq(loaded.reader, model=model, label_pad_token_id=IGNORED),
            callbacks=[Measuring()],
        )
        trainer.train()
        return watch.points


def example(row: Row) -> dict[str, list[int]]:
    return {
        "input_ids": list(row.prompt),
        "attention_mask": [1] * len(row.prompt),
        "labels": list(row.answer),
    }


def speed(
    base: str, recipe: Recipe, say: Callable[[str], None], trainers: Iterable[str], longer: int
) -> dict[str, Any]:
    pairs = desk()
    made = {
        "Kotae": lambda: ours(base, recipe, pairs, say),
        "Seq2SeqTrainer": lambda: theirs(base, recipe, pairs, say, half=False, longer=longer),
        "Seq2SeqTrainer, bf16": lambda: theirs(base, recipe, pairs, say, half=True, longer=longer),
    }
    runs = {}
    for name in trainers:
        say(f"-- {name}")
        runs[name] = made[name]()
    common = max(min(point.loss for point in points) for points in runs.values())
    return {
        "pairs": sum(pair.split == "train" for pair in pairs),
        "common_loss": common,
        "rows": {name: summary(points, common) for name, points in runs.items()},
    }


def summary(points: Sequence[Point], common: float) -> dict[str, float]:
    best = min(points, key=lambda point: point.loss)
    there = next(point for point in points if point.loss <= common)
    return {
        "best_loss": best.loss,
        "seconds_to_best": best.seconds,
        "processor_seconds_to_best": best.processor,
        "seconds_to_common": there.seconds,
        "processor_seconds_to_common": there.processor,
    }


def show(found: dict[str, Any]) -> None:
    print(
        f"{found['pairs']} pairs; the held-out loss that all reach is {found['common_loss']:.4f}\n"
        f"{'':>22} {'best loss':>10} {'s to best':>10} {'s to common':>12} {'cpu s to common':>16}"
    )
    for name, row in found["rows"].items():
        print(
            f"{name:>22} {row['best_loss']:>10.4f} {row['seconds_to_best']:>10.1f}"
            f" {row['seconds_to_common']:>12.1f} {row['processor_seconds_to_common']:>16.1f}"
        )


# ---- the customer beside a training ----


def customers(base: str, each: int = 40) -> dict[str, dict[str, float]]:
    """One customer on the demo's `manuals`: alone, and while a training runs on the same machine."""
    pool = questions()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder)
        quiet: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([KOTAE, "--data", data, "demo"], check=True, **quiet)
        unlimited = {
            "KOTAE_LIMITS__CLIENT_QUESTIONS_PER_MINUTE": "100000",
            "KOTAE_LIMITS__QUESTIONS_PER_MINUTE": "100000",
        }
        with serving(data, **unlimited) as server:
            address = server.ready()
            crowd(address, 1, 10, pool)
            idle = figures(1, crowd(address, 1, each, pool))
            with training(data, base):
                busy = figures(1, crowd(address, 1, each, pool))
    return {"idle": idle, "while training": busy}


class training:  # noqa: N801  # reads as what it is: with training(…)
    """A training of the server on `data` that has begun to learn, and is cancelled in the end."""

    def __init__(self, data: Path, base: str) -> None:
        from bot.kotae import Kotae
        from bot.settings import Settings

        self._kotae = Kotae.open(Settings(data=data))
        self._base = base

    def __enter__(self) -> None:
        recipe = Recipe(epochs=1000, patience=1000)
        self._job = self._kotae.training.start(
            "bench", base=self._base, recipe=recipe, pairs=desk(), by="bench"
        )
        until = time.monotonic() + 300
        while not any(told.step for told in self._kotae.training.run(self._job.id).told):
            if time.monotonic() > until or self._kotae.jobs.get(self._job.id).state == "failed":
                raise RuntimeError(f"the training did not begin: {self._kotae.jobs.get(self._job.id)}")
            time.sleep(0.2)

    def __exit__(self, *_: object) -> None:
        self._kotae.training.cancel(self._job.id, by="bench")
        self._kotae.close()


def show_customers(found: dict[str, dict[str, float]]) -> None:
    for name, row in found.items():
        print(
            f"{name:>16}: first token p50 {row['first_token_p50_s'] * 1000:.0f} ms,"
            f" p95 {row['first_token_p95_s'] * 1000:.0f} ms, {row['failed']:.0f} failed"
        )
    ratio = found["while training"]["first_token_p95_s"] / found["idle"]["first_token_p95_s"]
    print(f"{'':>16}  p95 while training: {ratio:.1f} times idle (goal: at most 3)")


# ---- the search behind the recipe ----

SEARCHED: dict[str, list[Any]] = {
    "rate": [1e-3, 3e-3, 6e-3],
    "rank": [8, 16, 32],
    "encoder": [False, True],
    "epochs": [8, 16],
    "augment": [False, True],
}


def search(
    base: str, only: Sequence[str], recipe: Recipe, say: Callable[[str], None]
) -> Iterator[dict[str, Any]]:
    """One by one from the defaults, or all combinations of those in `only`."""
    names = only or list(SEARCHED)
    tried = (
        [dict(zip(only, values, strict=True)) for values in product(*(SEARCHED[name] for name in only))]
        if only
        else [{name: value} for name in names for value in SEARCHED[name]]
    )
    pairs = desk()
    for chosen in tried:
        points = ours(base, recipe.model_copy(update=chosen), pairs, lambda _: None)
        yield {**chosen, **summary(points, min(point.loss for point in points))}
        say(json.dumps({**chosen, **summary(points, min(point.loss for point in points))}))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--part", choices=("speed", "customers"), help="only this one")
    parser.add_argument("--base", default=bases.SHIPPED)
    parser.add_argument("--threads", type=int, default=THREADS, help="as many as a training has by default")
    parser.add_argument(
        "--recipe", type=json.loads, default={}, help="what differs from the default, as JSON"
    )
    parser.add_argument("--longer", type=int, default=2, help="epochs of theirs for one of ours")
    parser.add_argument("--trainers", nargs="*", default=["Kotae", "Seq2SeqTrainer", "Seq2SeqTrainer, bf16"])
    parser.add_argument("--search", nargs="*", metavar="NAME", help=f"of {', '.join(SEARCHED)}")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    recipe = Recipe(**{"augment": False, **options.recipe})  # the same examples for everybody
    say: Callable[[str], None] = (
        (lambda _: None) if options.json else (lambda words: print(words, flush=True))
    )
    found: dict[str, Any] = {}
    if options.search is not None:
        found["search"] = list(search(options.base, options.search, recipe, say))
    else:
        if options.part != "customers":
            found["speed"] = speed(options.base, recipe, say, options.trainers, options.longer)
        if options.part != "speed":
            found["customers"] = customers(options.base)
    if options.json:
        print(json.dumps(found, indent=1))
        return
    if "speed" in found:
        show(found["speed"])
    if "customers" in found:
        show_customers(found["customers"])


if __name__ == "__main__":
    main()
