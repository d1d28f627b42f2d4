"""Fit the evidence behind `quotes` anew: which sentence answers, and when to say that none does.

`python -m benchmarks.calibrate` writes strategies/quoting.json. It reads the demo's calibration questions
and, when the folder of public sets is there, questions out of its `train/`. It never reads the demo's test
questions, nor `dev/`, which the published figures are measured with.

The shipped file is fitted on the first 157 of them, and the threshold is set on the 785 that came later, to
which nothing was fitted. What was fitted on all of them refuses fewer of the unanswerable test questions
(docs/experiments.md). `--first 942` does it; the threshold is cross-validated then.

A public question counts little beside one of the demo's: encyclopedias are not asked as a support desk is.
"""

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from benchmarks.libraries import Asking, demo_documents, demo_library, library_of, public, strangers
from bot.evaluation.facts import proves
from demo.questions import DemoQuestion, questions
from knowledge_base.library import Library
from knowledge_base.passages import Passage
from strategies import quoting
from strategies.base import Question, Turn
from strategies.followups import standalone

K = 8  # passages, as kotae.toml has `rag` find them for `quotes`
FALSE_REFUSALS = 0.04  # of the answerable questions that the threshold is set on; the goal on others is 5 %
# What a question of the demo weighs, the same in a library of one document, a public one about its own
# article, a public one asked about the demo.
OURS, ALONE, THEIRS, STRANGERS = 1.0, 0.3, 0.02, 0.1


@dataclass(frozen=True)
class Example:
    """A question with what was found for it."""

    asked: quoting.Asked
    passages: tuple[Passage, ...]
    vectors: tuple[Any, ...]
    facts: tuple[tuple[str, ...], ...]  # empty: it has no answer
    weight: float


def example(library: Library, asking: Asking, weight: float) -> Example:
    turns = tuple(Turn("customer" if who == "customer" else "bot", text) for who, text in asking.history)
    query = standalone(Question(asking.question, turns)).query
    passages = tuple(library.search(query, K))
    vector = np.asarray(library.embedder.embed_query(query), np.float32)
    asked = quoting.Asked(query, vector, library.weigh(query))
    return Example(asked, passages, tuple(library.sentences(passages)), asking.facts, weight)


def one_document_at_a_time(ours: Sequence[DemoQuestion]) -> Iterator[Example]:
    """Each document as all there is, as on an installation's first day: its own questions, and others'."""
    asked = [q for q in ours if not q.history]
    for name, content in demo_documents().items():
        own = [q for q in asked if name in q.sources]
        others = [q for q in asked if name not in q.sources]
        with library_of({name: content}) as library:
            for q in own:
                yield example(library, Asking(q.question, q.facts), ALONE)
            for q in random.Random(name).sample(others, min(len(others), len(own))):
                stranger = example(library, Asking(q.question), ALONE)
                if not (q.facts and proves("\n".join(p.text for p in stranger.passages), q.facts)):
                    yield stranger


def gather(limit: int, first: int) -> tuple[list[Example], list[Example], list[str]]:
    """Examples of all sets that are there, of ours the first so many questions; the rest of ours; and the
    names of the first.
    """
    ours = questions("calibration")
    with demo_library() as library:
        rows = [
            Asking(q.question, q.facts if q.answerable else (), tuple((t.role, t.text) for t in q.history))
            for q in ours
        ]
        all_of_ours = [example(library, row, OURS) for row in rows]
        found, others_of_ours = all_of_ours[:first], all_of_ours[first:]
        others = [Asking(text) for text in strangers(limit // 10)]
        found += [example(library, row, STRANGERS) for row in others]
    alone = list(one_document_at_a_time(ours[:first]))
    found += alone
    names = [
        f"demo/questions/calibration.jsonl ({len(rows[:first])})",
        f"the same where the library is one document ({len(alone)})",
        f"questions of other worlds ({len(others)})",
    ]
    for name, (documents, rows) in public(limit).items():
        with library_of(documents) as library:
            found += [example(library, row, THEIRS) for row in rows]
        names.append(f"{name} ({len(rows)})")
    return found, others_of_ours, names


def fit(
    rows: np.ndarray, labels: np.ndarray, weights: np.ndarray, names: Sequence[str], c: float
) -> dict[str, Any]:
    """A logistic regression as the JSON that `Regression.of` reads."""
    scaler = StandardScaler().fit(rows, sample_weight=weights)
    model = LogisticRegression(C=c, max_iter=5000).fit(scaler.transform(rows), labels, sample_weight=weights)
    columns = zip(names, model.coef_[0], scaler.mean_, scaler.scale_, strict=True)
    evidence = {
        name: {"weight": round(w, 4), "middle": round(m, 4), "spread": round(s, 4)}
        for name, w, m, s in columns
    }
    return {"bias": round(float(model.intercept_[0]), 4), "evidence": evidence}


def fit_sentence(examples: Sequence[Example]) -> dict[str, Any]:
    rows, labels, weights = [], [], []
    for one in examples:
        evidence, where = quoting.evidence(one.asked, one.passages, one.vectors)
        right = [any(proves(p.text[a:b], [fact]) for fact in one.facts) for p, _, a, b in where]
        if any(right):
            rows.append(evidence)
            labels += right
            weights += [one.weight] * len(right)
    return fit(np.vstack(rows), np.array(labels), np.array(weights), quoting.OF_A_SENTENCE, 0.3)


def certainties(
    examples: Sequence[Example], sentence: dict[str, Any]
) -> Iterator[tuple[np.ndarray, Example]]:
    regression = quoting.Regression.of(sentence, quoting.OF_A_SENTENCE)
    for one in examples:
        found = quoting.candidates(one.asked, one.passages, one.vectors, regression)
        if found:
            yield quoting.certainty(one.asked, found, one.passages, one.vectors), one


def fit_answerable(examples: Sequence[Example], sentence: dict[str, Any]) -> dict[str, Any]:
    """Half of the weight on questions with an answer, half on those without."""
    pairs = list(certainties(examples, sentence))
    labels = np.array([bool(one.facts) for _, one in pairs])
    weights = np.array([one.weight for _, one in pairs])
    weights[labels] *= weights[~labels].sum() / weights[labels].sum()
    return fit(np.vstack([row for row, _ in pairs]), labels, weights, quoting.OF_THE_QUESTION, 0.1)


def judged(
    examples: Sequence[Example], sentence: dict[str, Any], answerable: dict[str, Any]
) -> list[tuple[bool, float]]:
    """Of each question whether it has an answer, and the likelihood that it has."""
    regression = quoting.Regression.of(answerable, quoting.OF_THE_QUESTION)
    return [
        (bool(one.facts), quoting.likelihood(float(regression.odds(row))))
        for row, one in certainties(examples, sentence)
    ]


def cross_validated(examples: Sequence[Example], folds: int = 5) -> list[tuple[bool, float]]:
    """Our questions, each judged by regressions that were fitted without it."""
    ours = [one for one in examples if one.weight == OURS]
    public_ones = [one for one in examples if one.weight != OURS]
    random.Random(1).shuffle(ours)
    found: list[tuple[bool, float]] = []
    for fold in range(folds):
        rest = [one for n, one in enumerate(ours) if n % folds != fold] + public_ones
        sentence = fit_sentence(rest)
        found += judged(ours[fold::folds], sentence, fit_answerable(rest, sentence))
    return found


def threshold(questions_judged: Sequence[tuple[bool, float]]) -> tuple[float, float, float]:
    """From which likelihood on to answer, with the false refusals and refusals that it costs and brings."""
    with_answer = np.array([sure for has, sure in questions_judged if has])
    without = np.array([sure for has, sure in questions_judged if not has])
    enough = float(np.quantile(with_answer, FALSE_REFUSALS))
    return enough, float(np.mean(with_answer < enough)), float(np.mean(without < enough))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=800, help="questions of each public set")
    parser.add_argument("--first", type=int, default=157, help="of the demo's calibration questions")
    parser.add_argument("--write", type=Path, default=quoting.FITTED)
    options = parser.parse_args()
    examples, others, names = gather(options.limit, options.first)
    sentence = fit_sentence(examples)
    answerable = fit_answerable(examples, sentence)
    enough, false_refusals, refusals = threshold(
        judged(others, sentence, answerable) if others else cross_validated(examples)
    )
    how = f"the {len(others)} others" if others else "cross-validated"
    content = {
        "fitted on": names,
        "with": "python -m benchmarks.calibrate",
        "threshold set on": f"demo/questions/calibration.jsonl, {how}",
        "there": {
            "refused of those without an answer": round(refusals, 3),
            "refused of those with one": round(false_refusals, 3),
        },
        "enough": round(enough, 4),
        "sentence": sentence,
        "answerable": answerable,
    }
    options.write.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
    print(json.dumps({key: content[key] for key in list(content)[:5]}, indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
