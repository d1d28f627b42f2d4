"""What a file is, by its content. Its name only breaks ties between kinds of text."""

import re

from knowledge_base.errors import Unreadable
from knowledge_base.readers import markdown, packed, page, separated
from knowledge_base.readers.source import Source
from knowledge_base.readers.text import decode

SIGNATURES = {  # what other files begin with, and what to tell their owner
    b"{\\rtf": "an RTF document; save it as DOCX or PDF and upload that",
    b"\x89PNG": "a picture; text in pictures is not read",
    b"\xff\xd8\xff": "a picture; text in pictures is not read",
    b"GIF8": "a picture; text in pictures is not read",
    b"\x1f\x8b": "a compressed archive; unpack it and upload the documents inside",
    b"7z\xbc\xaf": "a compressed archive; unpack it and upload the documents inside",
    b"Rar!": "a compressed archive; unpack it and upload the documents inside",
    b"\x7fELF": "a program",
    b"MZ\x90": "a program",
}
OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
PAGE = re.compile(
    r"\A\s*(?:<\?xml[^>]*>\s*)?(?>(?:<!--.*?-->\s*)*)<(?:!doctype\s+html|html|head|body)\b",
    re.IGNORECASE | re.DOTALL,
)
FRAGMENT = re.compile(
    r"\A\s*(?>(?:<!--.*?-->\s*)*)<(?:article|aside|div|dl|h[1-6]|main|meta|ol|p|section|style|table|title|ul)\b[^>]*>.*</\w+>\s*\Z",
    re.IGNORECASE | re.DOTALL,
)
MARKDOWN_NAMES = (".md", ".markdown", ".mdown", ".mkd")
PAGE_NAMES = (".html", ".htm", ".xhtml")
TABLE_NAMES = (".csv", ".tsv")


def recognise(name: str, data: bytes) -> tuple[str, str]:
    """The kind of a file (a key of `READERS`), and its text where it is a kind of text."""
    if is_pdf(name, data):
        return "pdf", ""
    if data.startswith(b"PK\x03\x04"):
        return packed.kind_of(data, name), ""
    if data.startswith(OLD_OFFICE):
        raise Unreadable(f"{name!r} is {old_office(data)}.")
    for signature, what in SIGNATURES.items():
        if data.startswith(signature):
            raise Unreadable(f"{name!r} is {what}.")
    text = decode(data, page.declared_encoding(data))
    if text is None:
        raise Unreadable(
            f"{name!r} holds no text in any encoding we know: it is damaged, or of a kind that is not read."
        )
    return kind_of_text(Source(name, b"").ending, text), text


def is_pdf(name: str, data: bytes) -> bool:
    """Some programs write a few bytes before the signature; a text about PDF is told apart by its name."""
    at = data[:1024].find(b"%PDF-")
    return at >= 0 and (not data[:at].strip(b"\xef\xbb\xbf \t\r\n") or name.lower().endswith(".pdf"))


def old_office(data: bytes) -> str:
    if ENCRYPTED in data:
        return "protected with a password; upload a copy without one"
    return "a document of an old Office version (DOC, XLS, PPT); save it as DOCX, XLSX or PDF and upload that"


def kind_of_text(ending: str, text: str) -> str:
    """Which kind of text this is: its own marks first, its name where those leave it open."""
    if PAGE.match(text):
        return "html"
    if ending in MARKDOWN_NAMES and markdown.looks_so(text):
        return "markdown"
    if FRAGMENT.match(text) and ending not in MARKDOWN_NAMES:
        return "html"
    if separated.looks_so(text, named=ending in TABLE_NAMES):
        return "csv"
    if ending in MARKDOWN_NAMES or markdown.looks_so(text) >= (2 if ending == ".txt" else 1):
        return "markdown"
    return "html" if ending in PAGE_NAMES else "text"
