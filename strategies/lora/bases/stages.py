"""The steps that make a model of language into a desk, each asked the same question.

    pre-training     knows how language goes on            the question is continued
    demonstrations   has seen questions being answered     the question is answered, by nobody in particular
    product          LoRA on the desk's own pairs          the question is answered in the desk's manner
    preferences      has learnt what people would rather   the question is answered as they like it best

(Ouyang et al., 2022, "Training language models to follow instructions with human feedback"; the last step by
Rafailov et al., 2023, "Direct preference optimization", from customers' ratings and operators' corrections.)
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
    "preferences": "it has learnt which answers people would rather have",
}


@dataclass(frozen=True)
class Stage:
    """What the model says at one stage; `note` says why so, or why it says nothing."""

    name: str
    text: str
    note: str


def stages(question: str, data: Path) -> list[Stage]:
    """The question at each stage; the adapter that is promoted in the data directory speaks last. Before one
    that has learnt preferences comes the one that it went on from.

    Raises Misconfigured when the base cannot be loaded.
    """
    base = bases.load()
    shelf = Shelf(data / ADAPTERS)
    promoted = shelf.current()
    told = [
        Stage("pre-training", said(bases.load(str(PRE_TRAINED)), question), TOLD["pre-training"]),
        Stage("demonstrations", said(base, question), TOLD["demonstrations"]),
    ]
    if promoted is None or not promoted.preferences:
        return [*told, tuned(base, question, promoted)]
    before = next((one for one in shelf.all() if one.hash == promoted.parent), None)
    preferring = tuned(base, question, promoted, "preferences")
    return [*told, *([tuned(base, question, before)] if before else []), preferring]


def tuned(base: bases.Base, question: str, adapter: Adapter | None, name: str = "product") -> Stage:
    """What an adapter says, if there is one and it was trained on this base."""
    if adapter is None:
        return Stage(name, "", "no adapter is promoted yet: train one, then promote it")
    if adapter.base_hash != base.hash:
        return Stage(name, "", f"{adapter.called} speaks with another base, {adapter.base!r}")
    from peft import PeftModel

    model: Any = base.model
    speaking: Any = PeftModel.from_pretrained(model, str(adapter.path)).eval()
    text = said(base, question, speaking)
    speaking.unload()
    return Stage(name, text, f"{adapter.called}: {TOLD[name]}")


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
