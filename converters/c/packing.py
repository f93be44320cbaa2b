"""The order in which weights lie in the C output, as the kernels in runtime/ read them."""

from __future__ import annotations

import numpy as np

Array = np.ndarray
INTEGER_ROWS, INTEGER_COLUMNS = 4, 4  # of one step of edgernn_matvec_s8s16
FLOAT_ROWS = 8  # of one step of edgernn_matvec_f32
_BYTES = [0, 2, 1, 3]  # columns of a group by byte: the two in lower halves' bytes meet one word of activations


def pack_s8(weights: Array) -> Array:
    """Pack int8 weights `[rows, columns]` for `edgernn_matvec_s8s16`.

    Returns:
        One axis: [row block of 4][column group of 4][row of the block][columns 0, 2, 1, 3 of the group], with zeros
        where rows and columns are no multiples of 4.
    """
    padded = _padded(weights, INTEGER_ROWS, INTEGER_COLUMNS).astype("i1")
    blocks = padded.reshape(-1, INTEGER_ROWS, padded.shape[1] // INTEGER_COLUMNS, INTEGER_COLUMNS)
    return np.ascontiguousarray(blocks.transpose(0, 2, 1, 3)[..., _BYTES]).reshape(-1)


def unpack_s8(packed: Array, rows: int, columns: int) -> Array:
    """The weights `[rows, columns]` that `pack_s8` packed."""
    groups = -(-columns // INTEGER_COLUMNS)
    blocks = packed.reshape(-1, groups, INTEGER_ROWS, INTEGER_COLUMNS)[..., np.argsort(_BYTES)]
    return np.asarray(blocks.transpose(0, 2, 1, 3).reshape(-1, groups * INTEGER_COLUMNS)[:rows, :columns])


def pack_f32(weights: Array) -> Array:
    """Pack float32 weights `[rows, columns]` for `edgernn_matvec_f32`.

    Returns:
        One axis: [row block of 8][column][row of the block], with zeros where rows are no multiple of 8.
    """
    padded = _padded(weights, FLOAT_ROWS, 1).astype("f4")
    return np.ascontiguousarray(padded.reshape(-1, FLOAT_ROWS, padded.shape[1]).transpose(0, 2, 1)).reshape(-1)


def unpack_f32(packed: Array, rows: int, columns: int) -> Array:
    """The weights `[rows, columns]` that `pack_f32` packed."""
    return np.asarray(packed.reshape(-1, columns, FLOAT_ROWS).transpose(0, 2, 1).reshape(-1, columns)[:rows])


def pad_rows(bias: Array, rows_per_block: int) -> Array:
    """A bias with zeros up to a whole block of rows."""
    return np.pad(bias, (0, -len(bias) % rows_per_block))


def accumulator_bound(weights: Array, bias: Array, largest: int = 32768) -> int:
    """The largest absolute value that a sum can have at any point of its calculation, in any order.

    Args:
        weights: integers `[rows, columns]`.
        bias: integers `[rows]`.
        largest: absolute value of an activation.
    """
    return int((np.abs(weights.astype("i8")).sum(axis=1) * largest + np.abs(bias.astype("i8"))).max(initial=0))


def _padded(weights: Array, rows: int, columns: int) -> Array:
    return np.pad(weights, ((0, -weights.shape[0] % rows), (0, -weights.shape[1] % columns)))
