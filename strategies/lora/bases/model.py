"""A base model: what adapters are trained on and what speaks with them.

    "shipped"      the small one of our own: MiniLM reads, a decoder of four layers speaks   encoder-decoder
    a folder       saved by transformers, or one that names its reader like the shipped one  by its config
    a GGUF file    as llama.cpp keeps models; its weights are made whole again               by its config
    a hub name     fetched by transformers, or found in its cache                            by its config

The shipped decoder lies beside this file; its reader is the embedder that is installed anyway, so those
weights are not kept twice. Whoever has both loads it without Kotae:
`EncoderDecoderModel.from_encoder_decoder_pretrained(reader, shipped)`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from knowledge_base.embedding import minilm_folder
from strategies.errors import Misconfigured
from strategies.llm.local import GGUF, quietly, whereabouts

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

SHIPPED = "shipped"
FOLDER = Path(__file__).with_name("shipped")
READER = "reader.json"  # beside a decoder: {"reads": an embedder or a folder, "sha256": of its weights}
MINILM = "all-MiniLM-L6-v2"
NOTHING = "<|nothing|>"  # what a speaker of ours says first when it has no answer
KEPT = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", READER)
WANTED = ["*.json", "*.safetensors", "*.model", "*.txt", "*.jinja"]

Family = Literal["encoder-decoder", "seq2seq", "causal"]


@dataclass(frozen=True, eq=False)
class Base:
    """A base model in memory, in the mode in which it answers."""

    name: str
    hash: str  # SHA-256 over its configuration, tokenizer and weights
    family: Family
    model: PreTrainedModel
    reader: PreTrainedTokenizerBase  # tokenizes what the model reads
    speaker: PreTrainedTokenizerBase  # tokenizes what it says; the reader itself unless encoder-decoder
    pooled: bool = False  # the adapter in it hears a question alone as one (`hearing`)

    @property
    def device(self) -> torch.device:
        return self.model.device

    @property
    def start(self) -> int | None:
        """The token a decoder begins with; None where the answer goes on from the prompt."""
        if self.family == "causal":
            return None
        start = self.model.config.decoder_start_token_id
        return int(self.pad if start is None else start)

    @cached_property
    def ends(self) -> frozenset[int]:
        """The tokens that end an answer."""
        named = self.model.generation_config.eos_token_id if self.model.generation_config else None
        found = named if isinstance(named, list) else [named, self.speaker.eos_token_id]
        return frozenset(end for end in found if isinstance(end, int))

    @property
    def end(self) -> int:
        """The token with which an answer is taught to end."""
        end = self.speaker.eos_token_id
        return end if isinstance(end, int) else min(self.ends)

    @property
    def pad(self) -> int:
        pad = self.speaker.pad_token_id
        return pad if isinstance(pad, int) else self.end

    @property
    def reader_pad(self) -> int:
        pad = self.reader.pad_token_id
        return pad if isinstance(pad, int) else self.pad

    @cached_property
    def nothing(self) -> int | None:
        """The token that says there is no answer; None for a model that says it in words."""
        found = self.speaker.convert_tokens_to_ids(NOTHING)
        known = isinstance(found, int) and found != self.speaker.unk_token_id
        return found if known and isinstance(found, int) else None

    @cached_property
    def room(self) -> int:
        """How many tokens it reads; for a causal model its answer counts too."""
        config: Any = self.model.config
        config = config.encoder if self.family == "encoder-decoder" else config
        for name in ("max_position_embeddings", "n_positions"):
            if isinstance(found := getattr(config, name, None), int):
                return found
        return 2048

    @cached_property
    def longest(self) -> int:
        """How many tokens an answer may have."""
        config: Any = self.model.config
        if self.family == "encoder-decoder":
            config = config.decoder
            return int(getattr(config, "n_positions", None) or config.max_position_embeddings) - 1
        return self.room


def load(name: str = SHIPPED, *, device: str = "", dtype: str = "", quantized: bool = False) -> Base:
    """Load a base. `dtype` is a name of torch's, by default float32 on a CPU and bfloat16 on a GPU;
    `quantized` loads four-bit weights for QLoRA, which needs CUDA and bitsandbytes.

    Raises Misconfigured with what to do.
    """
    try:
        import torch
    except ImportError as error:
        raise Misconfigured("the product model needs more packages: pip install 'kotae[lora]'") from error
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    kind = getattr(torch, dtype or ("float32" if device == "cpu" else "bfloat16"), None)
    if not isinstance(kind, torch.dtype):
        raise Misconfigured(f"torch knows no dtype {dtype!r}; try float32 or bfloat16")
    folder = found(name)
    if quantized and (folder / READER).exists():
        raise Misconfigured(f"the base {name!r} has two small parts, which are not quantized; train it whole")
    more = four_bit(device) if quantized else {}
    try:
        with quietly():
            family, model, reader, speaker = (
                two_parts(folder, kind) if (folder / READER).exists() else one_part(folder, kind, more)
            )
    except Misconfigured:
        raise
    except Exception as error:
        first = str(error).strip().split("\n", 1)[0]
        raise Misconfigured(
            f"the base model {name!r} cannot be loaded ({type(error).__name__}: {first}); "
            "give a folder, a GGUF file or a hub name of a causal or sequence-to-sequence language model"
        ) from error
    model.eval()
    if not quantized:
        model.to(device)
    return Base(name, identity(name), family, model, reader, speaker)


def identity(name: str = SHIPPED) -> str:
    """The base's hash, from its files. Raises Misconfigured when there are none."""
    folder = found(name)
    digest = hashlib.sha256()
    for path in [folder] if folder.is_file() else sorted(folder.iterdir()):
        if path.name in KEPT or path.suffix in (".safetensors", GGUF):
            digest.update(f"{path.name}\0".encode())
            with path.open("rb") as file:
                digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def found(name: str) -> Path:
    """The folder of a base, or its file. Raises Misconfigured with what to do."""
    folder = FOLDER if name == SHIPPED else Path(name).expanduser()
    if (folder / "config.json").exists() or (folder.suffix == GGUF and folder.is_file()):
        return folder
    if folder.suffix == GGUF:
        raise Misconfigured(f"there is no file {str(folder)!r}")
    if name == SHIPPED or folder.exists() or name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise Misconfigured(
            f"there is no base model {name!r}: no config.json in {str(folder)!r}; give {SHIPPED!r}, "
            "a folder saved by transformers, a GGUF file, or a hub name like 'Qwen/Qwen3-0.6B'"
        )
    return fetched(name)


def fetched(name: str) -> Path:
    """A model of the hub, from the cache when it is there."""
    try:
        from huggingface_hub import snapshot_download

        return Path(snapshot_download(name, allow_patterns=WANTED))
    except Exception as error:
        first = str(error).strip().split("\n", 1)[0]
        raise Misconfigured(
            f"the base model {name!r} is not here and cannot be fetched ({type(error).__name__}: {first}); "
            "check the name and the network, or give a folder"
        ) from error


Parts = tuple[Family, Any, Any, Any]


def two_parts(folder: Path, dtype: torch.dtype) -> Parts:
    """A decoder of ours and the embedder it listens to."""
    from transformers import AutoTokenizer, BertModel, EncoderDecoderModel, GPT2LMHeadModel

    reads = reader_of(folder)
    encoder = BertModel.from_pretrained(reads, add_pooling_layer=False, dtype=dtype)
    decoder = GPT2LMHeadModel.from_pretrained(folder, dtype=dtype)
    model = EncoderDecoderModel(encoder=encoder, decoder=decoder)
    speaker = AutoTokenizer.from_pretrained(folder)
    reader = AutoTokenizer.from_pretrained(reads)
    reader.model_max_length = encoder.config.max_position_embeddings
    for config in (model.config, model.generation_config):
        config.decoder_start_token_id = speaker.bos_token_id
        config.bos_token_id = speaker.bos_token_id
        config.eos_token_id = speaker.eos_token_id
        config.pad_token_id = speaker.pad_token_id
    model.generation_config.max_length = None
    return "encoder-decoder", model, reader, speaker


def reader_of(folder: Path) -> Path:
    """Where the embedder lies whose states the decoder was trained on; another one is refused."""
    told = json.loads((folder / READER).read_text())
    reads = minilm_folder() if told["reads"] == MINILM else folder / str(told["reads"])
    weights = reads / "model.safetensors"
    with weights.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != told["sha256"]:
        raise Misconfigured(
            f"the base in {str(folder)!r} was trained on other weights of {told['reads']!r} than those "
            "installed; install the pinned version of the package"
        )
    return reads


def one_part(folder: Path, dtype: torch.dtype, more: dict[str, Any]) -> Parts:
    """A model of the hub's kinds, with its one tokenizer."""
    from transformers import (
        AutoConfig,
        AutoModelForCausalLM,
        AutoModelForSeq2SeqLM,
        AutoTokenizer,
        GgufConfig,
    )

    where, file = whereabouts(str(folder))
    config = AutoConfig.from_pretrained(where, **file)
    family: Family = "seq2seq" if config.is_encoder_decoder else "causal"
    kind: Any = AutoModelForSeq2SeqLM if family == "seq2seq" else AutoModelForCausalLM
    if file and not more:  # else whoever trains an adapter on it finds no weights that they could change
        more = {"quantization_config": GgufConfig(dequantize=True)}
    model = kind.from_pretrained(where, dtype=dtype, **file, **more)
    tokenizer = AutoTokenizer.from_pretrained(where, **file)
    return family, model, tokenizer, tokenizer


def four_bit(device: str) -> dict[str, Any]:
    """QLoRA's weights: NF4, computed in bfloat16 (Dettmers et al., 2023)."""
    import importlib.util

    if not device.startswith("cuda") or importlib.util.find_spec("bitsandbytes") is None:
        raise Misconfigured("four-bit weights need a CUDA device and 'pip install bitsandbytes'")
    import torch
    import transformers

    config = cast("Any", transformers).BitsAndBytesConfig(
        load_in_4bit=True, bnb_4bit_quant_type="nf4", bnb_4bit_compute_dtype=torch.bfloat16
    )
    return {"quantization_config": config, "device_map": device}
