"""The switch: which strategy answers, changed live, seen by every process within a second."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from strategies.base import Strategy


@dataclass(frozen=True)
class Change:
    id: int
    name: str
    by: str
    at: datetime
    previous: str
    note: str = ""


class NoWayBack(Exception):
    """Nothing was switched yet."""


class Switch:
    status: str  # a sentence for the operator while this process does not serve what was chosen; "" otherwise

    def current(self) -> tuple[str, Strategy]:
        """Who speaks now in this process, by name."""
        raise NotImplementedError

    def name(self) -> str:
        """The strategy chosen last, or the configured default."""
        raise NotImplementedError

    def use(self, name: str, by: str, note: str = "") -> Change:
        """Warm the strategy, then let it speak. Its StrategyError refuses the switch, and the old one stays."""
        raise NotImplementedError

    def history(self, n: int = 50) -> list[Change]:
        """The newest changes first."""
        raise NotImplementedError

    def back(self, by: str) -> Change:
        """Return to the strategy before the last change, or NoWayBack."""
        raise NotImplementedError
