"""How the widget looks and what it offers first: a few tokens, out of `[widget]` until an admin saves others.

Colours are made readable: whatever the brand's colour is, it is darkened on light and lightened on dark until
text in it, and text on it, has the contrast that WCAG asks for.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field

from bot.access import audit
from bot.store import reading, writing
from bot.store.tables import AppearanceRow
from knowledge_base.database import now

CONTRAST = 4.5  # WCAG 2.2 AA, for text
LIGHT, DARK = "#ffffff", "#121b1f"  # the widget's surfaces, as frame.css has them
STARTERS = 4
COLOUR = r"^#[0-9a-fA-F]{6}$"
LOGO = r"^(data:image/(png|jpeg|webp|svg\+xml);base64,[A-Za-z0-9+/]+=*)?$"


class Appearance(BaseModel):
    """The tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    accent: str = Field("#0b5566", pattern=COLOUR, description="The brand's colour, such as `#0b5566`.")
    accent_dark: str = Field(
        "", pattern=f"{COLOUR}|^$", description="The same on dark ground; empty: made from `accent`."
    )
    radius: int = Field(14, ge=0, le=28, description="How round corners are, in pixels.")
    font: str = Field(
        "",
        max_length=200,
        pattern=r"^[\w ,'\"-]*$",
        description="Font families, as in CSS; empty: the reader's system font.",
    )
    logo: str = Field(
        "",
        max_length=90_000,
        pattern=LOGO,
        description="A small picture before the title, as a `data:` address.",
    )
    title: str = Field(
        "", max_length=40, description="The chat's title; empty: “Chat” in the reader's language."
    )
    side: Literal["right", "left"] = Field("right", description="The corner of the launcher.")
    scheme: Literal["auto", "light", "dark"] = Field(
        "auto", description="Light or dark; `auto` as the reader's system prefers."
    )
    starters: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description=f"Questions to begin with, per language; the first {STARTERS} are shown.",
    )

    @property
    def on_light(self) -> str:
        """The accent as text on a light surface."""
        return readable(self.accent, LIGHT)

    @property
    def on_dark(self) -> str:
        return readable(self.accent_dark or self.accent, DARK)

    def questions(self, language: str) -> tuple[str, ...]:
        """What to begin with, in this language; nothing rather than another language."""
        return self.starters.get(language, ())[:STARTERS]


@dataclass(frozen=True)
class Saved:
    """An appearance that somebody saved."""

    appearance: Appearance
    by: str
    at: datetime


class Appearances:
    """The one that counts is the newest row, or what the file says."""

    def __init__(self, engine: sa.Engine, default: Appearance) -> None:
        self._engine = engine
        self._default = default

    def current(self) -> Appearance:
        last = self.last()
        return last.appearance if last else self._default

    def last(self) -> Saved | None:
        """What was saved last; None while the file's counts."""
        with reading(self._engine) as session:
            row = session.scalar(sa.select(AppearanceRow).order_by(AppearanceRow.id.desc()).limit(1))
            return (
                Saved(Appearance.model_validate(row.tokens), row.by, row.at) if row and row.tokens else None
            )

    def save(self, appearance: Appearance, by: str) -> None:
        self._write(appearance.model_dump(mode="json"), by)

    def reset(self, by: str) -> None:
        """Back to what the file says."""
        self._write({}, by)

    def _write(self, tokens: dict[str, object], by: str) -> None:
        with writing(self._engine) as session:
            session.add(AppearanceRow(tokens=tokens, by=by, at=now()))
            told: dict[str, Any] = {name: value for name, value in tokens.items() if name != "logo"}
            audit.note(session, by, "appearance", **told)


# ---- colours ----


def readable(colour: str, surface: str) -> str:
    """The colour, moved towards black or white until text in it can be read on the surface."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*_parts(colour))
    step = -0.01 if _luminance(surface) > 0.5 else 0.01
    while contrast(colour, surface) < CONTRAST and 0 <= lightness + step <= 1:
        lightness += step
        colour = _hex(*colorsys.hls_to_rgb(hue, lightness, saturation))
    return colour


def on(colour: str) -> str:
    """Black or white, whichever can be read better on the colour."""
    return max(("#000000", "#ffffff"), key=lambda text: contrast(text, colour))


def contrast(one: str, other: str) -> float:
    """The contrast ratio of WCAG, from 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in _parts(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _parts(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue


def _hex(*parts: float) -> str:
    return "#" + "".join(f"{round(part * 255):02x}" for part in parts)
