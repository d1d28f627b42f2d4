"""Files too large, damaged, hostile or sent twice at once: a sentence for the admin, and nothing is lost."""

from __future__ import annotations

import errno
import zipfile
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from apiflask import APIFlask
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from bot.kotae import Kotae
from bot.settings import Settings
from tests.people import PASSWORD, Admin, Customer

FILTER = b"# Filter\n\nChange the water filter every 60 days. The filter costs 9.50 euros.\n"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"limits": settings.limits.model_copy(update={"upload_megabytes": 1})})


def send(admin: Admin, *files: tuple[str, bytes]) -> TestResponse:
    """As the page's script does."""
    parts = [FileStorage(BytesIO(content), name) for name, content in files]
    boundary, body = encode_multipart({"files": parts})
    headers = {"X-CSRFToken": admin.csrf(), "Accept": "application/json"}
    kind = f'multipart/form-data; boundary="{boundary}"'
    return admin.client.post("/console/documents", data=body, content_type=kind, headers=headers)


def zip_bomb() -> bytes:
    """A small DOCX that unpacks to a thousand times its size."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", b"<w>" + b" " * 300_000_000)
    return packed.getvalue()


def test_a_request_beyond_the_limit_is_refused_in_a_sentence(admin: Admin, kotae: Kotae) -> None:
    response = send(admin, ("manual.txt", b"word " * 500_000))
    assert response.status_code == 413
    assert response.json["error"] == "This is too large."
    assert kotae.library.documents() == []


def test_a_file_a_little_beyond_the_limit_is_refused_by_its_name(admin: Admin, kotae: Kotae) -> None:
    response = send(admin, ("manual.txt", b"w" * (1024 * 1024 + 1)))
    assert response.status_code == 400
    (result,) = response.json["results"]
    assert result["error"]
    assert "manual.txt" in result["sentence"]
    assert kotae.library.documents() == []
    assert [path for path in kotae.settings.data.rglob("*") if path.stat().st_size > 1024 * 1024] == []


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("truncated.pdf", b"%PDF-1.7\n1 0 obj\n<< /Type /Catalog"),
        ("picture.md", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 8),
        ("bomb.docx", None),  # packed only where it is sent: it takes a second
        ("nothing.txt", b" \n\t\n"),
        ("half.docx", b"PK\x03\x04" + b"\x00" * 200),
    ],
)
def test_a_file_that_cannot_be_read_says_why_and_does_not_stop_the_next(
    admin: Admin, kotae: Kotae, customer: Customer, name: str, content: bytes | None
) -> None:
    admin.uploads((name, content or zip_bomb()), ("filter.md", FILTER))
    states = {document.source: document for document in kotae.library.documents()}
    assert states[name].state == "failed"
    assert name in states[name].error
    assert "Traceback" not in states[name].error
    assert states["filter.md"].state == "live"
    assert name in admin.opens("/console/documents").text
    assert "60 days" in customer.asks("How often is the water filter changed?").text


def test_two_admins_who_upload_one_file_at_once_get_one_document(
    app: APIFlask, admin: Admin, kotae: Kotae
) -> None:
    kotae.users.add("other@example.com", PASSWORD, "admin")
    headers = {"X-CSRFToken": admin.csrf(), "Accept": "application/json"}
    cookie = admin.client.get_cookie("kotae")
    assert cookie is not None

    def upload(_n: int) -> int:
        client = app.test_client()
        client.set_cookie("kotae", cookie.value)
        parts = [(BytesIO(FILTER), "filter.md")]
        return client.post("/console/documents", data={"files": parts}, headers=headers).status_code

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(upload, range(4))) == [200] * 4
    kotae.jobs.drain()
    (document,) = kotae.library.documents()
    assert (document.state, document.version) == ("live", 1)


def test_a_document_deleted_before_it_was_ingested_never_answers(
    admin: Admin, kotae: Kotae, customer: Customer
) -> None:
    send(admin, ("filter.md", FILTER))
    (document,) = kotae.library.documents()
    admin.sends(f"/console/documents/{document.id}/remove")
    kotae.jobs.drain()
    assert kotae.library.documents() == []
    assert customer.asks("How often is the water filter changed?").abstained


def test_a_full_disk_is_a_sentence_and_the_answers_go_on(
    admin: Admin, kotae: Kotae, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.uploads(("filter.md", FILTER))

    def full(*_args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        response = send(admin, ("scale.md", b"# Scale\n\nDescale every month.\n"))
    assert response.status_code == 400
    assert "disk" in response.json["results"][0]["sentence"]
    assert "Errno" not in response.text
    assert len(kotae.library.documents()) == 1
    assert "60 days" in customer.asks("How often is the water filter changed?").text
