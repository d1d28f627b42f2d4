"""An admin gives the chat the brand's looks; a customer sees them, and can read them."""

from __future__ import annotations

import json
import re
from io import BytesIO

import pytest
from apiflask import APIFlask
from hypothesis import given
from hypothesis import strategies as st

from bot.appearance import CONTRAST, DARK, LIGHT, Appearance, contrast, on
from tests.people import Admin, Customer, Operator

PNG = b"\x89PNG\r\n\x1a\n" + b"0" * 100
COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")
FORM = {
    "accent": "#ffd500",
    "radius": "4",
    "font": 'Inter, "Noto Sans"',
    "title": "Ask Ostrelle",
    "side": "left",
    "scheme": "dark",
    "starters-en": "How long is the warranty?\n\n  How do I descale it? ",
    "starters-ja": "保証は何年ですか。",
}


def frame(app: APIFlask, **asked: str) -> str:
    return app.test_client().get("/widget/frame", query_string=asked).text


def theme(app: APIFlask) -> dict[str, str]:
    """What the launcher is told before the chat is opened."""
    found = re.search(r"const THEME = (\{.*?\});", app.test_client().get("/widget.js").text)
    assert found
    return json.loads(found[1])


def test_an_admin_saves_a_look_and_the_next_customer_sees_it(app: APIFlask, admin: Admin) -> None:
    assert theme(app)["side"] == "right"
    saved = admin.sends("/console/appearance", **FORM, logo=(BytesIO(PNG), "logo.png"))
    assert saved.status_code == 302, saved.text
    page = frame(app, language="en")
    assert "<h1>Ask Ostrelle</h1>" in page
    assert 'data-scheme="dark"' in page
    assert "data:image/png;base64," in page
    assert re.findall(r'class="ask-this"[^>]*>([^<]*)<', page) == [
        "How long is the warranty?",
        "How do I descale it?",
    ]
    assert "保証は何年ですか。" in frame(app, language="ja")
    assert theme(app)["side"] == "left"
    address = re.search(r'href="(/widget/theme\.css\?v=\w+)"', page)
    assert address
    styles = app.test_client().get(address[1]).text
    assert '--brand-font: Inter, "Noto Sans";' in styles
    assert "--radius: 4px;" in styles


def test_an_admin_goes_back_to_the_configuration_file(app: APIFlask, admin: Admin) -> None:
    admin.sends("/console/appearance", **FORM)
    assert "Saved by admin@example.com" in admin.opens("/console/appearance").text
    admin.sends("/console/appearance/reset")
    assert "Nothing was saved yet" in admin.opens("/console/appearance").text
    assert theme(app)["side"] == "right"


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("accent", "red", "A colour such as #0b5566 is accepted here."),
        ("accent", "#fff; } body { display: none", "A colour such as #0b5566 is accepted here."),
        ("radius", "99", "A number from 0 to 28 is accepted here."),
        ("font", "x; } body { display: none", "Names of fonts are accepted here"),
        ("title", "x" * 41, "At most 40 characters are accepted here."),
        ("logo", (BytesIO(b"GIF89a"), "logo.gif"), "A PNG, JPEG, WebP or SVG picture is accepted here."),
        ("logo", (BytesIO(PNG * 1000), "logo.png"), "The picture is too large"),
    ],
)
def test_what_is_not_accepted_is_said_beside_its_field_and_nothing_is_saved(
    app: APIFlask, admin: Admin, field: str, value: object, sentence: str
) -> None:
    refused = admin.sends("/console/appearance", **{**FORM, field: value})
    assert refused.status_code == 400
    assert sentence in refused.text
    assert "Ask Ostrelle" in refused.text or field == "title"
    assert theme(app)["side"] == "right"


def test_the_preview_is_made_of_what_is_typed(admin: Admin) -> None:
    styles = admin.client.get("/console/appearance/theme.css", query_string={**FORM, "accent": "#ff0000"})
    assert f"light-dark({Appearance(accent='#ff0000').on_light}" in styles.text
    assert styles.mimetype == "text/css"


def test_only_an_admin_changes_the_looks(app: APIFlask, operator: Operator) -> None:
    assert operator.opens("/console/appearance").status_code == 403
    assert operator.sends("/console/appearance", **FORM).status_code == 403
    assert theme(app)["side"] == "right"


@given(COLOURS)
def test_whatever_the_brands_colour_is_it_can_be_read(colour: str) -> None:
    look = Appearance(accent=colour)
    for shown, surface in ((look.on_light, LIGHT), (look.on_dark, DARK)):
        assert contrast(shown, surface) >= CONTRAST
        assert contrast(on(shown), shown) >= CONTRAST


def test_a_page_chooses_light_or_dark_and_the_direction_of_reading(app: APIFlask) -> None:
    page = frame(app, scheme="light", dir="rtl", mode="inline")
    assert 'dir="rtl" data-scheme="light"' in page
    assert "data-inline" in page
    assert 'dir="ltr" data-scheme="auto"' in frame(app, scheme="purple", dir="up")


def test_a_customer_is_told_who_answers(app: APIFlask, customer: Customer) -> None:
    assert "Answers are made by a machine" in frame(app, language="en")
