"""What the product model is worth: held-out wordings of the demo's pairs, asked as a customer asks.

`python -m benchmarks.product` indexes the demo, trains an adapter on its pairs, promotes it and asks; with
`--adapter FOLDER` it asks that one. Beside it stand, on the same questions: the answer of the nearest
training question, without and with a threshold; the manuals' own words; the base without an adapter. A wrong
answer is one that lacks the key fact, or also gives that of a near fact (another model's price).

Taught are the pairs' own five wordings of each fact and some twelve that a language model suggested, as an
admin would accept them; with `--few` the five alone. The nearest training question is sought among the same.

The shipped base was taught no Japanese, and an answer in Japanese is four times as many tokens to it: such
pairs are taught with `--japanese` only. They are asked either way.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from benchmarks import reading
from benchmarks.desk import Desk, chosen_by, desk, for_training, never_shown, taught
from benchmarks.manner import Manner, manner
from bot.conversations.turn import Ended
from bot.evaluation.facts import proves
from bot.evaluation.statistics import Figure, share
from bot.kotae import Kotae
from demo.pairs import DemoPair, keys_of, pairs, states, unanswerable
from strategies.base import Embedder, Question, Strategy
from strategies.first_of import FirstOf
from strategies.llm.prompt import prompt as chat_prompt
from strategies.lora.bases import SHIPPED, Base, template
from strategies.lora.engine.speaking import Engine, Piece

RAG_PASSAGES = 6  # what `rag` finds where nothing else is configured
LONGEST = 96  # tokens of an answer that nobody stops
KEYS = keys_of(pairs())
ALWAYS = {"KOTAE_STRATEGIES__ALWAYS__USE": "lora", "KOTAE_STRATEGIES__ALWAYS__ENOUGH": "0"}


@dataclass(frozen=True)
class Said:
    """What was answered to one question; `text` is "" where it abstained."""

    text: str
    prompt_tokens: int = 0
    passage_tokens: int = 0
    ms_first: float = float("nan")
    ms: float = float("nan")


T = TypeVar("T")
Way = Callable[[str], Said]


# --- Who is asked ---------------------------------------------------------------------------------------


def by_strategy(kotae: Kotae, name: str) -> Way:
    """As a customer is answered; nothing is kept."""

    def ask(question: str) -> Said:
        *_, ended = kotae.try_out(question, strategy=name)
        if not isinstance(ended, Ended) or (ended.partial and not ended.abstained):
            raise RuntimeError(f"{name} failed at {question!r}: {ended}")
        usage = ended.answer.usage
        return Said(
            "" if ended.abstained else ended.answer.text,
            usage.prompt_tokens,
            usage.passage_tokens,
            ended.ms_first if ended.ms_first is not None and not ended.abstained else float("nan"),
            ended.ms,
        )

    return ask


def by_engine(engine: Engine, adapter: str) -> Way:
    """The model's own words to what it is asked, whatever it thinks of them and whatever it may have been
    taught that means the same; "" is the base without an adapter.
    """

    def ask(question: str) -> Said:
        began, first, text = time.perf_counter(), float("nan"), ""
        for event in engine.speak(
            template.prompt(engine.base, question), adapter=adapter, max_tokens=LONGEST
        ):
            if isinstance(event, Piece):
                first = first if text else (time.perf_counter() - began) * 1000
                text += event.text
        return Said(text.strip(), ms_first=first, ms=(time.perf_counter() - began) * 1000)

    return ask


class Nearest:
    """The answer of the training question that is nearest in meaning: no model, and the bar for one."""

    def __init__(self, embedder: Embedder, known: Sequence[DemoPair]) -> None:
        self._embedder = embedder
        self._known = known
        self._vectors = np.array(embedder.embed_documents([pair.question for pair in known]), np.float32)

    def likeness(self, question: str) -> tuple[float, DemoPair]:
        like = self._vectors @ np.asarray(self._embedder.embed_query(question), np.float32)
        return float(like.max()), self._known[int(like.argmax())]

    def way(self, enough: float = -1.0) -> Way:
        def ask(question: str) -> Said:
            began = time.perf_counter()
            like, pair = self.likeness(question)
            return Said(pair.answer if like >= enough else "", ms=(time.perf_counter() - began) * 1000)

        return ask

    def calibrated(self) -> float:
        """From which likeness on to answer: where answering right and refusing right are together best."""
        known = [(self.likeness(pair.question)[0], self._right(pair)) for pair in chosen_by()]
        foreign = [self.likeness(one.question)[0] for one in unanswerable("calibration")]
        right = np.array([like for like, good in known if good])
        wrong = np.array([like for like, good in known if not good] + foreign)
        return float(max(right, key=lambda enough: np.mean(right >= enough) - np.mean(wrong >= enough)))

    def _right(self, pair: DemoPair) -> bool:
        return states(self.likeness(pair.question)[1].answer, pair, KEYS) == "right"


# --- What is asked, and what it shows --------------------------------------------------------------------


@dataclass(frozen=True)
class Heard:
    """All that one way answered."""

    known: tuple[tuple[DemoPair, Said], ...]
    foreign: tuple[tuple[str, Said], ...]

    def only(self, chosen: Callable[[DemoPair], bool]) -> "Heard":
        return Heard(tuple((pair, said) for pair, said in self.known if chosen(pair)), ())


def hear(way: Way, limit: int) -> Heard:
    way("Hello?")  # what is loaded at the first question shall not count
    return Heard(
        tuple((pair, way(pair.question)) for pair in some(never_shown(), limit)),
        tuple((one.id, way(one.question)) for one in some(unanswerable("test"), limit)),
    )


def some(rows: Sequence[T], limit: int) -> list[T]:
    """At most so many, from all over the file."""
    return list(rows[:: max(1, -(-len(rows) // limit))]) if limit else list(rows)


def figures(heard: Heard, spoken: Manner) -> dict[str, Figure | float]:
    answered = [(pair, said) for pair, said in heard.known if said.text]
    desks = spoken.is_the_desks([said.text for _, said in answered])
    everyone = [said for _, said in heard.known]
    return {
        "key fact": share((pair.fact, proves(said.text, [pair.keys])) for pair, said in heard.known),
        "answered": share((pair.fact, bool(said.text)) for pair, said in heard.known),
        "wrong of answered": share((pair.fact, not right(pair, said)) for pair, said in answered),
        "foreign refused": share((name, not said.text) for name, said in heard.foreign),
        "desk's manner": share((pair.fact, yes) for (pair, _), yes in zip(answered, desks, strict=True)),
        "prompt tokens": mean([said.prompt_tokens for said in everyone]),
        "passage tokens": mean([said.passage_tokens for said in everyone]),
        "first ms": median([said.ms_first for said in everyone]),
        "end ms": median([said.ms for said in everyone]),
    }


def right(pair: DemoPair, said: Said) -> bool:
    return states(said.text, pair, KEYS) == "right"


def mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")


def median(values: Sequence[float]) -> float:
    there = [value for value in values if value == value]
    return float(np.median(there)) if there else float("nan")


def rag_tokens(kotae: Kotae, base: Base, asked: Sequence[DemoPair]) -> float:
    """What a chat model would be given for an answer by RAG: rules, passages and question, counted by the
    tokenizer that counts for the product model, too.
    """

    def count(pair: DemoPair) -> int:
        passages = tuple(kotae.library.search(pair.question, RAG_PASSAGES))
        text = chat_prompt(Question(pair.question, passages=passages, language=pair.language)).text
        return len(base.reader(text, verbose=False)["input_ids"])

    return mean([count(pair) for pair in asked])


PARTS: dict[str, Callable[[DemoPair], bool]] = {
    "number": lambda pair: "number" in pair.tags,
    "steps": lambda pair: "steps" in pair.tags,
    "yes or no": lambda pair: "yes-no" in pair.tags,
}


@dataclass(frozen=True)
class Measured:
    closed_book: dict[str, dict[str, Figure | float]]
    reading: dict[str, dict[str, Figure]]
    more: dict[str, float]


def measure(installed: Desk, base: str, limit: int, given: int, known: Sequence[DemoPair]) -> Measured:
    """`given` is with how many pairs it was trained here, `known` among which the nearest one is sought."""
    kotae = installed.kotae
    spoken = manner(kotae.library)
    engine = Engine(_loaded(base))
    try:
        heard = {name: hear(way, limit) for name, way in ways(kotae, engine, known).items()}
        tokens = rag_tokens(kotae, engine.base, some(never_shown(), limit))
    finally:
        engine.close()
    english = {name: each.only(lambda pair: pair.language == "en") for name, each in heard.items()}
    table = {name: figures(Heard(english[name].known, each.foreign), spoken) for name, each in heard.items()}
    for part, chosen in PARTS.items():
        table[f"product, {part}"] = figures(english["product"].only(chosen), spoken)
    table["product, Japanese"] = figures(heard["product"].only(lambda pair: pair.language == "ja"), spoken)
    pages = reading.pages(kotae, pairs("train"), limit or 1000)
    product = table["product"]["prompt tokens"]
    return Measured(
        table,
        {name: reading.figures(inner, pages) for name, inner in readers(kotae).items()},
        {
            "training, s": installed.seconds or float("nan"),
            "pairs for training": given,
            "pages to read": len(pages),
            "manner's classifier, accuracy on held-out texts": spoken.accuracy,
            "prompt tokens of RAG with a chat model": tokens,
            "prompt tokens, product to RAG": float(product) / tokens if isinstance(product, float) else 0.0,
        },
    )


def readers(kotae: Kotae) -> dict[str, Strategy]:
    """Who is given the same passages: each alone, and whoever is surer, as in `best`."""
    alone = {name: kotae.strategies.get(name) for name in ("product", "quotes")}
    return {**alone, "product or quotes, the surer": FirstOf(list(alone.items()), surest=True)}


def ways(kotae: Kotae, engine: Engine, known: Sequence[DemoPair]) -> dict[str, Way]:
    adapter = kotae.shelf.get("current")
    engine.add(adapter.hash, adapter.path)
    nearest = Nearest(kotae.library.embedder, known)
    return {
        "product": by_strategy(kotae, "product"),
        "product, never abstaining": by_strategy(kotae, "always"),
        "… to the question as it stands": by_engine(engine, adapter.hash),
        "nearest pair": nearest.way(),
        "nearest pair, with a threshold": nearest.way(nearest.calibrated()),
        "both (manuals and product)": by_strategy(kotae, "both"),
        "manuals (quotes)": by_strategy(kotae, "manuals"),
        "base without an adapter": by_engine(engine, ""),
    }


def _loaded(base: str) -> Base:
    from strategies.lora.bases import load

    return load(base)


# --- The table -------------------------------------------------------------------------------------------


def show(measured: Measured) -> None:
    grid("closed book", measured.closed_book)
    grid("reading: one right and four wrong passages, or five wrong ones", measured.reading)
    print()
    for name, value in measured.more.items():
        print(f"{name:<52}{value:>10.3g}")


def grid(title: str, rows: dict[str, dict[str, Figure | float]] | dict[str, dict[str, Figure]]) -> None:
    columns = list(next(iter(rows.values())))
    print(f"\n{title}\n{'':<32}" + "".join(f"{column:>21}" for column in columns))
    for name, row in rows.items():
        print(f"{name:<32}" + "".join(f"{cell(value):>21}" for value in row.values()))


def cell(value: Figure | float) -> str:
    return str(value) if isinstance(value, Figure) else "-" if value != value else f"{value:.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--adapter", type=Path, help="an adapter's folder, instead of training one")
    parser.add_argument("--base", default="", help="another base than the shipped one")
    parser.add_argument("--japanese", action="store_true", help="train on the Japanese pairs, too")
    parser.add_argument("--few", action="store_true", help="teach no wordings that a model suggested")
    parser.add_argument("--limit", type=int, default=0, help="ask at most so many questions of each kind")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    parser.add_argument("--train", default="", help='options of `kotae train`, such as "--raft --rank 8"')
    options = parser.parse_args()
    os.environ |= ALWAYS
    known = taught(japanese=True, few=options.few)
    given = 0 if options.adapter else len(for_training(japanese=options.japanese, few=options.few))
    with desk(
        options.base,
        options.adapter,
        tuple(options.train.split()),
        japanese=options.japanese,
        few=options.few,
    ) as installed:
        measured = measure(installed, options.base or SHIPPED, options.limit, given, known)
    show(measured)
    if options.json:
        options.json.write_text(json.dumps(asdict(measured), indent=2), "utf-8")


if __name__ == "__main__":
    main()
