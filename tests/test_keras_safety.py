"""Nothing in a model file runs, and what is not Keras's own is refused before its weights are read."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import keras
import pytest
from keras_models import build

from edgernn.converters.keras.source import read_source
from edgernn.errors import InputError, UnsupportedError

Edit = Callable[[dict[str, Any]], None]


def save(model: Any, path: Path) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.save(path)
    return path


def edited(path: Path, edit: Edit, weights: bytes | None = None) -> Path:
    """A copy of a `.keras` file with another configuration, and other weights if given."""
    target = path.with_name("edited.keras")
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as copy:
        config = json.loads(source.read("config.json"))
        edit(config)
        copy.writestr("config.json", json.dumps(config))
        copy.writestr("model.weights.h5", source.read("model.weights.h5") if weights is None else weights)
    return target


@pytest.fixture
def lstm(tmp_path: Path) -> Path:
    return save(build("lstm"), tmp_path / "model.keras")


def option(key: str, value: object, layer: int = 1) -> Edit:
    def edit(config: dict[str, Any]) -> None:
        config["config"]["layers"][layer]["config"][key] = value

    return edit


def refused(path: object) -> UnsupportedError:
    with pytest.raises(UnsupportedError) as caught:
        read_source(path)
    assert all(message and hint for message, hint in caught.value.broken)
    return caught.value


@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_malicious_lambda_never_runs(kind: str, tmp_path: Path) -> None:
    marker = tmp_path / "owned"
    code = compile(f"lambda x: (open({str(marker)!r}, 'w').close(), x)[1]", "model", "eval")
    model = keras.Sequential([keras.Input((7, 5)), keras.layers.Lambda(eval(code), name="evil"), keras.layers.LSTM(3)])
    path = save(model, tmp_path / f"model.{kind}")
    marker.unlink()
    if kind == "keras":  # it is a real attack: Keras, told to trust the file, runs it
        keras.models.load_model(path, safe_mode=False)
        marker.unlink()

    error = refused(path)

    assert not marker.exists()
    assert "layer 'evil': class must be a supported layer" in error.message
    assert "Python code" in error.message
    assert "never run" in error.hint
    refused(model)
    assert not marker.exists()


LAMBDA = {"class_name": "__lambda__", "config": {"value": ["4wEAAAAA", None, None]}}


@pytest.mark.parametrize(
    "edit",
    [
        option("activation", LAMBDA),
        option("recurrent_activation", {"class_name": "Lambda", "config": {"function": "x"}}),
        option("kernel_regularizer", LAMBDA),
        option("kernel_initializer", {"class_name": "Wrapper", "config": {"inner": [LAMBDA]}}),
        option("custom_objects", {"f": LAMBDA}),
        option("return_sequences", LAMBDA),
    ],
)
def test_code_hidden_in_an_option_is_refused(edit: Edit, lstm: Path) -> None:
    assert "Python code" in refused(edited(lstm, edit)).message


@pytest.mark.parametrize("wrapper", ["TimeDistributed", "Bidirectional", "RNN", "Sequential"])
def test_code_inside_of_a_wrapper_is_refused(wrapper: str, lstm: Path) -> None:
    inner = {"module": "keras.layers", "class_name": "Lambda", "config": {"name": "evil", "function": LAMBDA}}

    def edit(config: dict[str, Any]) -> None:
        inside = {"layers": [inner]} if wrapper == "Sequential" else {"layer": inner, "cell": inner}
        module = "keras" if wrapper == "Sequential" else "keras.layers"
        entry = {"module": module, "class_name": wrapper, "config": {"name": "outer", **inside}}
        config["config"]["layers"].append(entry)

    assert "'outer/evil'" in refused(edited(lstm, edit)).message


def test_refused_before_the_weights_are_read(lstm: Path) -> None:
    path = edited(lstm, option("activation", LAMBDA), weights=b"no HDF5 at all")
    assert "Python code" in refused(path).message
    with pytest.raises(InputError, match="damaged"):
        read_source(edited(lstm, option("stateful", False), weights=b"no HDF5 at all"))


class LSTM(keras.layers.LSTM):  # type: ignore[misc]
    """Somebody's own layer with the name of one of Keras's."""


@keras.saving.register_keras_serializable("mine")
class Attention(keras.layers.Layer):  # type: ignore[misc]
    def call(self, x: Any) -> Any:
        return x


def own_activation(x: Any) -> Any:
    return x * 2


def test_own_class_with_a_name_of_keras_is_refused(lstm: Path) -> None:
    model = keras.Sequential([keras.Input((7, 5)), LSTM(3, name="impostor")])
    assert "layer 'impostor'" in refused(model).message
    for key, value in (("module", "evil"), ("module", None), ("registered_name", "evil>LSTM"), ("registered_name", 3)):

        def edit(config: dict[str, Any], key: str = key, value: object = value) -> None:
            config["config"]["layers"][1][key] = value

        assert "not part of Keras" in refused(edited(lstm, edit)).message


@pytest.mark.parametrize("kind", ["keras", "h5"])
def test_everything_unsupported_is_listed_at_once(kind: str, tmp_path: Path) -> None:
    layers = keras.layers
    x = keras.Input((8, 4))
    y = layers.Dense(4, activation=own_activation, name="own_function")(Attention(name="attend")(x))
    y = layers.MultiHeadAttention(2, 2, name="heads")(y, y) + 1.0
    y = layers.ConvLSTM1D(2, 3, name="images")(layers.Reshape((8, 4, 1))(y))
    path = save(keras.Model(x, y), tmp_path / f"model.{kind}")

    error = refused(path)

    found = "\n".join(f"{message} {hint}" for message, hint in error.broken)
    for part in (
        "'attend'",
        "not part of Keras",
        "'own_function'",
        "own_activation",
        "'heads'",
        "'images'",
        "keras.ops 'Add'",
    ):
        assert part in found
    assert "keras.layers.Conv1D in a TimeDistributed" in found
    assert len(error.broken) == 5


def test_own_cell_is_refused_and_own_regularizer_ignored(lstm: Path) -> None:
    cell = {"module": "mine", "class_name": "Cell", "config": {"name": "c"}, "registered_name": "mine>Cell"}

    def edit(config: dict[str, Any]) -> None:
        entry = {"module": "keras.layers", "class_name": "RNN", "config": {"name": "rnn", "cell": cell}}
        config["config"]["layers"][1] = entry

    assert "layer 'rnn/c'" in refused(edited(lstm, edit)).message
    own = {"module": "mine", "class_name": "Mine", "config": {}, "registered_name": "mine>Mine"}
    assert read_source(edited(lstm, option("kernel_regularizer", own)))[1] == read_source(lstm)[1]


@pytest.mark.parametrize(
    ("edit", "part"),
    [
        (option("activation", "relux"), "closest activation: 'relu'"),
        (option("activation", {"module": "mine", "class_name": "function", "config": "tanh"}), "mine.tanh"),
        (option("activation", {"module": "keras.layers", "class_name": "LeakyReLU", "config": {}}), "LeakyReLU after"),
        (option("units", None), "option 'units' must be a positive whole number"),
        (option("units", True), "option 'units' must be a positive whole number"),
        (option("dtype", {"class_name": "QuantizedDTypePolicy", "config": {"name": "int8_from_float32"}}), "int8_from"),
        (option("time_major", True), "'time_major' must be off"),
        (option("return_sequences", {"class_name": "Thing", "config": {}}), "class 'Thing'"),
    ],
)
def test_options_that_are_not_read(edit: Edit, part: str, lstm: Path) -> None:
    assert part in str(refused(edited(lstm, edit)))


def test_activation_may_be_a_serialized_builtin(lstm: Path) -> None:
    builtin = {"module": "builtins", "class_name": "function", "config": "tanh", "registered_name": "function"}
    assert read_source(edited(lstm, option("activation", builtin)))[1] == read_source(lstm)[1]


def test_dropout_that_is_on_at_inference_is_refused() -> None:
    x = keras.Input((7, 5))
    model = keras.Model(x, keras.layers.LSTM(3)(keras.layers.Dropout(0.5, name="noisy")(x, training=True)))
    assert "layer 'noisy': argument 'training'" in refused(model).message


def test_mask_computed_by_operations_is_refused() -> None:
    words, x = keras.Input((7,), dtype="int32", name="words"), keras.Input((7, 5))
    model = keras.Model([words, x], keras.layers.LSTM(3, name="masked")(x, mask=keras.ops.not_equal(words, 0)))
    assert "layer 'masked': mask must be a model input" in refused(model).message
    # Keras's own operations over the right comparison, but "any step" in place of "this step".
    embedded = keras.layers.Embedding(5, 3, mask_zero=True)(words)
    somewhere = keras.ops.any(keras.ops.not_equal(words, 0), axis=-1)
    mask = keras.ops.broadcast_to(keras.ops.expand_dims(somewhere, -1), (1, 7))
    model = keras.Model(words, keras.layers.LSTM(3, name="masked")(embedded, mask=mask))
    assert "layer 'masked': mask must be a model input" in refused(model).message


def test_reading_imports_neither_keras_nor_tensorflow(lstm: Path) -> None:
    script = """
import sys
from edgernn.converters.keras.source import read_source
model, _ = read_source(sys.argv[1])
assert model.layers[0].weights["kernel"].shape == (5, 24)
bad = [name for name in sys.modules if name.split(".")[0] in ("keras", "tensorflow", "tf_keras", "jax", "pickle5")]
assert not bad, bad
"""
    subprocess.run([sys.executable, "-c", script, str(lstm)], check=True, timeout=60)


@pytest.mark.parametrize("thing", [3, None, object(), [1], keras.layers.Dense(2)])
def test_other_objects_are_refused(thing: object) -> None:
    with pytest.raises(InputError, match="must be a path or a Keras model"):
        read_source(thing)


class Subclassed(keras.Model):  # type: ignore[misc]
    def __init__(self) -> None:
        super().__init__()
        self.inner = keras.layers.LSTM(3)

    def call(self, x: Any) -> Any:
        return self.inner(x)


def test_subclassed_and_unbuilt_models_are_refused(tmp_path: Path) -> None:
    model = Subclassed()
    model(keras.ops.zeros((1, 7, 5)))
    with pytest.raises(InputError):
        read_source(model)
    never_built = keras.Sequential([keras.layers.LSTM(3)])
    with pytest.raises(InputError, match="never built"):
        read_source(never_built)
    assert "never built" in refused(save(never_built, tmp_path / "model.keras")).message


def test_layers_are_checked_in_an_h5_file_too(tmp_path: Path) -> None:
    path = save(build("lstm"), tmp_path / "model.h5")
    with h5py.File(path, "a") as file:
        text = file.attrs["model_config"]
        config = json.loads(text if isinstance(text, str) else text.decode())
        config["config"]["layers"][1]["class_name"] = "CuDNNLSTM"
        config["config"]["layers"][2]["class_name"] = "mine>LSTM"
        file.attrs["model_config"] = json.dumps(config)
    error = refused(path)
    assert "closest supported class: 'LSTM'" in error.hint
    assert "'mine>LSTM', which is not part of Keras" in error.message
    assert io.StringIO(error.message).read().count("\n") == 1
