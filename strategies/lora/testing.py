"""Tiny bases of every family, made on the spot: random weights, real shapes, saved as transformers saves.

Whoever writes a test of the product model begins here, we first.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from strategies.lora.bases.model import NOTHING, READER

FAMILIES = ("encoder-decoder", "t5", "llama", "qwen3")
WORDS = (
    "How long does the battery of the lamp last? The battery lasts 12 hours. Thanks for asking!",
    "Where do I find the serial number? It is printed on the bottom of the lamp. Take care.",
    "保証期間はどのくらいですか。保証は2年です。",
)
WIDTH = 32
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def tiny_base(folder: Path, family: str = "encoder-decoder", seed: int = 0) -> Path:
    """Save a tiny base of one of FAMILIES into `folder` (made when it is missing) and return it."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        match family:
            case "encoder-decoder":
                two_parts(folder)
            case "t5":
                t5(folder)
            case "llama":
                llama(folder)
            case "qwen3":
                qwen3(folder)
            case _:
                raise ValueError(f"no tiny base of family {family!r}; known: {', '.join(FAMILIES)}")
    return folder


def two_parts(folder: Path) -> None:
    """Like the shipped one: a BERT reads and a GPT-2 speaks."""
    from transformers import BertConfig, BertModel, GPT2Config, GPT2LMHeadModel

    decoder: Any = GPT2Config

    special = ["<|start|>", "<|end|>", "<|pad|>", NOTHING]
    speaker = byte_level(special, bos="<|start|>", eos="<|end|>", pad="<|pad|>")
    speaker.save_pretrained(folder)
    reads = folder / "reader"
    reader = byte_level(["[PAD]", "[CLS]", "[SEP]"], pad="[PAD]", cls="[CLS]", sep="[SEP]")
    reader.save_pretrained(reads)
    BertModel(
        BertConfig(
            vocab_size=len(reader),
            hidden_size=WIDTH,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=128,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        ),
        add_pooling_layer=False,
    ).save_pretrained(reads)
    GPT2LMHeadModel(
        decoder(
            vocab_size=len(speaker),
            n_positions=128,
            n_embd=WIDTH,
            n_layer=2,
            n_head=4,
            add_cross_attention=True,
            is_decoder=True,
            bos_token_id=speaker.bos_token_id,
            eos_token_id=speaker.eos_token_id,
            pad_token_id=speaker.pad_token_id,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            resid_pdrop=0.0,
        )
    ).save_pretrained(folder)
    digest = hashlib.sha256((reads / "model.safetensors").read_bytes()).hexdigest()
    (folder / READER).write_text(json.dumps({"reads": "reader", "sha256": digest}))


def t5(folder: Path) -> None:
    from transformers import T5Config, T5ForConditionalGeneration

    config: Any = T5Config

    tokenizer = byte_level(["<pad>", "</s>", "<unk>"], pad="<pad>", eos="</s>", unk="<unk>")
    tokenizer.save_pretrained(folder)
    T5ForConditionalGeneration(
        config(
            vocab_size=len(tokenizer),
            d_model=WIDTH,
            d_kv=8,
            d_ff=64,
            num_layers=2,
            num_heads=4,
            dropout_rate=0.0,
            feed_forward_proj="gated-gelu",
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            decoder_start_token_id=tokenizer.pad_token_id,
        )
    ).save_pretrained(folder)


def llama(folder: Path) -> None:
    """Without a chat template, as many bases are."""
    from transformers import LlamaConfig, LlamaForCausalLM

    tokenizer = byte_level(["<s>", "</s>"], bos="<s>", eos="</s>")
    tokenizer.save_pretrained(folder)
    LlamaForCausalLM(LlamaConfig(**causal(tokenizer))).save_pretrained(folder)


def qwen3(folder: Path) -> None:
    """With a chat template of its own."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    tokenizer = byte_level(
        ["<|endoftext|>", "<|im_start|>", "<|im_end|>"], pad="<|endoftext|>", eos="<|im_end|>"
    )
    tokenizer.chat_template = CHAT
    tokenizer.save_pretrained(folder)
    Qwen3ForCausalLM(Qwen3Config(head_dim=8, **causal(tokenizer))).save_pretrained(folder)


def causal(tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": WIDTH,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
        "tie_word_embeddings": False,
    }


def byte_level(special: list[str], **named: str) -> Any:
    """A byte-level BPE over a few sentences: every text has tokens, a Japanese letter may be three.
    `named` are special tokens by their role: pad, eos …
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=special,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    made.train_from_iterator(WORDS, trainer)
    tokens = {f"{role}_token": token for role, token in named.items()}
    kind: Any = PreTrainedTokenizerFast
    return kind(tokenizer_object=made, additional_special_tokens=special, **tokens)
