"""What a search can return is what is live, whatever happened before; another embedding loses nothing."""

import io
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from knowledge_base import testing
from knowledge_base.library import Library
from knowledge_base.testing import HashEmbedder, MemoryCollections, add
from tests.knowledge_base.conftest import KETTLE, LAMP, Start, found
from tests.knowledge_base.test_ingest import LONG, Counting, upload

RADIO = "# Radio\n\nPress the red button for ten seconds. The radio forgets all stations.\n"
MANUAL = "# 炊飯器\n\n## お手入れ\n\n内ぶたは毎回水で洗ってください。フィルターは月に一度交換します。\n"


def test_a_question_finds_the_passage_with_where_it_stands(library: Library) -> None:
    add(library, "machine.md", LONG)
    best = library.search("which wheel does step 42.3 turn", 3)
    assert [passage.rank for passage in best] == [1, 2, 3]
    assert (best[0].title, best[0].source, best[0].language) == ("Machine", "machine.md", "en")
    assert best[0].headings == ("Part 42",)
    assert best[0].score >= best[1].score >= best[2].score
    assert best[0].lexical is not None
    assert [best[0].text[a:b] for a, b in best[0].sentences][
        3
    ].strip() == "Step 42.3 of the machine turns wheel 297."


def test_a_japanese_question_finds_the_japanese_manual(library: Library) -> None:
    for name, text in {"kettle.md": KETTLE, "radio.md": RADIO, "炊飯器.md": MANUAL}.items():
        add(library, name, text)
    best = library.search("フィルターの交換")[0]
    assert (best.source, best.language) == ("炊飯器.md", "ja")


def test_its_languages_are_those_of_what_is_live(library: Library) -> None:
    assert library.languages() == set()
    add(library, "kettle.md", KETTLE)
    cooker = add(library, "炊飯器.md", MANUAL)
    assert library.languages() == {"en", "ja"}
    library.retire(cooker.id)
    assert library.languages() == {"en"}


def test_the_neighbours_of_a_passage_stand_around_it_in_order(library: Library) -> None:
    add(library, "machine.md", LONG)
    add(library, "kettle.md", KETTLE)
    passage = library.search("step 42.3")[0]
    around = library.neighbours(passage, 2)
    assert [one.position - passage.position for one in around] == [-2, -1, 0, 1, 2]
    assert {one.document_id for one in around} == {passage.document_id}
    first = library.passages(passage.document_id)[0]
    assert [one.position for one in library.neighbours(first)] == [0, 1]


def test_sentences_have_a_vector_each_as_the_embedder_made_them(library: Library) -> None:
    add(library, "kettle.md", KETTLE)
    add(library, "machine.md", LONG)
    passages = library.search("vinegar litres wheel", 5)
    for passage, vectors in zip(passages, library.sentences(passages), strict=True):
        expected = library.embedder.embed_documents([passage.text[a:b] for a, b in passage.sentences])
        assert vectors.shape == (len(passage.sentences), 64)
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(1.0, abs=1e-4)
        assert np.abs(vectors - np.array(expected)).max() < 1e-3


def test_sentences_of_a_passage_that_was_removed_meanwhile_are_made_anew(library: Library) -> None:
    kettle = add(library, "kettle.md", KETTLE)
    passages = library.search("vinegar")
    before = library.sentences(passages)
    library.remove(kettle.id)
    for ours, kept in zip(library.sentences(passages), before, strict=True):
        assert np.abs(ours - kept).max() < 1e-3


def test_retired_documents_do_not_crowd_out_those_that_answer(library: Library) -> None:
    for number in range(60):
        kettle = add(
            library, f"kettle {number}.md", f"# Kettle\n\nThe red kettle of series {number} is red.\n"
        )
        library.retire(kettle.id)
    add(library, "lamp.md", LAMP)
    [only] = library.search("red kettle")
    assert only.source == "lamp.md"
    assert only.dense is not None


def test_an_empty_library_and_an_empty_question_find_nothing(library: Library) -> None:
    assert library.search("kettle") == []
    add(library, "kettle.md", KETTLE)
    assert library.search("  \n") == []


def test_a_model_knows_how_many_questions_are_worked_on(start: Start) -> None:
    class Knowing(HashEmbedder):
        questions, most = 0, 0

        @contextmanager
        def asked(self) -> Iterator[None]:
            self.questions += 1
            yield
            self.questions -= 1

        def embed_query(self, text: str) -> list[float]:
            self.most = max(self.most, self.questions)
            return super().embed_query(text)

    model = Knowing()
    library = start(embedder=model)
    add(library, "kettle.md", KETTLE)
    library.search("How do I descale the kettle?")
    assert (model.most, model.questions) == (1, 0)


def test_many_customers_search_while_an_admin_uploads_and_removes(on_chroma: Library) -> None:
    library = on_chroma
    add(library, "kettle.md", KETTLE)
    stop, faults = threading.Event(), list[BaseException]()

    def ask() -> None:
        try:
            while not stop.is_set():
                best = library.search("descale the kettle with vinegar")
                assert best[0].source == "kettle.md"
                assert len(library.sentences(best)) == len(best)
        except BaseException as fault:
            faults.append(fault)

    customers = [threading.Thread(target=ask) for _ in range(6)]
    for customer in customers:
        customer.start()
    for number in range(8):
        document = add(library, f"machine {number}.md", LONG[: 3000 + number])
        library.remove(document.id)
    stop.set()
    for customer in customers:
        customer.join(60)
    assert faults == []
    assert [document.source for document in library.documents()] == ["kettle.md"]


def test_a_closed_library_gives_the_data_directory_back_and_opens_again_when_asked(
    on_chroma: Library,
) -> None:
    add(on_chroma, "kettle.md", KETTLE)
    before = found(on_chroma, "vinegar")
    on_chroma.close()
    assert found(on_chroma, "vinegar") == before


# The embedding model is changed.


def test_another_embedding_is_built_beside_the_old_which_answers_until_then(start: Start) -> None:
    memory = MemoryCollections()
    old = start(memory)
    add(old, "kettle.md", KETTLE)
    add(old, "lamp.md", LAMP)
    old.close()
    new = start(memory, embedder=HashEmbedder(96), load=lambda _: HashEmbedder(64))
    status = new.status()
    assert (status.edition, status.missing, status.meaning) == ("hash@1/64", 2, True)
    assert "the earlier index answers" in status.sentence
    assert new.search("descale with vinegar")[0].dense is not None
    assert len(memory.kept) == 2

    answers: list[list[str]] = []
    seen: list[float] = []

    def look(_step: str, share: float) -> None:
        seen.append(share)
        answers.append(found(new, "descale with vinegar, bulb"))

    new.reindex(look)
    assert seen == sorted(seen)
    assert all(sorted(answer) == sorted(answers[0]) for answer in answers)
    assert (new.status().edition, new.status().missing, len(memory.kept)) == ("hash@1/96", 0, 2)
    assert [len(vectors[0]) for vectors in new.sentences(new.search("bulb", 1))] == [96]


def test_an_earlier_model_that_is_gone_leaves_the_search_by_words_and_says_so(start: Start) -> None:
    memory = MemoryCollections()
    old = start(memory)
    add(old, "kettle.md", KETTLE)
    old.close()
    new = start(memory, embedder=HashEmbedder(96))
    best = new.search("descale with vinegar")[0]
    assert (best.dense, best.source) == (None, "kettle.md")
    assert best.lexical is not None
    assert "by their words alone" in new.status().sentence
    assert new.sentences([best])[0].shape[1] == 96  # comparable with what the strategies embed
    new.reindex()
    assert new.search("descale with vinegar")[0].dense is not None
    assert new.status().sentence == "The index is complete."


def test_a_rebuild_that_is_cut_off_goes_on_where_it_stopped(start: Start) -> None:
    memory = MemoryCollections()
    old = start(memory)
    add(old, "kettle.md", KETTLE)
    add(old, "machine.md", LONG)
    old.close()
    embedder = Counting(dimension=96)
    new = start(memory, embedder=embedder)

    def cut_off(_step: str, share: float) -> None:
        if share > 0.8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        new.reindex(cut_off)
    assert (new.status().edition, new.status().missing) == ("hash@1/64", 1)
    new.reindex()
    assert new.status().missing == 0
    assert embedder.count_of_passages == sum(document.passages for document in new.documents())


def test_a_document_uploaded_while_another_embedding_waits_answers_once_it_is_ingested(start: Start) -> None:
    memory = MemoryCollections()
    old = start(memory)
    add(old, "kettle.md", KETTLE)
    old.close()
    new = start(memory, embedder=HashEmbedder(96))
    lamp = add(new, "lamp.md", LAMP)
    assert lamp.state == "live"
    assert new.search("bulb")[0].dense is not None
    assert any("litres" in text for text in found(new, "litres"))


def test_a_rebuild_while_a_new_version_waits_keeps_the_one_that_answers(start: Start) -> None:
    memory = MemoryCollections()
    old = start(memory)
    add(old, "kettle.md", KETTLE)
    waiting = upload(old, "kettle.md", LAMP)
    old.close()
    new = start(memory, embedder=HashEmbedder(96))
    new.reindex()
    assert any("litres" in text for text in found(new, "litres"))
    assert (new.document(waiting).state, new.document(waiting).live_version) == ("received", 1)
    assert new.ingest(waiting).live_version == 2


def test_a_document_that_can_no_longer_be_read_does_not_hold_up_the_others(start: Start) -> None:
    memory = MemoryCollections()
    old = start(memory)
    kettle = add(old, "kettle.md", KETTLE)
    add(old, "lamp.md", LAMP)
    old.file(kettle.id).unlink()
    old.close()
    new = start(memory, embedder=HashEmbedder(96))
    new.reindex()
    assert new.status().missing == 0
    assert (new.document(kettle.id).state, new.document(kettle.id).live_version) == ("failed", None)
    assert [passage.source for passage in new.search("kettle lamp", 50)] == ["lamp.md"]


def test_another_name_of_the_product_is_another_edition(start: Start) -> None:
    memory = MemoryCollections()
    old = start(memory, product="Aster")
    add(old, "kettle.md", KETTLE)
    assert old.search("aster")[0].lexical is not None
    old.close()
    new = start(memory, product="Borage")
    assert (
        new.search("descale with vinegar")[0].dense is not None
    )  # the same embedder: nothing is lost meanwhile
    new.reindex()
    assert new.search("borage")[0].lexical is not None
    assert new.search("aster")[0].lexical is None


def test_reindexing_an_unchanged_library_puts_lost_vectors_back(
    library: Library, memory: MemoryCollections
) -> None:
    add(library, "kettle.md", KETTLE)
    version = library.version()
    [vectors] = memory.kept.values()
    kept = vectors.ids()
    vectors.discard(list(kept))
    vectors.add(["a leftover"], np.zeros((1, 64), np.float32), "nobody")
    library.reindex()
    assert vectors.ids() == kept
    assert library.version() == version


# Whatever happens, and in whatever order.

NAMES = st.sampled_from(["kettle.md", "lamp.md"])
WORDS = ["amber", "birch", "cedar"]


class Anything(RuleBasedStateMachine):
    """A person does anything to a library; beside it a small model keeps the record of what must be live."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.memory = MemoryCollections()
        self.revision = 1
        self.newest: dict[str, str] = {}  # by name: the content uploaded last
        self.live: dict[str, str] = {}
        self.retired: set[str] = set()
        self.ids: dict[str, str] = {}
        self.gone: set[str] = set()
        self.library = self.started()

    def started(self) -> Library:
        return testing.library(Path(self.folder.name), self.memory, HashEmbedder(revision=str(self.revision)))

    def teardown(self) -> None:
        self.library.close()
        self.library.engine.dispose()
        self.folder.cleanup()

    @rule(name=NAMES, word=st.sampled_from(WORDS))
    def upload(self, name: str, word: str) -> None:
        received = self.library.receive(_file(word), name)
        twin = next((other for other, content in self.newest.items() if content == word), None)
        if self.newest.get(name) not in (None, word):
            assert received.outcome == "new version"
            if name in self.retired:
                self.live.pop(name, None)
        elif name in self.newest or twin is not None:
            assert received.outcome == "unchanged"
            assert received.document.id in self.ids.values()
            name = next(known for known, id_ in self.ids.items() if id_ == received.document.id)
            assert self.newest[name] == word
        else:
            assert received.outcome == "new"
            self.ids[name] = received.document.id
        self.newest[name] = word
        self.retired.discard(name)

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def ingest(self, data: st.DataObject) -> None:
        name = self.one(data)
        document = self.library.ingest(self.ids[name])
        assert document.state == ("retired" if name in self.retired else "live")
        self.live[name] = self.newest[name]

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def retire(self, data: st.DataObject) -> None:
        name = self.one(data)
        self.library.retire(self.ids[name])
        self.retired.add(name)

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def restore(self, data: st.DataObject) -> None:
        name = self.one(data)
        self.library.restore(self.ids[name])
        self.retired.discard(name)

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        name = self.one(data)
        self.library.remove(self.ids[name])
        self.gone.add(self.ids.pop(name))
        self.newest.pop(name)
        self.live.pop(name, None)
        self.retired.discard(name)

    @rule()
    def restart(self) -> None:
        self.library.close()
        self.library.engine.dispose()
        self.library = self.started()

    @rule()
    def change_the_embedding(self) -> None:
        self.revision += 1
        self.restart()

    @rule()
    def reindex(self) -> None:
        self.library.reindex()

    def one(self, data: st.DataObject) -> str:
        return data.draw(st.sampled_from(sorted(self.ids)))

    @invariant()
    def what_can_be_found_is_what_is_live(self) -> None:
        hits = self.library.search(" ".join(WORDS), 50)
        expected = {(self.ids[name], word) for name, word in self.live.items() if name not in self.retired}
        assert {(hit.document_id, hit.text) for hit in hits} == {(id_, _text(word)) for id_, word in expected}
        assert len(hits) == len(expected)

    @invariant()
    def nothing_is_left_of_what_was_removed(self) -> None:
        kept = {id_.split("-")[0] for vectors in self.memory.kept.values() for id_ in vectors.ids()}
        assert not kept & self.gone
        assert {document.id for document in self.library.documents()} == set(self.ids.values())


def _text(word: str) -> str:
    return f"The {word} stands in the garden."


def _file(word: str) -> io.BytesIO:
    return io.BytesIO(_text(word).encode())


TestAnything = Anything.TestCase
TestAnything.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)
