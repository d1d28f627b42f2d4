"""The admin's pages of the console."""

from __future__ import annotations

from io import BytesIO

from bot.kotae import Kotae
from tests.people import Admin, Operator

FILTER = b"# Filter\n\nChange the water filter every 60 days. The filter costs 9.50 euros.\n"


def upload(admin: Admin, *files: tuple[str, bytes]):
    """As the page's script sends it."""
    return admin.client.post(
        "/console/documents",
        data={"files": [(BytesIO(content), name) for name, content in files]},
        headers={"X-CSRFToken": admin.csrf(), "Accept": "application/json"},
    )


def test_an_operator_may_not_open_the_library(operator: Operator) -> None:
    assert operator.opens("/console/documents").status_code == 403
    assert "Documents" not in operator.opens("/console/strategy").text


def test_an_empty_library_says_what_to_do_first(admin: Admin) -> None:
    assert "Upload the first one" in admin.opens("/console/documents").text


def test_an_uploaded_document_goes_live_and_shows_its_passages(admin: Admin, kotae: Kotae) -> None:
    admin.uploads(("filter.md", FILTER))
    (document,) = kotae.library.documents()
    assert document.state == "live"
    page = admin.opens(f"/console/documents/{document.id}").text
    assert "Change the water filter every 60 days." in page
    assert document.by == admin.email


def test_the_page_is_told_how_far_each_document_is(admin: Admin, kotae: Kotae) -> None:
    assert upload(admin, ("filter.md", FILTER)).status_code == 200
    (received,) = admin.client.get("/console/documents/state.json").json["documents"]
    assert received["under_way"]
    kotae.jobs.drain()
    (live,) = admin.client.get("/console/documents/state.json").json["documents"]
    assert live["state"] == "live"
    assert live["passages"] == 1
    assert not live["under_way"]


def test_the_same_content_twice_is_once(admin: Admin, kotae: Kotae) -> None:
    admin.uploads(("filter.md", FILTER))
    (result,) = upload(admin, ("filter.md", FILTER)).json["results"]
    assert result["outcome"] == "unchanged"
    assert len(kotae.library.documents()) == 1


def test_one_bad_file_does_not_stop_the_others(admin: Admin, kotae: Kotae) -> None:
    admin.uploads(("broken.pdf", b"%PDF-1.7 and nothing more"), ("filter.md", FILTER))
    states = {document.source: document for document in kotae.library.documents()}
    assert states["filter.md"].state == "live"
    assert states["broken.pdf"].state == "failed"
    page = admin.opens("/console/documents").text
    assert states["broken.pdf"].error in page.replace("&#39;", "'").replace("&#34;", '"')
    assert "Retry" in page


def test_an_empty_file_is_refused_or_fails_with_a_sentence(admin: Admin, kotae: Kotae) -> None:
    upload(admin, ("empty.md", b""))
    kotae.jobs.drain()
    assert all(document.state == "failed" and document.error for document in kotae.library.documents())


def test_a_path_in_a_file_name_stays_a_name(admin: Admin, kotae: Kotae) -> None:
    admin.uploads(("../../../etc/filter.md", FILTER))
    (document,) = kotae.library.documents()
    assert ".." not in document.source
    assert kotae.library.file(document.id).resolve().is_relative_to(kotae.settings.data.resolve())


def test_the_original_comes_back_as_a_download_and_never_as_a_page(admin: Admin, kotae: Kotae) -> None:
    admin.uploads(
        (
            "page.html",
            b"<html><body><h1>Filter</h1><p>Change it often.</p><script>alert(1)</script></body></html>",
        )
    )
    (document,) = kotae.library.documents()
    with admin.client.get(f"/console/documents/{document.id}/file") as answer:
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.mimetype == "application/octet-stream"


def test_markup_in_a_document_is_text_in_the_console(admin: Admin, kotae: Kotae) -> None:
    admin.uploads(
        (
            "<b>bold<b>.md",
            b"# A <script>alert(1)</script> title\n\nPress `<script>alert(2)</script>` to start it.\n",
        )
    )
    (document,) = kotae.library.documents()
    for path in ("/console/documents", f"/console/documents/{document.id}"):
        assert "<script>alert" not in admin.opens(path).text


def test_an_upload_without_the_csrf_token_is_refused(admin: Admin, kotae: Kotae) -> None:
    answer = admin.client.post("/console/documents", data={"files": [(BytesIO(FILTER), "filter.md")]})
    assert answer.status_code == 400
    assert kotae.library.documents() == []


def test_an_unknown_document_is_a_page_that_says_so(admin: Admin) -> None:
    assert admin.opens("/console/documents/nothing").status_code == 404


def test_what_an_admin_does_is_written_down(admin: Admin, kotae: Kotae) -> None:
    admin.uploads(("filter.md", FILTER))
    (document,) = kotae.library.documents()
    admin.sends(f"/console/documents/{document.id}/retire")
    admin.sends(f"/console/documents/{document.id}/remove")
    done = [(entry.who, entry.what) for entry in kotae.audit.page()]
    for what in ("upload", "retire", "remove"):
        assert (admin.email, what) in done


def test_re_indexing_keeps_every_document_findable(admin: Admin, kotae: Kotae) -> None:
    admin.uploads(("filter.md", FILTER))
    admin.sends("/console/documents/reindex")
    kotae.jobs.drain()
    assert kotae.library.search("how often to change the filter", 1)[0].title == "Filter"


def test_the_list_is_narrowed_by_words_state_and_tag(admin: Admin, kotae: Kotae) -> None:
    admin.uploads(
        ("filter.md", FILTER), ("broken.pdf", b"%PDF-1.7 and nothing more"), ("lamp.md", b"# Lamp\n\nOn.\n")
    )
    sources = {document.source: document.id for document in kotae.library.documents()}
    kotae.library.tag(sources["lamp.md"], ["desk"])
    for query, there in (
        ("q=LAMP+.md", {"lamp.md"}),
        ("state=failed", {"broken.pdf"}),
        ("tag=desk", {"lamp.md"}),
    ):
        page, told = (
            admin.opens(f"/console/documents?{query}").text,
            admin.opens(f"/console/documents/state.json?{query}"),
        )
        assert {source for source, id_ in sources.items() if f'data-id="{id_}"' in page} == there
        assert {one["source"] for one in told.json["documents"]} == there
    assert "No document matches." in admin.opens("/console/documents?q=sofa").text
    assert "Failed 1" in admin.opens("/console/documents").text
