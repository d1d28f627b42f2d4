"""English and Japanese: which of them a reader gets, in the console, the widget and in errors."""

from __future__ import annotations

from collections.abc import Mapping

from babel.units import format_unit
from flask import Flask, Response, request
from flask_babel import Babel, get_locale

from web.sentences import failure, told

NAMES: Mapping[str, str] = {"en": "English", "ja": "日本語"}
COOKIE = "language"
A_YEAR = 365 * 24 * 3600
KILO = 1000


def chosen() -> str:
    """What the reader chose (in the address, or by the menu), else what the browser prefers, else English."""
    for choice in (request.args.get("language", ""), request.cookies.get(COOKIE, "")):
        if choice in NAMES:
            return choice
    return request.accept_languages.best_match(list(NAMES)) or "en"


def current() -> str:
    """The language of this request."""
    locale = get_locale()
    return str(locale.language) if locale else "en"


def speak(app: Flask) -> None:
    """Give the application its languages. Templates know `language` and `languages`; they say what the layers
    below wrote by `{{ sentence | told }}` and `{{ error | failure }}`, how large something is by `{{ bytes |
    size }}`.
    """
    app.config["BABEL_TRANSLATION_DIRECTORIES"] = "translations"
    Babel(app, locale_selector=chosen)
    app.after_request(_remember)
    app.add_template_filter(told, "told")
    app.add_template_filter(failure, "failure")
    app.add_template_filter(size, "size")

    @app.context_processor
    def languages() -> dict[str, object]:
        return {"language": current(), "languages": NAMES}


def size(number: int) -> str:
    """Bytes as they are read: "3.5 MB"."""
    unit, length, of_it = "byte", "long", float(number)
    for larger in ("kilobyte", "megabyte"):
        if of_it >= KILO:
            unit, length, of_it = larger, "short", of_it / KILO
    shown = round(of_it, 0 if unit == "byte" or of_it >= 10 else 1)
    return format_unit(shown, f"digital-{unit}", length=length, locale=get_locale() or "en")  # type: ignore[arg-type]


def _remember(response: Response) -> Response:
    """A language chosen in a console address (`?language=ja`, the menu's links) is kept."""
    choice = request.args.get("language", "")
    if request.path.startswith("/console") and choice in NAMES:
        response.set_cookie(
            COOKIE, choice, max_age=A_YEAR, samesite="Lax", httponly=True, secure=request.is_secure
        )
    response.vary.add("Accept-Language")
    return response
