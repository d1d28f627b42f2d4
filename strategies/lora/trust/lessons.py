"""What an adapter was taught, kept beside its weights: the questions, where they lie in meaning, the answers.

A question is as sure as its nearest taught one is near, and its words are known or are not.
"""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from strategies.base import Embedder
from strategies.codes import codes
from strategies.evidence import content, weights
from strategies.lora.pairs.values import Pair
from strategies.lora.shelf.card import BadCard

KNOWN = "known.jsonl"
VECTORS = "questions.safetensors"
HEARD = "heard"
SAID = "said"
RARE = 2  # facts that have a code, of which it tells that one of them is asked for …
NEARER = 0.5  # … as a cosine: they come before all that are only near
COMMON = 0.05  # a script in which fewer of the questions were taught is not known

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Near:
    """A taught question, by its place, and how near it is in meaning: a cosine."""

    at: int
    cosine: float


@dataclass(frozen=True, eq=False)
class Lessons:
    """The pairs, and a unit vector for each question by the embedder of that identity."""

    questions: tuple[str, ...]
    answers: tuple[str, ...]
    facts: tuple[str, ...]
    vectors: Floats  # (questions, dimension)
    embedder: str = ""
    heard: Floats | None = None  # the unit vectors as which the adapter itself hears them, if it hears so
    said: Floats | None = None  # … and hears each answer, as if it were asked, (different answers, width)

    @classmethod
    def of(cls, pairs: Sequence[Pair], embedder: Embedder) -> Lessons:
        vectors = np.asarray(embedder.embed_documents([pair.question for pair in pairs]), np.float32)
        return cls(
            tuple(pair.question for pair in pairs),
            tuple(pair.answer for pair in pairs),
            tuple(pair.about for pair in pairs),
            vectors,
            identity(embedder),
        )

    @classmethod
    def load(cls, folder: Path) -> Lessons | None:
        """None where the adapter does not say what it was taught. Raises BadCard."""
        from safetensors import SafetensorError, safe_open

        if not (folder / KNOWN).exists():
            return None
        try:
            rows = [json.loads(line) for line in (folder / KNOWN).read_text("utf-8").splitlines()]
            with safe_open(folder / VECTORS, framework="np") as stored:
                vectors = stored.get_tensor("vectors").astype(np.float32)
                heard, said = (
                    stored.get_tensor(name).astype(np.float32) if name in stored.keys() else None  # noqa: SIM118
                    for name in (HEARD, SAID)
                )
                embedder = (stored.metadata() or {}).get("embedder", "")
            questions, answers, facts = (
                tuple(str(row[name]) for row in rows) for name in ("question", "answer", "fact")
            )
        except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
            raise BadCard(f"its {KNOWN} and {VECTORS} cannot be read ({error})") from error
        for found, many in ((vectors, len(rows)), (heard, len(rows)), (said, len(set(answers)))):
            if found is not None and (len(found) != many or not rows or not np.isfinite(found).all()):
                raise BadCard(f"its {VECTORS} has no vector for each line of its {KNOWN}")
        return cls(questions, answers, facts, vectors, embedder, heard, said)

    def save(self, folder: Path) -> None:
        from safetensors.numpy import save_file

        rows = zip(self.questions, self.answers, self.facts, strict=True)
        lines = (
            json.dumps({"question": question, "answer": answer, "fact": fact}, ensure_ascii=False)
            for question, answer, fact in rows
        )
        (folder / KNOWN).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        half = {"vectors": self.vectors.astype(np.float16)}
        for name, vectors in ((HEARD, self.heard), (SAID, self.said)):
            if vectors is not None:
                half[name] = vectors.astype(np.float16)
        save_file(half, folder / VECTORS, metadata={"embedder": self.embedder})

    def near(self, vector: Floats, most: int | None = 2, leave: str = "") -> list[Near]:
        """The nearest question of each of the nearest facts, or of all, the nearest first. `leave` is a
        question that is looked past, when one that was made of it stands for one that nobody taught.
        """
        found: dict[str, Near] = {}
        cosines = self.vectors @ vector
        for at in np.argsort(-cosines):
            if self.questions[at] != leave:
                found.setdefault(self.facts[at], Near(int(at), float(cosines[at])))
            if len(found) == most:
                break
        return list(found.values())

    def meanings_near(self, vector: Floats, leave: str = "") -> list[Near]:
        """Every fact by how near its meaning is as the adapter hears it, the nearest first, with one of its
        questions.
        """
        found = []
        cosines = np.vecdot(self._meanings, vector).tolist()
        for of, cosine in zip(self._by_fact.values(), cosines, strict=True):
            kept = [at for at in of if self.questions[at] != leave] if leave else of
            if kept:
                without = len(kept) < len(of)
                found.append(Near(kept[0], float(self._meaning(kept) @ vector) if without else cosine))
        return sorted(found, key=lambda near: -near.cosine)

    def called_by_code(self, question: str, near: list[Near], leave: str = "") -> list[Near]:
        """The same facts; the few that a code in the question belongs to are nearer for it."""
        asked = codes(question)
        having = {
            code: {fact for fact in self._by_fact if code in self.codes_of(fact, leave)} for code in asked
        }
        called = {fact for facts in having.values() if len(facts) <= RARE for fact in facts}
        if not called:
            return near
        found = [replace(one, cosine=one.cosine + NEARER * (self.facts[one.at] in called)) for one in near]
        return sorted(found, key=lambda one: -one.cosine)

    def codes_of(self, fact: str, leave: str = "") -> frozenset[str]:
        """The codes in the questions and answers of a fact."""
        places = (at for at in self._by_fact[fact] if not leave or self.questions[at] != leave)
        return frozenset().union(*(codes(self.questions[at]) | codes(self.answers[at]) for at in places))

    @cached_property
    def known_codes(self) -> frozenset[str]:
        """All that were taught."""
        return frozenset().union(*map(self.codes_of, self._by_fact))

    def meant(self, question: str, vector: Floats) -> Floats:
        """What a question is taken for that the adapter hears so: the nearest meaning."""
        near = self.called_by_code(question, self.meanings_near(vector))
        return self.meaning_of(self.facts[near[0].at])

    def meaning_of(self, fact: str, leave: str = "") -> Floats:
        """The unit vector between its questions and its answer as the adapter hears them."""
        return self._meaning([at for at in self._by_fact[fact] if self.questions[at] != leave])

    def answer_to(self, fact: str) -> str:
        return self.answers[self._by_fact[fact][0]]

    @cached_property
    def _by_fact(self) -> Mapping[str, list[int]]:
        places: dict[str, list[int]] = {}
        for at, fact in enumerate(self.facts):
            places.setdefault(fact, []).append(at)
        return places

    @cached_property
    def _meanings(self) -> Floats:
        """In the order of the facts, (facts, width)."""
        return np.array([self._meaning(of) for of in self._by_fact.values()], np.float32)

    def _meaning(self, places: Sequence[int]) -> Floats:
        """As `hearing.meaning` says. An adapter of before answers were heard has the questions alone."""
        assert self.heard is not None
        found = middle(self.heard[list(places)])
        if self.said is not None:
            found = middle(
                np.array([found, middle(self.said[[self.answer_places[self.answers[at]] for at in places]])])
            )
        return found

    @cached_property
    def answer_places(self) -> Mapping[str, int]:
        """The different answers, in the order in which `said` has them."""
        return {answer: at for at, answer in enumerate(dict.fromkeys(self.answers))}

    def words_about(self, fact: str, leave: str = "") -> frozenset[str]:
        """Every word in which it was asked and answered."""
        if not leave:
            return self._words_about[fact]
        others = (
            content(question) | content(answer)
            for question, answer, about in zip(self.questions, self.answers, self.facts, strict=True)
            if about == fact and question != leave
        )
        return frozenset().union(*others)

    @cached_property
    def _words_about(self) -> Mapping[str, frozenset[str]]:
        words: dict[str, frozenset[str]] = {}
        for question, answer, fact in zip(self.questions, self.answers, self.facts, strict=True):
            words[fact] = words.get(fact, frozenset()) | content(question) | content(answer)
        return words

    @cached_property
    def weight(self) -> Mapping[str, float]:
        """How telling a word is: the fewer facts it is about, the more."""
        return weights(self._words_about.values())

    @cached_property
    def scripts(self) -> frozenset[str]:
        """The writings in which it was taught."""
        count = Counter(map(script, self.questions))
        return frozenset(name for name, n in count.items() if n >= COMMON * len(self.questions))


def middle(vectors: Floats) -> Floats:
    """The unit vector between some, (vectors, width)."""
    mean = vectors.mean(0)
    return np.asarray(mean / np.linalg.norm(mean), np.float32)


def identity(embedder: Embedder) -> str:
    """Of the model behind the vectors; `""` of one that does not tell."""
    return str(getattr(embedder, "identity", ""))


def script(text: str) -> str:
    """The writing of most of its letters: "latin", "japanese", "cyrillic" …; `""` without letters."""
    count = Counter(
        {"hiragana": "japanese", "katakana": "japanese", "cjk": "japanese"}.get(name, name)
        for letter in text[:1000]
        if letter.isalpha() and (name := unicodedata.name(letter, "?").split(" ")[0].split("-")[0].lower())
    )
    return count.most_common(1)[0][0] if count else ""
