"""How often `quotes` says the fact that was asked for, and how often it refuses: the demo's test questions.

`python -m benchmarks.quotes` asks them all by the way of a customer's turn. Beside it stand what needs no
choosing: the sentence nearest in meaning among the passages found, and the whole first passage; neither ever
refuses. Another embedder: `--embedding` (see `benchmarks.embedders`).
"""

import argparse
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import embedders
from benchmarks.libraries import demo_documents, kotae_of
from bot.conversations.turn import Ended
from bot.evaluation.facts import proves
from bot.kotae import Kotae
from demo.questions import DemoQuestion, questions
from strategies.base import Question, Turn
from strategies.followups import standalone

K = 8


@dataclass(frozen=True)
class Said:
    question: DemoQuestion
    text: str
    abstained: bool
    ms: float

    @property
    def right(self) -> bool:
        return self.question.answerable and not self.abstained and proves(self.text, self.question.facts)


def turns(question: DemoQuestion) -> tuple[Turn, ...]:
    return tuple(Turn(said.role, said.text) for said in question.history)


def by_quotes(kotae: Kotae, question: DemoQuestion) -> Said:
    """As a customer is answered; nothing is kept."""
    *_, ended = kotae.try_out(question.question, history=turns(question))
    if not isinstance(ended, Ended) or (ended.partial and not ended.abstained):
        raise RuntimeError(f"{question.id}: the turn failed: {ended}")
    return Said(question, ended.answer.text, ended.abstained, ended.ms)


def nearest_sentence(kotae: Kotae, question: DemoQuestion) -> Said:
    query = standalone(Question(question.question, turns(question))).query
    passages = kotae.library.search(query, K)
    vector = np.asarray(kotae.library.embedder.embed_query(query), np.float32)
    best = max(
        (float(row @ vector), passage.text[start:end])
        for passage, rows in zip(passages, kotae.library.sentences(passages), strict=True)
        for (start, end), row in zip(passage.sentences, rows, strict=False)
    )
    return Said(question, best[1], False, 0.0)


def first_passage(kotae: Kotae, question: DemoQuestion) -> Said:
    query = standalone(Question(question.question, turns(question))).query
    return Said(question, kotae.library.search(query, 1)[0].text, False, 0.0)


def figures(said: Sequence[Said]) -> dict[str, float]:
    """Shares of the answerable questions, and of those without an answer."""
    with_answer = [one for one in said if one.question.answerable]
    without = [one for one in said if not one.question.answerable]
    return {
        "questions": len(said),
        "gold fact": mean(one.right for one in with_answer),
        "false refusals": mean(one.abstained for one in with_answer),
        "refused": mean(one.abstained for one in without),
        "characters": mean(len(one.text) for one in with_answer if not one.abstained),
        "p50 ms": float(np.median([one.ms for one in said])),
    }


def mean(values: Iterable[float]) -> float:
    return float(np.mean(list(values) or [float("nan")]))


def measure(embedding: Mapping[str, Any], part: str) -> dict[str, dict[str, float]]:
    asked = questions(part)
    ways: dict[str, Callable[[Kotae, DemoQuestion], Said]] = {
        "quotes": by_quotes,
        "nearest sentence": nearest_sentence,
        "whole first passage": first_passage,
    }
    with kotae_of(demo_documents(), embedding) as kotae:
        said = {name: [way(kotae, question) for question in asked] for name, way in ways.items()}
    table = {name: figures(all_said) for name, all_said in said.items()}
    for name, is_one in PARTS.items():
        if some := [one for one in said["quotes"] if is_one(one.question)]:
            table[f"quotes, {name}"] = figures(some)
    return table


PARTS: dict[str, Callable[[DemoQuestion], bool]] = {
    "English": lambda question: question.language == "en",
    "Japanese": lambda question: question.language == "ja",
    "paraphrased": lambda question: "paraphrase" in question.tags,
    "follow-ups": lambda question: "follow-up" in question.tags,
    "near misses": lambda question: "near-miss" in question.tags,
    "off topic": lambda question: "off-topic" in question.tags,
}


def show(table: dict[str, dict[str, float]]) -> None:
    columns = list(next(iter(table.values())))
    print(" " * 24 + "".join(f"{column:>16}" for column in columns))
    for name, row in table.items():
        cells = (
            f"{row[c]:>16.0f}" if c in ("questions", "characters") else f"{row[c]:>16.3f}" for c in columns
        )
        print(f"{name:<24}" + "".join(cells).replace("nan", "  –"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    parser.add_argument(
        "--part", default="test", choices=["test", "calibration", "others"], help="which questions"
    )
    embedders.add_to(parser)
    options = parser.parse_args()
    with embedders.chosen(options.embedding) as embedding:
        table = measure(embedding, options.part)
    show(table)
    if options.json:
        options.json.write_text(json.dumps(table, indent=2), "utf-8")


if __name__ == "__main__":
    main()
