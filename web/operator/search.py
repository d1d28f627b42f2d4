"""Search as a page: what a question finds, with both scores, and what a strategy would make of it."""

from __future__ import annotations

from collections.abc import Sequence
from time import perf_counter

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from bot.conversations.limits import Refused
from bot.conversations.turn import Ended, Failed
from knowledge_base.errors import KnowledgeError
from knowledge_base.passages import Passage
from strategies.errors import StrategyError
from web.auth import requires
from web.current import kotae
from web.numbers import whole
from web.operator import bp
from web.operator.quotes import quotes
from web.sentences import told

MOST = 50


@bp.get("/search")
@requires("operator")
def search() -> ResponseReturnValue:
    query = request.args.get("q", "").strip()[: kotae().settings.limits.question_characters]
    k = min(max(request.args.get("k", 10, type=whole), 1), MOST)
    chosen = request.args.get("strategy", "")
    passages, ms, fault = found(query, k) if query else ((), 0.0, "")
    ended, failed = tried(query, chosen) if query and chosen else (None, "")
    return render_template(
        "console/search.html",
        query=query,
        k=k,
        chosen=chosen,
        names=kotae().strategies.names(),
        passages=passages,
        ms=ms,
        fault=fault,
        ended=ended,
        quotes=quotes,
        failed=failed,
        documents=len(kotae().library.documents()),
    )


def found(query: str, k: int) -> tuple[Sequence[Passage], float, str]:
    """The passages, the milliseconds it took, and the sentence to show when it failed."""
    began = perf_counter()
    try:
        return kotae().library.search(query, k), (perf_counter() - began) * 1000, ""
    except KnowledgeError as fault:
        return (), 0.0, told(fault)


def tried(query: str, strategy: str) -> tuple[Ended | None, str]:
    """What a strategy answers, by the way of a customer's turn, with nothing kept."""
    failed = ""
    try:
        for event in kotae().try_out(query, strategy=strategy):
            if isinstance(event, Failed):
                failed = event.text
            elif isinstance(event, Ended):
                return event, failed
    except (StrategyError, Refused) as refused:
        return None, told(refused)
    return None, failed or _("No answer came.")
