"""Whether Kotae can answer yet: the port opens at once, while models and the index load behind it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class State:
    """`detail` is one sentence for whoever runs Kotae; a customer is not shown it."""

    name: Literal["loading", "ready", "failed"]
    detail: str = ""


class Readiness:
    """Starts out ready, for an application that was handed a warm Kotae; `warm` goes through the loading."""

    def __init__(self) -> None:
        self.state = State("ready")

    @property
    def ready(self) -> bool:
        return self.state.name == "ready"

    def warm(self, load: Callable[[], None], failed: Callable[[Exception], None]) -> threading.Thread:
        """Run `load` on a thread of its own; `failed` hears of an error that will not pass by itself."""
        self.state = State("loading", "Kotae is loading its models and its index.")

        def run() -> None:
            try:
                load()
            except Exception as error:
                self.state = State("failed", str(error))
                failed(error)
            else:
                self.state = State("ready")

        thread = threading.Thread(target=run, name="kotae-warm-up", daemon=True)
        thread.start()
        return thread
