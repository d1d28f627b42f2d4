"""An appearance as the widget takes it: a stylesheet for the frame, a few values for the launcher."""

from __future__ import annotations

import json
from hashlib import sha256

from bot.appearance import Appearance, on


def stylesheet(appearance: Appearance) -> str:
    """The tokens that differ from frame.css."""
    light, dark = appearance.on_light, appearance.on_dark
    tokens = {
        "--accent": f"light-dark({light}, {dark})",
        "--on-accent": f"light-dark({on(light)}, {on(dark)})",
        "--radius": f"{appearance.radius}px",
        **({"--brand-font": appearance.font} if appearance.font else {}),
    }
    return f":root {{ {' '.join(f'{name}: {value};' for name, value in tokens.items())} }}\n"


def version(appearance: Appearance) -> str:
    """Another one for another stylesheet, so that browsers may keep it."""
    return sha256(stylesheet(appearance).encode()).hexdigest()[:12]


def launcher(appearance: Appearance) -> str:
    """What loader.js must know before the frame is there, as JSON that is safe in a script."""
    light, dark = appearance.on_light, appearance.on_dark
    return json.dumps(
        {
            "light": [light, on(light)],
            "dark": [dark, on(dark)],
            "radius": appearance.radius,
            "side": appearance.side,
            "scheme": appearance.scheme,
        }
    )
