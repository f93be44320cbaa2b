"""Replace a loop over a standard LSTM by the runtimes' kernel for the whole of it."""

from __future__ import annotations

from collections import Counter

import numpy as np

from edgernn.errors import UnsupportedError
from edgernn.graph import Graph, Node, Rewrite, Scan, Value
from edgernn.graph import operators as ops

_ORDER = ("i", "f", "c", "o")  # of TFLite's kernel, and of Keras
_STANDARD = Counter(sigmoid=3, tanh=2)


def fuse_lstm(graph: Graph) -> Graph:
    """The graph with every scan as one `FusedLstm`; to be called before gates are merged.

    Raises:
        UnsupportedError: a loop is no standard LSTM, or needs what the kernel does not give.
    """
    broken = [(f"layer '{node.layer}': form 'fused' {why}.", _HINT) for node, why in _obstacles(graph)]
    if broken:
        raise UnsupportedError(broken)
    rewrite = Rewrite()
    for node in graph.nodes:
        if isinstance(node.operator, Scan):
            _fuse(node, node.operator, rewrite)
        else:
            rewrite.keep(node)
    return rewrite.graph(graph)


_HINT = "leave --form out."


def _obstacles(graph: Graph) -> list[tuple[Node, str]]:
    """What keeps a loop from the kernel."""
    found = []
    used = {value for node in graph.nodes for value in node.inputs} | set(graph.outputs)
    for node in graph.nodes:
        scan = node.operator
        if not isinstance(scan, Scan):
            continue
        functions = Counter(step.operator.function for step in scan.body.nodes if isinstance(step.operator, ops.Unary))
        starts = node.inputs[: scan.carries]
        if scan.weights is None or set(scan.weights.kernel) != set(_ORDER) or functions != _STANDARD:
            found.append((node, "must be a single LSTM with sigmoid and tanh, without a mask. Found: another loop"))
        elif any(value.data is None or np.any(value.data) for value in starts):
            found.append((node, "starts from a state of zeros. Found: an initial state"))
        elif node.outputs[1] in used:
            found.append((node, "keeps the final cell state to itself. Found: a reader of it"))
    return found


def _fuse(node: Node, scan: Scan, rewrite: Rewrite) -> None:
    gates = scan.weights
    assert gates is not None  # established by _obstacles
    units = node.outputs[0].shape[0]

    def constant(label: str, data: np.ndarray) -> Value:
        return Value(f"{node.layer}/{label}", data.shape, "float32", np.ascontiguousarray(data, "f4"))

    kernels = [constant(f"W_{gate}", gates.kernel[gate]) for gate in _ORDER]
    recurrent = [constant(f"U_{gate}", gates.recurrent_kernel[gate]) for gate in _ORDER]
    zero = np.zeros(units, "f4")
    biases = [constant(f"b_{gate}", gates.bias.get(gate, zero)) for gate in _ORDER]
    x = node.inputs[scan.carries]
    final, *stacked = node.outputs[0], *node.outputs[2:]
    sequence = stacked[0] if stacked else Value(f"{final.name}_sequence", (scan.steps, units))
    result = sequence
    if scan.reverse:
        turned = Value(f"{x.name}_reversed", x.shape)
        rewrite.keep(Node(ops.Reverse(), (x,), (turned,), node.layer))
        x, result = turned, Value(f"{sequence.name}_reversed", sequence.shape)
    rewrite.keep(Node(ops.FusedLstm(), (x, *kernels, *recurrent, *biases), (result,), node.layer))
    last = Value(f"{final.name}_row", (1, units))
    rewrite.keep(Node(ops.Slice(scan.steps - 1, scan.steps), (result,), (last,), node.layer))
    rewrite.keep(Node(ops.Reshape((units,)), (last,), (final,), node.layer))
    if scan.reverse:
        rewrite.keep(Node(ops.Reverse(), (result,), (sequence,), node.layer))
