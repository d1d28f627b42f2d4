"""Logistic regression by SciPy's L-BFGS. scikit-learn would be a dependency of every installation, for one
convex loss; tests compare with it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STEPS = 1000
CLOSE = 1e-5  # a slope that leads nowhere any more

Floats = NDArray[np.float64]


def sigmoid(values: Floats) -> Floats:
    likely: Floats = 1 / (1 + np.exp(-np.clip(values, -40, 40)))
    return likely


def logistic(rows: Floats, right: Floats, ridge: Floats, begin: Floats | None = None) -> Floats:
    """(columns,): the weights that make what is `right` likeliest, each held back by its ridge, half of it
    times the square. No column is all zeros where its ridge is 0. `begin` are weights that are not far.
    """
    from scipy.optimize import minimize

    # The steepest that each direction can be; measured by it, all of them are about as long.
    steep = np.sqrt(np.einsum("ij,ij->j", rows, rows) / 4 + ridge)
    side = 1 - 2 * right

    def loss(measured: Floats) -> tuple[float, Floats]:
        weights = measured / steep
        told = rows @ weights
        pull = ridge * weights
        value = np.logaddexp(0, side * told).sum() + 0.5 * (pull @ weights)
        return float(value), (rows.T @ (sigmoid(told) - right) + pull) / steep

    first = np.zeros(len(steep)) if begin is None else begin * steep
    options = {"maxiter": STEPS, "gtol": CLOSE, "ftol": 0.0}
    found: Floats = minimize(loss, first, jac=True, method="L-BFGS-B", options=options).x / steep
    return found
