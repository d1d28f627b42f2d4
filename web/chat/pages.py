"""The widget's loader and frame.

The frame is the only page of ours that another site may embed: `frame-ancestors` names the configured sites.
"""

from __future__ import annotations

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from web import languages
from web.current import kotae
from web.security import policy

bp = Blueprint("chat", __name__)


@bp.get("/")
def home() -> ResponseReturnValue:
    """Whoever opens the bare address runs this installation."""
    return redirect(url_for("operator.home"))


@bp.get("/widget.js")
@bp.get("/widget/loader.js", endpoint="loader_at_its_long_name")
def loader() -> Response:
    """The one script of the one line; it carries no secret and depends on nothing else."""
    response = current_app.send_static_file("widget/loader.js")
    response.headers["Cache-Control"] = "public, max-age=300"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@bp.get("/widget/frame")
def frame() -> Response:
    """The widget itself, inside the iframe that the loader makes."""
    settings = kotae().settings
    language = languages.current()
    page = render_template(
        "chat/frame.html",
        site=_site(request.args.get("site", "")),
        greeting=settings.say("greeting", language),
        question_characters=settings.limits.question_characters,
    )
    response = make_response(page)
    response.headers["Content-Security-Policy"] = policy(frame_ancestors=("'self'", *settings.web.sites))
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


def _site(origin: str) -> str:
    """The origin that shows the frame, when it is one that may; the frame talks to no other."""
    return origin if origin in (request.host_url.rstrip("/"), *kotae().settings.web.sites) else ""
