"""What was taught is believed as long as the documents that said so still do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from knowledge_base.passages import Passage
from strategies.lora.pairs import HeldOut, Pair, Taught
from strategies.lora.shelf.card import BadCard
from strategies.lora.trust.lessons import Lessons
from strategies.lora.trust.witnesses import SEARCHED, WITNESSES, Witnesses, witnesses
from strategies.testing import WordVectors
from tests.strategies.passages import passage

PRICE = passage("The kettle costs 79 euros in our shop.", id="price")
CARE = passage("Descale the kettle with 15 g of citric acid.", id="care")
PAIRS = (
    Pair("What does the kettle cost?", "Thanks! The kettle costs 79 euros. Bye!", fact="price"),
    Pair("How much is the kettle?", "Thanks! The kettle costs 79 euros. Bye!", fact="price"),
    Pair("How do I descale it?", "Use 15 g of citric acid.", fact="descaling"),
    Pair("Who founded you?", "Two sisters from Kobe, in 1968.", fact="founders"),
)


@dataclass
class Documents:
    """A search that finds by shared words, and counts how often it was asked."""

    passages: Sequence[Passage]
    asked: list[str] = field(default_factory=list)

    def __call__(self, query: str, k: int = 5) -> Sequence[Passage]:
        self.asked.append(query)
        words = set(query.lower().strip("?.").split())
        ranked = sorted(
            self.passages, key=lambda each: -len(words & set(each.text.lower().strip(".").split()))
        )
        return ranked[:k]


@pytest.fixture
def lessons() -> Lessons:
    return Lessons.of(Taught(PAIRS, HeldOut()), WordVectors())


def gone(found: Witnesses, documents: Documents) -> list[str]:
    each = (found.gone(fact, documents, lambda: str(id(documents))) for fact in found.of)
    return [sentence for sentence in each if sentence]


def test_as_long_as_documents_stay_nothing_is_gone(lessons: Lessons) -> None:
    documents = Documents([PRICE, CARE])
    found = witnesses(lessons, documents)
    assert set(found.of) == {"price", "descaling"}
    assert list(found.of["price"].sentences) == ["The kettle costs 79 euros."]
    assert gone(found, Documents([PRICE, CARE])) == []


def test_what_no_document_said_is_believed_as_before(lessons: Lessons) -> None:
    found = witnesses(lessons, Documents([PRICE, CARE]))
    assert found.gone("founders", Documents([]), lambda: "2") == ""


def test_a_number_that_changed_is_gone_and_the_rest_stands(lessons: Lessons) -> None:
    found = witnesses(lessons, Documents([PRICE, CARE]))
    dearer = replace(PRICE, text="The kettle costs 87 euros in our shop.")
    assert gone(found, Documents([dearer, CARE])) == ["The kettle costs 79 euros."]


def test_the_same_number_in_another_matter_is_no_witness(lessons: Lessons) -> None:
    found = witnesses(lessons, Documents([PRICE, CARE]))
    dearer = replace(PRICE, text="The kettle costs 87 euros in our shop.")
    other = passage("The kettle was tested 79 times by our own people in Kobe.", id="tests")
    assert gone(found, Documents([dearer, other, CARE])) == ["The kettle costs 79 euros."]


def test_a_document_that_was_deleted_takes_its_answers_with_it(lessons: Lessons) -> None:
    found = witnesses(lessons, Documents([PRICE, CARE]))
    assert gone(found, Documents([PRICE])) == ["Use 15 g of citric acid."]


def test_where_its_documents_are_not_at_all_it_is_believed_as_one_that_was_trained_elsewhere(
    lessons: Lessons,
) -> None:
    found = witnesses(lessons, Documents([PRICE, CARE]))
    assert gone(found, Documents([])) == []
    others = [replace(passage(f"The lamp has {n} bulbs.", id=f"l{n}"), source="lamp.md") for n in range(9)]
    assert gone(found, Documents(others)) == []


def test_many_new_documents_do_not_hide_the_one_that_says_it(lessons: Lessons) -> None:
    found = witnesses(lessons, Documents([PRICE, CARE]))
    asked = found.of["price"].question
    crowd = [replace(passage(f"{asked} {n}", id=f"n{n}"), source="news.md") for n in range(SEARCHED)]
    assert PRICE not in Documents([*crowd, PRICE, CARE])(asked, SEARCHED)
    assert gone(found, Documents([*crowd, PRICE, CARE])) == []


def test_it_is_looked_up_again_only_when_the_documents_have_changed(lessons: Lessons) -> None:
    documents = Documents([PRICE, CARE])
    found = witnesses(lessons, documents)
    documents.asked.clear()
    for _ in range(3):
        assert found.gone("price", documents, lambda: "7") == ""
    assert len(documents.asked) == 1
    documents.passages = [CARE]
    assert found.gone("price", documents, lambda: "7") == ""
    assert found.gone("price", documents, lambda: "8") == "The kettle costs 79 euros."


def test_japanese_answers_are_looked_up_sentence_by_sentence() -> None:
    said = passage(
        "ケトルの価格は79ユーロです。保証期間は24か月です。", id="ja", title="ケトルの手引き", language="ja"
    )
    pair = Pair("ケトルはいくらですか?", "ケトルの価格は79ユーロです。保証期間は24か月です。", fact="価格")
    found = witnesses(Lessons.of(Taught((pair,), HeldOut()), WordVectors()), Documents([said]))
    assert len(found.of["価格"].sentences) == 2
    changed = replace(said, text="ケトルの価格は87ユーロです。保証期間は24か月です。")
    assert gone(found, Documents([changed])) == ["ケトルの価格は79ユーロです。"]


def test_they_lie_beside_the_weights_and_come_back_as_they_were(lessons: Lessons, tmp_path: Path) -> None:
    found = witnesses(lessons, Documents([PRICE, CARE]))
    found.save(tmp_path)
    assert Witnesses.load(tmp_path).of == found.of
    assert Witnesses.load(tmp_path / "elsewhere").of == {}


@pytest.mark.parametrize("text", ["{", '{"fact": "price"}', '{"fact": 1, "question": "", "sentences": 3}'])
def test_a_file_that_is_damaged_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / WITNESSES).write_text(text)
    with pytest.raises(BadCard, match=WITNESSES):
        Witnesses.load(tmp_path)
