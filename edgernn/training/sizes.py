"""The networks that can be trained, by name, and how many parameters each has; counted without Keras."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from dataclasses import dataclass

from edgernn.cells import gru, lstm, simple_rnn
from edgernn.errors import InputError
from edgernn.training.recipe import Recipe

MAX_UNITS = 4096


@dataclass(frozen=True)
class Recurrent:
    """A recurrent cell.

    Attributes:
        layer: Keras's name of its layer.
        parameters: of one layer, from its features and units.
    """

    layer: str
    parameters: Callable[[int, int], int]


RECURRENT = {
    "lstm": Recurrent("LSTM", lstm.parameters),
    "gru": Recurrent("GRU", gru.parameters),
    "simplernn": Recurrent("SimpleRNN", simple_rnn.parameters),
}
CNN = "cnn"
CELLS = (*RECURRENT, CNN)

# Steps that a filter of the CNN's two convolutions sees; `network.build_network` has the rest of it.
CNN_KERNELS = (5, 3)


@dataclass(frozen=True)
class Shape:
    """What decides a network besides its cell and size.

    Attributes:
        steps: time steps per sample.
        features: values per step.
        classes: how many there are.
        padding: the value of a step that is none, which a recurrent network masks; None if every step is one.
    """

    steps: int
    features: int
    classes: int
    padding: float | None = None

    @classmethod
    def of(cls, recipe: Recipe) -> Shape:
        """That of a recipe's samples."""
        return cls(recipe.steps, recipe.features, len(recipe.classes), recipe.padding)


def parameters(shape: Shape, cell: str, units: int, layers: int = 1) -> int:
    """The number of parameters of the whole network.

    Raises:
        InputError: a CNN whose budget has no room for one filter.
    """
    if cell == CNN:
        return _cnn_parameters(shape, filters(shape, units))
    return recurrent_parameters(shape, cell, units, layers) + (units + 1) * shape.classes


def recurrent_parameters(shape: Shape, cell: str, units: int, layers: int = 1) -> int:
    """Of these, the number in recurrent layers: 0 for a CNN."""
    if cell == CNN:
        return 0
    of_layer = RECURRENT[cell].parameters
    return of_layer(shape.features, units) + (layers - 1) * of_layer(units, units)


def units_for_parameters(shape: Shape, cell: str, wanted: int) -> int:
    """The units of one recurrent layer for which the whole network's number of parameters is closest to `wanted`.

    Args:
        shape: of the samples.
        cell: lstm, gru or simplernn.
        wanted: the number of parameters; of two numbers of units that are as close, the smaller one is taken.

    Raises:
        InputError: no such recurrent cell.
    """
    if cell not in RECURRENT:
        raise InputError(f"cell: must be one of {', '.join(RECURRENT)}. Found: '{cell}'.")
    sizes = range(1, MAX_UNITS + 1)  # more units always have more parameters
    above = bisect_left(sizes, wanted, key=lambda units: parameters(shape, cell, units))
    around = sizes[max(0, above - 1) : above + 1]
    return min(around, key=lambda units: abs(parameters(shape, cell, units) - wanted))


def filters(shape: Shape, units: int) -> int:
    """The filters of a CNN that has as many parameters as, and never more than, a network with a GRU of `units`.

    Raises:
        InputError: not even one filter has room.
    """
    budget = parameters(shape, "gru", units)
    counts = range(1, budget + 1)  # enough, since each filter has more than one parameter
    found = bisect_right(counts, budget, key=lambda count: _cnn_parameters(shape, count))
    if found == 0:
        smallest = _cnn_parameters(shape, 1)
        least = next(size for size in range(units, MAX_UNITS) if parameters(shape, "gru", size) >= smallest)
        raise InputError(
            f"units: must leave a CNN room for one filter, with which it has {smallest} parameters. "
            f"Found: {units}, and a GRU of that size has {budget}.",
            hint=f"choose at least {least} units.",
        )
    return found


def _cnn_parameters(shape: Shape, count: int) -> int:
    """Kernels and biases of both convolutions, and the layer of probabilities."""
    first, second = CNN_KERNELS
    return (first * shape.features + 1) * count + (second * count + 1) * count + (count + 1) * shape.classes
