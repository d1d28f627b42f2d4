"""Documents in the prompt, a tuned model, or both? The claim and its price, measured on the demo's desk.

The claim: RAG puts the product's information and rules into every prompt, so prompts grow, cost rises and
answers slow down; tuning moves them into the weights. `make claim` (`python -m benchmarks.claim`) trains an
adapter on the demo's pairs, or takes one (`--adapter FOLDER`), and asks every strategy, as a customer asks:

    known      held-out wordings of what the desk answered: facts, wrong ones, manner
    untaught   what the manuals say and no pair does
    changed    what a new version of the manuals says differently since the training
    foreign    what nobody answers

With `--chat MODEL` (a folder, a GGUF file or a name of the hub) RAG with that chat model is asked as well, as
`written`. Without one it is measured as far as it can be known: its prompt is made and counted, the passages
in it either hold the fact or not (no reader says more than it read), and a model of random weights
(`benchmarks.stand_in`) shows how long such a prompt takes here.

docs/rag-or-fine-tuning.md explains the figures. They are written to `--out`: as JSON, as plots, and as a page
in English and Japanese.
"""

import argparse
import json
import os
import platform
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks import sets, stand_in
from benchmarks.claim_questions import changed, changes, fact_of, foreign, known, some, untaught, update
from benchmarks.desk import desk
from benchmarks.libraries import kotae_of
from benchmarks.manner import manner
from bot.evaluation import facts
from bot.evaluation.asking import Asking
from bot.evaluation.metrics import BY_NAME, Verdict, judge_all
from bot.evaluation.plot import Dot, plot
from bot.evaluation.report import report
from bot.evaluation.statistics import Figure, compare, difference, figure, share
from bot.evaluation.values import Answered, AskedQuestion
from bot.kotae import Kotae
from knowledge_base.database import now
from strategies.base import Question
from strategies.followups import standalone
from strategies.llm.prompt import prompt as chat_prompt
from strategies.lora.bases.model import SHIPPED, load

OUT = Path("build/claim")
RAG_PASSAGES = 6  # what `rag` finds where nothing else is configured
WRITTEN = 48  # tokens of an answer, as the desk's are long; the stand-in stops there …
LONGEST = 96  # … and a chat model here
TIMED = 8  # questions that the stand-in answers
KINDS = ("known", "untaught", "changed", "foreign")
STRATEGIES = ("manuals", "product", "both", "best", "together")
Told = dict[str, Figure | float]


# ---- who is asked ----


@dataclass(frozen=True)
class Prices:
    """Per million tokens. Every model is charged the same, so that only tokens tell them apart."""

    prompt: float
    completion: float


def configured(prices: Prices, chat: str, longest: int, reader: str) -> dict[str, str]:
    """What kotae.toml does not say, as the environment does: `written` is RAG with a chat model, `chat` that
    model alone.
    """
    strategies: dict[str, dict[str, Any]] = {
        **({"reader": {"use": "lora", "adapter": reader}, "both": {"inner": "reader"}} if reader else {}),
        "chat": {"use": "llm", "model": chat, "max_tokens": longest, "first_token_seconds": 600},
        "written": {"use": "rag", "inner": "chat", "k": RAG_PASSAGES},
    }
    told = {
        f"KOTAE_STRATEGIES__{name.upper()}__{option.upper()}": value
        if isinstance(value, str)
        else json.dumps(value)
        for name, options in strategies.items()
        for option, value in options.items()
    }
    charged = {name: asdict(prices) for name in (*STRATEGIES[1:], "chat", "written")}
    return {**told, "KOTAE_PRICES": json.dumps(charged), "KOTAE_LIMITS__ANSWER_SECONDS": "600"}


@contextmanager
def environment(told: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in told}
    os.environ.update(told)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


# ---- asking ----


def asking(kotae: Kotae) -> Asking:
    """As the console's evaluation asks: by the way of a customer's turn, greedy, caches cold."""
    library = kotae.library
    return Asking(kotae.try_out, library.by_id, library.version, kotae.cool, kotae.settings.prices)


def ask(kotae: Kotae, asked: Sequence[AskedQuestion], names: Sequence[str], what: str) -> list[Answered]:
    """Every strategy takes its turn at each question, so that a slow minute is slow for all of them."""
    put = asking(kotae)
    for name in names:
        put(AskedQuestion("", "Are you there?", "en"), name)  # what is loaded at the first shall not count
    answers = []
    for n, question in enumerate(tqdm(asked, desc=what, unit="question", disable=None)):
        turn = n % len(names)
        answers += [put(question, name) for name in (*names[turn:], *names[:turn])]
    if broken := [each for each in answers if each.error]:
        raise RuntimeError(f"{len(broken)} answers failed, such as {broken[0]}")
    return answers


# ---- what came of it ----


@dataclass(frozen=True)
class Claim:
    """All figures. `rag` is RAG with a chat model, as far as it can be known without one."""

    strategies: dict[str, Told]
    rag: Told
    elsewhere: dict[str, Told]
    asked: dict[str, int]
    more: dict[str, float | str]


Verdicts = Mapping[str, Sequence[Verdict]]


def row(verdicts: Sequence[Verdict]) -> Told:
    """A strategy's line of the table."""
    by_kind = {kind: [one for one in verdicts if kind in one.tags] for kind in KINDS}
    of = by_kind["known"]
    return {
        "prompt tokens": mean(one.prompt_tokens + one.passage_tokens for one in of),
        "cost of 1,000": 1000 * mean(one.cost for one in of),
        "first ms": median(one.ms_first for one in of),
        "end ms": median(one.ms for one in of),
        "known": grouped(of, "facts"),
        "known, right": grouped(of, "all_facts"),
        "known, wrong": grouped(of, "wrong"),
        "answered": figure([float(one.answered) for one in of], groups=[group(one) for one in of]),
        "manner": grouped(of, "manner"),
        "untaught": grouped(by_kind["untaught"], "facts"),
        "untaught, wrong": grouped(by_kind["untaught"], "wrong"),
        "changed": grouped(by_kind["changed"], "facts"),
        "changed, wrong": grouped(by_kind["changed"], "wrong"),
        "foreign refused": grouped(by_kind["foreign"], "refused"),
    }


def grouped(verdicts: Sequence[Verdict], name: str) -> Figure:
    """Wordings of one fact are drawn together."""
    return figure(BY_NAME[name].values(verdicts), groups=[group(one) for one in verdicts])


def group(verdict: Verdict) -> str:
    return verdict.question_id.removeprefix("changed/").partition("/")[0]


def mean(values: Iterator[float]) -> float:
    return float(np.mean(list(values) or [np.nan]))


def median(values: Iterator[float | None]) -> float:
    there = [value for value in values if value is not None]
    return float(np.median(there)) if there else float("nan")


def with_a_chat_model(
    kotae: Kotae, asked: Mapping[str, Sequence[AskedQuestion]], prices: Prices, count: Callable[[str], int]
) -> Told:
    """RAG with a chat model: its prompts counted, and whether the passages in them hold the facts."""
    held: dict[str, list[tuple[str, bool]]] = {}
    tokens: list[float] = []
    for kind, each in asked.items():
        for question in each:
            put = Question(question.text, question.history, language=question.language)
            passages = tuple(kotae.library.search(standalone(put).query, RAG_PASSAGES))
            tokens.append(count(chat_prompt(replace(put, passages=passages)).text))
            read = "\n".join(passage.text for passage in passages)
            held.setdefault(kind, []).append((fact_of(question), facts.found(read, question.facts) == 1.0))
    prompt = mean(iter(tokens))
    return {
        "prompt tokens": prompt,
        "cost of 1,000": (prompt * prices.prompt + WRITTEN * prices.completion) / 1000,
        **{kind: share(told) for kind, told in held.items()},
    }


def timed(kotae: Kotae, asked: Sequence[AskedQuestion]) -> Told:
    """How long the stand-in takes, with the passages in its prompt and without."""
    names = ("written", "chat")
    answers = ask(kotae, asked, names, "how long a prompt takes")
    told: Told = {}
    for name, what in zip(names, ("with passages", "without"), strict=True):
        of = [each for each in answers if each.strategy == name and not each.abstained]
        told[f"{what}: prompt tokens"] = mean(each.prompt_tokens + each.passage_tokens for each in of)
        told[f"{what}: first ms"] = median(each.ms_first for each in of)
        told[f"{what}: end ms"] = median(each.ms for each in of)
    return told


def elsewhere(limit: int, count: Callable[[str], int]) -> dict[str, Told]:
    """The public help-centre sets that are there: no desk's pairs, so no tuned model; RAG's prompt, what the
    passages in it hold, and what `manuals` says.
    """
    found: dict[str, Told] = {}
    for each in sets.sets(limit):
        if each.name == "demo":
            continue
        kind, asked = next(iter(each.asked.items()))
        with kotae_of(each.documents) as kotae:
            given = [asked_of(each.language, n, one) for n, one in enumerate(asked)]
            answers = ask(kotae, given, ("manuals",), f"{each.name}, {each.language}")
            verdicts = judge_all(given, answers, embedder=kotae.library.embedder)["manuals"]
            rag = with_a_chat_model(kotae, {"held": given}, Prices(0, 0), count)
        told = ("hit_5", "facts", "rouge_l", "similarity")
        values = {name: figure(BY_NAME[name].values(verdicts)) for name in told}
        found[f"{each.name}, {each.language}, {kind}"] = {
            "questions": float(len(given)),
            "prompt tokens": rag["prompt tokens"],
            "right document read": values["hit_5"],
            "answer in what was read": rag["held"] if any(one.facts for one in given) else float("nan"),
            "manuals: facts": values["facts"],
            "manuals: ROUGE-L": values["rouge_l"],
            "manuals: similarity": values["similarity"],
            "manuals: answered": figure([float(one.answered) for one in verdicts]),
            "manuals: first ms": median(one.ms_first for one in verdicts),
        }
    return found


def asked_of(language: str, number: int, one: sets.Asked) -> AskedQuestion:
    return AskedQuestion(
        str(number), one.question, language, facts=one.facts, sources=one.answered_by, reference=one.answer
    )


# ---- the table, the plots, the page ----

COLUMNS = {
    "prompt tokens": "the whole prompt, passages included",
    "cost of 1,000": "of a thousand answers, by the price list",
    "first ms": "to the first word, median",
    "end ms": "to the end, median",
    "known": "facts said, of what the desk answered",
    "known, right": "facts said, and nothing wrong beside them",
    "known, wrong": "told something wrong, beside or instead",
    "answered": "of what the desk answered",
    "manner": "of the answers, in the desk's",
    "untaught": "facts said, of what only the manuals tell",
    "untaught, wrong": "told something wrong instead",
    "changed": "new facts said",
    "changed, wrong": "told what was true at the training, or another wrong one",
    "foreign refused": "of what nobody answers",
}


def show(claim: Claim) -> None:
    asked = ", ".join(f"{name} {n}" for name, n in claim.asked.items())
    print(f"\nThe demo's desk. Questions: {asked}. 95 % intervals over facts.\n")
    names = list(claim.strategies)
    print(f"{'':<20}" + "".join(f"{name:>22}" for name in (*names, "RAG, chat model")) + "  ")
    for column, about in COLUMNS.items():
        cells = [claim.strategies[name][column] for name in names]
        cells.append(claim.rag.get(column, float("nan")))
        most = "≤ " if column in KINDS and column in claim.rag else ""
        shown = [cell(value) for value in cells]
        print(
            f"{column:<20}" + "".join(f"{one:>22}" for one in (*shown[:-1], most + shown[-1])) + f"  {about}"
        )
    print("\n≤: what the passages in its prompt hold; no reader says more than it read.\n")
    for name, value in claim.more.items():
        print(f"{name:<64}{value if isinstance(value, str) else f'{value:,.4g}'}", flush=True)


def show_elsewhere(claim: Claim) -> None:
    for name, told in claim.elsewhere.items():
        print(f"\n{name}")
        for column, value in told.items():
            print(f"  {column:<30}{cell(value):>24}")


def cell(value: Figure | float) -> str:
    if isinstance(value, Figure):
        return str(value)
    return "-" if value != value else f"{value:,.2f}" if abs(value) < 10 else f"{value:,.0f}"


def drawn(claim: Claim) -> dict[str, str]:
    """The plots: what the desk answered, against tokens and against waiting; and what changed since."""
    found = {}
    for name, kind, price, across in (
        ("known-tokens", "known", "prompt tokens", "Prompt tokens"),
        ("known-waiting", "known", "end ms", "To the end (ms)"),
        ("changed-tokens", "changed", "prompt tokens", "Prompt tokens"),
    ):
        rows = {
            **claim.strategies,
            **({"RAG, chat model (at best)": claim.rag} if price in claim.rag else {}),
        }
        dots = []
        for who, told in rows.items():
            good, cost = told[kind], told[price]
            assert isinstance(good, Figure)
            assert isinstance(cost, float)
            dots.append(Dot(who, cost, good.value, good.low, good.high))
        what = "Facts that changed" if kind == "changed" else "Facts of the desk"
        found[name] = plot(dots, title=f"{what} against {across.lower()}", across=across, up=what)
    return found


def write(
    out: Path, claim: Claim, asked: Sequence[AskedQuestion], answers: Sequence[Answered], verdicts: Verdicts
) -> None:
    """The figures, the plots, and the page that an evaluation has in the console, too."""
    out.mkdir(parents=True, exist_ok=True)
    (out / "claim.json").write_text(json.dumps(asdict(claim), indent=1, ensure_ascii=False), "utf-8")
    for name, svg in drawn(claim).items():
        (out / f"{name}.svg").write_text(svg, "utf-8")
    comparison = compare(verdicts, groups={one.id: fact_of(one) for one in asked})
    titles = {"en": "Documents, a tuned model, or both?", "ja": "資料か、調整したモデルか、両方か"}
    about = [(name, str(value)) for name, value in claim.more.items()]
    for language, title in titles.items():
        page = report(
            comparison,
            verdicts,
            title=title,
            when=now(),
            language=language,
            questions=asked,
            answers=answers,
            about=about,
        )
        (out / f"claim.{language}.html").write_text(page, "utf-8")


def measure(options: argparse.Namespace) -> None:
    prices = Prices(options.prompt_price, options.completion_price)
    base = load(SHIPPED)

    def count(text: str) -> int:
        return len(base.reader(text, verbose=False)["input_ids"])

    strategies = (*STRATEGIES, "written") if options.chat else STRATEGIES
    with tempfile.TemporaryDirectory() as folder:
        shape = None if options.chat else stand_in.SHAPES.get(options.shape)
        chat = str(stand_in.make(Path(folder) / "chat", shape, base)) if shape else options.chat or folder
        longest = LONGEST if options.chat else WRITTEN
        reader = (
            json.loads((options.reader / "card.json").read_text("utf-8"))["name"] if options.reader else ""
        )
        with (
            environment(configured(prices, chat, longest, reader)),
            desk(
                "", options.adapter, few=options.few, also=[options.reader] if options.reader else []
            ) as installed,
        ):
            kotae = installed.kotae
            spoken = manner(kotae.library)
            asked = {"known": known(), "untaught": untaught(), "foreign": foreign()}
            asked = {name: some(each, options.limit) for name, each in asked.items()}
            answers = [
                answer for name, each in asked.items() for answer in ask(kotae, each, strategies, name)
            ]
            rag = with_a_chat_model(
                kotae, {name: asked[name] for name in ("known", "untaught")}, prices, count
            )
            slow = timed(kotae, some(asked["known"], TIMED)) if shape or options.chat else {}
            made = changes(kotae)
            update(kotae, made)
            asked["changed"] = some(changed(made), options.limit)
            answers += ask(kotae, asked["changed"], strategies, "changed")
            rag["changed"] = with_a_chat_model(kotae, {"changed": asked["changed"]}, prices, count)["changed"]
            all_asked = [one for each in asked.values() for one in each]
            verdicts = judge_all(all_asked, answers, embedder=kotae.library.embedder, manner=spoken)
            adapter = kotae.shelf.get("current")
    of = f"{shape.about}, weights at random" if shape else Path(options.chat).name
    more: dict[str, float | str] = {
        "adapter": adapter.called,
        "adapter that reads, in `both`": reader or "the same",
        "training, s": installed.seconds or float("nan"),
        "facts that changed": float(len(made)),
        "manner's classifier, accuracy on texts it was not taught": spoken.accuracy,
        "price of a million tokens, prompt and completion": f"{prices.prompt:g}, {prices.completion:g}",
        "processor": f"{processor()}, {os.cpu_count()} cores",
        **against(verdicts, strategies),
        **{f"characters of an answer, {name}": characters(answers, name) for name in strategies},
        **{f"{of}, {name}": value for name, value in slow.items()},  # type: ignore[dict-item]
    }
    claim = Claim(
        {name: row(verdicts[name]) for name in strategies},
        rag,
        {},
        {name: len(each) for name, each in asked.items()},
        more,
    )
    show(claim)
    write(options.out, claim, all_asked, answers, verdicts)
    if not options.demo_only:
        claim = replace(claim, elsewhere=elsewhere(options.limit or 200, count))
        show_elsewhere(claim)
        write(options.out, claim, all_asked, answers, verdicts)
    print(f"\nThe page, the plots and the figures are in {options.out}/")


def against(verdicts: Verdicts, strategies: Sequence[str]) -> dict[str, float | str]:
    """Who differs from the manuals in what the desk answered, on the same questions."""
    told: dict[str, float | str] = {}
    of = {name: [one for one in each if "known" in one.tags] for name, each in verdicts.items()}
    for name in strategies[1:]:
        apart = difference(
            BY_NAME["facts"].values(of[name]),
            BY_NAME["facts"].values(of["manuals"]),
            groups=[group(one) for one in of[name]],
        )
        told[f"{name} less manuals, known facts"] = (
            f"{100 * apart.value:+.1f} points [{100 * apart.low:+.1f} to {100 * apart.high:+.1f}], "
            f"p = {apart.p:.4f} ({apart.test} test by fact), {apart.needed} questions needed"
        )
    return told


def characters(answers: Sequence[Answered], name: str) -> float:
    return mean(float(len(each.text)) for each in answers if each.strategy == name and not each.abstained)


def processor() -> str:
    try:
        found = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text("utf-8"))
    except OSError:
        found = None
    return found[1] if found else platform.processor() or platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--adapter", type=Path, help="an adapter's folder, instead of training one")
    parser.add_argument("--few", action="store_true", help="teach no wordings that a model suggested")
    parser.add_argument("--reader", type=Path, help="another one, trained with --raft, for `both`")
    parser.add_argument("--limit", type=int, default=0, help="ask at most so many questions of each kind")
    parser.add_argument("--prompt-price", type=float, default=0.4, help="of a million prompt tokens")
    parser.add_argument("--completion-price", type=float, default=1.6, help="of a million answer tokens")
    parser.add_argument(
        "--shape", choices=[*stand_in.SHAPES, "none"], default="135M", help="of the stand-in for a chat model"
    )
    parser.add_argument("--chat", default="", help="a chat model that is there, instead of a stand-in")
    parser.add_argument("--demo-only", action="store_true", help="leave the public sets out")
    parser.add_argument("--out", type=Path, default=OUT, help="where figures, plots and the page go")
    measure(parser.parse_args())


if __name__ == "__main__":
    main()
