"""What the demo shop sells, out of `demo/shop.json`: each text is there in every language."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

DEMO: Final = Path(__file__).parents[2] / "demo" / "shop.json"
Text = TypeVar("Text")
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Product:
    """A card of the page. `family` chooses its drawing: the Kettle and the Kettle S look alike."""

    name: str
    line: str
    price: str
    family: str


@dataclass(frozen=True)
class Shop:
    """The page in one language; without products it says that there is nothing to sell."""

    brand: str = ""
    line: str = ""
    products: tuple[Product, ...] = ()
    starters: tuple[str, ...] = ()  # questions worth trying


def read(path: Path, language: str) -> Shop:
    """The shop in this language; an empty one where there is no demo, or none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Shop(
            brand=_said(found["brand"], language),
            line=_said(found["line"], language),
            products=tuple(_product(product, language) for product in found["products"]),
            starters=tuple(_said(found["starters"], language)),
        )
    except FileNotFoundError:
        return Shop()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("the demo shop is shown empty: %s cannot be read: %r", path, error)
        return Shop()


def _product(found: Mapping[str, Any], language: str) -> Product:
    return Product(
        name=_said(found["name"], language),
        line=_said(found["line"], language),
        price=_said(found["price"], language),
        family=found["id"].split("-")[0],
    )


def _said(texts: Mapping[str, Text], language: str) -> Text:
    """What there is in the reader's language, else in English."""
    return texts.get(language) or texts["en"]
