"""Passages changed by hand: they answer as the admin wrote them, and go on doing so in the next version."""

from __future__ import annotations

import io
import multiprocessing
import os
import signal
from collections.abc import Sequence
from pathlib import Path

import pytest

from knowledge_base import testing
from knowledge_base.embedding import embedder as embedder_of
from knowledge_base.errors import Conflict, NotFound
from knowledge_base.library import Library
from knowledge_base.passages import Cut, Passage
from knowledge_base.testing import add
from tests.knowledge_base.conftest import Start, found

MANUAL = """# Kettle

## Filling
The kettle holds 1.7 litres of water. Fill it to the upper mark and close the lid before you switch it on, or
it does not start. Never fill it above the mark, because boiling water would be thrown out of the spout then.
Fresh cold water tastes best. Pour away what stood in the kettle over night, and fill in as much as you need:
less water is hot sooner and costs less. The kettle switches off by itself as soon as the water boils.

## Cleaning
Descale the kettle with vinegar every month. Rinse it twice with clear water and let it boil once without
anything else in it. Wipe the outside with a damp cloth; it must never be put under water or into a machine.
Pull the plug before you begin, and wait until the kettle is cold. The small sieve behind the spout comes out
when you press it to the left; brush it under running water, and put it back until you hear it click.

## Warranty
The warranty is 24 months from the day of purchase. Keep the receipt, because without it nothing is replaced.
It does not cover scale, and it does not cover a kettle that was opened by anybody but one of our workshops.
Send the kettle to the workshop that is nearest to you, in its box or one like it, with a note that says what
is wrong and where we reach you. We write to you within a week, and a repair takes two weeks as a rule.
"""
UNPACKING = (
    "# Kettle\n\n## Unpacking\n" + "Take everything out of the box and look whether it is all there. " * 8
)


def kettle(library: Library) -> str:
    document = add(library, "kettle.md", MANUAL)
    assert document.state == "live"
    return document.id


def passage(library: Library, document_id: str, of: str) -> Passage:
    (one,) = [each for each in library.passages(document_id) if of in each.text]
    return one


def texts(library: Library, document_id: str) -> list[str]:
    return [each.text for each in library.passages(document_id)]


def rewrite(library: Library, document_id: str, old: str, new: str) -> None:
    there = passage(library, document_id, old)
    library.editor.rewrite(document_id, there.id, there.text.replace(old, new), by="ann@example.com")
    library.ingest(document_id)


def test_a_rewritten_passage_answers_instead_of_what_the_document_says(library: Library) -> None:
    id_ = kettle(library)
    rewrite(library, id_, "1.7 litres", "1.5 litres")
    assert any("1.5 litres" in text for text in found(library, "litres"))
    assert not any("1.7 litres" in text for text in found(library, "litres"))
    (edit,) = library.editor.edits(id_)
    assert (edit.kind, edit.state, edit.places, edit.by) == ("rewrite", "made", (0,), "ann@example.com")
    document = library.document(id_)
    assert (document.version, document.by) == (2, "ann@example.com")


def test_until_the_edit_is_live_the_passage_answers_as_it_was(library: Library) -> None:
    id_ = kettle(library)
    there = passage(library, id_, "1.7 litres")
    library.editor.rewrite(id_, there.id, "The kettle holds a litre.")
    assert any("1.7 litres" in text for text in found(library, "litres"))
    assert library.editor.edits(id_)[0].state == "waiting"
    assert library.pending() == [id_]


def test_a_passage_is_split_joined_again_and_silenced(library: Library) -> None:
    id_ = kettle(library)
    there = passage(library, id_, "Descale")
    library.editor.split(id_, there.id, there.text.index("Rinse"))
    library.ingest(id_)
    assert len(texts(library, id_)) == 4
    first, second = texts(library, id_)[1:3]
    assert first == "Descale the kettle with vinegar every month."
    assert second.startswith("Rinse it twice")
    assert {each.headings for each in library.passages(id_)[1:3]} == {("Cleaning",)}
    library.editor.merge(id_, passage(library, id_, "Descale").id)
    library.ingest(id_)
    assert len(texts(library, id_)) == 3
    assert first in texts(library, id_)[1]
    assert second in texts(library, id_)[1]
    library.editor.silence(id_, passage(library, id_, "Descale").id)
    library.ingest(id_)
    assert not any("Descale" in text for text in found(library, "descale vinegar"))
    assert [edit.state for edit in library.editor.edits(id_)] == ["made", "made", "made"]
    original = library.editor.originals(id_)
    assert [(each.becomes, each.silent) for each in original] == [((0,), False), ((), True), ((1,), False)]


def test_what_is_taken_back_is_as_if_it_had_never_been(library: Library) -> None:
    id_ = kettle(library)
    before = texts(library, id_)
    library.editor.silence(id_, passage(library, id_, "Descale").id)
    library.ingest(id_)
    (edit,) = library.editor.edits(id_)
    library.editor.take_back(id_, edit.id)
    library.ingest(id_)
    assert texts(library, id_) == before
    assert library.editor.edits(id_) == []
    assert any("Descale" in text for text in found(library, "descale vinegar"))


def test_rewriting_again_is_one_edit_and_writing_what_was_there_is_none(library: Library) -> None:
    id_ = kettle(library)
    rewrite(library, id_, "1.7 litres", "1.5 litres")
    rewrite(library, id_, "1.5 litres", "1.6 litres")
    (edit,) = library.editor.edits(id_)
    assert "1.7 litres" in edit.before[0]
    assert "1.6 litres" in edit.after[0]
    rewrite(library, id_, "1.6 litres", "1.7 litres")
    assert library.editor.edits(id_) == []


@pytest.mark.parametrize(
    ("question", "asked"),
    [
        ("Is there a way to get rid of limescale?", "get rid of limescale"),
        ("石灰の汚れはどう落としますか。", "石灰の汚れ"),
    ],
)
def test_a_passage_is_found_by_a_question_that_an_admin_says_it_answers(
    start: Start, question: str, asked: str
) -> None:
    library = start(embedder=embedder_of("all-MiniLM-L6-v2"))
    id_ = kettle(library)
    add(library, "lamp.md", "# Lamp\n\nA lamp is a way to get light. Is there a lamp, there is light.\n")
    library.editor.answers(id_, passage(library, id_, "Descale").id, question, by="ann@example.com")
    library.ingest(id_)
    best = library.search(asked)[0]
    assert "Descale" in best.text
    assert question not in best.text  # it is no word of the document, and never quoted
    assert library.editor.questions(id_) == {1: (question,)}
    assert library.search(question)[0].id == best.id


def test_questions_stay_with_a_passage_that_is_rewritten_split_and_joined(library: Library) -> None:
    id_ = kettle(library)
    for question in ("How much goes in?", "What is its volume?"):
        library.editor.answers(id_, passage(library, id_, "1.7 litres").id, question)
        library.ingest(id_)
    rewrite(library, id_, "1.7 litres", "1.5 litres")
    assert library.editor.questions(id_) == {0: ("How much goes in?", "What is its volume?")}
    there = passage(library, id_, "1.5 litres")
    library.editor.split(id_, there.id, there.text.index("Never"))
    library.ingest(id_)
    assert set(library.editor.questions(id_)) == {0, 1}
    assert {edit.state for edit in library.editor.edits(id_)} == {"made"}


# The next version


def test_edits_are_made_again_in_a_new_version_wherever_their_text_still_stands(library: Library) -> None:
    id_ = kettle(library)
    rewrite(library, id_, "1.7 litres", "1.5 litres")
    library.editor.silence(id_, passage(library, id_, "warranty is 24").id)
    library.ingest(id_)
    new = MANUAL.replace("# Kettle", UNPACKING, 1)
    assert add(library, "kettle.md", new.replace("vinegar", "citric acid")).version == 4
    assert any("1.5 litres" in text for text in found(library, "litres"))
    assert not any("warranty is 24" in text for text in found(library, "warranty"))
    assert any("citric acid" in text for text in found(library, "descale"))
    assert {edit.state for edit in library.editor.edits(id_)} == {"made"}
    assert library.editor.edits(id_)[0].places == (1,)  # one further down


def test_a_line_broken_elsewhere_is_the_same_text(library: Library) -> None:
    id_ = kettle(library)
    rewrite(library, id_, "1.7 litres", "1.5 litres")
    add(
        library, "kettle.md", MANUAL.replace("switch it on, or\nit does not", "switch it\non, or it does not")
    )
    assert library.editor.edits(id_)[0].state == "made"


def test_an_edit_whose_text_is_gone_says_why_and_is_kept_for_review(library: Library) -> None:
    id_ = kettle(library)
    rewrite(library, id_, "1.7 litres", "1.5 litres")
    library.editor.silence(id_, passage(library, id_, "warranty is 24").id)
    library.ingest(id_)
    add(
        library,
        "kettle.md",
        MANUAL.split("## Warranty")[0].replace("1.7 litres", "2 litres")
        + "## Colours\n"
        + "It comes in red, and on special occasions in blue. " * 12,
    )
    changed, gone = library.editor.edits(id_)
    assert (changed.state, gone.state) == ("unplaced", "unplaced")
    assert changed.why.startswith("the text that it changes now reads otherwise; the nearest is passage 1, 9")
    assert gone.why == "the text that it changes is no longer in the document"
    assert library.editor.unplaced() == {id_: 2}
    assert any("2 litres" in text for text in found(library, "litres"))
    library.editor.place(id_, changed.id, passage(library, id_, "2 litres").id, by="ann@example.com")
    library.editor.take_back(id_, gone.id)
    library.ingest(id_)
    assert any("1.5 litres" in text for text in found(library, "litres"))
    assert library.editor.unplaced() == {}


def test_edits_are_made_again_for_another_embedding(start: Start) -> None:
    library = start()
    id_ = kettle(library)
    rewrite(library, id_, "1.7 litres", "1.5 litres")
    library.close()
    again = start(embedder=testing.HashEmbedder(revision="2"))
    again.reindex()
    assert again.status().missing == 0
    assert any("1.5 litres" in text for text in found(again, "litres"))
    assert not any("1.7 litres" in text for text in found(again, "litres"))


# What cannot be


def test_a_passage_that_changed_meanwhile_is_not_changed_blindly(library: Library) -> None:
    id_ = kettle(library)
    stale = passage(library, id_, "1.7 litres")
    rewrite(library, id_, "1.7 litres", "1.5 litres")
    with pytest.raises(NotFound, match="has changed meanwhile"):
        library.editor.rewrite(id_, stale.id, "Nothing.")
    there = passage(library, id_, "1.5 litres")
    library.editor.rewrite(id_, there.id, "It holds a litre.")
    with pytest.raises(Conflict, match="is being changed already"):
        library.editor.silence(id_, there.id)


def test_an_edit_that_cannot_be_is_a_sentence_and_changes_nothing(library: Library) -> None:
    id_ = kettle(library)
    there, last = library.passages(id_)[0], library.passages(id_)[-1]
    for refused in (
        lambda: library.editor.rewrite(id_, there.id, "  \n "),
        lambda: library.editor.rewrite(id_, there.id, "word " * 400),
        lambda: library.editor.split(id_, there.id, 0),
        lambda: library.editor.merge(id_, last.id),
        lambda: library.editor.answers(id_, there.id, " "),
        lambda: library.editor.answers(id_, there.id, "Why " + "so " * 200 + "?"),
    ):
        with pytest.raises(Conflict):
            refused()
    library.editor.rewrite(id_, there.id, there.text)
    assert library.editor.edits(id_) == []
    assert library.document(id_).version == 1


def test_the_only_passage_that_answers_cannot_be_silenced(library: Library) -> None:
    document = add(library, "lamp.md", "# Lamp\n\nIt takes 40 watts.\n")
    with pytest.raises(Conflict, match="retire the document instead"):
        library.editor.silence(document.id, library.passages(document.id)[0].id)


def test_a_document_that_is_retired_or_failed_is_put_right_first(library: Library) -> None:
    id_ = kettle(library)
    there = library.passages(id_)[0]
    library.retire(id_)
    with pytest.raises(Conflict, match="bring it back first"):
        library.editor.rewrite(id_, there.id, "Nothing.")
    library.restore(id_)
    received = library.receive(io.BytesIO(b"%PDF-1.7 and nothing more"), "kettle.md")
    assert library.ingest(received.document.id).state == "failed"
    with pytest.raises(Conflict, match="could not be read; put that right first"):
        library.editor.rewrite(id_, there.id, "Nothing.")
    assert library.editor.edits(id_) == []


# Machines


class Counting(testing.HashEmbedder):
    def __init__(self) -> None:
        super().__init__()
        self.embedded: list[str] = []

    def embed_passages(self, cuts: Sequence[Cut]) -> list:
        self.embedded += [cut.text for cut in cuts]
        return super().embed_passages(cuts)


def test_only_the_passage_that_changed_is_embedded(start: Start) -> None:
    embedder = Counting()
    library = start(embedder=embedder)
    id_ = kettle(library)
    assert len(embedder.embedded) == 3
    rewrite(library, id_, "1.7 litres", "1.5 litres")
    assert len(embedder.embedded) == 4
    add(library, "kettle.md", MANUAL.replace("vinegar", "citric acid"))
    assert len(embedder.embedded) == 5
    assert all(each.dense is not None for each in library.search("kettle", 3))


def test_an_edit_during_an_ingestion_is_in_the_version_that_goes_live(library: Library) -> None:
    id_ = kettle(library)
    there = passage(library, id_, "1.7 litres")
    new = MANUAL.replace("vinegar", "citric acid").encode()
    received = library.receive(io.BytesIO(new), "kettle.md")
    edited: list[bool] = []

    def edit(step: str, _share: float) -> None:
        if step == "cut" and not edited:
            edited.append(True)
            library.editor.rewrite(id_, there.id, there.text.replace("1.7 litres", "1.5 litres"))

    document = library.ingest(received.document.id, edit)
    assert (document.state, document.version, document.live_version) == ("live", 3, 3)
    assert any("1.5 litres" in text for text in found(library, "litres"))
    assert any("citric acid" in text for text in found(library, "descale"))
    assert library.editor.edits(id_)[0].state == "made"


def edit_and_die(data: Path, id_: str, step: str) -> None:
    library = testing.library(data)
    there = passage(library, id_, "1.7 litres")
    library.editor.rewrite(id_, there.id, there.text.replace("1.7 litres", "1.5 litres"))

    def die(reached: str, _share: float) -> None:
        if reached == step:
            os.kill(os.getpid(), signal.SIGKILL)

    die("noted", 0.0)
    library.ingest(id_, die)


@pytest.mark.parametrize("step", ["noted", "read", "cut", "embedded", "live"])
def test_after_kill_9_an_edit_is_whole_and_nothing_is_lost(start: Start, data: Path, step: str) -> None:
    library = start()
    id_ = kettle(library)
    library.close()
    process = multiprocessing.get_context("spawn").Process(target=edit_and_die, args=(data, id_, step))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    again = start(testing.MemoryCollections())
    old_or_new = "1.5 litres" if step == "live" else "1.7 litres"
    assert any(old_or_new in text for text in found(again, "litres"))
    for document_id in again.pending():
        again.ingest(document_id)
    assert any("1.5 litres" in text for text in found(again, "litres"))
    assert not any("1.7 litres" in text for text in found(again, "litres"))
    assert [edit.state for edit in again.editor.edits(id_)] == ["made"]
    assert [path.name for path in (data / "files" / id_).iterdir()] == ["2"]


def test_deleting_the_document_leaves_nothing_of_its_edits_and_earlier_words(
    library: Library, data: Path
) -> None:
    id_ = kettle(library)
    rewrite(library, id_, "1.7 litres", "1.5 litres")
    library.remove(id_)
    assert library.editor.edits(id_) == []
    kept = b"".join(path.read_bytes() for path in data.rglob("*") if path.is_file())
    with library.engine.connect() as connection:
        for table in ("passage_edits", "earlier_versions", "passages", "document_tags"):
            rows = connection.exec_driver_sql(f"SELECT * FROM {table}").all()
            assert rows == []
    assert kept
    assert not (data / "files" / id_).exists()
