"""A worker in a process of its own, for tests that kill it: `python -m tests.bot.worker FOLDER`.

Its work writes a line a step into FOLDER/steps, and goes on behind what an earlier run wrote. In the middle
it waits until there is FOLDER/go.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.jobs import Jobs, Progress, open_queue
from knowledge_base.database import open_engine

STEPS = 20


def main(folder: Path) -> None:
    steps = folder / "steps"

    def count(_arguments: Mapping[str, Any], progress: Progress) -> None:
        done = len(steps.read_text().splitlines()) if steps.exists() else 0
        for number in range(done, STEPS):
            progress("counting", number / STEPS)
            while number == STEPS // 2 and not (folder / "go").exists():
                time.sleep(0.02)
                progress("waiting", number / STEPS)
            with steps.open("a") as file:
                file.write(f"{number}\n")

    engine = open_engine(f"sqlite:///{folder / 'kotae.db'}")
    Jobs(engine, open_queue(folder, ""), {"count": count}).run_worker()
    engine.dispose()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
