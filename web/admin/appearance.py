"""How the widget looks, seen while it is changed: colours, corners, font, logo, side, title, and the
questions it begins with.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from flask import Response, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_login import current_user
from pydantic import ValidationError
from werkzeug.datastructures import FileStorage

from bot.appearance import Appearance
from web import languages
from web.admin import bp
from web.auth import requires
from web.chat import theme
from web.current import kotae
from web.security import accepts_bytes

LOGO_BYTES: Final = 64 * 1024
FORM_BYTES: Final = 256 * 1024  # the logo, and what stands around it
KINDS: Final = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpeg",
    b"RIFF": "webp",
    b"<svg": "svg+xml",
    b"<?xml": "svg+xml",
}


class LogoRefusedError(ValueError):
    """This cannot be the logo; the message says why."""


@bp.get("/appearance")
@requires("admin")
def appearance() -> ResponseReturnValue:
    return _page(kotae().appearances.current())


@bp.post("/appearance")
@requires("admin")
@accepts_bytes(lambda: FORM_BYTES)
def save_appearance() -> ResponseReturnValue:
    tokens = {**_typed(request.form), "logo": kotae().appearances.current().logo}
    try:
        tokens["logo"] = _logo(request.files.get("logo"), tokens["logo"])
        chosen = Appearance.model_validate(tokens)
    except LogoRefusedError as fault:
        return _page(_shown(tokens), {"logo": str(fault)}), 400
    except ValidationError as fault:
        return _page(_shown(tokens), _faults(fault)), 400
    kotae().appearances.save(chosen, current_user.email)
    flash(_("Saved. Customers see it when they open the chat the next time."), "success")
    return redirect(url_for("admin.appearance"))


@bp.post("/appearance/reset")
@requires("admin")
def reset_appearance() -> ResponseReturnValue:
    kotae().appearances.reset(current_user.email)
    flash(_("The appearance is the configuration file's again."), "success")
    return redirect(url_for("admin.appearance"))


@bp.get("/appearance/theme.css")
@requires("admin")
def preview_theme() -> ResponseReturnValue:
    """The stylesheet that what is typed would make; the saved one's where it is not accepted yet."""
    try:
        chosen = Appearance.model_validate(_typed(request.args))
    except ValidationError:
        chosen = kotae().appearances.current()
    return Response(theme.stylesheet(chosen), mimetype="text/css")


def _page(shown: Appearance, faults: Mapping[str, str] | None = None) -> str:
    return render_template(
        "console/appearance.html",
        shown=shown,
        faults=faults or {},
        saved=kotae().appearances.last(),
        sites=kotae().settings.web.sites,
        names=languages.NAMES,
        logo_kilobytes=LOGO_BYTES // 1024,
    )


def _typed(form: Mapping[str, str]) -> dict[str, Any]:
    """The tokens as they were typed."""
    starters = {
        language: [line.strip() for line in form.get(f"starters-{language}", "").splitlines() if line.strip()]
        for language in languages.NAMES
    }
    return {
        "accent": form.get("accent", "").strip(),
        "accent_dark": form.get("accent_dark", "").strip() if "own_dark" in form else "",
        "radius": form.get("radius", ""),
        "font": form.get("font", "").strip(),
        "title": form.get("title", "").strip(),
        "side": form.get("side", ""),
        "scheme": form.get("scheme", ""),
        "starters": {language: questions for language, questions in starters.items() if questions},
    }


def _shown(tokens: Mapping[str, Any]) -> Appearance:
    """What was typed, also where it is not accepted: nobody types it twice."""
    return Appearance.model_construct(**tokens)


def _faults(fault: ValidationError) -> dict[str, str]:
    sentences = {
        "accent": _("A colour such as #0b5566 is accepted here."),
        "accent_dark": _("A colour such as #0b5566 is accepted here."),
        "radius": _("A number from %(least)s to %(most)s is accepted here.", least=0, most=28),
        "font": _("Names of fonts are accepted here, separated by commas."),
        "title": _("At most 40 characters are accepted here."),
    }
    named = {str(error["loc"][0]) for error in fault.errors()}
    return {name: str(sentences.get(name, _("This is not accepted."))) for name in named}


def _logo(file: FileStorage | None, before: str) -> str:
    """The picture as a `data:` address; the one before where none was chosen."""
    if "no_logo" in request.form:
        return ""
    if file is None or not file.filename:
        return before
    content = file.read(LOGO_BYTES + 1)
    kind = next((kind for begins, kind in KINDS.items() if content.lstrip().startswith(begins)), None)
    if kind is None:
        raise LogoRefusedError(_("A PNG, JPEG, WebP or SVG picture is accepted here."))
    if len(content) > LOGO_BYTES:
        raise LogoRefusedError(
            _("The picture is too large: at most %(n)s kilobytes are accepted.", n=LOGO_BYTES // 1024)
        )
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
