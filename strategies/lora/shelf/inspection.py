"""What may stand on the shelf: an adapter's folder is looked through before it is believed.

Its weights are safetensors, all of them finite and of the shapes that the base's modules take; PEFT's
description is of a LoRA that can be served beside others; and it has the card that Kotae's training writes.
The first thing that is wrong is said in a sentence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from strategies.errors import Misconfigured
from strategies.llm.local import whereabouts
from strategies.lora import bases
from strategies.lora.shelf.card import CONFIG, CURRENT, WEIGHTS, BadCard, Card, read_card
from strategies.lora.shelf.parcel import Refused, allowed

TENSOR = re.compile(
    r"base_model\.model\.(?P<module>.+)\."
    r"(?P<part>lora_A\.weight|lora_B\.weight|lora_embedding_A|lora_embedding_B|lora_magnitude_vector)"
)
# Options of PEFT that change more of the base than its adapter says, or that nobody serves row by row.
UNSERVED = (
    "modules_to_save",
    "layer_replication",
    "megatron_config",
    "target_parameters",
    "trainable_token_indices",
    "alora_invocation_tokens",
    "lora_bias",
)

Shapes = Mapping[str, tuple[int, ...]]  # of tensors, by name


def looked_through(folder: Path) -> Card:
    """The card of a folder that may stand on the shelf. Raises Refused."""
    for path in folder.iterdir():
        allowed(path.name)
    hosted = not (folder / WEIGHTS).is_file()
    try:
        card = read_card(folder)
    except BadCard as error:
        if hosted:
            raise Refused(f"it has no {WEIGHTS}") from error
        raise Refused(f"{error}; only adapters that were trained by Kotae know their template") from error
    if hosted != bool(card.model):
        raise Refused(f"it has no {WEIGHTS}" if hosted else "it has weights, and says that it has none")
    if card.name.lower() == CURRENT:
        raise Refused(f"no adapter may be called {CURRENT!r}: that names whichever is promoted")
    if hosted:
        return card
    check_config(folder)
    shapes = tensor_shapes(folder / WEIGHTS)
    check_pairs(shapes)
    return card


def check_config(folder: Path) -> None:
    """PEFT's description is of a LoRA, and of one that can be served beside others."""
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        kind, rank = config["peft_type"], config["r"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(f"its {CONFIG} is missing or is not PEFT's") from error
    if kind != "LORA" or not isinstance(rank, int) or rank < 1:
        raise Refused(f"its {CONFIG} describes {kind!r} of rank {rank!r}, and only LoRA can be served")
    for option in UNSERVED:
        if config.get(option):
            raise Refused(f"it was trained with {option}, which changes more than an adapter carries")
    if config.get("bias", "none") != "none":
        raise Refused(f"it was trained with bias={config['bias']!r}, which changes the base's own weights")


def tensor_shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """The tensors by name, each of them finite. Raises Refused."""
    from safetensors import SafetensorError, safe_open

    try:
        import torch
    except ImportError as error:
        raise Misconfigured("the product model needs more packages: pip install 'kotae[lora]'") from error
    shapes: dict[str, tuple[int, ...]] = {}
    try:
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():  # noqa: SIM118 - it is no dictionary
                tensor = tensors.get_tensor(name)
                if not tensor.is_floating_point() or not bool(torch.isfinite(tensor).all()):
                    raise Refused(f"its tensor {name!r} holds values that are no finite numbers")
                shapes[name] = tuple(tensor.shape)
    except (SafetensorError, OSError) as error:
        raise Refused(f"its {file.name} is no safetensors file ({error})") from error
    return shapes


def check_pairs(shapes: Shapes) -> None:
    """Every tensor belongs to a LoRA, and each A has its B of the same rank."""
    if not shapes:
        raise Refused("it holds no tensors")
    for name, shape in shapes.items():
        found = TENSOR.fullmatch(name)
        if found is None:
            raise Refused(f"its tensor {name!r} belongs to no LoRA")
        if found["part"] == "lora_magnitude_vector":
            continue
        ours, other = ("A", "B") if "_A" in found["part"] else ("B", "A")
        twin = name.replace(f"lora_{ours}", f"lora_{other}").replace(
            f"lora_embedding_{ours}", f"lora_embedding_{other}"
        )
        if twin not in shapes or len(shape) != 2 or len(shapes[twin]) != 2:
            raise Refused(f"its tensor {name!r} has no counterpart of two dimensions")
        if ours == "A" and shape[0] != shapes[twin][1]:
            raise Refused(f"its tensors {name!r} and {twin!r} are of different rank")


# ---- the base it is for ----


def check_base(folder: Path, card: Card, base: str) -> None:
    """The adapter was trained on this base: its hash, its modules, their shapes. Raises Refused."""
    if card.model:
        raise Refused(f"it has no weights: it speaks at the server that tuned it, as {card.model!r}")
    if card.base_hash != (here := bases.identity(base)):
        raise Refused(
            f"it was trained on the base {card.base!r} ({card.base_hash[:12]}), "
            f"and {base!r} is another one here ({here[:12]})"
        )
    modules = modules_of(base)
    for name, shape in tensor_shapes(folder / WEIGHTS).items():
        found = TENSOR.fullmatch(name)
        assert found is not None
        if found["module"] not in modules:
            raise Refused(f"it changes {found['module']!r}, and the base {base!r} has no such module")
        given, made = modules[found["module"]]
        if not _fits(found["part"], shape, given, made):
            raise Refused(
                f"its tensor {name!r} is of shape {shape}, which does not fit the base {base!r} "
                f"({given} → {made})"
            )


def _fits(part: str, shape: tuple[int, ...], given: int, made: int) -> bool:
    match part:
        case "lora_A.weight" | "lora_embedding_A":
            return shape[1] == given
        case "lora_B.weight" | "lora_embedding_B":
            return shape[0] == made
        case _:
            return shape in {(made,), (1, made)}


def modules_of(base: str) -> dict[str, tuple[int, int]]:
    """What goes in and comes out of each module that an adapter can change; no weights are loaded."""
    import torch
    from transformers.pytorch_utils import Conv1D

    with torch.device("meta"):
        model = _outline(bases.found(base))
    sizes: dict[str, tuple[int, int]] = {}
    for path, module in model.named_modules():
        match module:
            case torch.nn.Linear():
                sizes[path] = module.in_features, module.out_features
            case Conv1D():
                sizes[path] = module.weight.shape[0], module.weight.shape[1]
            case torch.nn.Embedding():
                sizes[path] = module.num_embeddings, module.embedding_dim
    return sizes


def _outline(folder: Path) -> Any:
    """The base's modules without weights."""
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        AutoModelForSeq2SeqLM,
        BertModel,
        EncoderDecoderModel,
        GPT2LMHeadModel,
    )

    if (folder / bases.READER).exists():
        encoder = BertModel(AutoConfig.from_pretrained(bases.reader_of(folder)), add_pooling_layer=False)
        return EncoderDecoderModel(
            encoder=encoder, decoder=GPT2LMHeadModel(AutoConfig.from_pretrained(folder))
        )
    where, file = whereabouts(str(folder))
    config = AutoConfig.from_pretrained(where, **file)
    kind: Any = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    return kind.from_config(config)
