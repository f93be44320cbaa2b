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
    kernel: np.ndarray, scales: np.ndarray, moments: np.ndarray, bias: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Integers for a kernel, and the bias that goes with them.

    Args:
        kernel: real weights `[rows, columns]`.
        scales: one per row, or one for all.
        moments: mean of v v^T over the calibration data, v = [x, 1], or x without a bias.
        bias: real `[rows]`; None where a column of the kernel serves as such.

    Returns:
        int8 weights `[rows, columns]` in [-127, 127], and the real bias, empty if there is none.
    """
    columns = kernel.shape[1]
    order, factor = elimination(moments, columns)
    step = np.broadcast_to(np.asarray(scales, "f8").reshape(-1), (kernel.shape[0],))
    real = np.concatenate([kernel, *([] if bias is None else [bias[:, None]])], axis=1).astype("f8")[:, order]
    integers = np.empty((kernel.shape[0], columns), "f8")
    for k in range(columns):
        integers[:, k] = np.clip(np.round(real[:, k] / step), -127, 127)
        error = (real[:, k] - integers[:, k] * step) / factor[k, k]
        real[:, k + 1 :] -= error[:, None] * factor[k, k + 1 :]
    result = np.empty((kernel.shape[0], columns), "int8")
    result[:, order[:columns]] = integers.astype("int8")
    return result, real[:, columns:].reshape(-1).astype("f4")


def elimination(moments: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """The order in which columns are rounded, and how the later ones take up an earlier one's rounding.

    A rounding error e of the k-th column in that order becomes (e / factor[k, k])^2 of the output's squared error.

    Args:
        moments: mean of v v^T; a last one in v, if it has more elements than there are columns, is a bias.
        columns: to be rounded.

    Returns:
        Indices, the bias last; and an upper triangular matrix of their number.
    """
    damped = moments.astype("f8").copy()
    damped[np.diag_indices(columns)] += _DAMPING * np.trace(damped[:columns, :columns]) / max(columns, 1) + 1e-12
    damped[columns:, columns:] += 1e-9
    # Columns with the most energy first: their rounding error has the most others left to absorb it. Equal ones, but
    # for the last bits of their sums, in the order in which they are.
    energy = np.frexp(np.diag(damped)[:columns])
    rounded = np.ldexp(np.round(energy[0] * 4096), energy[1])
    order = np.append(np.argsort(-rounded, kind="stable"), np.arange(columns, len(damped)))
    inverse = np.linalg.inv(damped[np.ix_(order, order)])
    return order, np.linalg.cholesky((inverse + inverse.T) / 2).T  # upper: row k serves the columns from k on
