"""The verb `convert`: what it writes, what it says about itself, and which options go together."""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from saved_models import EDGERNN, FEATURES, STEPS, folder
from saved_models import signal as noise

import edgernn
from edgernn.cli.main import run
from edgernn.converted import ConvertResult
from edgernn.converters.keras import read_model
from edgernn.converters.tflite.reader import read_tflite
from edgernn.devices.host.session import open_session
from edgernn.errors import EnvironmentProblem, InputError, UnsupportedError
from edgernn.targets import SCHEMES, TARGETS

PAIRS = [(scheme, target.name) for target in TARGETS.values() for scheme in target.schemes]


def convert(model: Any = None, output: Any = None, **options: Any) -> ConvertResult:
    """`edgernn.convert`, with `gru.keras` and calibration samples unless the test has its own."""
    options.setdefault("calibration", folder() / "calibration.npz")
    result: ConvertResult = edgernn.convert(model or folder() / "gru.keras", output, **options)
    return result


def test_the_result_says_what_was_made(tmp_path: Path) -> None:
    path = tmp_path / "m.tflite"
    result = convert(output=str(path), quantize="int8", target="micro")
    assert result.artifact == path
    assert path.read_bytes() == result.content
    assert result.size == len(result.content)
    # GRU 3 H (F + H + 2) and Dense 3 (17 + 1); per step 3 H (F + H)
    assert result.parameters == 3 * 17 * (5 + 17 + 2) + 3 * 18
    assert result.macs_per_step == 3 * 17 * (5 + 17)
    assert result.macs == STEPS * result.macs_per_step + 3 * 17
    assert (result.scheme, result.target, result.io) == ("int8", "micro", "int8")
    assert result.seconds > 0
    assert os.listdir(tmp_path) == ["m.tflite"]


def test_without_an_output_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = convert(calibration=None)
    assert result.artifact is None
    assert result.content[4:8] == b"TFL3"
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_same_input_gives_the_same_bytes(scheme: str) -> None:
    target = "phone"
    first, second = (convert(quantize=scheme, target=target).content for _ in range(2))
    assert first == second
    program = (
        "import sys, edgernn\n"
        "result = edgernn.convert(sys.argv[1], quantize=sys.argv[2], calibration=sys.argv[3])\n"
        "sys.stdout.buffer.write(result.content)\n"
    )
    arguments = [str(folder() / "gru.keras"), scheme, str(folder() / "calibration.npz")]
    command = [sys.executable, "-c", program, *arguments]
    environment = {**os.environ, "PYTHONHASHSEED": "77"}
    assert subprocess.run(command, capture_output=True, check=True, env=environment).stdout == first


def test_samples_may_be_a_file_arrays_or_one_array(tmp_path: Path) -> None:
    x = np.load(folder() / "calibration.npz")["x"]
    np.save(tmp_path / "c.npy", x)
    sources = ({"signal": x}, x, tmp_path / "c.npy", str(folder() / "calibration.npz"))
    contents = {convert(quantize="int8", calibration=source).content for source in sources}
    assert len(contents) == 1


def test_file_and_model_object_give_the_same_artifact() -> None:
    import keras

    model = keras.saving.load_model(folder() / "gru.keras")
    assert convert(model).content == convert().content


@pytest.mark.parametrize(("scheme", "target"), PAIRS)
def test_the_file_says_what_it_is_in_few_bytes(scheme: str, target: str) -> None:
    result = convert(quantize=scheme, target=target)
    file = read_tflite(result.content)
    own = file.own
    assert own["edgernn"] == edgernn.__version__
    assert (own["scheme"], own["target"], own["form"], own["io"]) == (scheme, target, result.form, result.io)
    assert own["parameters"] == result.parameters
    assert (own["macs"], own["macs_per_step"]) == (result.macs, result.macs_per_step)
    assert read_model(folder() / "gru.keras").source_hash.startswith(own["source"])
    assert len(file.description) < 200
    assert [signature.key for signature in file.signatures] == (["serving_default"] if target == "phone" else [])
    assert file.names(file.main.inputs) == ("signal",)
    assert file.names(file.main.outputs, outputs=True) == read_model(folder() / "gru.keras").outputs


IO: dict[str, tuple[str, ...]] = {"float32": ("float32",), "float16": ("float32",), "dynamic": ("float32",)}
IO |= {"int8": ("float32", "int8", "int16"), "int16x8": ("float32", "int16")}


@pytest.mark.parametrize("io", ["float32", "int8", "int16"])
@pytest.mark.parametrize(("scheme", "target"), PAIRS)
def test_inputs_and_outputs_have_the_wanted_type(scheme: str, target: str, io: str) -> None:
    if io not in IO[scheme]:
        with pytest.raises(InputError, match=rf"io: must be one of {', '.join(IO[scheme])} for scheme '{scheme}'"):
            convert(quantize=scheme, target=target, io=io)
        return
    result = convert(quantize=scheme, target=target, io=io)
    for runtime in ("litert", "micro") if target == "micro" else ("litert",):
        session = open_session(result.content, runtime)
        (source,), (answer,) = session.inputs, session.outputs
        assert (source.dtype, answer.dtype) == (io, io)
        assert bool(source.scale) == bool(answer.scale) == (io != "float32")
        outputs = session.run({source.name: source.quantize(noise(1, 3))})
        assert answer.dequantize(outputs[answer.name]).sum() == pytest.approx(1, abs=0.02)  # a softmax


@pytest.mark.parametrize(
    ("scheme", "target", "io"),
    [
        *((scheme, "phone", "float32") for scheme in SCHEMES),
        ("float32", "micro", "float32"),
        ("int8", "micro", "int8"),
        ("int16x8", "micro", "int16"),
    ],
)
def test_the_default_type_of_inputs_and_outputs(scheme: str, target: str, io: str) -> None:
    assert convert(quantize=scheme, target=target).io == io


def test_unknown_steps_are_asked_for() -> None:
    with pytest.raises(InputError, match="number of time steps must be known") as caught:
        convert(folder() / "open.keras", calibration=None)
    assert "--steps" in caught.value.hint
    file = read_tflite(convert(folder() / "open.keras", calibration=None, steps=6).content)
    assert file.main.tensors[file.main.inputs[0]].shape == (1, 6, FEATURES)
    with pytest.raises(InputError, match="steps: the model fixes the number of time steps"):
        convert(steps=8)


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        (
            {"quantize": "int9"},
            "scheme: must be one of float32, .*int16x8, auto. Found: 'int9'",
            "did you mean 'int8'?",
        ),
        ({"target": "fone"}, "target: must be one of phone, micro. Found: 'fone'", "did you mean 'phone'?"),
        ({"form": "whyle"}, "form: must be one of while, .*. Found: 'whyle'", "did you mean 'while'?"),
        ({"clip": "percent"}, "clip: must be one of .*. Found: 'percent'", "did you mean 'percentile'?"),
        ({"quantize": "int8", "io": "int32"}, "io: must be one of float32, int8, int16. Found: 'int32'", "'int"),
        ({"target": "zzz"}, "Found: 'zzz'", "--help"),
        ({"target": "micro", "quantize": "dynamic"}, "target 'micro': scheme must be one of float32, int8", "int8"),
        ({"target": "micro", "quantize": "float16"}, "Found: 'float16'", "float32"),
        ({"quantize": "int8", "calibration": None}, "scheme 'int8': needs calibration samples", "--calibration"),
        ({"quantize": "int16x8", "calibration": None}, "'int16x8': needs calibration samples", "--calibration"),
    ],
)
def test_options_that_do_not_go_together(options: dict[str, Any], message: str, hint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message) as caught:
        convert(output=tmp_path / "m.tflite", **options)
    assert hint in caught.value.hint
    assert os.listdir(tmp_path) == []


def test_weights_that_are_no_numbers_are_named_layer_by_layer() -> None:
    import keras

    model = keras.saving.load_model(folder() / "gru.keras")
    for index, value in ((0, np.nan), (-1, np.inf)):
        weights = model.layers[index].get_weights()
        weights[-1][..., 1] = value
        model.layers[index].set_weights(weights)
    with pytest.raises(UnsupportedError) as caught:
        convert(model)
    first, second = caught.value.message.splitlines()
    assert first == f"layer '{model.layers[0].name}': weight 'bias' must be finite. Found: 2 NaN, 0 infinite of 102."
    assert second == f"layer '{model.layers[-1].name}': weight 'bias' must be finite. Found: 0 NaN, 1 infinite of 3."


def test_a_source_is_never_overwritten(tmp_path: Path) -> None:
    model, calibration = (Path(shutil.copy(folder() / name, tmp_path)) for name in ("gru.keras", "calibration.npz"))
    (tmp_path / "other name").symlink_to(model)
    before = model.read_bytes(), calibration.read_bytes()
    for output, what in ((model, "model"), (tmp_path / "other name", "model"), (calibration, "calibration file")):
        with pytest.raises(InputError, match=rf"must be another file than the {what}"):
            convert(model, output, quantize="int8", calibration=calibration)
    assert (model.read_bytes(), calibration.read_bytes()) == before


def test_an_unwritable_output_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_bytes(b"kept")
    stages: list[str] = []
    for output, rule in (("file/m.tflite", "must be a writable path"), ("folder", "must be a file.")):
        with pytest.raises(InputError, match=rf"output '.*': {rule}"):
            convert(output=tmp_path / output, on_progress=stages.append)
    assert stages == []
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]


@pytest.mark.parametrize("full", ["output", "temporary"])
def test_a_full_disk_is_the_environments_fault(full: str, tmp_path: Path) -> None:
    """A limit on the size of files stands in for a full disk: that of the output, or that of temporary files."""
    output = tmp_path / "m.tflite"
    output.write_bytes(b"old")
    code = "from edgernn.cli.main import main; main()"
    if full == "output":  # the limit begins when all that is temporary has been written
        code = f"""
import resource
from edgernn import conversion
opened = conversion.check_opens
def limited(*arguments):
    notes = opened(*arguments)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024, 1024))
    return notes
conversion.check_opens = limited
{code}"""
    limit = "ulimit -f 2;" if full == "temporary" else ""
    command = f'{limit} exec {sys.executable} -c "$CODE" convert {folder() / "gru.keras"} -o {output}'
    environment = {**os.environ, "CODE": code}
    result = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=False, env=environment)
    assert result.returncode == EnvironmentProblem.exit_status == 3
    error, hint = result.stderr.splitlines()
    assert ("cannot be written" if full == "output" else "cannot write a temporary file") in error
    assert "File too large" in error
    assert hint == "hint: free some disk space."
    assert output.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["m.tflite"]


def test_progress_is_told() -> None:
    stages: list[str] = []
    convert(quantize="int8", on_progress=stages.append)
    assert stages == [
        "reading the model",
        "measuring what its precision costs",
        "calibrating with 40 samples and compiling",
        "opening it",
    ]


# --- the command ---


@pytest.mark.parametrize("scheme", ["float32", "int8"])
def test_neither_tensorflow_nor_keras_is_imported(scheme: str, tmp_path: Path) -> None:
    program = (
        "import sys; from edgernn.cli.main import run; status = run(sys.argv[1:])\n"
        "print(*{name.partition('.')[0] for name in sys.modules}, file=sys.stderr); sys.exit(status)"
    )
    arguments = ["convert", str(folder() / "gru.keras"), "-o", str(tmp_path / "m.tflite"), "--quantize", scheme]
    arguments += ["--calibration", str(folder() / "calibration.npz"), "--json"]
    command = [sys.executable, "-c", program, *arguments]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert {"tensorflow", "keras", "jax", "torch", "rich"}.isdisjoint(result.stderr.split())
    assert "numpy" in result.stderr.split()


def test_the_json_is_as_documented(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "m.tflite"
    arguments = ["convert", str(folder() / "lstm.h5"), "-o", str(output), "--quantize", "int8", "--target", "micro"]
    assert run([*arguments, "--calibration", str(folder() / "calibration.npz"), "--json"]) == 0
    shown = capsys.readouterr()
    document = json.loads(shown.out)
    assert shown.err == ""
    assert list(document)[:9] == [
        *("schema", "version", "artifact", "bytes", "parameters", "macs", "macs_per_step", "scheme", "target")
    ]
    assert (document["schema"], document["version"]) == ("edgernn.convert", 1)
    assert document["artifact"] == str(output)
    assert document["bytes"] == output.stat().st_size
    assert document["parameters"] == 4 * 7 * (5 + 7 + 1) + 3 * 8
    assert (document["scheme"], document["target"], document["io"]) == ("int8", "micro", "int8")
    assert document["seconds"] > 0


def test_the_block_shows_the_artifact(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "m.tflite"
    assert run(["convert", str(folder() / "gru.keras"), "-o", str(output), "--form", "unrolled"]) == 0
    shown = capsys.readouterr()
    assert shown.err == ""
    block = dict(re.split("  +", line, maxsplit=1) for line in shown.out.splitlines())
    assert block["artifact"] == str(output)
    assert block["bytes"].startswith(f"{output.stat().st_size:,} (")
    told = [block[key] for key in ("scheme", "target", "form", "parameters")]
    assert told == ["float32", "phone", "unrolled", "1,278"]


def test_ctrl_c_in_mid_work_leaves_nothing_behind(tmp_path: Path) -> None:
    """A real signal to a real process that says, on a terminal, that it is at work."""
    np.savez(tmp_path / "many.npz", x=np.repeat(noise(40, 1), 3000, axis=0))
    (tmp_path / "m.tflite").write_bytes(b"old")
    terminal, end = pty.openpty()
    arguments = ["convert", str(folder() / "gru.keras"), "-o", "m.tflite", "--quantize", "int8"]
    process = subprocess.Popen(
        [*EDGERNN, *arguments, "--calibration", "many.npz"],
        stdout=subprocess.PIPE, stderr=end, cwd=tmp_path, env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
    )  # fmt: skip
    os.close(end)
    shown = b""
    while b"calibrating with 120000 samples" not in shown:
        shown += os.read(terminal, 4096)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    rest = os.read(terminal, 4096)
    os.close(terminal)
    assert (process.returncode, output) == (130, b"")
    assert b"interrupted" in rest
    assert b"Traceback" not in shown + rest
    assert sorted(os.listdir(tmp_path)) == ["m.tflite", "many.npz"]
    assert (tmp_path / "m.tflite").read_bytes() == b"old"
