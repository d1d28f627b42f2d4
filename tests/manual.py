"""A manual whose sections are long enough to be passages of their own."""

from __future__ import annotations

SECTIONS = {
    "Descaling the kettle": (
        "Fill the kettle with water and one spoon of citric acid, boil it, and wait for twenty minutes. "
        "Scale is white and hard and stands at the bottom. Where the water is hard, descale once a month; "
        "elsewhere twice a year is enough. Pour the acid away, fill the kettle with fresh water, boil "
        "that, and pour it away too. Never use vinegar, because its smell stays for weeks. If scale is "
        "left, do it once more. A kettle with much scale is loud, slow, and uses more power. The warning "
        "light for scale goes out by itself after three clean boils, so there is nothing to press."
    ),
    "Cleaning the outside": (
        "Wipe the outside with a damp cloth and dry it with a soft one. Never put the kettle under "
        "running water and never into the dishwasher, because the base holds the contacts. Grease near a "
        "stove comes off with a drop of washing-up liquid. Polish for steel leaves marks on the matt "
        "models, so try it below the handle first. Let everything dry for an hour before you plug it in "
        "again. Fingerprints are less visible on brushed steel. The window of the water gauge is plastic: "
        "no scouring powder, no sponge with a rough side, and no alcohol."
    ),
    "Replacing the lid": (
        "Order a new lid with the number K-17 from our shop, and push it on until it clicks. The hinge "
        "has two pins; press them together with two fingers and lift the old lid out. Lids of the small "
        "model carry the number K-12 and do not fit. The seal inside the lid is part of it and is not "
        "sold alone. A lid that does not close keeps the kettle from switching itself off. Throw the old "
        "lid away with plastics. Should a pin break, the whole handle must be replaced by a workshop, "
        "which takes about a week and costs less than a new kettle."
    ),
}


def manual(title: str) -> str:
    """The manual as Markdown."""
    return "\n\n".join([f"# {title}", *(f"## {heading}\n{text}" for heading, text in SECTIONS.items())])
