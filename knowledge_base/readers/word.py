"""Word documents, by way of the HTML that mammoth makes of them: headings, lists, tables and footnotes."""

import re
import zipfile
from io import BytesIO
from typing import Any

import mammoth
from lxml import etree  # type: ignore[import-untyped]

from knowledge_base.errors import TooLarge
from knowledge_base.limits import MEBIBYTE
from knowledge_base.readers import hidden, markup, packed
from knowledge_base.readers.outline import Outline
from knowledge_base.readers.source import Source
from knowledge_base.readers.text import line

WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
TITLE = "{http://purl.org/dc/elements/1.1/}title"
MOST_MARKUP = 40 * MEBIBYTE
# The title stands above all headings, so each of those is one level deeper.
STYLES = "\n".join(
    [
        "p[style-name='Title'] => h1:fresh",
        "p[style-name='Subtitle'] => p:fresh",
        "p[style-name='Code'] => pre:separator('\\n')",
        "p[style-name='HTML Preformatted'] => pre:separator('\\n')",
        *(f"p[style-name='heading {level}'] => h{min(level + 1, 6)}:fresh" for level in range(1, 10)),
        *(f"p.Heading{level} => h{min(level + 1, 6)}:fresh" for level in range(1, 10)),
    ]
)


def read(source: Source) -> Outline:
    packed.check(source.data, source.name, source.limits)
    check_markup(source)
    outline = Outline()
    shown, hidden_runs = without_hidden_runs(source.data)
    if hidden_runs:
        outline.note("Text formatted as hidden was left out.")
    outline.title = title_of(source.data)
    html = mammoth.convert_to_html(
        shown, style_map=STYLES, convert_image=mammoth.images.img_element(nothing)
    ).value
    if (root := markup.tree(html, outline)) is not None:
        hidden.prune(root)
        markup.walk(root, outline)
    return outline


def check_markup(source: Source) -> None:
    """mammoth holds all markup in memory, several times over; pictures do not count."""
    with zipfile.ZipFile(BytesIO(source.data)) as archive:
        size = sum(member.file_size for member in archive.infolist() if member.filename.endswith(".xml"))
    if size > MOST_MARKUP:
        raise TooLarge(f"{source.name!r} holds more text and formatting than can be read at once; split it.")


def nothing(image: Any) -> dict[str, str]:
    """Pictures are not read; what their author says about them is."""
    return {"alt": image.alt_text or ""}


def without_hidden_runs(data: bytes) -> tuple[BytesIO, int]:
    """The same document without the runs of text that Word is told not to show."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        parts = [
            name
            for name in archive.namelist()
            if re.fullmatch(r"word/(document\d*|footnotes|endnotes)\.xml", name)
        ]
        changed = {name: content for name in parts if (content := shown_part(archive.read(name))) is not None}
        if not changed:
            return BytesIO(data), 0
        result = BytesIO()
        with zipfile.ZipFile(result, "w", zipfile.ZIP_STORED) as copy:
            for name in dict.fromkeys(archive.namelist()):
                copy.writestr(name, changed.get(name) or archive.read(name))
    result.seek(0)
    return result, len(changed)


def shown_part(content: bytes) -> bytes | None:
    """The part without hidden runs, or None when it has none."""
    if b"vanish" not in content:
        return None
    root = etree.fromstring(content, safe_parser())
    runs = [mark.getparent().getparent() for mark in root.iter(f"{WORD}vanish") if is_on(mark)]
    runs = [run for run in runs if run is not None and run.tag == f"{WORD}r" and run.getparent() is not None]
    for run in runs:
        run.getparent().remove(run)
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8", standalone=True) if runs else None


def is_on(mark: Any) -> bool:
    return mark.get(f"{WORD}val", "true") not in ("0", "false", "off")


def title_of(data: bytes) -> str:
    """The title among the document's properties, where its author gave one."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        if "docProps/core.xml" not in archive.namelist():
            return ""
        found = etree.fromstring(archive.read("docProps/core.xml"), safe_parser()).find(TITLE)
    title = line(found.text or "") if found is not None else ""
    return (
        ""
        if re.match(r"(?i)microsoft word|word document$|document\d*$|untitled|文書\s*\d*$", title)
        else title
    )


def safe_parser() -> etree.XMLParser:
    return etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
