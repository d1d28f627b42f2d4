"""Adapters as PEFT itself makes, saves and answers with them: what the engine is measured against."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from strategies.lora.bases import Base
from strategies.lora.bases.template import Prompt


@contextmanager
def peft_quiet() -> Iterator[None]:
    """PEFT warns where a model has both kinds of linear layers, and of a name that transformers renames."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        warnings.simplefilter("ignore", FutureWarning)
        yield


def peft_adapter(base: Base, folder: Path, seed: int = 0, **options: Any) -> Path:
    """A LoRA of random weights on every linear layer, large enough to change what is said."""
    from peft import LoraConfig, get_peft_model

    with peft_quiet():
        config = LoraConfig(**{"r": 4, "lora_alpha": 8, "target_modules": "all-linear", **options})
        model: Any = get_peft_model(copy.deepcopy(base.model), config)
        random = torch.Generator().manual_seed(seed)
        for name, parameter in model.named_parameters():
            if "magnitude" in name:
                parameter.data *= 0.5 + torch.rand(parameter.shape, generator=random)
            elif "lora_" in name:
                parameter.data = torch.randn(parameter.shape, generator=random) * 0.15
        model.save_pretrained(folder)
    return folder


def peft_model(base: Base, folder: Path | None) -> Any:
    """The base with an adapter, as PEFT loads it; the base itself without."""
    from peft import PeftModel

    if folder is None:
        return base.model
    with peft_quiet():
        return PeftModel.from_pretrained(copy.deepcopy(base.model), folder).eval()  # type: ignore[arg-type]


def logits_of(base: Base, model: Any, ids: Sequence[int], said: Sequence[int]) -> torch.Tensor:
    """The logits behind the prompt and behind each token that was said."""
    with torch.inference_mode():
        if base.family == "causal":
            logits = model(input_ids=torch.tensor([[*ids, *said]])).logits[0]
            return logits[len(ids) - 1 :]
        given = torch.tensor([list(ids)])
        return model(
            input_ids=given,
            attention_mask=torch.ones_like(given),
            decoder_input_ids=torch.tensor([[base.start, *said]]),
        ).logits[0]


def generated(base: Base, model: Any, prompt: Prompt, most: int) -> list[int]:
    """The tokens of plain greedy `generate`, without the end."""
    given = torch.tensor([list(prompt.ids)])
    with torch.inference_mode(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = model.generate(
            input_ids=given,
            attention_mask=torch.ones_like(given),
            max_new_tokens=most,
            do_sample=False,
            pad_token_id=base.pad,
            eos_token_id=list(base.ends),
            decoder_start_token_id=base.start,
        )[0].tolist()
    said = made[len(prompt.ids) :] if base.family == "causal" else made[1:]
    return [token for token in said if token not in base.ends]
