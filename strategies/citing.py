"""Citations are attached by code, from the passages that were retrieved, never trusted from a model's text.

A model may write markers ("[2]"); they are taken out of the text and used as hints. Each sentence that ends
is compared with the passages: the one whose words and numbers it repeats is cited, with the sentence of the
passage that says so. A marker that points elsewhere is corrected, one that points nowhere is dropped. An
inner strategy that cites by itself keeps its citations, checked against the same passages.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from knowledge_base.passages import Passage
from strategies.events import Citation, Decision, Event, Token, Usage
from strategies.evidence import content, covered, numbers, weights

ENOUGH = 0.5  # of what a sentence says must stand in a passage that is cited for it
ENOUGH_WHEN_HINTED = 0.2  # when the model itself pointed there
CLEARLY_BETTER = 0.25  # than what the model pointed at, to correct it
WITHOUT_ITS_NUMBER = 0.5  # what the evidence is worth when none of the sentence's numbers is in the passage

OPEN, CLOSE = "[\\[【［]", "[\\]】］]"
DIGITS = r"\d{1,2}(?:\s*[,、，;；–-]\s*\d{1,2})*"
MARKER = re.compile(rf"[ \t]*{OPEN}\^?\s*({DIGITS})\s*(?:†[^\]】］]{{0,60}})?{CLOSE}(?!\()")
BEGUN = re.compile(rf"[ \t]*(?:{OPEN}(?:\^?[\d\s,、，;；–-]*(?:†[^\]】］]{{0,60}})?{CLOSE}?)?)?$")
END = re.compile(r"[.!?…]+[\"'”’)*]*(?=\s)|[。！？]+[」』）]*|(?<=\S)(?=\n)")
NUMBERING = re.compile(r"\s*(?:\d{1,2}[.)]|[-*•])\s*")


@dataclass(frozen=True)
class Hint:
    """A marker of the model's: passages it says it used, counted from 1 in the order in which it was given
    them.
    """

    passages: tuple[int, ...]


class Markers:
    """Takes markers out of a text that comes in pieces. In code, `[1]` is code."""

    def __init__(self) -> None:
        self._held = ""
        self._in_code = False

    def put(self, text: str) -> Iterator[str | Hint]:
        """What is certain now: text to show, and hints in their places."""
        self._held += text
        begun = BEGUN.search(self._held)
        yield from self._take(begun.start() if begun else len(self._held))

    def rest(self) -> Iterator[str | Hint]:
        """The text is over: what was held is what it is."""
        yield from self._take(len(self._held))

    def _take(self, end: int) -> Iterator[str | Hint]:
        ready, self._held = self._held[:end], self._held[end:]
        at = 0
        for found in MARKER.finditer(ready):
            yield from self._shown(ready[at : found.start()])
            if self._in_code:
                yield from self._shown(found[0])
            else:
                yield Hint(tuple(int(digits) for digits in re.findall(r"\d+", found[1])))
            at = found.end()
        yield from self._shown(ready[at:])

    def _shown(self, text: str) -> Iterator[str]:
        if text:
            self._in_code ^= text.count("`") % 2 == 1
            yield text


class Citing:
    """Follows one answer and knows, when a sentence ends, what it rests on."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = tuple(passages)
        self._words = [content(passage.text) for passage in self._passages]
        self._weight = weights(self._words)
        self._numbers: dict[str, int] = {}
        self._markers = Markers()
        self._sentence = ""
        self._begun = 0  # where an end may be: behind the "1." that the sentence begins with
        self._ended = False
        self._blank = ""  # behind a sentence that has ended: its citation comes first
        self._hints: list[int] = []
        self._cites_itself = False
        self.sentences = 0
        self.unsupported: list[str] = []

    @property
    def cited_by_us(self) -> bool:
        return not self._cites_itself

    def token(self, text: str) -> Iterator[Event]:
        for part in [text] if self._cites_itself else self._markers.put(text):
            yield from self._part(part)

    def citation(self, cited: Citation) -> Iterator[Event]:
        """One that the strategy made itself: kept when it quotes a passage that was found."""
        for part in self._markers.rest():
            yield from self._part(part)
        self._cites_itself = True
        found = next((passage for passage in self._passages if passage.id == cited.passage.id), None)
        if found is not None and cited.quote in found.text:
            yield self._cited(found, cited.quote)

    def end(self) -> Iterator[Event]:
        for part in self._markers.rest():
            yield from self._part(part)
        yield from self._settled()
        if self._blank:
            yield Token(self._blank)

    def _part(self, part: str | Hint) -> Iterator[Event]:
        if isinstance(part, Hint):
            self._hints += part.passages
        else:
            yield from self._text(part)

    def _text(self, text: str) -> Iterator[Event]:
        """Show the text, and at each end of a sentence what it rests on."""
        while text:
            if self._ended:
                visible = text.lstrip()
                self._blank += text[: len(text) - len(visible)]
                if not visible:
                    return
                yield from self._settled()
                text, self._blank = self._blank + visible, ""
            said = len(self._sentence)
            whole = self._sentence + text
            end = END.search(whole, max(said - 1, self._begun))
            upto = len(whole) if end is None else max(end.end(), said)
            if shown := whole[said:upto]:
                yield Token(shown)
            self._sentence, text = whole[:upto], whole[upto:]
            self._ended = end is not None

    def _settled(self) -> Iterator[Event]:
        """The sentence is over: cite for it, or, when it was only "1.", let it begin the next."""
        self._ended = False
        if NUMBERING.fullmatch(self._sentence):
            self._begun = len(self._sentence) + 1
            return
        sentence, hints = self._sentence, self._hints
        self._sentence, self._begun, self._hints = "", 0, []
        words = content(NUMBERING.sub("", sentence))
        if self._cites_itself or not words:
            return
        self.sentences += 1
        chosen = self._evidence(words, hints)
        if not chosen:
            self.unsupported.append(sentence.strip())
        for at in chosen:
            yield self._cited(self._passages[at], quote(self._passages[at], words))

    def _evidence(self, words: Collection[str], hints: Sequence[int]) -> list[int]:
        """Which passages to cite for a sentence of these words."""
        shares = [share(words, by, self._weight) for by in self._words]
        if not shares:
            return []
        best = max(range(len(shares)), key=lambda at: shares[at])
        hinted = [at - 1 for at in dict.fromkeys(hints) if 0 < at <= len(shares)]
        kept = [
            at
            for at in hinted
            if shares[at] >= ENOUGH_WHEN_HINTED and shares[at] > shares[best] - CLEARLY_BETTER
        ]
        return kept or ([best] if shares[best] >= ENOUGH else [])

    def _cited(self, passage: Passage, words: str) -> Citation:
        number = self._numbers.setdefault(passage.id, len(self._numbers) + 1)
        return Citation(number, passage, words)


def cite(events: Iterable[Event], passages: Sequence[Passage], by: str = "citing") -> Iterator[Event]:
    """The same stream with its citations: checked where the strategy made them, attached where it did not."""
    citing = Citing(passages)
    for event in events:
        match event:
            case Token():
                yield from citing.token(event.text)
            case Citation():
                yield from citing.citation(event)
            case Usage() | Decision():
                yield event
    yield from citing.end()
    if citing.cited_by_us and citing.sentences:
        supported = citing.sentences - len(citing.unsupported)
        yield Decision(
            by=by,
            what=f"found evidence for {supported} of {citing.sentences} sentences",
            detail={"unsupported": citing.unsupported},
        )


def share(words: Collection[str], by: Collection[str], weight: Mapping[str, float]) -> float:
    """How much of a sentence stands in a passage, 0 to 1."""
    given = numbers(words)
    lacking = bool(given) and given.isdisjoint(by)
    return covered(words, by, weight) * (WITHOUT_ITS_NUMBER if lacking else 1.0)


def quote(passage: Passage, words: Collection[str]) -> str:
    """The sentence of the passage that says most of these words; the whole passage where it has none."""
    parts = [passage.text[start:end] for start, end in passage.sentences] or [passage.text]
    return max(parts, key=lambda part: covered(words, content(part), {}))
