"""Functions that the runtimes have no integer kernel for, as tables of 256 entries.

8 bits: CAST to int32, add 128, GATHER. It is exact, since an int8 tensor has only 256 values.

16 bits: the table gives the function in the middle of 256 pieces of the range, and each piece is a straight line. No
runtime gathers 16-bit integers on a microcontroller, so a number of 16 bits is looked up as two of 8:

    k = the upper 8 bits of x - 128 units, rounded          the piece: from 256 k to 256 (k + 1) units of x
    r = x - 256 k - 128 units                               how far x is from the middle of the piece
    y = 256 upper[k] + lower[k] + slope[k] r
"""

from __future__ import annotations

import numpy as np

from edgernn.converters.tflite.subgraph import Subgraph
from edgernn.graph import Node, Quantization
from edgernn.graph import operators as ops
from edgernn.reference import UNARY

_HUGE = 1e30
_PIECE = 256  # units of a 16-bit input
_CLEAR = 1.001  # above the finest scale in which a product is computed


def lower_table(node: Node, operator: ops.Unary, g: Subgraph) -> None:
    """Append one function.

    Raises:
        ValueError: its input and output are not both of 8 or both of 16 bits.
    """
    before, after = node.inputs[0].quantization, node.output.quantization
    match before, after, node.inputs[0].dtype, node.output.dtype:
        case Quantization(), Quantization(), "int8", "int8":
            table = after.quantize(_real(operator, before.dequantize(np.arange(-128, 128, dtype="int32"))), "int8")
            index = _index(g, node.inputs[0].shape, g.batched(node.inputs[0]))
            _gather(g, table, after, index, g.tensor(node.output))
        case Quantization(), Quantization(), "int16", "int16":
            _lower_16(node, operator, before.scale, after.scale, g)
        case _:
            raise ValueError(f"function '{operator.function}' needs 8 or 16 bits on both sides")


def _real(operator: ops.Unary, x: np.ndarray) -> np.ndarray:
    """The function; a table also covers what no input is, such as the root of a negative number."""
    with np.errstate(all="ignore"):
        values = UNARY[operator.function](x.astype("f8"), operator.alpha)
    return np.asarray(np.nan_to_num(values, nan=_HUGE, posinf=_HUGE, neginf=-_HUGE))


def _lower_16(node: Node, operator: ops.Unary, x_scale: float, y_scale: float, g: Subgraph) -> None:
    shape = (1, *node.output.shape)
    upper, lower, slope, slope_scale = pieces(operator, x_scale, y_scale)
    unit, piece = Quantization((x_scale,)), Quantization((_PIECE * x_scale,))

    def wide(form: Quantization) -> int:
        return g.scratch(shape, dtype="int16", form=form)

    def add(code: str, a: int, b: int, form: Quantization) -> int:
        result = wide(form)
        g.emit(code, [a, b], [result], "int16", options=f"{code.title()}Options", potScaleInt16=False)
        return result

    def convert(source: int, dtype: str, form: Quantization) -> int:
        result = g.scratch(shape, dtype=dtype, form=form)
        before = "int16" if dtype == "int8" else "int8"
        g.emit("QUANTIZE", [source], [result], before, options="QuantizeOptions", at_least=2)
        return result

    half = g.constant(np.asarray(_PIECE // 2, "int16"), unit)
    shifted = add("SUB", g.batched(node.inputs[0]), half, unit)
    k = convert(shifted, "int8", piece)
    rest = add("SUB", shifted, convert(k, "int16", piece), unit)
    index = _index(g, node.output.shape, k)

    def looked_up(table: np.ndarray, form: Quantization) -> int:
        found = g.scratch(shape, dtype="int8", form=form)
        _gather(g, table, form, index, found)
        return convert(found, "int16", form)

    y = Quantization((y_scale,))
    middle = add("ADD", looked_up(upper, Quantization((_PIECE * y_scale,))), looked_up(lower, y), y)
    product_scale = max(_PIECE * x_scale * 127 * slope_scale / 32767, x_scale * slope_scale * _CLEAR)
    change = wide(Quantization((float(np.float32(product_scale)),)))
    g.emit("MUL", [rest, looked_up(slope, Quantization((slope_scale,)))], [change], "int16", options="MulOptions")
    g.emit("ADD", [middle, change], [g.tensor(node.output)], "int16", options="AddOptions", potScaleInt16=False)


def pieces(operator: ops.Unary, x_scale: float, y_scale: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """The tables of a function in 16 bits.

    Args:
        operator: the function.
        x_scale: of its input.
        y_scale: of its output.

    Returns:
        The upper and the lower 8 bits of y in the middle of each piece, int8; the slope, int8; and the slope's scale.
    """
    at = np.arange(-128, 128.5, 0.5) * _PIECE * x_scale
    real = np.clip(_real(operator, at) / y_scale, -32767, 32767)
    ends, exact = real[::2], real[1::2]
    line = (ends[1:] + ends[:-1]) / 2
    # Of a curve, the line lies on one side; it is moved so that its error has no mean, which loops would add up.
    middle = np.rint(line + (exact - line) * 2 / 3)
    upper = np.clip(np.floor((middle + 128) / 256), -128, 127)
    lower = np.clip(middle - 256 * upper, -128, 127)
    slope = np.diff(ends) * y_scale / (_PIECE * x_scale)
    scale = float(np.float32(max(np.abs(slope).max(), 1e-9) / 127))
    return upper.astype("int8"), lower.astype("int8"), np.rint(slope / scale).astype("int8"), scale


def _index(g: Subgraph, shape: tuple[int, ...], source: int) -> int:
    """An int8 tensor as places of a table."""
    wide, index = g.scratch((1, *shape), dtype="int32"), g.scratch((1, *shape), dtype="int32")
    g.emit("CAST", [source], [wide], "int8", options="CastOptions")
    g.emit("ADD", [wide, g.integers(128)], [index], "int32", options="AddOptions")
    return index


def _gather(g: Subgraph, table: np.ndarray, form: Quantization, index: int, output: int) -> None:
    g.emit("GATHER", [g.constant(table, form), index], [output], "int8", options="GatherOptions", axis=0)
