"""Which values share a scale, and the scale that each group gets."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from edgernn.graph import DType, Graph, Quantization, Scan, Value
from edgernn.graph import operators as ops
from edgernn.quantization.arithmetic import Plan
from edgernn.quantization.scales import LEAST_HEADROOM_16, ScaleGroups, from_range
from edgernn.ranges import ClipMethod, Range, with_room

_REACH = 32767  # of a 16-bit tensor, in its units


class Forms:
    """The integer form of every value of one model."""

    def __init__(
        self,
        graph: Graph,
        ranges: Mapping[Value, Range],
        types: Mapping[Value, DType],
        plan: Plan,
        states: Mapping[Value, Value],
    ) -> None:
        """Group the values and choose scales.

        Args:
            graph: float.
            ranges: that its values were seen to take.
            types: that they get.
            plan: the choices.
            states: the input that each output is fed back to.
        """
        self._plan, self._ranges, self._types, self._states = plan, ranges, types, states
        self._outputs = set(graph.outputs)
        self._groups = ScaleGroups()
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
        self._answers = {self._groups.find(value) for value in graph.outputs if value in types}
        if plan.sharing > 1:
            self._groups.share(self._apart(graph), plan.sharing)

    def of(self, value: Value) -> Quantization:
        """The scale and zero point of a value's group."""
        answer = self._groups.find(value) in self._answers  # whose range has just been given room
        clip: ClipMethod = "minmax" if answer else self._plan.clip
        return self._groups.quantization(value, clip, power_of_two=self._plan.power_of_two)

    def alone(self, range_: Range, dtype: DType) -> Quantization:
        """The form of a copy that shares its scale with nothing."""
        return from_range(range_, dtype, "minmax", power_of_two=self._plan.power_of_two)

    def of_copy(self, value: Value, dtype: DType) -> Quantization:
        """The form of a value in another type than its own."""
        return self.alone(self._range(value), dtype)

    def of_output(self, value: Value, dtype: DType) -> Quantization:
        """Form of an output that has to change its type: fixed where its maker fixes one, else by its range."""
        if self.of(value).scales == (1 / 32768,) and self._ranges[value].low >= 0 and dtype == "int8":
            return Quantization((1 / 256,), -128)
        return self.alone(with_room(self._ranges[value]), dtype)

    def of_argument(self, operator: ops.Operator, value: Value, dtype: DType) -> Quantization | None:
        """The form that a saturating function of that type wants, if its argument has another for others' sake."""
        if value not in self._types:
            return None
        largest = self._groups.largest(value)
        if self._types[value] != dtype:
            reach = self._plan.arithmetic.reach(operator, dtype)
            if reach is not None and dtype == "int8":
                return self.alone(self._range(value).within(reach), dtype)
        wanted = self._plan.arithmetic.preferred_input(operator, dtype, largest * LEAST_HEADROOM_16)
        return wanted if wanted and self.of(value).scale > wanted.scale else None

    def _add(self, value: Value, producer: ops.Operator | None = None) -> None:
        if value in self._types:
            dtype = self._types[value]
            fixed = self._plan.arithmetic.fixed(producer, dtype) if producer else None
            self._groups.add(value, dtype, self._range(value), fixed)

    def _range(self, value: Value) -> Range:
        if value in self._ranges:
            found = self._ranges[value]
            # A 16-bit scale has room for twice what was seen, but for a power of two.
            cramped = self._plan.power_of_two or self._types[value] == "int8"
            return with_room(found) if cramped and value in self._outputs else found
        return Range.of(np.zeros(1, "f4") if value.data is None else value.data)

    def _tie(self, graph: Graph) -> None:
        """States first, which must leave and enter with one scale; then data movement, loops and joins."""
        for after, given in self._states.items():
            self._tie_pair(given, after)
        nodes = [node for node in graph.walk() if node.outputs[0] in self._types]
        single = [node for node in nodes if len(self._plan.arithmetic.tied(node)) == 1]
        for node in single:
            for value in node.outputs:
                self._tie_pair(value, node.inputs[0])
        for node in graph.walk():
            if isinstance(node.operator, Scan):
                self._tie_scan(node.inputs, node.outputs, node.operator)
        for node in nodes:
            if node not in single:
                for k in self._plan.arithmetic.tied(node):
                    self._tie_pair(node.output, node.inputs[k])

    def _tie_scan(self, inputs: tuple[Value, ...], outputs: tuple[Value, ...], scan: Scan) -> None:
        for outside, inside in zip(inputs, scan.body.inputs, strict=True):
            if inside in self._types and outside.data is not None:
                self._groups.add(outside, self._types[inside], Range.of(outside.data))
            self._tie_pair(inside, outside)
        for k, (outside, inside) in enumerate(zip(outputs, scan.body.outputs, strict=True)):
            if inside.data is not None and outside in self._types:
                self._groups.add(inside, self._types[outside], Range.of(inside.data))
            if k < scan.carries:
                self._tie_pair(scan.body.inputs[k], inside)
                self._tie_pair(outside, scan.body.inputs[k])
            else:
                self._tie_pair(outside, inside)

    def _tie_pair(self, a: Value, b: Value) -> None:
        if a in self._groups and b in self._groups:
            self._groups.tie(a, b)

    def _prefer(self, graph: Graph) -> None:
        """Give functions the argument that suits them, unless it would clip what others read too.

        In 16 bits, that is the scale on which they are exact; in 8, no more of a range than where they still change.
        """
        linear = self._read_by_others(graph)
        reaches: dict[Value, float] = {}
        for node in graph.walk():
            value = node.inputs[0]
            if value not in self._types:
                continue
            group = self._groups.find(value)
            needed = self._groups.largest(value) * LEAST_HEADROOM_16
            wanted = self._plan.arithmetic.preferred_input(node.operator, self._types[value], needed)
            if wanted and (group not in linear or needed <= _REACH * wanted.scale):
                self._groups.prefer(value, wanted)
            reach = self._plan.arithmetic.reach(node.operator, self._types[value])
            if reach is not None and self._types[value] == "int8" and group not in linear:
                reaches[group] = max(reach, reaches.get(group, 0.0))
        for group, reach in reaches.items():
            self._groups.limit(group, reach)

    def _read_by_others(self, graph: Graph) -> set[Value]:
        """The groups that something reads which does not saturate: a sum, a product, the next step, the caller."""
        read = list(graph.outputs)
        for node in graph.walk():
            if isinstance(node.operator, Scan):
                read += node.operator.body.outputs
                continue
            for value in node.inputs:
                if value not in self._types:
                    continue
                made = node.outputs[0]
                moved = made in self._types and self._groups.find(made) is self._groups.find(value)
                saturated = self._plan.arithmetic.reach(node.operator, self._types[value]) is not None
                if not moved and not saturated:
                    read.append(value)
        return {self._groups.find(value) for value in read if value in self._types}

    def _apart(self, graph: Graph) -> list[Value]:
        """What keeps its own scale: states, and what the user gives and gets."""
        scans = [node.operator for node in graph.walk() if isinstance(node.operator, Scan)]
        states = [value for scan in scans for value in scan.body.inputs[: scan.carries]]
        answers = [value for value in graph.outputs if self._plan.type_of_output(value) == "int16"]
        return [value for value in (*states, *graph.inputs, *answers) if value in self._types]
