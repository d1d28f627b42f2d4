"""How this installation's desk speaks, learned of its own pairs, a language at a time; and whether enough of
them are known.

Pairs that are held out are not read. It is learned anew when the pairs or the documents have changed.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

from bot.conversations.question import language_of
from bot.evaluation.manner import FEWEST, Manner, learn, runs
from knowledge_base.library import Library
from strategies.evidence import is_number
from strategies.lora.pairs import Pair
from strategies.lora.trust.grounding import EVERYWHERE, NAME

MOST = 200  # answers that it is learned from, and documents that are read; more say the same
TRUSTED = 0.8  # so many of the texts that it had not seen, and of the desk's own, must be told rightly
ENGLISH = "en"  # what a text is taken for that does not tell


@dataclass(frozen=True)
class Learned:
    """What is known of the desk's manner in one language: how many of its answers, the share of the texts
    kept for the proof that were told rightly, and that of the desk's own among them; 0.0 where nothing was
    learned.
    """

    language: str
    answers: int
    accuracy: float = 0.0
    recognised: float = 0.0

    @property
    def unknown(self) -> str:
        """Why nobody is judged by it: "few" answers, or "unsure" about them; "" where answers are."""
        if self.answers < FEWEST:
            return "few"
        return "" if min(self.accuracy, self.recognised) >= TRUSTED else "unsure"


@dataclass(frozen=True)
class DesksManner:
    """The manner in each language in which the desk has one."""

    manners: Mapping[str, Manner]
    learned: tuple[Learned, ...] = ()

    def likeness(self, text: str) -> float | None:
        """How likely the desk said this; None in a language in which that cannot be told."""
        manner = self.manners.get(language_of(text, ENGLISH))
        return manner.likeness(text) if manner else None


class Desk:
    """The desk of this installation. `taught` gives the pairs that may be learned from."""

    def __init__(self, taught: Callable[[], Sequence[Pair]], library: Library) -> None:
        self._taught = taught
        self._library = library
        self._known: tuple[object, DesksManner] | None = None
        self._learning = threading.Lock()

    def manner(self) -> DesksManner:
        """As it is now: the same object while pairs and documents are the same."""
        pairs = [pair for pair in self._taught() if pair.split != "held-out"]
        key = (frozenset(pair.key for pair in pairs), self._library.version())
        with self._learning:
            if self._known is None or self._known[0] != key:
                self._known = (key, self._learned(pairs))
            return self._known[1]

    def _learned(self, pairs: Sequence[Pair]) -> DesksManner:
        said: dict[str, set[str]] = {}
        for pair in pairs:
            said.setdefault(pair.language or language_of(pair.answer, ENGLISH), set()).add(pair.answer)
        if all(len(answers) < FEWEST for answers in said.values()):  # no need to read the documents
            return DesksManner({}, tuple(Learned(each, len(said[each])) for each in sorted(said)))
        passages = self._passages()
        manners, told = dict[str, Manner](), []
        for language, answers in sorted(said.items()):
            some = sorted(answers, key=lambda answer: crc32(answer.encode()))[:MOST]
            prose = runs(passages.get(language, []), len(some))
            manner = learn(some, prose, hidden([*some, *prose]))
            found = Learned(language, len(answers), *(manner.accuracy, manner.recognised) if manner else ())
            told.append(found)
            if manner and not found.unknown:
                manners[language] = manner
        return DesksManner(manners, tuple(told))

    def _passages(self) -> dict[str, list[tuple[str, Sequence[tuple[int, int]]]]]:
        """What documents say, by language, with their sentences."""
        found: dict[str, list[tuple[str, Sequence[tuple[int, int]]]]] = {}
        documents = self._library.documents()
        for document in documents[:: max(1, -(-len(documents) // MOST))]:
            for passage in self._library.passages(document.id):
                found.setdefault(passage.language, []).append((passage.text, passage.sentences))
        return found


def hidden(texts: Iterable[str]) -> re.Pattern[str] | None:
    """The names in the texts: what an answer is about is no manner."""
    names = {found[1] for text in texts for found in NAME.finditer(text)}
    telling = sorted(name for name in names if not is_number(name) and name.casefold() not in EVERYWHERE)
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, telling))})\b") if telling else None
