"""An evaluation as one page that can be printed, sent and kept: no script, nothing to load from elsewhere.

verdicts + comparison + decision ─▶ report ─▶ HTML (the browser prints it as PDF)
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from bot.conversations.markdown import beginning, rendered
from bot.conversations.transcript import SPEAKERS
from bot.evaluation.decision import Decision
from bot.evaluation.judging import Preferences
from bot.evaluation.metrics import BY_NAME, METRICS, Metric, Verdict
from bot.evaluation.plot import WIDTH, Dot, plainly, plot
from bot.evaluation.sentences import REPORT, Language
from bot.evaluation.statistics import Comparison, Difference
from bot.evaluation.values import Answered, AskedQuestion

MARKS = {"promote": "✓", "hold": "?", "reject": "✗"}
QUALITY = "facts"  # what a price is weighed against
PRICES = ("cost", "prompt_tokens")  # the first that was measured
LATENCY = "ms"
OF_TAGS = ("facts", "wrong", "refused")
EXAMPLES = 20
CHARACTERS = 600  # of an answer among the examples, about


def report(
    comparison: Comparison,
    verdicts: Mapping[str, Sequence[Verdict]],
    *,
    title: str,
    when: datetime,
    language: Language = "en",
    decisions: Sequence[Decision] = (),
    questions: Sequence[AskedQuestion] = (),
    answers: Sequence[Answered] = (),
    about: Sequence[tuple[str, str]] = (),
    manner: Sequence[str] = (),
    preferences: Sequence[Preferences] = (),
) -> str:
    """The page. `about` are lines that a reader must know: the set, the machine, cold caches, the prices.
    `manner` says by what the desk's manner was judged; `preferences` are a model's, told apart.

    With `questions` and `answers` it shows where the strategies' answers differ.
    """
    words = REPORT.get(language, REPORT["en"])
    language = language if language in REPORT else "en"
    differing = _differing(verdicts, questions)
    return str(
        _template().render(
            title=title,
            when=f"{when:%Y-%m-%d %H:%M}",
            language=language,
            words=words,
            marks=MARKS,
            speakers=SPEAKERS[language],
            about=about,
            manner=manner,
            preferences=preferences,
            share=BY_NAME["refused"],
            comparison=comparison,
            asked=max((len(each) for each in verdicts.values()), default=0),
            decisions=decisions,
            parts=_parts(comparison),
            plots=[(words[which], _safe(drawn)) for which, drawn in plots(comparison, language) if drawn],
            differences=compared(comparison),
            tags=[
                (tag, BY_NAME[name])
                for tag in comparison.tags
                for name in OF_TAGS
                if name in comparison.tags[tag] and any(one.n for one in comparison.tags[tag][name].values())
            ],
            examples=_examples(differing, verdicts, answers),
            differ=len(differing),
            show=show,
            plainly=plainly,
        )
    )


def plots(comparison: Comparison, language: Language = "en", width: int = WIDTH) -> list[tuple[str, str]]:
    """Quality against what it costs, and against how long it takes: a name and an SVG each, "" where nothing
    was measured.
    """
    words = REPORT.get(language, REPORT["en"])
    price = next((name for name in PRICES if _measured(comparison, name)), PRICES[-1])
    drawn = []
    for which, name in (("plot.cost", price), ("plot.latency", LATENCY)):
        if not _measured(comparison, QUALITY) or name not in comparison.figures:
            continue
        quality, spent = comparison.figures[QUALITY], comparison.figures[name]
        dots = [
            Dot(each, spent[each].value, quality[each].value, quality[each].low, quality[each].high)
            for each in comparison.strategies
        ]
        up, across = (BY_NAME[one].title.get(language, BY_NAME[one].title["en"]) for one in (QUALITY, name))
        unit = " (ms)" if BY_NAME[name].unit == "ms" else ""
        drawn.append((which, plot(dots, title=words[which], across=across + unit, up=up, width=width)))
    return drawn


def show(value: float, metric: Metric, signed: bool = False) -> str:
    """A figure as people read it; a difference has a sign."""
    if math.isnan(value):
        return "–"
    sign = "+" if signed else ""
    match metric.unit:
        case "share":
            return f"{100 * value:{sign}.1f}" + ("" if signed else " %")
        case "ms":
            return f"{value:{sign},.0f} ms"
        case "tokens":
            return f"{value:{sign},.0f}"
        case _:
            return plainly(value, sign)


def _measured(comparison: Comparison, name: str) -> bool:
    return any(one.n and one.value for one in comparison.figures.get(name, {}).values())


def _parts(comparison: Comparison) -> list[tuple[str, list[tuple[Metric, tuple[str, ...]]]]]:
    """The metrics that were measured, by what belongs together, each with who is best."""
    kept: dict[str, list[tuple[Metric, tuple[str, ...]]]] = {}
    for metric in METRICS:
        if any(one.n for one in comparison.figures.get(metric.name, {}).values()):
            several = len(comparison.strategies) > 1
            best = comparison.best(metric) if several else ()
            all_alike = len(best) == len(comparison.strategies)
            kept.setdefault(metric.part, []).append((metric, () if all_alike else best))
    return list(kept.items())


def compared(comparison: Comparison) -> list[tuple[Metric, Difference]]:
    """Those of what was answered; prices and times need no test to be believed."""
    return [
        (BY_NAME[each.metric], each)
        for each in comparison.differences
        if each.n and BY_NAME[each.metric].part == "answers"
    ]


def _differing(
    verdicts: Mapping[str, Sequence[Verdict]], questions: Sequence[AskedQuestion]
) -> list[AskedQuestion]:
    """The questions that one strategy got right and another did not."""
    right: dict[str, set[bool]] = {}
    for each in verdicts.values():
        for one in each:
            right.setdefault(one.question_id, set()).add(one.right)
    return [question for question in questions if len(right.get(question.id, ())) > 1]


def _examples(
    differing: Sequence[AskedQuestion],
    verdicts: Mapping[str, Sequence[Verdict]],
    answers: Sequence[Answered],
) -> list[tuple[AskedQuestion, list[tuple[str, str, bool]]]]:
    said = {(one.question_id, one.strategy): _short(one.text) for one in answers if not one.abstained}
    right = {(one.question_id, name): one.right for name, each in verdicts.items() for one in each}
    return [
        (
            question,
            [
                (name, said.get((question.id, name), ""), right[question.id, name])
                for name in verdicts
                if (question.id, name) in right
            ],
        )
        for question in _evenly(differing)
    ]


def _evenly(differing: Sequence[AskedQuestion]) -> Iterator[AskedQuestion]:
    """From all over the set."""
    yield from differing[:: max(1, -(-len(differing) // EXAMPLES))]


def _short(text: str) -> str:
    """The answer as it is read, in HTML; of a long one its beginning."""
    told = beginning(text, CHARACTERS)
    return rendered(told if told == text else f"{told}\n\n…")


def _safe(drawing: str) -> Any:
    """Our own SVG; names in it are escaped already."""
    from markupsafe import Markup

    return Markup(drawing)  # noqa: S704


@cache
def _template() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    env = Environment(
        loader=PackageLoader("bot.evaluation", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["markdown"] = rendered
    return env.get_template("report.html")
