"""The operator's console: which strategy speaks, what was said, and what a search finds."""

from flask import Blueprint, redirect, url_for
from flask.typing import ResponseReturnValue

from web.auth import requires

bp = Blueprint("operator", __name__, url_prefix="/console")


@bp.get("/")
@requires("operator")
def home() -> ResponseReturnValue:
    """The console opens with the question that decides everything else: who speaks now?"""
    return redirect(url_for("operator.strategy"))


from web.operator import (  # noqa: E402 - they add their views to bp
    answers,  # noqa: F401
    canned,  # noqa: F401
    compare,  # noqa: F401
    compared_answers,  # noqa: F401
    conversations,  # noqa: F401
    drafts,  # noqa: F401
    inbox,  # noqa: F401
    opinions,  # noqa: F401
    overview,  # noqa: F401
    question_sets,  # noqa: F401
    rehearsals,  # noqa: F401
    router,  # noqa: F401
    search,  # noqa: F401
    strategy,  # noqa: F401
)
