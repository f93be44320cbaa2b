"""`edgernn deploy` into the userland of a Raspberry Pi, 64 and 32 bits, behind a real sshd, with LiteRT's wheels."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from loopback_sshd import Sshd
from pi_userland import PI_32, PI_64, Kind, make_userland
from saved_models import folder

import edgernn
from edgernn.cli.main import run
from edgernn.running import read_artifact


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "architecture"), [(PI_64, "aarch64"), (PI_32, "armv7l")])
def test_a_raspberry_pi_answers_as_this_machine_does(
    tmp_path: Path, kind: Kind, architecture: str, capsys: pytest.CaptureFixture[str]
) -> None:
    model = folder() / "gru.keras"
    shape = read_artifact(edgernn.convert(model).content).inputs[0].shape
    x = np.random.default_rng(0).standard_normal((12, *shape[1:])).astype("f4")
    np.savez(tmp_path / "x.npz", x=x)
    edgernn.convert(model, tmp_path / "int8.tflite", quantize="int8", calibration=x)
    edgernn.convert(model, tmp_path / "float.tflite")
    edgernn.convert(model, tmp_path / "c", format="c", quantize="int8", calibration=x, name="model")
    with Sshd(tmp_path / "board", command=make_userland(tmp_path / "root", kind)) as board:
        for name in ("int8.tflite", "float.tflite", "c"):
            words = [
                str(tmp_path / name),
                *board.options,
                "--offline",
                "--runs",
                "5",
                "--data",
                str(tmp_path / "x.npz"),
            ]
            assert run(["deploy", *words, "--json"]) == 0
            found = json.loads(capsys.readouterr().out)
            assert found["facts"]["architecture"] == architecture
            assert found["facts"]["processor"] == "Raspberry Pi 4 Model B Rev 1.4"
            exact = name == "c" or (name == "int8.tflite" and kind is PI_64)
            assert found["verdict"] == "identical" if exact else found["verdict"] != "different"
            assert found["copied_bytes"] > 1000
            assert run(["deploy", *words, "--json"]) == 0
            assert json.loads(capsys.readouterr().out)["copied_bytes"] == 0
