"""Adapters for tests: on paper where only files matter, and of a tiny base where they must speak."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from strategies.lora.shelf.card import CONFIG, WEIGHTS, Card, tokenizer_hash, write_card, write_proof

MODULE = "base_model.model.decoder.transformer.h.0.attn.c_attn"
PEFT = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["c_attn"], "bias": "none"}


def card(name: str = "spring", **given: Any) -> Card:
    told = {
        "base": "shipped",
        "base_hash": "b" * 64,
        "template": "t" * 16,
        "tokenizer": "k" * 16,
        "pairs": "p" * 16,
        "made_at": datetime(2026, 3, 1, tzinfo=UTC),
        "figures": {"held_out": 0.25},
        **given,
    }
    return Card(name=name, **told)


def on_paper(folder: Path, name: str = "spring", *, seed: int = 0, **told: Any) -> Path:
    """A folder with everything that the shelf asks for; nothing could speak with it."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(seed)
    tensors = {
        f"{MODULE}.lora_A.weight": random.standard_normal((2, 32)).astype(np.float32),
        f"{MODULE}.lora_B.weight": random.standard_normal((96, 2)).astype(np.float32),
    }
    save_file(tensors, folder / WEIGHTS)
    (folder / CONFIG).write_text(json.dumps(PEFT))
    write_card(folder, card(name, **told))
    return folder


def speaking(
    folder: Path,
    base: Path,
    name: str = "spring",
    *,
    seed: int = 0,
    asked: Sequence[str] = ("How long does the battery of the lamp last?",),
    loud: float = 0.3,
    **told: Any,
) -> Path:
    """An adapter of a tiny base that says something of its own. Nothing was learned: its weights are drawn.
    `loud` 0 is an adapter that changes nothing.
    """
    import torch

    from strategies.lora import bases
    from strategies.lora.bases import template
    from strategies.lora.training.adapting import adapted, learning
    from strategies.lora.training.proving import canaries
    from strategies.lora.training.recipe import Recipe
    from strategies.lora.training.work import Example

    loaded = bases.load(str(base))
    model = adapted(loaded, Recipe(rank=4, encoder=False))
    drawn = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weights in learning(model).values():
            weights.copy_(torch.randn(weights.shape, generator=drawn) * loud)
    model.save_pretrained(str(folder), save_embedding_layers=False)
    (folder / "README.md").unlink(missing_ok=True)
    hashes = {
        "base": str(base),
        "base_hash": loaded.hash,
        "template": template.fingerprint(loaded),
        "tokenizer": tokenizer_hash(loaded),
    }
    write_card(folder, card(name, **{**hashes, **told}))
    write_proof(folder, list(canaries(loaded, [Example(question, "") for question in asked])))
    return folder
