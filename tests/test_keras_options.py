"""Whatever stands in place of an option: the model is read, or refused with the layer's name, at once.

No case is written out: every option that Keras saves of every layer that is read is replaced by every odd value.
"""

from __future__ import annotations

import copy
import json
import re
import resource
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from edgernn.compiler import Options, compile_graph
from edgernn.converted import DEFAULT_CLIP
from edgernn.converters.keras import known
from edgernn.converters.keras.archive import open_archive
from edgernn.converters.keras.config import parse_model
from edgernn.converters.keras.kinds import KINDS, REQUIRED, must_be
from edgernn.converters.keras.layers import READERS
from edgernn.converters.keras.options import clean
from edgernn.converters.keras.reader import read_keras
from edgernn.converters.keras.source import fingerprint
from edgernn.converters.keras.tree import Group
from edgernn.converters.keras.weights import with_weights
from edgernn.errors import InputError
from edgernn.targets import TARGETS

Models = dict[str, tuple[dict[str, Any], Group]]

ODD: dict[str, Any] = {
    "word": "last",
    "empty": "",
    "list": [5],
    "nested": [[3]],
    "words": ["tanh"],
    "nothing": [],
    "object": {"a": 1},
    "array": {"type": "ndarray", "value": [[2, 3], [4]]},
    "negative": -3,
    "zero": 0,
    "minus one": -1,
    "half": 0.5,
    "large": 10**9,
    "huge": 10**30,
    "enormous": 10**4000,
    "not a number": float("nan"),
    "infinite": float("inf"),
    "true": True,
    "null": None,
    "sizes": [10**9, 10**9],
    "many": [-1, 0, 1, 2, 3],
}  # fmt: skip


def layers(keras: Any) -> dict[str, Any]:
    """A model with one layer of every class that is read, each on an input that suits it."""
    k = keras.layers
    x, flat = keras.Input((6, 4), name="x"), keras.Input((4,), name="flat")
    ids = keras.Input((6,), dtype="int32", name="ids")
    cells = [k.LSTMCell(3), k.GRUCell(3), k.SimpleRNNCell(3)]
    pairs = ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate")
    made: dict[str, tuple[Any, tuple[Any, ...]]] = {name: (getattr(k, name)(), (x, x)) for name in pairs}
    made["Dot"] = k.Dot(axes=2), (x, x)
    alone = {
        "LSTM": k.LSTM(3),
        "GRU": k.GRU(3, return_sequences=True),
        "SimpleRNN": k.SimpleRNN(3),
        "RNN": k.RNN(cells),
        "Bidirectional": k.Bidirectional(k.GRU(3)),
        "TimeDistributed": k.TimeDistributed(k.Dense(2)),
        "Dense": k.Dense(2, activation="relu"),
        "Activation": k.Activation("tanh"),
        "ReLU": k.ReLU(max_value=6.0),
        "MaxPooling1D": k.MaxPooling1D(2),
        "AveragePooling1D": k.AveragePooling1D(2),
        "Conv1D": k.Conv1D(3, 2),
        "DepthwiseConv1D": k.DepthwiseConv1D(2),
        "SeparableConv1D": k.SeparableConv1D(3, 2),
        "Reshape": k.Reshape((4, 6)),
        "Permute": k.Permute((2, 1)),
        "Rescaling": k.Rescaling(2.0, offset=1.0),
        "Normalization": k.Normalization(mean=[1.0] * 4, variance=[2.0] * 4),
        **{name: getattr(k, name)(0.1) for name in READERS if "Dropout" in name or "Noise" in name},
    }
    for name in READERS:
        if name not in {*made, *alone, "Embedding", "RepeatVector"}:
            alone[name] = getattr(k, name)()
    made |= {name: (layer, (x,)) for name, layer in alone.items()}
    made |= {"Embedding": (k.Embedding(5, 3, mask_zero=True), (ids,)), "RepeatVector": (k.RepeatVector(3), (flat,))}
    return {
        name: keras.Model(list(dict.fromkeys(inputs)), layer(list(inputs) if len(inputs) > 1 else inputs[0]))
        for name, (layer, inputs) in made.items()
    }


@cache
def saved(place: Any) -> Models:
    """Of every layer, the configuration of a model around it, and the weights in its file."""
    import keras

    keras.backend.clear_session()
    found = {}
    for name, model in layers(keras).items():
        model.save(place / f"{name}.keras")
        found[name] = json.loads(model.to_json()), open_archive(place / f"{name}.keras").read_weights()
    return found


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Models:
    return saved(tmp_path_factory.mktemp("options"))


def replaced(config: dict[str, Any], class_name: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """The configuration with one option replaced, for every option of the layer and what it wraps, and every value."""

    def places(entry: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
        for key, value in entry["config"].items():
            yield (*path, "config", key)
            inner = value if isinstance(value, list) else [value]
            for index, item in enumerate(inner):
                if isinstance(item, dict) and item.get("class_name") in known.SUPPORTED:
                    yield from places(item, (*path, "config", key, *([index] if isinstance(value, list) else [])))

    number = next(i for i, item in enumerate(config["config"]["layers"]) if item["class_name"] == class_name)
    start = ("config", "layers", number)
    for path in places(config["config"]["layers"][number], start):
        for odd, value in ODD.items():
            changed = copy.deepcopy(config)
            item: Any = changed
            for step in path[:-1]:
                item = item[step]
            item[path[-1]] = value
            yield ".".join(map(str, path[3:])), odd, changed


def tried(changed: dict[str, Any], weights: Group, done: set[str]) -> InputError | None:
    """Read and convert, unless the same was converted before; the refusal, if there is one."""
    try:
        source = with_weights(parse_model(changed), weights, False, (3, 0))
        read = read_keras(source)
        content = fingerprint(source)
        if content not in done:
            options = Options("float32", TARGETS["phone"], TARGETS["phone"].form, "float32", DEFAULT_CLIP)
            compile_graph(read.graph, options, None, {})
            done.add(content)
    except InputError as error:
        return error
    return None


@pytest.mark.parametrize("class_name", sorted(READERS))
def test_any_value_in_place_of_any_option(class_name: str, models: Models) -> None:
    config, weights = models[class_name]
    entry = next(layer for layer in config["config"]["layers"] if layer["class_name"] == class_name)
    names = re.findall(r'"name": "([^"]*)"', json.dumps(entry))  # of the layer, and of those that it wraps
    start, memory = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    count = 0
    done: set[str] = set()
    for place, odd, changed in replaced(config, class_name):
        count += 1
        error = tried(changed, weights, done)
        if error is not None:
            assert any(name in error.message for name in names) or place.endswith("config.name"), (
                place,
                odd,
                error.message,
            )
            assert len(error.message) < 1000, (place, odd)
            # These two are said of what no rule foresaw.
            assert "its options and weights must fit" not in error.message, (place, odd, error.message)
            assert "its configuration must be one that Keras wrote" not in error.message, (place, odd, error.message)
    assert count > len(ODD)
    assert time.process_time() - start < 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 200_000  # KiB


@pytest.mark.parametrize("class_name", sorted(REQUIRED))
def test_options_that_are_missing(class_name: str) -> None:
    for key in REQUIRED[class_name]:
        options = {other: [1, 1] if other in ("target_shape", "dims") else 1 for other in REQUIRED[class_name]}
        del options[key]
        broken: list[tuple[str, str]] = []
        clean(options, class_name, "some", (3, 0), broken)
        assert [message for message, _ in broken] == [f"layer 'some': option '{key}' must be given. Found: none."]


def test_every_kind_says_what_must_be() -> None:
    for kinds in KINDS.values():
        for kind in kinds.values():
            assert must_be(kind)[0].islower()
            with pytest.raises((ValueError, TypeError, OverflowError)):
                kind({"a": 1})
