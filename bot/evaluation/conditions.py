"""Under which conditions something was measured, and whether they still hold.

Figures are those of a configuration: a strategy with its options and all that it is built of, an adapter, an
index. Where one of them has changed since, what was measured is another's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

Configs = Mapping[str, Mapping[str, Any]]


def fingerprint(name: str, configs: Configs) -> str:
    """A configured strategy, with all those it is built of; another option, another fingerprint."""
    parts = {each: configs[each] for each in sorted(built_of(name, configs))}
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:16]


def built_of(name: str, configs: Configs) -> set[str]:
    """The names of the strategies that this one's options name, itself among them."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        each = waiting.pop()
        if each in configs and each not in found:
            found.add(each)
            waiting += _texts(configs[each])
    return found


def _texts(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case Mapping():
            for inner in value.values():
                yield from _texts(inner)
        case list() | tuple():
            for inner in value:
                yield from _texts(inner)
