"""What the cross-encoder that ships sees in a text."""

from __future__ import annotations

import shutil
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from knowledge_base.line import CORES
from knowledge_base.minilm import Rounded
from strategies.cross_encoder.reading import (
    CROWD,
    NEVER,
    SHIPPED,
    VOCABULARY,
    WEIGHTS,
    CrossEncoder,
    Readers,
    shipped,
    unpacked,
)
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


def odds(question: str, *, thorough: bool = False) -> float:
    return shipped().read(question, [LAMP], thorough=thorough)[0].answers


def floats(kept: NDArray[Any] | Rounded) -> NDArray[Any]:
    return kept.floats() if isinstance(kept, Rounded) else kept


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
    assert odds(answered, thorough=True) > odds(near_miss, thorough=True)


RANPU = Text(
    "ルモ3 デスクライト › バッテリー",
    (
        "バッテリーは明るさ半分で9時間もちます。",
        "付属のUSB-C充電器で2時間で満充電になります。",
        "重さはバッテリーを含めて640gです。",
    ),
)


@pytest.mark.parametrize(
    ("answered", "near_miss"),
    [
        ("コードなしで何時間つけていられますか", "バッテリーの保証は何年ですか"),
        ("重量を教えてください", "高さを教えてください"),
        ("充電はどのくらいで終わる？", "充電器だけ買うといくら？"),
    ],
)
def test_so_it_is_in_japanese(answered: str, near_miss: str) -> None:
    seen, other = (shipped().read(asked, [RANPU])[0].answers for asked in (answered, near_miss))
    assert seen > other


def test_the_sentence_that_answers_is_found() -> None:
    seen = shipped().read("How much does the lamp weigh?", [LAMP])[0]
    assert int(np.argmax(seen.sentences)) == 2


def test_what_was_not_read_answers_nothing() -> None:
    long = Text("", ("The lamp weighs 640 g.", "long " * 300))
    assert shipped().read("How heavy is the lamp?", [long])[0].sentences[1] == NEVER


def test_it_knows_what_it_can_read() -> None:
    assert shipped().reads("How heavy is the lamp?")
    assert shipped().reads("ランプの重さは？")
    assert shipped().reads("USB-Cで充電できますか")
    assert not shipped().reads("Сколько весит лампа?")
    assert not shipped().reads("?!")
    with pytest.raises(ValueError, match="nobody reads"):
        shipped().read("Сколько весит лампа?", [LAMP])


def test_where_nobody_reads_more_thoroughly_who_usually_does_reads() -> None:
    asked = "重量を教えてください"
    assert shipped().read(asked, [RANPU], thorough=True) == shipped().read(asked, [RANPU])
    assert odds("How heavy is it?", thorough=True) != odds("How heavy is it?")


def test_many_at_once_see_what_one_alone_sees() -> None:
    questions = [f"Does it run for {hours} hours?" for hours in range(2, 14)]
    alone = [shipped().read(question, [LAMP])[0] for question in questions]
    shipped().forget()
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda question: shipped().read(question, [LAMP])[0], questions))
    assert together == alone


def test_a_crowd_is_seen_while_it_wants_the_cores_and_not_afterwards() -> None:
    readers, together, over = Readers(), threading.Barrier(CROWD + 2), threading.Event()

    def come() -> None:
        together.wait(30)
        with CORES.place():
            over.wait(30)

    with ThreadPoolExecutor(CROWD + 1) as pool:
        for _ in range(CROWD + 1):
            pool.submit(come)
        assert not readers.crowded
        together.wait(30)
        deadline = time.monotonic() + 30
        while not (crowded := readers.crowded) and time.monotonic() < deadline:
            time.sleep(0.001)
        over.set()
    assert crowded
    assert not readers.crowded


def test_who_reads_again_is_loaded_only_for_whoever_asks_it() -> None:
    readers = Readers()
    readers.warm_up()
    loaded = readers._usual["english"]._loaded, readers._thorough["english"]._loaded
    assert loaded[0] is not None
    assert loaded[1] is None
    readers.warm_up(thorough=True)
    assert readers._thorough["english"]._loaded is not None
    assert readers._usual["japanese"]._loaded is None
    readers.warm_up(japanese=True)
    assert readers._usual["japanese"]._loaded is not None


def test_who_is_warm_reads_nothing_when_warmed_again() -> None:
    readers = Readers()
    readers.warm_up()
    readers.forget()
    readers.warm_up()
    assert readers._usual["english"]._recent.cache_info().misses == 0


def test_what_was_asked_is_forgotten_with_all_else_that_strategies_remember() -> None:
    usual, thorough = shipped()._usual, shipped()._thorough
    everybody = (*usual.values(), *thorough.values())
    remembered = [some for each in everybody for some in (each._recent, each._rows._remembered)]
    for asked in ("How heavy is the lamp?", "ランプの重さは？"):
        shipped().read(asked, [LAMP])
    odds("How heavy is the lamp?", thorough=True)
    assert all(each.cache_info().currsize for each in remembered)
    Strategies({"echo": {"use": "echo"}}, kit()).forget()
    assert not any(each.cache_info().currsize for each in remembered)


def test_weights_that_are_not_there_are_advice(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="install Kotae again"):
        CrossEncoder(tmp_path).read("How heavy?", [LAMP])


def test_a_broken_file_is_advice(tmp_path: Path) -> None:
    broken = tmp_path / WEIGHTS
    shutil.copy(SHIPPED / "english" / WEIGHTS, broken)
    broken.write_bytes(broken.read_bytes()[:5000])
    with pytest.raises(Misconfigured, match="cannot be read"):
        CrossEncoder(tmp_path).read("How heavy?", [LAMP])


def test_a_broken_vocabulary_is_advice(tmp_path: Path) -> None:
    (tmp_path / VOCABULARY).write_text("{}")
    with pytest.raises(Misconfigured, match="install Kotae again"):
        CrossEncoder(tmp_path).read("How heavy?", [LAMP])


@pytest.mark.parametrize(
    ("reader", "layers", "megabytes"), [("english", 6, 12), ("english-thorough", 8, 44), ("japanese", 8, 28)]
)
def test_what_ships_is_the_whole_network_but_for_embeddings_that_are_installed(
    reader: str, layers: int, megabytes: int
) -> None:
    tensors, _ = unpacked(SHIPPED / reader / WEIGHTS)
    assert {name.split(".")[2] for name in tensors if "layer." in name} == {str(n) for n in range(layers)}
    assert any(name.startswith("embeddings.") for name in tensors) is (reader != "english")
    assert all(np.isfinite(floats(tensor)).all() for tensor in tensors.values())
    assert sum(each.stat().st_size for each in (SHIPPED / reader).iterdir()) < megabytes * 2**20
