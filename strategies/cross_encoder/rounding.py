"""Matrices in four bits: how they are kept, and how a network learns that is kept so."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from strategies.cross_encoder.reading import FOUR, GROUP, SCALE

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST = 7  # numbers are from -7 to 7


def rounded(matrix: Tensor) -> Tensor:
    """A matrix (rows, columns) as four bits keep it. Raises ValueError where GROUP does not divide the
    columns.
    """
    numbers, scales = _divided(matrix)
    return (numbers * scales[..., None]).reshape(matrix.shape)


def packed(tensors: Mapping[str, Tensor], four: Container[str] = ()) -> dict[str, NDArray[Any]]:
    """Weights as they are kept, by their names: matrices in eight bits with a scale for each row, those named
    in `four` with one for each GROUP of columns, the rest in sixteen.
    """
    kept: dict[str, NDArray[Any]] = {}
    for name, tensor in tensors.items():
        exact = tensor.detach().float()
        if exact.ndim != 2 or min(exact.shape) == 1:
            kept[name] = exact.half().numpy()
        elif name in four:
            kept[name + FOUR], kept[name + SCALE] = halves(exact)
        else:
            scales = (exact.abs().amax(1, keepdim=True) / 127).clamp(min=1e-12)
            kept[name], kept[name + SCALE] = (exact / scales).round().to(torch.int8).numpy(), scales.numpy()
    return kept


def halves(matrix: Tensor) -> tuple[NDArray[np.uint8], NDArray[np.float16]]:
    """Two numbers a byte, the even columns in the lower halves: (rows, columns / 2); and the scales, (rows,
    columns / GROUP).
    """
    numbers, scales = _divided(matrix)
    above = (numbers.reshape(matrix.shape) + 8).to(torch.uint8).numpy()
    return above[:, ::2] | above[:, 1::2] << 4, scales.half().numpy()


def _divided(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Whole numbers, (rows, groups, GROUP), and scales, (rows, groups), that sixteen bits hold."""
    if matrix.shape[1] % GROUP:
        raise ValueError(f"{matrix.shape[1]} columns are no multiple of {GROUP}")
    groups = matrix.detach().reshape(len(matrix), -1, GROUP)
    scales = (groups.abs().amax(-1) / MOST).clamp(min=2**-24).half().float()
    return (groups / scales[..., None]).round().clamp(-MOST, MOST), scales


class StraightThrough:
    """Matrices that are rounded wherever they are used, and learn by what is behind that: the gradient of the
    rounded one moves the exact one (Bengio et al. 2013, the straight-through estimator).
    """

    def __init__(self, matrices: Iterable[nn.Parameter]) -> None:
        self._rounded = list(matrices)
        self.exact = [nn.Parameter(each.detach().clone()) for each in self._rounded]
        self.again()

    def hand_on(self) -> None:
        """The gradients, to the exact ones."""
        for rough, exact in zip(self._rounded, self.exact, strict=True):
            exact.grad, rough.grad = rough.grad, None

    @torch.no_grad()
    def again(self) -> None:
        """Round anew, after the exact ones moved."""
        for rough, exact in zip(self._rounded, self.exact, strict=True):
            rough.copy_(rounded(exact))
