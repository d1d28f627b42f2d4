"""Another index beside the one that answers: built, held, turned to, and gone back from."""

from __future__ import annotations

import pytest

from knowledge_base.errors import Conflict, KnowledgeError, Unavailable
from knowledge_base.library import Library
from knowledge_base.testing import HashEmbedder, MemoryCollections, add
from tests.knowledge_base.conftest import KETTLE, LAMP, Start, found

TOASTER = "# Toaster\n\nThe toaster takes two slices of bread.\n"


def load(model: str) -> HashEmbedder:
    """Every embedder of the tests is called "hash"; the earlier one is revision 1."""
    return HashEmbedder()


def changed(start: Start, load_earlier: object = load) -> Library:
    """Two documents, and an installation that was configured for another embedding since."""
    library = start()
    add(library, "kettle.md", KETTLE)
    add(library, "lamp.md", LAMP)
    library.close()
    return start(embedder=HashEmbedder(revision="2"), load=load_earlier)


def test_the_admin_sees_what_answers_what_is_configured_and_what_is_missing(start: Start) -> None:
    library = changed(start)
    status = library.status()
    assert (status.edition, status.configured) == ("hash@1/64", "hash@2/64")
    assert (status.missing, status.documents, status.changing, status.held) == (2, 2, True, False)
    library.reindex()
    status = library.status()
    assert (status.edition, status.previous, status.changing) == ("hash@2/64", "hash@1/64", False)


def test_a_held_index_is_not_built_further_and_goes_on_where_it_stopped(start: Start) -> None:
    library = changed(start)
    seen: list[float] = []

    def hold(_step: str, share: float) -> None:
        seen.append(share)
        library.hold()

    library.reindex(hold)
    status = library.status()
    assert (status.missing, status.held, status.edition) == (1, True, "hash@1/64")
    assert "is held" in status.sentence
    assert found(library, "litres") != []
    library.go_on()
    again: list[str] = []
    library.reindex(lambda step, _share: again.append(step))
    assert again.count("read") == 1  # the first document was ready already
    assert library.status().edition == "hash@2/64"


def test_while_it_is_held_an_upload_answers_in_the_index_that_is_there(start: Start) -> None:
    library = changed(start)
    library.hold()
    assert add(library, "toaster.md", TOASTER).state == "live"
    assert library.status().edition == "hash@1/64"
    assert library.search("slices of bread")[0].dense is not None
    library.go_on()
    library.reindex()
    assert library.status().edition == "hash@2/64"
    assert any("two slices" in text for text in found(library, "bread"))


def test_going_back_lets_the_earlier_index_answer_with_all_that_came_since(start: Start) -> None:
    library = changed(start)
    library.reindex()
    add(library, "toaster.md", TOASTER)
    add(library, "kettle.md", KETTLE.replace("1.7 litres", "1.5 litres"))
    library.go_back()
    status = library.status()
    assert (status.edition, status.previous, status.held) == ("hash@1/64", "hash@2/64", True)
    assert any("two slices" in text for text in found(library, "bread"))
    assert any("1.5 litres" in text for text in found(library, "litres"))
    assert not any("1.7 litres" in text for text in found(library, "litres"))
    library.reindex()  # nothing happens before the admin says so
    assert library.status().edition == "hash@1/64"
    library.go_on()
    library.reindex()
    assert library.status().edition == "hash@2/64"


def test_going_back_survives_a_restart(start: Start) -> None:
    library = changed(start)
    library.reindex()
    library.go_back()
    library.close()
    again = start(embedder=HashEmbedder(revision="2"), load=load)
    assert again.status().held
    assert again.search("litres")[0].dense is not None


def test_the_earlier_index_is_let_go_and_its_vectors_with_it(start: Start, memory: MemoryCollections) -> None:
    library = changed(start)
    library.reindex()
    assert len(memory.kept) == 2
    library.let_go()
    assert len(memory.kept) == 1
    assert library.status().previous == ""
    assert found(library, "litres") != []
    with pytest.raises(Conflict, match="no earlier index"):
        library.go_back()


def test_a_document_deleted_meanwhile_is_in_neither_index(start: Start, memory: MemoryCollections) -> None:
    library = changed(start)
    library.reindex()
    kettle = next(document for document in library.documents() if document.source == "kettle.md")
    library.remove(kettle.id)
    assert all(not vectors.ids(kettle.id) for vectors in memory.kept.values())
    library.go_back()
    assert not any("litres" in text for text in found(library, "litres"))
    assert found(library, "watts") != []


def test_when_the_earlier_embedding_is_gone_going_back_says_so_and_changes_nothing(start: Start) -> None:
    def gone(model: str) -> HashEmbedder:
        raise KnowledgeError(f"the embedding model {model!r} cannot be loaded")

    library = changed(start, gone)
    library.reindex()
    with pytest.raises(Unavailable, match="of the earlier index cannot be loaded"):
        library.go_back()
    assert library.status().edition == "hash@2/64"


def test_a_document_that_the_new_index_cannot_read_fails_with_its_reason_and_the_rest_goes_on(
    start: Start, data: object
) -> None:
    library = changed(start)
    kettle = next(document for document in library.documents() if document.source == "kettle.md")
    library.file(kettle.id).write_bytes(b"%PDF-1.7 and nothing more")
    library.reindex()
    assert library.status().edition == "hash@2/64"
    assert library.document(kettle.id).state == "failed"
    assert library.document(kettle.id).error
    assert found(library, "watts") != []


def test_the_hold_ends_when_the_earlier_embedding_is_configured_again(start: Start) -> None:
    library = changed(start)
    library.hold()
    library.close()
    back = start()
    back.warm_up()
    back.close()
    again = start(embedder=HashEmbedder(revision="2"), load=load)
    again.reindex()
    assert again.status().edition == "hash@2/64"
