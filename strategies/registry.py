"""Which kinds of strategy are installed, and the strategies that an operator configured from them.

A kind is an entry point of the group `kotae.strategies`; ours are found exactly like a stranger's, and one
package that does not load never takes the others down.

    [strategies.manuals]     ──▶  Strategies(configs, kit).get("manuals")  ──▶  Rag, made once
    use = "rag"                                                                  └─ kit.strategy("quotes")
    inner = "quotes"
"""

from __future__ import annotations

import difflib
import hashlib
import inspect
import json
import logging
import re
import sys
import threading
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from strategies.base import Kind, Kit, Renewed, Strategy
from strategies.cross_encoder.reading import shipped
from strategies.errors import Misconfigured, StrategyError

GROUP = "kotae.strategies"
SECRET = re.compile(r"key|secret|password|token(?!s)", re.IGNORECASE)
log = logging.getLogger(__name__)


def kinds() -> dict[str, type[Kind]]:
    """Every kind that is installed and loads, by name."""
    found: dict[str, type[Kind]] = {}
    for name in installed():
        try:
            found[name] = kind(name)
        except Misconfigured as broken:
            log.warning("%s", broken)
    return found


def installed() -> list[str]:
    """The names of every kind that an installed package provides, whether or not it loads."""
    return sorted({point.name for point in points()})


def kind(name: str) -> type[Kind]:
    """The kind of this name. Raises Misconfigured when no package provides it, two do, or it is broken."""
    found = {point.value: point for point in points() if point.name == name}
    if not found:
        raise Misconfigured(f"no installed package provides the kind {name!r}; {known(name, installed())}")
    if len(found) > 1:
        packages = " and ".join(sorted(provider(point) for point in found.values()))
        raise Misconfigured(f"the kind {name!r} is provided by {packages}; uninstall all but one of them")
    return load(next(iter(found.values())))


def points() -> tuple[EntryPoint, ...]:
    """The kinds of all installed packages, whose files are read once."""
    return _points_on(tuple(sys.path))


@cache
def _points_on(_path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    return tuple(entry_points(group=GROUP))


def load(point: EntryPoint) -> type[Kind]:
    """The class behind an entry point. Whatever goes wrong in a stranger's import is said in a sentence."""
    what = f"the kind {point.name!r} of {provider(point)}"
    try:
        loaded = point.load()
    except Exception as error:
        raise Misconfigured(f"{what} cannot be loaded: {type(error).__name__}: {error}") from error
    options = getattr(loaded, "Options", None)
    if not (
        inspect.isclass(options)
        and issubclass(options, BaseModel)
        and callable(getattr(loaded, "make", None))
    ):
        raise Misconfigured(
            f"{what} is not a strategy: {point.value} lacks an Options class or a make() method"
        )
    return loaded  # type: ignore[no-any-return]


def provider(point: EntryPoint) -> str:
    """The package that an entry point comes from, for a sentence."""
    return f"the package {point.dist.name!r}" if point.dist else f"{point.value!r}"


def schema(name: str) -> dict[str, Any]:
    """The options of a kind as a JSON schema, for a form and for the documentation."""
    return kind(name).Options.model_json_schema()


def about(name: str) -> str:
    """What a kind does, in the first sentence of its class's documentation."""
    return (inspect.getdoc(kind(name)) or "").split("\n", 1)[0]


class Strategies:
    """The configured strategies. Each is made when it is first asked for, once, and kept."""

    def __init__(self, configs: Mapping[str, Mapping[str, Any]], kit: Kit) -> None:
        """`configs` are the `[strategies.*]` tables; the kit's own `strategy` door is replaced by this
        object's.
        """
        self._configs = {name: dict(config) for name, config in configs.items()}
        self._kit = replace(kit, strategy=self.get, standing=self.standing)
        self._made: dict[str, Strategy] = {}
        self._refers: dict[str, set[str]] = {}  # whom each asked for while it was made
        self._making: list[str] = []
        self._lock = threading.RLock()
        self._home: Strategies | None = None  # who took over what was made here

    def names(self) -> list[str]:
        """The names that are configured, in the order of the file."""
        return list(self._configs)

    def uses(self, name: str) -> str:
        """The kind behind a name. Raises Misconfigured when the table does not say."""
        use = self._config(name).get("use")
        if not isinstance(use, str) or not use:
            raise Misconfigured(
                f'strategy {name!r} does not say what it uses; add use = "…", one of {listed(installed())}'
            )
        return use

    def get(self, name: str) -> Strategy:
        """The strategy of this name: a configured one, or a kind that needs no options."""
        if self._home is not None:
            return self._home.get(name)
        with self._lock:
            if self._making:
                self._refers.setdefault(self._making[-1], set()).add(name)
            if name not in self._made:
                if name in self._making:
                    raise Misconfigured(circle(self._making[self._making.index(name) :]))
                self._making.append(name)
                try:
                    self._made[name] = self._make(name)
                finally:
                    self._making.pop()
            return self._made[name]

    def standing(self, name: str) -> str:
        """What stands behind a name just now, as a hash: its options and who speaks in it, and the same of
        everybody it refers to. Another one when it may answer otherwise. Raises Misconfigured.
        """
        if self._home is not None:
            return self._home.standing(name)
        with self._lock:
            behind = self._behind(name)
        told = [
            (each, open_to_see(self._config(each)), made.speaker() if isinstance(made, Renewed) else "")
            for each, made in sorted(behind.items())
        ]
        return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def with_options(self, configs: Mapping[str, Mapping[str, Any]]) -> Strategies:
        """The same with other tables: what they do not concern, by whatever way, is shared and stays warm."""
        with self._lock:
            draft = Strategies(configs, self._kit)
            same = {name for name in self._made if self._unconcerned(name, draft)}
            draft._made = {name: made for name, made in self._made.items() if name in same}
            draft._refers = {name: set(refers) for name, refers in self._refers.items() if name in same}
            return draft

    def adopt(self, draft: Strategies) -> None:
        """Be what the draft is from here on; who was made in it finds the others here."""
        with self._lock, draft._lock:
            self._configs, self._made, self._refers = draft._configs, draft._made, draft._refers
            draft._home = self

    def _unconcerned(self, name: str, draft: Strategies, above: tuple[str, ...] = ()) -> bool:
        if self._configs.get(name) != draft._configs.get(name):
            return False
        behind = self._refers.get(name, set()) - set(above)
        return all(self._unconcerned(each, draft, (*above, name)) for each in behind)

    def forget(self) -> None:
        """Drop what strategies, and who reads for them, remember of questions and answers."""
        shipped().forget()
        with self._lock:
            made = list(self._made.values())
        for strategy in made:
            if (forget := getattr(strategy, "forget", None)) is not None:
                forget()

    def check(self) -> list[str]:
        """Every fault of every configured strategy, as sentences; no model is loaded. Empty: all is well."""
        faults: dict[str, None] = {}
        for name in self._configs:
            try:
                self.get(name)
            except StrategyError as error:
                faults.update(dict.fromkeys(str(error).split("\n")))
        return list(faults)

    def _behind(self, name: str) -> dict[str, Strategy]:
        """A strategy and all whom it refers to, by name."""
        found: dict[str, Strategy] = {}
        waiting = [name]
        while waiting:
            if (one := waiting.pop()) not in found:
                found[one] = self.get(one)
                waiting += self._refers.get(one, ())
        return found

    def _config(self, name: str) -> dict[str, Any]:
        if name in self._configs:
            return self._configs[name]
        if name in installed():
            return {"use": name}
        asked_by = self._making[-2:-1] if name in self._making else []
        who = f"strategy {asked_by[0]!r} refers to {name!r}, but there" if asked_by else "there"
        raise Misconfigured(f"{who} is no strategy {name!r}; {known(name, [*self._configs, *installed()])}")

    def _make(self, name: str) -> Strategy:
        made_of = kind(self.uses(name))
        given = {key: value for key, value in self._config(name).items() if key != "use"}
        try:
            options = made_of.Options.model_validate(given)
        except ValidationError as error:
            raise Misconfigured("\n".join(fault(name, found, made_of) for found in error.errors())) from error
        try:
            return made_of.make(options, replace(self._kit, named=name))
        except StrategyError:
            raise
        except Exception as error:  # a stranger's: it must not take the console down
            raise Misconfigured(
                f"strategy {name!r} cannot be made: {type(error).__name__}: {error}"
            ) from error


def open_to_see(value: Any) -> Any:
    """Options without their secrets: another key makes no other answer."""
    if isinstance(value, Mapping):
        return {key: open_to_see(inner) for key, inner in value.items() if not SECRET.search(str(key))}
    return [open_to_see(inner) for inner in value] if isinstance(value, list | tuple) else value


def fault(name: str, found: ErrorDetails, made_of: type[Kind]) -> str:
    """A pydantic finding as a sentence that names strategy and option."""
    option = ".".join(str(part) for part in found["loc"])
    match found["type"]:
        case "missing":
            return f"strategy {name!r} needs the option {option!r}"
        case "extra_forbidden":
            options = known(option, list(made_of.Options.model_fields))
            return f"strategy {name!r} has an unknown option {option!r}; {options}"
    said = found["msg"].removeprefix("Value error, ")
    said = said[:1].lower() + said[1:]
    if not option:
        return f"strategy {name!r}: {said}"
    given = found["input"]
    shown = isinstance(given, str | int | float) and not SECRET.search(option)
    return f"strategy {name!r}, option {option!r}: {said}" + (f", got {given!r}" if shown else "")


def known(wrong: str, names: list[str]) -> str:
    """What the reader may have meant, and everything there is."""
    close = difflib.get_close_matches(wrong, names, 1)
    return (f"did you mean {close[0]!r}? " if close else "") + f"known: {listed(names)}"


def listed(names: list[str]) -> str:
    return ", ".join(dict.fromkeys(names)) or "none"


def circle(names: list[str]) -> str:
    """The same sentence wherever one enters the circle, so that it is reported once."""
    first = names.index(min(names))
    turned = [*names[first:], *names[:first]]
    return f"strategies refer to each other in a circle: {' → '.join([*turned, turned[0]])}"
