"""LoRA per row: each row of a batch hears its own adapter, over one set of weights.

`adapted(model)` returns a tree of modules of its own over the same weights, in which every linear layer asks
`Voices` who speaks. The model that was handed in stays as it was, so several engines, a training and plain
`generate` may use it beside this.

On a CPU the weights are kept a second time in oneDNN's own layout when they are few: see
docs/decisions/engine.md for what that brings.
"""

from __future__ import annotations

import copy
import json
import math
import re
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from strategies.errors import Misconfigured

PACKED_UP_TO = 512 * 2**20  # bytes of linear weights that may be held twice
KEY = re.compile(r"base_model\.model\.(?P<layer>.+)\.lora_(?P<part>A|B|magnitude_vector)(?:\.weight)?$")

# Fields of PEFT's configuration that change what a layer computes in a way that is not rebuilt here.
OTHERWISE = (
    "modules_to_save",
    "lora_bias",
    "layer_replication",
    "trainable_token_indices",
    "alora_invocation_tokens",
    "target_parameters",
    "use_qalora",
    "use_bdlora",
    "arrow_config",
    "kasa_config",
    "monteclora_config",
)


class Delta(NamedTuple):
    """What an adapter adds to one layer. In a batch each tensor has a dimension for the row in front."""

    down: Tensor  # (in, rank)
    up: Tensor  # (rank, out), scaled
    stretch: Tensor | None = None  # (out,): DoRA's change of each output's length, minus one


@dataclass(frozen=True, eq=False)
class Adapter:
    """A LoRA in memory. It is compared by identity: two of the same weights are still two."""

    name: str
    deltas: Mapping[str, Delta]  # by the path of the layer


class Voices:
    """Whose LoRA is added to which row in the forward that runs now. One thread uses it."""

    def __init__(self) -> None:
        self.now: Mapping[str, Delta] = {}
        self._mixed: dict[str, Delta] = {}  # room for as many rows as were ever mixed
        self._held: list[weakref.ref[Adapter] | None] = []  # whose weights lie in a row of that room

    def one(self, adapter: Adapter | None) -> None:
        """All rows hear the same adapter, or none."""
        self.now = adapter.deltas if adapter else {}

    def each(self, adapters: Sequence[Adapter | None]) -> None:
        """Row by row. Weights are copied only for a row that heard another one before."""
        if all(adapter is adapters[0] for adapter in adapters):
            return self.one(adapters[0])
        self._make_room(adapters)
        for row, adapter in enumerate(adapters):
            self._seat(row, adapter)
        rows = len(adapters)
        self.now = {
            layer: Delta(down[:rows], up[:rows], None if stretch is None else stretch[:rows])
            for layer, (down, up, stretch) in self._mixed.items()
        }
        return None

    def forget(self) -> None:
        """Give back the room for mixed rows."""
        self._mixed, self._held, self.now = {}, [], {}

    def _make_room(self, adapters: Sequence[Adapter | None]) -> None:
        for adapter in {adapter for adapter in adapters if adapter}:
            for layer, delta in adapter.deltas.items():
                mixed = self._mixed.get(layer)
                if (
                    mixed is None
                    or len(mixed.down) < len(adapters)
                    or mixed.down.shape[-1] < delta.down.shape[-1]
                    or (mixed.stretch is None and delta.stretch is not None)
                ):
                    self._mixed[layer] = room_for(mixed, delta, len(adapters))
                    self._held = []
        self._held += [None] * (len(adapters) - len(self._held))

    def _seat(self, row: int, adapter: Adapter | None) -> None:
        held = self._held[row]
        if adapter and held and held() is adapter:
            return
        for layer, mixed in self._mixed.items():
            mixed.up[row].zero_()
            if mixed.stretch is not None:
                mixed.stretch[row].zero_()
            delta = adapter.deltas.get(layer) if adapter else None
            if delta is not None:
                rank = delta.down.shape[1]
                mixed.down[row, :, :rank] = delta.down
                mixed.up[row, :rank] = delta.up
                if mixed.stretch is not None and delta.stretch is not None:
                    mixed.stretch[row, 0] = delta.stretch
        self._held[row] = weakref.ref(adapter) if adapter else None


def room_for(mixed: Delta | None, delta: Delta, rows: int) -> Delta:
    """Zeros for so many rows of a delta, and no less than there was room for."""
    rank, stretched = delta.down.shape[1], delta.stretch is not None
    if mixed is not None:
        rank = max(rank, mixed.down.shape[-1])
        rows = max(rows, len(mixed.down))
        stretched = stretched or mixed.stretch is not None
    wide, out = delta.down.shape[0], delta.up.shape[1]
    return Delta(
        delta.down.new_zeros(rows, wide, rank),
        delta.up.new_zeros(rows, rank, out),
        delta.up.new_zeros(rows, 1, out) if stretched else None,
    )


class Adapted(nn.Module):
    """A linear layer of the base that adds what the row's adapter adds."""

    def __init__(self, layer: nn.Module, name: str, voices: Voices, *, packed: bool) -> None:
        super().__init__()
        self.layer = layer
        self.name = name
        self._voices = voices
        self._packed = pack(layer) if packed else None

    @property
    def weight(self) -> Tensor:
        """Some models ask a layer for the type of its weights."""
        return self.layer.weight  # type: ignore[return-value]

    @property
    def bias(self) -> Tensor | None:
        return self.layer.bias  # type: ignore[return-value]

    def forward(self, heard: Tensor) -> Tensor:
        if self._packed is None:
            said: Tensor = self.layer(heard)
        else:
            said = torch.ops.mkldnn._linear_pointwise(heard, self._packed, self.bias, "none", [], "")
        delta = self._voices.now.get(self.name)
        return said if delta is None else added(said, heard, delta, self.bias)


def added(said: Tensor, heard: Tensor, delta: Delta, bias: Tensor | None) -> Tensor:
    """What the base said, in the adapter's words. Rows come as (rows, tokens, width), or as (rows, width)."""
    down, up, stretch = delta
    lead = (-1,) if down.dim() == 2 else (len(down), -1)
    given = heard.reshape(*lead, heard.shape[-1])
    made = said.view(*lead, said.shape[-1])
    if stretch is not None:
        made = made + stretch * (made if bias is None else made - bias)
    if down.dim() == 2:
        return made.addmm_(given @ down, up).view(said.shape)
    return made.baddbmm_(torch.bmm(given, down), up).view(said.shape)


def adapted(model: nn.Module) -> tuple[Any, Voices]:
    """The model over the same weights, its linear layers listening to the `Voices` that are returned."""
    voices = Voices()
    # A parameter that `memo` already knows is not copied: the tree is new, the weights are shared.
    shared = [*model.parameters(), *model.buffers()]
    tree = copy.deepcopy(model, {id(tensor): tensor for tensor in shared}).eval()
    layers = {name: layer for name, layer in tree.named_modules() if is_linear(layer)}
    packed = may_pack(list(layers.values()))
    for name, layer in layers.items():
        parent, _, own = name.rpartition(".")
        setattr(tree.get_submodule(parent), own, Adapted(layer, name, voices, packed=packed and packs(layer)))
    return tree, voices


def is_linear(layer: nn.Module) -> bool:
    from transformers.pytorch_utils import Conv1D

    return isinstance(layer, nn.Linear | Conv1D)


def may_pack(layers: Sequence[nn.Module]) -> bool:
    held = sum(weight.nbytes for layer in layers for weight in layer.parameters())
    return hasattr(torch.ops.mkldnn, "_linear_pointwise") and held <= PACKED_UP_TO


def packs(layer: nn.Module) -> bool:
    """Only plain linear layers in full precision on a CPU: a quantized one has a forward of its own."""
    from transformers.pytorch_utils import Conv1D

    weight = layer.weight
    return (
        type(layer) in {nn.Linear, Conv1D}
        and isinstance(weight, Tensor)
        and weight.dtype == torch.float32
        and weight.device.type == "cpu"
    )


def pack(layer: nn.Module) -> Tensor:
    """The weights in the layout that oneDNN multiplies fastest by a few rows."""
    packed: Tensor = torch.ops.mkldnn._reorder_linear_weight(in_out(layer).t().contiguous(), 8)
    return packed


def in_out(layer: nn.Module) -> Tensor:
    """A layer's weight as (in, out): a Conv1D of GPT-2 keeps it so, a Linear the other way round."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    return weight.detach().t() if isinstance(layer, nn.Linear) else weight.detach()


def read(name: str, folder: Path, tree: nn.Module) -> Adapter:
    """An adapter from the folder that PEFT saved. Raises Misconfigured when it is not one for this model, or
    does what is not rebuilt here.
    """
    who = f"the adapter {name!r}"
    config = config_of(folder, who)
    parts: dict[str, dict[str, Tensor]] = {}
    for key, tensor in tensors_of(folder, who).items():
        if (found := KEY.match(key)) is None:
            raise Misconfigured(f"{who} holds {key!r}, which is not LoRA on a linear layer; train it without")
        parts.setdefault(found["layer"], {})[found["part"]] = tensor
    if not parts:
        raise Misconfigured(f"{who} is empty")
    return Adapter(
        name,
        {path: delta_of(path, part, config, layer_at(tree, path, who), who) for path, part in parts.items()},
    )


def config_of(folder: Path, who: str) -> dict[str, Any]:
    try:
        config: dict[str, Any] = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(
            f"{who} has no readable adapter_config.json in {str(folder)!r}: {error}"
        ) from error
    if config.get("peft_type") != "LORA":
        raise Misconfigured(f"{who} is not a LoRA adapter but {config.get('peft_type')!r}")
    unknown = [field for field in OTHERWISE if config.get(field)]
    if config.get("bias", "none") != "none":
        unknown.append("bias")
    if unknown:
        raise Misconfigured(f"{who} uses {', '.join(unknown)}, which cannot be served; train it without")
    return config


def tensors_of(folder: Path, who: str) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(folder / "adapter_model.safetensors")
    except (OSError, SafetensorError) as error:
        raise Misconfigured(f"{who} has no readable adapter_model.safetensors: {error}") from error


def layer_at(tree: nn.Module, path: str, who: str) -> Adapted:
    try:
        layer = tree.get_submodule(path)
    except AttributeError:
        layer = None
    if not isinstance(layer, Adapted):
        raise Misconfigured(f"{who} was trained on another model: this one has no linear layer {path!r}")
    return layer


def delta_of(
    path: str, part: Mapping[str, Tensor], config: Mapping[str, Any], layer: Adapted, who: str
) -> Delta:
    """What the adapter adds to a layer, in the type and on the device of the layer."""
    weight = in_out(layer.layer)
    wide, out = weight.shape if weight.is_floating_point() else (part["A"].shape[1], part["B"].shape[0])
    if part.keys() - {"magnitude_vector"} != {"A", "B"}:
        raise Misconfigured(f"{who} has only half of what it adds to {path!r}")
    down, up = part["A"].float().t(), part["B"].float().t()
    if down.shape[0] != wide or up.shape != (down.shape[1], out):
        raise Misconfigured(
            f"{who} was trained on another model: it adds {down.shape[0]} → {up.shape[1]} to "
            f"{path!r}, which turns {wide} into {out}"
        )
    if not all(tensor.isfinite().all() for tensor in part.values()):
        raise Misconfigured(f"{who} holds numbers that are none (NaN or infinite) at {path!r}")
    up = up * scaling(path, down.shape[1], config)
    stretch = None
    if (magnitude := part.get("magnitude_vector")) is not None:
        if not weight.is_floating_point():
            raise Misconfigured(f"{who} is a DoRA, which is not served over a quantized base; use plain LoRA")
        length = torch.linalg.vector_norm(weight.float().cpu() + down @ up, dim=0)
        stretch = magnitude.float() / length
        up = up * stretch
        stretch = stretch - 1
    kind = layer.weight.dtype if weight.is_floating_point() else torch.float32

    def placed(tensor: Tensor) -> Tensor:
        return tensor.to(layer.weight.device, kind).contiguous()

    return Delta(placed(down), placed(up), None if stretch is None else placed(stretch))


def scaling(path: str, rank: int, config: Mapping[str, Any]) -> float:
    """How strongly it speaks: alpha ÷ rank, with rsLoRA alpha ÷ √rank (Kalajdzievski, 2023)."""
    patterns: Mapping[str, float] = config.get("alpha_pattern") or {}
    named = (alpha for pattern, alpha in patterns.items() if re.match(rf"(.*\.)?({pattern})$", path))
    alpha = next(named, config.get("lora_alpha", rank))
    return float(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)
