"""What combining buys: the model before the documents, and a router that chooses, beside each one alone.

`python -m benchmarks.combinations --adapter FOLDER` (or without: an adapter is trained first) has the router
learn from an evaluation of the demo's calibration questions and of other wordings of the pairs that are
trained on, and asks everybody what `benchmarks.claim` asks: held-out wordings of what the desk answered, what
only the manuals tell, what nobody answers. Nothing is chosen by these. The router is asked for its choice
under each budget; what comes of it is that strategy's answer, for two runs of a strategy differ by nothing.
`cascade` is `both` with the manuals behind it.

Prompt tokens are those that a language model would read: the product model's are its own; where the manuals
answer, they are those of the prompt that RAG makes for a chat model, for the documents' own words need none.
"""

import argparse
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.claim import ask, environment, group
from benchmarks.claim_questions import foreign, known, rivals, some, untaught
from benchmarks.desk import desk
from bot.answering.routing import examples_of
from bot.evaluation.metrics import Verdict, judge
from bot.evaluation.statistics import Figure, figure
from bot.evaluation.values import Answered, AskedQuestion
from bot.kotae import Kotae
from demo.pairs import DemoPair, pairs
from demo.questions import questions
from knowledge_base.database import now
from strategies.base import Question, Turn
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

OF = ("manuals", "both", "cascade")
RAG_PASSAGES = 6  # what `rag` finds where nothing else is configured
SHARES = (1.0, 0.75, 0.5, 0.4, 0.3, 0.2, 0.1)  # of what the manuals' prompts take: the budgets
SEED = 20261128  # of the wordings that the router learns from; the training's own are others
ROUTER = {
    "KOTAE_STRATEGIES": json.dumps(
        {
            "router": {"use": "router", "of": OF, "spend": "tokens"},
            "cascade": {"use": "first_of", "of": ["both", "manuals"]},
        }
    ),
    "KOTAE_LIMITS__ANSWER_SECONDS": "600",
}

Count = Callable[[AskedQuestion], int]  # the tokens of the prompt that RAG makes of a question
Row = dict[str, Figure | float]


# ---- what the router learns from ----


def learned_from() -> list[AskedQuestion]:
    """Calibration questions, and other wordings of what was trained on; nothing that is held out."""
    calibration = [
        AskedQuestion(
            one.id,
            one.question,
            one.language,
            history=tuple(Turn(said.role, said.text) for said in one.history),
            facts=one.facts,
            sources=one.sources,
            answerable=one.answerable,
            tags=one.tags,
        )
        for one in questions("calibration")
        if one.language == "en"
    ]
    return [*calibration, *other_wordings()]


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
        "foreign refused": right("foreign"),
        "wrong said": figure([float(bool(one.verdict.wrong)) for one in of]),
        "prompt tokens": tokens,
        "of RAG's": tokens / rag,
        "ms": float(np.mean([one.verdict.ms for one in of])),
    }


# ---- the measurement ----


def train(kotae: Kotae, count: Count) -> None:
    """By the way of an operator: a question set, an evaluation, a training; the tokens are put in here."""
    asked = learned_from()
    kotae.question_sets.put("learned", asked, by="bench", note="written")
    started = kotae.evaluations.start("learned", OF, by="bench")
    kotae.jobs.run(started.job.id)
    run = kotae.evaluations.run(started.id)
    if run.job.state != "done":
        raise RuntimeError(f"the evaluation failed: {run.job.error}")
    given, answers = kotae.evaluations.for_training(run)
    router = kotae.strategies.get("router")
    assert isinstance(router, Router)
    prompts = {question.id: count(question) for question in given}
    counted = {
        name: {
            each: replace(answer, prompt_tokens=round(tokens_of(answer, prompts[each])), passage_tokens=0)
            for each, answer in told.items()
        }
        for name, told in answers.items()
    }
    learnt = Learnt(examples_of(given, counted, OF), given.held_out)
    embed = kotae.library.embedder.embed_documents
    save(fit(learnt, embed, router.conditions(), now(), "learned"), file_of(kotae.settings.data, "router"))


def measure(kotae: Kotae, limit: int) -> dict[str, Row]:
    count = rag_prompt(kotae)
    train(kotae, count)
    asked = [*some(known(), limit), *some(untaught(), limit), *some(foreign(), limit)]
    alone = outcomes(asked, ask(kotae, asked, OF, "each alone"), count)
    rag = float(np.mean([one.tokens for one in alone["manuals"]]))
    table = {name: row(alone[name], rag) for name in OF}
    for share in SHARES:
        kotae.routers.spend("router", None if share == 1 else share * rag, by="bench")
        router = kotae.strategies.get("router")
        assert isinstance(router, Router)
        router.look()
        name = "router, no limit" if share == 1 else f"router, {share:.0%} of RAG's"
        table[name] = row(routed(router, asked, alone), rag)
    table["whoever always knew"] = row(always_knew(alone), rag)
    foretell(kotae, alone)
    return table


def routed(
    router: Router, asked: Sequence[AskedQuestion], alone: Mapping[str, Sequence[Outcome]]
) -> list[Outcome]:
    """What comes of the router's choices."""
    return [alone[chosen(router, question)][at] for at, question in enumerate(asked)]


def chosen(router: Router, question: AskedQuestion) -> str:
    """Whom the router chooses, which is the first thing that it tells."""
    with closing(stream_of(router, Question(question.text, question.history, (), question.language))) as told:
        decision = next(told)
    assert isinstance(decision, Decision)
    return next(name for name in OF if decision.what == f"chose {name!r}")


def always_knew(alone: Mapping[str, Sequence[Outcome]]) -> list[Outcome]:
    """Of those who are right the one that reads least; of those who are wrong, too."""
    return [
        min(each, key=lambda one: (not one.verdict.right, one.tokens))
        for each in zip(*alone.values(), strict=True)
    ]


def foretell(kotae: Kotae, alone: Mapping[str, Sequence[Outcome]]) -> None:
    """How often a strategy is right where the router took it to be so likely right."""
    standing = kotae.routers.standing("router")
    head = standing.routing.head
    assert head is not None
    vectors = np.array([kotae.library.embedder.embed_query(one.question.text) for one in alone[OF[0]]])
    likely = np.array([head.likely(vector) for vector in vectors])
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


def show(table: Mapping[str, Row]) -> None:
    columns = list(next(iter(table.values())))
    print(f"\n{'':<26}" + "".join(f"{column:>20}" for column in columns))
    for name, told in table.items():
        print(f"{name:<26}" + "".join(f"{cell(value):>20}" for value in told.values()))


def cell(value: Figure | float) -> str:
    return str(value) if isinstance(value, Figure) else f"{value:.3f}" if value < 10 else f"{value:,.0f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--adapter", type=Path, help="an adapter's folder, instead of training one")
    parser.add_argument("--limit", type=int, default=0, help="ask at most so many questions of each kind")
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    options = parser.parse_args()
    with environment(ROUTER), desk("", options.adapter) as installed:
        table = measure(installed.kotae, options.limit)
    show(table)
    if options.json:
        told = {
            name: {
                column: vars(value) if isinstance(value, Figure) else value for column, value in each.items()
            }
            for name, each in table.items()
        }
        options.json.write_text(json.dumps(told, indent=2), "utf-8")


if __name__ == "__main__":
    main()
