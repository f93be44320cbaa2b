"""The ways to run an artifact on a device that has a shell: a program of ours in C, LiteRT in Python, Google's tool."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from edgernn.converters.tflite.file import TfliteFile
from edgernn.deployment.job import Job
from edgernn.devices.host.c import CProject
from edgernn.devices.links.shell import quote
from edgernn.devices.linux.binary import compile_runner
from edgernn.devices.linux.programs import program_text
from edgernn.devices.linux.python import PythonHome
from edgernn.errors import EnvironmentProblem, InputError


class Runner(Protocol):
    """A way to run an artifact."""

    @property
    def files(self) -> Mapping[str, bytes]:
        """Of the program, by name."""

    @property
    def executable(self) -> frozenset[str]:
        """Those of them that are run."""

    def command(self, program: str, folder: str, job: Job, mask: int) -> str:
        """What runs it: reads `input` in a job's folder, writes `output` and `times`, and prints ``name=value``.

        Args:
            program: folder of the files.
            folder: of the job.
            job: what to run.
            mask: of the cores to run on, 0 for any.
        """

    def measures(self, said: str) -> dict[str, Any]:
        """What the program has printed and no other runner prints."""


class CRunner:
    """Our C, compiled for the device."""

    executable = frozenset({"run_model"})

    def __init__(self, project: CProject, architecture: str, device: str) -> None:
        """Compile it.

        Raises:
            InputError: no program can be made for this architecture.
            EnvironmentProblem: the cross compiler is not installed.
        """
        self.files = {"run_model": compile_runner(project, architecture, device)}

    def command(self, program: str, folder: str, job: Job, mask: int) -> str:
        """See `Runner`."""
        return _words(f"{program}/run_model", folder, *_limits(job), mask)

    def measures(self, said: str) -> dict[str, Any]:
        """Nothing more."""
        return {}


class PythonRunner:
    """LiteRT in the device's Python."""

    executable = frozenset[str]()

    def __init__(self, model: TfliteFile, python: PythonHome) -> None:
        """Use a Python that has been prepared."""
        self.files = {"model.tflite": model.content, "run_litert.py": program_text("run_litert.py").encode()}
        self._python = python

    def command(self, program: str, folder: str, job: Job, mask: int) -> str:
        """See `Runner`."""
        resets = ",".join(map(str, sorted(job.resets)))
        words = [f"{program}/model.tflite", folder, *map(str, _limits(job)), resets]
        return self._python.command(f"{program}/run_litert.py", words)

    def measures(self, said: str) -> dict[str, Any]:
        """Nothing more."""
        return {}


class BenchmarkRunner:
    """Google's `benchmark_model`, which the user has: a process for each answer, and one that measures."""

    executable = frozenset({"benchmark_model"})

    def __init__(self, model: TfliteFile, binary: bytes, job: Job, device: str) -> None:
        """Check that the tool can give the answers.

        Raises:
            InputError: the model keeps its states itself, which are lost between two processes.
        """
        outside = isinstance((job.artifact.own.get("streaming") or {}).get("states"), list)
        if len(job.resets) < len(job.invocations) and not outside:
            raise InputError(
                f"device '{device}': the benchmark tool must be given states as inputs. Found: states inside.",
                hint="convert with --state io.",
            )
        self.files = {
            "model.tflite": model.content,
            "benchmark_model": binary,
            "run_benchmark.sh": program_text("run_benchmark.sh").encode(),
        }

    def command(self, program: str, folder: str, job: Job, mask: int) -> str:
        """See `Runner`."""
        warmup, runs, seconds = _limits(job)
        infos = job.artifact.inputs
        names = ",".join(f"x{number}" for number in range(len(infos)))
        shapes = ":".join(",".join(map(str, info.shape)) for info in infos)
        sizes = [math.prod(info.shape) * np.dtype(info.dtype).itemsize for info in infos]
        count = len(job.invocations) if mask == 0 else 0
        words = (program, folder, count, warmup, runs, f"{mask:x}", names, shapes, *sizes)
        return f"timeout -s KILL {seconds} sh " + _words(f"{program}/run_benchmark.sh", *words)

    def measures(self, said: str) -> dict[str, Any]:
        """The statistics that the tool prints, in microseconds.

        Raises:
            EnvironmentProblem: it has printed none.
        """
        timings = re.search(r"Inference timings in us: Init: (\S+), First inference: (\S+),", said)
        counted = re.findall(r"^.*\bcount=(\d+) .*\bmin=(\S+) max=(\S+) avg=(\S+) std=(\S+)", said, re.MULTILINE)
        if timings is None or not counted:
            raise EnvironmentProblem(
                "benchmark tool: must print its timings. Found: none.",
                hint="is --benchmark-binary Google's benchmark_model for this phone's processor?",
            )
        count, *numbers = counted[-1]
        names = ("min", "max", "mean", "std")
        return {
            "cold_start_us": float(timings[1]) + float(timings[2]),
            "benchmark_us": {"runs": int(count), **dict(zip(names, map(float, numbers), strict=True))},
        }


def _limits(job: Job) -> tuple[int, int, int]:
    return job.plan.warmup, job.plan.runs, math.ceil(job.plan.seconds)


def _words(*words: object) -> str:
    return " ".join(quote(str(word)) for word in words)
