"""A step of the speaker that ships, written out: a GPT-2 decoder that listens to an encoder.

transformers' forward serves every family; of a step of this small one it is more than half. What is left out
is what a step does not need: caches as objects, masks made anew in every layer, dropout.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from strategies.lora.engine.families import Encoded, positions
from strategies.lora.engine.rows import Heard, Rows, Store

if TYPE_CHECKING:
    from strategies.lora.bases.model import Base


ACTIVATIONS = {"gelu_new", "gelu_pytorch_tanh"}  # two names of one function


def fits(tree: Any) -> bool:
    """Whether it is an encoder and a GPT-2, in the shape in which `bases.pretrain` makes them."""
    from transformers import EncoderDecoderModel, GPT2LMHeadModel

    if not isinstance(tree, EncoderDecoderModel) or not isinstance(tree.decoder, GPT2LMHeadModel):
        return False
    config: Any = tree.decoder.config
    return (
        config.add_cross_attention
        and not config.reorder_and_upcast_attn
        and config.activation_function in ACTIVATIONS
        and config.hidden_size == tree.encoder.config.hidden_size
    )


class Gpt2(Encoded):
    """Hears with the encoder alone, and speaks in tensors of (rows, width)."""

    together = True

    def __init__(self, tree: Any, base: Base) -> None:
        super().__init__(tree, base)
        self._decoder = tree.decoder.transformer
        self._head = tree.decoder.lm_head
        self._heads = int(tree.decoder.config.num_attention_heads)
        self._kept: tuple[tuple[int, int, int], Any] = (-1, 0, 0), None

    def given(self, states: Tensor) -> Heard:
        assert self._start is not None
        read = []
        for block in self._decoder.h:
            keys, values = block.crossattention.c_attn(states[None])[0].chunk(2, dim=-1)
            read.append((self._split(keys), self._split(values)))
        own = tuple((keys[:, :0], values[:, :0]) for keys, values in read)
        return Heard(own, tuple(read), self._start)

    def step(self, rows: Rows, tokens: Tensor, part: slice) -> Tensor:
        own = rows.own
        columns = slice(own.begin(part), own.end + 1)
        uneven = len(set(own.lengths[part])) > 1
        mask = self._mask(own.seen[part, columns], rows) if uneven else None
        read, read_mask = self._read(rows, part)
        hidden = self._decoder.wte(tokens) + self._decoder.wpe(positions(own, part))
        for block, (keys, values), (read_keys, read_values) in zip(
            self._decoder.h, own.layers, read, strict=True
        ):
            asked, key, value = (
                block.attn.c_attn(block.ln_1(hidden)).view(len(tokens), 3, self._heads, -1).unbind(1)
            )
            keys[part, :, own.end] = key
            values[part, :, own.end] = value
            heard = attended(
                asked, keys[part, :, columns], values[part, :, columns], mask, block.attn.scaling
            )
            hidden = hidden + block.attn.c_proj(heard)
            cross = block.crossattention
            asked = cross.q_attn(block.ln_cross_attn(hidden)).view(len(tokens), self._heads, -1)
            hidden = hidden + cross.c_proj(attended(asked, read_keys, read_values, read_mask, cross.scaling))
            inner = functional.gelu(block.mlp.c_fc(block.ln_2(hidden)), approximate="tanh")
            hidden = hidden + block.mlp.c_proj(inner)
        logits: Tensor = self._head(self._decoder.ln_f(hidden))
        return logits

    def _split(self, states: Tensor) -> Tensor:
        """(tokens, width) → (heads, tokens, width of a head)"""
        return states.view(len(states), self._heads, -1).transpose(0, 1)

    def _read(self, rows: Rows, part: slice) -> Any:
        """What the rows have read, and where they have: it stays from one join or leave to the next."""
        now = (rows.changes, part.start, part.stop)
        if self._kept[0] != now:
            store: Store = rows.read
            views = [
                (keys[part, :, : store.end], values[part, :, : store.end]) for keys, values in store.layers
            ]
            uneven = len(set(store.lengths[part])) > 1
            self._kept = now, (views, self._mask(store.seen[part, : store.end], rows) if uneven else None)
        return self._kept[1]

    def _mask(self, seen: Tensor, rows: Rows) -> Tensor:
        """What is added to the scores, (rows × heads, 1, columns)."""
        kind = rows.own.layers[0][0].dtype
        hidden = torch.zeros(seen.shape, dtype=kind, device=seen.device).masked_fill_(~seen, float("-inf"))
        return hidden[:, None].expand(-1, self._heads, -1).reshape(-1, 1, seen.shape[1])


def attended(asked: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None, scaling: float) -> Tensor:
    """Attention of one token a row. Two batched products: on a CPU and for a single query twice as quick as
    scaled_dot_product_attention, whose result it is.
    """
    rows, heads, width = asked.shape
    turned = keys.flatten(0, 1).transpose(1, 2)
    asked = asked.reshape(rows * heads, 1, width)
    if mask is None:
        scores = torch.bmm(asked, turned).mul_(scaling)
    else:
        scores = torch.baddbmm(mask, asked, turned, alpha=scaling)
    return torch.bmm(scores.softmax(-1), values.flatten(0, 1)).view(rows, heads * width)
