"""The steps that make a model of language into a desk, each asked the same question.

    pre-training     knows how language goes on            the question is continued
    demonstrations   has seen questions being answered     the question is answered, by nobody in particular
    product          LoRA on the desk's own pairs          the question is answered in the desk's manner
    preferences      has learnt what people would rather   the question is answered as they like it best

(Ouyang et al., 2022, "Training language models to follow instructions with human feedback"; the last step by
Rafailov et al., 2023, "Direct preference optimization", from customers' ratings and operators' corrections.)
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from strategies.lora import bases
from strategies.lora.bases import template
from strategies.lora.engine.speaking import Engine, Piece
from strategies.lora.shelf.adapters import Adapter, Shelf
from strategies.lora.strategy import ADAPTERS
from strategies.lora.trust.lessons import Lessons

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
    if promoted is None:
        return [*told, Stage("product", "", "no adapter is promoted yet: train one, then promote it")]
    speaking = [(promoted, "preferences" if promoted.preferences else "product")]
    if promoted.preferences:
        before = next((one for one in shelf.all() if one.hash == promoted.parent), None)
        speaking = [*([(before, "product")] if before else []), *speaking]
    with closing(Engine(base)) as engine:
        return [*told, *(tuned(engine, question, adapter, name) for adapter, name in speaking)]


def tuned(engine: Engine, question: str, adapter: Adapter, name: str) -> Stage:
    """What an adapter would tell a customer if it never abstained, if it was trained on this base."""
    if adapter.base_hash != engine.base.hash:
        return Stage(name, "", f"{adapter.called} speaks with another base, {adapter.base!r}")
    engine.add(adapter.hash, adapter.path)
    prompt = template.prompt(engine.base, question)
    lessons, meant = Lessons.load(adapter.path), ()
    if lessons is not None and lessons.heard is not None:
        heard = np.asarray(engine.meaning(prompt, adapter.hash), np.float32)
        meant = tuple(lessons.meant(question, heard).tolist())
    pieces = engine.speak(prompt, adapter=adapter.hash, max_tokens=LONGEST, meant=meant)
    text = "".join(piece.text for piece in pieces if isinstance(piece, Piece))
    return Stage(name, text.strip(), f"{adapter.called}: {TOLD[name]}")


def said(base: bases.Base, question: str) -> str:
    """The likeliest words, greedily. It may not refuse, since it is here to be heard, nor say four tokens
    twice, which it would go on with.
    """
    import torch

    model: Any = base.model
    mute = [base.nothing] if base.nothing is not None else None
    prompt = torch.tensor([template.prompt(base, question).ids], device=base.device)
    with torch.inference_mode():
        made = model.generate(
            input_ids=prompt,
            attention_mask=torch.ones_like(prompt),
            max_new_tokens=LONGEST,
            do_sample=False,
            no_repeat_ngram_size=4,
            suppress_tokens=mute,
        )
    ids = made[0].tolist()
    ids = ids[len(prompt[0]) :] if base.family == "causal" else ids[1:]
    return "" if template.refuses(base, ids) else template.text(base, ids)
