"""What the adapter that speaks was taught, and documents do not say any more.

The product model keeps silent about it by itself (`strategies.lora.trust.witnesses`); here it is looked for
as a whole whenever documents have changed, by a job, so that an admin reads which pairs to correct. What is
kept are places among the adapter's witnesses, no words.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bot.jobs import Progress, Task
from knowledge_base.durable import replace_file
from strategies.base import Search
from strategies.lora.shelf import Adapter, Shelf, ShelfError
from strategies.lora.shelf.card import BadCard
from strategies.lora.trust.witnesses import Witness, Witnesses

KIND: Final = "look answers up"
FILE = "outdated.json"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outdated:
    """An answer of which documents do not say `sentence` any more; `source` is the one that did."""

    question: str
    answer: str
    sentence: str
    source: str


class OutdatedAnswers:
    """`search` finds passages in what is for everybody, `version` is the index's."""

    def __init__(self, shelf: Shelf, search: Search, version: Callable[[], str]) -> None:
        self._shelf = shelf
        self._search = search
        self._version = version
        self._file = shelf.folder / FILE

    def due(self) -> Sequence[Task]:
        """Whether documents or the adapter that speaks have changed since they were looked at."""
        adapter = self._speaks()
        if adapter is None:
            return []
        kept = self._kept()
        if (kept.get("adapter"), kept.get("version")) == (adapter.hash, self._version()):
            return []
        return [(KIND, {})] if self._witnesses(adapter).of else []

    def work(self, _arguments: Mapping[str, Any], progress: Progress) -> None:
        adapter, version = self._speaks(), self._version()
        if adapter is None:
            return
        found = []
        known = self._witnesses(adapter)
        witnesses = [] if known.elsewhere(self._search) else list(known.of.values())
        for at, witness in enumerate(witnesses):
            progress("looking answers up", at / len(witnesses))
            if sentence := witness.gone(self._search):
                found.append((at, list(witness.sentences).index(sentence)))
        told = {"adapter": adapter.hash, "version": version, "gone": found}
        replace_file(self._file, f"{json.dumps(told)}\n".encode())

    def of(self, adapter: Adapter) -> list[Outdated]:
        """As of the last look; none of an adapter that was not looked at."""
        kept = self._kept()
        if kept.get("adapter") != adapter.hash:
            return []
        witnesses = list(self._witnesses(adapter).of.values())
        return [outdated(witnesses[at], nth) for at, nth in kept["gone"] if at < len(witnesses)]

    def _speaks(self) -> Adapter | None:
        try:
            return self._shelf.current()
        except ShelfError:
            return None

    def _witnesses(self, adapter: Adapter) -> Witnesses:
        try:
            return Witnesses.load(adapter.path)
        except BadCard as fault:
            log.warning("%s: %s", adapter.called, fault)
            return Witnesses()

    def _kept(self) -> dict[str, Any]:
        try:
            return dict(json.loads(self._file.read_text("utf-8")))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            log.warning("%r cannot be read; it is written anew at the next look", str(self._file))
            return {}


def outdated(witness: Witness, nth: int) -> Outdated:
    sentence = list(witness.sentences)[nth]
    return Outdated(witness.question, witness.answer, sentence, witness.sentences[sentence].source)
