"""Office files are ZIP archives. What they are, and whether to unpack them, is settled before parsing."""

import re
import zipfile
from io import BytesIO

from knowledge_base.errors import TooLarge, Unreadable
from knowledge_base.limits import MEBIBYTE, Limits

CONTENT_TYPES = "[Content_Types].xml"
LARGEST_INDEX = MEBIBYTE
MEMBERS = 10_000
SMALL = MEBIBYTE  # below this a high ratio harms nobody
CHUNK = 256 * 1024
MAIN_PARTS = {
    b"wordprocessingml.document.main+xml": "docx",
    b"ms-word.document.macroEnabled.main+xml": "docx",
    b"wordprocessingml.template.main+xml": "docx",
    b"spreadsheetml.sheet.main+xml": "xlsx",
    b"ms-excel.sheet.macroEnabled.main+xml": "xlsx",
    b"spreadsheetml.template.main+xml": "xlsx",
    b"presentationml": "a PowerPoint presentation",
    b"sheet.binary": "a binary Excel workbook (XLSB)",
}
WITHOUT_MARKUP = ("/media/", "/embeddings/")  # pictures may hold what looks like a document type
DOCUMENT_TYPE = re.compile(rb"<!\s*(?:DOCTYPE|ENTITY)", re.IGNORECASE)


def open_archive(data: bytes, name: str) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(BytesIO(data))
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise Unreadable(
            f"{name!r} is damaged or was cut off: it begins like an Office file but cannot be unpacked."
        ) from error


def kind_of(data: bytes, name: str) -> str:
    """`docx` or `xlsx`, by what the archive says it holds."""
    with open_archive(data, name) as archive:
        if CONTENT_TYPES not in archive.namelist():
            raise Unreadable(f"{name!r} is a ZIP archive; unpack it and upload the documents inside.")
        with archive.open(CONTENT_TYPES) as index:
            content = index.read(LARGEST_INDEX)
    for mark, kind in MAIN_PARTS.items():
        if mark in content:
            if kind in ("docx", "xlsx"):
                return kind
            raise Unreadable(f"{name!r} is {kind}, which is not read; save it as PDF and upload that.")
    raise Unreadable(
        f"{name!r} is neither a Word document nor an Excel workbook, though it is packed like one."
    )


def check(data: bytes, name: str, limits: Limits) -> None:
    """Refuse an archive that would unpack beyond the limits, or whose XML defines entities.

    The sizes it declares may lie, so every member is unpacked once, in small pieces that are thrown away.
    """
    with open_archive(data, name) as archive:
        members = archive.infolist()
        declared = sum(member.file_size for member in members)
        if len(members) > MEMBERS or declared > allowed(data, limits):
            raise TooLarge(too_large(name, limits))
        if any(member.flag_bits & 0x1 for member in members):
            raise Unreadable(f"{name!r} is protected with a password; upload a copy without one.")
        unpacked = 0
        for member in members:
            unpacked += measure(archive, member, name, allowed(data, limits) - unpacked, limits)


def allowed(data: bytes, limits: Limits) -> int:
    return min(limits.unpacked_bytes, max(limits.unpacked_ratio * len(data), SMALL))


def measure(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str, left: int, limits: Limits) -> int:
    """The true unpacked size of one member."""
    size = 0
    before = b""
    markup = not any(folder in member.filename for folder in WITHOUT_MARKUP)
    with archive.open(member) as stream:
        while piece := stream.read(CHUNK):
            size += len(piece)
            if size > left:
                raise TooLarge(too_large(name, limits))
            if markup and DOCUMENT_TYPE.search((before + piece).replace(b"\0", b"")):
                raise Unreadable(
                    f"{name!r} defines XML entities, as no Office program does; it is not opened."
                )
            before = piece[-32:]
    return size


def too_large(name: str, limits: Limits) -> str:
    return (
        f"{name!r} unpacks to more than is accepted ({limits.unpacked_bytes // MEBIBYTE} MiB, "
        f"or {limits.unpacked_ratio} times its own size); it is not opened."
    )
