"""The demo shop: a page like any customer's, with one line for the chat."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from web.shop.catalogue import DEMO, Shop, read


@pytest.mark.parametrize(
    ("language", "name", "price"), [("en", "Ostrelle One", "$149"), ("ja", "オストレル One", "19,800円")]
)
def test_the_shop_sells_in_the_readers_language(
    a_visitor: Visit, language: str, name: str, price: str
) -> None:
    page = a_visitor(language).visits().page
    card = page.get_by_role("listitem").filter(has=page.get_by_role("heading", name=name, exact=True))
    expect(card).to_contain_text(price)
    drawing = card.locator("use").element_handle()
    page.wait_for_function("use => use.getBBox().width > 0", arg=drawing)
    expect(page.locator("html")).to_have_attribute("lang", language)


def test_a_question_of_the_shop_is_asked_with_a_click(a_visitor: Visit) -> None:
    visitor = a_visitor().visits()
    question = visitor.page.locator("[data-kotae-ask]").first
    words = question.inner_text()
    question.click()
    expect(visitor.frame.locator(".customer .said")).to_have_text(words)
    visitor.page.keyboard.press("Escape")
    expect(question).to_be_focused()


def test_the_chat_is_one_line_of_the_page(a_visitor: Visit) -> None:
    scripts = a_visitor().visits().page.locator("script")
    expect(scripts).to_have_count(1)
    expect(scripts).to_have_attribute("src", "/widget.js")


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_shop_fits_a_small_screen(a_visitor: Visit, language: str) -> None:
    page = a_visitor(language, width=360, height=740).visits().page
    assert page.evaluate("document.documentElement.scrollWidth") == 360


def test_without_a_demo_the_shop_is_empty(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert read(tmp_path / "shop.json", "en") == Shop()
    assert caplog.messages == []
    (tmp_path / "shop.json").write_text('{"brand": "Half a shop"}')
    assert read(tmp_path / "shop.json", "en") == Shop()
    assert "shop.json" in caplog.text


def test_every_product_of_the_demo_has_a_drawing() -> None:
    drawings = (Path(__file__).parents[2] / "web" / "static" / "shop" / "products.svg").read_text(
        encoding="utf-8"
    )
    products = read(DEMO, "en").products
    assert len(products) == len(json.loads(DEMO.read_text(encoding="utf-8"))["products"])
    assert [product.name for product in products if f'id="{product.family}"' not in drawings] == []
