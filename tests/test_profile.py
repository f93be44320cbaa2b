"""The command `profile`: its figures against independent counts, its outputs against each other, its errors."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from saved_models import CLASSES, EDGERNN, FEATURES, STEPS, artifact, folder, stock_artifact

from edgernn.cli.main import run
from edgernn.devices.boards import boards
from edgernn.devices.host.arena import smallest_arena
from edgernn.devices.host.session import open_session

KEYS = {
    *("schema", "version", "artifact", "runtime", "device", "parameters", "macs", "macs_per_step", "model_bytes"),
    *("arena_bytes", "latency_us", "cold_start_us", "rss_bytes", "layers", "operators", "fits"),
}
QUICK = ("--runs", "20", "--min-seconds", "0", "--warmup", "1")
# By hand: gates x units x (features + units) per step, and the dense layer once.
GRU_STEP, DENSE = 3 * 17 * (FEATURES + 17), 17 * CLASSES
GRU = {"macs": STEPS * GRU_STEP + DENSE, "macs_per_step": GRU_STEP}
LSTM_STEP = 4 * 7 * (FEATURES + 7)
LSTM = {"macs": STEPS * LSTM_STEP + 7 * CLASSES, "macs_per_step": LSTM_STEP}

Captured = pytest.CaptureFixture[str]


def profiled(capfd: Captured, file: Path, *options: str, status: int = 0) -> dict[str, Any]:
    """What `profile --json` prints."""
    capfd.readouterr()
    code = run(["profile", str(file), *QUICK, "--json", *options])
    printed = capfd.readouterr()
    assert code == status, printed.err
    found: dict[str, Any] = json.loads(printed.out)
    return found


@pytest.mark.parametrize(
    ("scheme", "target", "model", "expected"),
    [
        ("int8", "micro", "gru.keras", GRU),
        ("float32", "phone", "gru.keras", GRU),
        ("dynamic", "phone", "lstm.h5", LSTM),
        ("int8", "micro", "lstm.h5", LSTM),
    ],
)
def test_an_artifact_of_ours(scheme: str, target: str, model: str, expected: dict[str, int], capfd: Captured) -> None:
    import keras

    file = artifact(scheme, target, model)
    found = profiled(capfd, file, "--period-ms", "20")
    assert set(found) >= KEYS
    assert (found["schema"], found["version"], found["complete"]) == ("edgernn.profile", 1, True)
    assert found["counted"] == "metadata"
    assert found["parameters"] == keras.models.load_model(folder() / model).count_params()
    assert {key: found[key] for key in expected} == expected
    assert found["model_bytes"] == sum(found["bytes"].values()) == file.stat().st_size
    of_weights = found["bytes"]["weights"] + found["bytes"]["biases"] + found["bytes"]["constants"]
    assert sum(found["weight_bytes"].values()) == of_weights
    latency = found["latency_us"]
    order = [latency[key] for key in ("min", "p50", "p90", "p95", "p99")]
    assert order == sorted(order)
    assert order[0] > 0
    assert latency["runs"] == 20
    assert found["real_time_factor"] == pytest.approx(latency["p50"] / 20_000)
    assert found["cold_start_us"] == pytest.approx(sum(found["cold_start"].values()))
    assert found["rss_bytes"] > 0
    assert found["runtime_package"].startswith("ai-edge-litert ")


@pytest.mark.parametrize(("scheme", "target"), [("int8", "micro"), ("float32", "micro")])
def test_the_arena_is_the_smallest_that_works_and_the_resolver_is_complete(
    scheme: str, target: str, capfd: Captured
) -> None:
    found = profiled(capfd, artifact(scheme, target), "--runtime", "micro")
    assert found["arena_bytes"] == smallest_arena(artifact(scheme, target).read_bytes())
    assert found["arena"]["used"] == found["arena"]["head"] + found["arena"]["tail"] <= found["arena_bytes"]
    micro = found["micro"]
    assert (micro["loads"], micro["runs"], micro["reason"], micro["unsupported"]) == (True, True, "", [])
    assert micro["resolver"][0] == f"tflite::MicroMutableOpResolver<{len(found['operators'])}> resolver;"
    assert len(micro["resolver"]) == 1 + len(found["operators"])
    assert found["runtime_package"].startswith("tflite-micro ")
    assert found["operator_times"] is None


def test_a_file_of_another_tool_is_counted_itself(capfd: Captured) -> None:
    found = profiled(capfd, stock_artifact())
    assert found["counted"] == "file"
    assert found["parameters"] == 3 * 17 * (FEATURES + 17 + 2) + 17 * CLASSES + CLASSES
    assert {key: found[key] for key in GRU} == GRU
    assert sum(found["bytes"].values()) == found["model_bytes"] == stock_artifact().stat().st_size
    assert found["latency_us"]["p50"] > 0
    assert sum(row["macs"] * row["executions"] for row in found["layers"]) == found["macs"]


@pytest.mark.parametrize("model", ["gru.keras", "lstm.h5", "regression.keras"])
def test_of_a_keras_file_only_what_the_file_says_is_told(model: str, capfd: Captured) -> None:
    import keras

    found = profiled(capfd, folder() / model, "--board", "esp32")
    loaded = keras.models.load_model(folder() / model)
    assert (found["kind"], found["counted"], found["complete"]) == ("keras", "keras", True)
    assert found["parameters"] == loaded.count_params()
    rows = {row["name"]: row["parameters"] for row in found["layers"] if row["parameters"]}
    assert rows == {layer.name: layer.count_params() for layer in loaded.layers if layer.count_params()}
    assert found["weight_bytes"]["float32"] == 4 * loaded.count_params()
    assert [found[key] for key in ("latency_us", "arena_bytes", "cold_start_us", "fits")] == [None] * 4
    assert any("convert it" in note for note in found["notes"])


def test_a_keras_model_with_open_steps_needs_their_number(capfd: Captured) -> None:
    assert run(["profile", str(folder() / "open.keras")]) == 2
    assert "--steps" in capfd.readouterr().err
    step = 3 * 4 * (FEATURES + 4)
    assert profiled(capfd, folder() / "open.keras", "--steps", "11")["macs"] == 11 * step


def test_static_runs_nothing(capfd: Captured) -> None:
    found = profiled(capfd, artifact(), "--static")
    assert found["complete"] is True
    assert [found[key] for key in ("latency_us", "micro", "cold_start_us", "operator_times")] == [None] * 4
    assert sum(found["bytes"].values()) == found["model_bytes"]


def test_csv_and_json_agree(capfd: Captured) -> None:
    """Both are made of the same document, so one that was printed before is compared where nothing is timed."""
    options = ("--static", "--board", "esp32")
    document = profiled(capfd, artifact(), *options)
    assert run(["profile", str(artifact()), "--csv", *options]) == 0
    names, values = csv.reader(io.StringIO(capfd.readouterr().out))
    cells = dict(zip(names, values, strict=True))
    assert len(cells) == len(names)
    for name, text in cells.items():
        value: Any = document
        for part in name.split(".", 1) if name.split(".")[0] in document else [name]:
            value = value[part]
        assert name == "time" or text == ("" if value is None else str(value)), name
    assert (cells["fits.board"], cells["bytes.weights"]) == ("esp32", str(document["bytes"]["weights"]))


def test_csv_holds_what_was_measured(capfd: Captured) -> None:
    assert run(["profile", str(artifact()), *QUICK, "--csv"]) == 0
    names, values = csv.reader(io.StringIO(capfd.readouterr().out))
    cells = dict(zip(names, values, strict=True))
    assert float(cells["latency_us.p50"]) > 0
    assert int(cells["arena_bytes"]) == smallest_arena(artifact().read_bytes())


def test_people_get_a_table(capfd: Captured) -> None:
    assert run(["profile", str(artifact()), *QUICK, "--board", "arduino-nano-33-ble"]) == 0
    printed = capfd.readouterr()
    for words in (
        "1,278",
        "to start and run",
        "median of 20 runs",
        "resolver.AddWhile();",
        "Arduino Nano 33 BLE: fits",
    ):
        assert words in printed.out
    assert run(["profile", str(artifact("dynamic", "phone")), *QUICK, "--board", "esp32"]) == 1
    printed = capfd.readouterr()
    assert "refuses it" in printed.out
    assert "error: board 'esp32': the model must fit. Found: operators: " in printed.err


def test_a_board_that_is_too_small_is_exit_status_1(capfd: Captured) -> None:
    found = profiled(capfd, artifact(), "--board", "nucleo-l053r8", status=1)
    short = {item["what"]: item["short_by"] for item in found["fits"]["items"]}
    board = next(board for board in boards() if board.name == "nucleo-l053r8")
    assert board.flash_bytes is not None
    assert short["flash"] == found["model_bytes"] + 80 * 1024 - board.flash_bytes > 0
    assert short["RAM"] == found["arena_bytes"] + 4096 - board.ram_bytes > 0
    assert found["fits"]["fits"] is False
    linux = profiled(capfd, artifact("dynamic", "phone"), "--board", "raspberry-pi-4")
    assert linux["fits"]["fits"] is True


def test_a_history_grows_and_a_later_run_is_held_against_it(tmp_path: Path, capfd: Captured) -> None:
    history = tmp_path / "history.jsonl"
    first = profiled(capfd, artifact(), "--static", "--history", str(history))
    profiled(capfd, artifact(), "--static", "--history", str(history))
    lines = history.read_text().splitlines()
    assert len(lines) == 2
    assert json.loads(lines[0]) == first
    again = profiled(capfd, artifact(), "--static", "--against", str(history))
    assert again["against"]["regressions"] == []
    earlier = tmp_path / "earlier.json"
    earlier.write_text(json.dumps({**first, "model_bytes": int(first["model_bytes"] / 1.2)}))
    worse = profiled(capfd, artifact(), "--static", "--against", str(earlier), status=1)
    assert worse["against"]["regressions"] == ["model_bytes"]
    profiled(capfd, artifact(), "--static", "--against", str(earlier), "--max-regression", "25%")
    profiled(capfd, artifact(), "--static", "--against", str(earlier), "--max-regression", "0.25")


def test_a_slower_latency_is_a_regression_in_the_real_program(tmp_path: Path) -> None:
    earlier = tmp_path / "earlier.json"
    command = [*EDGERNN, "profile", str(artifact()), *QUICK]
    first = subprocess.run([*command, "--json"], capture_output=True, check=True)
    document = json.loads(first.stdout)
    document["latency_us"]["p50"] /= 1000
    earlier.write_text(json.dumps(document))
    second = subprocess.run([*command, "--against", str(earlier)], capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert "error: regression: nothing may grow by more than 10 %. Found: latency_us.p50 by " in second.stderr
    assert "against the earlier profile" in second.stdout


@pytest.mark.parametrize("runtime", ["litert", "micro"])
def test_the_median_is_what_another_timer_sees(runtime: str, capfd: Captured) -> None:
    """The two take turns, so that a machine whose speed changes changes it for both."""
    file = artifact("float32", "phone") if runtime == "litert" else artifact()
    session = open_session(file, runtime)
    session.feed({info.name: info.noise() for info in session.inputs})
    ratios = []
    for _ in range(3):
        mine = []
        for _ in range(300):
            start = time.perf_counter()
            session.invoke()
            mine.append(1e6 * (time.perf_counter() - start))
        found = profiled(capfd, file, "--runtime", runtime, "--runs", "300", "--warmup", "50")
        ratios.append(found["latency_us"]["p50"] / float(np.median(mine)))
    assert 0.5 < float(np.median(ratios)) < 2
