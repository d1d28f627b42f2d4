"""What is tried before an adapter speaks to customers."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from strategies.lora import bases
from strategies.lora.engine import sharing
from strategies.lora.pairs.raft import Example
from strategies.lora.shelf import Adapter, Shelf, canary
from strategies.lora.shelf.card import CARD, PROOF, read_proof, write_proof
from strategies.lora.testing import tiny_base
from strategies.lora.training.proving import greedy, row_of
from tests.strategies.lora.adapters import speaking


@pytest.fixture(scope="module", params=["encoder-decoder", "t5", "llama", "qwen3"])
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_base(tmp_path_factory.mktemp("bases") / request.param, request.param)


@pytest.fixture(scope="module")
def shared(base: Path) -> sharing.Shared:
    return sharing.shared(str(base))


def shelved(folder: Path, made: Path) -> Adapter:
    return Shelf(folder / "shelf").put(made)


def test_an_adapter_that_is_served_as_it_was_trained_is_proven(
    base: Path, shared: sharing.Shared, tmp_path: Path
) -> None:
    proof = canary.prove(shelved(tmp_path, speaking(tmp_path / "made", base)), shared)
    assert proof.faults == ()
    assert proof.figures["changed"] > 0.1
    assert proof.figures["apart"] < 0.001
    assert shared.engine.names() == ()


def test_an_adapter_that_changes_nothing_is_refused(
    base: Path, shared: sharing.Shared, tmp_path: Path
) -> None:
    silent = speaking(tmp_path / "made", base, loud=0)
    (fault,) = canary.prove(shelved(tmp_path, silent), shared).faults
    assert "changes nothing in what the base says" in fault


def test_answers_that_are_others_than_the_trainers_are_refused(
    base: Path, shared: sharing.Shared, tmp_path: Path
) -> None:
    made = speaking(tmp_path / "made", base)
    other = speaking(tmp_path / "other", base, seed=7)
    (made / PROOF).write_bytes((other / PROOF).read_bytes())
    faults = canary.prove(shelved(tmp_path, made), shared).faults
    assert any("not served as it was trained" in fault for fault in faults)
    assert any("answers that are others than its trainer's: " in fault for fault in faults)


@pytest.mark.parametrize(
    ("told", "why"),
    [
        ({"template": "0" * 16}, "trained with the template 0000"),
        ({"tokenizer": "0" * 16}, "trained with the tokenizer 0000"),
        ({"base_hash": "0" * 64}, "trained on the base .* speaks here"),
    ],
)
def test_what_it_must_be_served_with_is_checked_first(
    base: Path, shared: sharing.Shared, tmp_path: Path, told: dict[str, Any], why: str
) -> None:
    adapter = shelved(tmp_path, speaking(tmp_path / "made", base, **told))
    with pytest.raises(AssertionError, match=why):
        raise AssertionError(canary.prove(adapter, shared).faults)


def test_an_adapter_without_a_proof_is_refused(base: Path, shared: sharing.Shared, tmp_path: Path) -> None:
    made = speaking(tmp_path / "made", base)
    write_proof(made, [])
    assert "no question to prove it by" in canary.prove(shelved(tmp_path, made), shared).faults[0]
    (made / PROOF).unlink()
    assert f"no {PROOF}" in canary.prove(shelved(tmp_path / "b", made), shared).faults[0]


def test_an_adapter_is_loaded_by_plain_peft_and_says_the_same(base: Path, tmp_path: Path) -> None:
    from peft import PeftModel

    adapter = shelved(tmp_path, speaking(tmp_path / "made", base))
    loaded = bases.load(str(base))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PEFT's own, about GPT-2's layers
        model = PeftModel.from_pretrained(loaded.model, str(adapter.path))
    assert model.peft_config
    for asked in read_proof(adapter.path):
        row = row_of(loaded, Example(asked.question, "", asked.passages))
        assert tuple(greedy(loaded, [row])[0]) == asked.ids


def test_the_card_is_readable_by_people(base: Path, tmp_path: Path) -> None:
    made = speaking(tmp_path / "made", base, "spring")
    assert '"name": "spring"' in (made / CARD).read_text()
