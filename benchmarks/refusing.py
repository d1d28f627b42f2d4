"""How much better what nobody answers is refused when a router has learned it from judged questions.

`python -m benchmarks.refusing` evaluates `manuals` on the demo's calibration questions, on some of them and
on all, lets a router of this one strategy learn from that (`careful` in kotae.toml), and asks it the test
questions, by the way of a customer's turn. It refuses where, of questions that the regressions had not seen,
at most 5 in 100 that can be answered would be refused. Beside it stands `manuals` as it is, whose threshold
ships.

Calibration and test questions were written for the same invented products by the same hand, none with the
fact or the wording of another; a desk's own questions will be as like or as unlike to one another as they
are. So the questions of other hands (demo/questions/others.jsonl) are asked as well: of nothing like them
was anything learned.
"""

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.claim import environment
from benchmarks.claim_questions import of_the_demo
from benchmarks.libraries import demo_documents, kotae_of
from benchmarks.quotes import Said, mean, turns
from bot.conversations.turn import Ended
from bot.evaluation.values import AskedQuestion
from bot.kotae import Kotae
from demo.questions import DemoQuestion, questions

FALSELY = 0.05  # of what can be answered may be refused
COUNTS = (100, 200, 400, 0)  # questions that are learned from; 0 is all
SEED = 20261129
BY = "benchmark"
K = 8
STRATEGIES = json.dumps(
    {
        "manuals": {"use": "rag", "inner": "quotes", "k": K},
        "careful": {"use": "router", "of": ["manuals"], "refuse": FALSELY},
    }
)


def asked(kotae: Kotae, strategy: str, question: DemoQuestion) -> Said:
    *_, ended = kotae.try_out(question.question, strategy=strategy, history=turns(question))
    if not isinstance(ended, Ended) or (ended.partial and not ended.abstained):
        raise RuntimeError(f"{question.id}: the turn failed: {ended}")
    return Said(question, ended.answer.text, ended.abstained, ended.ms)


def learn(kotae: Kotae, judged: Sequence[AskedQuestion]) -> None:
    """As an operator has it learn."""
    name = f"{len(judged)} questions"
    kotae.question_sets.put(name, judged, by=BY, note="")
    run = kotae.evaluations.start(name, ["manuals"], by=BY)
    kotae.jobs.run(run.job.id)
    kotae.routers.train("careful", by=BY, run_id=run.id)


@contextmanager
def installed() -> Iterator[Kotae]:
    with environment({"KOTAE_STRATEGIES": STRATEGIES}), kotae_of(demo_documents()) as kotae:
        yield kotae


def figures(said: Sequence[Said]) -> dict[str, float]:
    can = [one for one in said if one.question.answerable]
    cannot = [one for one in said if not one.question.answerable]
    near = [one for one in cannot if "near-miss" in one.question.tags]
    return {
        "gold fact": mean(one.right for one in can),
        "false refusals": mean(one.abstained for one in can),
        "refused": mean(one.abstained for one in cannot),
        "near misses": mean(one.abstained for one in near),
        "off topic": mean(one.abstained for one in cannot if one not in near),
    }


def measure() -> dict[str, dict[str, float]]:
    test, others = questions("test"), questions("others")
    with installed() as kotae:
        kotae.warm_up()
        table = {
            "manuals, as calibrated": figures([asked(kotae, "manuals", one) for one in test]),
            "… asked by other hands": figures([asked(kotae, "manuals", one) for one in others]),
        }
        known = [of_the_demo(one, "open") for one in questions("calibration")]
        random.Random(SEED).shuffle(known)
        for count in COUNTS:
            learn(kotae, known[: count or None])
            name = f"router, from {count or len(known)} questions"
            table[name] = figures([asked(kotae, "careful", one) for one in test])
        table[f"{name}, asked by other hands"] = figures([asked(kotae, "careful", one) for one in others])
    return table


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file, too")
    options = parser.parse_args()
    table = measure()
    columns = list(next(iter(table.values())))
    print(" " * 52 + "".join(f"{column:>16}" for column in columns))
    for name, row in table.items():
        print(f"{name:<52}" + "".join(f"{row[column]:>16.3f}" for column in columns))
    if options.json:
        options.json.write_text(json.dumps(table, indent=2), "utf-8")


if __name__ == "__main__":
    main()
