"""A cited passage where it stands: what is around it in its document, with the words that the answer used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.conversations.record import Shown
from knowledge_base.passages import Passage
from web.chat import schemas

if TYPE_CHECKING:
    from knowledge_base.library import Library

EACH_SIDE = 12  # passages around the cited one


def in_its_document(cited: Sequence[Shown], library: Library) -> schemas.Document:
    """The document around the passage; the passage as it was cited where it is gone."""
    first = cited[0]
    live = library.by_id([first.passage_id]).get(first.passage_id)
    around = library.neighbours(live, EACH_SIDE) if live else []
    return schemas.Document(
        document=first.document,
        source=first.source,
        changed=live is None,
        quotes=list(dict.fromkeys(shown.quote for shown in cited)),
        parts=[_part(passage, passage.id == first.passage_id) for passage in around]
        or [schemas.Part(text=first.text, headings=list(first.headings), page=first.page, cited=True)],
    )


def _part(passage: Passage, is_cited: bool) -> schemas.Part:
    return schemas.Part(text=passage.text, headings=list(passage.headings), page=passage.page, cited=is_cited)
