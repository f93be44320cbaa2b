"""What edgernn writes keeps the contract with every library that its target stands for, or is refused by its rule."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from keras_models import randomize
from kernel_files import answers
from recurrent_graphs import KINDS, graph_of, noise

import edgernn
from edgernn.cli.main import run
from edgernn.compiler import Options, compile_graph
from edgernn.converters.tflite.counting import count, executions
from edgernn.converters.tflite.kernels import LIBRARIES, MICRO, RULES, check
from edgernn.converters.tflite.reader import read_tflite
from edgernn.converters.tflite.writer import write
from edgernn.errors import InputError, UnsupportedError
from edgernn.graph import Graph, Node, Quantization, Value
from edgernn.graph import operators as ops
from edgernn.graph.shapes import infer
from edgernn.promises import keep_promise, promised
from edgernn.reference import evaluate
from edgernn.targets import MICRO as MICRO_TARGET
from edgernn.targets import Scheme

Array = np.ndarray[Any, Any]


def test_every_rule_says_what_where_and_from_where() -> None:
    assert len({rule.check for rule in RULES}) == len(RULES) > 60
    for rule in RULES:
        assert "must" in rule.text
        assert rule.source
        assert set(rule.libraries) <= set(LIBRARIES)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("scheme", ["float32", "int8", "int16x8"])
@pytest.mark.parametrize("kind", KINDS)
def test_loops_for_a_micro_keep_the_contract(kind: str, scheme: Scheme, reverse: bool) -> None:
    graph = graph_of(kind, features=5, units=7, steps=6, last=False, reverse=reverse)
    io = "float32" if scheme == "float32" else "int16" if scheme == "int16x8" else "int8"
    chosen = Options(scheme, MICRO_TARGET, MICRO_TARGET.form, io, "mse")  # type: ignore[arg-type]
    file = read_tflite(compile_graph(graph, chosen, noise(graph), {}))
    assert check(file, (*MICRO, "LiteRT")) == ()
    assert max(turns for turns in executions(file) if turns is not None) == 7  # of the condition, once more than steps
    assert count(file).macs is not None


def moved(operator: ops.Operator, *shapes: tuple[int, ...], dtype: str = "int8") -> Graph:
    form = Quantization((0.5,))
    inputs = tuple(Value(f"x{k:02}", shape, dtype, None, form) for k, shape in enumerate(shapes))  # type: ignore[arg-type]
    ((shape, kind),) = infer(operator, inputs)
    return Graph("moves", inputs, (y := Value("y", shape, kind, None, form),), (Node(operator, inputs, (y,)),))


@pytest.mark.parametrize("runtime", ["micro", "litert"])
@pytest.mark.parametrize(
    ("operator", "shapes"),
    [
        *((ops.Concat(-1), ((2, 3),) * count) for count in (10, 11, 23, 101)),
        (ops.Concat(0), ((1, 3),) * 12),
        (ops.Slice(1, 4, 2), ((5, 2, 3, 4),)),
        (ops.Slice(0, 2), ((3, 2, 1, 2, 3),)),
        (ops.Pad(1, 2), ((3, 2, 2, 2),)),
        (ops.Transpose((2, 0, 1)), ((2, 3, 4),)),
        (ops.Transpose((1, 2, 3, 0)), ((2, 3, 4, 5),)),
        (ops.Transpose((2, 3, 0, 1)), ((2, 3, 4, 5),)),
        (ops.Transpose((3, 2, 1, 0)), ((2, 3, 4, 5),)),
    ],
)
def test_data_are_moved_within_what_kernels_take(
    operator: ops.Operator, shapes: tuple[tuple[int, ...], ...], runtime: str
) -> None:
    graph = moved(operator, *shapes)
    content = write(graph, "while", {})
    keep_promise(content, (*MICRO, "LiteRT"))
    random = np.random.default_rng(4)
    given = {value.name: random.integers(-128, 128, (1, *value.shape)).astype("int8") for value in graph.inputs}
    (got,) = answers(content, runtime, *given.values())
    np.testing.assert_array_equal(got, evaluate(graph, given)["y"])


def streamed(tmp_path: Path, *layers: Any, **options: Any) -> Path:
    """A stream for a micro that keeps its states inside."""
    import keras

    model = keras.Sequential([keras.Input((12, 3), name="x"), *layers])
    randomize(model, 3)
    x = np.random.default_rng(1).standard_normal((16, 12, 3)).astype("f4")
    chosen = {"quantize": "int8", "target": "micro", "calibration": x, "streaming": True, "state": "internal"}
    edgernn.convert(model, tmp_path / "s.tflite", **{**chosen, **options})
    return tmp_path / "s.tflite"


def test_reset_brings_a_stream_back_to_its_beginning(tmp_path: Path) -> None:
    """A convolution lets the recurrence wait for two frames: the flags that say so begin clear, as all states do."""
    import keras

    path = streamed(tmp_path, keras.layers.Conv1D(4, 3), keras.layers.GRU(5, return_sequences=True))
    from tflite_micro import runtime

    machine = runtime.Interpreter.from_file(str(path))
    frames = np.random.default_rng(2).integers(-90, 90, (9, 1, 3)).astype("int8")
    details = machine.get_input_details(0)

    def run() -> list[list[int]]:
        found = []
        for frame in frames:
            machine.set_input(frame.reshape(details["shape"]), 0)
            machine.invoke()
            found.append(machine.get_output(0).reshape(-1).tolist())
        return found

    first = run()
    machine.reset()
    assert run() == first
    assert len({tuple(row) for row in first}) > 3


def test_a_state_that_reset_would_lose_is_refused(tmp_path: Path) -> None:
    import keras

    layers = (keras.layers.Conv1D(4, 3), keras.layers.GlobalMaxPooling1D())
    with pytest.raises(UnsupportedError, match="must begin with zeros") as caught:
        streamed(tmp_path, *layers)
    assert "--state io" in caught.value.hint
    assert not (tmp_path / "s.tflite").exists()
    streamed(tmp_path, *layers, state="io")


def test_the_promise_is_narrowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import keras

    layers = [keras.Input((12, 3), name="x"), keras.layers.Conv1D(4, 3), keras.layers.GRU(5, return_sequences=True)]
    keras.Sequential(layers).save(tmp_path / "m.keras")
    np.save(tmp_path / "c.npy", np.random.default_rng(1).standard_normal((16, 12, 3)).astype("f4"))
    command = ["convert", str(tmp_path / "m.keras"), "-o", str(tmp_path / "m.tflite"), "--quantize", "int8"]
    command += ["--calibration", str(tmp_path / "c.npy"), "--target", "micro", "--streaming"]
    assert run([*command, "--kernels", "cmsis-nn,Ethos-U"]) == 2
    error = capsys.readouterr().err
    assert "kernels of Ethos-U" in error
    assert "--kernels CMSIS-NN" in error
    assert not (tmp_path / "m.tflite").exists()
    assert run([*command, "--kernels", "reference"]) == 0
    capsys.readouterr()
    assert run(["inspect", str(tmp_path / "m.tflite")]) == 0
    shown = capsys.readouterr().out
    assert "runs with" in shown
    assert "not with Ethos-U: SELECT_V2" in shown
    assert run(["inspect", "--json", str(tmp_path / "m.tflite")]) == 0
    kernels = json.loads(capsys.readouterr().out)["kernels"]
    assert [name for name, found in kernels.items() if found["runs"]] == [*MICRO, "LiteRT"]
    assert "bool" in kernels["Ethos-U"]["reasons"][0]


def test_names_of_libraries() -> None:
    assert promised("micro", None) == MICRO
    assert promised("phone", None) == ("LiteRT",)
    assert promised("micro", " hifi , Reference,") == ("reference", "HiFi")
    assert promised("micro", ["CMSIS-NN"]) == ("CMSIS-NN",)
    for target, names, words in (
        ("phone", "reference", "of --target micro"),
        ("micro", "cmsis", "must be one of"),
        ("micro", " , ", "Found: none"),
    ):
        with pytest.raises(InputError, match=words):
            promised(target, names)


def test_a_file_that_breaks_the_promise_is_named_with_rule_and_libraries() -> None:
    graph = moved(ops.Transpose((4, 3, 2, 1, 0)), (2, 3, 2, 3, 2))
    content = write(graph, "while", {})
    with pytest.raises(UnsupportedError, match=r"kernels of CMSIS-NN: TRANSPOSE .* at most 4 axes") as caught:
        keep_promise(content, MICRO)
    assert "--kernels reference,ESP-NN,HiFi" in caught.value.hint
    keep_promise(content, ("reference", "ESP-NN", "HiFi"))
