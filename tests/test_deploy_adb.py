"""`edgernn deploy --device android` through the real adb, client and server, to a phone that speaks adbd's protocol."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from adbd_peer import Phone
from conftest import require_system
from saved_models import folder

import edgernn
from edgernn.cli.main import run
from edgernn.running import read_artifact


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model in C, int8, in a folder with a hostile name."""
    place = tmp_path_factory.mktemp("adb") / "$(touch owned) 'c'"
    model = folder() / "gru.keras"
    shape = read_artifact(edgernn.convert(model).content).inputs[0].shape
    x = np.random.default_rng(0).standard_normal((12, *shape[1:])).astype("f4")
    edgernn.convert(model, place, format="c", quantize="int8", calibration=x, name="model")
    return place


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
