"""An admin keeps the desk's pairs: imported after a look, mended, held out, taken away."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
import sqlalchemy as sa

from bot.access.audit import Audit
from bot.kotae import Kotae
from bot.store.migrate import upgrade
from bot.teaching.pairs import PairRefused, Pairs, UnknownPair
from knowledge_base.database import open_engine
from knowledge_base.embedding import Embedder
from knowledge_base.limits import Limits
from knowledge_base.testing import HashEmbedder, add
from strategies.lora.pairs import BadPairs, Pair, read, split

LID = {"question": "How do I open the lid?", "answer": "Press the button on the handle.", "tags": "lid"}
HEAT = {"question": "How hot does it get?", "answer": "It reaches 95 °C.", "language": "en", "fact": "heat"}
JAPANESE = {"question": "容量は？", "answer": "1.7リットルです。", "tags": ["容量", "ケトル"]}
DOCUMENTS = {"kettle.md": "doc1", "mill.md": "doc2"}


def file(*entries: dict[str, Any]) -> io.BytesIO:
    return io.BytesIO("\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries).encode())


def desk(number: int, **labels: str) -> list[dict[str, Any]]:
    return [
        {"question": f"What about part {place}?", "answer": f"Part {place} is fine.", **labels}
        for place in range(number)
    ]


@pytest.fixture(scope="module")
def embedder() -> Embedder:
    return HashEmbedder(256)


@pytest.fixture
def pairs(engine: sa.Engine, embedder: Embedder) -> Pairs:
    return Pairs(engine, embedder, lambda: DOCUMENTS)


def bring(pairs: Pairs, *entries: dict[str, Any]) -> tuple[int, int]:
    done = pairs.import_(file(*entries), "pairs.jsonl", by="ann")
    return done.added, done.changed


def questions(pairs: Pairs, **chosen: Any) -> list[str]:
    return [kept.pair.question for kept in pairs.list(**chosen).pairs]


# ---- importing ----


def test_an_admin_sees_first_what_a_file_would_bring_and_nothing_is_kept(pairs: Pairs) -> None:
    preview = pairs.preview(file(LID, HEAT, LID), "pairs.jsonl")
    assert (preview.new, preview.known) == (2, 0)
    assert preview.report.of("duplicate")[0].lines == (1, 3)
    assert pairs.list().total == 0
    pairs.keep(preview, by="ann")
    assert questions(pairs) == [LID["question"], HEAT["question"]]


def test_the_same_file_twice_is_once(pairs: Pairs) -> None:
    assert bring(pairs, LID, HEAT) == (2, 0)
    assert bring(pairs, LID, HEAT, JAPANESE) == (1, 0)
    assert pairs.preview(file(LID, HEAT), "pairs.jsonl").known == 2
    assert pairs.list().total == 3


def test_new_labels_of_a_known_pair_are_taken_and_old_ones_stay(pairs: Pairs) -> None:
    bring(pairs, LID, HEAT)
    assert bring(pairs, {**LID, "tags": "", "fact": "lid"}, HEAT) == (0, 1)
    pair = pairs.list("lid").pairs[0].pair
    assert (pair.fact, pair.tags) == ("lid", ("lid",))


def test_a_file_with_a_bad_line_brings_nothing_unless_the_admin_wants_the_rest(pairs: Pairs) -> None:
    bad = {"question": "And this?"}
    with pytest.raises(BadPairs, match="line 2: it has no answer"):
        bring(pairs, LID, bad)
    assert pairs.list().total == 0
    done = pairs.import_(file(LID, bad), "pairs.jsonl", by="ann", despite_faults=True)
    assert (done.added, pairs.list().total) == (1, 1)


def test_personal_data_never_reaches_the_store_and_the_audit_counts_it(
    pairs: Pairs, engine: sa.Engine
) -> None:
    bring(pairs, {**LID, "question": "Lid stuck, mail anna@mailbox.example or 07911 123456"})
    assert questions(pairs) == ["Lid stuck, mail [email] or [phone]"]
    [line] = Audit(engine).page()
    assert (line.who, line.what, line.subject) == ("ann", "import pairs", "pairs.jsonl")
    assert line.detail == {"added": 1, "changed": 0, "faults": 0, "redacted": {"email": 1, "phone": 1}}


def test_the_same_raw_file_is_known_after_redaction(pairs: Pairs) -> None:
    entry = {**LID, "question": "Lid stuck, mail anna@mailbox.example"}
    assert bring(pairs, entry) == (1, 0)
    assert bring(pairs, entry) == (0, 0)


def test_what_the_admin_keeps_is_not_taken_out_and_not_asked_about_again(pairs: Pairs) -> None:
    entry = {**LID, "answer": "Ask anna@kettle.example about it."}
    pairs.import_(file(entry), "pairs.jsonl", by="ann", keep=["anna@kettle.example"])
    assert pairs.list().pairs[0].pair.answer == entry["answer"]
    assert pairs.check()[0].of("personal") == ()
    assert pairs.preview(file(HEAT), "more.jsonl").report.redacted == {}


def test_a_file_is_checked_against_what_is_kept(pairs: Pairs) -> None:
    bring(pairs, HEAT)
    preview = pairs.preview(file(LID, {**HEAT, "answer": "It reaches 80 °C."}), "pairs.jsonl")
    [conflict] = preview.report.of("conflict")
    assert conflict.lines == (2,)


def test_a_pair_joins_the_fact_that_is_answered_so_already(pairs: Pairs) -> None:
    bring(pairs, HEAT)
    bring(pairs, {"question": "Its temperature?", "answer": "it reaches 95 °C"})
    assert {kept.pair.fact for kept in pairs.list().pairs} == {"heat"}


def test_more_pairs_than_the_desk_may_have_are_refused(engine: sa.Engine, embedder: Embedder) -> None:
    pairs = Pairs(engine, embedder, limits=Limits(rows=3))
    bring(pairs, LID, HEAT)
    with pytest.raises(BadPairs, match="that would be 4 pairs; at most 3 are kept"):
        bring(pairs, *desk(2))
    bring(pairs, JAPANESE)
    with pytest.raises(BadPairs, match="at most 3"):
        pairs.add({"question": "More?", "answer": "No."}, by="ann")


# ---- parts ----


def test_every_pair_gets_its_part_when_it_comes_and_keeps_it(pairs: Pairs) -> None:
    bring(pairs, *desk(100))
    before = {kept.id: kept.pair.split for kept in pairs.list(limit=None).pairs}
    assert set(before.values()) == {"train", "held-out"}
    for number in range(8):
        pairs.add({"question": f"Else {number}?", "answer": f"Part {number} is fine."}, by="ann")
    after = {kept.id: kept.pair.split for kept in pairs.list(limit=None).pairs}
    assert {id_: after[id_] for id_ in before} == before


def test_what_came_as_held_out_is_never_taught(pairs: Pairs) -> None:
    bring(pairs, {**LID, "split": "test"}, {**LID, "question": "Open the lid?", "split": "train"})
    bring(pairs, {**LID, "split": "train"}, {**LID, "question": "how do I open the LID", "tags": "again"})
    parts = split(pairs.all(), seed=9)
    assert [pair.question for pair in parts.train] == ["Open the lid?"]
    assert len(parts.held_out_paraphrases) == 2


def test_a_held_out_pair_cannot_be_edited_into_training(pairs: Pairs) -> None:
    kept = pairs.add({**LID, "split": "held-out"}, by="ann")
    with pytest.raises(PairRefused, match="is held out and stays so"):
        pairs.edit(kept.id, {"split": "train"}, by="ann")
    assert pairs.edit(kept.id, {"answer": "Pull."}, by="ann").pair.split == "held-out"


def test_an_admin_may_hold_a_taught_pair_out(pairs: Pairs) -> None:
    bring(pairs, HEAT, {**HEAT, "question": "Its temperature?"})
    kept = next(one for one in pairs.list().pairs if one.pair.split == "train")
    assert pairs.edit(kept.id, {"split": "held-out"}, by="ann").pair.split == "held-out"


def test_a_file_from_elsewhere_is_trained_on_without_what_is_held_out_here(pairs: Pairs) -> None:
    pairs.add({**LID, "split": "held-out"}, by="ann")
    elsewhere = [Pair("how do i open the lid", "Pull."), Pair("How heavy?", "1 kg.")]
    assert [pair.split for pair in pairs.with_marks(elsewhere)] == ["held-out", ""]


def test_another_wording_of_what_is_not_taught_here_at_all_is_not_taught_from_a_file_either(
    pairs: Pairs,
) -> None:
    pairs.add({**LID, "fact": "lid", "split": "held-out"}, by="ann")
    elsewhere = [
        Pair("Where is the lid's handle?", "On top.", fact="lid"),
        Pair("How heavy?", "1 kg.", fact="weight"),
    ]
    assert [pair.split for pair in pairs.with_marks(elsewhere)] == ["held-out", ""]


def test_what_is_held_out_here_stays_so_when_its_document_goes(pairs: Pairs) -> None:
    pairs.add({**LID, "document": "d1", "split": "held-out"}, by="ann")
    assert pairs.withdraw("d1", "its document was removed") == 1
    assert [pair.split for pair in pairs.with_marks([Pair(LID["question"], "Pull.")])] == ["held-out"]


# ---- looking and mending ----


def test_pairs_are_found_by_word_tag_language_and_part(pairs: Pairs) -> None:
    bring(pairs, LID, HEAT, JAPANESE)
    assert questions(pairs, text="HANDLE lid") == [LID["question"]]
    assert questions(pairs, text="リットル") == [JAPANESE["question"]]
    assert questions(pairs, text="100%") == []
    assert questions(pairs, tag="ケトル") == [JAPANESE["question"]]
    assert questions(pairs, tag="ケト") == []
    assert questions(pairs, language="en") == [HEAT["question"]]
    assert questions(pairs, fact="heat") == [HEAT["question"]]
    assert len(questions(pairs, split="train")) + len(questions(pairs, split="held-out")) == 3


def test_pages_follow_each_other_in_the_order_of_the_file(pairs: Pairs) -> None:
    bring(pairs, *desk(7))
    first, second = pairs.list(limit=5), pairs.list(limit=5, offset=5)
    assert (len(first.pairs), len(second.pairs), first.total, second.total) == (5, 2, 7, 7)
    assert [one.pair.question for one in (*first.pairs, *second.pairs)] == [
        one["question"] for one in desk(7)
    ]


def test_a_pair_is_added_mended_and_removed_and_the_audit_says_by_whom(
    pairs: Pairs, engine: sa.Engine
) -> None:
    kept = pairs.add(LID, by="ann")
    mended = pairs.edit(kept.id, {"answer": "Pull. Or ask bob@mailbox.example", "tags": "lid;open"}, by="bea")
    assert (mended.pair.question, mended.pair.answer) == (LID["question"], "Pull. Or ask [email]")
    assert (mended.pair.tags, mended.by, pairs.get(kept.id)) == (("lid", "open"), "bea", mended)
    pairs.remove(kept.id, by="cy")
    with pytest.raises(UnknownPair):
        pairs.get(kept.id)
    told = [(line.who, line.what, line.detail.get("redacted")) for line in Audit(engine).page()]
    assert told == [("cy", "remove pair", None), ("bea", "edit pair", {"email": 1}), ("ann", "add pair", {})]


def test_what_is_no_pair_or_is_there_already_is_refused_with_a_sentence(pairs: Pairs) -> None:
    kept = pairs.add(LID, by="ann")
    other = pairs.add(HEAT, by="ann")
    with pytest.raises(BadPairs, match="the answer is empty"):
        pairs.add({"question": "Really?", "answer": ""}, by="ann")
    with pytest.raises(PairRefused, match="is there already"):
        pairs.add({**LID, "question": "how do I open  the lid?"}, by="ann")
    with pytest.raises(PairRefused, match="is there already"):
        pairs.edit(other.id, LID, by="ann")
    with pytest.raises(UnknownPair):
        pairs.edit("nobody", {}, by="ann")
    assert pairs.get(kept.id).pair.question == LID["question"]


def test_what_is_exported_can_be_imported_elsewhere_with_its_parts(pairs: Pairs) -> None:
    bring(pairs, LID, HEAT, JAPANESE, *desk(30))
    written = io.BytesIO()
    assert pairs.export(written, "csv") == 33
    assert read(io.BytesIO(written.getvalue()), "pairs.csv") == pairs.all()
    some = io.BytesIO()
    assert pairs.export(some, "openai", tag="lid") == 1


def test_the_desk_is_counted(pairs: Pairs) -> None:
    bring(pairs, LID, HEAT, JAPANESE)
    counts = pairs.counts()
    assert (counts.pairs, counts.facts, counts.withdrawn) == (3, 3, 0)
    assert counts.languages == {"": 2, "en": 1}
    assert counts.tags == {"lid": 1, "容量": 1, "ケトル": 1}
    assert sum(counts.splits.values()) == 3


def test_the_check_names_the_pairs_by_their_ids(pairs: Pairs) -> None:
    bring(pairs, LID, HEAT, {**HEAT, "answer": "It reaches 80 °C."})
    report, ids = pairs.check()
    [conflict] = report.of("conflict")
    assert {pairs.get(ids[place]).pair.answer for place in conflict.places} == {
        "It reaches 95 °C.",
        "It reaches 80 °C.",
    }


# ---- documents that go ----


def test_pairs_of_a_deleted_document_are_not_taught_until_an_admin_has_looked(pairs: Pairs) -> None:
    bring(pairs, {**LID, "document": "kettle.md"}, {**HEAT, "document": "doc2"}, JAPANESE)
    assert pairs.withdraw("doc1", "the document 'Kettle' was deleted") == 1
    assert pairs.withdraw("doc1", "again") == 0
    assert LID["question"] not in [pair.question for pair in pairs.all()]
    [kept] = pairs.list(withdrawn=True).pairs
    assert kept.withdrawn == "the document 'Kettle' was deleted"
    pairs.restore(kept.id, by="ann")
    assert LID["question"] in [pair.question for pair in pairs.all()]
    assert pairs.counts().withdrawn == 0


def test_deleting_a_document_withdraws_what_was_drawn_from_its_file(kotae: Kotae) -> None:
    document = add(kotae.library, "kettle.md", "# Kettle\n\nPress the button on the handle to open the lid.")
    kotae.pairs.import_(file({**LID, "document": "kettle.md"}, JAPANESE), "pairs.jsonl", by="ann")
    [drawn] = kotae.pairs.list(document=document.id).pairs
    kotae.remove(document.id)
    assert kotae.pairs.get(drawn.id).withdrawn == "the document 'Kettle' was deleted"
    assert [pair.question for pair in kotae.pairs.all()] == [JAPANESE["question"]]


# ---- PostgreSQL ----


@pytest.mark.server
def test_on_postgresql_the_same_desk_is_kept(postgresql: str, embedder: Embedder) -> None:
    engine = open_engine(postgresql)
    try:
        upgrade(engine)
        pairs = Pairs(engine, embedder, lambda: DOCUMENTS)
        assert bring(pairs, LID, {**HEAT, "document": "mill.md"}, JAPANESE) == (3, 0)
        assert bring(pairs, LID, HEAT, {**LID, "fact": "lid"}) == (0, 1)
        assert questions(pairs, text="HANDLE lid", tag="lid", withdrawn=False) == [LID["question"]]
        [kept] = pairs.list(document="doc2", limit=None).pairs
        pairs.edit(kept.id, {"answer": "Mail bob@mailbox.example"}, by="ann")
        assert pairs.withdraw("doc2", "gone") == 1
        assert [pair.answer for pair in pairs.all()] == [LID["answer"], JAPANESE["answer"]]
        pairs.remove(kept.id, by="ann")
        assert pairs.counts().pairs == 2
    finally:
        engine.dispose()
