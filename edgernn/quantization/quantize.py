"""Float graph + ranges + plan -> integer graph: pure, and the same for every target whose arithmetic is described."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from edgernn.calibration import Statistics
from edgernn.graph import DType, Graph, Node, Quantization, Rewrite, Scan, Value
from edgernn.graph import operators as ops
from edgernn.quantization.arithmetic import LARGEST_SUM, Plan
from edgernn.quantization.fed_back import fed_back
from edgernn.quantization.scales import ScaleGroups, from_range
from edgernn.quantization.types import choose_types
from edgernn.quantization.weights import (
    least_scale,
    quantize_bias,
    quantize_kernel,
    quantize_to_data,
    quantize_without_bias,
    zero_bias,
)
from edgernn.ranges import Range, with_room

_REACH = 32767  # of a 16-bit tensor, in its units
_LARGEST_STEP = 2.0**13  # by which a conversion makes numbers larger
_PRODUCTS = (ops.Affine, ops.Conv, ops.DepthwiseConv)


def quantize(graph: Graph, statistics: Statistics, plan: Plan, *, float_io: bool) -> Graph:
    """The integer graph.

    Args:
        graph: float; every Affine has one operand or only operands of one type.
        statistics: of every float value, from `calibrate`.
        plan: the choices.
        float_io: whether the graph's inputs and outputs stay float32, with a conversion at either end.
    """
    return _Quantizer(graph, statistics, plan).graph(graph, float_io=float_io)


class _Quantizer:
    """Types and scale groups of one model, and the rewriting of its graphs by them."""

    def __init__(self, graph: Graph, statistics: Statistics, plan: Plan) -> None:
        self.plan, self.ranges, self.moments = plan, statistics.ranges, statistics.moments
        self.kept = fed_back(graph)
        self.types = choose_types(graph, plan, statistics.ranges, self.kept.values)
        self.outputs = set(graph.outputs)
        self.groups = ScaleGroups()
        for node in graph.walk():
            if isinstance(node.operator, Scan):
                for value in node.operator.body.inputs:
                    self._add(value)
            for value in node.outputs:
                self._add(value, node.operator)
        for value in graph.inputs:
            self._add(value)
        self._tie(graph)
        self._prefer(graph)
        if plan.sharing > 1:
            self.groups.share(self._apart(graph), plan.sharing)

    def _add(self, value: Value, producer: ops.Operator | None = None) -> None:
        if value in self.types:
            dtype = self.types[value]
            fixed = self.plan.arithmetic.fixed(producer, dtype) if producer else None
            self.groups.add(value, dtype, self._range(value), fixed)

    def _range(self, value: Value) -> Range:
        if value in self.ranges:
            found = self.ranges[value]
            # A 16-bit scale has room for twice what was seen, but for a power of two.
            cramped = self.plan.power_of_two or self.types[value] == "int8"
            return with_room(found) if cramped and value in self.outputs else found
        return Range.of(np.zeros(1, "f4") if value.data is None else value.data)

    def _tie(self, graph: Graph) -> None:
        """States first, which must leave and enter with one scale; then data movement, loops and joins."""
        for after, given in self.kept.pairs.items():
            self._tie_pair(given, after)
        nodes = [node for node in graph.walk() if node.outputs[0] in self.types]
        single = [node for node in nodes if len(self.plan.arithmetic.tied(node)) == 1]
        for node in single:
            for value in node.outputs:
                self._tie_pair(value, node.inputs[0])
        for node in graph.walk():
            if isinstance(node.operator, Scan):
                self._tie_scan(node, node.operator)
        for node in nodes:
            if node not in single:
                for k in self.plan.arithmetic.tied(node):
                    self._tie_pair(node.output, node.inputs[k])

    def _tie_scan(self, node: Node, scan: Scan) -> None:
        for outside, inside in zip(node.inputs, scan.body.inputs, strict=True):
            if inside in self.types and outside.data is not None:
                self.groups.add(outside, self.types[inside], Range.of(outside.data))
            self._tie_pair(inside, outside)
        for k, (outside, inside) in enumerate(zip(node.outputs, scan.body.outputs, strict=True)):
            if inside.data is not None and outside in self.types:
                self.groups.add(inside, self.types[outside], Range.of(inside.data))
            if k < scan.carries:
                self._tie_pair(scan.body.inputs[k], inside)
                self._tie_pair(outside, scan.body.inputs[k])
            else:
                self._tie_pair(outside, inside)

    def _tie_pair(self, a: Value, b: Value) -> None:
        if self._known(a) and self._known(b):
            self.groups.tie(a, b)

    def _known(self, value: Value) -> bool:
        return value in self.groups

    def _prefer(self, graph: Graph) -> None:
        """Give functions the input scale on which they are exact, unless it would clip what others read too."""
        linear = self._read_by_others(graph)
        for node in graph.walk():
            value = node.inputs[0]
            if value in self.types:
                largest = self.groups.largest(value)
                wanted = self.plan.arithmetic.preferred_input(node.operator, self.types[value], largest)
                if wanted and (self.groups.find(value) not in linear or largest <= _REACH * wanted.scale):
                    self.groups.prefer(value, wanted)

    def _read_by_others(self, graph: Graph) -> set[Value]:
        """The groups that something reads which does not saturate: a sum, a product, the next step, the caller."""
        read = list(graph.outputs)
        for node in graph.walk():
            if isinstance(node.operator, Scan):
                read += node.operator.body.outputs
                continue
            for value in node.inputs:
                if value not in self.types:
                    continue
                moved = node.outputs[0] in self.types and self.groups.find(node.outputs[0]) is self.groups.find(value)
                saturated = self.plan.arithmetic.preferred_input(node.operator, self.types[value], 0.0)
                if not moved and not saturated:
                    read.append(value)
        return {self.groups.find(value) for value in read if value in self.types}

    def _apart(self, graph: Graph) -> list[Value]:
        """What keeps its own scale: states, and what the user gives and gets."""
        scans = [node.operator for node in graph.walk() if isinstance(node.operator, Scan)]
        states = [value for scan in scans for value in scan.body.inputs[: scan.carries]]
        answers = graph.outputs if (self.plan.outputs or self.plan.inputs) == "int16" else ()
        return [value for value in (*states, *graph.inputs, *answers) if value in self.types]

    def quantization(self, value: Value) -> Quantization:
        return self.groups.quantization(value, self.plan.clip, power_of_two=self.plan.power_of_two)

    def graph(self, graph: Graph, *, float_io: bool) -> Graph:
        """Rewrite the main graph."""
        rewrite = _Typed()
        inputs = []
        for value in graph.inputs:
            if value not in self.types:
                inputs.append(value)
            elif float_io:
                inputs.append(value)  # masks are taken from the float values
                rewrite.copies[value, self.types[value]] = [rewrite.convert(value, *self._form(value))]
            else:
                inputs.append(rewrite.settle(value, *self._form(value)))
        self._nodes(graph, rewrite)
        outputs = []
        for value in graph.outputs:
            result = rewrite(value)
            if value in self.types:
                dtype = self.plan.outputs or self.plan.inputs
                if float_io:
                    result = rewrite.convert(result, "float32", None, value.name)
                elif value in self.kept.pairs:
                    result = rewrite.rename(result, value.name)
                elif result.dtype != dtype or result is value:
                    result = rewrite.convert(result, dtype, self._output_form(value, dtype), value.name)
                else:
                    result = rewrite.rename(result, value.name)
            outputs.append(result)
        return rewrite.graph(replace(graph, inputs=tuple(inputs), outputs=tuple(outputs)))

    def _output_form(self, value: Value, dtype: DType) -> Quantization:
        """Scale of an output that has to change its type: fixed where its maker fixes one, else by its range."""
        own = self.quantization(value)
        if own.scales == (1 / 32768,) and self.ranges[value].low >= 0 and dtype == "int8":
            return Quantization((1 / 256,), -128)
        return self._from_range(with_room(self.ranges[value]), dtype)

    def _from_range(self, range_: Range, dtype: DType) -> Quantization:
        return from_range(range_, dtype, "minmax", power_of_two=self.plan.power_of_two)

    def _form(self, value: Value) -> tuple[DType, Quantization]:
        return self.types[value], self.quantization(value)

    def _nodes(self, graph: Graph, rewrite: _Typed) -> None:
        for node in graph.nodes:
            if isinstance(node.operator, Scan):
                self._scan(node, node.operator, rewrite)
            elif node.outputs[0] not in self.types:
                rewrite.keep(node)
            else:
                self._node(node, rewrite)

    def _node(self, node: Node, rewrite: _Typed) -> None:
        operator = node.operator
        dtype, form = self._form(node.outputs[0])
        tied = self.plan.arithmetic.tied(node)
        inputs: list[Value] = []
        for k, value in enumerate(node.inputs):
            if isinstance(operator, _PRODUCTS) and k >= self._operands(operator):
                break
            if value.dtype != "float32":
                inputs.append(rewrite(value))
            else:
                wanted = form if k in tied else self._saturated(operator, value, dtype)
                inputs.append(self._operand(value, dtype, wanted, rewrite))
        if isinstance(operator, _PRODUCTS):
            operator, inputs = self._product(operator, node, inputs)
        moved = len(tied) == 1  # all parts of a split are its input's integers
        outputs = tuple(
            rewrite.settle(value, *((dtype, form) if moved else self._form(value))) for value in node.outputs
        )
        finest = self.plan.arithmetic.finest(operator, inputs)
        if finest > form.scale:
            (output,) = outputs
            coarse = replace(output, name=f"{output.name}_coarse", quantization=self._coarser(form, dtype, finest))
            rewrite.nodes.append(replace(node, operator=operator, inputs=tuple(inputs), outputs=(coarse,)))
            rewrite.requantize(coarse, output)
        else:
            rewrite.nodes.append(replace(node, operator=operator, inputs=tuple(inputs), outputs=outputs))

    def _coarser(self, form: Quantization, dtype: DType, scale: float) -> Quantization:
        """At least that scale, around the same numbers."""
        if self.plan.power_of_two:
            return Quantization((2.0 ** math.ceil(math.log2(scale)),))
        scale = float(np.nextafter(np.float32(scale), np.float32(np.inf)))
        if dtype == "int16":
            return Quantization((scale,))
        low = (-128 - form.zero_point) * form.scale
        return Quantization((scale,), int(np.clip(round(-128 - low / scale), -128, 127)))

    def _saturated(self, operator: ops.Operator, value: Value, dtype: DType) -> Quantization | None:
        """The form on which a function of that type is exact, if its input has a coarser one for others' sake."""
        if value not in self.types:
            return None
        wanted = self.plan.arithmetic.preferred_input(operator, dtype, self.groups.largest(value))
        return wanted if wanted and self.quantization(value).scale > wanted.scale else None

    @staticmethod
    def _operands(operator: ops.Operator) -> int:
        return operator.operands if isinstance(operator, ops.Affine) else 1

    def _operand(self, value: Value, dtype: DType, form: Quantization | None, rewrite: _Typed) -> Value:
        if value.data is not None:
            used = form or self._from_range(Range.of(value.data), dtype)
            return replace(value, dtype=dtype, data=used.quantize(value.data, dtype), quantization=used)
        wanted = form
        if wanted is None and self.types[value] != dtype:
            wanted = self._from_range(self._range(value), dtype)
        return rewrite.copy(value, dtype, wanted, exact=form is not None)

    def _product(
        self, operator: ops.Affine | ops.Conv | ops.DepthwiseConv, node: Node, inputs: list[Value]
    ) -> tuple[ops.Operator, list[Value]]:
        kernel = node.inputs[len(inputs)]
        moments = self.moments.get(node.inputs[0]) if isinstance(operator, ops.Affine) else None
        if moments is not None and len(moments) == kernel.shape[-1]:
            return operator, [*inputs, quantize_without_bias(kernel, moments)]
        # Without a bias, one of zeros: it takes up the mean of the rounding error, and convolutions insist on one.
        bias = node.inputs[-1] if operator.bias else zero_bias(f"{node.output.name}_bias", node.output.shape[-1])
        wide, channels, largest = self.plan.wide_bias, self.plan.per_channel, self.plan.largest_sum
        if isinstance(operator, ops.Conv) and inputs[0].dtype == "int16":
            wide, largest = False, LARGEST_SUM  # CMSIS-NN adds up in 32 bits whatever the bias has
        least = least_scale(bias, inputs[0], wide=wide)
        if moments is None:
            kernel = quantize_kernel(kernel, operator, per_channel=channels, largest_sum=largest, least=least)
        else:
            kernel, bias = quantize_to_data(
                kernel, bias, moments, per_channel=channels, largest_sum=largest, least=least
            )
        integers = quantize_bias(bias, inputs[0], kernel, operator, wide=self.plan.wide_bias)
        return replace(operator, bias=True), [*inputs, kernel, integers]

    def _scan(self, node: Node, scan: Scan, rewrite: _Typed) -> None:
        inner = _Typed()
        inputs, body_inputs = [], []
        for outside, inside in zip(node.inputs, scan.body.inputs, strict=True):
            if inside not in self.types:
                inputs.append(rewrite(outside))
                body_inputs.append(inside)
            else:
                dtype, form = self._form(inside)
                inputs.append(self._operand(outside, dtype, form, rewrite))
                body_inputs.append(inner.settle(inside, dtype, form))
        self._nodes(scan.body, inner)
        body_outputs = []
        # A final state is the integers that the last step leaves in the carry, whatever range the loop's output has.
        owners = (*scan.body.inputs[: scan.carries], *node.outputs[scan.carries :])
        for value, owner in zip(scan.body.outputs, owners, strict=True):
            if value.data is not None and owner in self.types:
                body_outputs.append(self._operand(value, *self._form(owner), inner))
            elif value not in self.types:
                body_outputs.append(inner(value))
            else:
                body_outputs.append(inner.copy(value, *self._form(owner), exact=True))
        body = inner.graph(replace(scan.body, inputs=tuple(body_inputs), outputs=tuple(body_outputs)))
        outputs = tuple(
            rewrite.settle(value, *self._form(owner)) if value in self.types else value
            for value, owner in zip(node.outputs, owners, strict=True)
        )
        rewrite.nodes.append(replace(node, operator=replace(scan, body=body), inputs=tuple(inputs), outputs=outputs))


class _Typed(Rewrite):
    """A rewrite that knows each value's integer form, and the conversions made of it so far."""

    def __init__(self) -> None:
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
