"""Fit the evidence behind `quotes` anew: which sentence answers, and when to say that none does; by words and
vectors, and with what the cross-encoder sees where it reads a question.

`python -m benchmarks.calibrate` writes strategies/quoting.json. It reads the demo's calibration questions
and, when the folder of public sets is there, questions out of its `train/`. It never reads the demo's test
questions, nor `dev/`, which the published figures are measured with.

The shipped file is fitted on the first 157 of them, and the thresholds are set on the 785 that came later, to
which nothing was fitted. What was fitted on all of them refuses fewer of the unanswerable test questions
(docs/experiments.md). `--first 942` does it; the thresholds are cross-validated then. With Japanese passages
that are read it is done in any case: 49 of the 157 questions are Japanese.

A public question counts little beside one of the demo's: encyclopedias are not asked as a support desk is.
"""

import argparse
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
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
from strategies.cross_encoder.reading import ENGLISH, JAPANESE, READ_AGAIN, language
from strategies.followups import standalone
from strategies.lora.trust.calibration import UNTAUGHT
from strategies.quotes import QuotesOptions, choose

FEW = 100  # questions of the demo; with fewer, everything that there is is fitted on
FOLDS = 5
LATER = "the later ones; by folds what few of the first are for"
K = 8  # passages, as kotae.toml has `rag` find them for `quotes`
FALSE_REFUSALS = 0.05  # the goal, of answerable questions that customers ask
# What a question of the demo weighs, the same in a library of one document, a public one about its own
# article, a public one asked about the demo.
OURS, ALONE, THEIRS, STRANGERS = 1.0, 0.3, 0.02, 0.1
READ = QuotesOptions().read  # passages
# Shares of the answerable questions between whose likelihoods more is read: further passages, before anything
# is refused, and all of them thoroughly.
NOT_ENOUGH, UNSURE = (0.0, 0.5), (0.01, 0.25)
OF_THE_QUESTION = quoting.OF_THE_QUESTION, quoting.ALL_EVIDENCE, quoting.THOROUGHLY  # look by look


@dataclass(frozen=True)
class Example:
    """A question with what was found for it."""

    asked: quoting.Asked
    passages: tuple[Passage, ...]
    vectors: tuple[Any, ...]
    facts: tuple[tuple[str, ...], ...]  # empty: it has no answer
    weight: float

    @property
    def language(self) -> str | None:
        """In which passages are read beside it, if in any."""
        return language(self.asked.text)


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


Fit = dict[str, Any]  # what `Regression.of` reads


@dataclass(frozen=True)
class Looks:
    """How a question's passages are looked at: by words and vectors, then so many of them read, then read
    thoroughly. For each that is done a regression of sentences.
    """

    sentences: tuple[Fit, ...]
    passages: int = 0

    def and_then(self, sentence: Fit) -> "Looks":
        return replace(self, sentences=(*self.sentences, sentence))

    @property
    def names(self) -> Sequence[str]:
        """Of the evidence that they show."""
        return OF_THE_QUESTION[len(self.sentences) - 1]


@dataclass(frozen=True)
class Fits:
    """Looks, and a regression of questions after the last of them."""

    looks: Looks
    answerable: Fit


@dataclass(frozen=True)
class Judged:
    """Whether a question has an answer, whether what would be quoted tells it, and the log odds by the
    evidence.
    """

    has: bool
    told: bool
    odds: float


def fit(rows: np.ndarray, labels: np.ndarray, weights: np.ndarray, names: Sequence[str], c: float) -> Fit:
    """A logistic regression as the JSON that `Regression.of` reads."""
    scaler = StandardScaler().fit(rows, sample_weight=weights)
    model = LogisticRegression(C=c, max_iter=5000).fit(scaler.transform(rows), labels, sample_weight=weights)
    columns = zip(names, model.coef_[0], scaler.mean_, scaler.scale_, strict=True)
    evidence = {
        name: {"weight": round(w, 4), "middle": round(m, 4), "spread": round(s, 4)}
        for name, w, m, s in columns
    }
    return {"bias": round(float(model.intercept_[0]), 4), "evidence": evidence}


def fit_sentence(examples: Sequence[Example]) -> Fit:
    rows, labels, weights = [], [], []
    for one in examples:
        evidence, where = quoting.evidence(one.asked, one.passages, one.vectors)
        right = [holds(one, p.text[a:b]) for p, _, a, b in where]
        if any(right):
            rows.append(evidence)
            labels += right
            weights += [one.weight] * len(right)
    return fit(np.vstack(rows), np.array(labels), np.array(weights), quoting.OF_A_SENTENCE, 0.3)


def fit_read_sentence(examples: Sequence[Example], before: Looks) -> Fit:
    """On what was read alone: an odds of its own goes in, so that what was not read compares with it."""
    rows, labels, weights = [], [], []
    for one in examples:
        found, _ = looked_at(one, before)
        seen = seen_of(one, found, before.passages, thorough=len(before.sentences) > 1)
        read = [
            (row, holds(one, each.text))
            for each in found
            if (row := quoting.of_a_read_sentence(each, seen)) is not None
        ]
        right = [good for _, good in read]
        if any(right):
            rows += [row for row, _ in read]
            labels += right
            weights += [one.weight] * len(right)
    return fit(np.vstack(rows), np.array(labels), np.array(weights), quoting.OF_A_READ_SENTENCE, 0.3)


def holds(one: Example, text: str) -> bool:
    return any(proves(text, [fact]) for fact in one.facts)


def holds_all(one: Example, found: Sequence[quoting.Candidate]) -> bool:
    """Whether what would be quoted tells every fact."""
    usual = QuotesOptions()
    quoted = "\n".join(each.text for each in choose(found, usual.sentences, usual.share))
    return bool(one.facts) and proves(quoted, one.facts)


def looked_at(one: Example, looks: Looks) -> tuple[list[quoting.Candidate], np.ndarray]:
    """The candidates, judged look by look, and the evidence that the documents answer; none where there is no
    candidate.
    """
    first, *further = looks.sentences
    regression = quoting.Regression.of(first, quoting.OF_A_SENTENCE)
    found = quoting.candidates(one.asked, one.passages, one.vectors, regression)
    if not found:
        return [], np.zeros(0)
    row = quoting.certainty(one.asked, found, one.passages, one.vectors)
    for look, sentence in enumerate(further):
        seen = seen_of(one, found, looks.passages, thorough=look > 0)
        row = np.concatenate([row, quoting.of_what_was_seen(seen, found[0])])
        regression = quoting.Regression.of(sentence, quoting.OF_A_READ_SENTENCE)
        found = quoting.looked_again(found, seen, regression)
    return found, row


def seen_of(
    one: Example, found: Sequence[quoting.Candidate], passages: int, *, thorough: bool
) -> Mapping[str, quoting.Seen]:
    """What a customer's question shows: some of what the best sentences are from is read then."""
    seen: dict[str, quoting.Seen] = {}
    for each in quoting.worth_reading(found, passages):
        key = (one.asked.text, thorough, each.passage.id, each.place)
        if key not in _seen:
            _seen[key] = quoting.look(one.asked.text, [each], thorough=thorough)
        seen |= _seen[key]
    return seen


_seen: dict[Any, Mapping[str, quoting.Seen]] = {}  # reading takes the time; each fit asks anew


def learned_from(examples: Sequence[Example], in_language: str) -> list[Example]:
    """Those that were read, without public ones: the cross-encoders have learned from some of these."""
    return [one for one in examples if one.language == in_language and one.weight != THEIRS]


def fit_answerable(examples: Sequence[Example], looks: Looks) -> Fit:
    """Half of the weight on questions with an answer, half on those without."""
    pairs = [(row, one) for one in examples for found, row in [looked_at(one, looks)] if found]
    labels = np.array([bool(one.facts) for _, one in pairs])
    weights = np.array([one.weight for _, one in pairs])
    weights[labels] *= weights[~labels].sum() / weights[labels].sum()
    return fit(np.vstack([row for row, _ in pairs]), labels, weights, looks.names, 0.1)


def by_words_and_vectors(examples: Sequence[Example]) -> Fits:
    return with_answerable(examples, Looks((fit_sentence(examples),)))


def by_reading(examples: Sequence[Example], before: Looks) -> Fits:
    """What is read, after what was looked at before."""
    return with_answerable(examples, before.and_then(fit_read_sentence(examples, before)))


def with_answerable(examples: Sequence[Example], looks: Looks) -> Fits:
    return Fits(looks, fit_answerable(examples, looks))


def fitted(
    fit: Callable[[Sequence[Example]], Fits], first: Sequence[Example], later: Sequence[Example]
) -> tuple[Fits, list[Judged]]:
    """Fitted on the first examples, and the later ones judged by that. Where there are none, or where FEW of
    the first are questions of the demo, fitted on all, and each judged by what was fitted without it, without
    the others about its document and without the same question elsewhere.
    """
    if later and sum(one.weight == OURS for one in first) >= FEW:
        made = fit(first)
        return made, judged(made, later)
    everything = [*first, *later]
    titles = sorted({about(one) for one in everything if one.weight == OURS})
    random.Random(1).shuffle(titles)
    verdicts: list[Judged] = []
    for fold in range(FOLDS):
        held = [o for o in everything if o.weight == OURS and about(o) in titles[fold::FOLDS]]
        asked = {one.asked.text for one in held}
        verdicts += judged(fit([one for one in everything if one.asked.text not in asked]), held)
    return fit(everything), verdicts


def about(one: Example) -> str:
    """The document in which most is found for it."""
    return one.passages[0].title if one.passages else ""


def judged(fits: Fits, examples: Sequence[Example]) -> list[Judged]:
    """Each as when a customer asks."""
    regression = quoting.Regression.of(fits.answerable, fits.looks.names)
    return [
        Judged(bool(one.facts), holds_all(one, found), float(regression.odds(row)))
        for one in examples
        for found, row in [looked_at(one, fits.looks)]
        if found
    ]


def to_be_right(these: Sequence[Judged]) -> tuple[float, float]:
    """By what to multiply the odds, and what to add, so that they are the odds that what is quoted tells the
    facts where UNTAUGHT of the questions have no answer: Platt's scaling. So the likelihood means what that
    of the product model means, and whoever is surer may speak.
    """
    odds, told = np.array([[one.odds] for one in these]), np.array([one.told for one in these])
    has = np.array([one.has for one in these])
    weights = np.where(has, (1 - UNTAUGHT) / has.mean(), UNTAUGHT / (~has).mean())
    model = LogisticRegression(C=1e6).fit(odds, told, sample_weight=weights)
    return float(model.coef_[0][0]), float(model.intercept_[0])


def likelihoods(these: Sequence[Judged], times: float, more: float) -> np.ndarray:
    return np.array([quoting.likelihood(times * one.odds + more) for one in these])


def threshold(likely: np.ndarray, has: np.ndarray) -> float:
    """From which likelihood on to answer; `has` says which questions have an answer."""
    return float(np.sort(likely[has])[spent(int(has.sum()))])


def between(likely: np.ndarray, has: np.ndarray, shares: tuple[float, float]) -> tuple[float, float]:
    """The likelihoods between which it is unsure: few who have an answer are below, many are above. With none
    below, nobody is.
    """
    least, most = np.quantile(likely[has], shares)
    return round(float(least), 4) if shares[0] else 0.0, round(float(most), 4)


def spent(count: int) -> int:
    """How many of so many answerable questions may be refused: the most whose share stays below the goal by
    one standard error of a share among so many, for others are asked than the threshold is set on.
    """
    shares = np.arange(count) / count
    return int(np.flatnonzero(shares + np.sqrt(shares * (1 - shares) / count) <= FALSE_REFUSALS)[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, default=800, help="questions of each public set")
    parser.add_argument("--first", type=int, default=157, help="of the demo's calibration questions")
    parser.add_argument("--write", type=Path, default=quoting.FITTED)
    options = parser.parse_args()
    examples, others, names = gather(options.limit, options.first)
    apart, verdicts = fitted(by_words_and_vectors, examples, others)
    content: dict[str, Any] = {
        "fitted on": names,
        "with": "python -m benchmarks.calibrate",
        "threshold set on": f"demo/questions/calibration.jsonl, {LATER if others else 'folds'}",
        **written(apart, verdicts, Settled.none(len(verdicts)))[0],
        "read": {},
    }
    for each in (ENGLISH, JAPANESE):
        some, more = (learned_from(these, each) for these in (examples, others))
        content["read"][each] = steps(some, more, apart.looks, each)
    options.write.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", "utf-8")
    parts = [content, *(step for each in content["read"].values() for step in each.values())]
    for part in parts:
        print(json.dumps({key: part[key] for key in ("there", "enough")}, indent=2, ensure_ascii=False))


def steps(some: Sequence[Example], more: Sequence[Example], apart: Looks, read_in: str) -> dict[str, Any]:
    """One passage read, more where that is not enough, and those thoroughly where it is unsure then."""
    content: dict[str, Any] = {}
    settled = None
    for name, passages, unsure in (("first", 1, NOT_ENOUGH), ("several", READ, UNSURE)):
        before = replace(apart, passages=passages)
        fits, verdicts = fitted(partial(by_reading, before=before), some, more)
        settled = settled or Settled.none(len(verdicts))
        last = name == "several" and read_in not in READ_AGAIN
        content[name], settled = written(fits, verdicts, settled, None if last else unsure)
    if read_in in READ_AGAIN:
        fits, verdicts = fitted(partial(by_reading, before=fits.looks), some, more)
        content["thorough"], _ = written(fits, verdicts, settled)
    return content


@dataclass(frozen=True)
class Settled:
    """Which questions are settled, and that they are answered."""

    which: np.ndarray
    answered: np.ndarray

    @classmethod
    def none(cls, count: int) -> "Settled":
        return cls(np.zeros(count, bool), np.zeros(count, bool))

    def likelihoods(self, others: np.ndarray) -> np.ndarray:
        """Certainties of those that are settled, and of the others these."""
        return np.where(self.which, self.answered, others)


def written(
    fits: Fits, held: Sequence[Judged], settled: Settled, unsure: tuple[float, float] | None = None
) -> tuple[dict[str, Any], Settled]:
    """As `quoting.fitted` reads it, with the threshold that these set while those that were settled before
    stay as they are; and which are settled then, if more is read of those between the shares `unsure`.
    """
    times, more = to_be_right(held)
    alone, has = likelihoods(held, times, more), np.array([one.has for one in held])
    likely = settled.likelihoods(alone)
    enough = threshold(likely, has)
    told: dict[str, Any] = {
        "there": {
            "questions": len(held),
            "judged here": round(float(np.mean(~settled.which)), 3),
            "refused of those without an answer": round(float(np.mean(likely[~has] < enough)), 3),
            "refused of those with one": round(float(np.mean(likely[has] < enough)), 3),
        },
        "enough": round(enough, 4),
    }
    if unsure:
        least, most = between(alone, has, unsure)
        told["unsure"] = [least, most]
        settled = Settled(
            settled.which | (alone < least) | (alone >= most),
            np.where(settled.which, settled.answered, alone >= most),
        )
    return {
        **told,
        "sentence": fits.looks.sentences[-1],
        "answerable": scaled(fits.answerable, times, more),
    }, settled


def scaled(fit: Fit, times: float, more: float) -> Fit:
    """A regression whose odds are multiplied and added to."""
    evidence = {
        name: {**row, "weight": round(times * row["weight"], 4)} for name, row in fit["evidence"].items()
    }
    return {"bias": round(times * fit["bias"] + more, 4), "evidence": evidence}


if __name__ == "__main__":
    main()
