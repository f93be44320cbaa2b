"""Results of every command that prints a table, as they could have come out: files are real, measurements are written
down, so that a screen is the same on every machine.
"""

from __future__ import annotations

import atexit
import functools
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras_2_by_hand
import numpy as np
import report_results

import edgernn
from edgernn.checking import CheckResult, Way
from edgernn.choice import Choice, Tried
from edgernn.cli.check import print_check
from edgernn.cli.compare import print_results
from edgernn.cli.convert import print_choice, print_result
from edgernn.cli.deploy import print_deployments
from edgernn.cli.devices import print_boards
from edgernn.cli.doctor import print_diagnosis
from edgernn.cli.explained import print_explanation
from edgernn.cli.fits import print_fits
from edgernn.cli.growth import print_comparison
from edgernn.cli.inspect import print_inspection
from edgernn.cli.layers import print_layers
from edgernn.cli.output import print_block
from edgernn.cli.profile import print_profile
from edgernn.cli.recipes import print_recipes
from edgernn.cli.train import print_training
from edgernn.cli.verify import print_verification
from edgernn.deployment.deploy import Deployment, Failure
from edgernn.deployment.verdict import Verdict as Answer
from edgernn.devices.boards import boards, find_board
from edgernn.devices.emulators.model import Cost
from edgernn.devices.host.c import read_c_project
from edgernn.devices.host.operator_times import OperatorTime, OperatorTimes
from edgernn.devices.host.probe import FreshRun
from edgernn.devices.links.device import Facts
from edgernn.distances import Errors
from edgernn.errors import EnvironmentProblem
from edgernn.explanation import Explanation
from edgernn.judgement import Verdict
from edgernn.measuring import Measured
from edgernn.metrics import Metric
from edgernn.profiling.c_project import CProfile, c_rows
from edgernn.profiling.fit import CNeeds, Needs, check_fit, check_fit_c
from edgernn.profiling.history import Change, Comparison
from edgernn.profiling.latency import Latency
from edgernn.profiling.profiler import profile
from edgernn.quantization.advice import Settings
from edgernn.quantization.explained import Tensor
from edgernn.saturation import Saturation
from edgernn.training import RECIPES
from edgernn.training.recipe import Settings as TrainSettings
from edgernn.training.trainer import Score, TrainResult
from edgernn.verified import VerifyResult

NAME = Path("runs/vowels/wake_word_detector-int8-micro.tflite")
LATENCY = Latency(1264.9, 1489.4, 1504.3, 1754.1, 1154.5, 1298.5, 28.7, 999, 10, 0.02)


@functools.cache
def folder() -> Path:
    """A model of two GRUs and a Dense, its samples, and what is converted from it."""
    place = Path(tempfile.mkdtemp(prefix="edgernn-screens-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    model = keras_2_by_hand.keras_2_1(place / "model.h5")
    x = np.random.default_rng(1).standard_normal((20, *model.shape)).astype("f4")
    np.savez(place / "samples.npz", x=x)
    return place


@functools.cache
def converted() -> Any:
    place = folder()
    return edgernn.convert(
        place / "model.h5",
        place / "micro.tflite",
        quantize="int8",
        target="micro",
        calibration=place / "samples.npz",
        measure=False,
    )


def convert() -> None:
    print_result(replace(converted(), seconds=0.42, io_reason="float32: integers would cost 2.7 %."), str(NAME))


def errors(name: str, metric: Metric | None = None) -> Errors:
    return Errors(name, 0.004387, 0.001444, 0.0123, 0.25, 0.00828, 12, 0.0141, 0.9983, metric)


def choose() -> None:
    metric = Metric("accuracy", 0.979, 0.978, 370)

    def tried(scheme: str, size: int, lost: float, **more: Any) -> Tried:
        verdict = Verdict("class", "metric", lost, 0.005)
        return Tried(scheme, size=size, outputs=(errors("class", metric),), verdicts=(verdict,), **more)

    kept = tried("int8", 10_320, 0.001, arena=11_776)
    every = (
        tried("int8", 9_536, 0.021, max_error=0.05, arena=11_376),
        kept,
        Tried("int16x8", size=12_432),
        Tried("float16", refused="float16: is for phones. Found: target 'micro'."),
    )
    print_choice(Choice(every, kept, 370, False))


def explain() -> None:
    def tensor(name: str, error: float, advice: str = "", made: int = 1) -> Tensor:
        names = tuple(f"{name}{number}" for number in range(made))
        return Tensor(name, "gru", "state", "int8", -0.76, 0.87, 0.00642, 0.00642, 3, -0.764, 0.874, names, None,
                      0.0033, error, None, advice)  # fmt: skip

    advice = "its steps of 0.00642 are too coarse for what it holds: --max-error 0.0007 lets it have 16 bits."
    tensors = (
        tensor("gru/kernel0_pre_z+pre_r_x_all", 0.0082, advice),
        tensor("h", 0.0004, made=3),
        tensor("bidirectional/forward_gru/kernel0_pre_z+pre_r_x_all", 0.0003),
    )
    measured = Measured(40, True, "ai-edge-litert 2.3.0", (errors("class"),))
    settings = Settings("int8", "phone", "float32", "minmax", 0.01, True, True)
    print_explanation(Explanation(settings, tensors, measured, ("Each error is that of one tensor alone.",)))


def inspect() -> None:
    found = edgernn.inspect(folder() / "micro.tflite") if converted() else None
    assert found is not None
    print_inspection(replace(found, file=NAME, metadata={**found.metadata, "edgernn": "1.2.3"}))


def inspect_keras() -> None:
    print_inspection(replace(edgernn.inspect(folder() / "model.h5"), file=Path("model.h5")))


def verify() -> None:
    metric = Metric("accuracy", 0.9784, 0.9757, 370)
    verdict = Verdict("probability_of_each_speaker", "metric", 0.0027, 0.005)
    print_verification(
        VerifyResult(
            "micro", "tflite-micro 0.dev20261023182759", "keras", "int8", 370, True, verdict, (verdict,), 0.03, metric,
            0.00828, 0.004387, 0.001444, 0.0123, (errors("probability_of_each_speaker", metric), errors("level")),
            (Saturation("sensor", -3.1, 3.1, 0.0042), Saturation("gru/h", -1, 1, 0.1, of_state=True)), (),
        )
    )  # fmt: skip


def verify_one() -> None:
    verdict = Verdict("dense", "spread", 0.00828, 0.03)
    print_verification(
        VerifyResult(
            "litert", "ai-edge-litert 2.3.0", "reference", "int8", 24, True, verdict, (verdict,), 0.03, None, 0.00828,
            0.004387, 0.001444, 0.0123, (errors("dense"),), (), (),
        )
    )  # fmt: skip


def profile_tflite() -> None:
    converted()
    found = profile(folder() / "micro.tflite", static=True)
    kinds = ("FULLY_CONNECTED", "ADD", "XNNPACK")
    rows = tuple(OperatorTime(name, 0, 1, 27, 8.5 - i, 0.141) for i, name in enumerate(kinds))
    board = find_board("nucleo-l053r8")
    print_profile(
        replace(
            found,
            file=NAME,
            runtime_package="ai-edge-litert 2.3.0",
            cold=FreshRun(874.2, 323.8, 177.8, 6_565_888),
            latency=LATENCY,
            period_ms=20.0,
            operator_times=OperatorTimes("ai-edge-litert 2.3.0", 64.9, rows, {}, 0, ()),
            fits=(check_fit(board, Needs(5_200, 9_232, 267, ("ADD",), micro_runs=True)),),
        )
    )


def profile_c() -> None:
    place = folder() / "wake_word"
    if not place.exists():
        edgernn.convert(folder() / "model.h5", place, format="c", name="wake_word", measure=False)
    cost = Cost("qemu:cortex-m4", "arm-none-eabi-gcc -O3", 30_518, 3_630, 152, 2_924, 2_096, 564)
    project = replace(read_c_project(place), folder=Path("wake_word"))
    print_block(c_rows(CProfile(project, "", cost=cost)))


def profile_boards() -> None:
    measured = Needs(5_200, 9_232, 267, ("ADD",), micro_runs=True)
    cost = Cost("qemu:cortex-m4", "arm-none-eabi-gcc -O3", 30_518, 3_630, 152, 2_924, 2_096, 564)
    print_fits(
        [
            check_fit(find_board("nucleo-l053r8"), measured),
            check_fit(find_board("esp32"), replace(measured, arena_bytes=None, micro_runs=None)),
            check_fit(find_board("android-entry"), measured),
            check_fit_c(find_board("arduino-nano-33-ble"), CNeeds(2_096, 412, cost)),
        ]
    )


def against() -> None:
    changes = (
        Change("model_bytes", 5_200, 9_100, True),
        Change("latency_us.p50", 61.2, 61.9, True),
        Change("cold_start_us", 1_375_812, 1_376_000.5, False),
    )
    print_comparison(Comparison(changes, ()), 0.1)


def compare() -> None:
    found = report_results.example((16,))
    short = replace(found.rows[0], fits=False, misses=("flash: 12.3 KiB over 16.0 KiB", "ram: 1.0 KiB over 16.0 KiB"))
    print_results(replace(found, rows=(short, *found.rows[1:])))


def deploy() -> None:
    same = Answer("identical", 24, 0.0, 0.0, None)
    measures = {"cold_start_us": 18_250.0, "rss_bytes": 3_670_016, "temperature_c": 54.2, "clock_mhz": 1800.0}
    emulated = {"instructions_per_run": 30_518, "instructions_per_step": 3_630, "flash_engine_bytes": 2_924,
                "flash_weights_bytes": 2_096, "ram_bytes": 564, "stack_bytes": 152}  # fmt: skip
    pi = Facts("linux", "aarch64", "Linux 6.12", "Raspberry Pi 5 Model B Rev 1.0")
    clusters = {"0-3": LATENCY, "4-7": replace(LATENCY, p50=18_400.0)}
    print_deployments(
        [
            Deployment("pi@raspberrypi.local", pi, "tflite-runtime 2.14.0", 1_153_434, clusters, measures, same),
            Deployment("qemu:cortex-m4", Facts("emulator", "armv7e-m", "QEMU", "cortex-m4"),
                       "C, arm-none-eabi-gcc -O3, qemu:cortex-m4", 8_090, {}, emulated,
                       replace(same, word="within-tolerance")),
            Failure("android:R58M123ABC", EnvironmentProblem("device: must answer.")),
        ]
    )  # fmt: skip


def deploy_one() -> None:
    facts = Facts("emulator", "armv7e-m", "QEMU", "cortex-m4")
    same = Answer("identical", 24, 0.0, 0.0, None)
    emulated = {"instructions_per_run": 30_518, "instructions_per_step": 3_630, "stack_bytes": 152}
    print_deployments([Deployment("qemu:cortex-m4", facts, "C, arm-none-eabi-gcc -O3", 8_090, {}, emulated, same)])


def devices() -> None:
    print_boards(list(boards())[:9], {"processor": "AMD EPYC", "architecture": "x86_64"})


def doctor() -> None:
    there = {"numpy": "2.4.6", "click": "8.5.1", "rich": "15.0.0", "flatbuffers": "25.12.19", "keras": "3.2.0",
             "ai-edge-litert": "2.3.0", "tflite-micro": "0.dev20261023182759"}  # fmt: skip
    found = edgernn.doctor(lambda package, module: there.get(package, ""), "Linux-x86_64")
    python = "/home/pi/.venv/bin/python"
    print_diagnosis(replace(found, edgernn="1.2.3", python="3.11.7", executable=python, platform="Linux"))


def recipes() -> None:
    print_recipes(RECIPES, [index == 0 for index in range(len(RECIPES))])


def train() -> None:
    print_training(
        TrainResult(
            Path("runs/vowels"), "japanese-vowels", "gru", 32, 1, 0, 1.0, TrainSettings(40, 32, 0.003), 300,
            "accuracy", 0.984, (Score("most frequent class", 0.084), Score("logistic regression on the means", 0.946)),
            4_713, 4_416, {"test": 370}, (), 8.2, 0.2, {},
        )
    )  # fmt: skip


def check() -> None:
    phones = tuple(board.name for board in boards() if board.kind != "micro")
    micros = tuple(board.name for board in boards() if board.kind == "micro")
    ways = (
        Way("phone", "dynamic", 7_424, 1_916, phones),
        Way("micro", "int8", 7_568, 19_552, micros[1:], micros[:1]),
        Way(
            "micro", "int16x8", None, None, refused="an operator has no kernel of 16 bits: 'SOFTMAX' over 300 numbers."
        ),
        Way("c", "int8", 3_088, 216, micros[:3], micros[3:]),
    )
    shapes: dict[str, tuple[int, ...]] = {"signal": (9, 4)}
    why = (
        "layer 'both': a stream must be read from its beginning to its end. Found: a recurrence that runs from the end."
    )
    print_check(CheckResult((), 418, 2_936, 324, shapes, {"out": (2,)}, ways, False, why))


def check_obstacles() -> None:
    print_check(
        CheckResult(
            (
                (
                    "layer 'attend': class must be a supported layer of Keras. Found: 'Attention'.",
                    "train again without.",
                ),
                ("layer 'gru': reset_after must be true or false. Found: 3.", ""),
            )
        )
    )


SCREENS: dict[str, Callable[[], None]] = {
    "recipes": recipes,
    "train": train,
    "layers": print_layers,
    "check": check,
    "check-obstacles": check_obstacles,
    "convert": convert,
    "convert-auto": choose,
    "convert-explain": explain,
    "inspect": inspect,
    "inspect-keras": inspect_keras,
    "verify": verify,
    "verify-one-output": verify_one,
    "deploy": deploy,
    "deploy-one-device": deploy_one,
    "profile": profile_tflite,
    "profile-c": profile_c,
    "profile-boards": profile_boards,
    "profile-against": against,
    "compare": compare,
    "devices": devices,
    "doctor": doctor,
}
