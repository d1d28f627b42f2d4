"""The overview as a page: how far conversations came, what was liked, how long it took, what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from flask import Response, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import format_decimal, format_percent
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from bot.reports.overview import By, Days, Line, Overview
from bot.reports.spreadsheet import csv_lines
from knowledge_base.database import now
from web import languages
from web.auth import requires
from web.current import kotae
from web.operator import bp
from web.operator.charts import Bar, Columns, bar, columns, marks

RANGES = (7, 30, 90)
MOST_DAYS = 366
STEPS = {
    "conversations": _l("Conversations"),
    "answered": _l("… answered"),
    "handed_over": _l("… handed over"),
    "resolved": _l("… resolved"),
    "reopened": _l("… reopened within 7 days"),
}
TABLES: dict[By, Any] = {"strategy": _l("Strategy"), "language": _l("Language"), "day": _l("Day")}


@dataclass(frozen=True)
class Charts:
    funnel: Sequence[Bar]
    traffic: Columns
    liking: Sequence[Bar]
    waits: Sequence[Bar]
    tokens: Sequence[Bar]


@dataclass(frozen=True)
class Looked:
    """At what the reader looks: some days, and of them one strategy or one language alone."""

    days: Days
    strategy: str
    spoken: str

    @property
    def address(self) -> dict[str, Any]:
        """For a link that looks at the same."""
        return {"first": self.days.first, "last": self.days.last, **self.alone}

    @property
    def alone(self) -> dict[str, str]:
        return {name: value for name in ("strategy", "spoken") if (value := getattr(self, name))}

    @property
    def names(self) -> Sequence[str]:
        """The strategies to choose from, also one that is configured no more."""
        return sorted({*kotae().strategies.names(), self.strategy} - {""})


@bp.get("/overview")
@requires("operator")
def overview() -> ResponseReturnValue:
    looked = looked_at()
    told = kotae().traffic.overview(looked.days, looked.strategy, looked.spoken)
    return render_template(
        "console/overview.html",
        looked=looked,
        ranges={n: Days.back(n) for n in RANGES},
        total=told.total,
        lines={by: told.lines[by] for by in TABLES},
        tables=TABLES,
        charts=charts(told) if told.total.answers or told.total.conversations else None,
        named=named,
        number=number,
        share=share,
        cost=cost,
        ms=ms,
    )


@bp.get("/overview.csv")
@requires("operator")
def overview_file() -> ResponseReturnValue:
    looked = looked_at()
    name = f"overview-{looked.days.first}-{looked.days.last}.csv"
    rows = kotae().traffic.overview(looked.days, looked.strategy, looked.spoken).rows()
    return Response(
        csv_lines(rows),
        mimetype="text/csv",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@bp.get("/overview/unanswered")
@requires("operator")
def unanswered() -> ResponseReturnValue:
    looked = looked_at()
    groups = kotae().unanswered.groups(looked.days, looked.strategy, looked.spoken)
    return render_template(
        "console/unanswered.html",
        looked=looked,
        ranges={n: Days.back(n) for n in RANGES},
        groups=list(zip(groups, kotae().proposals.standing(groups), strict=True)),
    )


def looked_at() -> Looked:
    """From the address."""
    return Looked(chosen_days(), request.args.get("strategy", ""), request.args.get("spoken", ""))


def chosen_days() -> Days:
    """What is no range of days is the last thirty."""
    try:
        days = Days(date.fromisoformat(request.args["first"]), date.fromisoformat(request.args["last"]))
    except (KeyError, ValueError):
        return Days.back()
    last = min(max(days.first, days.last), now().date())
    first = max(min(days.first, days.last), last - timedelta(days=MOST_DAYS - 1))
    return Days(min(first, last), last)


def charts(told: Overview) -> Charts:
    total = told.total
    strategies = [line for line in told.lines["strategy"] if line.answers]
    most_tokens = max((line.tokens for line in strategies), default=0)
    longest = max((line.end_p95 or 0 for line in strategies), default=0)
    return Charts(
        funnel=[step(str(label), getattr(total, name), total) for name, label in STEPS.items()],
        traffic=columns(
            [day.isoformat() for day in told.traffic],
            [{named("strategy", name): n for name, n in by.items()} for by in told.traffic.values()],
        ),
        liking=[
            bar(
                named("strategy", line.key),
                [line.liked, line.rated - line.liked],
                line.rated,
                liking(line),
                colour=1,
            )
            for line in strategies
            if line.rated
        ],
        waits=[
            marks(
                named("strategy", line.key),
                [line.first_p50, line.end_p50, line.end_p95],
                longest,
                f"{ms(line.first_p50)} · {ms(line.end_p50)} · {ms(line.end_p95)}",
            )
            for line in strategies
        ],
        tokens=[
            bar(
                named("strategy", line.key),
                [line.prompt_tokens, line.passage_tokens, line.completion_tokens],
                most_tokens,
                f"{number(line.tokens)} · {cost(line)}",
            )
            for line in strategies
            if line.tokens
        ],
    )


def step(label: str, n: int, total: Line) -> Bar:
    told = number(n)
    if total.conversations and n != total.conversations:
        told = f"{told} · {share(n / total.conversations)}"
    return bar(label, [n], total.conversations, told)


def liking(line: Line) -> str:
    return f"{share(line.liking)} · n = {number(line.rated)}"


# ---- in the reader's manner ----


def named(by: str, key: str) -> str:
    if by == "language":
        return languages.NAMES.get(key, key) or _("unknown")
    return key or _("nobody yet")


def number(n: float) -> str:
    return str(format_decimal(n))


def share(part: float | None) -> str:
    return "–" if part is None else str(format_percent(part, "#,##0.#%"))


def ms(value: float | None) -> str:
    """Milliseconds, or seconds where they are many."""
    if value is None:
        return "–"
    return f"{value / 1000:.1f} s" if value >= 10_000 else f"{value:,.0f} ms"


def cost(line: Line) -> str:
    """In the currency of the price list."""
    if line.cost is None:
        return str(_("no price known"))
    return str(format_decimal(line.cost, "#,##0.00##"))
