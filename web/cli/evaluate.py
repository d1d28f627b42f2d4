"""`kotae evaluate`: the same questions to several strategies, and which answers better."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from web.cli import waiting
from web.cli.documents import LOOK_AGAIN_SECONDS, own
from web.cli.progress import meter
from web.cli.shell import Command, Installation, Sentence, counted, here, somebody, table

if TYPE_CHECKING:
    from bot.evaluation.decision import Decision
    from bot.evaluation.judging import Preferences
    from bot.evaluation.metrics import Metric
    from bot.evaluation.results import Result
    from bot.evaluation.runs import Run
    from bot.kotae import Kotae

MARKS = {"promote": "✓", "hold": "?", "reject": "✗"}
READ = ("read", "by", "preferred", "draws", "not understood", "p", "cost", "tokens")
PART = click.Choice(["open", "held-out"])


@click.command(cls=Command)
@click.option("--set", "set_name", metavar="NAME", help="The question set to ask.")
@click.option(
    "--questions",
    "file",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="A file of questions instead: imported as a set of its name, or as a new version of that.",
)
@click.option("--strategies", metavar="A,B,…", help="Who is asked. [default: the one that answers now]")
@click.option("--part", type=PART, help="Only the open or the held-out questions.")
@click.option("--limit", type=click.IntRange(1), help="No more questions than so many, evenly over the set.")
@click.option("--resume", metavar="RUN", help="Go on with one that was cut off, or with the `last`.")
@click.option("--show", "shown", metavar="RUN", help="Ask nothing; show an earlier one, or the `last`.")
@click.option(
    "--judge",
    is_flag=False,
    flag_value="",
    metavar="[STRATEGY]",
    help="Let a model read the answers, too: that of [helper], or of this `llm` strategy. Told apart.",
)
@click.option(
    "--report", "to", type=click.Path(dir_okay=False, path_type=Path), help="Write a page to print here."
)
@here
def evaluate(
    installation: Installation,
    set_name: str | None,
    file: Path | None,
    strategies: str | None,
    part: Literal["open", "held-out"] | None,
    limit: int | None,
    resume: str | None,
    shown: str | None,
    judge: str | None,
    to: Path | None,
) -> None:
    """Ask several strategies the questions of a set, and tell which answers better.

    Each answer comes as a customer's would, with cold caches, and is kept at once: after Ctrl-C or a crash
    --resume asks only what is left. Figures come with their 95 % intervals; those that no other beats for
    certain are marked *. The exit code is 1 when the evaluation failed. While a server runs on the data
    directory, it does the work.

    With --judge a model reads each strategy's answers beside those of the one that answers now, each pair in
    both orders. It decides nothing, and what it costs is told.
    """
    from bot.evaluation.results import page

    if sum(map(bool, (set_name, file, resume, shown))) != 1:
        raise click.UsageError("name a set with --set, a file with --questions, or a run with --resume")
    if to is not None and not to.absolute().parent.is_dir():
        raise click.BadParameter(f"there is no folder {str(to.parent)!r}", param_hint="'--report'")
    with installation.open() as kotae:
        kotae.switch.lay_over()
        if shown:
            run = kotae.evaluations.run(whole_id(kotae, shown))
        elif resume:
            run = waited(kotae, kotae.evaluations.resume(whole_id(kotae, resume), by=somebody()))
        else:
            name = set_name or _imported(kotae, file)
            run = waited(kotae, started(kotae, name, strategies, part, limit))
        if run.job.state in ("failed", "cancelled") and not shown:
            raise Sentence(f"{run.job.error or 'cancelled'}\n{_go_on(run)}")
        result = kotae.results.of(run.id)
        decisions = [kotae.results.decision(result, name) for name in _candidates(kotae, run)]
        if judge is not None:
            let_read(kotae, run, judge)
        opinions = kotae.opinions.of(run.id)
        if to is not None:
            to.write_text(page(result, decisions, preferences=opinions), encoding="utf-8")
    told = as_object(result, decisions) | {
        "opinions": [_numbers(one) | {"share": _numbers(one.share)} for one in opinions]
    }
    installation.show(told, "\n".join(as_text(result, decisions, opinions, to)))


def started(
    kotae: Kotae,
    name: str,
    strategies: str | None,
    part: Literal["open", "held-out"] | None,
    limit: int | None,
) -> Run:
    """The run as it was handed over. What cannot be asked is told in a sentence."""
    from bot.evaluation.runs import Chosen

    asked = [one.strip() for one in (strategies or kotae.switch.name()).split(",") if one.strip()]
    return kotae.evaluations.start(name, asked, by=somebody(), chosen=Chosen(part, limit))


def waited(kotae: Kotae, run: Run) -> Run:
    """The run when it has ended: done here, or by the server that owns the data directory."""
    worker = threading.Thread(target=kotae.jobs.run, args=(run.job.id,), name="evaluation")
    if own(kotae):
        worker.start()
    try:
        with meter(run.wanted, "answers") as bar:
            while not run.ended:
                time.sleep(LOOK_AGAIN_SECONDS)
                run = kotae.evaluations.run(run.id)
                bar.n = run.kept
                bar.set_description(run.job.step or "waiting")
        return run
    except KeyboardInterrupt:
        run = kotae.evaluations.cancel(run.id, by=somebody())
        raise Sentence(f"cancelled; answers that are kept: {run.kept}.\n{_go_on(run)}") from None
    finally:
        if worker.ident is not None:
            worker.join()


def let_read(kotae: Kotae, run: Run, strategy: str) -> None:
    """A model reads the answers of each beside those of the one that answers now, or else of the first."""
    live = kotae.switch.name()
    beside = live if live in run.strategies else run.strategies[0]
    others = [name for name in run.strategies if name != beside]
    if not others:
        raise Sentence("a model compares two answers: ask at least two strategies")
    for name in others:
        job = kotae.opinions.ask(run.id, name, beside, by=somebody(), strategy=strategy)
        waiting.waited(kotae, job, "read")


def _go_on(run: Run) -> str:
    return f"Go on with: kotae evaluate --resume {run.id[:8]}"


def whole_id(kotae: Kotae, run: str) -> str:
    """A run's id by its first letters."""
    from bot.evaluation.runs import UnknownRun

    known = [one.id for one in kotae.evaluations.runs(1000)]
    found = known[:1] if run == "last" else [one for one in known if one.startswith(run)]
    if len(found) != 1:
        raise UnknownRun(f"there is no evaluation {run!r}" if not found else f"several begin with {run!r}")
    return found[0]


def _imported(kotae: Kotae, file: Path | None) -> str:
    assert file is not None
    with file.open("rb") as stream:
        return kotae.question_sets.import_(stream, file.name, file.stem, by=somebody()).name


def _candidates(kotae: Kotae, run: Run) -> Sequence[str]:
    """Those who might take the place of the one that answers now, if that one was asked."""
    live = kotae.switch.name()
    return [name for name in run.strategies if name != live] if live in run.strategies else []


# ---- in words ----


def as_text(
    result: Result, decisions: Sequence[Decision], opinions: Sequence[Preferences], to: Path | None
) -> Iterator[str]:
    from bot.evaluation.results import of_manner

    run = result.run
    asked = counted(len(result.questions), "question")
    yield f"{run.set_name}, version {run.set_version}: {asked} · {run.id[:8]}"
    failed = sum(bool(one.error) for each in result.answers.values() for one in each.values())
    if failed:
        yield f"{counted(failed, 'answer')} failed; kotae evaluate --json tells why."
    yield ""
    yield table([row for row in rows(result) if row], ("", *run.strategies))
    yield from (f"\n{line}" for line in told_apart(result))
    yield from (f"\nThe desk's manner. {line}" for line in of_manner(result, "en"))
    for decision in decisions:
        yield f"\n{decision.candidate} in place of {decision.live}: {decision.outcome}"
        yield from (f"  {MARKS[reason.outcome]} {reason.say()}" for reason in decision.reasons)
    if opinions:
        yield "\nWhat a model thinks, which decides nothing:"
        yield table([_preferred(one) for one in opinions], READ)
    if to is not None:
        yield f"\nThe page to print is {to}."


def _preferred(one: Preferences) -> tuple[str, ...]:
    from bot.evaluation.plot import plainly

    draws = f"{one.draws} ({one.turned} turned with the order)" if one.turned else str(one.draws)
    decided = f"{one.a_better} : {one.b_better}"
    tokens = one.prompt_tokens + one.completion_tokens
    return (
        f"{one.a} : {one.b}",
        one.judge,
        decided,
        draws,
        str(one.unread),
        f"{one.p:.3g}",
        plainly(one.cost),
        f"{tokens:,}",
    )


def rows(result: Result) -> Iterator[tuple[str, ...]]:
    """A line for each metric that was measured."""
    for metric in measured(result):
        figures = result.comparison.figures[metric.name]
        best = result.comparison.best(metric) if len(result.run.strategies) > 1 else ()
        best = () if len(best) == len(result.run.strategies) else best
        cells = (
            _figure(figures[name].value, figures[name].low, figures[name].high, metric)
            + (" *" if name in best else "")
            for name in result.run.strategies
        )
        yield (metric.title["en"], *cells)


def measured(result: Result) -> list[Metric]:
    from bot.evaluation.metrics import METRICS

    figures = result.comparison.figures
    return [one for one in METRICS if any(figure.n for figure in figures[one.name].values())]


def _figure(value: float, low: float, high: float, metric: Metric) -> str:
    from bot.evaluation.report import show

    if math.isnan(value):
        return "–"
    whole = show(value, metric)
    return (
        whole if math.isnan(low) else f"{whole} [{show(low, metric)}–{show(high, metric)}]".replace(" %", "%")
    )


def told_apart(result: Result) -> Iterator[str]:
    """Who says more of the facts, for certain or not."""
    for each in result.comparison.differences:
        if each.metric != "facts" or not each.n:
            continue
        if each.equal:
            more = f"; some {counted(each.needed, 'question')} would tell" if each.needed else ""
            yield f"{each.a} and {each.b} cannot be told apart by gold facts (n {each.n}){more}."
        else:
            better, worse = (each.a, each.b) if each.value > 0 else (each.b, each.a)
            yield (
                f"{better} says more gold facts than {worse}: {100 * abs(each.value):.1f} points, "
                f"p {each.adjusted:.3g} ({each.test}, n {each.n})."
            )


def as_object(result: Result, decisions: Sequence[Decision]) -> dict[str, Any]:
    from dataclasses import asdict

    run = result.run
    return {
        "run": run.id,
        "set": run.set_name,
        "version": run.set_version,
        "state": run.job.state,
        "questions": len(result.questions),
        "conditions": run.conditions,
        "figures": {
            metric.name: {name: _numbers(one) for name, one in result.comparison.figures[metric.name].items()}
            for metric in measured(result)
        },
        "manner": [asdict(one) for one in result.manner.learned],
        "differences": [_numbers(one) for one in result.comparison.differences if one.n],
        "decisions": [
            {
                "candidate": one.candidate,
                "live": one.live,
                "outcome": one.outcome,
                "reasons": [
                    {"rule": each.rule, "outcome": each.outcome, "why": each.say()} for each in one.reasons
                ],
            }
            for one in decisions
        ],
        "answers": [asdict(one) for each in result.answers.values() for one in each.values()],
    }


def _numbers(found: Any) -> dict[str, Any]:
    """A figure as JSON holds it: what was not measured is null."""
    from dataclasses import asdict

    return {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in asdict(found).items()
    }
