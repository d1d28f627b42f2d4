"""Which taught answers stood in the documents when they were taught, and whether they still do.

A model goes on saying what it was taught, as sure as ever, after a document has changed. So at the end of a
training each answer is looked for in the documents: what a passage bears out has a witness. Before the answer
is said, passages are looked up again by the same taught question; when they say it no longer, or much less,
what it was taught has changed since, and the model keeps silent. What no document ever said has no witness,
and is believed as before; so is everything where most of the documents are not there at all, as when an
adapter was trained elsewhere. Looking costs one search for an answer, and another one only when the index has
changed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from knowledge_base.passages import Passage
from strategies.base import Search
from strategies.lora.shelf.card import BadCard
from strategies.lora.trust.lessons import Lessons, script
from strategies.lora.trust.support import BORNE_OUT, standing

WITNESSES = "witnesses.jsonl"
SEARCHED = 8  # passages in which an answer is looked for
WORDINGS = 5  # of a fact, by which its passages are looked for
ASKED_AFTER = 16  # witnesses whose documents are looked for, to know whether it was trained beside these
KEPT = 0.7  # of what the best passage said of a sentence, or it is said no longer


@dataclass(frozen=True)
class Said:
    """How much of a sentence a document says, as a share of its words, and which."""

    share: float
    source: str


@dataclass(frozen=True)
class Witness:
    """By which taught question the documents bear out an answer, and what they say of its sentences."""

    fact: str
    question: str
    answer: str
    sentences: Mapping[str, Said]

    def gone(self, search: Search) -> str:
        """The first sentence that the documents bear out no longer; "" when they still say all of them.
        Where others have come before its passage, the sentence itself finds it.
        """
        now = search(self.question, SEARCHED)
        missing = (sentence for sentence in self.sentences if not self._stands(sentence, now))
        return next((each for each in missing if not self._stands(each, self._again(each, search))), "")

    def is_here(self, search: Search) -> bool:
        """Whether one of its documents is found at all."""
        sources = {said.source for said in self.sentences.values()}
        return any(passage.source in sources for passage in search(self.question, SEARCHED))

    def _again(self, sentence: str, search: Search) -> Sequence[Passage]:
        source = self.sentences[sentence].source
        return [passage for passage in search(sentence, SEARCHED) if passage.source == source]

    def _stands(self, sentence: str, passages: Sequence[Passage]) -> bool:
        said = borne(self.question, self.answer, passages).get(sentence)
        return said is not None and said.share >= KEPT * self.sentences[sentence].share


ROW = TypeAdapter(Witness)


@dataclass(frozen=True)
class Witnesses:
    """Those of an adapter, by fact."""

    of: Mapping[str, Witness] = field(default_factory=dict)
    _looked: dict[str, tuple[str, str]] = field(default_factory=dict, repr=False)
    _elsewhere: dict[str, bool] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, folder: Path) -> Witnesses:
        """None at all where nobody looked. Raises BadCard."""
        try:
            found = [ROW.validate_json(line) for line in (folder / WITNESSES).read_bytes().splitlines()]
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError) as error:
            raise BadCard(f"its {WITNESSES} cannot be read ({error})") from error
        return cls({witness.fact: witness for witness in found})

    def save(self, folder: Path) -> None:
        (folder / WITNESSES).write_bytes(b"".join(ROW.dump_json(each) + b"\n" for each in self.of.values()))

    def gone(self, fact: str, search: Search, version: Callable[[], str]) -> str:
        """What of the answer about a fact stood in the documents and does not any more; "" where all of it
        does, or never did. `version` is the index's: what was looked up holds until it changes.
        """
        witness = self.of.get(fact)
        if witness is None:
            return ""
        now = version()
        before, sentence = self._looked.get(fact, (None, ""))
        if before != now:
            sentence = witness.gone(search)
            if sentence and self._of_other_documents(search, now):
                sentence = ""
            self._looked[fact] = (now, sentence)
        return sentence

    def elsewhere(self, search: Search) -> bool:
        """Whether most of the documents that it was trained beside are not here."""
        apart = max(1, len(self.of) // ASKED_AFTER)
        some = list(self.of.values())[::apart][:ASKED_AFTER]
        return 2 * sum(witness.is_here(search) for witness in some) < len(some)

    def _of_other_documents(self, search: Search, now: str) -> bool:
        if now not in self._elsewhere:
            found = self.elsewhere(search)
            self._elsewhere.clear()
            self._elsewhere[now] = found
        return self._elsewhere[now]


def witnesses(lessons: Lessons, search: Search, tell: Callable[[float], None] = lambda _: None) -> Witnesses:
    """Look every taught answer up. `tell` hears which share is done."""
    asked: dict[str, list[str]] = {}
    for question, fact in zip(lessons.questions, lessons.facts, strict=True):
        asked.setdefault(fact, []).append(question)
    found = {}
    for done, (fact, questions) in enumerate(asked.items()):
        tell(done / len(asked))
        if witness := best_of(fact, questions[:WORDINGS], lessons.answer_to(fact), search):
            found[fact] = witness
    return Witnesses(found)


def best_of(fact: str, questions: Sequence[str], answer: str, search: Search) -> Witness | None:
    """By the wording whose passages say most of the answer; None where no passage bears out any of it."""
    found = [
        Witness(fact, question, answer, borne(question, answer, search(question, SEARCHED)))
        for question in questions
    ]
    best = max(
        found, key=lambda each: (len(each.sentences), sum(said.share for said in each.sentences.values()))
    )
    return best if best.sentences else None


def borne(question: str, answer: str, passages: Sequence[Passage]) -> Mapping[str, Said]:
    """The sentences of an answer that these passages bear out."""
    told = standing(answer, question, language_of(answer), passages)
    return {sentence: Said(round(share, 3), source) for sentence, share, source in told if share >= BORNE_OUT}


def language_of(answer: str) -> str:
    """By its script, as far as sentences end otherwise in it."""
    return "ja" if script(answer) == "japanese" else "en"
