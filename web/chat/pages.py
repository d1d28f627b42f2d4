"""The widget's loader and frame.

The frame is the only page of ours that another site may embed: `frame-ancestors` names the configured sites.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from flask import Blueprint, Response, current_app, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from web import languages
from web.chat import theme
from web.current import kotae
from web.security import policy

BARE = "const THEME = {};"  # in loader.js; the installation's own stands there when it is sent
RIGHT_TO_LEFT = "rtl"

bp = Blueprint("chat", __name__)


@bp.get("/")
def home() -> ResponseReturnValue:
    """Whoever opens the bare address runs this installation."""
    return redirect(url_for("operator.home"))


@bp.get("/widget.js")
@bp.get("/widget/loader.js", endpoint="loader_at_its_long_name")
def loader() -> Response:
    """The one script of the one line; it carries no secret and depends on nothing else."""
    tokens = theme.launcher(kotae().appearances.current())
    script = _script(Path(str(current_app.static_folder))).replace(BARE, f"const THEME = {tokens};")
    response = Response(script, mimetype="text/javascript")
    response.headers["Cache-Control"] = "public, max-age=300"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.add_etag()
    response.make_conditional(request)
    return response


@bp.get("/widget/theme.css")
def stylesheet() -> Response:
    """The tokens of the installation; the frame asks for it under another address when they change."""
    response = Response(theme.stylesheet(kotae().appearances.current()), mimetype="text/css")
    response.headers["Cache-Control"] = "public, max-age=86400"
    return response


@bp.get("/widget/frame")
def frame() -> Response:
    """The widget itself, inside the iframe that the loader makes."""
    settings = kotae().settings
    appearance = kotae().appearances.current()
    language = languages.current()
    scheme = request.args.get("scheme", "")
    page = render_template(
        "chat/frame.html",
        site=_site(request.args.get("site", "")),
        say=lambda name: settings.say(name, language),
        question_characters=settings.limits.question_characters,
        appearance=appearance,
        theme_version=theme.version(appearance),
        scheme=scheme if scheme in ("light", "dark") else appearance.scheme,
        direction=RIGHT_TO_LEFT if request.args.get("dir") == RIGHT_TO_LEFT else "ltr",
        person=settings.handoff.enabled,
        letter=kotae().transcripts.offered,
        inline=request.args.get("mode") == "inline",
    )
    response = make_response(page)
    response.headers["Content-Security-Policy"] = policy(frame_ancestors=("'self'", *settings.web.sites))
    response.headers["Referrer-Policy"] = "no-referrer"
    return response


@cache
def _script(static: Path) -> str:
    return (static / "widget" / "loader.js").read_text(encoding="utf-8")


def _site(origin: str) -> str:
    """The origin that shows the frame, when it is one that may; the frame talks to no other."""
    return origin if origin in (request.host_url.rstrip("/"), *kotae().settings.web.sites) else ""
