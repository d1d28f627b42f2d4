"""How the shipped base was made: the embedder reads, a small decoder learns to speak.

    python -m strategies.lora.bases.pretrain --data DATA --folder build/base

    lessons ─▶ tokens on disk ─▶ 1) pre-training: how language goes on, and copying
                                 2) demonstrations: how questions are answered
                                 3) reading: more of what is read                ─▶ shipped/

The encoder is all-MiniLM-L6-v2, frozen, as it is installed. The decoder is a GPT-2 of four layers that
attends to its states. Matrices are trained by Muon (Jordan et al., 2024; torch's own), all else by AdamW, in
bfloat16 where that is fast, with a warm-up, a plateau and a linear warm-down. A step depends on the seed and
its number alone, so a run that was killed goes on from its checkpoint exactly as it would have gone on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from knowledge_base.embedding import minilm_folder, minilm_tokenizer
from strategies.lora.bases.corpus import Lesson, lessons
from strategies.lora.bases.model import MINILM, NOTHING, READER
from strategies.lora.bases.template import spelt
from strategies.precision import autocast

START, END, PAD = "<|start|>", "<|end|>", "<|pad|>"
VOCABULARY = 8192
SAVED = {"pre-training": "pre-trained", "reading": "base"}  # after these stages
READS, SAYS = 208, 160  # tokens of a lesson; longer ones are left out
CHUNK = 64  # batches are sorted by length within so many
EXAMINED = 75  # steps from one examination and checkpoint to the next

# How many times a stage goes through each source, at most; shares of one go through a part.
STAGES: Mapping[str, Mapping[str, float]] = {
    "pre-training": {"continue": 0.25, "find": 1.0},
    "demonstrations": {
        "continue": 0.1,
        "find": 0.35,
        "sections": 1.0,
        "converse": 0.3,
        "desk": 1.0,
        "instructions": 1.0,
        "venues": 1.0,
        "squad": 1.0,
        "products": 0.5,
    },
    "reading": {
        "continue": 0.05,
        "find": 0.4,
        "sections": 1.0,
        "converse": 0.15,
        "desk": 0.8,
        "instructions": 0.6,
        "venues": 1.0,
        "squad": 1.0,
        "products": 1.0,
    },
}


@dataclass(frozen=True)
class Plan:
    """What is trained, and for how long."""

    seed: int = 0
    steps: tuple[int, ...] = (450, 300, 750)  # of each stage
    lessons: int = 96  # a step
    layers: int = 4
    width: int = 384
    heads: int = 6
    positions: int = 384
    rate: float = 5e-3
    warm_up: int = 40
    warm_down: float = 0.45  # of all steps
    decay: float = 0.01


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="pretrain", description=__doc__.split("\n", 1)[0] if __doc__ else ""
    )
    parser.add_argument("--data", type=Path, required=True, help="the folders of public data")
    parser.add_argument("--folder", type=Path, required=True, help="tokens, checkpoints and the result")
    parser.add_argument("--steps", type=int, nargs=len(STAGES), default=Plan.steps, help="of each stage")
    parser.add_argument("--lessons", type=int, default=Plan.lessons, help="in a step")
    parser.add_argument("--rate", type=float, default=Plan.rate)
    parser.add_argument("--ship", type=Path, help="where the finished base is put")
    parser.add_argument("--threads", type=int, default=0)
    asked = parser.parse_args(arguments)
    if not asked.data.is_dir():
        parser.error(f"there is no folder {str(asked.data)!r}")
    if asked.threads:
        torch.set_num_threads(asked.threads)
    plan = Plan(steps=tuple(asked.steps), lessons=asked.lessons, rate=asked.rate)
    prepare(asked.data, asked.folder, plan.seed)
    train(plan, asked.folder)
    if asked.ship:
        ship(asked.folder, asked.ship)
    return 0


# ---- lessons to tokens ----


def prepare(data: Path, folder: Path, seed: int) -> None:
    """The speaker's tokenizer, and every lesson as tokens. Done once; a later run finds them."""
    tokens = folder / "tokens"
    if (tokens / "done").exists():
        return
    sys.stderr.write("making lessons\n")
    taught = lessons(data, seed)
    tokens.mkdir(parents=True, exist_ok=True)
    speaker = learn_tokenizer(taught, folder / "speaker", seed)
    reader = minilm_tokenizer(marks_are_text=True)
    for source, found in taught.items():
        for part in (False, True):
            write(
                tokens / f"{source}-{'held-out' if part else 'train'}.npz",
                [x for x in found if x.held_out is part],
                reader,
                speaker,
            )
    (tokens / "done").touch()


def learn_tokenizer(taught: Mapping[str, Sequence[Lesson]], folder: Path, seed: int) -> Any:
    """A cased byte-level BPE whose digits stand alone, so that every number is spelt."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    chance = random.Random(seed)
    texts = [
        text
        for found in taught.values()
        for x in chance.sample(found, min(len(found), 12_000))
        if not x.held_out
        for text in (x.answer, *x.passages)
    ]
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(r"\d"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    made.decoder = decoders.ByteLevel()
    special = [START, END, PAD, NOTHING]
    made.train_from_iterator(
        texts,
        trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    kind: Any = PreTrainedTokenizerFast
    speaker = kind(
        tokenizer_object=made,
        bos_token=START,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=[NOTHING],
    )
    speaker.save_pretrained(folder)
    return speaker


def write(path: Path, taught: Sequence[Lesson], reader: Any, speaker: Any) -> None:
    """Lessons as they are read and said: the same layout as `strategies.lora.bases.template`."""
    cls, sep = reader.token_to_id("[CLS]"), reader.token_to_id("[SEP]")
    start, end, nothing = (speaker.convert_tokens_to_ids(token) for token in (START, END, NOTHING))
    parts = [part for lesson in taught for part in (lesson.question, *lesson.passages)]
    encoded = iter(
        [x.ids for x in reader.encode_batch_fast([spelt(part) for part in parts], add_special_tokens=False)]
    )
    answers = [
        x.ids
        for x in speaker.backend_tokenizer.encode_batch_fast(
            [x.answer for x in taught], add_special_tokens=False
        )
    ]
    reads: list[list[int]] = []
    says: list[list[int]] = []
    for lesson, said in zip(taught, answers, strict=True):
        read = [cls]
        for _ in range(1 + len(lesson.passages)):
            read += [*next(encoded), sep]
        if len(read) <= READS and len(said) + 2 <= SAYS:
            reads.append(read)
            says.append([start, *(said if lesson.answer else [nothing]), end])
    np.savez(path, **flat("reads", reads), **flat("says", says))


def flat(name: str, lists: Sequence[Sequence[int]]) -> dict[str, Any]:
    ends = np.cumsum([0, *map(len, lists)])
    return {
        name: np.fromiter((x for one in lists for x in one), np.int32, int(ends[-1])),
        f"{name}_ends": ends,
    }


class Tokens:
    """The lessons of one file."""

    def __init__(self, path: Path) -> None:
        held = np.load(path)
        self.reads, self.reads_ends = held["reads"], held["reads_ends"]
        self.says, self.says_ends = held["says"], held["says_ends"]

    def __len__(self) -> int:
        return len(self.reads_ends) - 1

    def lesson(self, at: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        return (
            self.reads[self.reads_ends[at] : self.reads_ends[at + 1]],
            self.says[self.says_ends[at] : self.says_ends[at + 1]],
        )


# ---- batches ----


@dataclass(frozen=True)
class Batch:
    """`reads`, `read_mask` (batch, read); `says` (batch, said), padded with `pad`."""

    reads: torch.Tensor
    read_mask: torch.Tensor
    says: torch.Tensor
    pad: int

    def to(self, device: torch.device) -> Batch:
        return Batch(self.reads.to(device), self.read_mask.to(device), self.says.to(device), self.pad)


def batches(
    sources: Mapping[str, Tokens], shares: Mapping[str, float], plan: Plan, stage: int, pad: int
) -> Iterator[Batch]:
    """Without end; what comes at which step depends on the seed alone."""
    epoch = 0
    while True:
        order = np.random.default_rng([plan.seed, stage, epoch])
        drawn = []
        for number, (name, share) in enumerate(shares.items()):
            held = sources[name]
            drawn += [(number, at) for at in order.permutation(len(held))[: max(1, round(share * len(held)))]]
        names = [*shares]
        for chunk in np.array_split(
            order.permutation(len(drawn)), max(1, len(drawn) // (CHUNK * plan.lessons))
        ):
            found = [sources[names[drawn[at][0]]].lesson(drawn[at][1]) for at in chunk]
            found.sort(key=lambda lesson: (len(lesson[1]) // 8, len(lesson[0])))
            groups = [
                found[at : at + plan.lessons] for at in range(0, len(found) - plan.lessons + 1, plan.lessons)
            ]
            for at in order.permutation(len(groups)):
                yield batch_of(groups[at], pad)
        epoch += 1


def batch_of(found: Sequence[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]], pad: int) -> Batch:
    reads = np.zeros((len(found), max(len(read) for read, _ in found)), np.int64)
    mask = np.zeros_like(reads)
    says = np.full((len(found), max(len(said) for _, said in found)), pad, np.int64)
    for row, (read, said) in enumerate(found):
        reads[row, : len(read)], mask[row, : len(read)], says[row, : len(said)] = read, 1, said
    return Batch(torch.from_numpy(reads), torch.from_numpy(mask), torch.from_numpy(says), pad)


# ---- the model and its optimizers ----


def new_model(plan: Plan, speaker: Any, device: torch.device) -> tuple[Any, Any]:
    """The frozen encoder and a fresh decoder."""
    from transformers import BertModel, GPT2Config, GPT2LMHeadModel

    torch.manual_seed(plan.seed)
    reads: Any = BertModel
    encoder = reads.from_pretrained(minilm_folder(), add_pooling_layer=False).eval().requires_grad_(False)
    config: Any = GPT2Config
    decoder = GPT2LMHeadModel(
        config(
            vocab_size=len(speaker),
            n_positions=plan.positions,
            n_embd=plan.width,
            n_layer=plan.layers,
            n_head=plan.heads,
            add_cross_attention=True,
            is_decoder=True,
            bos_token_id=speaker.bos_token_id,
            eos_token_id=speaker.eos_token_id,
            pad_token_id=speaker.pad_token_id,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            resid_pdrop=0.0,
        )
    )
    with torch.no_grad():
        decoder.transformer.wte.weight.copy_(heard(encoder, speaker))
    return encoder.to(device), decoder.to(device).train()  # type: ignore[arg-type]


def heard(encoder: Any, speaker: Any) -> torch.Tensor:
    """Where the speaker's embeddings begin, (vocabulary, width): each token as the reader embeds its letters.

    A linear map from the reader's last states finds nine in ten of its input embeddings again, also those of
    words the map was not fitted on; so what was read can be copied by one map, learnt once for all words.
    """
    reader = minilm_tokenizer(marks_are_text=True)
    known = encoder.embeddings.word_embeddings.weight.detach()
    known = (known - known.mean(0)) / known.std() * 0.02
    found = torch.randn(len(speaker), known.shape[1]) * 0.02
    for token in range(len(speaker)):
        text = speaker.decode([token])
        goes_on = text[:1].isalpha() and reader.token_to_id(f"##{text.lower()}")
        ids = [goes_on] if goes_on else reader.encode(text, add_special_tokens=False).ids
        if ids and token not in speaker.all_special_ids:
            found[token] = known[ids].mean(0) + 0.25 * found[token]  # Case and blanks still differ
    return found


def loss_of(encoder: Any, decoder: Any, batch: Batch) -> torch.Tensor:
    """Cross-entropy of the answer's tokens, given what was read and what was said before them."""
    with autocast(batch.reads.device.type):
        with torch.no_grad():
            states = encoder(input_ids=batch.reads, attention_mask=batch.read_mask).last_hidden_state
        logits = decoder(
            input_ids=batch.says[:, :-1],
            encoder_hidden_states=states,
            encoder_attention_mask=batch.read_mask,
            use_cache=False,
        ).logits  # (batch, said - 1, vocabulary)
    return nn.functional.cross_entropy(
        logits.float().flatten(0, 1), batch.says[:, 1:].flatten(), ignore_index=batch.pad
    )


def optimizers(decoder: Any, plan: Plan) -> list[torch.optim.Optimizer]:
    """Muon for the matrices inside the layers, AdamW for embeddings, norms and biases."""
    inside = [p for name, p in decoder.named_parameters() if p.ndim == 2 and ".h." in name]
    around = [p for name, p in decoder.named_parameters() if not (p.ndim == 2 and ".h." in name)]
    return [
        torch.optim.Muon(
            inside, lr=plan.rate, weight_decay=plan.decay, ns_steps=4, adjust_lr_fn="match_rms_adamw"
        ),
        torch.optim.AdamW(around, lr=plan.rate, weight_decay=0.0, betas=(0.9, 0.95), fused=True),
    ]


def rate_at(step: int, plan: Plan) -> float:
    """The share of the full rate: up, level, and linearly down to a hundredth."""
    total = sum(plan.steps)
    down = (total - step) / max(1.0, plan.warm_down * total)
    return max(0.01, min(1.0, (step + 1) / plan.warm_up, down))


# ---- training ----


def train(plan: Plan, folder: Path) -> None:
    """All stages, from the checkpoint when there is one; the results are `pre-trained/` and `base/`."""
    from transformers import AutoTokenizer

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    speaker = AutoTokenizer.from_pretrained(folder / "speaker")
    sources = {name: Tokens(folder / "tokens" / f"{name}-train.npz") for name in STAGES["demonstrations"]}
    exams = {name: Tokens(folder / "tokens" / f"{name}-held-out.npz") for name in STAGES["demonstrations"]}
    encoder, decoder = new_model(plan, speaker, device)
    steering = optimizers(decoder, plan)
    begun = resume(folder, decoder, steering, plan)
    last = sum(plan.steps)
    bar = tqdm(total=last, initial=begun, desc="training", unit="step", disable=None)
    step = begun
    mean = float("nan")
    for stage, (name, shares) in enumerate(STAGES.items()):
        first = sum(plan.steps[:stage])
        ends = first + plan.steps[stage]
        coming = batches(sources, shares, plan, stage, speaker.pad_token_id)
        for at in range(first, ends):
            batch = next(coming)
            if at < step:
                continue
            loss = one_step(encoder, decoder, steering, batch.to(device), rate_at(at, plan))
            step = at + 1
            mean = loss if mean != mean else 0.95 * mean + 0.05 * loss
            bar.update()
            bar.set_postfix(loss=f"{mean:.3f}", stage=name)
            if step % 20 == 0:
                tell(folder, {"step": step, "stage": name, "loss": round(mean, 4), "time": time.time()})
            if step % EXAMINED == 0 or step in (ends, last):
                tell(
                    folder,
                    {"step": step, "held_out": examine(encoder, decoder, exams, speaker.pad_token_id, plan)},
                )
                keep(folder, step, decoder, steering, plan)
        if step == ends and name in SAVED:
            save(decoder, speaker, folder / SAVED[name])
    draw(folder)


def one_step(
    encoder: Any, decoder: Any, steering: Sequence[torch.optim.Optimizer], batch: Batch, share: float
) -> float:
    loss = loss_of(encoder, decoder, batch)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(decoder.parameters(), 1.0)
    for optimizer in steering:
        for group in optimizer.param_groups:
            group["lr"] = group.setdefault("initial_lr", group["lr"]) * share
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return loss.item()


@torch.no_grad()
def examine(
    encoder: Any, decoder: Any, exams: Mapping[str, Tokens], pad: int, plan: Plan
) -> dict[str, float]:
    """Held-out loss of every source."""
    found = {}
    decoder.eval()
    for name, held in exams.items():
        taken = [held.lesson(at) for at in range(min(len(held), plan.lessons))]
        if taken:
            found[name] = round(float(loss_of(encoder, decoder, batch_of(taken, pad).to(decoder.device))), 4)
    decoder.train()
    return found


# ---- what is kept ----


def keep(
    folder: Path, step: int, decoder: Any, steering: Sequence[torch.optim.Optimizer], plan: Plan
) -> None:
    """A checkpoint, complete or not at all."""
    held = {
        "step": step,
        "plan": asdict(plan),
        "decoder": decoder.state_dict(),
        "steering": [optimizer.state_dict() for optimizer in steering],
    }
    part = folder / "checkpoint.part"
    torch.save(held, part)
    part.replace(folder / "checkpoint.pt")


def resume(folder: Path, decoder: Any, steering: Sequence[torch.optim.Optimizer], plan: Plan) -> int:
    """The steps that are done. A checkpoint of another plan is refused."""
    path = folder / "checkpoint.pt"
    if not path.exists():
        return 0
    held = torch.load(path, weights_only=True)
    if json.dumps(held["plan"]) != json.dumps(asdict(plan)):
        raise SystemExit(f"{path} belongs to another plan; give another folder, or remove it")
    decoder.load_state_dict(held["decoder"])
    for optimizer, state in zip(steering, held["steering"], strict=True):
        optimizer.load_state_dict(state)
    return int(held["step"])


def save(decoder: Any, speaker: Any, folder: Path) -> None:
    """As transformers saves, in bfloat16, with the reader's name and the hash of its weights."""
    shutil.rmtree(folder, ignore_errors=True)
    half = type(decoder)(decoder.config)
    half.load_state_dict(decoder.state_dict())
    half.to(torch.bfloat16).save_pretrained(folder)
    speaker.save_pretrained(folder)
    weights = minilm_folder() / "model.safetensors"
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    (folder / READER).write_text(json.dumps({"reads": MINILM, "sha256": digest}, indent=1) + "\n")


def ship(folder: Path, to: Path) -> None:
    """Put the result where Kotae finds it; what was only pre-trained goes along in eight bits."""
    from safetensors.torch import load_file, save_file

    weights, early = "model.safetensors", SAVED["pre-training"]
    shutil.copytree(folder / SAVED["reading"], to, dirs_exist_ok=True)
    shutil.copytree(folder / early, to / early, dirs_exist_ok=True)
    eight = {name: held.to(torch.float8_e4m3fn) for name, held in load_file(folder / early / weights).items()}
    save_file(eight, to / early / weights, metadata={"format": "pt"})
    shutil.copy(folder / "loss.svg", to)


def tell(folder: Path, what: Mapping[str, Any]) -> None:
    with (folder / "log.jsonl").open("a") as file:
        file.write(json.dumps(what) + "\n")


def draw(folder: Path) -> None:
    """The losses as a picture."""
    from matplotlib import pyplot

    told = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    figure, axes = pyplot.subplots(figsize=(8, 4.5))
    axes.plot(
        [x["step"] for x in told if "loss" in x], [x["loss"] for x in told if "loss" in x], label="train"
    )
    exams = [x for x in told if "held_out" in x]
    for name in STAGES["demonstrations"]:
        axes.plot(
            [x["step"] for x in exams], [x["held_out"].get(name) for x in exams], label=f"held out: {name}"
        )
    axes.set(xlabel="step", ylabel="loss", yscale="log")
    axes.legend(fontsize=7)
    figure.tight_layout()
    figure.savefig(folder / "loss.svg")


if __name__ == "__main__":
    sys.exit(main())
