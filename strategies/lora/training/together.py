"""Several processes that train as one, each on a device of its own: the same steps, in less time.

Every process holds the whole adapter and takes its share of each batch's rows; the gradients are summed
before the step, so the step is the one that a single process would have made. What depends on a clock, on a
device or on somebody outside (how long it took, the held-out loss, whether to stop) is said by the first
process and believed by all, so that they never go apart. The first one also writes, tells and proves; the
others only learn.

`torch.distributed.run` starts them (`apart`), accelerate tells each who it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    import torch

T = TypeVar("T")


class Together:
    """One process among `size`; alone, it is the first of one, and nothing is sent anywhere."""

    def __init__(self) -> None:
        from torch import distributed

        self.rank, self.size, self.device = 0, 1, ""
        if distributed.is_available() and distributed.is_torchelastic_launched():
            self._join()

    def _join(self) -> None:
        import torch
        from accelerate import PartialState  # type: ignore[import-untyped]

        state: Any = PartialState(cpu=not torch.cuda.is_available())
        self.rank, self.size, self.device = state.process_index, state.num_processes, str(state.device)

    @property
    def first(self) -> bool:
        return self.rank == 0

    def mine(self, rows: Sequence[T]) -> list[T]:
        """The share of this process."""
        return list(rows[self.rank :: self.size])

    def summed(self, weights: Iterable[torch.nn.Parameter], loss: float) -> float:
        """The gradients of all processes in the place of one's own, and the sum of their losses."""
        if self.size == 1:
            return loss
        import torch
        from accelerate.utils import reduce  # type: ignore[import-untyped]

        learning = list(weights)
        parts = [torch.zeros_like(one) if one.grad is None else one.grad for one in learning]
        device = parts[0].device
        flat = torch.cat([*(part.float().flatten() for part in parts), torch.tensor([loss], device=device)])
        flat = reduce(flat, "sum")
        at = 0
        for one in learning:
            one.grad = flat[at : at + one.numel()].view_as(one).to(one.dtype).clone()
            at += one.numel()
        return float(flat[-1])

    def agreed(self, value: float) -> float:
        """What the first process says."""
        if self.size == 1:
            return value
        import torch
        from accelerate.utils import broadcast

        told = broadcast(torch.tensor([value], dtype=torch.float64, device=self.device))
        return float(told[0])

    def any(self, one: bool) -> bool:
        """Whether it is so for anybody."""
        if self.size == 1:
            return one
        import torch
        from accelerate.utils import reduce

        return bool(reduce(torch.tensor([float(one)], device=self.device), "sum")[0] > 0)
