"""Rounding of a weight matrix that looks at the data: what one column's rounding spoils, the others make good.

Rounding each weight to its nearest integer is best only if the inputs are uncorrelated, and the states and inputs of a
recurrent layer are anything but. Here columns are rounded one after the other, and after each the remaining columns
(and the bias, which is not rounded) move so that the layer's output over the calibration data changes least. That is
Optimal Brain Surgeon applied to rounding: Hassibi & Stork, 1993; in this column order: Frantar et al., "GPTQ", 2022.
"""

from __future__ import annotations

import numpy as np

_DAMPING = 1e-2  # of the mean diagonal: keeps the inverse bounded where the data leave a direction unseen


def round_to_data(
    kernel: np.ndarray, bias: np.ndarray, scales: np.ndarray, moments: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Integers for a kernel, and the bias that goes with them.

    Args:
        kernel: real weights `[rows, columns]`.
        bias: real `[rows]`.
        scales: one per row, or one for all.
        moments: mean of v v^T over the calibration data, v = [x, 1], `[columns + 1, columns + 1]`.

    Returns:
        int8 weights `[rows, columns]` in [-127, 127], and the real bias.
    """
    columns = kernel.shape[1]
    damped = moments.astype("f8").copy()
    damped[np.diag_indices(columns)] += _DAMPING * np.trace(damped[:columns, :columns]) / max(columns, 1) + 1e-12
    damped[columns, columns] += 1e-9
    # Columns with the most energy first: their rounding error has the most others left to absorb it.
    order = np.append(np.argsort(-np.diag(damped)[:columns], kind="stable"), columns)
    inverse = np.linalg.inv(damped[np.ix_(order, order)])
    factor = np.linalg.cholesky((inverse + inverse.T) / 2).T  # upper: row k serves the columns from k on
    step = np.broadcast_to(np.asarray(scales, "f8").reshape(-1), (kernel.shape[0],))
    real = np.concatenate([kernel, bias[:, None]], axis=1).astype("f8")[:, order]
    integers = np.empty((kernel.shape[0], columns), "f8")
    for k in range(columns):
        integers[:, k] = np.clip(np.round(real[:, k] / step), -127, 127)
        error = (real[:, k] - integers[:, k] * step) / factor[k, k]
        real[:, k + 1 :] -= error[:, None] * factor[k, k + 1 :]
    result = np.empty((kernel.shape[0], columns), "int8")
    result[:, order[:columns]] = integers.astype("int8")
    return result, real[:, columns].astype("f4")
