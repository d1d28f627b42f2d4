"""Passages of an invented kettle, for tests of strategies."""

import re

from knowledge_base.passages import Passage


def passage(text: str, *, id: str = "", title: str = "Kettle guide", **more: object) -> Passage:  # noqa: A002
    """A passage whose sentences end at a full stop, an exclamation or question mark, or a line's end."""
    ends = [found.end() for found in re.finditer(r"[.!?](?=\s|$)|[。！？]|\n", text)]
    starts = [0, *ends]
    if not ends or ends[-1] != len(text):
        ends.append(len(text))
    spans = [
        (start + len(text[start:end]) - len(text[start:end].lstrip()), end)
        for start, end in zip(starts, ends, strict=False)
    ]
    kept = tuple((start, end) for start, end in spans if text[start:end].strip())
    return Passage(
        id=id or f"p{abs(hash(text)) % 10**8}",
        document_id="kettle",
        title=title,
        source="kettle.md",
        text=text,
        sentences=kept,
        **more,  # type: ignore[arg-type]
    )


DESCALE = passage(
    "Descale the kettle every two months. Use 15 g of citric acid in one litre of water.",
    id="descale",
    headings=("Care", "Descaling"),
)
WARRANTY = passage(
    "The warranty lasts 24 months from the day of purchase. It does not cover limescale.",
    id="warranty",
    title="Warranty",
)
SHIPPING = passage(
    "Shipping is free from 40 euros. Parcels arrive within three working days.",
    id="shipping",
    title="Shipping",
)
JAPANESE = passage(
    "ケトルは2か月ごとに湯あか取りをしてください。クエン酸は15 g使います。",
    id="ja",
    title="ケトルの手引き",
    language="ja",
)
EVERYTHING = (DESCALE, WARRANTY, SHIPPING, JAPANESE)
