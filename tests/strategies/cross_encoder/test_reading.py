"""What the cross-encoder that ships sees in a text."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from strategies.cross_encoder.reading import NEVER, SHIPPED, CrossEncoder, packed, shipped, unpacked
from strategies.cross_encoder.windows import Text
from strategies.errors import Misconfigured
from strategies.registry import Strategies
from strategies.testing import kit

LAMP = Text(
    "Lumo 3 desk lamp › Battery",
    (
        "The battery lasts nine hours at half brightness.",
        "It is full again after two hours at the supplied USB-C charger.",
        "The lamp weighs 640 g with its battery.",
    ),
)


def odds(question: str) -> float:
    return shipped().read(question, [LAMP])[0].answers


@pytest.mark.parametrize(
    ("answered", "near_miss"),
    [
        ("how long does it run before I have to plug it in", "how long is the battery guaranteed"),
        ("How heavy is it?", "How tall is it?"),
        ("How quickly does it charge?", "What does a new charger cost?"),
    ],
)
def test_a_question_that_is_answered_is_told_from_one_that_only_sounds_so(
    answered: str, near_miss: str
) -> None:
    assert odds(answered) > odds(near_miss)


def test_the_sentence_that_answers_is_found() -> None:
    seen = shipped().read("How much does the lamp weigh?", [LAMP])[0]
    assert int(np.argmax(seen.sentences)) == 2


def test_what_was_not_read_answers_nothing() -> None:
    long = Text("", ("The lamp weighs 640 g.", "long " * 300))
    assert shipped().read("How heavy is the lamp?", [long])[0].sentences[1] == NEVER


def test_it_knows_what_it_can_read() -> None:
    assert shipped().reads("How heavy is the lamp?")
    assert not shipped().reads("ランプの重さは？")
    assert not shipped().reads("?!")


def test_many_at_once_see_what_one_alone_sees() -> None:
    questions = [f"Does it run for {hours} hours?" for hours in range(2, 14)]
    alone = [shipped().read(question, [LAMP])[0] for question in questions]
    shipped().forget()
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda question: shipped().read(question, [LAMP])[0], questions))
    assert together == alone


def test_what_was_asked_is_forgotten_with_all_else_that_strategies_remember() -> None:
    shipped().read("How heavy is the lamp?", [LAMP])
    assert shipped()._recent.cache_info().currsize
    Strategies({"echo": {"use": "echo"}}, kit()).forget()
    assert not shipped()._recent.cache_info().currsize


def test_weights_that_are_not_there_are_advice(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="install Kotae again"):
        CrossEncoder(tmp_path / "nothing.safetensors").read("How heavy?", [LAMP])


def test_a_broken_file_is_advice(tmp_path: Path) -> None:
    broken = tmp_path / "weights.safetensors"
    shutil.copy(SHIPPED, broken)
    broken.write_bytes(broken.read_bytes()[:5000])
    with pytest.raises(Misconfigured, match="cannot be read"):
        CrossEncoder(broken).read("How heavy?", [LAMP])


def test_weights_survive_eight_bits() -> None:
    matrix = np.random.default_rng(1).normal(size=(8, 16)).astype(np.float32)
    kept = packed({"a.weight": matrix, "a.bias": matrix[0]})
    again = kept["a.weight"] * kept["a.weight.scale"]
    assert np.abs(again - matrix).max() <= np.abs(matrix).max() / 127
    assert kept["a.bias"].dtype == np.float16


def test_what_ships_is_the_whole_network_but_for_the_embeddings() -> None:
    tensors, _ = unpacked(SHIPPED)
    layers = {name.split(".")[2] for name in tensors}
    assert layers == {"0", "1", "2", "3", "4", "5"}
    assert all(np.isfinite(tensor).all() for tensor in tensors.values())
    assert SHIPPED.stat().st_size < 12 * 2**20
