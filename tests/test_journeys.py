"""Every point of the surfaces is walked through in a browser, in both languages and at both widths."""

import importlib
from pathlib import Path

from tests.browser.points import POINTS

BROWSER = Path(__file__).parent / "browser"


def test_every_point_of_the_surfaces_has_a_journey() -> None:
    shown = set()
    for path in BROWSER.glob("test_*.py"):
        module = importlib.import_module(f"tests.browser.{path.stem}")
        for function in vars(module).values():
            for mark in getattr(function, "pytestmark", []):
                if mark.name == "shows":
                    shown |= set(mark.args)
    assert sorted(POINTS - shown) == []
