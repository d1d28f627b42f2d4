"""The demo shop: a page of an invented maker that carries the widget by the one line any site would paste."""

from __future__ import annotations

from flask import Blueprint, render_template
from flask.typing import ResponseReturnValue

from web import languages
from web.shop.catalogue import DEMO, read

bp = Blueprint("shop", __name__)


@bp.get("/shop")
def front() -> ResponseReturnValue:
    """The shop's front page."""
    return render_template("shop/shop.html", shop=read(DEMO, languages.current()))
