"""What a document said before, and by which words it is found."""

from __future__ import annotations

import pytest

from knowledge_base.errors import Conflict, NotFound
from knowledge_base.history import Piece, between, compare
from knowledge_base.library import Library
from knowledge_base.testing import add
from tests.knowledge_base.conftest import KETTLE, LAMP, found


def pieces(*texts: str) -> list[Piece]:
    return [Piece(str(number), text) for number, text in enumerate(texts)]


def test_what_changed_from_one_version_to_the_next_is_told_passage_by_passage(library: Library) -> None:
    id_ = add(library, "kettle.md", "# Kettle\n\nThe kettle holds 1.7 litres.\n", by="ann").id
    add(library, "kettle.md", "# Kettle\n\nThe kettle holds 1.5 litres.\n", by="ben")
    new, old = library.versions(id_)
    assert (new.number, new.by, new.ended_at) == (2, "ben", None)
    assert (old.number, old.by) == (1, "ann")
    assert old.ended_at is not None
    (change,) = between([new, old], 1, 2)
    assert change.kind == "changed"
    assert [word for word in change.words if word[0] != "same"] == [("removed", "1.7"), ("added", "1.5")]
    assert not any("1.7" in text for text in found(library, "litres"))  # kept, and never an answer
    with pytest.raises(NotFound, match="version 7 of the document is not kept"):
        between([new, old], 1, 7)


def test_passages_that_moved_on_are_told_apart_from_those_that_came_and_went() -> None:
    old = pieces("Fill it to the mark.", "Descale it every month with vinegar.", "It is red.")
    new = pieces("Unpack it first, all of it.", "Fill it to the mark.", "Descale it every month with acid.")
    assert [change.kind for change in compare(old, new)] == ["added", "same", "changed", "removed"]


def test_a_japanese_passage_is_compared_letter_by_letter() -> None:
    (change,) = compare(pieces("容量は二リットルです。"), pieces("容量は三リットルです。"))
    assert change.words == (
        ("same", "容量は"),
        ("removed", "二"),
        ("added", "三"),
        ("same", "リットルです。"),
    )


def test_ten_earlier_versions_are_kept_and_no_more(library: Library) -> None:
    for number in range(14):
        document = add(library, "kettle.md", f"# Kettle\n\nThe kettle holds {number} litres.\n")
    assert [version.number for version in library.versions(document.id)] == list(range(14, 3, -1))


def test_a_document_is_found_by_its_tags_alone_when_a_search_is_limited_to_them(library: Library) -> None:
    kettle, lamp = add(library, "kettle.md", KETTLE), add(library, "lamp.md", LAMP)
    version = library.version()
    library.tag(kettle.id, ["dealers", " kitchen  ware ", ""])
    library.tag(lamp.id, ["customers"])
    assert library.tags() == {kettle.id: ("dealers", "kitchen ware"), lamp.id: ("customers",)}
    assert library.version() != version
    question = "bulb of 40 watts"
    assert library.search(question, 1)[0].document_id == lamp.id
    limited = library.search(question, 50, tags=["dealers"])
    assert {passage.document_id for passage in limited} == {kettle.id}
    assert [passage.rank for passage in limited] == list(range(1, len(limited) + 1))
    assert len(library.search_for((), ["dealers", "customers"])(question, 1)) == 1
    assert library.search(question, tags=["nobody"]) == []
    library.tag(kettle.id, [])
    assert library.search(question, tags=["dealers"]) == []
    with pytest.raises(Conflict, match="longer than 64 letters"):
        library.tag(kettle.id, ["x" * 65])


def test_a_limited_search_passes_over_however_many_better_passages(library: Library) -> None:
    for number in range(60):
        add(
            library,
            f"{number}.md",
            f"# Kettle {number}\n\nThe kettle is descaled with vinegar, says {number}.\n",
        )
    rare = add(library, "rare.md", "# Tea\n\nThe kettle stands on the table.\n")
    library.tag(rare.id, ["dealers"])
    assert [each.document_id for each in library.search("descale kettle vinegar", 3, tags=["dealers"])] == [
        rare.id
    ]
