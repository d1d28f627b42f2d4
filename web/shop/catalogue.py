"""What the demo shop sells, out of `demo/shop.json`: each text is there in every language."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

DEMO: Final = Path(__file__).parents[2] / "demo" / "shop.json"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Product:
    """A card of the page. `kind` chooses its drawing."""

    name: str
    text: str
    price: str
    kind: str


@dataclass(frozen=True)
class Shop:
    """The page in one language; without products it says that there is nothing to sell."""

    name: str = ""
    tagline: str = ""
    products: tuple[Product, ...] = ()


def read(path: Path, language: str) -> Shop:
    """The shop in this language; an empty one where there is no demo, or none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        return Shop(
            name=_said(found["name"], language),
            tagline=_said(found["tagline"], language),
            products=tuple(_product(product, language) for product in found["products"]),
        )
    except FileNotFoundError:
        return Shop()
    except (ValueError, KeyError, TypeError) as error:
        log.warning("the demo shop is shown empty: %s cannot be read: %r", path, error)
        return Shop()


def _product(found: dict[str, Any], language: str) -> Product:
    return Product(
        name=_said(found["name"], language),
        text=_said(found["text"], language),
        price=_said(found["price"], language),
        kind=str(found.get("kind", "")),
    )


def _said(text: str | dict[str, str], language: str) -> str:
    """A text in the reader's language, else in English; a name may be the same in all."""
    return text if isinstance(text, str) else text.get(language, text["en"])
