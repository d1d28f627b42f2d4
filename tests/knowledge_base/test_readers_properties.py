"""Whatever is uploaded, an admin gets a reading or a sentence, and no invisible character gets through."""

import tempfile
import unicodedata
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from knowledge_base.errors import Unreadable
from knowledge_base.passages import Reading
from knowledge_base.readers.text import clean
from tests.knowledge_base import files

NAMES = st.sampled_from(["a.md", "a.txt", "a.html", "a.csv", "a.pdf", "a.docx", "a.xlsx", "a"])
DOCUMENTS = [
    files.pdf([("Heading1", "Care"), ("BodyText", "Wipe it.")]),
    files.word([("Heading 1", "Care"), ("Normal", "Wipe it.")]),
    files.workbook({"Sheet": [["Question", "Answer"], ["How?", "Wipe it."]]}),
    "<!doctype html><h1>Care</h1><table><tr><td>a<td>b</table><dl><dt>x?<dd>y</dl>".encode("utf-16"),
    b"# Care\n\n> quoted\n\n- a\n  - b\n\n|a|b|\n|-|-|\n|c|d|\n\n```\ncode\n```\n",
    'question,answer\n"a","b ""c"""\n'.encode("cp932"),
]
WORDS = st.text(st.characters(codec="utf-8", categories=["L", "N"]), min_size=1, max_size=12)


def attempt(data: bytes, name: str) -> Reading | str:
    with tempfile.TemporaryDirectory() as folder:
        try:
            return files.read_bytes(Path(folder), data, name)
        except Unreadable as refused:
            return str(refused)


def check(outcome: Reading | str) -> None:
    if isinstance(outcome, str):
        assert outcome.endswith(".")
        return
    assert outcome.blocks
    for text in [
        outcome.title,
        *(part for block in outcome.blocks for part in (block.text, *block.headings)),
    ]:
        assert text == text.strip("\n")
        assert text.strip()
        assert not [
            letter for letter in text if unicodedata.category(letter) in ("Cc", "Cs") and letter != "\n"
        ]
        assert text == unicodedata.normalize("NFC", text)
        text.encode()


@given(st.binary(max_size=400), NAMES)
def test_any_bytes_are_read_or_refused_in_a_sentence(data, name):
    check(attempt(data, name))


@given(st.text(max_size=400), NAMES)
def test_any_text_is_read_or_refused_in_a_sentence(text, name):
    check(attempt(text.encode(errors="surrogatepass"), name))


@given(st.sampled_from(DOCUMENTS), NAMES, st.data())
def test_a_document_damaged_anywhere_is_read_or_refused_in_a_sentence(document, name, data):
    damaged = bytearray(document)
    for _ in range(data.draw(st.integers(1, 8))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    check(attempt(bytes(damaged[: data.draw(st.integers(1, len(damaged)))]), name))


@given(
    st.lists(st.lists(WORDS, min_size=1, max_size=6), min_size=1, max_size=6),
    st.sampled_from(["p", "li", "h2", "td"]),
)
def test_every_word_of_a_page_is_read_in_order(paragraphs, tag):
    body = "".join(f"<{tag}>{' '.join(words)}</{tag}>" for words in paragraphs)
    around = {"li": "<ol>{}</ol>", "td": "<table><tr>{}</tr></table>"}.get(tag, "{}")
    reading = attempt(f"<html><body>{around.format(body)}<p>End.</p></body></html>".encode(), "a.html")
    assert isinstance(reading, Reading)
    said = [part for block in reading.blocks for part in (*block.headings, block.text)]
    rest = " ".join([reading.title, *said])
    for word in (word for words in paragraphs for word in words):
        assert clean(word) in rest
        rest = rest[rest.index(clean(word)) :] if tag != "h2" else rest


@given(st.text(max_size=200))
def test_cleaning_twice_is_cleaning_once(text):
    assert clean(clean(text)) == clean(text)
