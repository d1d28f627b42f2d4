"""The passages of a document, changed in the console."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.kotae import Kotae
from knowledge_base.catalogue import Document
from knowledge_base.passages import Passage
from tests.people import Admin, Customer, Operator

GUIDE = Path(__file__).parents[2] / "demo" / "documents" / "barista-user-guide.pdf"
MANUAL = """# Kettle

## How much does the kettle hold?
The kettle holds 1.7 litres of water. Fill it to the upper mark and close the lid.

## How do I clean the kettle?
Descale the kettle with vinegar every month. Rinse it twice with clear water.

## How long is the warranty?
The warranty of the kettle is 24 months from the day of purchase.
"""


@pytest.fixture
def kettle(admin: Admin, kotae: Kotae) -> Document:
    admin.uploads(("kettle.md", MANUAL.encode()))
    (document,) = kotae.library.documents()
    return document


def passage(kotae: Kotae, document: Document, of: str) -> Passage:
    (one,) = [each for each in kotae.library.passages(document.id) if of in each.text]
    return one


def changes(admin: Admin, kotae: Kotae, document: Document, of: str, what: str, **fields: object) -> str:
    """Press a button beside a passage; the page that comes of it."""
    there = passage(kotae, document, of)
    path = f"/console/documents/{document.id}/passages/{there.id}/{what}"
    answer = admin.sends(path, at=there.position, **fields)
    told = admin.opens(answer.location).text
    kotae.jobs.drain()
    return told


def test_an_operator_may_not_change_passages(
    operator: Operator, admin: Admin, kotae: Kotae, kettle: Document
) -> None:
    assert operator.opens(f"/console/documents/{kettle.id}/passages").status_code == 403
    there = passage(kotae, kettle, "1.7 litres")
    path = f"/console/documents/{kettle.id}/passages/{there.id}/silence"
    assert operator.sends(path).status_code == 403
    assert kotae.library.editor.edits(kettle.id) == []


def test_the_document_stands_beside_its_passages_with_the_chosen_one_marked(
    admin: Admin, kettle: Document
) -> None:
    page = admin.opens(f"/console/documents/{kettle.id}/passages?at=1").text
    marked = page.split('id="marked"')[1][:600]
    assert "Descale the kettle" in marked
    assert page.count('id="marked"') == 1
    assert page.count("1.7 litres") == 2  # in the document, and as it answers


def test_a_customer_is_answered_by_the_passage_as_the_admin_wrote_it(
    admin: Admin, kotae: Kotae, kettle: Document, customer: Customer
) -> None:
    told = changes(admin, kotae, kettle, "1.7", "rewrite", text="The kettle holds 1.5 litres of water.")
    assert "The passage is being rewritten." in told
    assert "A change is being taken over" in told
    answer = customer.asks("How much does the kettle hold?")
    assert "1.5 litres" in answer.text
    assert "1.7" not in answer.text
    assert "1.5 litres" in answer.citations[0]["text"]
    page = admin.opens(f"/console/documents/{kettle.id}/passages").text
    assert "changed" in page
    assert "1.7 litres" in page  # the document still has it
    entries = [entry.what for entry in kotae.audit.page()]
    assert "passage rewrite" in entries


def test_a_silenced_passage_answers_nobody_until_it_is_taken_back(
    admin: Admin, kotae: Kotae, kettle: Document, customer: Customer
) -> None:
    changes(admin, kotae, kettle, "24 months", "silence")
    assert "24 months" not in customer.asks("How long is the warranty of the kettle?").text
    page = admin.opens(f"/console/documents/{kettle.id}/passages").text
    assert "does not answer" in page
    (edit,) = kotae.library.editor.edits(kettle.id)
    admin.sends(f"/console/documents/{kettle.id}/edits/{edit.id}/take-back")
    kotae.jobs.drain()
    assert "24 months" in customer.asks("How long is the warranty of the kettle?").text


def test_a_question_that_a_passage_answers_is_shown_with_it_and_finds_it(
    admin: Admin, kotae: Kotae, kettle: Document
) -> None:
    question = "What helps against limescale?"
    changes(admin, kotae, kettle, "Descale", "question", question=question)
    page = admin.opens(f"/console/documents/{kettle.id}/passages?at=0&q=limescale").text
    assert question in page
    assert kotae.library.search("limescale")[0].text.startswith("Descale")


def test_passages_are_split_and_joined(admin: Admin, kotae: Kotae, kettle: Document) -> None:
    place = passage(kotae, kettle, "Descale").text.index("Rinse")
    changes(admin, kotae, kettle, "Descale", "split", place=place)
    assert len(kotae.library.passages(kettle.id)) == 4
    changes(admin, kotae, kettle, "Descale", "merge")
    assert len(kotae.library.passages(kettle.id)) == 3


def test_what_cannot_be_is_a_sentence(admin: Admin, kotae: Kotae, kettle: Document) -> None:
    assert "cannot be empty" in changes(admin, kotae, kettle, "1.7", "rewrite", text=" ")
    assert "no passage after" in changes(admin, kotae, kettle, "24 months", "merge")
    assert "nothing to change" in changes(
        admin, kotae, kettle, "1.7", "rewrite", text=passage(kotae, kettle, "1.7").text
    )
    path = f"/console/documents/{kettle.id}/passages/{'0' * 40}/silence"
    answer = admin.sends(path)
    assert "has changed meanwhile" in admin.opens(answer.location).text


def test_a_change_without_a_place_in_the_new_version_is_looked_at_and_placed(
    admin: Admin, kotae: Kotae, kettle: Document
) -> None:
    changes(admin, kotae, kettle, "1.7", "rewrite", text="The kettle holds 1.5 litres of water.")
    admin.uploads(("kettle.md", MANUAL.replace("1.7 litres", "2 litres").encode()))
    assert "changes to look at" in admin.opens("/console/documents").text
    page = admin.opens(f"/console/documents/{kettle.id}/passages").text
    assert "now reads otherwise; the nearest is passage 1" in page
    (edit,) = kotae.library.editor.edits(kettle.id)
    there = passage(kotae, kettle, "2 litres")
    admin.sends(f"/console/documents/{kettle.id}/edits/{edit.id}/place", passage=there.id)
    kotae.jobs.drain()
    assert passage(kotae, kettle, "1.5 litres")
    assert "changes to look at" not in admin.opens("/console/documents").text


def test_markup_in_a_passage_stays_text(admin: Admin, kotae: Kotae, kettle: Document) -> None:
    changes(admin, kotae, kettle, "1.7", "rewrite", text="<script>alert(1)</script> </textarea><b>x</b>")
    page = admin.opens(f"/console/documents/{kettle.id}/passages?at=0").text
    assert "<script>alert" not in page
    assert "</textarea><b>" not in page


def test_what_a_question_finds_beside_the_passages_is_shown_as_it_reads(
    admin: Admin, kotae: Kotae, kettle: Document
) -> None:
    text = "Descale with **white** vinegar:\n\n- fill it <b>up</b>\n- rinse it twice"
    changes(admin, kotae, kettle, "vinegar", "rewrite", text=text)
    page = admin.opens(f"/console/documents/{kettle.id}/passages?q=descale").text
    found = page.split('id="found"')[1].split("</ol>")[0]
    assert "<strong>white</strong> vinegar" in found
    assert "<li>fill it &lt;b&gt;up&lt;/b&gt;</li>" in found
    assert "**" not in found


def test_the_empty_corner_of_a_table_is_no_heading(admin: Admin, kotae: Kotae) -> None:
    admin.uploads(("doses.md", b"# Doses\n\n| | 1 cup | 2 cups |\n|---|---|---|\n| Dose | 9 g | 18 g |\n"))
    (document,) = kotae.library.documents()
    page = admin.opens(f"/console/documents/{document.id}").text
    assert "<th>1 cup</th>" in page
    assert "<th></th>" not in page


class TestPrintedPages:
    @pytest.fixture
    def guide(self, admin: Admin, kotae: Kotae) -> Document:
        admin.uploads(GUIDE)
        (document,) = kotae.library.documents()
        return document

    def test_a_pdf_stands_there_as_it_is_printed_and_its_text_is_one_click_away(
        self, admin: Admin, kotae: Kotae, guide: Document
    ) -> None:
        there = passage(kotae, guide, "hot water from the wand")
        path = f"/console/documents/{guide.id}/passages?at={there.position}"
        page = admin.opens(path).text
        picture = f"/console/documents/{guide.id}/pages/{there.page}.png?at={there.position}"
        assert picture in page.replace("&amp;", "&")
        assert 'id="marked"' not in page
        assert 'id="marked"' in admin.opens(f"{path}&as=text").text
        other = admin.opens(f"{path}&page=1").text
        assert f"/pages/1.png?at={there.position}" in other

    def test_the_lines_of_the_chosen_passage_are_marked_and_no_others(
        self, admin: Admin, kotae: Kotae, guide: Document
    ) -> None:
        there = passage(kotae, guide, "hot water from the wand")
        path = f"/console/documents/{guide.id}/pages/{there.page}.png"
        plain, marked = (admin.opens(f"{path}{at}") for at in ("", f"?at={there.position}"))
        assert plain.mimetype == marked.mimetype == "image/png"
        assert marked.data != plain.data
        again = admin.client.get(
            f"{path}?at={there.position}", headers={"If-None-Match": marked.headers["ETag"]}
        )
        assert again.status_code == 304

    def test_a_page_that_is_not_there_is_not_found_and_operators_see_none(
        self, admin: Admin, operator: Operator, kotae: Kotae, guide: Document
    ) -> None:
        admin.uploads(("kettle.md", MANUAL.encode()))
        kettle = next(one for one in kotae.library.documents() if one.id != guide.id)
        assert admin.opens(f"/console/documents/{guide.id}/pages/99.png").status_code == 404
        assert operator.opens(f"/console/documents/{guide.id}/pages/1.png").status_code == 403
        assert admin.opens(f"/console/documents/{kettle.id}/pages/1.png").status_code == 404
        assert ".png" not in admin.opens(f"/console/documents/{kettle.id}/passages").text
