"""The switch as a page: who speaks now, who could, who chose, and one click back."""

from __future__ import annotations

from dataclasses import dataclass

from flask import flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_login import current_user

from bot.switch import NoWayBack
from strategies.errors import StrategyError
from strategies.registry import about
from web.auth import requires
from web.current import kotae
from web.operator import bp

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
SECRET = ("key", "secret", "password", "token")  # how the name of such an option ends


@dataclass(frozen=True)
class Card:
    """A configured strategy as the page shows it. `fault` says why it cannot be chosen."""

    name: str
    kind: str
    about: str
    options: dict[str, object]
    speaks: bool
    fault: str = ""


@bp.get("/strategy")
@requires("operator")
def strategy() -> ResponseReturnValue:
    switch = kotae().switch
    speaks = switch.name()
    return render_template(
        "console/strategy.html",
        cards=[card(name, speaks) for name in kotae().strategies.names()],
        speaks=speaks,
        status=switch.status,
        history=switch.history(20),
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
                why=refused,
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
        change = kotae().switch.back(current_user.email)
    except NoWayBack:
        flash(_("Nothing was switched yet, so there is nothing to go back to."), "warning")
    except StrategyError as refused:
        flash(
            _("Could not go back: %(why)s. The strategy that speaks now goes on answering.", why=refused),
            "danger",
        )
    else:
        flash(_("Back to %(name)s: it answers from the next question on.", name=change.name), "success")
    return redirect(url_for("operator.strategy"))


def card(name: str, speaks: str) -> Card:
    """What is configured under a name; one that cannot be made says why instead of breaking the page."""
    options = {
        key: shown(key, value)
        for key, value in kotae().settings.strategies.get(name, {}).items()
        if key != "use"
    }
    try:
        kind = kotae().strategies.uses(name)
        kotae().strategies.get(name)
    except StrategyError as fault:
        return Card(name, "", "", options, name == speaks, str(fault))
    return Card(name, kind, str(ABOUT.get(kind) or about(kind)), options, name == speaks)


def shown(option: str, value: object) -> object:
    """An option as it is read on a page, where secrets are never put."""
    if option.endswith(SECRET):
        return "••••••"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
