"""Float graph + ranges + plan -> integer graph: pure, and the same for every target whose arithmetic is described."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from edgernn.calibration import Statistics
from edgernn.graph import DType, Graph, Node, Quantization, Scan, Value
from edgernn.graph import operators as ops
from edgernn.quantization.arithmetic import LARGEST_SUM, Plan
from edgernn.quantization.fed_back import fed_back
from edgernn.quantization.grouping import Forms
from edgernn.quantization.typed import Typed
from edgernn.quantization.types import choose_types
from edgernn.quantization.weights import (
    least_scale,
    quantize_bias,
    quantize_kernel,
    quantize_to_data,
    quantize_without_bias,
    zero_bias,
)
from edgernn.ranges import Range

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
    """Types and forms of one model, and the rewriting of its graphs by them."""

    def __init__(self, graph: Graph, statistics: Statistics, plan: Plan) -> None:
        self.plan, self.moments = plan, statistics.moments
        self.kept = fed_back(graph)
        self.types = choose_types(graph, plan, statistics.ranges, self.kept.values)
        self.forms = Forms(graph, statistics.ranges, self.types, plan, self.kept.pairs)

    def graph(self, graph: Graph, *, float_io: bool) -> Graph:
        """Rewrite the main graph."""
        rewrite = Typed()
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
                dtype = self.plan.type_of_output(value)
                if float_io:
                    result = rewrite.convert(result, "float32", None, value.name)
                elif value in self.kept.pairs:
                    result = rewrite.rename(result, value.name)
                elif result.dtype != dtype or result is value:
                    result = rewrite.convert(result, dtype, self.forms.of_output(value, dtype), value.name)
                else:
                    result = rewrite.rename(result, value.name)
            outputs.append(result)
        return rewrite.graph(replace(graph, inputs=tuple(inputs), outputs=tuple(outputs)))

    def _form(self, value: Value) -> tuple[DType, Quantization]:
        return self.types[value], self.forms.of(value)

    def _nodes(self, graph: Graph, rewrite: Typed) -> None:
        for node in graph.nodes:
            if isinstance(node.operator, Scan):
                self._scan(node, node.operator, rewrite)
            elif node.outputs[0] not in self.types:
                rewrite.keep(node)
            else:
                self._node(node, rewrite)

    def _node(self, node: Node, rewrite: Typed) -> None:
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
                wanted = form if k in tied else self.forms.of_argument(operator, value, dtype)
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

    @staticmethod
    def _operands(operator: ops.Operator) -> int:
        return operator.operands if isinstance(operator, ops.Affine) else 1

    def _operand(self, value: Value, dtype: DType, form: Quantization | None, rewrite: Typed) -> Value:
        if value.data is not None:
            used = form or self.forms.alone(Range.of(value.data), dtype)
            return replace(value, dtype=dtype, data=used.quantize(value.data, dtype), quantization=used)
        wanted = form
        if wanted is None and self.types[value] != dtype:
            wanted = self.forms.of_copy(value, dtype)
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
        wide, channels, largest = (
            self.plan.wide_bias,
            self.plan.per_channel or node.output.name in self.plan.fine,
            self.plan.largest_sum,
        )
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

    def _scan(self, node: Node, scan: Scan, rewrite: Typed) -> None:
        inner = Typed()
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
