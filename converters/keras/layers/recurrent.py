"""Recurrent layers: a Keras layer becomes cells and a loop that runs them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgernn.cells import GRU, LSTM, Activation, Cell, Gates, SimpleRNN, Unrolled, run
from edgernn.converters.keras.layers.activations import ACTIVATIONS
from edgernn.converters.keras.source_model import KerasLayer
from edgernn.converters.keras.use import Tensor, Use
from edgernn.graph import Value
from edgernn.graph import operators as ops

_FORGETS = "is stateful; the converted model starts every call from zero states"
_STATEFUL = (
    "is stateful; on a whole window, every call starts from zero states; a stream, by --streaming or by the step of C, "
    "keeps them from call to call"
)


def recurrent(use: Use) -> tuple[Tensor, ...]:
    """A loop over the time steps, for RNN around a cell or a stack of cells."""
    if use.config.get("stateful"):
        use.note(_FORGETS if use.config.get("go_backwards") else _STATEFUL)
    result = _loop(use, use.layer, use.initial_state)
    if not use.config.get("return_sequences"):
        output = Tensor(result.last)
    else:
        # Keras gives the outputs in the order in which they were computed, and leaves the mask as it is.
        output = Tensor(_in_order_of_work(use, use.layer, result.sequence), use.mask)
    states = tuple(map(Tensor, result.states)) if use.config.get("return_state") else ()
    return (output, *states)


def bidirectional(use: Use) -> tuple[Tensor, ...]:
    """Two loops over the same sequence, merged, the backward one's outputs in the input's order."""
    forward, backward = use.layer.children["forward"], use.layer.children["backward"]
    if forward.config.get("stateful"):
        use.note(_FORGETS)
    half = len(use.initial_state) // 2
    first = _loop(use, forward, use.initial_state[:half])
    second = _loop(use, backward, use.initial_state[half:])
    sequences = bool(forward.config.get("return_sequences"))
    if sequences:
        y = _in_order_of_work(use, forward, first.sequence)
        # Keras reverses the backward layer's outputs once more.
        y_back = second.sequence if _reverse(backward) else use.b.apply(ops.Reverse(), second.sequence)
    else:
        y, y_back = first.last, second.last
    mask = use.mask if sequences else None
    outputs = tuple(Tensor(value, mask) for value in _merge(use, y, y_back))
    states = (*first.states, *second.states) if forward.config.get("return_state") else ()
    return (*outputs, *map(Tensor, states))


def effective_mask(use: Use) -> Value | None:
    """The mask that the loop sees: a given one, or the input's, which Keras ignores beside a given initial state."""
    if use.given_mask is None and use.initial_state:
        if use.inputs[0].mask is not None:
            use.note(
                "does not see the mask of its input, as in Keras, since initial_state is given; "
                "pass mask= to the layer to change that"
            )
        return None
    mask = use.mask
    return None if mask is None or (mask.data is not None and mask.data.all()) else mask


def cells(layer: KerasLayer) -> list[Cell]:
    """The cells of a recurrent layer or of a stack of cells, from the lowest to the highest."""
    if layer.children:
        return [cell for child in layer.children.values() for cell in cells(child)]
    order = _CELLS[layer.class_name.removesuffix("Cell")].order
    weights = layer.weights
    gates = Gates.split(order, weights["kernel"], weights["recurrent_kernel"], weights.get("bias"))
    activation, recurrent_activation = _function(layer, "activation"), _function(layer, "recurrent_activation")
    match layer.class_name.removesuffix("Cell"):
        case "LSTM":
            return [LSTM(gates, activation, recurrent_activation)]
        case "GRU":
            return [GRU(gates, activation, recurrent_activation, bool(layer.config.get("reset_after", True)))]
        case _:
            return [SimpleRNN(gates, activation)]


_CELLS: dict[str, type[LSTM | GRU | SimpleRNN]] = {"LSTM": LSTM, "GRU": GRU, "SimpleRNN": SimpleRNN}


def _function(layer: KerasLayer, key: str) -> Activation:
    default = "sigmoid" if key == "recurrent_activation" else "tanh"
    return ACTIVATIONS[layer.config.get(key, default) or "linear"]


def _reverse(layer: KerasLayer) -> bool:
    return bool(layer.config.get("go_backwards"))


def _loop(use: Use, layer: KerasLayer, initial_state: Sequence[Value]) -> Unrolled:
    return run(
        use.b,
        cells(layer),
        use.x,
        initial_state=initial_state or None,
        mask=effective_mask(use),
        reverse=_reverse(layer),
        zero_output_for_mask=bool(layer.config.get("zero_output_for_mask")),
    )


def _in_order_of_work(use: Use, layer: KerasLayer, sequence: Value) -> Value:
    return use.b.apply(ops.Reverse(), sequence) if _reverse(layer) else sequence


def _merge(use: Use, y: Value, y_back: Value) -> tuple[Value, ...]:
    match use.config.get("merge_mode", "concat"):
        case "concat":
            return (use.b.apply(ops.Concat(-1), y, y_back),)
        case "sum":
            return (use.b.add(y, y_back),)
        case "mul":
            return (use.b.multiply(y, y_back),)
        case "ave":
            return (use.b.multiply(use.b.add(y, y_back), use.constant("half", np.full(1, 0.5, "f4"))),)
        case _:
            return y, y_back
