"""How much the knowledge base accepts of one document, so that no upload can fill the disk or the memory."""

from dataclasses import dataclass

MEBIBYTE = 1024 * 1024


@dataclass(frozen=True)
class Limits:
    """Whoever runs Kotae may change each. A file beyond one is TooLarge, and the sentence names it."""

    upload_bytes: int = 50 * MEBIBYTE  # the file as it arrives
    unpacked_bytes: int = 200 * MEBIBYTE  # all members of a DOCX or XLSX together, unpacked
    unpacked_ratio: int = 200  # unpacked against packed size of such a file: office files stay under 50
    pages: int = 2000
    characters: int = 5_000_000  # of text, after reading
    rows: int = 50_000  # of one CSV file or one sheet
    archive_files: int = 2000  # in one ZIP of documents
    archive_bytes: int = 1024 * MEBIBYTE  # all of them together, unpacked
    page_bytes: int = 20 * MEBIBYTE  # a page that is fetched
    page_seconds: float = 30.0  # from asking for it to its last byte, redirects included
    site_pages: int = 2000  # of one sitemap
