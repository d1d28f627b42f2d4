"""The graph that the encoders run as: matrices of few bits, and biases between positions."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from knowledge_base.minilm import DISTANCES, HEADS, Network, Rounded, buckets

WIDTH, WIDE, WORDS, PLACES, LAYERS = 16 * HEADS, 256, 40, 32, 2
ROW = [2, 7, 1, 30, 11, 5, 3]
CHANCE = np.random.default_rng(1)


def random(*shape: int) -> NDArray[np.float32]:
    return CHANCE.normal(0, 0.05, shape).astype(np.float32)


def weights() -> dict[str, Any]:
    found: dict[str, Any] = {
        "embeddings.word_embeddings.weight": random(WORDS, WIDTH),
        "embeddings.position_embeddings.weight": random(PLACES, WIDTH),
    }
    norms = ["embeddings.LayerNorm"]
    for number in range(LAYERS):
        layer = f"encoder.layer.{number}"
        norms += [f"{layer}.attention.output.LayerNorm", f"{layer}.output.LayerNorm"]
        for name, rows, columns in (
            *((f"attention.self.{part}", WIDTH, WIDTH) for part in ("query", "key", "value")),
            ("attention.output.dense", WIDTH, WIDTH),
            ("intermediate.dense", WIDE, WIDTH),
            ("output.dense", WIDTH, WIDE),
        ):
            found |= {f"{layer}.{name}.weight": random(rows, columns), f"{layer}.{name}.bias": random(rows)}
    for name in norms:
        found |= {f"{name}.weight": 1 + random(WIDTH), f"{name}.bias": random(WIDTH)}
    return found


def in_bits(matrix: NDArray[np.float32], most: int, columns: int) -> Rounded:
    parts = matrix.reshape(len(matrix), -1, columns)
    scales = np.abs(parts).max(-1) / most
    numbers = np.rint(parts / scales[..., None]).astype(np.int8).reshape(matrix.shape)
    if most > 7:
        return Rounded(numbers, scales)
    above = (numbers + 8).astype(np.uint8)
    return Rounded(above[:, ::2] | above[:, 1::2] << 4, scales)


def states(these: dict[str, Any]) -> NDArray[np.float32]:
    return Network(these, 1).read([ROW], lambda _, found: found[: len(ROW)].copy())[0]


def cosines(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    found: NDArray[np.float32] = (one * other).sum(axis=1) / lengths
    return found


@pytest.mark.parametrize(("most", "columns"), [(127, 0), (7, 64)])
def test_a_network_of_few_bits_is_the_one_that_they_stand_for(most: int, columns: int) -> None:
    exact = weights()
    kept = {
        name: in_bits(each, most, columns or each.shape[1]) if each.ndim == 2 else each
        for name, each in exact.items()
    }
    meant = {name: each.floats() if isinstance(each, Rounded) else each for name, each in kept.items()}
    assert cosines(states(kept), states(meant)) == pytest.approx(1, abs=0.002)
    assert cosines(states(kept), states(exact)).min() > (0.9 if most == 7 else 0.999)


def test_numbers_of_four_bits_lie_two_in_a_byte() -> None:
    kept = Rounded(np.array([[0x08, 0xF9]], np.uint8), np.array([[1.0, 0.5]], np.float32))
    assert kept.shape == (1, 2, 2)
    assert kept.whole().tolist() == [[0, -8, 1, 7]]
    assert kept.floats().tolist() == [[0, -8, 0.5, 3.5]]


def test_distances_are_shared_out_as_the_paper_has_it() -> None:
    """Values of T5's and MPNet's buckets: near distances have one each, later ones theirs behind the half."""
    near = np.arange(-3, 4)
    assert buckets(near, 32).tolist() == [3, 2, 1, 0, 17, 18, 19]
    assert buckets(np.array([8, 16, 64, 127, 128, 500]), 32).tolist() == [24, 26, 30, 31, 31, 31]


def test_how_far_apart_two_tokens_are_counts_where_there_is_a_bias() -> None:
    these = weights()
    without = states(these)
    assert cosines(states(these | {DISTANCES: np.zeros((32, HEADS), np.float32)}), without) == pytest.approx(
        1, abs=1e-4
    )
    itself = np.zeros((32, HEADS), np.float32)
    itself[0] = 50  # each sees itself alone: the same word at another place of a longer row stays as it was
    alone = Network(these | {DISTANCES: itself}, 1)
    one, other = alone.read([ROW, [*ROW[:3], 9, 9]], lambda _, found: found[0].copy())
    assert one == pytest.approx(other, abs=0.02)
    assert cosines(one[None], without[:1])[0] < 0.999
