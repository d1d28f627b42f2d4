"""Libraries to measure on: the demo's documents, or any texts, ingested into a folder of their own."""

import csv
import json
import random
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

from bot.kotae import Kotae
from bot.settings import Embedding, Settings
from knowledge_base.library import Library

ROOT = Path(__file__).parent.parent
DEMO = ROOT / "demo" / "documents"
PUBLIC = ROOT.parent / "shared" / "data"


@dataclass(frozen=True)
class Asking:
    """A question with the alternatives of each fact that proves an answer; no facts: it has no answer."""

    question: str
    facts: tuple[tuple[str, ...], ...] = ()
    history: tuple[tuple[str, str], ...] = ()


@contextmanager
def kotae_of(documents: Mapping[str, bytes], embedding: Mapping[str, Any] | None = None) -> Iterator[Kotae]:
    """A Kotae that has ingested these files, by name; `embedding` are the settings of another embedder."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data=Path(folder) / "data", embedding=Embedding(**(embedding or {})))
        kotae = Kotae.open(settings)
        try:
            kotae.warm_up()
            for name, content in documents.items():
                kotae.library.ingest(kotae.library.receive(BytesIO(content), name).document.id)
            yield kotae
        finally:
            kotae.close()


@contextmanager
def library_of(
    documents: Mapping[str, bytes], embedding: Mapping[str, Any] | None = None
) -> Iterator[Library]:
    with kotae_of(documents, embedding) as kotae:
        yield kotae.library


def demo_documents() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(DEMO.iterdir())}


@contextmanager
def demo_library(embedding: Mapping[str, Any] | None = None) -> Iterator[Library]:
    with library_of(demo_documents(), embedding) as library:
        yield library


def public(limit: int, articles: int = 24) -> dict[str, tuple[dict[str, bytes], list[Asking]]]:
    """Training sets of the public folder, as documents and questions; empty when it is not there."""
    files = {
        "SQuAD 2.0 dev": PUBLIC / "train" / "squad_dev" / "dev-2.0.jsonl",
        "JaQuAD train": PUBLIC / "train" / "jaquad" / "train.jsonl",
    }
    return {name: _articles(path, limit, articles) for name, path in files.items() if path.exists()}


def strangers(limit: int) -> list[str]:
    """Questions of other worlds, English and Japanese; empty when the public folder is not there."""
    files = {
        "clinc_oos/data_full.json": lambda text: [row[0] for row in json.loads(text)["oos_train"]],
        "banking77/train.csv": lambda text: [row["text"] for row in csv.DictReader(StringIO(text))],
        "squad_dev/dev-2.0.jsonl": _questions,
        "jcommonsenseqa/train.jsonl": _questions,
        "jaquad/train.jsonl": _questions,
    }
    found: list[str] = []
    for name, read in files.items():
        path = PUBLIC / "train" / name
        if path.exists():
            found += random.Random(3).sample(read(path.read_text("utf-8")), limit)
    return found


def _questions(text: str) -> list[str]:
    return [json.loads(line)["question"] for line in text.splitlines()]


def _articles(path: Path, limit: int, articles: int) -> tuple[dict[str, bytes], list[Asking]]:
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    titles = sorted({row["title"] for row in rows})
    random.Random(1).shuffle(titles)
    chosen = [row for row in rows if row["title"] in titles[:articles]]
    paragraphs: dict[str, dict[str, None]] = {}
    for row in chosen:
        paragraphs.setdefault(row["title"], {})[row["context"]] = None
    documents = {
        f"{number}.md": "\n\n".join([f"# {title.replace('_', ' ')}", *texts]).encode()
        for number, (title, texts) in enumerate(paragraphs.items())
    }
    random.Random(2).shuffle(chosen)
    return documents, [Asking(row["question"], _facts(row["answers"])) for row in chosen[:limit]]


def _facts(answers: Sequence[str | Mapping[str, str]]) -> tuple[tuple[str, ...], ...]:
    texts = dict.fromkeys(each if isinstance(each, str) else each["text"] for each in answers)
    return (tuple(texts),) if texts else ()
