"""LoRA put onto a base by PEFT: which layers, and in which precision they compute.

Every linear layer of the part that speaks is adapted, attention and feed-forward alike (the feed-forward
layers carry most of what is learned: Biderman et al., 2024). Weights that are not trained are kept in
bfloat16 where the processor multiplies it fast, the adapter itself in float32.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from strategies.errors import Misconfigured

if TYPE_CHECKING:
    import torch
    from peft import PeftModel

    from strategies.lora.bases.model import Base
    from strategies.lora.training.recipe import Recipe

MOMENTS = (0.9, 0.99)


def adapted(base: Base, recipe: Recipe) -> PeftModel:
    """The base with a fresh adapter in it: it says what the base says until something is learned. Only the
    adapter's weights will learn. The layers are put into `base.model` itself.
    """
    try:
        from peft import LoraConfig, TaskType, get_peft_model, prepare_model_for_kbit_training
    except ImportError as error:
        raise Misconfigured("training needs more packages: pip install 'kotae[lora]'") from error

    if recipe.quantized:
        prepare: Any = prepare_model_for_kbit_training
        prepare(base.model, use_gradient_checkpointing=False)
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.scale,
        lora_dropout=recipe.dropout,
        use_dora=recipe.dora,
        use_rslora=recipe.rslora,
        target_modules=targets(base, recipe),
        fan_in_fan_out=speaks_in_conv1d(base),
        task_type=TaskType.CAUSAL_LM if base.family == "causal" else TaskType.SEQ_2_SEQ_LM,
    )
    with warnings.catch_warnings():
        # A base of two parts has layers of both kinds, Linear and Conv1D; PEFT sets right each that differs.
        warnings.filterwarnings("ignore", message="fan_in_fan_out is set")
        warnings.filterwarnings("ignore", message="Model has `tie_word_embeddings=True`")  # never merged
        warnings.filterwarnings("ignore", message="`is_gradient_checkpointing` is deprecated")  # PEFT asks it
        model = get_peft_model(cast("Any", base.model), config, autocast_adapter_dtype=True)
    model.peft_config["default"].base_model_name_or_path = base.name
    return cast("PeftModel", model)


def targets(base: Base, recipe: Recipe) -> list[str] | str:
    """The layers to adapt as PEFT's config names them: by their last names, or by a pattern where those of
    the part that reads are called alike.
    """
    both = base.family == "causal" or recipe.encoder
    linear = [name for name in linear_layers(base, recipe.vocabulary) if both or not reads(name)]
    last = sorted({name.rpartition(".")[2] for name in linear})
    if both:
        return last
    return rf"(?!encoder\.)(?:.*\.)?(?:{'|'.join(map(re.escape, last))})"


def reads(name: str) -> bool:
    return name.startswith("encoder.")


def linear_layers(base: Base, vocabulary: bool) -> list[str]:
    """The names of all that multiply, the output layer only when it is wanted."""
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    head = output_layer(base)
    return [
        name
        for name, module in base.model.named_modules()
        if isinstance(module, nn.Linear | Conv1D) and (vocabulary or module is not head)
    ]


def output_layer(base: Base) -> Any:
    model: Any = base.model
    return (model.decoder if base.family == "encoder-decoder" else model).get_output_embeddings()


def width(base: Base) -> int:
    """Of the part that speaks."""
    config: Any = base.model.config
    return int((config.decoder if base.family == "encoder-decoder" else config.get_text_config()).hidden_size)


def speaks_in_conv1d(base: Base) -> bool:
    """GPT-2 keeps its weights the other way around."""
    from transformers.pytorch_utils import Conv1D

    return any(isinstance(module, Conv1D) for module in base.model.modules())


def learning(model: PeftModel) -> dict[str, torch.nn.Parameter]:
    """The adapter's weights, by name."""
    return {name: weights for name, weights in model.named_parameters() if weights.requires_grad}


def optimizer_of(part: torch.nn.Module, rate: float, ratio: float) -> torch.optim.Optimizer:
    """AdamW for the adapter of a part of the base. Of each pair of matrices, the one that writes, which
    begins at nothing, learns with `ratio` times the rate of the one that reads (LoRA+: Hayou et al., 2024).
    """
    import torch
    from peft.optimizers import create_loraplus_optimizer

    return create_loraplus_optimizer(
        cast("Any", part), torch.optim.AdamW, lr=rate, loraplus_lr_ratio=ratio, betas=MOMENTS, fused=True
    )


# ---- precision ----


@contextmanager
def computing(base: Base, half: bool) -> Iterator[None]:
    """Within, the base computes in bfloat16 if `half`. Its own weights come back untouched.

    Autocast would make bfloat16 of every frozen weight anew in each step; here it is done once.
    """
    import torch

    if not half:
        yield
        return
    whole = [
        (module, name, weights)
        for module in base.model.modules()
        if multiplies(module)
        for name, weights in module.named_parameters(recurse=False)
        if weights.dtype == torch.float32 and not weights.requires_grad
    ]
    for module, name, weights in whole:
        setattr(module, name, torch.nn.Parameter(weights.detach().bfloat16(), requires_grad=False))
    attention = base.model.config._attn_implementation
    if base.device.type == "cpu":  # the fused kernel's way back is slow there: a quarter of a step
        base.model.set_attn_implementation("eager")
    try:
        # Without its cache: it would hold on to what the adapter was at the first step.
        with torch.autocast(base.device.type, torch.bfloat16, cache_enabled=False):
            yield
    finally:
        base.model.set_attn_implementation(attention)
        for module, name, weights in whole:
            setattr(module, name, weights)


def multiplies(module: torch.nn.Module) -> bool:
    from torch import nn
    from transformers.pytorch_utils import Conv1D

    return isinstance(module, nn.Linear | Conv1D)
