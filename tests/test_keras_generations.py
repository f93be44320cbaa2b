"""Files of every Keras are read as that Keras meant them."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from keras_1_by_hand import dense_1, per_gate, recurrent_1
from keras_2_by_hand import cudnn
from keras_by_hand import Draw, Generation, cell, layer, write
from keras_generations import BY_HAND
from keras_models import randomize

import edgernn
from edgernn.converters.keras import ReadModel, read_model
from edgernn.converters.keras.legacy_weights import conv_of_keras_1, of_cudnn
from edgernn.converters.keras.source import read_source
from edgernn.errors import InputError, UnsupportedError
from edgernn.reference import evaluate


def close(read: ReadModel, x: Any, wanted: Any) -> None:
    (answer,) = evaluate(read.graph, {read.inputs[0]: x}).values()
    assert np.std(wanted) > 0.01
    np.testing.assert_allclose(answer, wanted, atol=1e-5)


def samples(made: Generation) -> Any:
    random = np.random.default_rng(3)
    shape = (4, *made.shape)
    return random.integers(0, 7, shape).astype("i4") if made.ids else random.normal(size=shape).astype("f4")


@pytest.mark.parametrize("generation", BY_HAND)
def test_files_by_hand(generation: str, tmp_path: Path) -> None:
    made = BY_HAND[generation](tmp_path / "old.h5")
    x = samples(made)
    close(read_model(made.path), x, np.stack([made.model(sample) for sample in x]))


def model_of(package: Any, steps: int = 6) -> Any:
    k = package.layers
    inner = package.Sequential([package.Input((steps, 4)), k.LSTM(3, return_sequences=True), k.Dense(4)])
    x = package.Input((steps, 4))
    y = k.Bidirectional(k.GRU(3, return_sequences=True))(inner(x))
    model = package.Model(x, k.Dense(2)(k.GRU(3, reset_after=False)(k.LeakyReLU()(y))))
    randomize(model, 4)
    return model


def windows(source: Path, target: Path) -> Path:
    """A `.keras` as Keras 2.15 on Windows writes it: os.path.join between the layers, slashes in HDF5's own names."""
    flat: dict[str, Any] = {}
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as out:
        for name in archive.namelist():
            content = archive.read(name)
            if name.endswith(".h5"):
                with h5py.File(io.BytesIO(content)) as file:
                    file.visititems(lambda path, item: flat.update({path: item[()]} if hasattr(item, "shape") else {}))
                memory = io.BytesIO()
                with h5py.File(memory, "w") as file:
                    for path, values in flat.items():
                        file[re.sub(r"/(?!vars|\d)", r"\\", path)] = values
                content = memory.getvalue()
            out.writestr(name, content)
    return target


def plain_types(item: Any) -> Any:
    if isinstance(item, dict):
        policy = item.get("class_name") == "DTypePolicy"
        return item["config"]["name"] if policy else {key: plain_types(value) for key, value in item.items()}
    return [plain_types(value) for value in item] if isinstance(item, list) else item


def older_3(source: Path, target: Path) -> Path:
    """A `.keras` as Keras 3.0 wrote it: types as words."""
    with zipfile.ZipFile(source) as archive, zipfile.ZipFile(target, "w") as out:
        for name in archive.namelist():
            content = archive.read(name)
            if name == "config.json":
                content = json.dumps(plain_types(json.loads(content))).encode()
            if name == "metadata.json":
                content = json.dumps({**json.loads(content), "keras_version": "3.0.5"}).encode()
            out.writestr(name, content)
    return target


@pytest.mark.parametrize("generation", ["2.15", "2.15 h5", "2.15 on Windows", "3.0", "3.15", "3.15 h5"])
@pytest.mark.filterwarnings("ignore")
def test_files_of_the_keras_that_is_installed(generation: str, tmp_path: Path) -> None:
    package = pytest.importorskip("tf_keras" if generation.startswith("2") else "keras")
    model = model_of(package)
    path = tmp_path / ("model.h5" if "h5" in generation else "model.keras")
    model.save(path)
    if "Windows" in generation:
        path = windows(path, tmp_path / "windows.keras")
    if generation == "3.0":
        path = older_3(path, tmp_path / "older.keras")
    x = np.random.default_rng(5).normal(size=(4, 6, 4)).astype("f4")
    close(read_model(path), x, model.predict(x, verbose=0))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["3", "3 new", "2", "2 old"])
def test_weights_with_their_architecture_beside_them(kind: str, tmp_path: Path) -> None:
    package = pytest.importorskip("tf_keras" if kind.startswith("2") else "keras")
    model = model_of(package)
    weights, architecture = tmp_path / ("m.h5" if kind == "2 old" else "m.weights.h5"), tmp_path / "m.json"
    model.save_weights(weights)
    architecture.write_text(model.to_json() if kind != "3 new" else json.dumps(model.to_json()))
    x = np.random.default_rng(5).normal(size=(4, 6, 4)).astype("f4")

    with pytest.raises(InputError, match="weights without an architecture") as caught:
        edgernn.convert(weights)
    assert "--architecture model.json" in caught.value.hint
    assert "edgernn.convert(model)" in caught.value.hint

    found = edgernn.inspect(weights, architecture=architecture)
    assert found.parameters == model.count_params()
    artifact = edgernn.convert(weights, tmp_path / "a.tflite", architecture=architecture)
    whole = edgernn.convert(model)
    assert artifact.macs == whole.macs
    if kind.startswith("3"):
        result = edgernn.verify(weights, artifact, {"x": x}, architecture=architecture)
        assert result.passed
        assert result.oracle == "keras"


def test_architectures_that_are_none(tmp_path: Path) -> None:
    made = BY_HAND["2.5"](tmp_path / "old.h5")
    for content, found in (
        (b"", "another kind of file"),
        (b"PK", "another kind"),
        (b"{", "damaged"),
        (b"{}", "must be an object"),
    ):
        (tmp_path / "a.json").write_bytes(content)
        with pytest.raises(InputError, match=found):
            edgernn.inspect(made.path, architecture=tmp_path / "a.json")
    with pytest.raises(InputError, match="existing file"):
        edgernn.inspect(made.path, architecture=tmp_path / "none.json")
    (tmp_path / "a.json").write_text('{"class_name": "Sequential", "config": []}')
    with pytest.raises(InputError, match="HDF5 file of weights"):
        edgernn.inspect(tmp_path / "a.json", architecture=tmp_path / "a.json")


def test_cudnn_as_keras_2_converts_it() -> None:
    legacy = pytest.importorskip("tf_keras.src.saving.legacy.hdf5_format")
    keras = pytest.importorskip("tf_keras")
    for gates, target in (("ifco", keras.layers.LSTM(5)), ("zrh", keras.layers.GRU(5, reset_after=True))):
        arrays, _ = cudnn(Draw(1), gates, 4, 5)
        target.build((None, 7, 4))
        wanted = legacy.preprocess_weights_for_loading(target, list(arrays), "2", "tensorflow")
        roles = ("kernel", "recurrent_kernel", "bias")
        ours = of_cudnn(dict(zip(roles, arrays, strict=True)), len(gates))
        for role, values in zip(roles, wanted, strict=True):
            np.testing.assert_array_equal(ours[role], values)


@pytest.mark.parametrize("theano", [False, True])
def test_kernels_of_keras_1_as_keras_2_converts_them(theano: bool) -> None:
    legacy = pytest.importorskip("tf_keras.src.saving.legacy.hdf5_format")
    keras = pytest.importorskip("tf_keras")
    target = keras.layers.Conv1D(5, 3)
    target.build((None, 7, 4))
    kernel = Draw(2)(5, 4, 3, 1) if theano else Draw(2)(3, 1, 4, 5)
    wanted = legacy.preprocess_weights_for_loading(target, [kernel, Draw(3)(5)], "1", "tensorflow")[0]
    np.testing.assert_array_equal(conv_of_keras_1(kernel, 3, 5), wanted)


def one_layer(path: Path, entry: dict[str, Any], weights: dict[str, Any]) -> Path:
    entry["config"] |= {"batch_input_shape": [None, 6, 4], "input_dtype": "float32"}
    write(path, {"class_name": "Sequential", "config": [entry]}, {entry["config"]["name"]: weights}, "1.2.0")
    return path


def lost_gate(path: Path) -> Path:
    weights = per_gate("l", "icfo", *cell(Draw(1), "ifco", 4, 3))
    del weights["l_W_o"]
    return one_layer(path, recurrent_1("LSTM", "l", 3), weights)


REFUSED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "mode": (
        lambda path: one_layer(path, layer("BatchNormalization", "b", mode=2, epsilon=0.1), {}),
        "'mode' must be off",
    ),
    "full": (
        lambda path: one_layer(path, layer("Convolution1D", "c", nb_filter=2, filter_length=2, border_mode="full"), {}),
        "option 'padding' must be one of 'valid'",
    ),
    "merge": (lambda path: one_layer(path, layer("Merge", "m", mode="cos"), {}), "Found: 'Merge'"),
    "highway": (lambda path: one_layer(path, layer("Highway", "h", init="uniform"), {}), "Found: 'Highway'"),
    "gate": (lost_gate, "weight 'kernel' must have shape"),
    "none": (lambda path: one_layer(path, dense_1("d", 2), {}), "must have 2 weights"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_read_of_keras_1(name: str, tmp_path: Path) -> None:
    make, message = REFUSED[name]
    with pytest.raises(UnsupportedError, match=re.escape(message)):
        read_source(make(tmp_path / "old.h5"))
