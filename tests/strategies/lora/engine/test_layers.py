"""LoRA per row gives what PEFT gives."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from strategies.errors import Misconfigured
from strategies.lora import bases
from strategies.lora.bases import Base
from strategies.lora.engine import layers
from strategies.lora.engine.layers import adapted, read
from strategies.lora.testing import FAMILIES, tiny_base
from tests.strategies.lora.peft_models import logits_of, peft_adapter, peft_model

HEARD = [5, 60, 71, 9, 33, 120, 8]
SAID = [40, 41, 99, 7]
KINDS: dict[str, dict[str, Any]] = {
    "plain": {},
    "rsLoRA": {"use_rslora": True},
    "DoRA": {"use_dora": True},
    "ranks and alphas of their own": {
        "rank_pattern": {"0.*": 2},
        "alpha_pattern": {"0.*": 3, r"1\..*": 16},
    },
}


@pytest.fixture(scope="module", params=FAMILIES)
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Base:
    return bases.load(str(tiny_base(tmp_path_factory.mktemp(request.param) / "base", request.param)))


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Base:
    return bases.load(str(tiny_base(tmp_path_factory.mktemp("ours") / "base")))


@pytest.mark.parametrize("kind", KINDS)
def test_an_adapter_gives_the_logits_that_peft_gives(base: Base, kind: str, tmp_path: Path) -> None:
    folder = peft_adapter(base, tmp_path / "adapter", **KINDS[kind])
    tree, voices = adapted(base.model)
    adapter = read("a", folder, tree)
    assert any("encoder" in layer for layer in adapter.deltas) == (base.family != "causal")

    wanted = logits_of(base, peft_model(base, folder), HEARD, SAID)
    voices.one(adapter)
    assert (logits_of(base, tree, HEARD, SAID) - wanted).abs().max() < 1e-4

    plain = logits_of(base, base.model, HEARD, SAID)
    assert (plain - wanted).abs().max() > 1e-2, "the adapter changes nothing, so this test shows nothing"
    voices.one(None)
    assert (logits_of(base, tree, HEARD, SAID) - plain).abs().max() < 1e-4


def test_rows_hear_their_own_adapter_whatever_its_rank(base: Base, tmp_path: Path) -> None:
    kinds: list[dict[str, Any]] = [
        {"r": 2},
        {"r": 8},
        {"use_dora": True},
        {"target_modules": ["c_fc", "q", "q_proj"]},
    ]
    folders = [peft_adapter(base, tmp_path / str(n), n, **kind) for n, kind in enumerate(kinds)]
    tree, voices = adapted(base.model)
    adapters = [read(str(n), folder, tree) for n, folder in enumerate(folders)]
    rows = torch.tensor([HEARD] * 6)
    given: dict[str, Any] = {"input_ids": rows, "attention_mask": torch.ones_like(rows)}
    if base.family != "causal":
        given["decoder_input_ids"] = rows[:, :1]

    one, two, three, four = adapters
    for speaking in ([one, two, None, three, four, one], [four, None, three, one, one, two]):
        voices.each(speaking)
        with torch.inference_mode():
            together = tree(**given).logits
            for row, adapter in enumerate(speaking):
                voices.one(adapter)
                assert (tree(**given).logits[row] - together[row]).abs().max() < 1e-4, (row, adapter)


def test_the_base_stays_as_it_was_and_its_weights_are_there_once(ours: Base) -> None:
    tree, _ = adapted(ours.model)
    held = {parameter.data_ptr() for parameter in ours.model.parameters()}
    assert {parameter.data_ptr() for parameter in tree.parameters()} == held
    assert not any(isinstance(module, layers.Adapted) for module in ours.model.modules())


def test_a_model_too_large_to_hold_twice_is_not_packed(ours: Base, monkeypatch: pytest.MonkeyPatch) -> None:
    quick, _ = adapted(ours.model)
    monkeypatch.setattr(layers, "PACKED_UP_TO", 1000)
    lean, _ = adapted(ours.model)
    assert (logits_of(ours, quick, HEARD, SAID) - logits_of(ours, lean, HEARD, SAID)).abs().max() < 1e-5
    packed = [module._packed is not None for module in quick.modules() if isinstance(module, layers.Adapted)]
    assert all(packed)
    assert all(module._packed is None for module in lean.modules() if isinstance(module, layers.Adapted))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"peft_type": "IA3"}, "not a LoRA adapter but 'IA3'"),
        ({"bias": "all"}, "uses bias, which cannot be served"),
        ({"modules_to_save": ["lm_head"]}, "uses modules_to_save, which cannot be served"),
        ({"lora_bias": True, "layer_replication": [[0, 1]]}, "uses lora_bias, layer_replication"),
    ],
)
def test_what_cannot_be_served_exactly_is_refused(
    ours: Base, tmp_path: Path, change: dict[str, Any], sentence: str
) -> None:
    folder = peft_adapter(ours, tmp_path / "adapter")
    config = folder / "adapter_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), **change}))
    with pytest.raises(Misconfigured, match=rf"the adapter 'spring' .*{sentence}"):
        read("spring", folder, adapted(ours.model)[0])


def test_an_adapter_of_another_model_is_refused(ours: Base, tmp_path: Path) -> None:
    other = bases.load(str(tiny_base(tmp_path / "llama", "llama")))
    folder = peft_adapter(other, tmp_path / "adapter")
    with pytest.raises(Misconfigured, match=r"trained on another model: this one has no linear layer 'model"):
        read("spring", folder, adapted(ours.model)[0])


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda tensor: tensor[:, :-1].contiguous(), "trained on another model: it adds"),
        (lambda tensor: tensor * float("nan"), "holds numbers that are none"),
    ],
)
def test_spoilt_weights_are_refused(ours: Base, tmp_path: Path, spoil: Any, sentence: str) -> None:
    folder = peft_adapter(ours, tmp_path / "adapter")
    weights = folder / "adapter_model.safetensors"
    tensors = load_file(weights)
    key = next(key for key in tensors if "lora_A" in key)
    save_file({**tensors, key: spoil(tensors[key])}, weights)
    with pytest.raises(Misconfigured, match=sentence):
        read("spring", folder, adapted(ours.model)[0])


def test_half_an_adapter_and_other_tensors_are_refused(ours: Base, tmp_path: Path) -> None:
    folder = peft_adapter(ours, tmp_path / "adapter")
    weights = folder / "adapter_model.safetensors"
    tensors = load_file(weights)
    key = next(key for key in tensors if "lora_A" in key)
    tree = adapted(ours.model)[0]
    save_file({name: tensor for name, tensor in tensors.items() if name != key}, weights)
    with pytest.raises(Misconfigured, match="only half of what it adds"):
        read("spring", folder, tree)
    save_file({**tensors, "base_model.model.lm_head.weight": torch.zeros(1)}, weights)
    with pytest.raises(Misconfigured, match="not LoRA on a linear layer"):
        read("spring", folder, tree)
    save_file({}, weights)
    with pytest.raises(Misconfigured, match="is empty"):
        read("spring", folder, tree)
    weights.write_bytes(b"torn")
    with pytest.raises(Misconfigured, match=r"no readable adapter_model\.safetensors"):
        read("spring", folder, tree)
