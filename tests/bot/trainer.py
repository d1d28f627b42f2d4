"""A server that only trains, for tests that kill it: `python -m tests.bot.trainer DATA`."""

from __future__ import annotations

import sys
from pathlib import Path

from knowledge_base.database import open_engine
from tests.bot.test_training import Desk


def main(data: Path) -> None:
    engine = open_engine(f"sqlite:///{data / 'kotae.db'}")
    Desk(engine, data).jobs.run_worker()
    engine.dispose()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
