"""What a sitemap lists: pages, or further sitemaps. https://www.sitemaps.org/protocol.html"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

from lxml import etree  # type: ignore[import-untyped]

from knowledge_base.errors import TooLarge, Unreadable
from knowledge_base.limits import MEBIBYTE

GZIP = b"\x1f\x8b"
UNPACKED = 50 * MEBIBYTE  # what the protocol allows
LARGEST = 50_000  # addresses, also by the protocol


@dataclass(frozen=True)
class Listing:
    pages: tuple[str, ...] = ()
    sitemaps: tuple[str, ...] = ()


def listing(body: bytes, url: str) -> Listing | None:
    """None when it is no sitemap. Raises Unreadable when it begins like one and is damaged."""
    text = _unpacked(body, url) if body.startswith(GZIP) else body
    if b"<urlset" not in text[:4096] and b"<sitemapindex" not in text[:4096]:
        return None
    if b"<!DOCTYPE" in text[:4096]:
        raise Unreadable(f"the sitemap {url!r} defines XML entities; it is not read")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)
    try:
        root = etree.fromstring(text, parser)
    except etree.XMLSyntaxError as error:
        raise Unreadable(f"the sitemap {url!r} is damaged: {error.msg}") from error
    found = tuple(dict.fromkeys(_locations(root)))[:LARGEST]
    return Listing(sitemaps=found) if etree.QName(root).localname == "sitemapindex" else Listing(pages=found)


def _locations(root: etree._Element) -> list[str]:
    """The text of each entry's `loc`, in whatever namespace its author wrote."""
    return [
        (child.text or "").strip()
        for entry in root
        for child in entry
        if isinstance(child.tag, str) and etree.QName(child).localname == "loc" and (child.text or "").strip()
    ]


def _unpacked(body: bytes, url: str) -> bytes:
    packed = zlib.decompressobj(wbits=31)
    try:
        text = packed.decompress(body, UNPACKED + 1)
    except zlib.error as error:
        raise Unreadable(f"the sitemap {url!r} is packed and cannot be unpacked") from error
    if len(text) > UNPACKED:
        raise TooLarge(f"the sitemap {url!r} unpacks to more than the {UNPACKED // MEBIBYTE} MB it may have")
    return text
