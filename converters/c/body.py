"""From a graph to the lines of a C function.

The graph is cut at its products and reductions, whose operands must lie in memory. All that is elementwise between two
cuts is computed where it is needed: a loop is written for each set of values that must be stored, and in it every
operator that leads there, once per element, in registers. So a new cell needs no new C.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

from edgernn.converters.c.elements import Arithmetic, Element
from edgernn.converters.c.index import Index, broadcast, flat, plus
from edgernn.converters.c.outputs import CALCULATED, MOVED, companions, settle, write_outputs
from edgernn.converters.c.program import C_TYPES, Constants, Lines, Pool, Slot
from edgernn.graph import Node, Value
from edgernn.graph import operators as ops

_LAZY = (*CALCULATED, *MOVED)


class Body:
    """Writes one graph, or one step of a loop's body, into the lines of a function."""

    def __init__(self, lines: Lines, constants: Constants, arithmetic: Arithmetic, pool: Pool) -> None:
        """Begin.

        Args:
            lines: of the function.
            constants: of the program.
            arithmetic: of its elements.
            pool: memory for what is stored.
        """
        self.lines, self.constants, self.arithmetic, self.pool = lines, constants, arithmetic, pool
        self.slots: dict[Value, Slot] = {}
        self.totals: dict[Value, Slot] = {}  # accumulators of the products of single vectors
        self.nodes: dict[Value, Node] = {}
        self.targets: Mapping[Value, Sequence[Slot]] = {}  # where the graph's outputs go
        self.waiting: Sequence[Node] = ()  # nodes that are not written yet
        self.steps: dict[Value, tuple[Body, Value, str]] = {}  # one step of a sequence outside
        self.known: dict[tuple[Value, Index], Element] = {}  # elements computed in the loop that is being written
        self.taken: list[tuple[Slot, int]] = []
        self.loads: set[tuple[Slot, str]] = set()  # (array, index) read in that loop

    # --- values ---------------------------------------------------------------------------------------------------

    def declare(self, node: Node) -> None:
        """Take note of a node that is computed element by element."""
        for value in node.outputs:
            self.nodes[value] = node

    def let(self, ctype: str) -> _Let:
        """New variables of one type."""
        return _Let(self, ctype)

    def element(self, value: Value, index: Index) -> Element:
        """One element, computed once in a loop."""
        key = value, index
        if key not in self.known:
            self.known[key] = self._element(value, index)
        return self.known[key]

    def _element(self, value: Value, index: Index) -> Element:
        word = self.let(_register(value))
        if value.data is not None:
            return self._constant(value, index)
        if value in self.slots:
            at = flat(index, value.shape)
            self.loads.add((self.slots[value], at))
            return self.arithmetic.loaded(value, self.slots[value].at(at), word)
        if value in self.steps:
            outside, sequence, step = self.steps[value]
            if sequence in outside.slots:
                at = flat((step, *index), sequence.shape)
                return self.arithmetic.loaded(value, outside.slots[sequence].at(at), word)
            return self._outside(outside, sequence, (step, *index))
        node = self.nodes[value]
        if value in self.totals:
            return self.arithmetic.product(node, self.totals[value].at(flat(index, value.shape)), index[-1], word)
        return self._computed(node, value, index, word)

    def _outside(self, outside: Body, value: Value, index: Index) -> Element:
        """An element of a sequence that was never stored: computed here, by the nodes outside."""
        kept = outside.lines, outside.known
        outside.lines, outside.known = self.lines, self.known
        found = outside.element(value, index)
        outside.lines, outside.known = kept
        return found

    def _computed(self, node: Node, value: Value, index: Index, word: _Let) -> Element:
        match node.operator:
            case ops.Split(sizes=sizes, axis=axis):
                at = axis % len(index)
                offset = sum(sizes[: node.outputs.index(value)])
                return self.element(node.inputs[0], (*index[:at], plus(index[at], offset), *index[at + 1 :]))
            case ops.Slice(begin=begin, stride=stride):
                moved = plus(index[0] if stride == 1 else f"{stride} * ({index[0]})", begin)
                return self.element(node.inputs[0], (moved, *index[1:]))
            case ops.Reverse():
                return self.element(node.inputs[0], (f"{value.shape[0] - 1} - ({index[0]})", *index[1:]))
            case ops.Transpose(permutation=permutation):
                back = sorted(range(len(permutation)), key=lambda k: permutation[k])
                return self.element(node.inputs[0], tuple(index[k] for k in back))
            case ops.Broadcast():
                return self.element(node.inputs[0], broadcast(index, node.inputs[0].shape))
            case ops.Select() | ops.Or():
                parts = [self.element(each, broadcast(index, each.shape)) for each in node.inputs]
                texts = [part.text for part in parts]
                if isinstance(node.operator, ops.Or):
                    return Element(word(f"{texts[0]} | {texts[1]}"), 0, 1)
                chosen = word(f"{texts[0]} ? {texts[1]} : {texts[2]}")
                return Element(chosen, min(p.low for p in parts[1:]), max(p.high for p in parts[1:]))
            case _:
                parts = [self.element(each, broadcast(index, each.shape)) for each in node.inputs]
                return self.arithmetic.compute(node, parts, word)

    def _constant(self, value: Value, index: Index) -> Element:
        word = self.let(_register(value))
        assert value.data is not None, "the caller knows constants"
        name = self.constants.add(value.name, value.data)
        return self.arithmetic.loaded(value, f"{name}[{flat(index, value.shape)}]", word)

    # --- memory ---------------------------------------------------------------------------------------------------

    def take(self, value: Value) -> Slot:
        """Memory for a value, until `release`."""
        return self.take_array(C_TYPES[value.dtype], math.prod(value.shape))

    def take_array(self, ctype: str, size: int) -> Slot:
        """Memory, until `release`."""
        slot = self.pool.take(ctype, size)
        self.taken.append((slot, size))
        return slot

    def release(self) -> None:
        """Give back all memory that was taken here."""
        for slot, size in self.taken:
            self.pool.give_back(slot, size)
        self.taken.clear()

    def stored(self, value: Value, *, reach: int = 0) -> Slot:
        """The value in memory, contiguous.

        Args:
            value: to find there, or to store.
            reach: how many elements from the first one on a kernel reads, in whole words, if one does; they may be
                more than the value has.
        """
        if value.data is not None and not reach:
            return Slot(self.constants.add(value.name, value.data), C_TYPES[value.dtype], owned=False)
        if value in self.steps and value not in self.slots:
            outside, sequence, step = self.steps[value]
            width = math.prod(value.shape)
            found = outside.slots.get(sequence)
            if found is not None and (not reach or (found.owned and width % 2 == 0)):
                found.reserve((sequence.shape[0] - 1) * width + reach)
                return found.part(flat((step, *("0",) * len(value.shape)), sequence.shape))
        if value not in self.slots or (reach and not self.slots[value].owned):
            places = companions(self, value)
            if value not in places:
                places = {value: self.take(value), **places}
            self.store(list(places.items()))
            settle(self, places)
        self.slots[value].reserve(reach)
        return self.slots[value]

    def store(self, targets: Sequence[tuple[Value, Slot]]) -> None:
        """One loop that computes values of one shape and stores each in its slot."""
        self.loops(targets[0][0].shape, lambda index: self.stores(targets, index))

    def store_part(self, value: Value, result: Value, slot: Slot, axis: int, offset: int, *, kept: bool) -> None:
        """One part of a concatenation, in the result's unit, `offset` elements along `axis`.

        With `kept` it will be read there from now on.
        """
        places = companions(self, value, kept=kept)

        def inner(index: Index) -> None:
            element = self.element(value, index)
            if value.dtype == "int16":
                element = self.arithmetic.aligned(value, result, element, self.let("int32_t"))
            place = (*index[:axis], plus(index[axis], offset), *index[axis + 1 :])
            self.lines.add(f"{slot.at(flat(place, result.shape))} = ({slot.ctype}){element.text};")
            self.stores(list(places.items()), index)

        self.loops(value.shape, inner)
        settle(self, places)

    def stores(self, targets: Sequence[tuple[Value, Slot]], index: Index) -> None:
        """In a loop: one element of each value to its slot."""
        found = [(self.element(value, index), value, slot) for value, slot in targets]
        for element, value, slot in found:  # after all reads, since a state is replaced where it lies
            self.lines.add(f"{slot.at(flat(index, value.shape))} = ({slot.ctype}){element.text};")

    def loops(self, shape: Sequence[int], inner: Callable[[Index], None], names: Index = ()) -> None:
        """Nested loops over a shape; `inner` is called with the index and writes the innermost lines."""
        if len(names) == len(shape):
            self.known, self.loads = {}, set()
            if math.prod(shape) == 1:
                with self.lines.block():
                    inner(names)
            else:
                inner(names)
            self.known = {}
            return
        size = shape[len(names)]
        if size == 1:
            self.loops(shape, inner, (*names, "0"))
            return
        innermost = math.prod(shape[len(names) + 1 :]) == 1
        # Turns are independent: memory that is written holds nothing else that is read, but a state at its own element.
        with self.lines.loop("ijkl"[len(names)], size, independent=innermost) as name:
            self.loops(shape, inner, (*names, name))

    # --- nodes ----------------------------------------------------------------------------------------------------

    def graph(self, nodes: Sequence[Node], targets: Mapping[Value, Sequence[Slot]]) -> None:
        """Write every node whose result must lie in memory; the others wait until somebody asks for them.

        Args:
            nodes: in order.
            targets: the outputs, and where each goes; that may be a state's memory, which they are computed from.
        """
        from edgernn.converters.c.cuts import write_cut

        self.targets = targets
        last = _last_uses(nodes, tuple(targets))
        for position, node in enumerate(nodes):
            self.declare(node)
            if not isinstance(node.operator, _LAZY):
                self.waiting = nodes[position:]
                write_cut(self, node)
                self._free({value for value, end in last.items() if end > position})
        self.waiting = ()
        write_outputs(self)

    def _free(self, needed: set[Value]) -> None:
        """Give back the memory that no value needed later lies in."""
        kept = {slot.root for table in (self.slots, self.totals) for value, slot in table.items() if value in needed}
        for slot, size in [entry for entry in self.taken if entry[0].root not in kept]:
            self.pool.give_back(slot, size)
            self.taken.remove((slot, size))


class _Let:
    """Puts expressions into new variables of one type."""

    def __init__(self, body: Body, ctype: str) -> None:
        self.body, self.ctype = body, ctype

    def __call__(self, expression: str) -> str:
        name = self.body.lines.fresh()
        self.body.lines.add(f"const {self.ctype} {name} = {expression};")
        return name


def _last_uses(nodes: Sequence[Node], outputs: Sequence[Value]) -> dict[Value, int]:
    """Where each value is read for the last time; what is computed on demand reads when its own readers do."""
    last = dict.fromkeys(outputs, len(nodes))
    for position, node in reversed(list(enumerate(nodes))):
        end = position
        if isinstance(node.operator, _LAZY):
            end = max((last.get(value, -1) for value in node.outputs), default=-1)
        for value in node.inputs:
            last[value] = max(last.get(value, -1), end)
    return last


def _register(value: Value) -> str:
    return "float" if value.dtype == "float32" else "int32_t"
