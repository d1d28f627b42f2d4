"""The steps that make a model of language into a desk, each asked the same question.

    pre-training     knows how language goes on            the question is continued
    demonstrations   has seen questions being answered     the question is answered, by nobody in particular
    product          LoRA on the desk's own pairs          the question is answered in the desk's manner

(Ouyang et al., 2022, "Training language models to follow instructions with human feedback", whose third step,
preferences, comes from customers' ratings.)
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strategies.lora import bases
from strategies.lora.bases import template
from strategies.lora.shelf.adapters import Adapter, Shelf
from strategies.lora.strategy import ADAPTERS

PRE_TRAINED = bases.FOLDER / "pre-trained"
LONGEST = 80  # tokens
TOLD = {
    "pre-training": "it has only learnt how language goes on, so it goes on",
    "demonstrations": "it has seen questions being answered; what it does not know it makes up",
    "product": "it was tuned on the desk's own pairs",
}


@dataclass(frozen=True)
class Stage:
    """What the model says at one stage; `note` says why so, or why it says nothing."""

    name: str
    text: str
    note: str


def stages(question: str, data: Path) -> list[Stage]:
    """The question at each stage; the adapter that is promoted in the data directory speaks last.

    Raises Misconfigured when the base cannot be loaded.
    """
    base = bases.load()
    promoted = Shelf(data / ADAPTERS).current()
    return [
        Stage("pre-training", said(bases.load(str(PRE_TRAINED)), question), TOLD["pre-training"]),
        Stage("demonstrations", said(base, question), TOLD["demonstrations"]),
        product(base, question, promoted),
    ]


def product(base: bases.Base, question: str, adapter: Adapter | None) -> Stage:
    """What the promoted adapter says, if there is one and it was trained on this base."""
    if adapter is None:
        return Stage("product", "", "no adapter is promoted yet: train one, then promote it")
    if adapter.base_hash != base.hash:
        return Stage("product", "", f"{adapter.called} speaks with another base, {adapter.base!r}")
    from peft import PeftModel

    model: Any = base.model
    tuned = PeftModel.from_pretrained(model, str(adapter.path)).eval()
    return Stage("product", said(base, question, tuned), f"{adapter.called}: {TOLD['product']}")


def said(base: bases.Base, question: str, tuned: Any = None) -> str:
    """The likeliest words, greedily. A model that is not tuned may not refuse, since it is here to be heard,
    nor say four tokens twice, which it would go on with.
    """
    import torch

    model: Any = tuned or base.model
    mute = [base.nothing] if base.nothing is not None else None
    free: dict[str, Any] = {} if tuned else {"no_repeat_ngram_size": 4, "suppress_tokens": mute}
    prompt = torch.tensor([template.prompt(base, question).ids], device=base.device)
    with torch.inference_mode():
        made = model.generate(
            input_ids=prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=LONGEST,
            do_sample=False,
            **free,
        )
    ids = made[0].tolist()
    ids = ids[len(prompt[0]) :] if base.family == "causal" else ids[1:]
    return "" if template.refuses(base, ids) else template.text(base, ids)
