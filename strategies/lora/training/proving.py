"""What a trained adapter says and how sure it is: figures, samples, and what serving must repeat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from strategies.lora.bases import template
from strategies.lora.pairs.raft import Example
from strategies.lora.shelf.card import Canary
from strategies.lora.training.batches import IGNORED, Row, Tensors, within

if TYPE_CHECKING:
    import torch

    from strategies.lora.bases.model import Base

ANSWERED = 64  # held-out questions that are answered in full for the figures
CANARIES = 6
LONGEST = 96  # tokens of a sample or a canary
TOGETHER = 4096  # tokens that are measured at once


@dataclass(frozen=True)
class Measured:
    """How well answers are foretold, by token."""

    loss: float
    accuracy: float


def rows_of(base: Base, examples: Iterable[Example]) -> list[Row]:
    """Examples in tokens, by the template that also serves."""
    return [
        Row(
            template.prompt(base, example.question, example.passages).ids,
            tuple(template.answer(base, example.answer)),
            bool(example.passages),
        )
        for example in examples
    ]


def summed_loss(base: Base, given: dict[str, Any], labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """The loss over the tokens of the answers, summed; and how many of them come first."""
    from torch.nn.functional import cross_entropy

    counts = labels != IGNORED
    logits = base.model(**given).logits[counts].float()  # (tokens, vocabulary)
    wanted = labels[counts]
    return cross_entropy(logits, wanted, reduction="sum"), (logits.detach().argmax(-1) == wanted).sum()


def measure(base: Base, rows: Sequence[Row], tensors: Tensors) -> Measured:
    import torch

    loss, right, tokens = 0.0, 0, 0
    with torch.inference_mode():
        for batch in within(rows, range(len(rows)), TOGETHER):
            given, labels = tensors.of(batch)
            summed, first = summed_loss(base, given, labels)
            loss += float(summed)
            right += int(first)
            tokens += int((labels != IGNORED).sum())
    return Measured(loss / tokens, right / tokens)


def exact(base: Base, rows: Sequence[Row]) -> float:
    """The share of answers that are said word for word."""
    asked = rows[:ANSWERED]
    said = [ids for part in _parts(asked, 16) for ids in greedy(base, [row.prompt for row in part])]
    return sum(tuple(ids) == row.answer for ids, row in zip(said, asked, strict=True)) / len(asked)


def samples(
    base: Base, examples: Sequence[Example], rows: Sequence[Row], step: int
) -> Iterator[dict[str, Any]]:
    """What is answered now to a few questions, for people to read."""
    said = greedy(base, [row.prompt for row in rows])
    for example, ids in zip(examples, said, strict=True):
        yield {
            "step": step,
            "question": example.question,
            "answer": template.text(base, ids),
            "refuses": template.refuses(base, ids),
            "wanted": example.answer,
        }


def canaries(base: Base, examples: Sequence[Example]) -> Iterator[Canary]:
    """Answers with the log-probability of each token, one by one as they are served."""
    for example in spread(examples, CANARIES):
        prompt = template.prompt(base, example.question, example.passages).ids
        (ids,) = greedy(base, [prompt])
        if ids and not template.refuses(base, ids):  # what is refused is not said
            yield Canary(
                question=example.question,
                passages=example.passages,
                ids=tuple(ids),
                logprobs=tuple(log_probabilities(base, prompt, ids)),
            )


def spread(examples: Sequence[Example], most: int) -> list[Example]:
    """A few, from all over."""
    apart = max(1, len(examples) // most)
    return list(examples[::apart][:most])


def log_probabilities(base: Base, prompt: Sequence[int], ids: Sequence[int]) -> list[float]:
    import torch

    row = Row(tuple(prompt), tuple(ids))
    given, labels = Tensors(base, [row], read_once=False).of([0])
    with torch.inference_mode():
        logits = base.model(**given).logits[labels != IGNORED].float()
    picked = logits.log_softmax(-1).gather(1, labels[labels != IGNORED].unsqueeze(1))
    return [float(value) for value in picked.squeeze(1)]


def greedy(base: Base, prompts: Sequence[Sequence[int]], longest: int = 0) -> list[list[int]]:
    """What is answered when the likeliest token is always taken; the end included when it came."""
    import torch
    from transformers import GenerationConfig

    device = base.device
    most = max(len(prompt) for prompt in prompts)
    pad = base.reader_pad
    if base.family == "causal":
        filled = [[*[pad] * (most - len(prompt)), *prompt] for prompt in prompts]
        mask = [[0] * (most - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    else:
        filled = [[*prompt, *[pad] * (most - len(prompt))] for prompt in prompts]
        mask = [[1] * len(prompt) + [0] * (most - len(prompt)) for prompt in prompts]
    configured: Any = GenerationConfig
    config = configured(
        do_sample=False,
        max_new_tokens=min(longest or LONGEST, base.longest),
        pad_token_id=base.pad,
        eos_token_id=sorted(base.ends),
        decoder_start_token_id=base.start,
        bos_token_id=base.start,
    )
    generate: Any = base.model.generate
    with torch.inference_mode():
        made = generate(
            input_ids=torch.tensor(filled, device=device),
            attention_mask=torch.tensor(mask, device=device),
            generation_config=config,
        )
    begin = most if base.family == "causal" else 1
    return [ended(base, row[begin:]) for row in made.tolist()]


def ended(base: Base, ids: list[int]) -> list[int]:
    """Up to and with the first end."""
    for at, token in enumerate(ids):
        if token in base.ends:
            return ids[: at + 1]
    return ids


def _parts(rows: Sequence[Row], size: int) -> Iterator[Sequence[Row]]:
    for at in range(0, len(rows), size):
        yield rows[at : at + size]
