"""For whoever watches over Kotae: is the process alive, and can it answer?"""

from __future__ import annotations

from flask import Blueprint, current_app
from flask.typing import ResponseReturnValue

from web.current import kotae
from web.security import limiter

bp = Blueprint("health", __name__, url_prefix="/healthz")
limiter.exempt(bp)


@bp.get("")
def ready() -> ResponseReturnValue:
    """200 when questions are answered, 503 while loading or when loading failed."""
    state = current_app.extensions["readiness"].state
    return {
        "live": True,
        "ready": state.name == "ready",
        "state": state.name,
    }, 200 if state.name == "ready" else 503


@bp.get("/engines")
def engines() -> ResponseReturnValue:
    """Which of the engines answer: 200 when all of them do, 503 otherwise."""
    answer = dict(kotae().engines.answer())
    return {"engines": answer}, 200 if all(answer.values()) else 503


@bp.get("/live")
def live() -> ResponseReturnValue:
    """200 as soon as the port answers."""
    return {"live": True}
