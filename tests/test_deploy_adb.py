"""`edgernn deploy --device android` through the real adb, client and server, to a phone that speaks adbd's protocol."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from adbd_peer import Phone
from conftest import require_system
from saved_models import folder, int8_c

import edgernn
from edgernn.cli.main import run


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model in C, int8, in a folder with a hostile name."""
    return int8_c(tmp_path_factory.mktemp("adb") / "$(touch owned) 'c'")


@pytest.fixture(autouse=True)
def _own_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An adb server for this test alone, with keys of its own."""
    require_system("adb")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(probe.getsockname()[1]))
    monkeypatch.setenv("HOME", str(tmp_path))
    yield
    subprocess.run(["adb", "kill-server"], capture_output=True, check=False)


def plugged(phone: Phone) -> Phone:
    """The phone, connected."""
    subprocess.run(["adb", "disconnect", phone.serial], capture_output=True, check=False)
    subprocess.run(["adb", "connect", phone.serial], check=True, capture_output=True)
    return phone


def deployed(artifact: Path, *more: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The record of a deployment that went well."""
    assert run(["deploy", str(artifact), "--runs", "20", "--json", *more]) == 0
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def refused(artifact: Path, *more: str, capsys: pytest.CaptureFixture[str], status: int = 3) -> str:
    """What a deployment that fails says."""
    device = [] if "--device" in more else ["--device", "android"]
    assert run(["deploy", str(artifact), *device, *more]) == status
    said = capsys.readouterr().err
    assert "Traceback" not in said
    assert "hint: " in said
    return said


def test_a_phone_answers_as_this_machine_does_and_is_left_clean(
    artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with plugged(Phone(tmp_path / "phone").__enter__()) as phone:
        found = deployed(artifact, "--device", "android", capsys=capsys)
        assert found["verdict"] == "identical"
        assert found["facts"]["kind"] == "android"
        assert found["facts"]["architecture"] == "aarch64"
        assert found["facts"]["processor"] == "edgernn Test phone"
        assert found["facts"]["more"]["release"] == "Android 15"
        assert found["latency_us"]["all"]["runs"] == 20
        assert not list((phone.data / "local" / "tmp").iterdir())


def test_the_phone_must_be_there_be_named_and_let_us_in(
    artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "must be connected. Found: no device" in refused(artifact, capsys=capsys)
    with Phone(tmp_path / "one") as one, Phone(tmp_path / "two") as two:
        two.authorized = False
        subprocess.run(["adb", "connect", two.serial], capture_output=True, check=False)
        assert "must be ready. Found: unauthorized" in refused(artifact, capsys=capsys)
        plugged(one)
        said = refused(artifact, capsys=capsys, status=2)
        assert one.serial in said
        assert two.serial in said
        assert "must be connected. Found" in refused(artifact, "--device", "android:other", capsys=capsys)
        named = f"android:{one.serial}"
        assert deployed(artifact, "--device", named, capsys=capsys)["verdict"] == "identical"


def test_faults_while_copying(artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with plugged(Phone(tmp_path / "phone").__enter__()) as phone:
        phone.space = 10_000
        assert "no space left on it" in refused(artifact, capsys=capsys)
        assert not list((phone.data / "local" / "tmp").iterdir())
        phone.space, phone.cut_after = None, 100_000
        said = refused(artifact, capsys=capsys)
        assert "must stay connected. Found: " in said
        phone.cut_after = None
        plugged(phone)
        assert deployed(artifact, "--device", "android", capsys=capsys)["verdict"] == "identical"


def test_a_phone_that_is_unplugged_while_it_runs(
    artifact: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with plugged(Phone(tmp_path / "phone").__enter__()) as phone:
        running = phone.data / "local" / "tmp" / "edgernn" / "jobs"

        def unplug() -> None:
            while not list(running.glob("*/output")):
                time.sleep(0.05)
            phone.unplug()

        thread = threading.Thread(target=unplug)
        thread.start()
        said = refused(artifact, "--runs", "10000000", capsys=capsys)
        thread.join()
        assert "must stay connected. Found: " in said


def test_a_tflite_is_not_for_the_phones_shell(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    edgernn.convert(folder() / "gru.keras", tmp_path / "m.tflite")
    with plugged(Phone(tmp_path / "phone").__enter__()):
        assert "must be given a folder of C" in refused(tmp_path / "m.tflite", capsys=capsys, status=2)


@pytest.mark.parametrize("serial", ["$(touch owned)", "a b", "'x", "-s"])
def test_a_hostile_serial_number_is_only_a_wrong_one(
    serial: str, artifact: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "must be connected" in refused(artifact, "--device", f"android:{serial}", capsys=capsys)
    assert "owned" not in os.listdir(tmp_path)


# The flags and the lines of Google's tool, with the real LiteRT of this machine behind them.
_TOOL = """#!{python}
import sys, time
import numpy as np
from ai_edge_litert.interpreter import Interpreter
flags = dict(word[2:].split("=", 1) for word in sys.argv[1:])
interpreter = Interpreter(model_path=flags["graph"], num_threads=1)
interpreter.allocate_tensors()
files = [item.split(":")[1] for item in flags["input_layer_value_files"].split(",")]
shapes = [[int(n) for n in item.split(",")] for item in flags["input_layer_shape"].split(":")]
for detail, file, shape in zip(interpreter.get_input_details(), files, shapes, strict=True):
    assert shape == list(detail["shape"])
    array = np.fromfile(file, detail["dtype"]).reshape(shape)
    interpreter.set_tensor(detail["index"], array)
for run in range(int(flags["num_runs"])):
    interpreter.invoke()
if {knows_output} and flags.get("output_filepath"):
    with open(flags["output_filepath"], "wb") as stream:
        for detail in interpreter.get_output_details():
            stream.write(interpreter.get_tensor(detail["index"]).tobytes())
print("INFO: count=%s first=31 curr=12 min=11 max=40 avg=12.5 std=2" % flags["num_runs"])
print("INFO: Inference timings in us: Init: 1500, First inference: 31, Warmup (avg): 13, Inference (avg): 12.5")
"""


def _tool(place: Path, *, knows_output: bool) -> Path:
    path = place / "benchmark_model"
    path.write_text(_TOOL.format(python=sys.executable, knows_output=knows_output))
    return path


@pytest.mark.parametrize("streaming", [False, True])
def test_google_s_benchmark_tool_runs_a_tflite(
    tmp_path: Path, streaming: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    model = tmp_path / "m.tflite"
    x = np.random.default_rng(0).standard_normal((3, 9, 5)).astype("f4")
    edgernn.convert(folder() / "gru.keras", model, quantize="int8", calibration=x, streaming=streaming)
    np.savez(tmp_path / "x.npz", x=x[:2])
    tool = _tool(tmp_path, knows_output=True)
    with plugged(Phone(tmp_path / "phone").__enter__()) as phone:
        words = ["--device", "android", "--benchmark-binary", str(tool), "--data", str(tmp_path / "x.npz")]
        found = deployed(model, *words, capsys=capsys)
        assert found["verdict"] == "identical"
        assert found["invocations"] == (18 if streaming else 2)
        assert found["runtime"] == "LiteRT, benchmark_model"
        assert found["measures"]["benchmark_us"] == {"runs": 20, "min": 11.0, "max": 40.0, "mean": 12.5, "std": 2.0}
        assert found["measures"]["cold_start_us"] == 1531
        assert not list((phone.data / "local" / "tmp").iterdir())


def test_a_benchmark_tool_that_cannot_give_answers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model, inside = tmp_path / "m.tflite", tmp_path / "inside.tflite"
    edgernn.convert(folder() / "gru.keras", model)
    edgernn.convert(folder() / "gru.keras", inside, streaming=True, state="internal")
    tool = _tool(tmp_path, knows_output=False)
    assert "must be a file" in refused(model, "--benchmark-binary", str(tmp_path / "no"), capsys=capsys, status=2)
    with plugged(Phone(tmp_path / "phone").__enter__()) as phone:
        words = ["--benchmark-binary", str(tool)]
        assert "that does not know --output_filepath" in refused(model, *words, capsys=capsys)
        assert "convert with --state io" in refused(inside, *words, capsys=capsys, status=2)
        assert not list((phone.data / "local" / "tmp").iterdir())
