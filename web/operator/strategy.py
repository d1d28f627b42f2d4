"""The switch as a page: who speaks now and how well, who could, with which options, and one click back."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import abort, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import format_decimal
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user
from markupsafe import Markup

from bot.answering import switch
from bot.answering.switch import Change, NoWayBack
from bot.evaluation.rehearsals import CACHED
from bot.reports.overview import Days, Line
from strategies.errors import StrategyError
from strategies.registry import about
from web import sentences
from web.admin.fields import Field
from web.auth import requires
from web.current import kotae
from web.numbers import whole
from web.operator import bp, options, overview, rehearsals

ABOUT = {  # what our kinds do, in the operator's language; a stranger's speaks for itself
    "rag": _l("Finds passages in the documents; another strategy answers from them."),
    "quotes": _l("Quotes the sentences that answer the question; needs no language model."),
    "llm": _l("Answers with a language model: at any OpenAI-compatible server, or in this process."),
    "first_of": _l("Asks one strategy after the other until one answers."),
    "router": _l("Chooses by what it learned which strategy answers, within a budget."),
    "cached": _l("Answers with an answer that another strategy gave before to the same question."),
    "lora": _l("Answers with the model that was tuned on the desk's own pairs; needs no documents."),
    "runnable": _l("Answers with a LangChain Runnable of yours."),
    "echo": _l("Says the question back, word by word."),
}
TRAFFIC_DAYS = 30
MOST_SHOWN = 30  # changes of the switch
WENT_BACK = "back to an earlier version"  # kept as a note, and told in the reader's language


@dataclass(frozen=True)
class Card:
    """A configured strategy as the page shows it. `fault` says why it cannot be chosen."""

    name: str
    kind: str
    about: str
    options: dict[str, str]
    speaks: bool
    fault: str = ""
    share: int = 0
    shadow: int = 0
    changed: bool = False  # by an operator
    line: Line | None = None
    shadowed: Line | None = None
    rehearsed: rehearsals.Shown | None = None  # of an answer cache


@dataclass(frozen=True)
class Told:
    """A change of the switch, and what it changed."""

    change: switch.Change
    what: tuple[str, ...]


@bp.get("/strategy")
@requires("operator")
def strategy() -> ResponseReturnValue:
    chosen = kotae().switch.chosen()
    days = Days.back(TRAFFIC_DAYS)
    traffic, shadows = kotae().traffic.strategies(days), kotae().traffic.shadows(days)
    return render_template(
        "console/strategy.html",
        cards=[card(name, chosen, traffic, shadows) for name in kotae().strategies.names()],
        speaks=chosen.name,
        rest=100 - sum(chosen.shares.values()),
        status=sentences.told(kotae().switch.status),
        history=told(kotae().switch.history(MOST_SHOWN + 1)),
        days=TRAFFIC_DAYS,
        share=overview.share,
        ms=overview.ms,
        cost_each=cost_each,
    )


@bp.post("/strategy")
@requires("operator")
def use_strategy() -> ResponseReturnValue:
    name = request.form.get("name", "")
    try:
        change = kotae().switch.use(name, current_user.email)
    except StrategyError as refused:
        flash(
            _(
                "%(name)s was not switched to: %(why)s. The old strategy goes on answering.",
                name=name,
                why=sentences.told(refused),
            ),
            "danger",
        )
    else:
        flash(_("%(name)s answers from the next question on.", name=change.name), "success")
    return redirect(url_for("operator.strategy"))


@bp.post("/strategy/back")
@requires("operator")
def strategy_back() -> ResponseReturnValue:
    try:
        return _went_back(lambda: kotae().switch.back(current_user.email))
    except NoWayBack:
        flash(_("Nothing was switched yet, so there is nothing to go back to."), "warning")
        return redirect(url_for("operator.strategy"))


@bp.post("/strategy/shares")
@requires("operator")
def share_traffic() -> ResponseReturnValue:
    """Who answers how much, seen and unseen: one form, one change, one way back."""
    names = kotae().strategies.names()
    shares = {name: request.form.get(f"share-{name}", 0, type=whole) for name in names}
    shadows = {name: request.form.get(f"shadow-{name}", 0, type=whole) for name in names}
    try:
        kotae().switch.share(shares, current_user.email, shadows=shadows)
    except (switch.Refused, StrategyError) as refused:
        flash(_("The traffic stays as it was: %(why)s.", why=sentences.told(refused)), "danger")
    else:
        flash(_("The traffic is shared so from the next question on."), "success")
    return redirect(url_for("operator.strategy"))


@bp.post("/strategy/restore")
@requires("operator")
def restore() -> ResponseReturnValue:
    change = request.form.get("change", -1, type=whole)
    try:
        return _went_back(lambda: kotae().switch.restore(change, current_user.email))
    except NoWayBack as refused:
        return _stays(refused)


def _went_back(turn: Callable[[], Change]) -> ResponseReturnValue:
    """The switch turned back, or why it stays. NoWayBack is its caller's."""
    try:
        change = turn()
    except StrategyError as refused:
        return _stays(refused)
    flash(_("Back to %(name)s: it answers from the next question on.", name=change.name), "success")
    return redirect(url_for("operator.strategy"))


def _stays(refused: Exception) -> ResponseReturnValue:
    flash(
        _(
            "Could not go back: %(why)s. The strategy that speaks now goes on answering.",
            why=sentences.told(refused),
        ),
        "danger",
    )
    return redirect(url_for("operator.strategy"))


# ---- one strategy ----


@bp.get("/strategy/<name>")
@requires("operator")
def strategy_options(name: str) -> ResponseReturnValue:
    kind = kind_of(name)
    return options_page(name, kind, drawn(kind, kotae().configured()[name]))


@bp.post("/strategy/<name>")
@requires("operator")
def set_strategy_options(name: str) -> ResponseReturnValue:
    kind = kind_of(name)
    wanted = options.typed(kind, request.form, kotae().settings.strategies[name])
    try:
        change = kotae().switch.set_options(
            name, wanted, current_user.email, note=request.form.get("note", "").strip()[:200]
        )
    except StrategyError as refused:
        again = drawn(kind, {**kotae().configured()[name], **wanted})
        return options_page(name, kind, again, sentences.told(refused))
    if change.overrides.get(name, {}) == wanted:
        flash(_("%(name)s answers so from the next question on.", name=name), "success")
    return redirect(url_for("operator.strategy_options", name=name))


@bp.post("/strategy/<name>/version")
@requires("operator")
def restore_options(name: str) -> ResponseReturnValue:
    kind_of(name)
    wanted = request.form.get("change", -1, type=whole)
    version = next((one for one in kotae().switch.versions(name) if one.change == wanted), None)
    if version is None:
        abort(404)
    try:
        kotae().switch.set_options(name, version.options, current_user.email, note=WENT_BACK)
    except StrategyError as refused:
        flash(_("Could not go back: %(why)s.", why=sentences.told(refused)), "danger")
    else:
        flash(_("%(name)s answers so from the next question on.", name=name), "success")
    return redirect(url_for("operator.strategy_options", name=name))


def drawn(kind: str, held: Mapping[str, Any]) -> list[Field]:
    return options.fields(kind, held, {"question set": [one.name for one in kotae().question_sets.list()]})


def options_page(name: str, kind: str, fields: list[Field], fault: str = "") -> ResponseReturnValue:
    versions = kotae().switch.versions(name)
    otherwise = _("as in the file")
    text = render_template(
        "console/strategy_options.html",
        kind=kind,
        about=ABOUT.get(kind) or about(kind),
        fields=fields,
        fixed=options.fixed(kind, kotae().configured()[name]),
        versions=[
            (version, options.differences(before.options if before else {}, version.options, otherwise))
            for version, before in zip(versions, [*versions[1:], None], strict=True)
        ],
        speaks=kotae().switch.name(),
        fault=fault,
        **(rehearsals.parts(name) if kind == CACHED else {"name": name}),
    )
    return text, 400 if fault else 200


def kind_of(name: str) -> str:
    if name not in kotae().strategies.names():
        abort(404)
    try:
        return kotae().strategies.uses(name)
    except StrategyError:
        abort(404)


# ---- what the pages tell ----


def card(name: str, chosen: switch.Change, traffic: Mapping[str, Line], shadows: Mapping[str, Line]) -> Card:
    """What is configured under a name; one that cannot be made says why instead of breaking the page."""
    told = {
        key: options.shown(key, value)
        for key, value in kotae().configured().get(name, {}).items()
        if key != "use"
    }
    fault, kind = "", ""
    try:
        kind = kotae().strategies.uses(name)
        kotae().strategies.get(name)
    except StrategyError as error:
        fault, kind = sentences.told(error), ""
    return Card(
        name,
        kind,
        str(ABOUT.get(kind) or about(kind)) if kind else "",
        told,
        name == chosen.name,
        fault,
        share=chosen.shares.get(name, 0),
        shadow=chosen.shadows.get(name, 0),
        changed=name in chosen.overrides,
        line=traffic.get(name),
        shadowed=shadows.get(name),
        rehearsed=rehearsals.newest(name) if kind == CACHED else None,
    )


def told(history: Sequence[switch.Change]) -> list[Told]:
    """Each change with what it changed, the newest first; the oldest one is there to compare with."""
    found = []
    for number, change in enumerate(history[:MOST_SHOWN]):
        before = history[number + 1] if number + 1 < len(history) else None
        found.append(Told(change, tuple(changed(before, change))))
    return found


def changed(before: switch.Change | None, after: switch.Change) -> Iterator[str]:
    """In words, one part after the other."""
    overrides = before.overrides if before else {}
    for name in sorted({*overrides, *after.overrides}):
        for one in options.differences(
            overrides.get(name, {}), after.overrides.get(name, {}), _("as in the file")
        ):
            yield Markup("{}: <code>{}</code> {} → {}").format(name, one.option, one.before, one.after)
    for label, was, now in (
        (_("share"), before.shares if before else {}, after.shares),
        (_("in the shadow"), before.shadows if before else {}, after.shadows),
    ):
        if was != now:
            yield f"{label}: " + (", ".join(f"{name} {n} %" for name, n in now.items()) or _("nobody"))


def cost_each(line: Line) -> str:
    """Of a thousand answers."""
    if line.cost is None or not line.answers:
        return "" if line.cost is not None else str(_("no price known"))
    return str(format_decimal(line.cost / line.answers * 1000, "#,##0.00##"))
