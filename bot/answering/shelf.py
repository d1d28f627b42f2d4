"""The shelf of this installation: what is done to it is proven first and written down.

`strategies.lora.shelf` keeps adapters; here an adapter is tried on the base that speaks before it is
promoted, and the audit says who did what.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from bot.access.audit import Audit
from strategies.errors import StrategyError
from strategies.lora import shelf
from strategies.lora.bases import SHIPPED, identity
from strategies.lora.shelf import Adapter, Proof, Prove, UnknownAdapter, parcel
from strategies.lora.shelf.card import CURRENT
from strategies.lora.shelf.pointer import Change

KIND = "lora"
SERVED = "served"
FOLDER = "adapters"


class Shelf(shelf.Shelf):
    """`bases` speak with whichever adapter is promoted, and so do strategies at `servers`, given by their
    options; `named` are adapters that strategies name.
    """

    def __init__(
        self,
        folder: Path,
        audit: Audit,
        *,
        bases: Sequence[str] = (),
        servers: Sequence[Mapping[str, Any]] = (),
        named: Collection[str] = (),
    ) -> None:
        super().__init__(folder)
        self._servers = servers
        self._audit = audit
        self._bases = bases
        self._named = named

    @classmethod
    def of(cls, data: Path, strategies: Mapping[str, Mapping[str, Any]], audit: Audit) -> Shelf:
        """The shelf in a data directory, with what the configured strategies use of it."""
        ours = [options for options in strategies.values() if options.get("use") == KIND]
        follow = [options for options in ours if options.get("adapter", CURRENT) == CURRENT]
        bases = dict.fromkeys(str(options.get("base", SHIPPED)) for options in follow)
        named = {str(options["adapter"]) for options in ours if options not in follow}
        served = [options for options in strategies.values() if options.get("use") == SERVED]
        servers = [options for options in served if options.get("adapter", CURRENT) == CURRENT]
        return cls(data / FOLDER, audit, bases=list(bases), servers=servers, named=named)

    @property
    def base(self) -> str:
        """The base that follows what is promoted; "" where there is none, or several."""
        return self._bases[0] if len(self._bases) == 1 else ""

    def promote(self, which: str, by: str, prove: Prove | None = None) -> Change:
        """Let an adapter speak once the canary is content with it, within a second in every process."""
        before = self.stamp()
        change = super().promote(which, by, prove or self.proof)
        if self.stamp() != before:
            self._audit.note(by, "promote adapter", self.get(change.hash).called, previous=change.previous)
        return change

    def back(self, by: str) -> Change:
        change = super().back(by)
        self._audit.note(by, "adapter back", change.hash or "none", previous=change.previous)
        return change

    def import_(
        self,
        source: Path | BinaryIO,
        *,
        base: str = "",
        largest: int = parcel.LARGEST,
        by: str = "",
    ) -> Adapter:
        adapter = super().import_(source, base=base, largest=largest)
        self._audit.note(by, "import adapter", adapter.called)
        return adapter

    def remove(self, which: str, *, speaking: Collection[str] = (), by: str = "") -> Adapter:
        adapter = super().remove(which, speaking={*speaking, *self._speaking()})
        self._audit.note(by, "remove adapter", adapter.called)
        return adapter

    def proof(self, adapter: Adapter) -> Proof:
        """What the canary says of an adapter on the base that is to speak with it."""
        from strategies.lora.engine import sharing
        from strategies.lora.shelf import canary

        if adapter.model:
            return self._proof_there(adapter)
        try:
            base = next((base for base in self._bases if identity(base) == adapter.base_hash), None)
            if base is None and self._bases:
                return Proof((self._no_base_for(adapter),))
            return canary.prove(adapter, sharing.any_of(base or adapter.base))
        except StrategyError as fault:
            return Proof((str(fault),))

    def _proof_there(self, adapter: Adapter) -> Proof:
        """A word from the model at the server that tuned it, asked as the strategy will ask."""
        from strategies.llm.server import Server
        from strategies.lora.served import ServedOptions
        from strategies.lora.shelf.canary import AT_A_SERVER

        if not self._servers:
            return Proof((f"it speaks at the server that tuned it, as {adapter.model!r}: {AT_A_SERVER}",))
        given = {name: value for name, value in self._servers[0].items() if name != "use"}
        try:
            Server(ServedOptions(**given).of(adapter.model), SERVED).warm_up()
        except StrategyError as fault:
            return Proof((str(fault),))
        return Proof()

    def _no_base_for(self, adapter: Adapter) -> str:
        known = " or ".join(map(repr, self._bases))
        return (
            f"it was trained on the base {adapter.base!r}, and what follows the promoted adapter speaks with "
            f"{known}; set base = {adapter.base!r} in that strategy"
        )

    def _speaking(self) -> list[str]:
        """The adapters that strategies name themselves, by hash."""
        found = []
        for which in self._named:
            try:
                found.append(self.get(which).hash)
            except UnknownAdapter:
                continue
        return found
