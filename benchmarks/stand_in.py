"""A chat model that takes as long as a real one and says nothing of use: the shape of one, weights at random.

How long an answer takes depends on the model's shape and on the number of tokens, not on what it learned. So
where no pretrained chat model can be had, this one shows what a long prompt costs in time. Nothing that it
says is judged. It counts tokens as the base that ships does when it reads.
"""

from dataclasses import dataclass
from pathlib import Path

from strategies.lora.bases.model import Base

TEMPLATE = (
    "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}assistant{% endif %}"  # the word that it goes on with
)


@dataclass(frozen=True)
class Shape:
    """A Llama's. `about` says whose it is."""

    about: str
    width: int
    inside: int
    layers: int
    heads: int
    key_heads: int


SHAPES = {
    "135M": Shape("a Llama of the shape of SmolLM2-135M", 576, 1536, 30, 9, 3),
    "360M": Shape("a Llama of the shape of SmolLM2-360M", 960, 2560, 32, 15, 5),
    "tiny": Shape("a Llama of two layers, to try this benchmark out", 64, 128, 2, 4, 2),
}


def make(folder: Path, shape: Shape, base: Base) -> Path:
    """Write the model into the folder."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=base.reader.backend_tokenizer,
        eos_token="[SEP]",
        pad_token="[PAD]",
        unk_token="[UNK]",
    )
    tokenizer.chat_template = TEMPLATE
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=shape.width,
            intermediate_size=shape.inside,
            num_hidden_layers=shape.layers,
            num_attention_heads=shape.heads,
            num_key_value_heads=shape.key_heads,
            max_position_embeddings=8192,
            bos_token_id=tokenizer.eos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
            tie_word_embeddings=True,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder
