"""Reading a file: Markdown, HTML, plain text, PDF, Word, CSV and Excel become a `Reading`, by their content.

A reader is a function from a `Source` to an `Outline`. To add one, copy `plain.py`, and name it in `READERS`
and in `format.py`.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from knowledge_base.errors import KnowledgeError, TooLarge, Unreadable
from knowledge_base.limits import MEBIBYTE, Limits
from knowledge_base.passages import Reading
from knowledge_base.readers import markdown, page, pdf, plain, separated, word, workbook
from knowledge_base.readers.format import recognise
from knowledge_base.readers.language import language_of
from knowledge_base.readers.outline import Outline
from knowledge_base.readers.source import Source
from knowledge_base.readers.text import clean

log = logging.getLogger(__name__)

READERS: Mapping[str, Callable[[Source], Outline]] = {
    "csv": separated.read,
    "docx": word.read,
    "html": page.read,
    "markdown": markdown.read,
    "pdf": pdf.read,
    "text": plain.read,
    "xlsx": workbook.read,
}


def read(path: Path, name: str, limits: Limits | None = None) -> Reading:
    """The file at `path` as text; `name` is what its owner calls it.

    Raises Unreadable or TooLarge, never a parser's own error.
    """
    limits = limits or Limits()
    name = clean(name)
    if path.stat().st_size > limits.upload_bytes:
        raise TooLarge(
            f"{name!r} is larger than {limits.upload_bytes / MEBIBYTE:g} MiB, the most that is accepted."
        )
    return read_bytes(path.read_bytes(), name, limits)


def read_bytes(data: bytes, name: str, limits: Limits | None = None) -> Reading:
    """As `read`, of a file that is in memory."""
    name = clean(name)
    if not data.strip():
        raise Unreadable(f"{name!r} is empty.")
    source = Source(name, data, limits=limits or Limits())
    kind, outline = outline_of(source)
    return finish(outline, kind, source)


def outline_of(source: Source) -> tuple[str, Outline]:
    """What the reader of the kind says; a parser that stumbles over the content finds it unreadable."""
    try:
        kind, text = recognise(source.name, source.data)
        if kind in ("csv", "markdown", "text") and len(text) > 2 * source.limits.characters:
            raise TooLarge(too_long(len(text), source))
        return kind, READERS[kind](replace(source, text=text))
    except (KnowledgeError, MemoryError):
        raise
    except Exception as error:  # parsers raise whatever they please on damaged input
        log.warning("reading %r failed", source.name, exc_info=True)
        raise Unreadable(
            f"{source.name!r} cannot be read: its content is damaged; save it again and upload it."
        ) from error


def finish(outline: Outline, kind: str, source: Source) -> Reading:
    """The outline as a Reading, within the limits, in its language."""
    title, blocks = outline.finish(source.stem)
    if not blocks:
        raise Unreadable(f"{source.name!r} holds no text.")
    characters = sum(len(block.text) for block in blocks)
    if characters > source.limits.characters:
        raise TooLarge(too_long(characters, source))
    sample = "\n".join(["\n".join([*block.headings, block.text]) for block in blocks[:500]])
    return Reading(title, kind, language_of(f"{title}\n{sample}"), blocks, tuple(outline.notes))


def too_long(characters: int, source: Source) -> str:
    return (
        f"{source.name!r} holds {characters:,} characters of text, more than the "
        f"{source.limits.characters:,} that are accepted; split it into several documents."
    )
