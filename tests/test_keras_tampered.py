"""Files that are whole and say what cannot be: other weights, links, layers in each other; all of it is told."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from keras_originals import error_of, write_originals
from test_keras_safety import edited, refused

from edgernn.converters.keras.source import read_source


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_originals(tmp_path_factory.mktemp("originals"), "lstm", "implicit_mask")


def tampered(path: Path, change: Callable[[h5py.File], None]) -> Path:
    target = path.with_name("tampered.h5")
    target.write_bytes(path.read_bytes())
    with h5py.File(target, "a") as file:
        change(file)
    return target


KERNEL = "model_weights/lstm/sequential/lstm/lstm_cell/kernel"


def replaced(make: Callable[[h5py.File], object]) -> Callable[[h5py.File], None]:
    def change(file: h5py.File) -> None:
        del file[KERNEL]
        made = make(file)
        if made is not None:
            file[KERNEL] = made

    return change


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((5, 24), "f4")
    layout[:] = h5py.VirtualSource("/etc/hostname", "x", shape=(5, 24))
    file.create_virtual_dataset(KERNEL, layout)


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (lambda file: h5py.SoftLink("/model_weights/lstm"), "a link to elsewhere"),
        (lambda file: h5py.ExternalLink("/etc/passwd", "x"), "a link to elsewhere"),
        (virtual, "kept in another file"),
        (
            lambda file: file.create_dataset(KERNEL, (5, 24), "f4", external=[("/etc/passwd", 0, 480)]) and None,
            "kept in another file",
        ),
        (lambda file: np.array(["code"] * 120, dtype=object).reshape(5, 24).astype("S4"), "must be numbers"),
        (lambda file: file.create_dataset(KERNEL, (5, 24), "f4") and None, "stored in full"),
        (lambda file: file.create_dataset(KERNEL, (1 << 14, 1 << 14), "f4", chunks=True) and None, "stored in full"),
        (lambda file: file.create_group(KERNEL) and None, "must be a dataset"),
        (lambda file: None, "must be a dataset"),
    ],
)
def test_weights_that_are_no_plain_numbers(change: Callable[[h5py.File], object], found: str, originals: Path) -> None:
    path = tampered(originals / "lstm.h5", replaced(change))
    assert found in error_of(path).message


def test_gzipped_weights_are_read(originals: Path) -> None:
    def change(file: h5py.File) -> None:
        values = file[KERNEL][()]
        del file[KERNEL]
        file.create_dataset(KERNEL, data=values, compression="gzip", shuffle=True)

    assert read_source(tampered(originals / "lstm.h5", change))[1] == read_source(originals / "lstm.h5")[1]


def test_every_layer_with_nan_is_named(originals: Path) -> None:
    def change(file: h5py.File) -> None:
        kernel = file[KERNEL]
        kernel[0, :2] = np.nan
        kernel[1, 0] = np.inf
        dense = file["model_weights/dense/sequential/dense/bias"]
        dense[...] = -np.inf

    first, second = refused(tampered(originals / "lstm.h5", change)).broken
    assert first[0] == "layer 'lstm': weight 'kernel' must be finite. Found: 2 NaN, 1 infinite of 120."
    assert "layer 'dense': weight 'bias'" in second[0]


def test_wrong_and_missing_weights_are_all_named(originals: Path) -> None:
    def change(file: h5py.File) -> None:
        del file[KERNEL]
        file[KERNEL] = np.ones((5, 23), np.float32)
        names = file["model_weights/lstm_1"].attrs
        names["weight_names"] = names["weight_names"][:2]
        dense = file["model_weights/dense"].attrs
        dense["weight_names"] = dense["weight_names"][::-1]

    messages = [message for message, _ in refused(tampered(originals / "lstm.h5", change)).broken]
    assert messages[0] == "layer 'lstm': weight 'kernel' must have shape (5, 24). Found: (5, 23)."
    assert messages[1] == "layer 'lstm_1': must have 3 weights (kernel, recurrent_kernel, bias). Found: 2."
    assert messages[2] == "layer 'dense': weight 'kernel' must be in its place. Found: 'sequential/dense/bias'."


def test_weights_of_another_layer_are_noticed(originals: Path) -> None:
    def edit(config: dict[str, Any]) -> None:
        layers = config["config"]["layers"]
        layers[1]["config"]["name"], layers[2]["config"]["name"] = "lstm_1", "lstm"

    assert "must be its own" in refused(edited(originals / "lstm.keras", edit)).message


def test_deeply_nested_models_end_in_an_error(originals: Path) -> None:
    def edit(config: dict[str, Any]) -> None:
        for _ in range(60):
            config["config"] = {"name": "shell", "layers": [copy.deepcopy(config)]}
            config["class_name"], config["module"] = "Sequential", "keras"

    assert "nested" in refused(edited(originals / "lstm.keras", edit)).message


def test_mask_operations_in_a_loop_end_in_an_error(originals: Path) -> None:
    def edit(config: dict[str, Any]) -> None:
        text = json.dumps(config["config"]["layers"]).replace('["not_equal", 0, 0]', '["expand_dims", 0, 0]')
        config["config"]["layers"] = json.loads(text)

    assert "mask must be" in refused(edited(originals / "implicit_mask.keras", edit)).message


def test_input_that_the_model_does_not_list(originals: Path) -> None:
    def edit(config: dict[str, Any]) -> None:
        config["config"]["input_layers"] = config["config"]["input_layers"][:1]

    assert "calls must lead from the inputs" in refused(edited(originals / "implicit_mask.keras", edit)).message
