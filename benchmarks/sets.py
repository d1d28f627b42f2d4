"""Documents with questions whose answering document is known: the demo, and public help-centre sets where
they are.

A set is measured in its own library. The public sets are only read; none of their text is part of this
repository.
"""

import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.libraries import PUBLIC, demo_documents
from demo.questions import questions

DEV = PUBLIC / "dev"
SEED = 20261122


@dataclass(frozen=True)
class Asked:
    """What is typed into a search, and the names of the files that answer it; with what proves an answer
    (alternatives), or one in words, where the set has it.
    """

    question: str
    answered_by: tuple[str, ...]
    facts: tuple[tuple[str, ...], ...] = ()
    answer: str = ""


@dataclass(frozen=True)
class QuestionSet:
    """`asked` has one list for each way of asking: first questions, follow-ups, …"""

    name: str
    language: str
    documents: dict[str, bytes] = field(repr=False)
    asked: dict[str, list[Asked]] = field(repr=False)


def sets(limit: int, absent: Callable[[str], None] = print) -> Iterator[QuestionSet]:
    """Every set that is there, with at most `limit` questions of a kind. `absent` is told of the others."""
    yield demo("en", limit)
    yield demo("ja", limit)
    for folder, load in (
        ("doc2dial_dmv_ssa", doc2dial),
        ("adobe_commerce_kb", adobe_english),
        ("adobe_commerce_kb", adobe_japanese),
        ("jsquad_valid", jsquad),
    ):
        if (DEV / folder).is_dir():
            yield load(DEV / folder, limit)
        else:
            absent(f"{folder} is not in {DEV}: left out")


def demo(language: str, limit: int) -> QuestionSet:
    """The demo's documents, in all their formats and languages; first questions that they answer."""
    asked = [
        Asked(question.question, question.sources)
        for question in questions("test")
        if question.language == language and question.answerable and not question.history
    ]
    return QuestionSet("demo", language, demo_documents(), {"questions": some(asked, limit)})


def doc2dial(folder: Path, limit: int) -> QuestionSet:
    """Public services. A follow-up is asked after what the customer said before, as one text."""
    documents = {row["doc_id"]: article(row) for row in rows(folder / "documents.jsonl")}
    first, following = [], []
    for row in rows(folder / "questions.jsonl"):
        if row["turn_id"] == 1:
            told = row.get("gold_response", "")
            first.append(Asked(row["question"], (file(row["doc_id"]),), answer=told))
        else:
            before = [turn["text"] for turn in row["history"][:-1] if turn["role"] == "user"]
            following.append(Asked("\n".join([*before[-2:], row["question"]]), (file(row["doc_id"]),)))
    asked = {"first questions": some(first, limit), "follow-ups": some(following, limit)}
    return QuestionSet("doc2dial", "en", {file(name): text for name, text in documents.items()}, asked)


def adobe_english(folder: Path, limit: int) -> QuestionSet:
    return adobe(folder, limit, "en")


def adobe_japanese(folder: Path, limit: int) -> QuestionSet:
    return adobe(folder, limit, "ja")


def adobe(folder: Path, limit: int, language: str) -> QuestionSet:
    """A product's help articles. Questions are headings of theirs; or what an article is about, in other
    words.
    """
    articles = list(rows(folder / f"documents_{language}.jsonl"))
    faq = [
        Asked(row["question"], (file(row["doc_id"]),), answer=row.get("answer", ""))
        for row in rows(folder / f"faq_{language}.jsonl")
    ]
    about = [Asked(row["description"], (file(row["doc_id"]),)) for row in articles if row.get("description")]
    return QuestionSet(
        "adobe commerce",
        language,
        {file(row["doc_id"]): article(row) for row in articles},
        {"questions": some(faq, limit), "descriptions": some(about, limit)},
    )


def jsquad(folder: Path, limit: int) -> QuestionSet:
    """Paragraphs of an encyclopedia, each a document; questions that one of them answers."""
    documents: dict[str, bytes] = {}
    names: dict[str, str] = {}
    asked = []
    for row in rows(folder / "valid.jsonl"):
        paragraph = row["context"].split("[SEP]", 1)[-1].strip()
        name = names.setdefault(paragraph, f"{row['title']}-{len(names)}.md")
        documents[name] = f"# {row['title']}\n\n{paragraph}\n".encode()
        alternatives = tuple(dict.fromkeys(answer["text"] for answer in row["answers"]))
        asked.append(Asked(row["question"], (name,), (alternatives,) if alternatives else ()))
    return QuestionSet("jsquad", "ja", documents, {"questions": some(asked, limit)})


def article(row: dict[str, Any]) -> bytes:
    text = row["text"] if row["text"].lstrip().startswith("#") else f"# {row['title']}\n\n{row['text']}"
    return f"{text}\n".encode()


def file(name: str) -> str:
    """A document's name as a file's."""
    return name.replace("/", "-").removesuffix(".md") + ".md"


def some(asked: list[Asked], limit: int) -> list[Asked]:
    """The same ones every time."""
    return random.Random(SEED).sample(asked, limit) if len(asked) > limit else asked


def rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
