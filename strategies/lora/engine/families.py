"""How each family hears and speaks, through transformers' own forward: any causal model, any model with an
encoder. transformers sees a cache; the cache writes into `Rows`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicCache, DynamicLayer, EncoderDecoderCache
from transformers.modeling_outputs import BaseModelOutput

from strategies.errors import Misconfigured
from strategies.lora.bases.hearing import as_one
from strategies.lora.engine.rows import Heard, Rows, States, Store, tokens_of

if TYPE_CHECKING:
    from strategies.lora.bases.model import Base


class Causal:
    """Llama, Qwen … : the prompt but its last token is heard, and the rest is saying."""

    together = True

    def __init__(self, tree: Any) -> None:
        self._tree = tree

    def hear(self, ids: Sequence[int], *, pooled: bool = False) -> Heard:  # noqa: ARG002
        *before, last = ids
        cache = DynamicCache()
        self._tree(
            input_ids=self._row(before or [last]), past_key_values=cache, use_cache=True, logits_to_keep=1
        )
        return Heard(states_of(cache, len(before)), (), last)

    def given(self, states: Tensor) -> Heard:
        raise NotImplementedError("a causal model has no encoder")

    def step(self, rows: Rows, tokens: Tensor, part: slice) -> Tensor:
        own = rows.own
        logits: Tensor = self._tree(
            input_ids=tokens[:, None],
            attention_mask=own.seen[part, own.begin(part) : own.end + 1],
            position_ids=positions(own, part)[:, None],
            past_key_values=cache_in(own, part),
            use_cache=True,
        ).logits
        return logits[:, -1]

    def follow(self, heard: Heard, answers: Sequence[Sequence[int]]) -> Tensor:
        logits: Tensor = self._tree(
            input_ids=following(heard, answers, self._tree.device),
            past_key_values=cache_of(heard.own, len(answers)),
            use_cache=True,
        ).logits
        return logits

    def after(self, heard: Heard, ids: Sequence[int]) -> Heard:
        cache = cache_of(heard.own, 1)
        self._tree(
            input_ids=self._row([heard.last, *ids[:-1]]),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return replace(heard, own=states_of(cache, tokens_of(heard.own) + len(ids)), last=ids[-1])

    def _row(self, ids: Sequence[int]) -> Tensor:
        return torch.tensor([ids], device=self._tree.device)


class Encoded:
    """T5, BART, any EncoderDecoderModel: the encoder hears, the decoder says."""

    def __init__(self, tree: Any, base: Base) -> None:
        self._tree = tree
        self._start = base.start
        self._ours = base.family == "encoder-decoder"
        # A decoder that counts positions by the columns of its cache cannot have rows of several lengths.
        self.together = self._ours or hasattr(tree.config, "relative_attention_num_buckets")
        config = tree.config.encoder if self._ours else tree.config
        self._width = int(config.hidden_size)

    def hear(self, ids: Sequence[int], *, pooled: bool = False) -> Heard:
        states = self._encoded(ids)
        if not pooled:
            return self.given(states)
        one = as_one(states)
        return replace(self.given(one), as_one=one[0])

    def given(self, states: Tensor) -> Heard:
        assert self._start is not None
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        self._tree(
            encoder_outputs=BaseModelOutput(states[None]),
            attention_mask=torch.ones(1, len(states), dtype=torch.long, device=self._tree.device),
            decoder_input_ids=torch.full((1, 1), self._start, device=self._tree.device),
            past_key_values=cache,
            use_cache=True,
        )
        read = states_of(cache.cross_attention_cache, len(states))
        own = states_of(cache.self_attention_cache, 0)
        return Heard(own, read, self._start)

    def _encoded(self, ids: Sequence[int]) -> Tensor:
        """(tokens, width)"""
        given = torch.tensor([ids], device=self._tree.device)
        states: Tensor = self._tree.get_encoder()(
            input_ids=given, attention_mask=torch.ones_like(given)
        ).last_hidden_state
        return states[0]

    def step(self, rows: Rows, tokens: Tensor, part: slice) -> Tensor:
        own, read = rows.own, rows.read
        seen = read.seen[part, : read.end]
        states = [(keys[part, :, : read.end], values[part, :, : read.end]) for keys, values in read.layers]
        placed = {"decoder_position_ids": positions(own, part)[:, None]} if self._ours else {}
        logits: Tensor = self._tree(
            attention_mask=seen,
            encoder_outputs=self._nothing(seen),
            decoder_input_ids=tokens[:, None],
            decoder_attention_mask=own.seen[part, own.begin(part) : own.end + 1].long(),
            past_key_values=EncoderDecoderCache(cache_in(own, part), DynamicCache(states)),
            use_cache=True,
            **placed,
        ).logits
        return logits[:, -1]

    def follow(self, heard: Heard, answers: Sequence[Sequence[int]]) -> Tensor:
        rows = len(answers)
        seen = torch.ones(rows, tokens_of(heard.read), dtype=torch.long, device=self._tree.device)
        logits: Tensor = self._tree(
            attention_mask=seen,
            encoder_outputs=self._nothing(seen),
            decoder_input_ids=following(heard, answers, self._tree.device),
            past_key_values=EncoderDecoderCache(cache_of(heard.own, rows), cache_of(heard.read, rows)),
            use_cache=True,
        ).logits
        return logits

    def after(self, heard: Heard, ids: Sequence[int]) -> Heard:
        seen = torch.ones(1, tokens_of(heard.read), dtype=torch.long, device=self._tree.device)
        cache = EncoderDecoderCache(cache_of(heard.own, 1), cache_of(heard.read, 1))
        self._tree(
            attention_mask=seen,
            encoder_outputs=self._nothing(seen),
            decoder_input_ids=torch.tensor([[heard.last, *ids[:-1]]], device=self._tree.device),
            past_key_values=cache,
            use_cache=True,
        )
        own = states_of(cache.self_attention_cache, tokens_of(heard.own) + len(ids))
        return replace(heard, own=own, last=ids[-1])

    def _nothing(self, seen: Tensor) -> BaseModelOutput:
        """What the encoder said is in the cache; the decoder asks for its shape only."""
        states = torch.zeros((), device=seen.device, dtype=self._tree.dtype)
        return BaseModelOutput(states.expand(*seen.shape, self._width))


class Column(CacheLayerMixin):  # type: ignore[no-untyped-call]
    """A layer of a transformers cache that lies in a `Store`: what is added goes into the open column."""

    is_sliding = False

    def __init__(self, store: Store, layer: int, part: slice) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.is_initialized = True
        self._buffers = store.layers[layer]
        self._part = part
        self._end = store.end
        self._begin = store.begin(part)

    def update(
        self,
        key_states: Tensor,
        value_states: Tensor,
        *_: Any,
        **__: Any,
    ) -> tuple[Tensor, Tensor]:
        keys, values = self._buffers
        keys[self._part, :, self._end] = key_states[:, :, 0]
        values[self._part, :, self._end] = value_states[:, :, 0]
        columns = slice(self._begin, self._end + 1)
        return keys[self._part, :, columns], values[self._part, :, columns]

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """The buffers are there."""

    def get_seq_length(self) -> int:
        return self._end - self._begin

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.get_seq_length() + query_length, 0

    def get_max_length(self) -> int:
        return -1


def cache_in(store: Store, part: slice) -> Cache:
    return Cache(layers=[Column(store, layer, part) for layer in range(len(store.layers))])


def following(heard: Heard, answers: Sequence[Sequence[int]], device: torch.device) -> Tensor:
    """What is said after a prompt, (answers, 1 + tokens); what fills up an end changes nothing before it."""
    longest = max(map(len, answers))
    return torch.tensor(
        [[heard.last, *ids, *[heard.last] * (longest - len(ids))] for ids in answers], device=device
    )


def cache_of(states: States, rows: int) -> DynamicCache:
    """A cache for so many rows to go on from. transformers adds to it by making new tensors, so `states` stay
    as they are.
    """
    return DynamicCache(
        [(keys.expand(rows, *keys.shape), values.expand(rows, *values.shape)) for keys, values in states]
    )


def states_of(cache: Cache, tokens: int) -> States:
    """The first tokens of what a forward of one row left in its cache."""
    layers: Iterable[Any] = cache.layers
    if not all(isinstance(layer, DynamicLayer) for layer in layers):
        raise Misconfigured(
            "this base does not remember in keys and values alone; serve it from a model server"
        )
    return tuple((layer.keys[0, :, :tokens], layer.values[0, :, :tokens]) for layer in layers)


def positions(own: Store, part: slice) -> Tensor:
    """Where each row's next token stands."""
    return torch.tensor(own.lengths[part], device=own.seen.device)
