"""Work grows in proportion to the number of layers: executed lines and calls are counted, which no load changes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from work_counts import calls, lines

from edgernn.compiler import Options, compile_graph
from edgernn.converted import DEFAULT_CLIP
from edgernn.converters.keras.config import parse_model
from edgernn.converters.keras.reader import read_keras
from edgernn.converters.keras.tree import Dataset, Group
from edgernn.converters.keras.weights import with_weights
from edgernn.graph import Value
from edgernn.targets import TARGETS

Model = tuple[dict[str, Any], Group]
"""A configuration and the weights that go with it."""

LINE = 25
"""How often a line may run for ten times the layers: 10 if it does so for each, 100 if for each pair of them."""
FEW = 100
"""What a line may run more than that: with some layers a thing begins that fewer do not need."""


def entry(class_name: str, name: str, args: list[Any], **options: Any) -> dict[str, Any]:
    config = {"name": name, "trainable": True, "dtype": "float32", **options}
    nodes = [{"args": args, "kwargs": {}}] if args else []
    return {"module": "keras.layers", "class_name": class_name, "config": config, "registered_name": None,
            "name": name, "inbound_nodes": nodes}  # fmt: skip


def tensor(name: str) -> dict[str, Any]:
    config = {"shape": [None, 4], "dtype": "float32", "keras_history": [name, 0, 0]}
    return {"class_name": "__keras_tensor__", "config": config}


def functional(layers: list[dict[str, Any]], places: dict[str, Group], outputs: list[str]) -> Model:
    """A functional model of one input, `x`."""
    layers = [entry("InputLayer", "x", [], batch_shape=[None, 4]), *layers]
    ends = {"input_layers": [["x", 0, 0]], "output_layers": [[name, 0, 0] for name in outputs]}
    config = {"name": "large", "layers": layers, **ends}
    return {"module": "keras", "class_name": "Functional", "config": config}, Group({}, {"layers": Group({}, places)})


def variables(*arrays: np.ndarray) -> Group:
    return Group({}, {"vars": Group({}, {str(k): Dataset(array.shape, array) for k, array in enumerate(arrays)})})


def chain(count: int) -> Model:
    """Dense and Add layers, each on the one before."""
    layers, places, last = [], {}, "x"
    for number in range(count):
        name = f"layer{number}"
        if number % 2:
            layers.append(entry("Add", name, [[tensor(last), tensor("x")]]))
        else:
            layers.append(entry("Dense", name, [tensor(last)], units=4, use_bias=True, activation="tanh"))
            weights = np.full((4, 4), number, np.float32), np.ones(4, np.float32)
            places[f"dense_{number // 2}" if number else "dense"] = variables(*weights)
        last = name
    return functional(layers, places, [last])


def tables(count: int) -> Model:
    """Embeddings, each on ids that went through one more Reshape than those before."""
    layers, places, last = [], {}, "x"
    for number in range(count):
        layers.append(entry("Reshape", f"reshape{number}", [tensor(last)], target_shape=[4]))
        last = f"reshape{number}"
        layers.append(entry("Embedding", f"rows{number}", [tensor(last)], input_dim=3, output_dim=2))
        places[f"embedding_{number}" if number else "embedding"] = variables(np.ones((3, 2), np.float32))
    return functional(layers, places, [f"rows{number}" for number in range(count)])


def convert(model: Model) -> None:
    config, tree = model
    read = read_keras(with_weights(parse_model(config), tree, False, (3, 0)))
    phone = TARGETS["phone"]
    compile_graph(read.graph, Options("float32", phone, phone.form, "float32", DEFAULT_CLIP), None, {})


@pytest.mark.parametrize("kind", [chain, tables])
def test_no_line_runs_for_each_pair_of_layers(kind: Callable[[int], Model], monkeypatch: pytest.MonkeyPatch) -> None:
    def same(one: Value, other: object) -> bool:  # so that a search through a list of values is seen too
        return one is other

    monkeypatch.setattr(Value, "__eq__", same)
    monkeypatch.setattr(Value, "__hash__", object.__hash__)
    convert(kind(3))  # imports what it needs
    small, large = kind(10), kind(100)
    few, many = lines(lambda: convert(small)), lines(lambda: convert(large))
    assert few.total() > 10_000
    often = {place: (few[place], count) for place, count in many.items() if count > LINE * few[place] + FEW}
    assert not often


@pytest.mark.slow
def test_work_grows_with_the_number_of_layers() -> None:
    convert(chain(3))
    small, large = chain(1000), chain(10_000)
    assert calls(lambda: convert(large)) < 12 * calls(lambda: convert(small))
