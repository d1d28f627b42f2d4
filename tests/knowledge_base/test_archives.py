"""A ZIP of many documents, also one that was made to do harm."""

from __future__ import annotations

import io
import stat
import zipfile

import pytest

from knowledge_base.archives import is_archive, opened
from knowledge_base.errors import TooLarge, Unreadable
from knowledge_base.limits import Limits
from tests.knowledge_base import files


def packed(*members: tuple[str | zipfile.ZipInfo, bytes]) -> io.BytesIO:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return stream


def names(stream: io.BytesIO, limits: Limits | None = None) -> list[str]:
    with opened(stream, "manuals.zip", limits or Limits()) as archive:
        return [member.name for member in archive.members]


def contents(stream: io.BytesIO, limits: Limits | None = None) -> list[bytes]:
    with opened(stream, "manuals.zip", limits or Limits()) as archive:
        found = []
        for member in archive.members:
            with archive.open(member) as inner:
                found.append(b"".join(iter(lambda: inner.read(1000), b"")))
        return found


def test_each_file_is_a_document_and_what_systems_leave_is_none() -> None:
    stream = packed(
        ("manuals/kettle.md", b"# Kettle"),
        ("manuals/", b""),
        ("__MACOSX/manuals/._kettle.md", b"x"),
        ("manuals/.DS_Store", b"x"),
        ("lamp.md", b"# Lamp"),
    )
    assert names(stream) == ["kettle.md", "lamp.md"]
    assert contents(stream) == [b"# Kettle", b"# Lamp"]


def test_two_files_of_one_name_are_told_apart_by_their_folders() -> None:
    stream = packed(("en/readme.md", b"# Read"), ("ja/readme.md", b"# Yomu"), ("ja/lamp.md", b"# Lamp"))
    assert names(stream) == ["en › readme.md", "ja › readme.md", "lamp.md"]


def test_names_out_of_japanese_windows_are_read() -> None:
    plain = packed(("abcdef.md", b"# Kettle")).getvalue()
    stream = io.BytesIO(plain.replace(b"abcdef.md", "説明書.md".encode("cp932")))
    assert names(stream) == ["説明書.md"]


def test_a_link_is_not_followed() -> None:
    link = zipfile.ZipInfo("passwd.md")
    link.create_system = 3
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert names(packed((link, b"/etc/passwd"), ("lamp.md", b"# Lamp"))) == ["lamp.md"]


def test_an_office_file_is_no_archive_of_documents_and_neither_is_a_damaged_one() -> None:
    assert is_archive(packed(("lamp.md", b"# Lamp")))
    assert not is_archive(io.BytesIO(files.word([("Normal", "Lamp")])))
    assert not is_archive(io.BytesIO(b"PK\x03\x04 and nothing more"))
    assert not is_archive(io.BytesIO(b"# Lamp"))
    with pytest.raises(Unreadable, match="is damaged or was cut off"):
        names(io.BytesIO(b"PK\x03\x04 and nothing more"))


def test_a_bomb_is_not_unpacked_whatever_it_says_of_its_size() -> None:
    honest = packed(("zeros.md", b"\0" * 30_000_000))
    with pytest.raises(TooLarge, match="unpacks to more than is accepted"):
        contents(honest, Limits(archive_bytes=10_000_000))
    with pytest.raises(TooLarge):  # by its ratio
        contents(honest, Limits())
    lying = bytearray(honest.getvalue())
    for mark in (b"PK\x01\x02", b"PK\x03\x04"):
        at = lying.rindex(mark) + (24 if mark == b"PK\x01\x02" else 22)
        lying[at : at + 4] = (1000).to_bytes(4, "little")
    with pytest.raises((TooLarge, Unreadable)):
        contents(io.BytesIO(bytes(lying)))


def test_too_many_files_are_refused_before_any_is_unpacked() -> None:
    stream = packed(*((f"{number}.md", b"x") for number in range(12)))
    with pytest.raises(TooLarge, match="holds 12 files, more than the 10"):
        names(stream, Limits(archive_files=10))


def test_a_file_behind_a_password_is_told_and_a_damaged_one_too() -> None:
    stream = bytearray(packed(("lamp.md", b"# Lamp " * 200)).getvalue())
    stream[stream.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(Unreadable, match=r"'lamp\.md' is protected with a password"):
        contents(io.BytesIO(bytes(stream)))
    broken = bytearray(packed(("lamp.md", bytes(range(256)) * 20)).getvalue())
    broken[60:90] = b"\xff" * 30
    with pytest.raises(Unreadable, match=r"'lamp\.md' is damaged"):
        contents(io.BytesIO(bytes(broken)))
