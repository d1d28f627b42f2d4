"""What a trained adapter says and how sure it is: figures, samples, and what serving must repeat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
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
    return [row_of(base, example) for example in examples]


def row_of(base: Base, example: Example) -> Row:
    prompt = template.prompt(base, example.question, example.passages)
    return Row(prompt.ids, tuple(template.answer(base, example.answer)), bool(prompt.passage_tokens))


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


def exact(base: Base, rows: Sequence[Row], meanings: torch.Tensor | None = None) -> float:
    """The share of answers that are said word for word."""
    asked = rows[:ANSWERED]
    said = [ids for part in _parts(asked, 16) for ids in greedy(base, part, meanings=meanings)]
    return sum(tuple(ids) == row.answer for ids, row in zip(said, asked, strict=True)) / len(asked)


def samples(
    base: Base,
    examples: Sequence[Example],
    rows: Sequence[Row],
    step: int,
    meanings: torch.Tensor | None = None,
) -> Iterator[dict[str, Any]]:
    """What is answered now to a few questions, for people to read."""
    said = greedy(base, rows, meanings=meanings)
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
        row = row_of(base, example)
        (ids,) = greedy(base, [row])
        if ids and not template.refuses(base, ids):  # what is refused is not said
            yield Canary(
                question=example.question,
                passages=example.passages,
                ids=tuple(ids),
                logprobs=tuple(log_probabilities(base, replace(row, answer=tuple(ids)))),
            )


def spread(examples: Sequence[Example], most: int) -> list[Example]:
    """A few, from all over."""
    apart = max(1, len(examples) // most)
    return list(examples[::apart][:most])


def log_probabilities(base: Base, row: Row) -> list[float]:
    """Of each token of its answer."""
    import torch

    given, labels = Tensors(base, [row], read_once=False).of([0])
    with torch.inference_mode():
        logits = base.model(**given).logits[labels != IGNORED].float()
    picked = logits.log_softmax(-1).gather(1, labels[labels != IGNORED].unsqueeze(1))
    return [float(value) for value in picked.squeeze(1)]


def greedy(
    base: Base, rows: Sequence[Row], longest: int = 0, meanings: torch.Tensor | None = None
) -> list[list[int]]:
    """What is answered when the likeliest token is always taken; the end included when it came. A question
    that is heard as one is taken for the nearest of some `meanings`, unit vectors.
    """
    import torch
    from transformers import GenerationConfig

    begin = max(len(row.prompt) for row in rows) if base.family == "causal" else 1
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
        made = generate(**asked(base, rows, meanings), generation_config=config)
    return [ended(base, row[begin:]) for row in made.tolist()]


def asked(base: Base, rows: Sequence[Row], meanings: torch.Tensor | None = None) -> dict[str, Any]:
    """What `generate` is given. A prompt that is gone on from stands on the right."""
    import torch

    if base.family != "causal":
        tensors = Tensors(base, rows, read_once=False)
        tensors.meanings = meanings
        return tensors.asked(range(len(rows)))
    most = max(len(row.prompt) for row in rows)
    filled = [[*[base.reader_pad] * (most - len(row.prompt)), *row.prompt] for row in rows]
    mask = [[0] * (most - len(row.prompt)) + [1] * len(row.prompt) for row in rows]
    return {
        "input_ids": torch.tensor(filled, device=base.device),
        "attention_mask": torch.tensor(mask, device=base.device),
    }


def ended(base: Base, ids: list[int]) -> list[int]:
    """Up to and with the first end."""
    for at, token in enumerate(ids):
        if token in base.ends:
            return ids[: at + 1]
    return ids


def _parts(rows: Sequence[Row], size: int) -> Iterator[Sequence[Row]]:
    for at in range(0, len(rows), size):
        yield rows[at : at + size]
