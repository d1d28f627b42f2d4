"""Teach encoders to judge: `make reader`, all-MiniLM-L6-v2 in English, all-mpnet-base-v2 where that one is
unsure, and multilingual-e5-small in Japanese, an hour each on two cores. Of the latter two the first eight of
twelve layers learn.

    for each round: every desk's questions with its own and other sections, and public ones     lessons.py
        for each batch of lessons of like length
            answered?           cross-entropy of the first token's log odds
            which sentence?     of each sentence's; where one answers, also against the others

The token embeddings stay as they are: MiniLM's need not be shipped. mpnet learns in the four bits in which it
ships, so that it is served as it was taught. The rate rises for 60 steps, stays
for half of the time and falls to nothing by its end. Desks that are held out are never learned from: how
well their near misses are told from their questions is printed as it learns, and written down at the end.
"""

from __future__ import annotations

import argparse
import copy
import json
import logging
import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from safetensors.numpy import save_file
from torch import Tensor, nn

from knowledge_base.minilm import Rounded
from strategies.cross_encoder import bases, lessons
from strategies.cross_encoder.bases import Base, padded
from strategies.cross_encoder.lessons import Desk, Lesson
from strategies.cross_encoder.reading import (
    ENGLISH,
    JAPANESE,
    SHIPPED,
    THOROUGH,
    VOCABULARY,
    WEIGHTS,
    unpacked,
)
from strategies.cross_encoder.rounding import StraightThrough, packed
from strategies.cross_encoder.windows import Rows, Window
from strategies.precision import autocast

if TYPE_CHECKING:
    from numpy.typing import NDArray

log = logging.getLogger(__name__)

DECAY, BATCH, WARM = 0.05, 48, 60
PUBLIC = 0.15  # of the lessons
ELSEWHERE, OFF_TOPIC = 0.05, 0.04  # beside each lesson of a desk
OFTEN = 3  # how often in a round the desks are read that have families of products
GOING_ON = 0.5  # of the rates, where it goes on from what it learned before
SENTENCES, FIRST = 0.5, 0.5  # what the sentences' part of the loss weighs; the choice among them within it
FALSE_REFUSALS = 0.05
MPNET = "sentence-transformers/all-mpnet-base-v2"
WORDS = "embeddings.word_embeddings.weight"
TOLD = 4  # one in so many held-out questions is asked while it learns


@dataclass(frozen=True)
class Row:
    """A lesson as numbers."""

    window: Window
    evidence: tuple[int, ...]
    weight: float


class Judge(nn.Module):
    """An encoder with two heads: log odds of the text, from the first token, and of each token."""

    def __init__(self, base: Base) -> None:
        super().__init__()
        self.base = base
        self.bert = base.encoder
        self.bert.encoder.layer = self.bert.encoder.layer[: base.layers]
        self.bert.embeddings.requires_grad_(requires_grad=False)
        self.answer = nn.Linear(self.bert.config.hidden_size, 1)
        self.sentence = nn.Linear(self.bert.config.hidden_size, 1)
        for head in (self.answer, self.sentence):
            nn.init.normal_(head.weight, std=0.02)
            nn.init.zeros_(head.bias)

    def forward(self, windows: Sequence[Window]) -> tuple[Tensor, list[Tensor]]:
        """Log odds of each text (texts,), and of each text's sentences that fitted."""
        ids, there = padded([each.ids for each in windows], self.base.padding)
        states = self.bert(input_ids=ids, attention_mask=there).last_hidden_state  # (texts, tokens, width)
        tokens = self.sentence(states)[..., 0].float()
        sums = nn.functional.pad(tokens.cumsum(1), (1, 0))
        sentences = [
            torch.stack([(sums[n, end] - sums[n, start]) / (end - start) for start, end in each.spans if end])
            for n, each in enumerate(windows)
        ]
        return self.answer(states[:, 0])[:, 0].float(), sentences


def loss_of(judge: Judge, batch: Sequence[Row]) -> Tensor:
    answers, sentences = judge([row.window for row in batch])
    weights = torch.tensor([row.weight for row in batch])
    answered = torch.tensor([float(bool(row.evidence)) for row in batch])
    entropy = nn.functional.binary_cross_entropy_with_logits
    whole = (entropy(answers, answered, reduction="none") * weights).sum()
    parts = torch.zeros(())
    for row, odds in zip(batch, sentences, strict=True):
        these = torch.zeros(len(odds))
        these[list(row.evidence)] = 1
        parts = parts + row.weight * entropy(odds, these)
        if row.evidence:
            parts = parts - row.weight * FIRST * torch.log_softmax(odds, 0)[list(row.evidence)].mean()
    return (whole + SENTENCES * parts) / weights.sum()


# --- What is learned from, round after round -----------------------------------------------------------


@dataclass(frozen=True)
class Sources:
    """Where lessons come from."""

    desks: Sequence[Desk]
    public: Sequence[Lesson]
    anything: Sequence[str]  # what is asked of nobody's desk


def english(data: Path, chance: random.Random) -> Sources:
    """`data` is the folder of public sets; without it, desks alone."""
    public = lessons.squad(data, chance)
    return Sources(lessons.desks(lessons.DESKS / ENGLISH), public, lessons.about_anything(data))


def japanese(data: Path, chance: random.Random) -> Sources:
    public = lessons.jaquad(data, chance)
    asked = [each.question for each in public]
    return Sources(lessons.desks(lessons.DESKS / JAPANESE), public, asked)


class Course:
    """Rounds of lessons."""

    def __init__(self, sources: Sources, base: Base, near: Nearness, chance: random.Random) -> None:
        self._desks = [desk for desk in sources.desks if not desk.held_out]
        self._public = list(sources.public)
        self._anything = sources.anything
        self._rows = Rows(base.numbers)
        self._near = near
        self._chance = chance
        chance.shuffle(self._public)

    def batches(self) -> Iterator[list[Row]]:
        """Without end."""
        while True:
            rows = [row for lesson in self._round() if (row := self._row(lesson))]
            rows.sort(key=lambda row: len(row.window.ids) + 20 * self._chance.random())
            starts = list(range(0, len(rows), BATCH))
            self._chance.shuffle(starts)
            log.info("a round of %d lessons", len(rows))
            yield from (rows[start : start + BATCH] for start in starts)

    def _round(self) -> list[Lesson]:
        chance = self._chance
        found = lessons.evened(
            [
                one
                for desk in self._desks
                for _ in range(OFTEN if desk.family else 1)
                for one in self._of(desk)
            ]
        )
        ours = len(found)
        found += lessons.elsewhere(self._desks, int(ELSEWHERE * ours), chance)
        found += lessons.off_topic(self._anything, self._desks, int(OFF_TOPIC * ours), chance)
        for _ in range(min(len(self._public), int(len(found) * PUBLIC / (1 - PUBLIC)))):
            self._public.append(self._public.pop(0))  # those that were not read come first
            found.append(self._public[-1])
        return [lessons.varied(one, chance) for one in found]

    def _of(self, desk: Desk) -> Iterator[Lesson]:
        for some in (lessons.own, lessons.beside):
            yield from some(desk, self._near.to(desk), self._chance)

    def _row(self, lesson: Lesson) -> Row | None:
        """None where what answers does not fit."""
        made = self._rows.window(lesson.question, lesson.text)
        there = [number for number, (_, end) in enumerate(made.spans) if end]
        if not there or not set(lesson.evidence) <= set(there):
            return None
        return Row(made, tuple(there.index(each) for each in lesson.evidence), lesson.weight)


class Nearness:
    """Which sentences of a desk are most like a question, to an encoder that learned nothing else yet."""

    def __init__(self, likeness: Callable[[Sequence[str], Sequence[str]], NDArray[np.float32]]) -> None:
        self._likeness = likeness
        self._known: dict[str, lessons.Near] = {}

    def to(self, desk: Desk) -> lessons.Near:
        if desk.name not in self._known:
            places = [(of, at) for of, each in enumerate(desk.sections) for at in range(len(each.sentences))]
            sentences = [sentence for each in desk.sections for sentence in each.sentences]
            asked = [each.question for section in desk.sections for each in section.asked]
            order = np.argsort(-self._likeness(asked, sentences), axis=1).tolist()
            self._known[desk.name] = {
                question: [places[at] for at in nearest]
                for question, nearest in zip(asked, order, strict=True)
            }.__getitem__
        return self._known[desk.name]


# --- Learning ------------------------------------------------------------------------------------------


def go_on_from(judge: Judge, folder: Path) -> None:
    """Give it what the reader in a folder has learned; embeddings stay the base's own. Raises Misconfigured
    where there is none, KeyError where it was another network.
    """
    weights, heads = unpacked(folder / WEIGHTS)
    own = {name.removeprefix("bert."): each for name, each in judge.named_parameters()}
    with torch.no_grad():
        for name, parameter in judge.base.named(own).items():
            if ".layer." in name:
                learned = weights[name]
                floats = learned.floats() if isinstance(learned, Rounded) else learned
                parameter.copy_(torch.from_numpy(floats))
        for head, weight, bias in (
            (judge.answer, heads.answer, heads.answer_bias),
            (judge.sentence, heads.sentence, heads.sentence_bias),
        ):
            head.weight.copy_(torch.from_numpy(weight)[None])
            head.bias.fill_(bias)


def learn(
    judge: Judge, course: Course, minutes: float, held: Sequence[Lesson], *, rates: float = 1.0
) -> None:
    """For so long, at so much of the base's rates; how well it does on `held` is told on the way. Raises
    FloatingPointError where the loss is no number any more.
    """
    network = [each for each in judge.bert.parameters() if each.requires_grad]
    heads = [*judge.answer.parameters(), *judge.sentence.parameters()]
    rounding = StraightThrough(each for each in network if judge.base.four_bits and each.ndim > 1)
    if rounding.exact:
        network = [*rounding.exact, *(each for each in network if each.ndim == 1)]
    groups = [
        {
            "params": [each for each in some if (each.ndim > 1) is matrices],
            "rate": rates * rate,
            "weight_decay": decay,
        }
        for some, rate in ((network, judge.base.rate), (heads, judge.base.heads_rate))
        for matrices, decay in ((True, DECAY), (False, 0.0))
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98))
    began, told = 0.0, 0.0
    for step, batch in enumerate(course.batches(), 1):
        began = began or time.monotonic()  # the first round takes a while to prepare
        gone = (time.monotonic() - began) / (60 * minutes)
        if gone >= 1:
            return
        for group in optimizer.param_groups:
            group["lr"] = group["rate"] * min(1, step / WARM) * min(1, 2 * (1 - gone))
        with autocast():
            loss = loss_of(judge, batch)
        if not torch.isfinite(loss):
            raise FloatingPointError(f"the loss of step {step} is {loss.item()}")
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        rounding.hand_on()
        nn.utils.clip_grad_norm_([*network, *heads], 1.0)
        optimizer.step()
        rounding.again()
        if gone - told > 0.1:
            told = gone
            log.info("%3.0f %%, step %d, loss %.3f, %s", 100 * gone, step, loss.item(), figures(judge, held))


def held_out(desks: Sequence[Desk], near: Nearness) -> list[Lesson]:
    """The questions of the desks that are held out, each with its own section."""
    chance = random.Random(1)
    return [one for desk in desks if desk.held_out for one in lessons.own(desk, near.to(desk), chance)]


@torch.no_grad()
def figures(judge: Judge, held: Sequence[Lesson]) -> dict[str, float]:
    """The area under the curve of questions against near misses, how many of those are refused where
    FALSE_REFUSALS of the questions are, and how often the likeliest sentence answers.
    """
    from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]

    rows = Rows(judge.base.numbers)
    windows = [rows.window(one.question, one.text) for one in held]
    odds, places = [], []
    judge.eval()
    for start in range(0, len(windows), BATCH):
        with autocast():
            answers, sentences = judge(windows[start : start + BATCH])
        odds += answers.tolist()
        places += [int(each.argmax()) for each in sentences]
    judge.train()
    of, has = np.array(odds), np.array([bool(one.evidence) for one in held])
    enough = np.quantile(of[has], FALSE_REFUSALS)
    found = [place in one.evidence for one, place in zip(held, places, strict=True) if one.evidence]
    return {
        "questions": len(held),
        "area under the curve": round(float(roc_auc_score(has, of)), 3),
        "near misses refused": round(float(np.mean(of[~has] < enough)), 3),
        "sentence found": round(float(np.mean(found)), 3),
    }


def tensors(judge: Judge) -> dict[str, NDArray[Any]]:
    """What was learned, and embeddings that are nowhere else, by the names that MiniLM's own file has."""
    named = judge.base.named(
        {
            name.removeprefix("bert."): each
            for name, each in judge.named_parameters()
            if each.requires_grad or judge.base.own
        }
    )
    rounded = [name for name in named if ".layer." in name or name == WORDS] if judge.base.four_bits else ()
    return packed(named, four=rounded)


def ship(judge: Judge, folder: Path) -> None:
    """Write what `reading.CrossEncoder` reads."""
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors(judge), folder / WEIGHTS)
    if judge.base.own:
        judge.base.numbers.save(str(folder / VOCABULARY), pretty=False)


def base_for(reader: str, data: Path, mpnet: str) -> Base:
    if reader == ENGLISH:
        return bases.minilm()
    if reader == THOROUGH:
        return bases.mpnet(mpnet)
    texts = [path.read_text("utf-8") for path in sorted(lessons.DESKS.glob("*/*.txt"))]
    public = lessons.jaquad(data, random.Random(0))
    texts += dict.fromkeys(each for one in public for each in (one.question, *one.text.sentences))
    return bases.e5(texts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--reader", choices=(ENGLISH, THOROUGH, JAPANESE), default=ENGLISH)
    parser.add_argument("--data", type=Path, default=Path("data/public"), help="the folder of public sets")
    parser.add_argument("--mpnet", default=MPNET, help=f"folder or hub name of what {THOROUGH} begins with")
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument(
        "--go-on", type=Path, help="folder of readers to go on from; without it, from the released encoder"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", type=Path, default=SHIPPED, help="where the reader's folder is")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    torch.manual_seed(options.seed)
    chance = random.Random(options.seed)
    sources = (japanese if options.reader == JAPANESE else english)(options.data, chance)
    base = base_for(options.reader, options.data, options.mpnet)
    # As it was, once more: the one that learns changes.
    near, judge = Nearness(copy.deepcopy(base).likeness), Judge(base)
    if options.go_on:
        go_on_from(judge, options.go_on / options.reader)
    held = held_out(sources.desks, near)
    judge.train()
    course, rates = Course(sources, base, near, chance), GOING_ON if options.go_on else 1.0
    learn(judge, course, options.minutes, held[::TOLD], rates=rates)
    judge.eval()
    folder = options.write / options.reader
    ship(judge, folder)
    siblings = held_out([desk for desk in sources.desks if desk.family], near)
    told = {"written": str(folder), **figures(judge, held), "families": figures(judge, siblings)}
    print(json.dumps(told, indent=2))  # noqa: T201


if __name__ == "__main__":
    main()
