"""How large networks are: counted without Keras, the same as Keras counts; and sizes for a number of parameters."""

import subprocess
import sys
from typing import Any

import pytest

from edgernn.errors import InputError
from edgernn.training import Shape, parameters, recurrent_parameters, units_for_parameters
from edgernn.training.network import build_network
from edgernn.training.sizes import CELLS, CNN, RECURRENT, filters

VOWELS, WATCH, ODD = Shape(29, 12, 9, padding=0.0), Shape(100, 6, 7), Shape(17, 1, 1)
SHAPES = pytest.mark.parametrize("shape", [VOWELS, WATCH, ODD], ids=["vowels", "watch", "odd"])


def network(shape: Shape, cell: str, units: int, layers: int = 1) -> Any:
    """The Keras model."""
    import keras

    return build_network(keras, shape, cell, units, layers, "model")


@SHAPES
@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("units", [2, 17, 32])
def test_parameters_are_those_that_keras_counts(shape: Shape, cell: str, units: int) -> None:
    """Of the whole network, and of its recurrent layers alone."""
    for layers in (1, 3) if cell in RECURRENT else (1,):
        model = network(shape, cell, units, layers)
        assert parameters(shape, cell, units, layers) == model.count_params()
        inside = [layer.count_params() for layer in model.layers if layer.name.startswith(f"{cell}_")]
        assert recurrent_parameters(shape, cell, units, layers) == sum(inside)


@pytest.mark.parametrize("cell", RECURRENT)
def test_a_single_unit_is_counted_too(cell: str) -> None:
    """The least that there is."""
    assert parameters(VOWELS, cell, 1) == network(VOWELS, cell, 1).count_params()


@SHAPES
@pytest.mark.parametrize("cell", RECURRENT)
def test_units_for_parameters_are_the_closest_there_are(shape: Shape, cell: str) -> None:
    """By a search through all sizes; a size's own number gives that size."""
    sizes = {units: parameters(shape, cell, units) for units in range(1, 200)}
    assert all(units_for_parameters(shape, cell, size) == units for units, size in sizes.items())
    for wanted in (0, 1, 333, 1000, 4713, 6057, 9999):
        found = units_for_parameters(shape, cell, wanted)
        assert found == min(sizes, key=lambda units: abs(sizes[units] - wanted))


def test_a_gru_of_as_many_parameters_as_an_lstm() -> None:
    """Worked out by hand: 3 H (H + 14) + 9 (H + 1) against 4 * 32 * (32 + 13) + 9 * 33 = 6057."""
    assert parameters(VOWELS, "lstm", 32) == 6057
    assert units_for_parameters(VOWELS, "gru", 6057) == 37
    assert (parameters(VOWELS, "gru", 37), parameters(VOWELS, "gru", 38)) == (6003, 6279)


@SHAPES
@pytest.mark.parametrize("units", [2, 3, 16, 32, 64, 500])
def test_a_cnn_fills_the_budget_of_a_gru_and_never_exceeds_it(shape: Shape, units: int) -> None:
    """One filter more would."""
    budget, count = parameters(shape, "gru", units), filters(shape, units)

    def size(many: int) -> int:
        first = many * (5 * shape.features + 1)
        second = many * (3 * many + 1)
        return first + second + (many + 1) * shape.classes

    assert size(count) == parameters(shape, CNN, units) <= budget < size(count + 1)
    assert recurrent_parameters(shape, CNN, units) == 0


def test_a_budget_with_no_room_for_a_filter_says_what_would_do() -> None:
    """A filter of each convolution has 61 + 4 parameters, and 18 of the probabilities."""
    with pytest.raises(InputError, match=r"it has 83 parameters. Found: 1, and a GRU of that size has 63.") as caught:
        parameters(VOWELS, CNN, 1)
    assert caught.value.hint == "choose at least 2 units."
    assert filters(VOWELS, 2) == 1


def test_only_recurrent_cells_have_units() -> None:
    """A CNN's size is a GRU's; asking for its units would go round in a circle."""
    with pytest.raises(InputError, match=r"must be one of lstm, gru, simplernn. Found: 'cnn'"):
        units_for_parameters(VOWELS, CNN, 1000)


def test_counting_imports_no_framework() -> None:
    """A plan of two hundred networks must not wait for TensorFlow."""
    program = (
        "import sys; from edgernn.training import Shape, parameters, units_for_parameters; s = Shape(29, 12, 9);"
        "units_for_parameters(s, 'gru', parameters(s, 'cnn', 32)); sys.exit('keras' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
