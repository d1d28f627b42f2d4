"""Adapters for tests: on paper where only files matter, and of a tiny base where they must speak."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from strategies.lora.card import CONFIG, WEIGHTS, Card, write_card

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
