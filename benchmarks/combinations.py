"""What combining buys: the model before the documents, and a router that chooses, beside each one alone.

`python -m benchmarks.combinations --adapter FOLDER` (or without: an adapter is trained first) has the router
learn from an evaluation of the demo's calibration questions, of wordings of what the desk answered (one made
of each that is trained on, and the one that the training's thresholds were chosen by) and of the near misses
that are kept for calibration, and asks everybody what `benchmarks.claim` asks: held-out wordings of what the
desk answered, what only the manuals tell, what nobody answers. Nothing is chosen by these. The router is
asked for its choice under each budget; what comes of it is that strategy's answer, for two runs of a strategy
differ by nothing. Where it may refuse, whoever answers behind it is told that it did not, so that router is
asked to the end. `cascade` is `both` with the manuals behind it.

Prompt tokens are those that a language model would read: the product model's are its own; where the manuals
answer, they are those of the prompt that RAG makes for a chat model, for the documents' own words need none.
Each strategy is also asked behind a router that has learned what nobody answers.

It takes some forty minutes on two cores without AVX-512; with `--limit 8` a minute and a half, which proves
that it runs and no more. `--docs` puts the table into docs/combinations.md.
"""

import argparse
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.claim import ask, environment, group
from benchmarks.claim_questions import (
    foreign,
    known,
    near_misses,
    of_the_demo,
    rivals,
    some,
    told_by_a_manual,
    untaught,
)
from benchmarks.desk import chosen_by, desk
from benchmarks.libraries import ROOT
from bot.answering.routing import examples_of
from bot.evaluation.metrics import Verdict, judge
from bot.evaluation.statistics import Figure, figure
from bot.evaluation.values import Answered, AskedQuestion
from bot.kotae import Kotae
from demo.pairs import DemoPair, pairs
from demo.questions import questions
from knowledge_base.database import now
from strategies.base import Question
from strategies.events import Decision
from strategies.llm.prompt import prompt as chat_prompt
from strategies.lora.bases.model import SHIPPED, load
from strategies.lora.pairs import HeldOut, Pair, Taught
from strategies.lora.pairs.augment import augment
from strategies.router import Learnt, Router
from strategies.router.fitting import fit
from strategies.router.head import file_of, save
from strategies.router.plan import curve, singles
from strategies.streams import stream_of
from strategies.wording import as_asked

OF = ("manuals", "both", "cascade")
ALONE = (*OF, "together")  # each also refusing as it learned
RAG_PASSAGES = 6  # what `rag` finds where nothing else is configured
SHARES = (1.0, 0.5, 0.4, 0.3, 0.2, 0.1)  # of what the manuals' prompts take: the budgets
REFUSED = 0.05  # of what can be answered may be refused, to refuse what nobody answers
LEARNED = 5  # times as many questions are learned from as are asked of each kind
SEED = 20261128  # of the wordings that the router learns from; the training's own are others
REFUSING = "refusing as it learned"
CAREFUL = "careful"
CAREFUL_SHARES = (1.0, 0.4)


def careful(name: str) -> str:
    """The router that keeps one strategy from what nobody answers."""
    return f"{CAREFUL}-{name}"


ROUTERS = ("router", CAREFUL, *map(careful, ALONE))
ROUTER = {
    "KOTAE_STRATEGIES": json.dumps(
        {
            "cascade": {"use": "first_of", "of": ["both", "manuals"]},
            "router": {"use": "router", "of": OF, "spend": "tokens"},
            CAREFUL: {"use": "router", "of": OF, "spend": "tokens", "refuse": REFUSED},
            **{
                careful(name): {"use": "router", "of": [name], "spend": "tokens", "refuse": REFUSED}
                for name in ALONE
            },
        }
    ),
    "KOTAE_LIMITS__ANSWER_SECONDS": "600",
}

PAGE = ROOT / "docs" / "combinations.md"
BEGIN, END = "<!-- measured -->", "<!-- end of what was measured -->"
KNEW = "whoever always knew"
UNSAID = ("prompt tokens",)  # the share of RAG's says it
LESS = ("refused wrongly", "wrong said", "of RAG's", "ms")  # … is better
HEADS = {
    "known": "the desk's",
    "untaught": "the manuals'",
    "foreign refused": "refused rightly",
    "of RAG's": "prompt tokens, of RAG's {rag}",
}

Count = Callable[[AskedQuestion], int]  # the tokens of the prompt that RAG makes of a question
Row = dict[str, Figure | float]


@dataclass(frozen=True)
class Measured:
    """`questions` is how many the router learned from, `rag` the tokens of RAG's prompts."""

    table: dict[str, Row]
    questions: int
    rag: float


# ---- what the router learns from ----


def learned_from() -> list[AskedQuestion]:
    """Calibration questions and other wordings of what was taught; nothing that a figure comes from."""
    calibration = [of_the_demo(one, "open") for one in questions("calibration") if one.language == "en"]
    return [*calibration, *other_wordings(), *wordings_that_chose(), *missed_by_pairs()]


def wordings_that_chose() -> list[AskedQuestion]:
    """The held-out wording of each fact that went along with the training; no figure comes from these."""
    return [
        AskedQuestion(
            f"chose/{pair.fact}",
            pair.question,
            "en",
            facts=(pair.keys,),
            wrong=rivals(pair),
            tags=("known",),
        )
        for pair in chosen_by()
        if pair.language == "en"
    ]


def missed_by_pairs() -> list[AskedQuestion]:
    """What no pair answers, however near it comes to one; some of it is in the manuals."""
    return [
        told_by_a_manual(one, "untaught", "open")
        if one.keys
        else AskedQuestion(one.id, one.question, "en", answerable=False, tags=("foreign", *one.tags))
        for one in near_misses("calibration")
    ]


def other_wordings() -> list[AskedQuestion]:
    """One of each fact, made of a wording that is trained on: the model has not heard it just so."""
    first: dict[str, DemoPair] = {}
    for pair in pairs("train"):
        if pair.language == "en":
            first.setdefault(pair.fact, pair)
    taught = Taught(
        [Pair(one.question, one.answer, one.fact, one.language) for one in first.values()], HeldOut()
    )
    made = list(augment(taught, SEED, copies=1))[len(taught) :]
    return [
        AskedQuestion(
            f"pair/{pair.fact}",
            pair.question,
            "en",
            facts=(first[pair.fact].keys,),
            wrong=rivals(first[pair.fact]),
            tags=("known",),
        )
        for pair in made
    ]


# ---- who did how well ----


@dataclass(frozen=True)
class Outcome:
    question: AskedQuestion
    verdict: Verdict
    tokens: float


def tokens_of(answer: Answered, rag: int) -> float:
    """What a language model read: RAG's prompt, too, where the manuals were asked."""
    asked = {"chose 'manuals'", "passed over 'manuals'"}
    manuals = answer.strategy == "manuals" or any(each["what"] in asked for each in answer.decisions)
    return answer.prompt_tokens + answer.passage_tokens + (rag if manuals else 0)


def outcomes(
    asked: Sequence[AskedQuestion], answers: Iterable[Answered], count: Count
) -> dict[str, list[Outcome]]:
    by_id = {question.id: question for question in asked}
    prompts = {question.id: count(question) for question in asked}
    found: dict[str, list[Outcome]] = {}
    for answer in answers:
        question = by_id[answer.question_id]
        outcome = Outcome(question, judge(question, answer), tokens_of(answer, prompts[question.id]))
        found.setdefault(answer.strategy, []).append(outcome)
    order = {question.id: at for at, question in enumerate(asked)}
    return {name: sorted(each, key=lambda one: order[one.question.id]) for name, each in found.items()}


def rag_prompt(kotae: Kotae) -> Count:
    """As RAG around a chat model would ask, in the shipped base's tokens."""
    base = load(SHIPPED)

    def count(question: AskedQuestion) -> int:
        passages = tuple(kotae.library.search(question.text, RAG_PASSAGES))
        told = chat_prompt(Question(question.text, question.history, passages, question.language))
        return len(base.reader(told.text, verbose=False)["input_ids"])

    return count


def row(of: Sequence[Outcome], rag: float) -> Row:
    def right(kind: str) -> Figure:
        there = [one.verdict for one in of if not kind or kind in one.question.tags]
        return figure([float(one.right) for one in there], groups=[group(one) for one in there])

    tokens = float(np.mean([one.tokens for one in of]))
    return {
        "right": right(""),
        "known": right("known"),
        "untaught": right("untaught"),
        "refused wrongly": figure(
            [float(one.verdict.refused) for one in of if one.question.answerable],
            groups=[group(one.verdict) for one in of if one.question.answerable],
        ),
        "foreign refused": right("foreign"),
        "wrong said": figure([float(bool(one.verdict.wrong)) for one in of]),
        "prompt tokens": tokens,
        "of RAG's": tokens / rag,
        "ms": float(np.mean([one.verdict.ms for one in of])),
    }


# ---- the measurement ----


def train(kotae: Kotae, count: Count, limit: int) -> None:
    """By the way of an operator: a question set, an evaluation, a training; the tokens are put in here."""
    asked = some(learned_from(), LEARNED * limit)
    kotae.question_sets.put("learned", asked, by="bench", note="written")
    started = kotae.evaluations.start("learned", ["manuals", "both", "together"], by="bench")
    kotae.jobs.run(started.job.id)
    run = kotae.evaluations.run(started.id)
    if run.job.state != "done":
        raise RuntimeError(f"the evaluation failed: {run.job.error}")
    given, answers = kotae.evaluations.for_training(run)
    prompts = {question.id: count(question) for question in given}
    counted = {
        name: {
            each: replace(answer, prompt_tokens=round(tokens_of(answer, prompts[each])), passage_tokens=0)
            for each, answer in told.items()
        }
        for name, told in answers.items()
    }
    counted["cascade"] = {
        each: cascaded(both, counted["manuals"][each]) for each, both in counted["both"].items()
    }
    for name in ROUTERS:
        router = router_of(kotae, name)
        learnt = Learnt(examples_of(given, counted, router.options.of, router.signs), given.held_out)
        embed = kotae.library.embedder.embed_documents
        head = fit(learnt, embed, router.conditions(), now(), "learned")
        save(head, file_of(kotae.settings.data, name))


def router_of(kotae: Kotae, name: str) -> Router:
    router = kotae.strategies.get(name)
    assert isinstance(router, Router)
    router.look()
    return router


def cascaded(both: Answered, manuals: Answered) -> Answered:
    """What `cascade` answers, without asking again: both stay as they are."""
    if not both.abstained:
        return replace(both, strategy="cascade")
    return replace(
        manuals,
        strategy="cascade",
        prompt_tokens=both.prompt_tokens + manuals.prompt_tokens,
        ms=both.ms + manuals.ms,
    )


def measure(kotae: Kotae, limit: int) -> Measured:
    count = rag_prompt(kotae)
    train(kotae, count, limit)
    asked = [*some(known(), limit), *some(untaught(), limit), *some(foreign(), limit)]
    alone = heard(kotae, asked, ALONE, count)
    rag = float(np.mean([one.tokens for one in alone["manuals"]]))
    table = {name: row(alone[name], rag) for name in ALONE}
    refusing = heard(kotae, asked, list(map(careful, ALONE)), count)
    table |= {f"`{name}`, {REFUSING}": row(refusing[careful(name)], rag) for name in ALONE}
    for share in SHARES:
        table[f"router, {budget(kotae, 'router', share, rag)}"] = row(
            routed(router_of(kotae, "router"), asked, alone), rag
        )
    for share in CAREFUL_SHARES:
        name = f"router, {budget(kotae, CAREFUL, share, rag)}, {REFUSING}"
        table[name] = row(heard(kotae, asked, [CAREFUL], count)[CAREFUL], rag)
    table[KNEW] = row(always_knew(alone), rag)
    foretell(kotae, alone)
    return Measured(table, kotae.routers.standing("router").questions, rag)


def heard(
    kotae: Kotae, asked: Sequence[AskedQuestion], names: Sequence[str], count: Count
) -> dict[str, list[Outcome]]:
    return outcomes(asked, ask(kotae, asked, names, ", ".join(names)), count)


def budget(kotae: Kotae, router: str, share: float, rag: float) -> str:
    """Set it, and say what it is."""
    kotae.routers.spend(router, None if share == 1 else share * rag, by="bench")
    return "no limit" if share == 1 else f"{share:.0%} of RAG's"


def routed(
    router: Router, asked: Sequence[AskedQuestion], alone: Mapping[str, Sequence[Outcome]]
) -> list[Outcome]:
    """What comes of the router's choices."""
    who = [chosen(router, question) for question in asked]
    return [alone[name][at] for at, name in enumerate(who)]


def chosen(router: Router, question: AskedQuestion) -> str:
    """Whom the router chooses, which is the first thing that it tells."""
    with closing(stream_of(router, put(question))) as told:
        decision = next(told)
    assert isinstance(decision, Decision)
    return next(name for name in OF if decision.what == f"chose {name!r}")


def put(question: AskedQuestion) -> Question:
    return Question(question.text, question.history, language=question.language)


def always_knew(alone: Mapping[str, Sequence[Outcome]]) -> list[Outcome]:
    """Of those who are right the one that reads least; of those who are wrong, too."""
    return [
        min(each, key=lambda one: (not one.verdict.right, one.tokens))
        for each in zip(*(alone[name] for name in OF), strict=True)
    ]


def foretell(kotae: Kotae, alone: Mapping[str, Sequence[Outcome]]) -> None:
    """How often a strategy is right where the router took it to be so likely right."""
    router = router_of(kotae, "router")
    standing = kotae.routers.standing("router")
    head = standing.routing.head
    assert head is not None
    embed = kotae.library.embedder.embed_query
    asked = [one.question for one in alone[OF[0]]]
    likely = np.array(
        [head.foretold(np.array(embed(as_asked(one.text))), router.signs(put(one))).likely for one in asked]
    )
    print(f"\nlearned from {standing.questions} questions; foretold → right, of so many")
    for at, name in enumerate(head.strategies):
        right = np.array([one.verdict.right for one in alone[name]], float)
        order = np.argsort(likely[:, at])
        bins = " ".join(
            f"{likely[part, at].mean():.2f}→{right[part].mean():.2f} ({len(part)})"
            for part in np.array_split(order, 5)
        )
        print(f"  {name:<10}{bins}")
    print("\nforetold from what was learned:")
    for one in singles(head, "tokens"):
        print(f"  {one.strategy:<10}{one.spend:8.0f} tokens  right {one.quality:.3f}")
    for plan in curve(head, standing.routing.tried, "tokens"):
        print(f"  {'router':<10}{plan.spend:8.0f} tokens  right {plan.quality:.3f}")


# ---- the table ----


def show(measured: Measured) -> str:
    """As docs/combinations.md has it; what is best among the single strategies and the routers is bold."""
    table = measured.table
    columns = [name for name in next(iter(table.values())) if name not in UNSAID]
    heads = [HEADS.get(name, name).format(rag=f"{measured.rag:,.0f}") for name in columns]
    lines = [f"| | {' | '.join(heads)} |", "|---" * (len(heads) + 1) + "|"]
    for name, told in table.items():
        cells = " | ".join(cell(column, told[column], best(table, column)) for column in columns)
        lines.append(f"| {f'`{name}`' if name in ALONE else name} | {cells} |")
    return "\n".join(lines)


def best(table: Mapping[str, Row], column: str) -> float:
    values = [float_of(told[column]) for name, told in table.items() if name != KNEW]
    return min(values) if column in LESS else max(values)


def float_of(value: Figure | float) -> float:
    return value.value if isinstance(value, Figure) else value


def cell(column: str, value: Figure | float, best_one: float) -> str:
    number = float_of(value)
    told = f"{number:.3f}".lstrip("0") if 0 < number < 1 else f"{number:,.0f}"
    return f"**{told}**" if column != "ms" and number == best_one else told


def into_docs(table: str) -> None:
    """In place of the table that is there."""
    page = PAGE.read_text("utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--adapter", type=Path, help="an adapter's folder, instead of training one")
    parser.add_argument("--few", action="store_true", help="teach no wordings that a model suggested")
    parser.add_argument(
        "--limit",
        type=int,
        default=0,
        help=f"ask at most so many of each kind, and learn from {LEARNED} times so many",
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    parser.add_argument("--docs", action="store_true", help="put the table into docs/combinations.md")
    options = parser.parse_args()
    with environment(ROUTER), desk("", options.adapter, few=options.few) as installed:
        measured = measure(installed.kotae, options.limit)
    print(f"\nlearned from {measured.questions} questions\n\n{show(measured)}")
    if options.docs:
        into_docs(show(measured))
    if options.json:
        told = {
            name: {
                column: vars(value) if isinstance(value, Figure) else value for column, value in each.items()
            }
            for name, each in measured.table.items()
        }
        options.json.write_text(json.dumps(told, indent=2), "utf-8")


if __name__ == "__main__":
    main()
