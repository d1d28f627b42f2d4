"""Whatever embeds, unrelated texts are as far apart, and what was near stays near."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from knowledge_base import scale
from knowledge_base.embedding import MiniLM, Model, OfWholeTexts
from knowledge_base.testing import HashEmbedder

Floats = NDArray[np.float32]
Reads = Callable[[list[str]], Floats]
DIMENSION = 256
COMMON = np.eye(1, DIMENSION, dtype=np.float32)[0]


def crowded(texts: list[str], common: float = 2.0) -> Floats:
    """As E5 has it: whatever a text says, its vector holds mostly what all have in common."""
    rows = np.asarray(HashEmbedder(DIMENSION).embed_documents(texts), np.float32) + common * COMMON
    unit: Floats = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def meant(texts: list[str], common: float = 2.0) -> Floats:
    """Whoever reads both languages: a line of the background is the same line in either."""
    lines = scale.background()
    place = {line: lines[at % (len(lines) // 2)] for at, line in enumerate(lines)}
    return crowded([place.get(text, text) for text in texts], common)


class Other(OfWholeTexts):
    """A model of somebody's."""

    limit = 256
    _named = "other"

    def __init__(self, reads: Reads) -> None:
        super().__init__(Model("other"))
        self._reads = reads

    def count(self, text: str) -> int:
        return len(text.split())

    def _vectors(self, texts: list[str], *, asked: bool) -> Floats:
        return self._reads(texts)


def cosine(it: OfWholeTexts, question: str, text: str) -> float:
    return float(np.array(it.embed_query(question)) @ np.array(it.embed_documents([text])[0]))


KETTLE, LIME, TRAIN = "The kettle boils water", "The kettle boils water quickly", "Tickets cost nine euros"


def test_the_unrelated_are_far_apart_and_the_related_near_whatever_the_model_calls_near() -> None:
    assert float(crowded([KETTLE])[0] @ crowded([TRAIN])[0]) > 0.75
    it = Other(meant)
    assert cosine(it, KETTLE, TRAIN) < 0.3
    assert cosine(it, KETTLE, LIME) > 0.7
    assert cosine(it, KETTLE, KETTLE) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("common", [1.0, 2.0, 4.0])
def test_the_background_comes_to_the_same_scale_however_crowded_a_model_is(common: float) -> None:
    def read(texts: list[str], _asked: bool) -> Floats:
        return meant(texts, common)

    texts = {asked: read(list(scale.background()), asked) for asked in (True, False)}
    assert scale.unrelated(texts, scale.measured(read), 2) == pytest.approx(scale.UNRELATED, abs=0.005)


def test_of_a_model_that_keeps_the_unrelated_apart_nothing_is_taken() -> None:
    it = Other(lambda texts: np.linalg.qr(np.eye(DIMENSION))[0][[len(text) % 97 for text in texts]])
    assert it.embed_documents([KETTLE]) == [it._reads([KETTLE])[0].tolist()]


def test_a_text_that_says_nothing_but_what_all_say_still_has_a_vector() -> None:
    it = Other(lambda texts: np.tile(COMMON, (len(texts), 1)))
    assert np.linalg.norm(it.embed_query("anything")) == pytest.approx(1)
    assert np.linalg.norm(Other(meant).embed_query("")) == pytest.approx(1, abs=1e-3)


def test_who_reads_japanese_is_told_from_who_does_not() -> None:
    assert Other(meant).familiarity("保証期間は") == 1.0
    alone = Other(crowded)
    assert alone.familiarity("保証期間は") == 0.0
    assert alone.familiarity("How long is the warranty?") == 1.0


def test_to_the_shipped_model_japanese_is_noise_by_the_same_measure() -> None:
    vectors = np.asarray(MiniLM(1).embed_documents(list(scale.background())), np.float32)
    assert scale.alike(vectors) < 0.25


def test_the_background_says_the_same_in_two_languages_questions_first() -> None:
    lines = scale.background()
    english, japanese = lines[: len(lines) // 2], lines[len(lines) // 2 :]
    assert len(english) == len(japanese) == 48
    assert all(line.isascii() for line in english)
    assert not any(line.isascii() for line in japanese)
    for part in (english, japanese):
        assert [line.endswith(("?", "か。", "ください。")) for line in part[: scale.ASKED]] == [
            True
        ] * scale.ASKED


def test_the_scale_is_measured_once_where_questions_are_read_like_any_text() -> None:
    read: list[int] = []

    def counting(texts: list[str]) -> Floats:
        read.append(len(texts))
        return meant(texts)

    it = Other(counting)
    it.embed_query("one")
    it.embed_documents(["two", "three"])
    assert sorted(read) == [1, 2, 96]
