"""The Kotae that answers the current request; views reach everything through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from flask import current_app

if TYPE_CHECKING:
    from bot.kotae import Kotae

KEY = "kotae"


def kotae() -> Kotae:
    """What `create_app` was given."""
    return cast("Kotae", current_app.extensions[KEY])
