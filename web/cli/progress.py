"""How far long work is, on standard error and for people alone: a pipe or a log file gets no bar."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

Item = TypeVar("Item")


def bar(items: Sequence[Item], unit: str) -> Iterable[Item]:
    """Walk through the items under a bar."""
    from tqdm import tqdm

    walked: Iterable[Item] = tqdm(items, unit=f" {unit}", disable=None, leave=False)
    return walked


def meter(total: int, unit: str) -> Any:
    """A bar to be moved by hand, in shares of a whole."""
    from tqdm import tqdm

    form = "{desc}: {percentage:3.0f}%|{bar}| {n:.1f}/{total} {unit} [{elapsed}<{remaining}]"
    return tqdm(total=total, unit=unit, disable=None, leave=False, bar_format=form)


def course() -> Any:
    """A bar for a training: its steps, and in words what stands behind them."""
    from tqdm import tqdm

    form = "{desc}: {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} steps [{elapsed}{postfix}]"
    return tqdm(total=1, unit="steps", desc="preparing", disable=None, leave=False, bar_format=form)
