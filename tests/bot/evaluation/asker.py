"""A server that only asks, for tests that kill it: `python -m tests.bot.evaluation.asker DATA`.

Each question that is put to a strategy leaves a line in DATA/asked. The one behind the first HELD_AT is never
answered.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from bot.access.audit import Audit
from bot.evaluation.runs import GREETING, KIND, Evaluations
from bot.evaluation.sets import QuestionSets
from bot.evaluation.values import Answered, AskedQuestion
from bot.jobs import Jobs, open_queue
from knowledge_base.database import open_engine
from strategies.errors import StrategyError

HELD_AT = 7


class Desk:
    """An installation's evaluations, with strategies that answer in capitals."""

    def __init__(self, engine: sa.Engine, data: Path, held_at: int | None = None) -> None:
        self.seconds = 0.0
        self.held_at = held_at
        self.file = data / "asked"
        self.broken: dict[str, str] = {}  # strategies, and why they fail
        self.cold: dict[str, StrategyError] = {}  # strategies, and why they cannot warm
        self.audit = Audit(engine)
        self.sets = QuestionSets(engine)
        self.jobs = Jobs(
            engine,
            open_queue(data, ""),
            {KIND: lambda arguments, tell: self.evaluations.work(arguments, tell)},
            long={KIND: open_queue(data, "", f"kotae-{KIND}")},
        )
        self.evaluations = Evaluations(
            engine,
            self.jobs,
            self.audit,
            self.sets,
            ask=self.ask,
            warm=self.warm,
            strategies=lambda: ["loud", "quiet", "third"],
            conditions=self.conditions,
        )

    def ask(self, question: AskedQuestion, strategy: str) -> Answered:
        if question != GREETING:
            with self.file.open("a") as file:
                file.write(f"{strategy} {question.id}\n")
            time.sleep(self.seconds)
            if self.held_at is not None and len(self.asked) > self.held_at:
                threading.Event().wait()
        if strategy in self.broken:
            return Answered(question.id, strategy, error=self.broken[strategy])
        return Answered(question.id, strategy, question.text.upper())

    def warm(self, name: str) -> None:
        if name in self.cold:
            raise self.cold[name]

    @property
    def asked(self) -> list[str]:
        return self.file.read_text().splitlines() if self.file.exists() else []

    @staticmethod
    def conditions(strategies: Sequence[str]) -> dict[str, Any]:
        return {"index_version": "7", "standing": dict.fromkeys(strategies, "as ever"), "live": "loud"}


def main(data: Path) -> None:
    engine = open_engine(f"sqlite:///{data / 'kotae.db'}")
    Desk(engine, data, HELD_AT).jobs.run_worker()
    engine.dispose()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
