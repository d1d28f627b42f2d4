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


from web.operator import conversations, router, search, strategy  # noqa: E402, F401 - they add their views to bp
