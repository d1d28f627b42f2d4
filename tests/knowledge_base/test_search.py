"""A question finds its passage by meaning, by words, or by both; and the evidence for each is told."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from knowledge_base import lexical
from knowledge_base.embedding import Embedder, embedder
from knowledge_base.lexical import Match
from knowledge_base.passages import Cut, Passage
from knowledge_base.search import HybridSearch, evidence, ranked

TEXTS = {
    "returns": "You may send goods back within 30 days. The postage is on us.",
    "fault": "E-204 is shown when no water is left.",
    "care": "Descale the kettle every month. Use the powder that came with it.",
    "colours": "The kettle is sold in white, in black and in sage green.",
    "warranty": "Anything that breaks within two years is repaired free of charge.",
    "保証": "保証期間はお買い上げ日から二年間です。",
    "返品": "商品到着後30日以内であれば返品できます。",
    "掃除": "刃は月に一度、乾いたブラシで掃除してください。",
}


@pytest.fixture(scope="module")
def minilm() -> Embedder:
    return embedder(threads=1)


class Shelf:
    """The passages above, and a search over them that a test may take parts from."""

    def __init__(self, model: Embedder, connection: sa.Connection) -> None:
        self.model = model
        self.connection = connection
        lexical.create(connection)
        cuts = [Cut(text, "Kettle", (), None, n, 0, spans(text)) for n, text in enumerate(TEXTS.values())]
        made = model.embed_passages(cuts)
        self.passages = {
            id_: Passage(id_, id_, "Kettle", "kettle.md", cut.text, sentences=cut.sentences)
            for id_, cut in zip(TEXTS, cuts, strict=True)
        }
        self.vectors = {id_: whole for id_, (whole, _) in zip(TEXTS, made, strict=True)}
        self.sentence_vectors = {id_: each for id_, (_, each) in zip(TEXTS, made, strict=True)}
        for id_, text in TEXTS.items():
            lexical.add(connection, id_, id_, "Kettle", text)

    def search(self, vector: Sequence[float], k: int) -> list[tuple[str, float]]:
        cosines = {id_: float(each @ np.asarray(vector)) for id_, each in self.vectors.items()}
        return sorted(cosines.items(), key=lambda each: -each[1])[:k]

    def words(self, query: str, k: int) -> lexical.Hits:
        return lexical.search(self.connection, query, k)

    def load(self, ids: Sequence[str]) -> dict[str, Passage]:
        return {id_: self.passages[id_] for id_ in ids if id_ in self.passages}

    def sentences(self, passages: Sequence[Passage]) -> list[Any]:
        return [self.sentence_vectors[passage.id] for passage in passages]

    def hybrid(self, sentences: Callable[[Sequence[Passage]], Sequence[Any]] | None = None) -> HybridSearch:
        return HybridSearch(self.model, self, self.words, self.load, sentences or self.sentences)


def spans(text: str) -> tuple[tuple[int, int], ...]:
    end = text.find(". ") + 1
    return ((0, end), (end + 1, len(text))) if end else ((0, len(text)),)


@pytest.fixture
def shelf(minilm: Embedder) -> Iterator[Shelf]:
    with sa.create_engine("sqlite://").begin() as connection:
        yield Shelf(minilm, connection)


@pytest.mark.parametrize(
    ("question", "passage"),
    [
        ("I changed my mind; how do I return it?", "returns"),
        ("My appliance is defective, who pays?", "warranty"),
        ("e204", "fault"),
        ("descaling", "care"),
        ("sage", "colours"),
        ("保証は何年ですか", "保証"),
        ("返品したいのですが", "返品"),
    ],
)
def test_a_question_finds_its_passage_by_meaning_or_by_words(
    shelf: Shelf, question: str, passage: str
) -> None:
    assert shelf.hybrid()(question)[0].id == passage


def test_passages_come_best_first_with_rank_score_and_margin(shelf: Shelf) -> None:
    found = shelf.hybrid()("How do I descale the kettle?", 3)
    assert [passage.rank for passage in found] == [1, 2, 3]
    assert found[0].score > found[1].score > found[2].score > 0
    for passage, following in pairwise(found):
        assert passage.evidence["margin"] == pytest.approx(passage.score - following.score)
    assert found[2].evidence["margin"] >= 0


def test_each_passage_says_which_search_found_it(shelf: Shelf) -> None:
    found = {passage.id: passage for passage in shelf.hybrid()("Which colours is it sold in?", 8)}
    assert found["colours"].dense is not None
    assert found["colours"].lexical is not None
    assert found["掃除"].lexical is None


def test_all_evidence_is_told_and_bounded(shelf: Shelf) -> None:
    for question in ("How do I descale the kettle?", "返品したいのですが", "Kettleの保証は?", "E-204 🙂"):
        for passage in shelf.hybrid()(question, 8):
            for name in ("score", "strength", "coverage", "heading", "order", "familiarity"):
                assert 0 <= passage.evidence[name] <= 1, name
            for name in ("cosine", "sentence"):
                assert -1.01 <= passage.evidence[name] <= 1.01, name


def test_a_question_that_the_documents_do_not_answer_has_weaker_evidence(shelf: Shelf) -> None:
    search = shelf.hybrid()
    answered = search("How often must the kettle be descaled?")[0]
    unanswered = search("Does the kettle speak Portuguese?")[0]
    assert answered.score > unanswered.score
    assert answered.evidence["coverage"] > unanswered.evidence["coverage"]


def test_a_passage_about_several_things_is_found_by_one_sentence_of_it(shelf: Shelf) -> None:
    question = "Who pays for shipping?"
    found = shelf.hybrid()(question)[0]
    assert found.id == "returns"
    assert found.evidence["sentence"] > found.evidence["cosine"]
    blind = shelf.hybrid(lambda passages: [()] * len(passages))(question)[0]
    assert blind.evidence["sentence"] == blind.evidence["cosine"]
    assert found.score > blind.score


def test_passages_that_say_the_same_come_in_the_order_of_their_files_in_every_installation() -> None:
    same = {"score": 0.5}
    here = [Passage(id_, id_, "Kettle", file, "Yes.") for id_, file in (("1", "b.md"), ("2", "a.md"))]
    there = [replace(passage, id=id_) for passage, id_ in zip(here, "98", strict=True)]
    for passages in (here, there, here[::-1]):
        found = ranked(passages, [same, same], 2)
        assert [passage.source for passage, _ in found] == ["a.md", "b.md"]


def test_japanese_is_judged_by_its_words_as_the_model_cannot_read_it(shelf: Shelf, minilm: Embedder) -> None:
    assert minilm.familiarity("返品したい") == 0
    assert minilm.familiarity("How?") == 1
    assert 0 < minilm.familiarity("Wi-Fiにつながらない") < 1
    best = shelf.hybrid()("返品したいのですが")[0]
    words_alone = evidence(0.0, 0.0, match_of(best), known=0.0)
    assert best.score == pytest.approx(words_alone["score"])


def match_of(passage: Passage) -> Match:
    told = passage.evidence
    return Match(told["strength"], told["coverage"], told["heading"], told["order"])


def test_a_passage_that_may_not_answer_is_not_found(shelf: Shelf) -> None:
    del shelf.passages["care"]
    assert "care" not in [passage.id for passage in shelf.hybrid()("How do I descale the kettle?", 8)]


def test_when_the_vectors_are_gone_the_words_still_find(shelf: Shelf) -> None:
    shelf.vectors.clear()
    found = shelf.hybrid()("How do I descale the kettle?", 8)
    assert found[0].id == "care"
    assert found[0].dense is None
    assert found[0].evidence["familiarity"] == 0


def test_a_passage_found_by_words_alone_is_taken_for_no_nearer_than_the_last_of_the_near(
    shelf: Shelf,
) -> None:
    hidden = shelf.vectors.pop("fault")
    found = {passage.id: passage for passage in shelf.hybrid()("E-204", 8)}
    assert hidden is not None
    assert found["fault"].dense is None
    assert found["fault"].evidence["cosine"] == min(p.dense for p in found.values() if p.dense is not None)


@pytest.mark.parametrize("question", ["", "  \n"])
def test_nothing_asked_finds_nothing(shelf: Shelf, question: str) -> None:
    assert shelf.hybrid()(question) == []
    assert shelf.hybrid()("kettle", 0) == []


def test_more_passages_can_be_asked_for_than_there_are(shelf: Shelf) -> None:
    found = shelf.hybrid()("kettle", 50)
    assert len(found) == len(TEXTS)
    assert len({passage.id for passage in found}) == len(TEXTS)
