"""What documents are used for, what they said before, and their tags, in the console."""

from __future__ import annotations

from bot.kotae import Kotae
from tests.people import Admin, Customer

FILTER = b"# Filter\n\nChange the water filter of the kettle every 60 days.\n"
LAMP = b"# Lamp\n\nThe lamp takes a bulb of 40 watts.\n"


def test_an_admin_sees_in_how_many_answers_a_document_was_used_and_which_never_was(
    admin: Admin, kotae: Kotae, customer: Customer
) -> None:
    empty = admin.opens("/console/documents/use?view=never").text
    assert "Upload the first one." in empty
    assert "Every document was used" not in empty
    admin.uploads(("filter.md", FILTER), ("lamp.md", LAMP))
    ids = {document.source: document.id for document in kotae.library.documents()}
    for _ in range(2):
        assert customer.asks("How often do I change the water filter?").citations
    assert "Used in 2 answers" in admin.opens(f"/console/documents/{ids['filter.md']}").text
    assert "Used in 0 answers" in admin.opens(f"/console/documents/{ids['lamp.md']}").text
    never = admin.opens("/console/documents/use?view=never").text
    assert ids["lamp.md"] in never
    assert ids["filter.md"] not in never
    assert "changed within half a year" in admin.opens("/console/documents/use?view=stale").text


def test_counting_uses_goes_on_and_forgets_what_was_erased(
    admin: Admin, kotae: Kotae, customer: Customer, another_customer: Customer
) -> None:
    admin.uploads(("filter.md", FILTER))
    (document,) = kotae.library.documents()
    customer.asks("How often do I change the water filter?")
    assert kotae.uses.by_document()[document.id].answers == 1
    another_customer.asks("How often do I change the water filter?")
    assert kotae.uses.by_document()[document.id].answers == 2
    with kotae.engine.begin() as connection:
        connection.exec_driver_sql(
            "DELETE FROM messages WHERE position <= (SELECT MIN(position) FROM messages WHERE role = 'bot')"
        )
    assert kotae.uses.by_document()[document.id].answers == 1


def test_a_new_version_is_compared_and_the_answers_on_what_is_gone_are_named(
    admin: Admin, kotae: Kotae, customer: Customer
) -> None:
    admin.uploads(("filter.md", FILTER))
    (document,) = kotae.library.documents()
    path = f"/console/documents/{document.id}/versions"
    assert "There is one version so far" in admin.opens(path).text
    customer.asks("How often do I change the water filter?")
    admin.uploads(("filter.md", FILTER.replace(b"60", b"90")))
    page = admin.opens(path).text
    assert "<del>60</del><ins>90</ins>" in page
    conversation = kotae.uses.of_passages(
        document.id, ["Change the water filter of the kettle every 60 days."]
    )
    assert [answer.conversation_id for answer in conversation] != []
    assert f"/console/conversations/{conversation[0].conversation_id}" in page
    assert "is not kept" in admin.opens(f"{path}?old=1&new=9").text.replace("&#39;", "'")


def test_a_passage_that_is_new_is_shown_as_it_reads_and_a_lost_version_is_told_in_the_admins_language(
    admin: Admin, kotae: Kotae
) -> None:
    steps = "".join(f"* Step {n}: hold the lid.\n" for n in range(60))
    admin.uploads(("filter.md", FILTER))
    admin.uploads(("filter.md", FILTER + f"\n## Steps\n\n{steps}".encode()))
    (document,) = kotae.library.documents()
    path = f"/console/documents/{document.id}/versions"
    assert "<li>Step 7: hold the lid.</li>" in admin.opens(path).text
    assert "<del" in admin.opens(f"{path}?old=2&new=1").text
    admin.client.set_cookie("language", "ja")
    assert "第9版は保存されていません" in admin.opens(f"{path}?old=1&new=9").text


def test_a_passage_changed_by_hand_is_a_version_that_says_so(admin: Admin, kotae: Kotae) -> None:
    admin.uploads(("filter.md", FILTER))
    (document,) = kotae.library.documents()
    there = kotae.library.passages(document.id)[0]
    path = f"/console/documents/{document.id}/passages/{there.id}/rewrite"
    admin.sends(path, text=there.text.replace("60", "45"))
    kotae.jobs.drain()
    page = admin.opens(f"/console/documents/{document.id}/versions").text
    assert "changed by hand" in page
    assert "<del>60</del><ins>45</ins>" in page
    there = kotae.library.passages(document.id)[0]
    path = f"/console/documents/{document.id}/passages/{there.id}/question"
    admin.sends(path, question="When is the filter due?")
    kotae.jobs.drain()
    page = admin.opens(f"/console/documents/{document.id}/versions").text
    assert "What was changed by hand are questions" in page


def test_documents_are_tagged_and_listed_by_tag(admin: Admin, kotae: Kotae) -> None:
    admin.uploads(("filter.md", FILTER), ("lamp.md", LAMP))
    ids = {document.source: document.id for document in kotae.library.documents()}
    admin.sends(f"/console/documents/{ids['lamp.md']}/tags", tags="dealers、 light")
    page = admin.opens("/console/documents?tag=dealers").text
    assert ids["lamp.md"] in page
    assert ids["filter.md"] not in page
    (row,) = admin.client.get("/console/documents/state.json?tag=dealers").json["documents"]
    assert row["id"] == ids["lamp.md"]
    assert (
        "longer than 64"
        in admin.opens(admin.sends(f"/console/documents/{ids['lamp.md']}/tags", tags="x" * 70).location).text
    )
