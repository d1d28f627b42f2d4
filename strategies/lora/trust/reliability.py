"""How true it is what an adapter foretells of its answers: kept when it is calibrated, in `confidence.json`.

Each question of the calibration was judged by weights that were fitted without it, and counts as customers
ask: so many about what was taught, so many about something else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strategies.lora.trust.confidence import CONFIDENCE

PILES = 10
NAME = "reliability"  # in the file


@dataclass(frozen=True)
class Foretold:
    """Of `of` questions that were taken to be answered rightly with this likelihood on average, the share
    that was.
    """

    likely: float
    right: float
    of: int


@dataclass(frozen=True)
class Reliability:
    """Unlikely answers first; from `enough` on, one is given."""

    piles: tuple[Foretold, ...]
    enough: float


def piles(
    likely: NDArray[np.float64], right: NDArray[Any], weight: NDArray[np.float64]
) -> list[dict[str, Any]]:
    """As many questions in each, as they are kept."""
    found = (
        Foretold(
            float(np.average(likely[pile], weights=weight[pile])),
            float(np.average(right[pile].astype(float), weights=weight[pile])),
            len(pile),
        )
        for pile in np.array_split(np.argsort(likely, kind="stable"), min(PILES, len(likely)))
    )
    return [asdict(one) for one in found]


def reliability(folder: Path) -> Reliability | None:
    """None where it is not known: of an adapter that was calibrated before this was kept, or never."""
    try:
        told = json.loads((folder / CONFIDENCE).read_text("utf-8"))
        kept: Sequence[Any] = told.get(NAME, ())
        found = tuple(Foretold(float(one["likely"]), float(one["right"]), int(one["of"])) for one in kept)
        return Reliability(found, float(told["enough"])) if found else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
