"""How often the rule for upset customers finds one, and how often it mistakes a plain complaint for anger.

`python -m benchmarks.upset` asks it `upset.jsonl`, sentences of ours about kettles and orders: angry ones and
neutral ones full of words such as "broken", "worst", "hate". The list of signs was written by the same hand,
so what it finds there is the most it ever finds. Whatever public questions lie in ../shared/data show what it
mistakes: hardly any of those who wrote them were angry.
"""

import argparse
import csv
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bot.handoff import upset

SENTENCES = Path(__file__).with_name("upset.jsonl")
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@dataclass(frozen=True)
class Sentence:
    text: str
    language: str
    upset: bool


@dataclass(frozen=True)
class Figures:
    """Of one set in one language. `found` of `angry`, `mistaken` of `calm`."""

    set: str
    language: str
    found: int
    angry: int
    mistaken: int
    calm: int


def sentences() -> list[Sentence]:
    lines = SENTENCES.read_text("utf-8").splitlines()
    return [Sentence(**json.loads(line)) for line in lines]


def figures(name: str, asked: list[Sentence]) -> list[Figures]:
    told = []
    for language in sorted({one.language for one in asked}):
        those = [one for one in asked if one.language == language]
        fired = {one.text for one in those if upset.found(one.text, language)}
        angry = [one.text for one in those if one.upset]
        calm = [one.text for one in those if not one.upset]
        found, mistaken = (sum(text in fired for text in texts) for texts in (angry, calm))
        told.append(Figures(name, language, found, len(angry), mistaken, len(calm)))
    return told


def public() -> Iterator[tuple[str, list[Sentence]]]:
    """Questions of strangers, where they are there. Bitext marks those that it made swear."""
    yield from _those("banking77", SHARED / "train/banking77/train.csv", _banking, "en")
    yield from _those(
        "bitext", SHARED / "train/bitext_support/bitext_2023-08_short_6480.jsonl", _bitext, "en"
    )
    yield from _those("jaquad", SHARED / "train/jaquad/train.jsonl", _questions, "ja")
    yield from _those("jsquad", SHARED / "dev/jsquad_valid/valid.jsonl", _questions, "ja")


def _those(
    name: str, file: Path, read: Callable[[Path], Iterator[tuple[str, bool]]], language: str
) -> Iterator[tuple[str, list[Sentence]]]:
    if file.exists():
        yield name, [Sentence(text, language, angry) for text, angry in dict(read(file)).items()]


def _banking(file: Path) -> Iterator[tuple[str, bool]]:
    with file.open(encoding="utf-8", newline="") as lines:
        yield from ((line["text"], False) for line in csv.DictReader(lines))


def _bitext(file: Path) -> Iterator[tuple[str, bool]]:
    for line in file.read_text("utf-8").splitlines():
        row = json.loads(line)
        yield row["instruction"], "W" in row["tags"]


def _questions(file: Path) -> Iterator[tuple[str, bool]]:
    for line in file.read_text("utf-8").splitlines():
        yield from ((text, False) for text in _asked(json.loads(line)))


def _asked(value: Any) -> Iterator[str]:
    """Every "question" in nested JSON."""
    match value:
        case Mapping():
            for name, inner in value.items():
                yield from [inner] if name == "question" and isinstance(inner, str) else _asked(inner)
        case list():
            for inner in value:
                yield from _asked(inner)


def run() -> list[Figures]:
    told = figures("ours", sentences())
    for name, asked in public():
        told += figures(name, asked)
    return told


def show(told: list[Figures]) -> None:
    print("| set | language | upset, found | calm, mistaken |\n|---|---|---|---|")
    for one in told:
        found = f"{one.found} of {one.angry}" if one.angry else "–"
        print(f"| {one.set} | {one.language} | {found} | {one.mistaken} of {one.calm:,} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    told = run()
    if parser.parse_args().json:
        print(json.dumps([asdict(one) for one in told]))
    else:
        show(told)


if __name__ == "__main__":
    main()
