"""A device with a POSIX shell: a Raspberry Pi, any other Linux board, an Android phone.

All that is ours lies in one folder there, for the user alone:

    programs/HASH    a model and what runs it, named after their content, written whole or not at all
    services/NAME    a service: the model, what runs it, and systemd's units
    python/NAME      the packages that run a .tflite
    jobs/NUMBER      inputs and outputs of one run, removed when they have been read
"""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

import numpy as np

from edgernn.converters.tflite.file import TfliteFile
from edgernn.deployment.job import Job
from edgernn.devices.host.c import CProject
from edgernn.devices.links.device import Facts, Outcome
from edgernn.devices.links.shell import (
    CLUSTERS,
    CONDITION,
    DESCRIBE,
    KILLED,
    OUT_OF_TIME,
    Finished,
    Shell,
    call,
    clusters,
    condition,
    quote,
    watched,
)
from edgernn.devices.linux.binary import compile_static
from edgernn.devices.linux.folders import forget, is_whole, place, sums_of
from edgernn.devices.linux.programs import program_text
from edgernn.devices.linux.python import PythonHome
from edgernn.devices.linux.runners import BenchmarkRunner, CRunner, PythonRunner, Runner
from edgernn.devices.linux.service import Installed, Service, files_of, halt, start, stop
from edgernn.devices.linux.serving import description_text, serving_source
from edgernn.errors import EnvironmentProblem, InputError
from edgernn.profiling.latency import Seconds


class LinuxDevice:
    """See `edgernn.devices.links.device.Device`."""

    def __init__(
        self,
        shell: Shell,
        *,
        offline: bool = False,
        keep: bool = True,
        benchmark: bytes | None = None,
    ) -> None:
        """Use a link.

        Args:
            shell: the link.
            offline: carry packages there instead of having the device fetch them.
            keep: leave programs and packages for the next time.
            benchmark: Google's `benchmark_model` for the device, which runs a .tflite where no Python is.
        """
        self.name, self.kind = shell.name, shell.kind
        self._shell, self._offline, self._keep, self._benchmark = shell, offline, keep, benchmark
        self._facts: Facts | None = None
        self._program = self._job = ""
        self._python: PythonHome | None = None
        self._runner: Runner | None = None
        self._root = ""
        self._found: list[tuple[str, Finished]] = []
        self._before: dict[str, float | str] = {}

    def describe(self) -> Facts:
        """What it is; asked once."""
        if self._facts is None:
            found = self._call(DESCRIBE + self._shell.root).lines
            self._root = found["root"]
            machine = found.get("architecture", "")
            if machine == "aarch64" and found.get("bits") == "32":
                machine = "armv7l"  # a 32-bit system on a 64-bit kernel
            machine = {"arm64": "aarch64", "amd64": "x86_64", "armv8l": "armv7l"}.get(machine, machine)
            more: dict[str, Any] = {key: found[key] for key in ("release", "user") if found.get(key)}
            more |= {key: int(found[key]) for key in ("cores", "memory_kib") if found.get(key, "").isdigit()}
            self._facts = Facts(
                self._shell.kind, machine, found.get("system", "unknown"), found.get("processor") or machine, more
            )
        return self._facts

    def put(self, job: Job) -> int:
        """Copy what is not there yet."""
        self.describe()
        copied, runner = self._runner_for(job)
        key = hashlib.sha256(sums_of(runner.files).encode()).hexdigest()[:24]
        self._runner, self._program = runner, f"{self._root}/programs/{key}"
        copied += place(self._shell, self._program, runner.files, runner.executable)
        self._job = f"{self._root}/jobs/{secrets.token_hex(8)}"
        jobs = quote(f"{self._root}/jobs")
        old = f"find {jobs} -mindepth 1 -maxdepth 1 -mmin +1440 -exec rm -rf {{}} +"  # of links that were cut
        self._call(f"umask 077; mkdir -p {quote(self._job)} && chmod 700 {quote(self._root)} && {old}")
        self._shell.send({"input": job.input_bytes}, self._job, frozenset())
        return copied

    def _runner_for(self, job: Job) -> tuple[int, Runner]:
        """What runs the job here, and the bytes that were copied for it."""
        content, architecture = job.artifact.content, self.describe().architecture
        if isinstance(content, CProject):
            return 0, CRunner(content, architecture, self.name)
        if self.kind != "android":
            self._python = PythonHome(self._shell, self._root, architecture)
            copied = self._python.prepare(offline=self._offline)
            return copied, PythonRunner(content, self._python)
        if self._benchmark is None:
            raise InputError(
                f"device '{self.name}': must be given a folder of C. Found: a .tflite.",
                hint="convert --format c; or --android-project DIR makes an app around the .tflite; "
                "or --benchmark-binary FILE runs it with Google's tool.",
            )
        return 0, BenchmarkRunner(content, self._benchmark, job, self.name)

    def run(self, job: Job) -> None:
        """Run on all cores, and on each cluster of a phone's cores."""
        assert self._runner is not None, "put comes first"
        self._before = condition(self._call(CONDITION))
        masks = {"all": 0}
        if self.kind == "android":
            masks |= clusters(self._call(CLUSTERS))
        self._found = []
        for name, mask in masks.items():
            command = self._runner.command(self._program, self._job, job, mask)
            done = self._shell.call(watched(command), seconds=job.plan.seconds + 30)
            if done.status and name != "all":
                continue  # a core that is switched off
            if done.status:
                raise self._failed(done, job.plan.seconds)
            times = self._call(f"cat {quote(self._job)}/times")
            self._found.append((name, Finished(0, times.output, done.output.decode(errors="replace"))))

    def _failed(self, done: Finished, seconds: float) -> EnvironmentProblem:
        said = done.said.strip().splitlines()
        if done.status in (OUT_OF_TIME, KILLED):
            killed = "it ran on, and was stopped" if done.status == OUT_OF_TIME else "it was killed"
            return EnvironmentProblem(
                f"device '{self.name}': the run must end within {seconds:g} s. Found: {killed}.",
                hint="give it more --seconds or fewer --runs, or see whether the device ran out of memory.",
            )
        hint = "the program was built for another processor." if done.status == 126 else "see what the device says."
        found = said[-1] if said else f"exit status {done.status}"
        return EnvironmentProblem(f"device '{self.name}': the run must succeed. Found: {found}", hint=hint)

    def read(self, job: Job) -> Outcome:
        """Take the outputs and remove the job."""
        outputs = self._call(f"cat {quote(self._job)}/output", seconds=300).output
        forget(self._shell, self._job)
        self._job = ""
        said = Finished(0, self._found[0][1].said.encode(), "").lines
        assert self._runner is not None, "put comes first"
        measures: dict[str, Any] = {}
        if "rss_kib" in said:
            measures["rss_bytes"] = 1024 * int(said["rss_kib"])
        measures |= condition(self._call(CONDITION))
        if "temperature_c" in self._before:
            measures["temperature_before_c"] = self._before["temperature_c"]
        if "cold_start_ns" in said:
            measures["cold_start_us"] = int(said["cold_start_ns"]) / 1000
        measures |= self._runner.measures(self._found[0][1].said)
        times = {name: np.frombuffer(each.output, "<i8") for name, each in self._found}
        latencies: dict[str, Seconds] = {name: each / 1e9 for name, each in times.items() if each.size}
        return Outcome(outputs, said["runtime"], latencies, measures)

    def install(self, job: Job, service: Service) -> Installed:
        """Make a service of what `put` has brought.

        Raises:
            InputError: the model has more than one input.
            EnvironmentProblem: the device, its systemd or its link fails; then nothing of the service is left.
        """
        content = job.artifact.content
        folder = f"{self._root}/services/{service.name}"
        if isinstance(content, TfliteFile):
            assert self._python is not None, "put comes first"
            scripts = ("run_litert.py", "serve_litert.py")
            files = {name: program_text(name).encode() for name in scripts}
            files |= {"model.tflite": content.content, "model.json": description_text(job.artifact).encode()}
            words = [f"{folder}/model.tflite", f"{folder}/model.json"]
            command = self._python.command(f"{folder}/serve_litert.py", words)
        else:
            source = serving_source(job.artifact)
            files = {"serve_model": compile_static(content, source, self.describe().architecture, self.name)}
            command = quote(f"{folder}/serve_model")
        files |= files_of(service, command)
        if not is_whole(self._shell, folder, files):
            halt(self._shell, service.name)
        copied = place(self._shell, folder, files, frozenset({"serve", "listen", "serve_model"}))
        stays = start(self._shell, self._root, service, anew=copied > 0)
        return Installed(service, copied, stays)

    def remove(self, name: str) -> bool:
        """Remove a service; returns whether it was there.

        Raises:
            EnvironmentProblem: the device or its link fails.
        """
        self.describe()
        return stop(self._shell, self._root, name)

    def close(self) -> None:
        """Remove the job, and programs where they are not to stay."""
        for folder in filter(None, (self._job, "" if self._keep else self._root)):
            forget(self._shell, folder)
        self._shell.close()

    def _call(self, script: str, *, seconds: float = 60.0) -> Finished:
        return call(self._shell, script, seconds=seconds)
