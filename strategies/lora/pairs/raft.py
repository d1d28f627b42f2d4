"""Examples that teach a model to read: the same pairs, with what the search really returns for them.

(Zhang et al., 2024, "RAFT: Adapting Language Model to Domain Specific RAG".) Each pair gives up to four:

bare      the question alone, answered from memory
found     with the passages that the search returned, the one that answers wherever it ranks
among     with one that answers, put anywhere among passages that do not
missing   with every sentence gone that states the answer: refused

Only what is answered when it is found is refused when it is missing: a question that is nowhere answered with
passages beside it would teach to refuse whatever is read. Whether a passage states an answer is decided by
what the answer says — its numbers and its telling words, without those that the question already has and
those of the desk's manner — never by its document alone. A passage that half states it teaches neither, and
is left out of both.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from knowledge_base.passages import Passage
from knowledge_base.sentences import sentences
from strategies.base import Search
from strategies.evidence import content, covered, numbers, weights, without_steps
from strategies.lora.pairs.splits import HeldOutRead
from strategies.lora.pairs.values import Pair

K = 5
STATED = 0.4  # of an answer's telling words, by weight, in a passage that states it: desks say more besides
SILENT = 0.34  # and at most so much in one that does not
MANNER = 0.5  # words that so many answers have are the desk's manner: a greeting, a closing

Read = Callable[[str, Sequence[Passage]], Sequence[str]]  # what a question's model is given of passages


@dataclass(frozen=True)
class Example:
    """What training shows a model. Answer "" is the refusal."""

    question: str
    answer: str
    passages: tuple[str, ...] = ()


def whole(question: str, passages: Sequence[Passage]) -> Sequence[str]:  # noqa: ARG001
    """The passages as they are."""
    return [passage.text for passage in passages]


def examples(
    pairs: Sequence[Pair],
    search: Search | None = None,
    seed: int = 0,
    *,
    k: int = K,
    read: Read = whole,
    alone: Sequence[Pair] = (),
) -> list[Example]:
    """For every pair its examples, in the order of the pairs. `read` is what serving gives of the passages;
    `alone` are pairs of which only the bare example is wanted, such as wordings of our own making.

    HeldOutRead if a pair is held out: pass what `Split.train` holds.
    """
    if any(pair.split == "held-out" for pair in pairs):
        raise HeldOutRead("examples are made of pairs that may be taught: pass Split.train")
    bare = [Example(pair.question, pair.answer) for pair in pairs]
    if search is None:
        return bare
    answers = Answers.of(pairs)
    left_alone = {pair.key for pair in alone}
    found = {pair.key: tuple(search(pair.question, k=k)) for pair in pairs if pair.key not in left_alone}
    every = list(found.values())
    made: list[Example] = []
    for place, pair in enumerate(pairs):
        made.append(bare[place])
        if pair.key in found:
            chance = random.Random(f"{seed}\n{pair.key}")
            made += _reading(pair, found[pair.key], chance.choice(every), answers, chance, k, read)
    return made


@dataclass(frozen=True)
class Answers:
    """What the answers say: each word weighed by how rare it is among them."""

    weight: Mapping[str, float]

    @classmethod
    def of(cls, pairs: Sequence[Pair]) -> Answers:
        said = {pair.answer: content(without_steps(pair.answer)) for pair in pairs}
        counted = weights(said.values())
        often = {
            word
            for word in counted
            if len(said) > 1 and sum(word in words for words in said.values()) >= max(2, MANNER * len(said))
        }
        return cls({word: 0.0 if word in often else weight for word, weight in counted.items()})

    def telling(self, pair: Pair) -> frozenset[str]:
        """What the answer says and the question does not."""
        new = content(without_steps(pair.answer)) - content(pair.question)
        return frozenset(word for word in new if self.weight.get(word, 1.0) > 0)

    def states(self, pair: Pair, text: str) -> bool:
        """The text says what the answer says."""
        told, said = self.telling(pair), content(text)
        return bool(told) and numbers(told) <= said and covered(told, said, self.weight) >= STATED

    def silent(self, pair: Pair, text: str) -> bool:
        """The text says nothing of it: none of the answer's numbers, and few of its words."""
        told, said = self.telling(pair), content(text)
        return bool(told) and not numbers(told) & said and covered(told, said, self.weight) <= SILENT


def _reading(
    pair: Pair,
    found: Sequence[Passage],
    others: Sequence[Passage],
    answers: Answers,
    chance: random.Random,
    k: int,
    read: Read,
) -> Iterator[Example]:
    right = [passage for passage in found if answers.states(pair, passage.text)]
    wrong = [passage for passage in _unique((*found, *others)) if answers.silent(pair, passage.text)]
    if not right:
        return
    among = [chance.choice(right), *chance.sample(wrong, min(len(wrong), k - 1))]
    chance.shuffle(among)
    answered = [*_answered(pair, read(pair.question, found), answers)]
    answered += _answered(pair, read(pair.question, among), answers)
    yield from answered
    if answered:
        yield from _refused(pair, read(pair.question, _silent(pair, found, wrong, answers)[:k]), answers)


def _silent(
    pair: Pair, found: Sequence[Passage], wrong: Sequence[Passage], answers: Answers
) -> list[Passage]:
    """What was found, without the sentences that state the answer, and other passages after it."""
    left = [kept for passage in found if (kept := _without(pair, passage, answers))]
    return _unique((*left, *wrong))


def _refused(pair: Pair, shown: Sequence[str], answers: Answers) -> Iterator[Example]:
    """Only where nothing of what is shown tells of the answer, nor all of it together."""
    silent = all(answers.silent(pair, text) for text in shown)
    if shown and silent and not answers.states(pair, "\n".join(shown)):
        yield Example(pair.question, "", tuple(shown))


def _answered(pair: Pair, shown: Sequence[str], answers: Answers) -> Iterator[Example]:
    """Only where what is shown of the passages still states the answer."""
    if answers.states(pair, "\n".join(shown)):
        yield Example(pair.question, pair.answer, tuple(shown))


def _without(pair: Pair, passage: Passage, answers: Answers) -> Passage | None:
    """The passage without the sentences that state the answer; None when nothing silent is left."""
    spans = list(passage.sentences or sentences(passage.text, passage.language))
    kept = [passage.text[slice(*span)] for span in spans if answers.silent(pair, passage.text[slice(*span)])]
    text = passage.text if len(kept) == len(spans) else " ".join(kept)
    if not text.strip() or not answers.silent(pair, text):
        return None
    return replace(passage, text=text, sentences=tuple(sentences(text, passage.language)))


def _unique(passages: Iterable[Passage]) -> list[Passage]:
    """The first of each passage."""
    return list({passage.id: passage for passage in reversed(list(passages))}.values())[::-1]
