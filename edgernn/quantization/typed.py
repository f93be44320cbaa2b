"""Graphs in which every value has its integer form, and the conversions between forms."""

from __future__ import annotations

from dataclasses import replace

from edgernn.graph import DType, Node, Quantization, Rewrite, Value
from edgernn.graph import operators as ops

_LARGEST_STEP = 2.0**13  # by which a conversion makes numbers larger


class Typed(Rewrite):
    """A rewrite that knows each value's integer form, and the conversions made of it so far."""

    def __init__(self) -> None:
        """Nothing rewritten yet."""
        super().__init__()
        self.copies: dict[tuple[Value, DType], list[Value]] = {}

    def settle(self, value: Value, dtype: DType, form: Quantization) -> Value:
        """The value itself in its integer form."""
        typed = replace(value, dtype=dtype, quantization=form)
        self.replaced[value] = typed
        self.copies[value, dtype] = [typed]
        return typed

    def copy(self, value: Value, dtype: DType, form: Quantization | None, *, exact: bool) -> Value:
        """`value` as `dtype`: in any scale that is there already, or, if `exact`, in the scale `form`."""
        known = self.copies.setdefault((value, dtype), [])
        for candidate in known:
            if not exact or candidate.quantization == form:
                return candidate
        if form is None:
            raise ValueError(f"value '{value.name}' has no form as {dtype}")
        known.append(self.convert(self(value), dtype, form))
        return known[-1]

    def convert(self, value: Value, dtype: DType, form: Quantization | None, name: str = "") -> Value:
        """A conversion node."""
        result = Value(name or f"{value.name}_{dtype}", value.shape, dtype, None, form)
        self.requantize(value, result)
        return result

    def requantize(self, value: Value, result: Value) -> None:
        """Conversion nodes: several where one would have to multiply by so much that 32 bits overflow."""
        before, after = value.quantization, result.quantization
        step = 0
        while before is not None and after is not None and before.scale > _LARGEST_STEP * after.scale:
            step, before = step + 1, Quantization((before.scale / _LARGEST_STEP,))
            between = replace(result, name=f"{result.name}_step{step}", dtype="int16", quantization=before)
            self.nodes.append(Node(ops.Requantize(), (value,), (between,)))
            value = between
        self.nodes.append(Node(ops.Requantize(), (value,), (result,)))

    def rename(self, value: Value, name: str) -> Value:
        """Outputs keep the name that the user knows."""
        return value if value.name == name else replace(value, name=name)
