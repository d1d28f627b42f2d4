"""`kotae router`: who should answer what, and what a budget buys."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from web.cli.evaluate import whole_id
from web.cli.shell import Group, Installation, Sentence, counted, here, somebody, table
from web.cli.waiting import waited

if TYPE_CHECKING:
    from bot.answering.routing import Standing
    from bot.kotae import Kotae
    from strategies.router.plan import Plan

SPENT = {"ms": "ms", "cost": "cost", "tokens": "prompt tokens"}
ROUTER = click.option("--router", metavar="NAME", default="", help="Which one, when several are configured.")


@click.group(cls=Group)
def router() -> None:
    """Learn which strategy should answer which question, and set what it may spend."""


@router.command()
@click.option(
    "--set",
    "set_name",
    metavar="NAME",
    default="",
    help="Learn from the newest evaluation of this question set.",
)
@click.option(
    "--run", "run_id", metavar="ID", default="", help="Learn from this evaluation, or from the `last`."
)
@ROUTER
@here
def train(installation: Installation, set_name: str, run_id: str, router: str) -> None:
    """Learn from an evaluation that asked all of its strategies; held-out questions are left out.

    While a server runs on the data directory, it does the work. Cut off, it leaves what was known before.
    """
    if bool(set_name) == bool(run_id):
        raise click.UsageError(
            "say what to learn from: a question set with --set, or an evaluation with --run"
        )
    with installation.open() as kotae:
        kotae.switch.lay_over()
        name = the_one(kotae, router)
        run = whole_id(kotae, run_id) if run_id else ""
        waited(kotae, kotae.routers.begin(name, by=somebody(), run_id=run, set_name=set_name), "learned")
        standing = kotae.routers.standing(name)
    installation.show(told(standing), f"{name} has learned.\n\n{in_words(standing)}")


@router.command()
@ROUTER
@here
def show(installation: Installation, router: str) -> None:
    """What it learned from, whether that still holds, and how good the answers are for what is spent."""
    with installation.open() as kotae:
        kotae.switch.lay_over()
        standing = kotae.routers.standing(the_one(kotae, router))
    installation.show(told(standing), in_words(standing))


@router.command()
@click.argument("spend")
@ROUTER
@here
def budget(installation: Installation, spend: str, router: str) -> None:
    """Set what an answer may spend on average: a number, or "none" for whatever is best."""
    with installation.open() as kotae:
        kotae.switch.lay_over()
        limit = None if spend == "none" else number(spend)
        standing = kotae.routers.spend(the_one(kotae, router), limit, by=somebody())
    installation.show(told(standing), in_words(standing))


def number(text: str) -> float:
    try:
        return float(text)
    except ValueError as wrong:
        raise click.UsageError(f"a budget is a number or none, {text!r} is neither") from wrong


def the_one(kotae: Kotae, name: str) -> str:
    """The router that is meant: the only one, where no name is given."""
    names = kotae.routers.names()
    if name or len(names) == 1:
        return name or names[0]
    if names:
        raise Sentence(f"several routers are configured, choose one with --router: {', '.join(names)}")
    raise Sentence("no router is configured; add one to kotae.toml (docs/combinations.md shows how)")


def told(standing: Standing) -> dict[str, Any]:
    """How it stands, as an object."""
    routing, head = standing.routing, standing.routing.head
    return {
        "router": standing.name,
        "of": list(standing.of),
        "spend": standing.spend,
        "budget": routing.budget,
        "fault": routing.fault,
        "learns_from": standing.learns_from,
        "questions": standing.questions,
        "learned_from": head.learned_from if head else "",
        "source": head.source if head else "",
        "made_at": head.made_at.isoformat() if head else None,
        "plan": as_object(standing, routing.plan) if routing.plan else None,
        "curve": [as_object(standing, plan) for plan in standing.curve],
        "singles": [asdict(one) for one in standing.singles],
        "knowing": standing.knowing,
        "reliability": [asdict(one) for one in standing.reliability],
        "refusing": asdict(routing.refusing) if routing.refusing else None,
    }


def as_object(standing: Standing, plan: Plan) -> dict[str, Any]:
    from strategies.router.plan import interval

    assert standing.routing.head is not None
    names = standing.routing.head.strategies
    low, high = interval(plan.quality, standing.questions)
    return {
        "spend": plan.spend,
        "right": plan.quality,
        "right_low": low,
        "right_high": high,
        "shares": dict(zip(names, plan.shares, strict=True)),
        "refused": plan.refused,
        "fallback": names[plan.fallback],
        "within": plan.within,
    }


def in_words(standing: Standing) -> str:
    """The curve as a table; the line with an arrow is the budget's."""
    routing, head = standing.routing, standing.routing.head
    if head is None:
        untrained = f"{standing.name} answers with {standing.of[0]!r}: {routing.fault}."
        return "\n".join([untrained, *by_itself(standing)])
    unit = SPENT[standing.spend]
    rows = [
        ("", f"{one.strategy} alone", f"{one.spend:.4g}", right(standing, one.quality), "")
        for one in standing.singles
    ]
    rows += [
        ("→" if plan == routing.plan else "", "", f"{plan.spend:.4g}", right(standing, plan.quality), who)
        for plan in with_the_one(standing)
        for who in [", ".join(f"{name} {share:.0%}" for name, share in shares(standing, plan))]
    ]
    rows.append(("", "whoever always knew", "", right(standing, standing.knowing), ""))
    limit = "as is best" if routing.budget is None else f"{routing.budget:g} {unit} on average"
    lines = [
        f"learned from {counted(standing.questions, 'question')} ({head.source}), {head.learned_from[:16]}",
        *by_itself(standing),
        f"may spend {limit}",
        *([f"does not choose: {routing.fault}"] if routing.fault else []),
        *refuses(standing),
        *(["even the cheapest strategy spends more"] if routing.plan and not routing.plan.within else []),
    ]
    return "\n".join([*lines, "", table(rows, ("", "", unit, "right", "answered by"))])


def by_itself(standing: Standing) -> list[str]:
    """Whether it learns without being told."""
    if not standing.learns_from:
        return []
    return [f"learns by itself from {standing.learns_from!r}, a minute or two after something has changed"]


def refuses(standing: Standing) -> list[str]:
    """How well it refuses what nobody answers, where it may."""
    if (found := standing.routing.refusing) is None:
        nothing = "refuses nothing itself: it learned from no question that has no answer"
        return [nothing] if standing.refuses else []
    without = counted(found.of, "question")
    return [f"refuses {found.rightly:.0%} of {without} without an answer, {found.falsely:.1%} of the others"]


def with_the_one(standing: Standing) -> list[Plan]:
    """The curve, and the plan that is followed, where it is not on it."""
    plans = list(standing.curve)
    chosen = standing.routing.plan
    if chosen is not None and chosen not in plans:
        plans.append(chosen)
    return sorted(plans, key=lambda plan: (plan.spend, plan.quality))


def shares(standing: Standing, plan: Plan) -> list[tuple[str, float]]:
    """Who answers how many, the most first; nobody who answers none."""
    assert standing.routing.head is not None
    named = zip(standing.routing.head.strategies, plan.shares, strict=True)
    found = sorted(((name, share) for name, share in named if share), key=lambda one: -one[1])
    return [*found, ("refused", plan.refused)] if plan.refused else found


def right(standing: Standing, share: float) -> str:
    from strategies.router.plan import interval

    low, high = interval(share, standing.questions)
    return f"{share:.3f} [{low:.2f}–{high:.2f}]"
