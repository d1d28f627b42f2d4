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
from strategies.lora.shelf.card import BadCard, read_card

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
    pooled: bool = False  # it hears a question alone as one


class Voices:
    """Whose LoRA is added to which row in the forward that runs now. One thread uses it."""

    def __init__(self) -> None:
        self._same: Mapping[str, Delta] | None = {}  # what all rows hear; None when they differ
        self._rows: list[Adapter | None] = []  # who spoke in each when they last differed
        self._mixed: dict[str, Delta | None] = {}  # their deltas, of the layers that were asked so far
        self._seats: dict[str, Seats] = {}

    def one(self, adapter: Adapter | None) -> None:
        """All rows hear the same adapter, or none."""
        self._same = adapter.deltas if adapter else {}

    def each(self, adapters: Sequence[Adapter | None]) -> None:
        """Row by row."""
        if all(adapter is adapters[0] for adapter in adapters):
            self.one(adapters[0])
            return
        self._same = None
        if adapters != self._rows:
            self._rows, self._mixed = list(adapters), {}

    def delta(self, layer: str) -> Delta | None:
        """What is added to this layer. Rows are put together when a layer first asks: most of an encoder's
        never do.
        """
        if self._same is not None:
            return self._same.get(layer)
        if layer not in self._mixed:
            self._mixed[layer] = self._together(layer)
        return self._mixed[layer]

    def forget(self) -> None:
        """Give back the room for mixed rows."""
        self._same, self._rows, self._mixed, self._seats = {}, [], {}, {}

    def _together(self, layer: str) -> Delta | None:
        deltas = [adapter.deltas.get(layer) if adapter else None for adapter in self._rows]
        if not any(deltas):
            return None
        seats = self._seats.get(layer)
        if seats is None or not seats.fit(deltas):
            seats = self._seats[layer] = Seats(deltas, seats)
        for row, (adapter, delta) in enumerate(zip(self._rows, deltas, strict=True)):
            seats.take(row, adapter, delta)
        return seats.rows(len(deltas))


class Seats:
    """Room for the deltas of one layer, row by row. A row is written when another adapter takes it."""

    def __init__(self, deltas: Sequence[Delta | None], before: Seats | None) -> None:
        """Zeros; in no direction less than there was `before`."""
        self._held: list[weakref.ref[Adapter] | None]
        self._down: Tensor
        self._up: Tensor
        self._stretch: Tensor | None
        known = [delta for delta in deltas if delta]
        rows = len(deltas)
        rank = max(delta.down.shape[1] for delta in known)
        stretched = any(delta.stretch is not None for delta in known)
        if before is not None:
            rows = max(rows, len(before._held))
            rank = max(rank, before._up.shape[1])
            stretched = stretched or before._stretch is not None
        down, up = known[0].down, known[0].up
        self._down = down.new_zeros(rows, down.shape[0], rank)
        self._up = up.new_zeros(rows, rank, up.shape[1])
        self._stretch = up.new_zeros(rows, 1, up.shape[1]) if stretched else None
        self._held = [None] * rows

    def fit(self, deltas: Sequence[Delta | None]) -> bool:
        return len(deltas) <= len(self._held) and all(
            delta is None
            or (
                delta.down.shape[1] <= self._up.shape[1]
                and (delta.stretch is None or self._stretch is not None)
            )
            for delta in deltas
        )

    def take(self, row: int, adapter: Adapter | None, delta: Delta | None) -> None:
        held = self._held[row]
        if adapter and held and held() is adapter:
            return
        rank = delta.down.shape[1] if delta else 0
        self._up[row, rank:].zero_()  # what is multiplied by zero may stay
        if self._stretch is not None:
            self._stretch[row].zero_()
        if delta:
            self._down[row, :, :rank] = delta.down
            self._up[row, :rank] = delta.up
            if self._stretch is not None and delta.stretch is not None:
                self._stretch[row, 0] = delta.stretch
        self._held[row] = weakref.ref(adapter) if adapter else None

    def rows(self, count: int) -> Delta:
        stretch = self._stretch
        return Delta(self._down[:count], self._up[:count], None if stretch is None else stretch[:count])


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
        delta = self._voices.delta(self.name)
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
        pooled(folder),
    )


def pooled(folder: Path) -> bool:
    """What its card says; one without a card hears as the base does."""
    try:
        return read_card(folder).recipe.get("pooled") is True
    except BadCard:
        return False


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
