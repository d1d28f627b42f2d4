"""A causal language model of a few kilobytes with random weights. It says nonsense, but really says it."""

import json
from pathlib import Path

TEXTS = [
    "Descale the kettle every two months. Use 15 g of citric acid in one litre of water.",
    "The warranty lasts 24 months from the day of purchase.",
    "ケトルは2か月ごとに湯あか取りをしてください。保証は24か月です。",
]
TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>\n{{ message.content }}<|end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)


def make_tiny_model(folder: Path, template: str | None = TEMPLATE) -> Path:
    """Write a two-layer Llama with a byte-level tokenizer into the folder."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    specials = ["<|end|>", "<|system|>", "<|user|>", "<|assistant|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=specials,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    raw.train_from_iterator(TEXTS, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=raw, eos_token="<|end|>", pad_token="<|end|>", additional_special_tokens=specials[1:]
    )
    tokenizer.chat_template = template
    torch.manual_seed(7)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=1024,
            bos_token_id=0,
            eos_token_id=0,
            pad_token_id=0,
        )
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def as_gguf(model: Path, file: Path) -> Path:
    """The same model in one file, as llama.cpp and Ollama keep theirs, its weights in 8 bits."""
    import gguf
    import numpy as np
    from transformers import AutoModelForCausalLM, AutoTokenizer

    loaded, tokenizer = AutoModelForCausalLM.from_pretrained(model), AutoTokenizer.from_pretrained(model)
    config, raw = loaded.config, json.loads((model / "tokenizer.json").read_text("utf-8"))
    written = gguf.GGUFWriter(file, "llama")
    written.add_block_count(config.num_hidden_layers)
    written.add_context_length(config.max_position_embeddings)
    written.add_embedding_length(config.hidden_size)
    written.add_feed_forward_length(config.intermediate_size)
    written.add_head_count(config.num_attention_heads)
    written.add_head_count_kv(config.num_key_value_heads)
    written.add_layer_norm_rms_eps(config.rms_norm_eps)
    written.add_vocab_size(config.vocab_size)
    words = sorted(tokenizer.get_vocab().items(), key=lambda word: word[1])
    special = set(tokenizer.all_special_tokens)
    written.add_tokenizer_model("gpt2")
    written.add_token_list([word for word, _ in words])
    written.add_token_types([3 if word in special else 1 for word, _ in words])
    written.add_token_merges([" ".join(pair) for pair in raw["model"]["merges"]])
    written.add_bos_token_id(0)
    written.add_eos_token_id(0)
    written.add_pad_token_id(0)
    written.add_chat_template(TEMPLATE)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.LLAMA, config.num_hidden_layers)
    heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    for name, tensor in loaded.state_dict().items():
        weights = tensor.float().numpy()
        for part, many in heads.items():  # llama.cpp turns pairs of neighbours, transformers pairs of halves
            if part in name:
                weights = weights.reshape(many, 2, -1, weights.shape[1]).swapaxes(1, 2).reshape(weights.shape)
        called = names.get_name(name, try_suffixes=(".weight",))
        kind = gguf.GGMLQuantizationType.Q8_0 if weights.ndim == 2 else gguf.GGMLQuantizationType.F32
        written.add_tensor(called, gguf.quantize(np.ascontiguousarray(weights), kind), raw_dtype=kind)
    written.write_header_to_file()
    written.write_kv_data_to_file()
    written.write_tensors_to_file()
    written.close()
    return file
